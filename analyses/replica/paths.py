"""Where the repository keeps its files, wherever the working directory is."""

from __future__ import annotations

import os
from pathlib import Path

import replica
from replica.errors import ParameterError


def repository() -> Path:
    """Return the folder that holds `pyproject.toml`, `analyses` and `data`.

    The environment variable REPLICA_HOME names it; without it, it is looked for from the
    installed package's own folder upward.

    Raises
    ------
    ParameterError
        If REPLICA_HOME is no folder, or no folder above the package is the repository.
    """
    home = os.environ.get("REPLICA_HOME")
    if home:
        if not Path(home).is_dir():
            raise ParameterError(
                f"REPLICA_HOME: found {home!r}, which is no folder; allowed: the repository's "
                "folder. Correct the variable, or unset it to use the installed package's own."
            )
        return Path(home).resolve()
    package = Path(replica.__file__).resolve().parent
    for folder in package.parents:
        if (folder / "pyproject.toml").is_file() and (folder / "analyses").is_dir():
            return folder
    raise ParameterError(
        f"no repository found above {package}: none of its folders holds pyproject.toml and "
        "analyses. Set the environment variable REPLICA_HOME to the repository's folder."
    )


def published_path(study_key: str) -> Path:
    """Return the path of a study's printed numbers."""
    return repository() / "data" / "published" / f"{study_key}.csv"


def claims_path(study_key: str) -> Path:
    """Return the path of what a paper says in words about its numbers."""
    return repository() / "data" / "claims" / f"{study_key}.csv"


def conflicts_path(study_key: str) -> Path:
    """Return the path of the printed rows that cannot hold together, where they are listed."""
    return repository() / "data" / "conflicts" / f"{study_key}.csv"


def summary_path(study_key: str) -> Path:
    """Return the path of a study's summary in plain language."""
    return repository() / "data" / "summary" / f"{study_key}.csv"


def review_path(name: str) -> Path:
    """Return the path of a table of the reviewer's kit."""
    return repository() / "data" / "review" / f"{name}.csv"


def synthetic_path(study_key: str) -> Path:
    """Return the path of a study's synthetic cohort."""
    return repository() / "data" / "synthetic" / f"{study_key}.csv"


def dictionary_path(study_key: str) -> Path:
    """Return the path of the list of columns that a study's cohort must have."""
    return repository() / "data" / "dictionary" / f"{study_key}.csv"


def known_answers_path(name: str) -> Path:
    """Return the path of a table that tests and the page of referees hold estimates against."""
    return repository() / "tests" / "known_answers" / "data" / f"{name}.csv"


def notebook_path(study_key: str) -> Path:
    """Return the path of a study's notebook."""
    return repository() / "analyses" / f"{study_key}.ipynb"


def build_path() -> Path:
    """Return the folder of everything generated, which need not exist yet."""
    return repository() / "build"
