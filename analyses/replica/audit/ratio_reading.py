"""Ratios read off printed counts, and which of their printed intervals and p values follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from replica.audit.counts import admits
from replica.audit.table import PrintedTable
from replica.contingency import Ratio
from replica.published import PublishedValue


@dataclass(frozen=True)
class RatioReading:
    """One way to read a ratio off the counts: of which level, of which arm over which.

    `as_read` tells whether it is the way that the columns suggest.
    """

    text: str
    as_read: bool
    exact: Fraction
    ratio: Ratio


def interval_and_p(ratio: Ratio) -> dict[str, float]:
    """Interval and p of a ratio by the names of their statistics."""
    return {"ci_low": ratio.ci_low, "ci_high": ratio.ci_high, "p": ratio.p}


def following(
    table: PrintedTable, printed: Mapping[str, PublishedValue], ratio: Ratio
) -> tuple[str, ...]:
    """Of the printed interval and p, those that a ratio gives, in the order of `printed`."""
    values = interval_and_p(ratio)
    found = []
    for name, row in printed.items():
        interval = table.interval(row)
        if interval is not None and admits(interval, values[name]):
            found.append(name)
    return tuple(found)


def all_within_a_unit(
    table: PrintedTable,
    printed: Mapping[str, PublishedValue],
    names: Iterable[str],
    ratio: Ratio,
) -> bool:
    """Whether each of these printed numbers is at most a unit of its last digit away."""
    values = interval_and_p(ratio)
    return all(table.printed(printed[name]).within_a_unit(Fraction(values[name])) for name in names)
