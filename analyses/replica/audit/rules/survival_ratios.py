"""Hazard ratios against the curves of the groups compared."""

from __future__ import annotations

import math
from collections.abc import Iterator

from replica.audit.curves import Curve, curves, share
from replica.audit.finding import Checked
from replica.audit.interval import Interval
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.wald import (
    PrintedRatio,
    Range,
    as_range,
    interval_level,
    normal_quantile,
    printed_ratios,
    standard_error,
)
from replica.published import PublishedValue

# A ratio read off one time is noisier than the model's: further away than this many of the
# model's standard errors it is no longer chance under proportional hazards.
_FAR = 4.0


class RatioAgainstMedians(Rule):
    """A significant hazard ratio and the medians point in one direction."""

    title = "A hazard ratio and the medians point in one direction"
    reads = frozenset(["hr", "or", "ci_low", "ci_high", "p", "median", "rate"])
    needs = "a hazard ratio of two groups and a median of the same outcome in both"
    how_to_read = (
        "The ratio, with an interval that excludes 1, says that events come later in one group, "
        "while its printed median is earlier. Under proportional hazards both agree; crossing "
        "curves, or medians of the patients with an event only, could explain it. A question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every hazard ratio with medians of its two groups."""
        for printing, one, other in _compared(table):
            row = printing.row
            pairs = [(a, b) for a in one.medians for b in other.medians]
            if not pairs or row.model == "multivariable":
                continue
            first, second = pairs[0]
            times = table.interval(first), table.interval(second)
            direction = _direction(table, printing)
            if times[0] is None or times[1] is None:
                continue
            later = times[1].below(times[0])
            earlier = times[0].below(times[1])
            ids = (*printing.ids("hr", "ci_low", "ci_high"), first.id, second.id)
            shown = (
                f"{table.names.outcome(row.outcome)}: hazard ratio {row.printed} of "
                f"{one.patients(table)} over {other.patients(table)}, "
                f"medians {first.printed} and {second.printed}"
            )
            opposed = (direction < 0 and earlier) or (direction > 0 and later)
            if opposed:
                severity = table.severity(ids, flips=True)
                message = (
                    f"{shown}; under proportional hazards a ratio "
                    f"{'below' if direction < 0 else 'above'} 1 goes with the "
                    f"{'longer' if direction < 0 else 'shorter'} median. With constant hazards "
                    f"these medians would give a ratio of {_constant(times[0], times[1])}."
                )
                yield self.finds(ids, message, certainty="model_based", severity=severity)
            elif direction and (later or earlier):
                yield self.fits(ids, shown)


class RatioAgainstRates(Rule):
    """Under proportional hazards rates at one time imply the hazard ratio."""

    title = "A hazard ratio agrees with the rates of the two groups"
    reads = frozenset(["hr", "or", "ci_low", "ci_high", "p", "median", "rate", "setting"])
    needs = "a hazard ratio with an interval, and rates of both groups at one time"
    how_to_read = (
        "Under proportional hazards the ratio is log S of one group over log S of the other at "
        f"every time. At the time shown it is more than {_FAR:g} standard errors away. A question, "
        "graded as rounding where both lie on the same side of 1, as hazards are seldom "
        "proportional."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every hazard ratio at every time that both groups share."""
        quantile = normal_quantile(interval_level(table))
        for printing, one, other in _compared(table):
            rows = printing.rows
            if printing.row.model == "multivariable" or not {"ci_low", "ci_high"} <= set(rows):
                continue
            low, high = table.interval(rows["ci_low"]), table.interval(rows["ci_high"])
            if low is None or high is None or high.below(low):
                continue
            error = standard_error(low, high, quantile).high
            if error <= 0:
                continue
            for rate in one.rates:
                against = other.rate(rate.time)
                if against is not None and not one.rising:
                    yield from self._compare(table, printing, rate, against, error)

    def _compare(
        self,
        table: PrintedTable,
        printing: PrintedRatio,
        rate: PublishedValue,
        against: PublishedValue,
        error: float,
    ) -> Iterator[Checked]:
        implied = _implied(table, rate, against)
        ratio = table.interval(printing.row)
        if implied is None or ratio is None or ratio.low is None or ratio.low <= 0:
            return
        printed = as_range(ratio, 1e-9, math.inf)
        gap = max(math.log(implied.low / printed.high), math.log(printed.low / implied.high), 0.0)
        ids = (*printing.ids("hr", "ci_low", "ci_high"), rate.id, against.id)
        what = table.names.outcome(printing.row.outcome)
        shown = (
            f"{what} at {rate.time}: log {rate.printed}% over log "
            f"{against.printed}% is {implied.low:.2f} to {implied.high:.2f}; printed ratio "
            f"{printing.row.printed}"
        )
        if gap <= _FAR * error:
            yield self.fits(ids, shown)
            return
        # Hazards are seldom proportional: in a large study any departure is many standard errors
        # away. Rates that say the opposite of the ratio are another matter.
        opposed = (implied.low > 1 and printed.high < 1) or (implied.high < 1 and printed.low > 1)
        severity = table.severity(ids, within_a_unit=not opposed)
        message = f"{shown}, {gap / error:.1f} standard errors away."
        yield self.finds(ids, message, certainty="model_based", severity=severity)


def _constant(one: Interval, other: Interval) -> str:
    """Return the hazard ratio that two medians give if hazards are constant."""
    ratio = as_range(other.quotient(one), 0.0, math.inf)
    return f"{ratio.low:.2f} to {ratio.high:.2f}"


def _compared(table: PrintedTable) -> Iterator[tuple[PrintedRatio, Curve, Curve]]:
    """Pair every hazard ratio with the curves of the two groups that it compares."""
    found = curves(table)
    for printing in printed_ratios(table):
        row = printing.row
        if row.statistic != "hr":
            continue
        if row.comparator:
            wanted = [(row.arm, row.subgroup), (row.comparator, row.subgroup)]
        else:
            wanted = [(row.arm, f"{row.item}={level}") for level in _levels(table, row)]
        pair = [
            next((c for c in found if _is(c, row, arm, subgroup)), None) for arm, subgroup in wanted
        ]
        if len(pair) == 2 and pair[0] is not None and pair[1] is not None:
            yield printing, pair[0], pair[1]


def _levels(table: PrintedTable, row: PublishedValue) -> tuple[str, ...]:
    """Name the level that a covariate's ratio is of, and the reference, where that is known."""
    if table.study is not None:
        for covariate in table.study.covariates:
            if covariate.key == row.item and len(covariate.levels) == 2:
                return covariate.contrast, covariate.reference
    return ("yes", "no")


def _is(curve: Curve, row: PublishedValue, arm: str, subgroup: str) -> bool:
    group = curve.group
    return (group.outcome, group.stage) == (row.outcome, row.stage) and (
        group.arm,
        group.subgroup,
    ) == (arm, subgroup)


def _direction(table: PrintedTable, printing: PrintedRatio) -> int:
    """Return -1 if the interval lies below 1, 1 if above, 0 if it holds 1 or is not printed."""
    ends = [
        table.interval(printing.rows[name])
        for name in ("ci_low", "ci_high")
        if name in printing.rows
    ]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return 0
    if ends[1].high is not None and ends[1].high < 1:
        return -1
    return 1 if ends[0].low is not None and ends[0].low > 1 else 0


def _implied(table: PrintedTable, rate: PublishedValue, against: PublishedValue) -> Range | None:
    """Return log S over log S over the values that print like the two rates."""
    shares = [share(table, row) for row in (rate, against)]
    if shares[0] is None or shares[1] is None:
        return None
    one, other = (as_range(value, 0.0, 1.0) for value in (shares[0], shares[1]))
    if min(one.low, other.low) <= 0 or max(one.high, other.high) >= 1:
        return None
    return Range(math.log(one.high) / math.log(other.low), math.log(one.low) / math.log(other.high))
