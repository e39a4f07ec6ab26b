"""Survival curves as printed: medians and rates of one outcome in one group."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from replica.audit.interval import Interval
from replica.audit.table import ALL, PrintedTable
from replica.published import PublishedValue

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(\w+)?")
_TIME_UNITS = ("days", "weeks", "months", "years")
# Items whose rate rises with time: the share with the event, not without it.
RISING = ("incidence", "risk", "cumulative")


@dataclass(frozen=True)
class Group:
    """Which patients a curve is of: outcome, arm, subgroup and stage of one item."""

    item: str
    outcome: str
    arm: str
    subgroup: str
    stage: str


@dataclass
class Curve:
    """The printed medians and rates of one group, wherever they stand."""

    group: Group
    medians: list[PublishedValue] = field(default_factory=list)
    rates: list[PublishedValue] = field(default_factory=list)

    @property
    def rising(self) -> bool:
        """Whether the rates are of those with the event."""
        return any(word in self.group.item for word in RISING)

    def words(self, table: PrintedTable) -> str:
        """Name the outcome and the patients."""
        outcome = table.names.outcome(self.group.outcome)
        return ", ".join(part for part in (outcome, self.patients(table)) if part)

    def patients(self, table: PrintedTable) -> str:
        """Name the patients: group, subgroup and stage."""
        return table.names.group((self.medians or self.rates)[0])

    def rate(self, time: str) -> PublishedValue | None:
        """Return the first printed rate at a time."""
        return next((row for row in self.rates if row.time == time), None)


def time_of(row: PublishedValue) -> tuple[Fraction, str] | None:
    """Return the time of a rate and its unit, such as (6, months)."""
    match = _TIME.match(row.time)
    return None if match is None else (Fraction(match[1]), match[2] or "")


def curves(table: PrintedTable) -> tuple[Curve, ...]:
    """Collect the printed medians and rates of every group, in the order of printing."""
    found: dict[Group, Curve] = {}
    for row in table.rows:
        if row.statistic not in ("median", "rate") or not row.outcome:
            continue
        if row.comparator or row.level or table.interval(row) is None:
            continue
        group = Group(row.item, row.outcome, row.arm, row.subgroup, row.stage)
        curve = found.setdefault(group, Curve(group))
        if row.statistic == "median" and row.unit in _TIME_UNITS:
            curve.medians.append(row)
        elif row.statistic == "rate" and time_of(row) is not None:
            curve.rates.append(row)
    return tuple(curve for curve in found.values() if curve.medians or curve.rates)


def share(table: PrintedTable, row: PublishedValue) -> Interval | None:
    """Return a rate as shares between 0 and 1, whatever its unit."""
    interval = table.interval(row)
    if interval is None:
        return None
    return interval.times(Fraction(1, 100)) if row.unit == "percent" else interval


@dataclass(frozen=True)
class Split:
    """A group divided into subgroups by the levels of one covariate, with their counts."""

    whole: Curve
    parts: tuple[Curve, ...]
    counts: tuple[PublishedValue, ...]


def splits(table: PrintedTable, found: tuple[Curve, ...]) -> tuple[Split, ...]:
    """Find groups whose subgroups by one covariate are all printed, with counts that make it up."""
    by_group = {curve.group: curve for curve in found}
    divided: dict[tuple[Group, str], list[tuple[str, Curve]]] = defaultdict(list)
    for curve in found:
        group = curve.group
        if group.subgroup.count("=") == 1:
            item, _, level = group.subgroup.partition("=")
            whole = Group(group.item, group.outcome, group.arm, "", group.stage)
            divided[whole, item].append((level, curve))
    result = []
    for (group, item), parts in divided.items():
        whole_curve = by_group.get(group)
        size = table.size(group.arm, group.stage)
        if whole_curve is None or size is None or len(parts) < 2:
            continue
        rows = [table.counts.get((item, level, group.arm, group.stage)) for level, _ in parts]
        counts = tuple(found_rows[0] for found_rows in rows if found_rows)
        if len(counts) == len(parts) and sum(table.count(r) or 0 for r in counts) == size[0]:
            result.append(Split(whole_curve, tuple(curve for _, curve in parts), counts))
    arms = [curve for curve in found if curve.group.arm == ALL and not curve.group.subgroup]
    for curve in arms:
        g = curve.group
        both = [
            by_group.get(Group(g.item, g.outcome, arm, "", g.stage))
            for arm in ("treated", "control")
        ]
        sizes = [table.size(arm, g.stage) for arm in ("treated", "control")]
        if both[0] and both[1] and sizes[0] and sizes[1]:
            result.append(Split(curve, (both[0], both[1]), (sizes[0][1], sizes[1][1])))
    return tuple(result)
