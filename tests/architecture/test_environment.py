"""The lock, the conda environment and the project's metadata say the same."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from replica.paths import repository

ROOT = repository()
PYTHONS = ("3.11.7", "3.12.1", "3.13.0")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def project():
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared():
    """List everything that pyproject.toml asks for: to run, to develop and to build."""
    read = project()
    extra = [r for group in read["project"]["optional-dependencies"].values() for r in group]
    wanted = [*read["project"]["dependencies"], *extra, *read["build-system"]["requires"]]
    return [Requirement(text) for text in wanted]


def lock_blocks():
    """Split the lock into requirements with their hashes."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith(" "):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def locked():
    """List the locked requirements by name."""
    found = defaultdict(list)
    for first, *_ in lock_blocks():
        requirement = Requirement(first.removesuffix("\\").strip())
        found[canonicalize_name(requirement.name)].append(requirement)
    return found


def version(requirement):
    """Return the one version that a locked requirement allows."""
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    return Version(pin.version)


def test_every_locked_requirement_is_pinned_with_hashes():
    """One exact version, at least one SHA-256, nothing else."""
    blocks = lock_blocks()
    assert len(blocks) > 100
    for first, *hashes in blocks:
        assert first.endswith(" \\"), first
        assert version(Requirement(first.removesuffix("\\").strip())), first
        assert hashes, first
        assert all(HASH.fullmatch(line) for line in hashes), first


def test_the_lock_names_no_address():
    """No index, link or host: the same lock installs from wherever the reader's pip looks."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(
        r"^\s*(-i|--index|--extra-index|--find-links|-f|--trusted)", text, re.MULTILINE
    )
    assert not [r for found in locked().values() for r in found if r.url]


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_the_lock_holds_what_the_project_asks_for(requirement):
    """Each requirement is locked within its bounds."""
    found = locked()[canonicalize_name(requirement.name)]
    assert found
    assert all(requirement.specifier.contains(version(pinned)) for pinned in found)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_serves_every_python(python):
    """Exactly one version of each requirement applies to each supported Python."""
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    found = locked()
    for requirement in declared():
        applying = [
            pinned
            for pinned in found[canonicalize_name(requirement.name)]
            if pinned.marker is None or pinned.marker.evaluate(environment)
        ]
        assert len(applying) == 1, requirement.name


def conda():
    """Read environment.yml: conda's requirements, and pip's."""
    read = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in read["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in read["dependencies"] if isinstance(entry, dict)]
    return read, plain, pip


def test_the_conda_environment_has_the_same_requirements():
    """Names and bounds are those of pyproject.toml, beside Python, pip and the package."""
    _, plain, pip = conda()
    others = [entry for entry in plain if not entry.startswith("python=") and entry != "pip"]
    others += [entry for entry in pip if entry != "-e ."]
    assert sorted(others) == sorted(project()["project"]["dependencies"])


def test_the_conda_environment_has_a_supported_python():
    """One version is named, as Binder needs it, and the project supports it."""
    _, plain, _ = conda()
    (python,) = [entry.removeprefix("python=") for entry in plain if entry.startswith("python=")]
    supported = Requirement(f"python{project()['project']['requires-python']}").specifier
    assert supported.contains(python)
    assert all(supported.contains(version) for version in PYTHONS)


def test_the_conda_environment_installs_the_package_itself():
    """Pip adds the package from this folder, where notebooks find the repository's data."""
    read, _, pip = conda()
    assert read["channels"] == ["conda-forge"]
    assert pip[-1] == "-e ."


def test_versions_agree():
    """The citation and the changelog name the project's version."""
    number = project()["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == number
    assert f"\n## [{number}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_hooks_are_local():
    """pre-commit fetches nothing: its hooks are the commands of the Makefile."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    assert [hook["entry"] for hook in hooks["repos"][0]["hooks"]] == ["make lint", "make types"]
