"""Where a run may write, and text that no spreadsheet takes for a formula."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from replica.errors import ParameterError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
# What a spreadsheet takes for the beginning of a formula; a number with a sign is none.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBERS_ONLY = re.compile(r"[+-]?[\d.,\s()%eE≈≠–·-]*")  # noqa: RUF001 - an en dash between numbers


def output_path(folder: Path, name: str, suffix: str) -> Path:
    """Return where a run writes a file, making its folder if need be.

    Parameters
    ----------
    folder, name, suffix
        The folder of the run's results, and the file's name and ending; a name is a word of the
        package or of a protocol, never of the data.

    Raises
    ------
    ParameterError
        If the name is not made of lower-case letters, digits, `_` and `-`, or a link in the folder
        leads elsewhere.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"file name: found {name!r}; allowed: lower-case letters, digits, '_' and '-', such as "
            "'figure_1a'."
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{suffix}"
    if path.resolve().parent != folder.resolve():
        raise ParameterError(
            f"{path.name}: found a link that leads out of {folder}; allowed: files in this folder. "
            "Remove the link, or name another folder."
        )
    return path


def csv_text(frame: pd.DataFrame) -> str:
    """Write a table as CSV in which no cell and no heading is a formula.

    Text that a spreadsheet would run (it begins with =, +, -, @, a tab or a carriage return) gets
    an apostrophe in front; numbers, also written with a sign or as an interval, stay as they are.

    Notes
    -----
    OWASP, CSV Injection.
    """
    safe = frame.copy()
    for i, (_, cells) in enumerate(frame.items()):
        if not pd.api.types.is_numeric_dtype(cells):
            safe.isetitem(i, [neutral(cell) for cell in cells])
    safe.columns = pd.Index([neutral(name) for name in frame.columns])
    return str(safe.to_csv(index=False, lineterminator="\n"))


def neutral(cell: object) -> object:
    """Return a cell as it is, or with an apostrophe where it would be a formula.

    A carriage return, which would begin a new row, becomes a blank.
    """
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\r", " ")
    if not _FORMULA.match(cell) or _NUMBERS_ONLY.fullmatch(cell):
        return text
    return f"'{text}"
