"""What is wrong with a raw table, said in words that never quote a patient's id."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.dictionary import PATIENT_ID

ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_ROWS_SHOWN = 5
_VALUES_SHOWN = 3
_CELL_SHOWN = 40


@dataclass(frozen=True)
class Problem:
    """One thing to correct: where, what it is, what was found, what is allowed and what to do.

    `rows` are the first few lines of the file concerned (the header is line 1), `count` how many
    there are in all. `str()` gives the whole as one line.
    """

    column: str
    what: str
    found: str
    allowed: str
    rows: tuple[int, ...]
    hint: str = ""
    count: int = 0

    def __str__(self) -> str:
        """Say the problem in one line."""
        where = ""
        if self.rows:
            more = f" and {self.count - len(self.rows)} more" if self.count > len(self.rows) else ""
            noun = "lines" if len(self.rows) > 1 else "line"
            where = f" ({noun} {', '.join(map(str, self.rows))}{more})"
        subject = f"{self.column}: " if self.column else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{subject}{self.what}{where}; found {self.found}; allowed: {self.allowed}.{hint}"


@dataclass(frozen=True)
class RawTable:
    """A table as text, with the file line of each row and the ids that no message may quote."""

    cells: pd.DataFrame
    lines: NDArray[np.int64]
    ids: frozenset[str]

    @classmethod
    def of(cls, raw: pd.DataFrame) -> RawTable:
        """Take a frame as text; a whole-number index label i is line i + 2 of the file."""
        cells = raw.map(_text).set_axis([str(name).strip() for name in raw.columns], axis="columns")
        cells = cells.loc[:, ~cells.columns.duplicated()].reset_index(drop=True)
        labels = np.asarray(raw.index)
        if not np.issubdtype(labels.dtype, np.integer):
            labels = np.arange(len(raw))
        ids = frozenset(cells[PATIENT_ID]) - {""} if PATIENT_ID in cells else frozenset[str]()
        return cls(cells, labels.astype(np.int64) + 2, ids)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Read a column's cells as numbers in plain digits; NaN where they are none."""
        return np.array([_number(cell) for cell in self.cells[column]], dtype=np.float64)

    def dates(self, column: str) -> pd.Series[pd.Timestamp]:
        """Read a column's cells as days written year-month-day; NaT where they are none."""
        return pd.Series([_day(cell) for cell in self.cells[column]], dtype="datetime64[ns]")

    def report(
        self, column: str, what: str, bad: NDArray[np.bool_], allowed: str, hint: str = ""
    ) -> Iterator[Problem]:
        """Yield one problem for the rows marked bad; none if there is no such row."""
        if not bad.any():
            return
        values = list(dict.fromkeys(self.cells[column].to_numpy()[bad]))
        found = ", ".join(self._quoted(column, value) for value in values[:_VALUES_SHOWN])
        if column == PATIENT_ID:
            found = "ids not shown" if any(values) else "an empty cell"
        elif len(values) > _VALUES_SHOWN:
            found += ", ..."
        rows = tuple(int(line) for line in self.lines[bad][:_ROWS_SHOWN])
        yield Problem(column, what, found, allowed, rows, hint, int(bad.sum()))

    def _quoted(self, column: str, value: str) -> str:
        if not value:
            return "an empty cell"
        # In a shifted row an id stands in another column.
        if column == PATIENT_ID or value in self.ids:
            return "a patient's id (not shown)"
        return repr(value if len(value) <= _CELL_SHOWN else f"{value[:_CELL_SHOWN]}...")


def nearest(found: str, choices: Iterable[str], question: str) -> str:
    """Ask whether the choice nearest in spelling was meant; empty if none comes near."""

    def plain(text: str) -> str:
        return text.casefold().replace(" ", "_").replace("-", "_").replace(".", "_")

    spelled = {plain(choice): choice for choice in choices}
    match = difflib.get_close_matches(plain(found), spelled, n=1)
    return question.format(spelled[match[0]]) if match else ""


def _number(cell: str) -> float:
    return float(cell) if _NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell) else math.nan


def _day(cell: str) -> pd.Timestamp | None:
    if not re.fullmatch(ISO_DATE, cell):
        return None
    try:
        return pd.Timestamp(date.fromisoformat(cell)).as_unit("ns")
    except ValueError:
        return None


def _text(cell: object) -> str:
    if cell is None or cell is pd.NaT or cell is pd.NA or cell != cell:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(cell, pd.Timestamp) and cell == cell.normalize():
        return cell.date().isoformat()
    return str(cell).strip()
