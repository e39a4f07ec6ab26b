"""Events that an interval implies, against the events and patients that are printed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from replica.audit.finding import Checked
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.wald import interval_level, normal_quantile, printed_ratios, standard_error
from replica.published import PublishedValue


class EventsBehindInterval(Rule):
    """The interval of a hazard ratio is no narrower than its events allow."""

    title = "The interval of a hazard ratio is no narrower than its events allow"
    reads = frozenset(["n", "hr", "or", "ci_low", "ci_high", "p", "setting"])
    needs = "a hazard ratio of two groups with an interval, and their events or sizes"
    how_to_read = (
        "In a Cox model of two groups the squared standard error of the log hazard ratio is at "
        "least 1/a + 1/b for a and b events, and so at least 4 over all events. The printed "
        "interval is narrower than the printed events (or all patients) allow. It rests on Wald's "
        "interval with the model's own standard error; a robust one may be narrower."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every hazard ratio with an interval."""
        quantile = normal_quantile(interval_level(table))
        for printing in printed_ratios(table):
            row, rows = printing.row, printing.rows
            if row.statistic != "hr" or not {"ci_low", "ci_high"} <= set(rows):
                continue
            low, high = table.interval(rows["ci_low"]), table.interval(rows["ci_high"])
            if low is None or high is None or high.below(low):
                continue
            if low.low is None or low.low <= 0:
                continue
            most = standard_error(low, high, quantile).high ** 2
            ids = printing.ids("hr", "ci_low", "ci_high")
            ends = f"{rows['ci_low'].printed} to {rows['ci_high'].printed}"
            yield from self._events(table, row, ids, ends, most)
            yield from self._patients(table, row, ids, ends, most)

    def _events(
        self, table: PrintedTable, row: PublishedValue, ids: tuple[str, ...], ends: str, most: float
    ) -> Iterator[Checked]:
        events = [_events(table, row, arm) for arm in (row.arm, row.comparator)]
        if row.model == "multivariable" or events[0] is None or events[1] is None:
            return
        counts = [table.count(event) or 0 for event in events]
        if min(counts) == 0:
            return
        least = 1 / counts[0] + 1 / counts[1]
        names = (*ids, events[0].id, events[1].id)
        shown = (
            f"{table.names.outcome(row.outcome)}: the interval {ends} has a squared standard "
            f"error of at most "
            f"{most:.4f}; 1/{counts[0]} + 1/{counts[1]} = {least:.4f}"
        )
        if most >= least:
            yield self.fits(names, shown)
            return
        needed = [
            f"at least {math.ceil(1 / (most - 1 / count))} events beside {count} in "
            f"{table.names.arm(arm)}"
            for count, arm in zip(counts, (row.arm, row.comparator), strict=True)
            if most > 1 / count
        ]
        message = f"{shown}. The interval would need {' or '.join(needed) or 'more events'}."
        severity = table.severity(names, flips=True)
        yield self.finds(names, message, certainty="model_based", severity=severity)

    def _patients(
        self, table: PrintedTable, row: PublishedValue, ids: tuple[str, ...], ends: str, most: float
    ) -> Iterator[Checked]:
        sizes = _patients(table, row)
        if not sizes:
            return
        total = sum(table.count(size) or 0 for size in sizes)
        needed = math.ceil(4 / most - 1e-9) if most > 0 else 0
        names = (*ids, *(size.id for size in sizes))
        shown = f"the interval {ends} needs at least {needed} events, of {total} patients"
        if needed <= total:
            yield self.fits(ids, shown)
        else:
            severity = table.severity(names)
            message = f"{table.names.subject(row)}: {shown}."
            yield self.finds(names, message, certainty="model_based", severity=severity)


def _events(table: PrintedTable, row: PublishedValue, arm: str) -> PublishedValue | None:
    """Find the count of an outcome's events in one arm, if it has one value."""
    rows = [
        found
        for found in table.with_statistic("n")
        if row.outcome
        and found.outcome == row.outcome
        and (found.arm, found.stage, found.subgroup) == (arm, row.stage, row.subgroup)
        and table.count(found) is not None
    ]
    return rows[0] if len({table.count(found) for found in rows}) == 1 else None


def _patients(table: PrintedTable, row: PublishedValue) -> list[PublishedValue]:
    """Find the sizes of the groups that a hazard ratio compares, within its subgroup."""
    arms = [arm for arm in (row.arm, row.comparator) if arm]
    found = []
    for arm in arms:
        if not row.subgroup:
            size = table.size(arm, row.stage, row.where)
            found += [size[1]] if size is not None else []
        elif row.subgroup.count("=") == 1:
            item, _, level = row.subgroup.partition("=")
            found += list(table.counts.get((item, level, arm, row.stage), ())[:1])
    return found if len(found) == len(arms) else []
