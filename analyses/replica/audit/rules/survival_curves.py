"""Medians and rates of survival curves against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from replica.audit.curves import Curve, Split, curves, share, splits, time_of
from replica.audit.finding import Checked
from replica.audit.interval import Interval, exactly, show
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.published import PublishedValue

_HALF = exactly(Fraction(1, 2))
# Censoring that differs between subgroups moves a pooled curve off their mixture; so much is left
# to it.
_TOLERANCE = Fraction(5, 100)


class RatesFall(Rule):
    """Survival falls with time, incidence rises."""

    title = "Survival falls with time"
    reads = frozenset(["median", "rate"])
    needs = "rates of one group at two times"
    how_to_read = "A later survival rate is above an earlier one (or a later incidence below)."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check the rates of every group, each later one against each earlier one."""
        for curve in curves(table):
            timed = [
                (time[0], row, value)
                for row in curve.rates
                if (time := time_of(row)) is not None and (value := share(table, row)) is not None
            ]
            timed.sort(key=lambda entry: entry[0])
            if len({time for time, _, _ in timed}) < 2:
                continue
            apart = [
                (early[1].id, late[1].id)
                for early in timed
                for late in timed
                if early[0] < late[0]
                and (late[2].below(early[2]) if curve.rising else early[2].below(late[2]))
            ]
            ids = [row.id for _, row, _ in timed]
            shown = ", ".join(f"{row.time} {row.printed}" for _, row, _ in timed)
            if not apart:
                yield self.fits(ids, f"{curve.words(table)}: {shown}")
            else:
                yield self.finds(
                    ids,
                    f"{curve.words(table)}: {shown}; a curve of this kind cannot turn.",
                    certainty="exact",
                    severity=table.severity(ids),
                    clashes=apart,
                )


class MedianAgainstRates(Rule):
    """Survival is at most one half after the median, and more before it."""

    title = "A median agrees with the rates of its curve"
    reads = frozenset(["median", "rate"])
    needs = "a median and a rate of one group"
    how_to_read = (
        "The median is the first time at which the curve is at most one half. A rate above one "
        "half after it, or below one half before it, is of another curve."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every median of a group against every rate."""
        for curve in curves(table):
            if curve.rising:
                continue
            for median in curve.medians:
                for rate in curve.rates:
                    yield from self._compare(table, curve, median, rate)

    def _compare(
        self, table: PrintedTable, curve: Curve, median: PublishedValue, rate: PublishedValue
    ) -> Iterator[Checked]:
        time, value, at = time_of(rate), share(table, rate), table.interval(median)
        if time is None or value is None or at is None or time[1] not in ("", median.unit):
            return
        moment = exactly(time[0])
        ids = (median.id, rate.id)
        shown = (
            f"{curve.words(table)}: median {median.printed} {median.unit}, {rate.printed}% at "
            f"{rate.time}"
        )
        if at.below(moment) and _HALF.below(value):
            why = "after its median a curve is at most one half"
        elif moment.below(at) and value.below(_HALF):
            why = "before its median a curve is above one half"
        else:
            yield self.fits(ids, shown)
            return
        yield self.finds(
            ids,
            f"{shown}; {why}.",
            certainty="exact",
            severity=table.severity(ids, flips=True),
            clashes=[ids],
        )


class SubgroupsMix(Rule):
    """The rates of subgroups mix to that of the whole group."""

    title = "The rates of subgroups mix to that of their group"
    reads = frozenset(["n", "median", "rate"])
    needs = "rates at one time of a group and of all its subgroups by one covariate, with counts"
    how_to_read = (
        "Weighted by the printed counts the subgroups' rates give another rate than the printed "
        "one. Without censoring before that time the mixture is exact; with censoring that is "
        f"alike in the subgroups it is close, and {show(_TOLERANCE * 100, 0)} points are allowed "
        "for. A question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every group that is divided into printed subgroups."""
        for split in splits(table, curves(table)):
            for rate in split.whole.rates:
                parts = [part.rate(rate.time) for part in split.parts]
                rows = [row for row in parts if row is not None]
                if len(rows) == len(parts):
                    yield from self._mix(table, split, rate, rows)

    def _mix(
        self,
        table: PrintedTable,
        split: Split,
        rate: PublishedValue,
        rows: Sequence[PublishedValue],
    ) -> Iterator[Checked]:
        counts = [table.count(row) or 0 for row in split.counts]
        total, value = sum(counts), share(table, rate)
        mixed = exactly(0)
        for row, count in zip(rows, counts, strict=True):
            part = share(table, row)
            if part is None:
                return
            mixed = mixed + part.times(Fraction(count, total))
        if value is None or mixed.low is None or mixed.high is None:
            return
        ids = [rate.id, *(row.id for row in rows), *(row.id for row in split.counts)]
        middle = (mixed.low + mixed.high) * 50
        terms = " + ".join(
            f"{row.printed} x {count}" for row, count in zip(rows, counts, strict=True)
        )
        shown = (
            f"{split.whole.words(table)} at {rate.time}: ({terms}) / {total} = {show(middle, 1)}; "
            f"printed {rate.printed}"
        )
        if (mixed + Interval(-_TOLERANCE, _TOLERANCE)).meets(value):
            yield self.fits(ids, shown)
        else:
            severity = table.severity(ids)
            message = f"{shown}. Without censoring before {rate.time} they would be equal."
            yield self.finds(ids, message, certainty="model_based", severity=severity)


class PooledMedianBetween(Rule):
    """The median of a group lies between those of its subgroups."""

    title = "The median of a group lies between those of its subgroups"
    reads = frozenset(["n", "median", "rate"])
    needs = "medians of a group and of all its subgroups by one covariate, with counts"
    how_to_read = (
        "The pooled median is outside the subgroups' medians. Without censoring it cannot be; with "
        "censoring that differs between them it could. A question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every group that is divided into printed subgroups."""
        for split in splits(table, curves(table)):
            if not split.whole.medians or not all(part.medians for part in split.parts):
                continue
            whole = split.whole.medians[0]
            parts = [part.medians[0] for part in split.parts]
            pooled = table.interval(whole)
            own = [table.interval(row) for row in parts]
            known = [interval for interval in own if interval is not None]
            if pooled is None or len(known) != len(parts):
                continue
            ids = [whole.id, *(row.id for row in parts)]
            shown = (
                f"{split.whole.words(table)}: median {whole.printed}; of its parts "
                f"{', '.join(row.printed for row in parts)}"
            )
            outside = all(pooled.below(i) for i in known) or all(i.below(pooled) for i in known)
            if not outside:
                yield self.fits(ids, shown)
            else:
                severity = table.severity(ids)
                yield self.finds(ids, f"{shown}.", certainty="model_based", severity=severity)
