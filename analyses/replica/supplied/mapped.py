"""A reader's table put into the study's words, by a mapping file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.dictionary import columns
from replica.errors import ProtocolError, one_of
from replica.protocol import Study
from replica.supplied.mapping import DataMap, Span
from replica.supplied.problems import Problem, RawTable, as_text, iso_day
from replica.supplied.spelling import nearest

DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
"""Days in a unit of time: the one divisor for durations of a study."""

_NOT_COMPUTED = "0"


def days_in(unit: str, where: str) -> float:
    """Return the days in a unit of time.

    Raises
    ------
    ProtocolError
        If there is no such unit.
    """
    if unit not in DAYS:
        raise ProtocolError(f"{where}, unit: {one_of(unit, DAYS)}")
    return DAYS[unit]


def apply_map(
    study: Study, raw: pd.DataFrame, by: DataMap
) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """Rename, recode and compute what a mapping says, and say what it asks for in vain.

    Parameters
    ----------
    study
        Its dictionary names the columns, its outcomes give the unit of a duration.
    raw
        Cells as text, from `read_table`.
    by
        From `read_map`.

    Returns
    -------
    tuple
        The table in the dictionary's names and codes, other columns untouched, with the same
        index; and the problems. A table with problems is not to be analysed: where a duration
        could not be computed it holds a place-holder.

    Notes
    -----
    A duration is the number of days between the two dates divided by the days in the study's
    unit: 30.4375 in a month, 365.25 in a year.
    """
    table = as_text(raw).set_axis([str(name).strip() for name in raw.columns], axis="columns")
    problems = list(_unknown(table, by))
    table = table.replace(list(by.missing), "") if by.missing else table
    table, twice = _renamed(table, by)
    problems += twice
    for column in columns(study):
        if column.name in by.levels and column.name in table:
            codes = by.levels[column.name]
            table[column.name] = [codes.get(cell, cell) for cell in table[column.name]]
        if column.type == "date" and by.date_format and column.name in table:
            table[column.name] = _iso(table[column.name], by.date_format)
    units = {outcome.duration: outcome.unit for outcome in study.outcomes}
    for name, span in by.durations.items():
        found = {its: _source(table, by, its) for its in (span.start, span.end)}
        if not all(column in table for column in found.values()):
            continue
        dated = pd.DataFrame(
            {its: _iso(table[column], by.date_format) for its, column in found.items()}
        ).set_axis(table.index, axis="index")
        days, wrong = _days_between(name, dated, span)
        problems += wrong
        per_unit = days_in(units.get(name, "days"), name)
        table[name] = [
            _NOT_COMPUTED if np.isnan(value) else f"{value / per_unit:.12g}" for value in days
        ]
    return table, tuple(problems)


def _unknown(table: pd.DataFrame, by: DataMap) -> Iterator[Problem]:
    """Columns that the mapping names and the file does not have."""
    asked = [(name, its, "columns") for name, its in by.columns.items()]
    asked += [
        (name, its, "durations")
        for name, span in by.durations.items()
        for its in (span.start, span.end)
    ]
    for name, its, part in asked:
        if its in table:
            continue
        near = nearest(its, [str(column) for column in table.columns])
        yield Problem(
            name,
            f"the mapping's column {its!r} is not in the file",
            "no such column",
            "a column of your file",
            (),
            f"Did you mean {near!r}?" if near else f"Correct it under [{part}].",
        )


def _renamed(table: pd.DataFrame, by: DataMap) -> tuple[pd.DataFrame, list[Problem]]:
    names = {its: name for name, its in by.columns.items() if its in table and its != name}
    twice = [
        Problem(
            name,
            "named by the mapping and by the file",
            f"the columns {its!r} and {name!r}",
            "one of them",
            (),
            "Leave the mapping's line out, or remove the other column.",
        )
        for its, name in names.items()
        if name in table and name not in names
    ]
    return table.rename(columns=names), twice


def _source(table: pd.DataFrame, by: DataMap, its: str) -> str:
    """Where a column of the file stands after renaming."""
    renamed = {theirs: name for name, theirs in by.columns.items() if theirs != name}
    return renamed.get(its, its) if its not in table else its


def _iso(cells: pd.Series[str], written: str) -> list[str]:
    """Rewrite dates as year-month-day; what is not written so stays as it is."""
    if not written:
        return list(cells)
    return [_day(cell, written) for cell in cells]


def _day(cell: str, written: str) -> str:
    try:
        return datetime.strptime(cell, written).date().isoformat()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return cell


def _days_between(
    name: str, dated: pd.DataFrame, span: Span
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Days from one column of dates to another, NaN where there is a problem."""
    table = RawTable(
        dated.reset_index(drop=True),
        np.asarray(dated.index, dtype=np.int64) + 2,
        frozenset(),
        frozenset({span.start, span.end}),
    )
    problems: list[Problem] = []
    for its in (span.start, span.end):
        cells = table.cells[its]
        blank = (cells == "").to_numpy()
        known = np.array([iso_day(cell) is not None for cell in cells], dtype=np.bool_)
        what = f"no date in {its!r}"
        problems += table.report(
            its, what, blank, "a date for every patient", f"{name} is computed from it."
        )
        problems += table.report(
            its,
            what,
            ~blank & ~known,
            "dates as year-month-day, such as 2021-03-31",
            "Write the days so, or say in the mapping file how they are written: "
            'date_format = "%d.%m.%Y".',
        )
    start, end = (table.dates(its) for its in (span.start, span.end))
    days = (end - start).dt.days.to_numpy(dtype=np.float64)
    backwards = np.nan_to_num(days, nan=0.0) < 0
    problems += table.report(
        span.end,
        f"before {span.start!r}",
        backwards,
        f"a day no earlier than {span.start!r}",
        f"{name} would be negative: correct one of the two dates.",
        found="an earlier day",
    )
    return np.where(backwards, np.nan, days), problems


def written_as(cells: pd.Series[str]) -> str:
    """Guess how all these cells write dates; empty if no way or more than one fits."""
    given = [cell for cell in cells if cell]
    fitting = [
        written for written in _WAYS if given and all(_day(cell, written) != cell for cell in given)
    ]
    return fitting[0] if len(fitting) == 1 else ""


_WAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%Y%m%d", "%d%b%Y", "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%d.%m.%y"),
)
