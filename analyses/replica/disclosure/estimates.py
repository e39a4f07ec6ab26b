"""Computed numbers without those that would tell of a few patients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from replica.disclosure.cells import MATCHED_SET, YES, Cell, Disclosure
from replica.estimate import MASKED, Estimate, Quantity

_EXTREMES = ("min", "max")
_SUMMARIES = ("median", "q1", "q3", "mean", "sd")
_OF_COUNTS = ("p", "or", "ci_low", "ci_high")


def masked(computed: Iterable[Estimate], matched: MATCHED_SET) -> tuple[Estimate, ...]:
    """Mask every number from which a count of few patients can be read or worked out.

    Masked are counts from 1 to one below `min_cell` of the cohort, further counts from which they
    would follow, their percentages, tests and odds ratios; rates that stand for so few patients;
    hazard ratios and curves of subgroups with so few; smallest and largest values, which are those
    of one patient each. Without a `min_cell` nothing is masked.

    Parameters
    ----------
    computed
        From `reproduce` or its like.
    matched
        The patients that they were computed from.

    Returns
    -------
    tuple of Estimate
        In the same order; a masked one has no value, and its method says so.

    Raises
    ------
    DataError
        If a group is itself smaller than `min_cell`.
    """
    rows = tuple(computed)
    shown = Disclosure.of(matched)
    if shown.min_cell < 2:
        return rows
    method = f"{MASKED}: of fewer than {shown.min_cell} patients, or such a count follows from it"
    unknown = _small_elsewhere(rows, shown)
    return tuple(
        replace(row, value=None, method=method)
        if row.value is not None
        and row.statistic != "count_total"
        and (row.quantity in unknown or _tells(row, shown))
        else row
        for row in rows
    )


def _small_elsewhere(rows: Iterable[Estimate], shown: Disclosure) -> set[Quantity]:
    """Quantities with a small count, or a small rest, that no table of levels has."""
    found = set()
    for row in rows:
        of = row.quantity
        known = Cell(of.item, of.level or YES, of.arm, of.stage) in shown.counts
        if row.statistic != "n" or row.value is None or known:
            continue
        rest = shown.size(of.arm, of.stage) - int(row.value)
        if shown.small(int(row.value)) or shown.small(rest):
            found.add(of)
    return found


def _tells(row: Estimate, shown: Disclosure) -> bool:
    """Whether a number tells of few patients, by what it is and of whom."""
    of, statistic = row.quantity, row.statistic
    groups = {of.arm, of.comparator} - {""}
    column, _, level = of.subgroup.partition("=")
    if column and shown.few(column, level, groups, of.stage or "before"):
        return True
    if statistic in ("n", "percent"):
        return shown.hides(of.item, {of.arm}, of.stage, of.level or YES)
    if statistic == "risk_difference" or (statistic in _OF_COUNTS and of.comparator):
        return any(shown.hides(item, groups, of.stage) for item in {of.item, of.outcome} - {""})
    if statistic == "rate":
        return _stands_for_few(row, shown)
    if statistic in _SUMMARIES and of.item not in ("survival", "follow_up"):
        return _summary_tells(row, groups, shown)
    return statistic in _EXTREMES


def _summary_tells(row: Estimate, groups: set[str], shown: Disclosure) -> bool:
    of = row.quantity
    few_events = bool(of.outcome) and shown.few(of.outcome, YES, groups, of.stage)
    by_difference = row.statistic in ("mean", "sd") and of.stage == "after"
    return few_events or (by_difference and any(map(shown.few_unmatched, groups)))


def _stands_for_few(row: Estimate, shown: Disclosure) -> bool:
    """Whether a share of a group, or what it leaves, is that of few patients."""
    of = row.quantity
    size = shown.size(of.arm, of.stage)
    if of.subgroup:
        column, _, level = of.subgroup.partition("=")
        size = next(
            (
                n
                for cell, n in shown.counts.items()
                if (cell.item, cell.level, cell.arm) == (column, level, of.arm)
                and cell.stage == (of.stage or "before")
            ),
            size,
        )
    share = Fraction(row.exact or 0) / 100
    return any(shown.small(round(size * part)) for part in (share, 1 - share))
