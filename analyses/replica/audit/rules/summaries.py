"""Medians, quartiles, means and standard deviations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import product

from scipy import stats

from replica.audit.finding import Checked
from replica.audit.interval import Interval, exactly
from replica.audit.naming import STATISTIC_WORDS
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.wald import Range, as_range
from replica.published import PublishedValue

_ORDER = ("min", "q1", "median", "q3", "max")


class QuartilesInOrder(Rule):
    """Minimum, quartiles, median and maximum are in order."""

    title = "A median lies within its quartiles and range"
    reads = frozenset(["min", "q1", "median", "q3", "max"])
    needs = "two of minimum, first quartile, median, third quartile and maximum of one estimate"
    how_to_read = "No unrounded values that print like these are in the order that they must have."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every estimate that prints two of the five."""
        for rows in table.estimates.values():
            known = [
                (name, rows[name], interval)
                for name in _ORDER
                if name in rows and (interval := table.interval(rows[name])) is not None
            ]
            if len(known) < 2:
                continue
            ids = [row.id for _, row, _ in known]
            shown = ", ".join(
                f"{STATISTIC_WORDS.get(name, name)} {row.printed}" for name, row, _ in known
            )
            apart = [
                (low[1].id, high[1].id)
                for at, low in enumerate(known)
                for high in known[at + 1 :]
                if high[2].below(low[2])
            ]
            if not apart:
                yield self.fits(ids, shown)
                continue
            yield self.finds(
                ids,
                f"{table.names.subject(known[0][1])}: {shown}; they are not in order.",
                certainty="exact",
                severity=table.severity(ids),
                clashes=apart,
            )


class SpreadPossible(Rule):
    """A mean and standard deviation are possible within the printed range."""

    title = "A mean and its standard deviation are possible within the range"
    reads = frozenset(["n", "min", "max", "mean", "sd"])
    needs = "a mean or standard deviation with a minimum and maximum of the same estimate"
    how_to_read = (
        "The mean lies outside the range, or the variance exceeds (maximum - mean)(mean - minimum) "
        "n / (n - 1), which no sample within the range can have."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every estimate with a range."""
        for rows in table.estimates.values():
            if not {"min", "max", "mean"} <= set(rows):
                continue
            intervals = [table.interval(rows[name]) for name in ("min", "mean", "max")]
            low, mean, high = intervals
            if low is None or mean is None or high is None:
                continue
            ids = [rows[name].id for name in ("min", "mean", "max", "sd") if name in rows]
            shown = ", ".join(
                f"{name} {rows[name].printed}"
                for name in ("min", "mean", "max", "sd")
                if name in rows
            )
            possible = not (mean.below(low) or high.below(mean))
            if possible and "sd" in rows and (sd := table.interval(rows["sd"])) is not None:
                size = table.size(rows["mean"].arm, rows["mean"].stage, rows["mean"].where)
                n = size[0] if size is not None else 2
                most = _most_variance(low, mean, high) * Fraction(n, max(n - 1, 1))
                possible = sd.low is None or sd.low <= 0 or sd.low**2 <= most
            if possible:
                yield self.fits(ids, shown)
            else:
                severity = table.severity(ids)
                message = f"{table.names.subject(rows['mean'])}: {shown} cannot be of one sample."
                yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[ids])


class PFromMeans(Rule):
    """A t test's p value follows from means, standard deviations and sizes."""

    title = "A t test follows from means, standard deviations and sizes"
    reads = frozenset(["n", "mean", "sd", "p"])
    needs = "mean and SD of two groups, their sizes, and a p value of the same item"
    how_to_read = (
        "Neither Student's nor Welch's t test on any unrounded means and SDs gives the printed p. "
        "A question, as the paper may have used a rank test."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every p value of an item with means in both groups."""
        for row in table.with_statistic("p"):
            interval = table.interval(row)
            if interval is None or row.outcome or row.model or not (row.arm and row.comparator):
                continue
            groups = [_group(table, row, arm) for arm in (row.arm, row.comparator)]
            if groups[0] is None or groups[1] is None:
                continue
            values = _t_range(groups[0][1], groups[1][1])
            printed = as_range(interval, 0, 1)
            ids = (*groups[0][0], *groups[1][0], row.id)
            shown = (
                f"{table.names.subject(row)}: t tests on the rounded means and SDs give "
                f"p {values.low:.3f} to "
                f"{values.high:.3f}; printed {row.printed}"
            )
            if values.meets(printed):
                yield self.fits(ids, shown)
            else:
                flips = (values.high < 0.05) != (printed.high < 0.05)
                severity = table.severity([row.id], flips=flips)
                yield self.finds(ids, f"{shown}.", certainty="model_based", severity=severity)


def _most_variance(low: Interval, mean: Interval, high: Interval) -> Fraction:
    """Bound (maximum - mean)(mean - minimum) over the values that print like these."""
    left, right = low.low, high.high
    if left is None or right is None:
        return Fraction(10**12)
    middle = (left + right) / 2
    nearest = [value for value in (mean.low, mean.high) if value is not None]
    if middle in mean:
        nearest.append(middle)
    return max((right - value) * (value - left) for value in nearest)


def _group(
    table: PrintedTable, row: PublishedValue, arm: str
) -> tuple[tuple[str, ...], tuple[Interval, Interval, int]] | None:
    for rows in table.estimates.values():
        mean, sd = rows.get("mean"), rows.get("sd")
        if mean is None or sd is None:
            continue
        if (mean.item, mean.arm, mean.stage, mean.subgroup) != (row.item, arm, row.stage, ""):
            continue
        size = table.size(arm, row.stage, mean.where)
        intervals = table.interval(mean), table.interval(sd)
        if size is None or intervals[0] is None or intervals[1] is None or size[0] < 2:
            return None
        return (mean.id, sd.id, size[1].id), (intervals[0], intervals[1], size[0])
    return None


@lru_cache(maxsize=4096)  # a search for slips asks for the same tests again and again
def _t_test(gap: float, one: tuple[float, int], other: tuple[float, int], *, equal: bool) -> float:
    result = stats.ttest_ind_from_stats(gap, *one, 0.0, *other, equal_var=equal)
    return float(result.pvalue)


def _t_range(one: tuple[Interval, Interval, int], other: tuple[Interval, Interval, int]) -> Range:
    """Return the p values of t tests over the corners of the rounded means and SDs."""
    difference = one[0] - other[0]
    gaps = as_range(difference, -math.inf, math.inf)
    widest = max(abs(gaps.low), abs(gaps.high))
    least = 0.0 if exactly(0).meets(difference) else min(abs(gaps.low), abs(gaps.high))
    found = []
    ends = [
        (as_range(group[1], 0, math.inf).low, as_range(group[1], 0, math.inf).high)
        for group in (one, other)
    ]
    for first, second in product(*ends):
        for gap, equal in product((least, widest), (True, False)):
            if max(first, second) > 0:
                found.append(_t_test(gap, (first, one[2]), (second, other[2]), equal=equal))
    return Range(min(found), max(found)) if found else Range(0.0, 1.0)
