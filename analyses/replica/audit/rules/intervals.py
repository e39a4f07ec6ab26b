"""Estimates, their intervals and their p values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import Interval, exactly, show
from replica.audit.naming import STATISTIC_WORDS
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.wald import (
    PrintedRatio,
    Range,
    as_range,
    interval_level,
    normal_quantile,
    p_range,
    printed_ratios,
    standard_error,
    statistic,
    z_of_p,
)
from replica.published import PublishedValue

_ESTIMATES = ("hr", "or", "rr", "median", "mean", "rate", "percent", "risk_difference", "smd")
# Score, likelihood-ratio and Wald tests of one hypothesis differ by about so much in z.
_OTHER_TEST = 0.3
_OTHER_TEST_SHARE = 0.12
# So many ratios of one place, and four in five of them, tell how its intervals were made.
_ENOUGH = 3


class EstimateInInterval(Rule):
    """An interval contains its estimate."""

    title = "An interval contains its estimate"
    reads = frozenset(
        [
            "hr",
            "or",
            "rr",
            "median",
            "mean",
            "rate",
            "percent",
            "risk_difference",
            "smd",
            "ci_low",
            "ci_high",
        ]
    )
    needs = "an estimate with at least one end of its interval"
    how_to_read = "The estimate lies outside its own interval, or the ends are out of order."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every estimate with an interval."""
        for rows in table.estimates.values():
            ends = {name: rows[name] for name in ("ci_low", "ci_high") if name in rows}
            estimate = next((rows[name] for name in _ESTIMATES if name in rows), None)
            if estimate is None or not ends:
                continue
            ordered = [ends.get("ci_low"), estimate, ends.get("ci_high")]
            present = [row for row in ordered if row is not None]
            yield from self._ordered(table, present, estimate)

    def _ordered(
        self, table: PrintedTable, rows: list[PublishedValue], estimate: PublishedValue
    ) -> Iterator[Checked]:
        known = [(row, interval) for row in rows if (interval := table.interval(row)) is not None]
        if len(known) < 2:
            return
        apart = [
            (low[0].id, high[0].id)
            for at, low in enumerate(known)
            for high in known[at + 1 :]
            if high[1].below(low[1])
        ]
        ids = [row.id for row, _ in known]
        ends = "-".join(row.printed for row, _ in known if row is not estimate)
        name = STATISTIC_WORDS.get(estimate.statistic, estimate.statistic)
        shown = f"{name} {estimate.printed}, interval {ends}"
        if not apart:
            yield self.fits(ids, f"{shown}: inside")
            return
        yield self.finds(
            ids,
            f"{table.names.subject(estimate)}: {shown}; an interval contains its estimate.",
            certainty="exact",
            severity=table.severity(ids, flips=True),
            clashes=apart,
        )


@dataclass(frozen=True)
class _Ratio:
    """A ratio with both ends of its interval as intervals of unrounded values."""

    printing: PrintedRatio
    ratio: Interval
    low: Interval
    high: Interval

    @property
    def rows(self) -> Mapping[str, PublishedValue]:
        return self.printing.rows

    @property
    def square(self) -> Interval:
        return self.ratio.product(self.ratio)

    @property
    def product(self) -> Interval:
        return self.low.product(self.high)


class IntervalAroundRatio(Rule):
    """The interval of a ratio is symmetric on the log scale."""

    title = "The interval of a ratio is symmetric on the log scale"
    reads = frozenset(["hr", "or", "rr", "ci_low", "ci_high", "p"])
    needs = "an odds, risk or hazard ratio with both ends of its interval"
    how_to_read = (
        "Wald's interval reaches equally far in both directions on the log scale, so that the "
        "ratio squared is the product of the ends. No unrounded values that print like these do. "
        "A profile-likelihood or exact interval need not be symmetric: a question, graded as "
        "rounding where a place's other intervals are not symmetric either."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every ratio with an interval that contains it."""
        for cases in _by_place(table).values():
            usual = _usual([case.square.meets(case.product) for case in cases])
            for case in cases:
                ids = case.printing.ids(case.printing.row.statistic, "ci_low", "ci_high")
                ends = f"{case.rows['ci_low'].printed} x {case.rows['ci_high'].printed}"
                row = case.printing.row
                shown = (
                    f"{row.printed} squared is {_range(case.square)}, {ends} is "
                    f"{_range(case.product)}"
                )
                if case.square.meets(case.product):
                    yield self.fits(ids, shown)
                    continue
                near = not usual or _nearly(table, row, case.rows)
                yield self.finds(
                    ids,
                    f"{table.names.subject(row)}: {shown}; Wald's interval would make them equal.",
                    certainty="model_based",
                    severity=table.severity(ids, within_a_unit=near),
                )


class PFromInterval(Rule):
    """The p value of a ratio agrees with its interval."""

    title = "The p value of a ratio agrees with its interval"
    reads = frozenset(["hr", "or", "rr", "ci_low", "ci_high", "p", "setting"])
    needs = "an odds, risk or hazard ratio, both ends of its interval and its p value"
    how_to_read = (
        "Wald's test on the log ratio, its standard error taken from the interval, gives another p "
        "value than the printed one. A question, as the test is not always stated: what a log-rank "
        "or likelihood-ratio test of the same hypothesis could give is graded as rounding, and "
        "only where the place's other p values are Wald's."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every ratio with an interval and a p value."""
        quantile = normal_quantile(interval_level(table))
        for cases in _by_place(table).values():
            read = [
                (case, p, statistic(case.ratio, standard_error(case.low, case.high, quantile)))
                for case in cases
                if "p" in case.rows and (p := table.interval(case.rows["p"])) is not None
            ]
            usual = _usual([_gap(z, p) <= 0 for _, p, z in read])
            for case, p, z in read:
                yield self._check(table, case, p, z, usual=usual)

    def _check(
        self, table: PrintedTable, case: _Ratio, p: Interval, z: Range, *, usual: bool
    ) -> Checked:
        row, rows = case.printing.row, case.rows
        ids = case.printing.ids(row.statistic, "ci_low", "ci_high", "p")
        wald = p_range(z)
        shown = (
            f"{row.printed} ({rows['ci_low'].printed} to {rows['ci_high'].printed}) gives p "
            f"{wald.low:.2g} to {wald.high:.2g}; printed {rows['p'].printed}"
        )
        gap = _gap(z, p)
        if gap <= 0:
            return self.fits(ids, shown)
        other_test = gap <= _OTHER_TEST + _OTHER_TEST_SHARE * z.high
        if other_test and not usual:
            return self.fits(ids, f"{shown}, as another test of the same could")
        flips = (wald.high < 0.05) != (as_range(p, 0, 1).high < 0.05)
        near = other_test or _p_nearly(table, rows["p"], wald)
        return self.finds(
            ids,
            f"{table.names.subject(row)}: {shown}.",
            certainty="model_based",
            severity=table.severity(ids, flips=flips, within_a_unit=near),
        )


def _by_place(table: PrintedTable) -> dict[str, list[_Ratio]]:
    """Read every ratio within its interval, by the place that prints it in full.

    An interval that does not contain its ratio is another rule's finding.
    """
    found: dict[str, list[_Ratio]] = defaultdict(list)
    for printing in printed_ratios(table):
        rows = printing.rows
        if not {"ci_low", "ci_high"} <= set(rows):
            continue
        ratio = table.interval(printing.row)
        low, high = table.interval(rows["ci_low"]), table.interval(rows["ci_high"])
        if ratio is None or low is None or high is None or high.below(low):
            continue
        if high.below(ratio) or ratio.below(low):
            continue
        if any(interval.high is not None and interval.high < 0 for interval in (ratio, low, high)):
            continue
        if all(interval.low is not None for interval in (ratio, low, high)):
            found[printing.row.where].append(_Ratio(printing, ratio, low, high))
    return dict(found)


def _usual(fits: list[bool]) -> bool:
    """Whether a place's ratios follow Wald, as far as it prints enough of them to tell."""
    return len(fits) < _ENOUGH or 5 * sum(fits) >= 4 * (len(fits) - 1)


def _gap(z: Range, p: Interval) -> float:
    """Return how far apart the z of the interval and that of the p value are; 0 if they meet."""
    printed = z_of_p(p)
    return max(z.low - printed.high, printed.low - z.high, 0.0)


def _range(interval: Interval) -> str:
    low = "0" if interval.low is None else show(interval.low, 4)
    return f"{low} to {'infinity' if interval.high is None else show(interval.high, 4)}"


def _nearly(table: PrintedTable, row: PublishedValue, rows: Mapping[str, PublishedValue]) -> bool:
    """Whether one more unit of the last digit for each of the three would do."""
    wide = []
    for each in (row, rows["ci_low"], rows["ci_high"]):
        printed = table.printed(each)
        reach = printed.unit * Fraction(3, 2)
        wide.append(exactly(printed.value) + Interval(-reach, reach))
    return wide[0].product(wide[0]).meets(wide[1].product(wide[2]))


def _p_nearly(table: PrintedTable, row: PublishedValue, wald: Range) -> bool:
    printed = table.printed(row)
    reach = 1.5 * float(printed.unit)
    value = float(printed.value)
    return printed.kind == "number" and wald.low - reach <= value <= wald.high + reach
