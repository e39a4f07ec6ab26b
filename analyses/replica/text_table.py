"""Small tables that people write: known columns, every cell as text."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from replica.errors import PublishedTableError


def read_rows(path: Path, columns: Sequence[str]) -> tuple[dict[str, str], ...]:
    """Read a table whose columns are known, every cell as text.

    Raises
    ------
    PublishedTableError
        If the file is missing, its header differs or a line has another number of cells.
    """
    if not path.is_file():
        raise PublishedTableError(f"found no table at {path}; data/README.md says what it holds.")
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    if tuple(header) != tuple(columns):
        raise PublishedTableError(
            f"{path.name}: found the columns {', '.join(header)}; expected exactly "
            f"{', '.join(columns)}."
        )
    for number, line in enumerate(lines, start=2):
        if len(line) != len(columns):
            raise PublishedTableError(
                f"{path.name}, row {number}: found {len(line)} cells; expected {len(columns)}. Put "
                "a text that holds a comma between quotation marks."
            )
    return tuple(dict(zip(columns, line, strict=True)) for line in lines)
