"""Risk ratios against the counts behind them."""

from __future__ import annotations

from collections.abc import Iterator

from replica.audit.counts import CountTable, admits, cached_odds_ratio, count_table
from replica.audit.finding import Checked
from replica.audit.interval import Interval, show
from replica.audit.naming import STATISTIC_WORDS, Names
from replica.audit.ratio_reading import (
    RatioReading,
    all_within_a_unit,
    following,
    interval_and_p,
)
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.two_risks import TwoRisks, two_risks
from replica.audit.wald import PrintedRatio, printed_ratios
from replica.contingency import Ratio


class RiskRatioFromCounts(Rule):
    """A risk ratio of two groups follows from their counts."""

    title = "A risk ratio follows from its counts, in the direction of its columns"
    reads = frozenset(["n", "percent", "rr", "ci_low", "ci_high", "p"])
    needs = "a risk ratio of two groups, and the counts of its item in both"
    how_to_read = (
        "The quotient of the two risks is not the ratio (an adjusted ratio may differ), or it is, "
        "but read the other way round: the second group over the first, or the risk of being "
        "without the level. Where the odds ratio of the same counts would print so, that is said."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every risk ratio with counts of two levels, or of one and the rest."""
        for printing in printed_ratios(table):
            row = printing.row
            if row.statistic != "rr" or row.model == "multivariable":
                continue
            counts = count_table(table, row)
            risks = two_risks(counts) if counts is not None else None
            if counts is not None and risks is not None:
                readings = list(_readings(table.names, counts, risks))
                yield from self._check(table, printing, counts, readings)

    def _check(
        self,
        table: PrintedTable,
        printing: PrintedRatio,
        counts: CountTable,
        readings: list[RatioReading],
    ) -> Iterator[Checked]:
        row, interval = printing.row, table.interval(printing.row)
        matching = [each for each in readings if interval is not None and each.exact in interval]
        if not readings or interval is None:
            return
        if not matching:
            yield self._differs(table, printing, counts, readings, interval)
            return
        best = max(matching, key=lambda each: each.as_read)
        digits = table.printed(row).digits
        shown = f"{counts.shown(table.names)} give {show(best.exact, digits)} as {best.text}"
        ids = (*counts.ids, *printing.ids("rr"))
        if best.as_read:
            yield self.fits(ids, shown)
            yield from self._interval(table, printing, ids, shown, best.ratio)
            return
        arms = " over ".join(table.names.arm(arm) for arm in counts.arms)
        message = (
            f"{shown}, which is printed. Read as {readings[0].text}, the columns' direction "
            f"({arms}), it would be {show(readings[0].exact, digits)}."
        )
        severity = table.severity([row.id], flips=True)
        yield self.finds(ids, message, certainty="model_based", severity=severity)

    def _interval(
        self,
        table: PrintedTable,
        printing: PrintedRatio,
        ids: tuple[str, ...],
        shown: str,
        ratio: Ratio,
    ) -> Iterator[Checked]:
        """Hold interval and p of a ratio that follows against Katz's; other intervals exist."""
        values = interval_and_p(ratio)
        printed = {name: printing.rows[name] for name in values if name in printing.rows}
        fitting = following(table, printed, ratio)
        apart = [name for name in printed if name not in fitting]
        if fitting:
            yield self.fits(printing.ids("rr", *fitting), f"{shown}, with Katz's interval")
        if fitting and apart:
            told = ", ".join(
                f"{STATISTIC_WORDS.get(name, name)} {printed[name].printed} (Katz's: "
                f"{show(values[name], table.printed(printed[name]).digits)})"
                for name in apart
            )
            near = all_within_a_unit(table, printed, apart, ratio)
            yield self.finds(
                (*ids, *printing.ids(*apart)),
                f"{shown}; printed {told}.",
                certainty="model_based",
                severity=table.severity([printing.row.id], flips=True, within_a_unit=near),
            )

    def _differs(
        self,
        table: PrintedTable,
        printing: PrintedRatio,
        counts: CountTable,
        readings: list[RatioReading],
        interval: Interval,
    ) -> Checked:
        row, digits = printing.row, table.printed(printing.row).digits
        told = "; ".join(f"{each.text} {show(each.exact, digits)}" for each in readings)
        exact = row.model in ("crude", "univariable") and (not counts.completed or counts.whole)
        message = f"{counts.shown(table.names)} give {told}; printed {row.printed}."
        if _is_odds_ratio(counts, interval):
            message += " It follows as the odds ratio of these counts."
        elif not exact:
            message += " An adjusted ratio, or one of other patients, need not follow."
        near = any(table.printed(row).within_a_unit(each.exact) for each in readings)
        ids = (*counts.ids, *printing.ids("rr"))
        return self.finds(
            ids,
            message,
            certainty="exact" if exact else "model_based",
            severity=table.severity(ids, within_a_unit=near),
            clashes=[(*table.open(counts.ids), n) for n in printing.ids("rr")] if exact else (),
        )


def _readings(names: Names, counts: CountTable, risks: TwoRisks) -> Iterator[RatioReading]:
    """Yield the risk ratios of the level and of being without it, in both directions."""
    level, second = counts.levels
    label = names.item(counts.item, level)
    against = f"being without {label}" if second == "rest" else names.item(counts.item, second)
    one, other = (names.arm(arm) for arm in counts.arms)
    # With two levels printed, which of them the risk is of is not stated.
    either = not counts.completed
    for of, found, as_read in ((label, risks, True), (against, risks.without, either)):
        made = found.ratio()
        if made is None:
            continue
        exact, ratio = made
        yield RatioReading(f"the risk of {of} in {one} over {other}", as_read, exact, ratio)
        yield RatioReading(
            f"the risk of {of} in {other} over {one}", False, 1 / exact, ratio.inverse()
        )


def _is_odds_ratio(counts: CountTable, interval: Interval) -> bool:
    (a, c), (b, d) = counts.counts
    if min(a, b, c, d) == 0:
        return False
    estimate = cached_odds_ratio(a, b, c, d).estimate
    return admits(interval, estimate) or admits(interval, 1 / estimate)
