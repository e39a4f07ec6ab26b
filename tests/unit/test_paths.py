"""Files are found from the repository, not from the working directory."""

from __future__ import annotations

import pytest

import replica
from replica import paths
from replica.errors import ParameterError


def test_repository_holds_the_package(tmp_path, monkeypatch):
    """From any working directory, the repository is the folder with pyproject.toml."""
    monkeypatch.delenv("REPLICA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert (paths.repository() / "pyproject.toml").is_file()
    assert (paths.repository() / "analyses").is_dir()


def test_home_variable_comes_first(tmp_path, monkeypatch):
    """REPLICA_HOME names another repository, and every path follows it."""
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    home = tmp_path.resolve()
    assert paths.published_path("toy") == home / "data" / "published" / "toy.csv"
    assert paths.claims_path("toy") == home / "data" / "claims" / "toy.csv"
    assert paths.synthetic_path("toy") == home / "data" / "synthetic" / "toy.csv"
    assert paths.dictionary_path("toy") == home / "data" / "dictionary" / "toy.csv"
    assert paths.notebook_path("toy") == home / "analyses" / "toy.ipynb"
    assert paths.build_path() == home / "build"


def test_home_that_is_no_folder_is_refused(tmp_path, monkeypatch):
    """A wrong REPLICA_HOME is an error, not a silent fall-back."""
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path / "absent"))
    with pytest.raises(ParameterError, match=r"which is no folder.*unset it"):
        paths.repository()


def test_package_outside_a_repository_says_what_to_set(tmp_path, monkeypatch):
    """A package installed elsewhere asks for REPLICA_HOME."""
    monkeypatch.delenv("REPLICA_HOME", raising=False)
    monkeypatch.setattr(replica, "__file__", str(tmp_path / "replica" / "__init__.py"))
    with pytest.raises(ParameterError, match="Set the environment variable REPLICA_HOME"):
        paths.repository()
