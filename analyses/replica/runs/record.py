"""What is written down about a run: versions, data, code and times, but no folder's name."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from replica.errors import NotebookError
from replica.runs.folder import file_hash

_PACKAGES = (
    "replica",
    "numpy",
    "pandas",
    "scipy",
    "numba",
    "statsmodels",
    "lifelines",
    "matplotlib",
    "papermill",
)


def versions() -> dict[str, str]:
    """Python, the system and the packages that numbers and figures come from."""
    of_packages = {name: version(name) for name in _PACKAGES}
    system = f"{platform.system()} {platform.machine()}"
    return {"python": platform.python_version(), "system": system, **of_packages}


def data_record(path: Path) -> dict[str, Any]:
    """Name, size and SHA-256 of a supplied file, or of each file of a folder; no path.

    Raises
    ------
    NotebookError
        If there is no such file or folder.
    """
    if path.is_file():
        return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}
    if not path.is_dir():
        raise NotebookError(f"no file or folder {path}; give the path of your patients.")
    inside = sorted(found for found in path.rglob("*") if found.is_file())
    files = {found.relative_to(path).as_posix(): file_hash(found) for found in inside}
    whole = sha256("".join(f"{digest}  {name}\n" for name, digest in files.items()).encode())
    size = sum(found.stat().st_size for found in inside)
    return {"name": path.name, "bytes": size, "sha256": whole.hexdigest(), "files": files}


def git_state(root: Path) -> dict[str, Any] | None:
    """Commit of the repository and whether its files are as committed; None without git."""
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=normal")
    if commit is None or changes is None:
        return None
    return {"commit": commit, "clean": not changes}


def _git(root: Path, *arguments: str) -> str | None:
    # Only the repository's own git counts, not one of a folder above it
    if not (root / ".git").exists():
        return None
    try:
        ran = subprocess.run(  # noqa: S603 - our own command, no shell
            ["git", "-C", str(root), *arguments],  # noqa: S607 - git is looked for on the PATH
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout.strip()


def timings(ids: Sequence[str], kinds: Sequence[str], starts: Sequence[float]) -> dict[str, Any]:
    """Seconds of the whole run and of each code cell, in their order.

    Parameters
    ----------
    ids, kinds
        Id and type of every cell.
    starts
        When each cell that was reached began, and when the run ended.
    """
    lasted = [after - before for before, after in pairwise(starts)]
    cells = [
        {"cell": number, "id": name, "seconds": round(seconds, 3)}
        for number, (name, kind, seconds) in enumerate(
            zip(ids, kinds, lasted, strict=False), start=1
        )
        if kind == "code"
    ]
    whole = starts[-1] - starts[0] if starts else 0.0
    return {"seconds": round(whole, 3), "cells": cells}
