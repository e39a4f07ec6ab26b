"""Everything that keeps a raw table from being a cohort of its study, found in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.dictionary import ARM, START_HERE, Column, columns
from replica.errors import ProtocolError, one_of
from replica.problems import ISO_DATE, Problem, RawTable, nearest
from replica.protocol import Outcome, Study

_DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
_EVENT_HINT = "Write 1 for the event and 0 for censored."


def check(study: Study, raw: pd.DataFrame) -> tuple[Problem, ...]:
    """Find everything that keeps a raw table from being a cohort of this study, in one pass.

    Parameters
    ----------
    study
        The study whose dictionary the patients must fit.
    raw
        Cells as text, from `read_table`; other cells are read as the text they print as.

    Returns
    -------
    tuple of Problem
        Empty if the table fits. No problem quotes a patient's id: rows are named by their line.
    """
    table = RawTable.of(raw)
    described = columns(study)
    problems = list(_header_problems(described, raw))
    if table.cells.empty:
        problems.append(
            Problem("", "no patients", "0 rows", "at least 1 in each arm", (), START_HERE)
        )
        return tuple(problems)
    for column in described:
        if column.name in table.cells:
            problems.extend(_column_problems(column, table))
    problems.extend(_arm_problems(table))
    problems.extend(_time_problems(study, table))
    return tuple(problems)


def _header_problems(described: tuple[Column, ...], raw: pd.DataFrame) -> Iterator[Problem]:
    found = [str(name).strip() for name in raw.columns]
    names = [column.name for column in described]
    if not set(found) & set(names):
        # Not quoted: without a header, the first line is a patient.
        yield Problem(
            "",
            "line 1 names none of the columns",
            f"{len(found)} other names",
            ", ".join(names),
            (1,),
            "Line 1 must be the header; separate cells by commas in .csv and by tabs in .tsv.",
        )
        return
    others = [name for name in dict.fromkeys(found) if name not in names]
    for column in described:
        if column.name not in found:
            hint = nearest(column.name, others, "Rename the column {!r}?")
            yield Problem(
                column.name, "missing column", "none of this name", column.allowed, (1,), hint
            )
        elif found.count(column.name) > 1:
            times = f"{found.count(column.name)} columns"
            hint = "Keep one; the first was checked."
            yield Problem(column.name, "column named twice", times, "1", (1,), hint)


def _column_problems(column: Column, table: RawTable) -> Iterator[Problem]:
    cells = table.cells[column.name]
    blank = (cells == "").to_numpy()
    if column.in_both_arms or ARM not in table.cells:
        wanted = np.full(len(cells), column.in_both_arms)
        unwanted = np.zeros(len(cells), dtype=np.bool_)
    else:
        wanted = table.cells[ARM].isin(column.arms).to_numpy()
        known = table.cells[ARM].isin(["treated", "control"]).to_numpy()
        unwanted = known & ~wanted & ~blank
    hint = "Every patient needs a value." if column.in_both_arms else ""
    yield from table.report(column.name, "blank", wanted & blank, column.allowed, hint)
    yield from table.report(
        column.name,
        "filled in for an arm in which it does not exist",
        unwanted,
        f"blank unless {column.arms[0]}",
        "Empty these cells.",
    )
    present = ~blank & ~unwanted
    match column.type:
        case "identifier":
            yield from _duplicates(column, table, present)
        case "category":
            yield from _unknown_levels(column, table, present)
        case "event":
            numbers = table.numbers(column.name)
            bad = present & ~np.isin(numbers, [0.0, 1.0])
            yield from table.report(column.name, "not 0 or 1", bad, column.allowed, _EVENT_HINT)
        case "date":
            yield from _impossible_dates(column, table, present)
        case "number" | "whole number":
            yield from _impossible_numbers(column, table, present)


def _duplicates(column: Column, table: RawTable, present: NDArray[np.bool_]) -> Iterator[Problem]:
    twice = present & table.cells[column.name].duplicated(keep=False).to_numpy()
    hint = "One row per patient; give each its own id."
    yield from table.report(column.name, "the same id in several rows", twice, "unique text", hint)


def _unknown_levels(
    column: Column, table: RawTable, present: NDArray[np.bool_]
) -> Iterator[Problem]:
    cells = table.cells[column.name]
    by_label = {level.label.casefold(): level.key for level in column.levels}
    for found in dict.fromkeys(cells[present & ~cells.isin(column.level_keys).to_numpy()]):
        meant = by_label.get(found.casefold())
        question = "Did you mean {!r}?"
        hint = question.format(meant) if meant else nearest(found, column.level_keys, question)
        bad = present & (cells == found).to_numpy()
        yield from table.report(column.name, "unknown level", bad, column.allowed, hint)


def _impossible_numbers(
    column: Column, table: RawTable, present: NDArray[np.bool_]
) -> Iterator[Problem]:
    cells = table.cells[column.name]
    numbers = table.numbers(column.name)
    infinite = present & np.isinf(numbers)
    text = present & np.isnan(numbers)
    finite = present & np.isfinite(numbers)
    fraction = finite & (numbers != np.floor(numbers)) & (column.type == "whole number")
    low = finite & (numbers < (-math.inf if column.minimum is None else column.minimum))
    high = finite & (numbers > (math.inf if column.maximum is None else column.maximum))
    comma = cells[text].str.contains(",", regex=False).any()
    hint = "Write decimals with a point." if comma else "Write a bare number, without its unit."
    unit = f" {column.unit}" if column.unit else ""
    allowed = f"{column.allowed}{unit}"
    yield from table.report(column.name, "not a number", text, allowed, hint)
    yield from table.report(column.name, "infinite", infinite, allowed)
    yield from table.report(column.name, "not a whole number", fraction, allowed)
    below = "negative" if column.minimum == 0 else "below the range"
    check_unit = f"Check that the unit is {column.unit}." if column.unit else ""
    yield from table.report(column.name, below, low, allowed, check_unit)
    yield from table.report(column.name, "above the range", high, allowed, check_unit)


def _impossible_dates(
    column: Column, table: RawTable, present: NDArray[np.bool_]
) -> Iterator[Problem]:
    cells = table.cells[column.name]
    iso = cells.str.fullmatch(ISO_DATE).to_numpy(dtype=np.bool_)
    days = table.dates(column.name)
    exists = days.notna().to_numpy()
    outside = exists & ~days.between(*column.window).to_numpy()
    hint = "Write dates as year-month-day, such as 2021-03-31."
    yield from table.report(column.name, "not an ISO date", present & ~iso, column.allowed, hint)
    yield from table.report(
        column.name, "no such day", present & iso & ~exists, column.allowed, "Check month and day."
    )
    yield from table.report(
        column.name,
        "outside the enrolment window",
        present & outside,
        column.allowed,
        "Leave out patients who were not eligible.",
    )


def _arm_problems(table: RawTable) -> Iterator[Problem]:
    if ARM not in table.cells:
        return
    present = [arm for arm in ("treated", "control") if (table.cells[ARM] == arm).any()]
    if len(present) == 1:
        hint = "A comparison needs patients of both arms."
        yield Problem(ARM, "only one arm", f"only {present[0]}", "treated and control", (), hint)


def _time_problems(study: Study, table: RawTable) -> Iterator[Problem]:
    for outcome in study.outcomes:
        if outcome.duration not in table.cells:
            continue
        duration = _durations(table, outcome)
        yield from _past_cutoff(study, outcome, table, duration)
        if outcome.no_later_than:
            bound = study.outcome(outcome.no_later_than)
            if bound.duration in table.cells:
                later = duration * _days(outcome) > _durations(table, bound) * _days(bound) + 1e-9
                yield from table.report(
                    outcome.duration,
                    f"longer than {bound.duration}",
                    later,
                    f"at most {bound.duration}",
                    f"{outcome.short} ends no later than {bound.short}.",
                )


def _past_cutoff(
    study: Study, outcome: Outcome, table: RawTable, duration: NDArray[np.float64]
) -> Iterator[Problem]:
    calendar = study.calendar
    if calendar is None or calendar.start_column not in table.cells:
        return
    start = table.dates(calendar.start_column)
    room = (pd.Timestamp(calendar.data_cutoff) - start).dt.days.to_numpy(dtype=np.float64)
    # A day's grace: durations are printed with two decimals of a month.
    late = duration * _days(outcome) > room + 1
    yield from table.report(
        outcome.duration,
        "ends after the data cut-off",
        late,
        f"{calendar.start_column} + {outcome.duration} no later than {calendar.data_cutoff}",
        f"Check the date and that the unit is {outcome.unit}.",
    )


def _days(outcome: Outcome) -> float:
    if outcome.unit not in _DAYS:
        raise ProtocolError(f"{outcome.key}, unit: {one_of(outcome.unit, _DAYS)}")
    return _DAYS[outcome.unit]


def _durations(table: RawTable, outcome: Outcome) -> NDArray[np.float64]:
    numbers = table.numbers(outcome.duration)
    # An infinite or negative time is one problem, reported once.
    return np.where(np.isfinite(numbers) & (numbers >= 0), numbers, np.nan)
