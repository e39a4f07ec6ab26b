"""The folder of a run: a name that tells runs apart, and nobody's files lost or mixed.

A run writes into a folder that holds nothing, or nothing but what an earlier run wrote there:
`run.json` lists those files with their SHA-256, and only files that still have it are removed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replica.errors import NotebookError

RECORD = "run.json"
"""The file of a run's folder that says what the run was; it is written first and last."""

FORMAT = 1
_LONGEST = 80
_NAMED = 3


def folder_name(given: Mapping[str, object], data_hash: str | None) -> str:
    """Name a run's folder by what it was run with, so that another run goes elsewhere.

    Parameters
    ----------
    given
        The parameters that differ from the notebook's defaults.
    data_hash
        SHA-256 of the supplied patients; None for synthetic ones.
    """
    parts = ["synthetic" if data_hash is None else f"supplied-{data_hash[:8]}"]
    parts += [f"{name}-{value}" for name, value in given.items()]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts)).rstrip("-.")
    if readable == "-".join(parts) and len(readable) <= _LONGEST:
        return readable
    # Signs and cut ends could make two runs look alike: a short hash keeps them apart
    exact = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    return f"{readable[:_LONGEST]}-{exact}"


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_of(folder: Path) -> dict[str, str]:
    """Every file of a folder but the record, by its path from there, with its SHA-256."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    names = {path.relative_to(folder).as_posix(): path for path in found}
    return {
        name: "" if path.is_symlink() else file_hash(path)
        for name, path in names.items()
        if name != RECORD
    }


def read_record(folder: Path) -> dict[str, Any]:
    """Read a run's record.

    Raises
    ------
    NotebookError
        If the folder is missing or holds no record of a run.
    """
    path = folder / RECORD
    if not folder.is_dir():
        raise NotebookError(
            f"no folder {folder}; give the folder of a run, which `replica run` names at its end."
        )
    if not path.is_file():
        raise NotebookError(
            f"{folder} holds no {RECORD}, so it is no run's folder. Give one that `replica run` "
            "wrote, itself and not the folder above it."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    fits = isinstance(content, dict) and content.get("format") == FORMAT
    if not fits or not isinstance(content.get("files"), dict):
        raise NotebookError(
            f"{path} is no record of a run of this version of the package; run the study again."
        )
    record: dict[str, Any] = content
    return record


def write_record(folder: Path, record: Mapping[str, Any]) -> Path:
    """Write a run's record."""
    path = folder / RECORD
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def make_ready(folder: Path) -> bool:
    """Make the folder, or empty it of an earlier run; return whether there was one.

    Raises
    ------
    NotebookError
        If the folder holds anything that no run wrote, or that was changed since.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        return False
    found = files_of(folder)
    if not found and not (folder / RECORD).exists():
        return False
    if not (folder / RECORD).exists():
        _refuse(folder, found, "no run wrote")
    record = read_record(folder)
    if record.get("state") == "running":
        raise NotebookError(
            f"{folder} belongs to a run that has not ended. Wait for it; if it was killed, remove "
            "the folder, or name another with --out."
        )
    known: Mapping[str, str] = record["files"]
    _refuse(folder, [name for name in found if name not in known], "no run wrote")
    changed = [name for name, digest in found.items() if digest != known[name]]
    _refuse(folder, changed, "were changed since the run")
    for name in found:
        (folder / name).unlink()
    (folder / RECORD).unlink()
    return True


def _refuse(folder: Path, names: Mapping[str, str] | list[str], why: str) -> None:
    if not names:
        return
    listed = sorted(names)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    raise NotebookError(
        f"{folder} holds files that {why}: {', '.join(listed[:_NAMED])}{more}. Nothing was "
        "touched. Move them away, or name another folder with --out."
    )
