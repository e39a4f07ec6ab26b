"""Everything that keeps a raw table from being a cohort of its study, found in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.dictionary import ARM, START_HERE, Column, columns
from replica.protocol import Outcome, Study
from replica.supplied.mapped import apply_map, days_in, written_as
from replica.supplied.mapping import DataMap
from replica.supplied.problems import ISO_DATE, Problem, RawTable
from replica.supplied.spelling import meaning_hint, meant_level, nearest

_EVENT_HINT = "Write 1 for the event and 0 for censored."


def check(study: Study, raw: pd.DataFrame, by: DataMap | None = None) -> tuple[Problem, ...]:
    """Find everything that keeps a raw table from being a cohort of this study, in one pass.

    Parameters
    ----------
    study
        The study whose dictionary the patients must fit.
    raw
        Cells as text, from `read_table`; other cells are read as the text they print as.
    by
        What the file calls and codes otherwise, from `read_map`.

    Returns
    -------
    tuple of Problem
        Empty if the table fits. No problem quotes an id or a date of a patient: they are named by
        their row.
    """
    raw, asked = (raw, ()) if by is None else apply_map(study, raw, by)
    described = columns(study)
    table = RawTable.of(raw, described)
    problems = [*asked, *_header_problems(described, raw)]
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
            "row 1 names none of the columns",
            f"{len(found)} other names",
            ", ".join(names),
            (1,),
            "Row 1 must be the header; separate cells by commas in .csv and by tabs in .tsv.",
        )
        return
    others = [name for name in dict.fromkeys(found) if name not in names]
    for column in described:
        if column.name not in found:
            near = nearest(column.name, others)
            yield Problem(
                column.name,
                "missing column",
                "none of this name",
                column.allowed,
                (1,),
                f"Rename the column {near!r}?" if near else _no_column(column),
                given=near,
                meant=column.name if near else "",
            )
        elif found.count(column.name) > 1:
            times = f"{found.count(column.name)} columns"
            hint = "Keep one; the first was checked."
            yield Problem(column.name, "column named twice", times, "1", (1,), hint)


def _no_column(column: Column) -> str:
    if column.type == "number" and column.unit:
        return "Add it, or name in a mapping file the two dates that it is computed from."
    return "Add it, or name in a mapping file the column that holds it."


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
            yield from _not_events(column, table, present)
        case "date":
            yield from _impossible_dates(column, table, present)
        case "number" | "whole number":
            yield from _impossible_numbers(column, table, present)


def _duplicates(column: Column, table: RawTable, present: NDArray[np.bool_]) -> Iterator[Problem]:
    twice = present & table.cells[column.name].duplicated(keep=False).to_numpy()
    hint = "One row per patient; give each its own id."
    yield from table.report(column.name, "the same id in several rows", twice, "unique text", hint)


def _not_events(column: Column, table: RawTable, present: NDArray[np.bool_]) -> Iterator[Problem]:
    cells = table.cells[column.name]
    rest = present & ~np.isin(table.numbers(column.name), [0.0, 1.0])
    for found in dict.fromkeys(cells[rest]):
        meant = meant_level(column, found)
        if meant:
            bad = rest & (cells == found).to_numpy()
            rest &= ~bad
            hint = f"{_EVENT_HINT} Did you mean {meant!r}?"
            yield from table.report(
                column.name, "not 0 or 1", bad, column.allowed, hint, meant=meant
            )
    yield from table.report(column.name, "not 0 or 1", rest, column.allowed, _EVENT_HINT)


def _unknown_levels(
    column: Column, table: RawTable, present: NDArray[np.bool_]
) -> Iterator[Problem]:
    cells = table.cells[column.name]
    for found in dict.fromkeys(cells[present & ~cells.isin(column.level_keys).to_numpy()]):
        hidden = table.quoted(column.name, found).endswith("(not shown)")
        hint = "" if hidden else meaning_hint(column, found)
        meant = "" if hidden else meant_level(column, found)
        bad = present & (cells == found).to_numpy()
        yield from table.report(
            column.name, "unknown level", bad, column.allowed, hint, meant=meant
        )


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
    way = written_as(cells[present & ~iso])
    hint = "Write dates as year-month-day, such as 2021-03-31"
    hint += f', or in a mapping file: date_format = "{way}".' if way else "."
    bad = present & ~iso
    for problem in table.report(column.name, "not an ISO date", bad, column.allowed, hint):
        yield replace(problem, meant=way)
    yield from table.report(
        column.name,
        "no such day",
        present & iso & ~exists,
        column.allowed,
        "Check month and day.",
        found="a day that no calendar has",
    )
    first, last = column.window
    for what, outside in (("before", days < first), ("after", days > last)):
        edge = column.first if what == "before" else column.last
        yield from table.report(
            column.name,
            "outside the enrolment window",
            present & exists & outside.to_numpy(),
            column.allowed,
            "Leave out patients who were not eligible.",
            found=f"a day {what} {edge}",
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
    return days_in(outcome.unit, outcome.key)


def _durations(table: RawTable, outcome: Outcome) -> NDArray[np.float64]:
    numbers = table.numbers(outcome.duration)
    # An infinite or negative time is one problem, reported once.
    return np.where(np.isfinite(numbers) & (numbers >= 0), numbers, np.nan)
