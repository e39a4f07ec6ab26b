"""How long patients were followed, as far as a paper prints it."""

from __future__ import annotations

from fractions import Fraction

from replica.audit.interval import Interval, exactly
from replica.audit.table import ALL, PrintedTable
from replica.published import PublishedValue

ITEM = "follow_up"
"""The item of printed follow-up times; the setting `follow_up_window` bounds them all."""

_MONTHS = {"month": Fraction(1), "months": Fraction(1), "year": Fraction(12), "years": Fraction(12)}
_DAYS = {"day": Fraction(1), "days": Fraction(1), "week": Fraction(7), "weeks": Fraction(7)}


def same_unit(unit: str, wanted: str) -> Fraction | None:
    """Return by what a time in one unit is multiplied to be in another; None if that varies."""
    for known in (_MONTHS, _DAYS):
        if unit in known and wanted in known:
            return known[unit] / known[wanted]
    return None


def longest(table: PrintedTable, row: PublishedValue) -> PublishedValue | None:
    """Return the longest follow-up printed for the patients of a row, or the window of all."""
    for found in table.with_statistic("max"):
        own = found.item == ITEM and not found.subgroup and table.interval(found) is not None
        if own and found.arm in (row.arm, ALL) and found.stage == row.stage:
            return found
    for found in table.with_statistic("setting"):
        if found.item == f"{ITEM}_window" and table.printed(found).kind == "number":
            return found
    return None


def length(table: PrintedTable, end: PublishedValue) -> Interval | None:
    """Return how long the longest follow-up may be: a time is rounded, a setting is not."""
    if end.statistic == "setting":
        return exactly(table.printed(end).value)
    return table.interval(end)
