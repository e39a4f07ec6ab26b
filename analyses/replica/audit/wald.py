"""Wald's normal approximation: what a ratio, its interval and its p value say of each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import ndtri

from replica.audit.interval import Interval
from replica.audit.table import PrintedTable
from replica.published import PublishedValue

_TINY = 1e-12


@dataclass(frozen=True)
class Range:
    """Least and greatest value of a number computed from rounded ones."""

    low: float
    high: float

    def meets(self, other: Range) -> bool:
        """Whether some value lies in both, within floating point."""
        slack = 1e-9
        return self.low <= other.high + slack and other.low <= self.high + slack


def as_range(interval: Interval, low: float, high: float) -> Range:
    """Return an interval's ends in floating point, cut to what the quantity can be."""
    least = low if interval.low is None else max(low, float(interval.low))
    most = high if interval.high is None else min(high, float(interval.high))
    return Range(least, most)


def normal_quantile(level: float) -> float:
    """Return the normal quantile that a two-sided interval of this level reaches to."""
    return float(ndtri(0.5 + level / 2))


def interval_level(table: PrintedTable) -> float:
    """Return the level of confidence intervals that the paper prints, or 0.95."""
    for row in table.with_statistic("setting"):
        printed = table.printed(row)
        if "confidence" in f"{row.item} {row.level}" and printed.kind == "number":
            value = float(printed.value)
            level = value / 100 if value > 1 else value
            if 0.5 < level < 1:
                return level
    return 0.95


def standard_error(low: Interval, high: Interval, quantile: float) -> Range:
    """Return the standard errors of a log ratio that an interval allows."""
    lower, upper = as_range(low, _TINY, math.inf), as_range(high, _TINY, math.inf)
    least = math.log(max(upper.low / lower.high, 1.0)) / (2 * quantile)
    most = math.log(max(upper.high / lower.low, 1.0)) / (2 * quantile)
    return Range(least, most)


def statistic(ratio: Interval, error: Range) -> Range:
    """Return the absolute values of z = log ratio / standard error that rounding allows."""
    ends = as_range(ratio, _TINY, math.inf)
    logs = (abs(math.log(max(ends.low, _TINY))), abs(math.log(max(ends.high, _TINY))))
    least = 0.0 if ends.low <= 1 <= ends.high else min(logs)
    return Range(
        least / max(error.high, _TINY), max(logs) / error.low if error.low > 0 else math.inf
    )


def p_range(z: Range) -> Range:
    """Return the two-sided p values of a range of z."""
    return Range(math.erfc(z.high / math.sqrt(2)), math.erfc(z.low / math.sqrt(2)))


def z_of_p(p: Interval) -> Range:
    """Return the |z| whose two-sided p value would be printed so."""
    ends = as_range(p, 0.0, 1.0)
    return Range(float(-ndtri(ends.high / 2)), float(-ndtri(ends.low / 2)))


@dataclass(frozen=True)
class PrintedRatio:
    """A ratio of two groups with the rest of its estimate, and where it is printed again."""

    row: PublishedValue
    rows: Mapping[str, PublishedValue]
    twins: tuple[Mapping[str, PublishedValue], ...] = ()

    def ids(self, *statistics: str) -> tuple[str, ...]:
        """Return the ids of these statistics' rows, in every place that prints them alike."""
        places = (self.rows, *self.twins)
        return tuple(rows[name].id for name in statistics for rows in places if name in rows)


RATIOS = ("hr", "or", "rr")
"""Statistics that are ratios of two groups, symmetric on the log scale."""
_PARTS = (*RATIOS, "ci_low", "ci_high", "p")


def printed_ratios(table: PrintedTable) -> tuple[PrintedRatio, ...]:
    """Return every printed ratio once: of alike printings the fullest."""
    quantities: dict[tuple[str, ...], list[dict[str, PublishedValue]]] = defaultdict(list)
    for rows in table.estimates.values():
        ratio = next((rows[name] for name in RATIOS if name in rows), None)
        if ratio is not None and table.interval(ratio) is not None:
            quantities[ratio.key].append({name: rows[name] for name in _PARTS if name in rows})
    found: list[PrintedRatio] = []
    for estimates in quantities.values():
        fullest = sorted(estimates, key=lambda rows: -len(rows))
        while fullest:
            first = fullest[0]
            alike = [rows for rows in fullest[1:] if _alike(rows, first)]
            ratio = next(first[name] for name in RATIOS if name in first)
            found.append(PrintedRatio(ratio, first, tuple(alike)))
            fullest = [rows for rows in fullest[1:] if rows not in alike]
    return tuple(found)


def _alike(rows: Mapping[str, PublishedValue], other: Mapping[str, PublishedValue]) -> bool:
    return all(name in other and rows[name].printed == other[name].printed for name in rows)
