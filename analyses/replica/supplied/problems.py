"""What is wrong with a raw table, said in words that quote no id and no date of a patient."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.dictionary import PATIENT_ID, Column

ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_MONTHS = r"jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]"
_LIKE_A_DATE = re.compile(
    rf"[0-9]{{1,4}}([./-])[0-9]{{1,2}}\1[0-9]{{1,4}}([ T].*)?|(?=.*({_MONTHS}))(?=.*[0-9]{{2}}).*",
    re.IGNORECASE,
)
_ROWS_SHOWN = 5
_VALUES_SHOWN = 3
_CELL_SHOWN = 40


@dataclass(frozen=True)
class Problem:
    """One thing to correct: where, what it is, what was found, what is allowed and what to do.

    `rows` are the first few rows of the file concerned, `count` how many there are in all. In text
    files and spreadsheets the header is row 1; in Parquet and Stata files the first patient is.
    `given` and `meant` are a name or code found and the one it most likely stands for, if there is
    a guess. `str()` gives the whole as one line.
    """

    column: str
    what: str
    found: str
    allowed: str
    rows: tuple[int, ...]
    hint: str = ""
    count: int = 0
    given: str = ""
    meant: str = ""

    def __str__(self) -> str:
        """Say the problem in one line."""
        where = f" ({noun(self.rows)} {self.where})" if self.rows else ""
        subject = f"{self.column}: " if self.column else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{subject}{self.what}{where}; found {self.found}; allowed: {self.allowed}.{hint}"

    @property
    def where(self) -> str:
        """The first rows and how many more there are, in words."""
        more = f" and {self.count - len(self.rows)} more" if self.count > len(self.rows) else ""
        return f"{', '.join(map(str, self.rows))}{more}"


def noun(rows: tuple[int, ...]) -> str:
    """Return `row` or `rows`."""
    return "rows" if len(rows) > 1 else "row"


@dataclass(frozen=True)
class RawTable:
    """A table as text, with the file's row of each, and what no message may quote.

    `secret` are texts that single out a patient wherever they stand: ids, and what other columns
    of the file hold that differs from patient to patient (names, record numbers, dates of birth).
    `identifying` are the columns of ids and of dates.
    """

    cells: pd.DataFrame
    rows: NDArray[np.int64]
    secret: frozenset[str]
    identifying: frozenset[str]

    @classmethod
    def of(cls, raw: pd.DataFrame, described: Iterable[Column] = ()) -> RawTable:
        """Take a frame as text; a whole-number index label i is row i + 2 of the file."""
        named = [str(name).strip() for name in raw.columns]
        cells = as_text(raw).set_axis(named, axis="columns")
        cells = cells.loc[:, ~cells.columns.duplicated()].reset_index(drop=True)
        labels = np.asarray(raw.index)
        if not np.issubdtype(labels.dtype, np.integer):
            labels = np.arange(len(raw))
        known = {column.name: column for column in described}
        identifying = {PATIENT_ID, *(c.name for c in known.values() if c.type == "date")}
        secret: set[str] = set(cells[PATIENT_ID]) if PATIENT_ID in cells else set()
        for name in cells.columns:
            if known and name not in known:
                secret |= _singling_out(cells[name])
        return cls(
            cells, labels.astype(np.int64) + 2, frozenset(secret - {""}), frozenset(identifying)
        )

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Read a column's cells as numbers in plain digits; NaN where they are none."""
        return np.array([_number(cell) for cell in self.cells[column]], dtype=np.float64)

    def dates(self, column: str) -> pd.Series[pd.Timestamp]:
        """Read a column's cells as days written year-month-day; NaT where they are none."""
        return pd.Series([iso_day(cell) for cell in self.cells[column]], dtype="datetime64[ns]")

    def report(
        self,
        column: str,
        what: str,
        bad: NDArray[np.bool_],
        allowed: str,
        hint: str = "",
        *,
        found: str = "",
        meant: str = "",
    ) -> Iterator[Problem]:
        """Yield one problem for the rows marked bad; none if there is no such row."""
        if not bad.any():
            return
        values = list(dict.fromkeys(self.cells[column].to_numpy()[bad]))
        shown = list(dict.fromkeys(self.quoted(column, value) for value in values))
        if not found:
            found = ", ".join(shown[:_VALUES_SHOWN])
            found += ", ..." if len(shown) > _VALUES_SHOWN else ""
        rows = tuple(int(row) for row in self.rows[bad][:_ROWS_SHOWN])
        given = values[0] if meant and repr(values[0]) == shown[0] else ""
        yield Problem(
            column, what, found, allowed, rows, hint, int(bad.sum()), given, meant if given else ""
        )

    def quoted(self, column: str, value: str) -> str:
        """Quote a cell, unless it tells who a patient is; of a date only its shape is shown."""
        if not value:
            return "an empty cell"
        if column == PATIENT_ID:
            return "ids not shown"
        # In a shifted row an id stands in another column.
        if value in self.secret:
            return "a patient's id (not shown)"
        if column in self.identifying or _LIKE_A_DATE.fullmatch(value):
            return f"text like {shape(value)!r} (not shown)"
        return repr(value if len(value) <= _CELL_SHOWN else f"{value[:_CELL_SHOWN]}...")


def shape(value: str) -> str:
    """Say how a text is written without saying what: every digit 9, every letter a or A."""
    letters = re.sub(r"[^\W\d_]", lambda at: "A" if at.group().isupper() else "a", value)
    return re.sub(r"\d", "9", letters)[:_CELL_SHOWN]


def iso_day(cell: str) -> pd.Timestamp | None:
    """Read a day written year-month-day; None if the cell holds no such day."""
    if not re.fullmatch(ISO_DATE, cell):
        return None
    try:
        return pd.Timestamp(date.fromisoformat(cell)).as_unit("ns")
    except ValueError:
        return None


def as_text(raw: pd.DataFrame) -> pd.DataFrame:
    """Turn every cell into text: blanks empty, whole numbers without a point, days as ISO dates."""
    columns = {
        # A float column of single precision keeps its own digits: 4.13, not 4.130000114.
        i: [_text(cell) for cell in raw.iloc[:, i].to_numpy()]
        for i in range(raw.shape[1])
    }
    return pd.DataFrame(columns, index=raw.index, dtype=object).set_axis(raw.columns, axis=1)


def _singling_out(cells: pd.Series[str]) -> set[str]:
    """What a column not asked for says of single patients: mostly different texts or numbers."""
    filled = cells[cells != ""]
    if not len(filled) or filled.nunique() < max(3, len(filled) / 2):
        return set()
    return {
        value
        for value in filled
        if len(value) > 2
        and (any(c.isalpha() for c in value) or len(value) > 5 or _LIKE_A_DATE.fullmatch(value))
    }


def _number(cell: str) -> float:
    return float(cell) if _NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell) else math.nan


def _text(cell: object) -> str:
    if cell is None or cell is pd.NaT or cell is pd.NA or cell != cell:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(cell, np.datetime64):
        cell = pd.Timestamp(cell)
    if isinstance(cell, datetime):
        midnight = cell.time() == datetime.min.time()
        return cell.date().isoformat() if midnight else cell.isoformat(sep=" ")
    if isinstance(cell, float | np.floating) and math.isfinite(cell) and cell == int(cell):
        return str(int(cell))
    return str(cell).strip()
