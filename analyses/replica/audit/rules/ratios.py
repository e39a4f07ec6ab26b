"""Odds ratios against the counts behind them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from replica.audit.counts import CountTable, against_levels, cached_odds_ratio, count_table
from replica.audit.finding import Checked
from replica.audit.interval import show
from replica.audit.naming import STATISTIC_WORDS, Names
from replica.audit.ratio_reading import (
    RatioReading,
    all_within_a_unit,
    following,
)
from replica.audit.rule import Rule
from replica.audit.table import ALL, PrintedTable
from replica.audit.wald import PrintedRatio, normal_quantile, printed_ratios
from replica.contingency import Ratio
from replica.published import PublishedValue

# Adjustment seldom moves a ratio further than this many of the crude one's standard errors.
_FAR = 2.0
_QUANTILE = normal_quantile(0.95)


class OddsRatioFromCounts(Rule):
    """An odds ratio of two groups follows from their counts."""

    title = "An odds ratio follows from its counts, in the direction of its columns"
    reads = frozenset(["n", "percent", "hr", "or", "ci_low", "ci_high", "p"])
    needs = "an odds ratio of two groups, and the counts of its item in both"
    how_to_read = (
        "The cross-product of the printed counts is not the ratio (an adjusted ratio may differ), "
        "or it is, but read the other way round: the odds of the second group over the first, or "
        "of being without the level. Which level is the reference is often not stated; where only "
        "one level is printed, the ratio is read as that level against the rest. Where fewer than "
        "half of a comparison's ratios follow from counts, they are taken to be adjusted and "
        f"graded as rounding, up to {_FAR:g} standard errors away."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every odds ratio with counts."""
        columns: dict[tuple[str, str, str], list[_Case]] = defaultdict(list)
        for printing in printed_ratios(table):
            row = printing.row
            if row.statistic != "or" or row.model == "multivariable":
                continue
            counts = count_table(table, row)
            if counts is None:
                continue
            readings = [*_readings(table.names, counts, row), *_against_levels(table, row)]
            if readings:
                columns[row.where, row.arm, row.comparator].append((printing, counts, readings))
        for cases in columns.values():
            follow = [bool(_matching(table, each.row, found)) for each, _, found in cases]
            for printing, counts, readings in cases:
                yield from self._check(
                    table, printing, counts, readings, crude=(sum(follow), len(follow))
                )

    def _check(
        self,
        table: PrintedTable,
        printing: PrintedRatio,
        counts: CountTable,
        readings: list[RatioReading],
        *,
        crude: tuple[int, int],
    ) -> Iterator[Checked]:
        row, rows = printing.row, printing.rows
        printed = {name: rows[name] for name in ("ci_low", "ci_high", "p") if name in rows}
        matching = _matching(table, row, readings)
        if not matching:
            if row.level or len(counts.levels) == 2:
                yield self._differs(table, printing, counts, readings, crude=crude)
            return  # how several levels were made into one ratio is not known
        best = max(matching, key=lambda r: (len(following(table, printed, r.ratio)), r.as_read))
        fitting = following(table, printed, best.ratio)
        ids = (*counts.ids, *printing.ids("or", *fitting))
        given = f"{counts.shown(table.names)} give {_show(table, row, printed, best.ratio)}"
        shown = f"{given} as {best.text}"
        apart = [name for name in printed if name not in fitting]
        if apart and (fitting or not printed):
            told = ", ".join(f"{STATISTIC_WORDS.get(n, n)} {printed[n].printed}" for n in apart)
            near = all_within_a_unit(table, printed, apart, best.ratio)
            yield self.finds(
                (*ids, *printing.ids(*apart)),
                f"{shown} (Woolf's interval, Wald's p); printed {told}.",
                certainty="model_based",
                severity=table.severity([row.id], flips=True, within_a_unit=near),
            )
        if best.as_read:
            yield self.fits(ids, shown)
        else:
            yield self._inverse(table, row, counts, best, ids, given)

    def _inverse(
        self,
        table: PrintedTable,
        row: PublishedValue,
        counts: CountTable,
        best: RatioReading,
        ids: tuple[str, ...],
        shown: str,
    ) -> Checked:
        opposed = [
            claim
            for claim in table.claims_about.get(row.estimate_id, ())
            if claim.direction == ("higher" if best.exact > 1 else "lower")
            and table.is_subject(claim, row)
        ]
        names = (*ids, *(claim.key for claim in opposed))
        arms = [table.names.arm(arm) for arm in counts.arms]
        inverse = show(1 / best.exact, table.printed(row).digits)
        message = (
            f"{row.printed} follows from the counts as {best.text}: {shown}. Read as "
            f"{arms[0]} over {arms[1]}, the columns' direction, gives {inverse}."
        )
        if opposed:
            places = ", ".join(dict.fromkeys(claim.where for claim in opposed))
            message += f" Words of the opposite direction stand in: {places}."
        return self.finds(
            names,
            message,
            certainty="exact",
            severity=table.severity([row.id], flips=bool(opposed)),
            clashes=[(claim.key, row.id, *table.open(counts.ids)) for claim in opposed],
        )

    def _differs(
        self,
        table: PrintedTable,
        printing: PrintedRatio,
        counts: CountTable,
        readings: list[RatioReading],
        *,
        crude: tuple[int, int],
    ) -> Checked:
        row = printing.row
        digits = table.printed(row).digits
        shown = "; ".join(f"{r.text} {show(r.exact, digits)}" for r in readings)
        exact = row.model in ("crude", "univariable") and (not counts.completed or counts.whole)
        near = any(table.printed(row).within_a_unit(reading.exact) for reading in readings)
        ids = (*counts.ids, *printing.ids("or"))
        following, of = crude
        adjusted = not (exact or 2 * following >= of) and not _far(table, row, readings)
        basis = "" if exact else " An adjusted ratio, or one of other patients, need not follow."
        if not exact and following:
            verb = "follows from its" if following == 1 else "follow from their"
            basis += f" Of the {of} ratios of this comparison {following} {verb} counts."
        basis += _of_others(table, row)
        return self.finds(
            ids,
            f"{counts.shown(table.names)} give {shown}; printed {row.printed}.{basis}",
            certainty="exact" if exact else "model_based",
            severity=table.severity(ids, within_a_unit=near or adjusted),
            clashes=[(*table.open(counts.ids), n) for n in printing.ids("or")] if exact else (),
        )


_Case = tuple[PrintedRatio, CountTable, list[RatioReading]]


def _matching(
    table: PrintedTable, row: PublishedValue, readings: list[RatioReading]
) -> list[RatioReading]:
    interval = table.interval(row)
    return [each for each in readings if interval is not None and each.exact in interval]


def _of_others(table: PrintedTable, row: PublishedValue) -> str:
    """Say if the ratio follows from the counts of another group in the first group's stead."""
    arms = [a for w, item, a, s in table.levels if (w, item, s) == (row.where, row.item, row.stage)]
    for arm in dict.fromkeys(arms):
        if arm in (row.arm, row.comparator, ALL):
            continue
        other = replace(row, arm=arm)
        counts = count_table(table, other)
        found = _matching(table, row, list(_readings(table.names, counts, other))) if counts else []
        if found:
            return f" It would follow as {found[0].text}."
    return ""


def _far(table: PrintedTable, row: PublishedValue, readings: list[RatioReading]) -> bool:
    """Whether a printed ratio is far from every reading of its counts."""
    value = float(table.printed(row).value)
    if table.printed(row).kind != "number" or value <= 0:
        return False
    return all(
        abs(math.log(value / each.ratio.estimate))
        > _FAR * math.log(each.ratio.ci_high / each.ratio.ci_low) / (2 * _QUANTILE)
        for each in readings
    )


def _readings(names: Names, counts: CountTable, row: PublishedValue) -> Iterator[RatioReading]:
    """Yield the odds ratios of two levels, or of one against the rest, in both directions."""
    labels = [names.level(counts.item, level) for level in counts.levels]
    levels = list(zip(labels, counts.counts, strict=True))
    if len(levels) == 2:
        pairs = [(levels[0], levels[1])]
    else:
        pairs = list(combinations(levels, 2))
        for place in range(len(levels)):
            others = [cells for at, (_, cells) in enumerate(levels) if at != place]
            rest = (sum(cells[0] for cells in others), sum(cells[1] for cells in others))
            pairs.append((levels[place], ("the other levels", rest)))
        for cut in range(2, len(levels) - 1):
            low, high = levels[:cut], levels[cut:]
            joined = ("+".join(name for name, _ in low), "+".join(name for name, _ in high))
            sums = [
                (sum(cells[0] for _, cells in part), sum(cells[1] for _, cells in part))
                for part in (low, high)
            ]
            pairs.append(((joined[0], sums[0]), (joined[1], sums[1])))
    one, other = (names.arm(arm) for arm in counts.arms)
    # With one level printed the ratio is of that level; with two, which one is not stated.
    stated = counts.completed or bool(row.level)
    for (name, (a, c)), (against, (b, d)) in pairs:
        if min(a, b, c, d) == 0:
            continue
        ratio = cached_odds_ratio(a, b, c, d)
        exact = Fraction(a * d, b * c)
        label = _label(names, counts.item, name)
        yield RatioReading(
            f"the odds of {label} in {one} over {other}",
            True,
            exact,
            ratio,
        )
        yield RatioReading(
            f"the odds of {label} in {other} over {one}"
            if stated
            else f"the odds of {against} in {one} over {other}",
            not stated,
            1 / exact,
            ratio.inverse(),
        )


def _label(names: Names, item: str, level: str) -> str:
    """Name a level, with its item where the level alone says nothing."""
    plain = ("", names.level(item, "yes"), names.level(item, "no"))
    name = names.item(item)
    return level if level not in plain else f"{name}: {level}" if level else name


def _against_levels(table: PrintedTable, row: PublishedValue) -> Iterator[RatioReading]:
    """Yield the odds ratios of a level against each other level, in both directions."""
    names, own = table.names, table.names.level(row.item, row.level)
    for level, ratio in against_levels(table, row).items():
        for arms, found in (
            (f"{names.arm(row.arm)} over {names.arm(row.comparator)}", ratio),
            (f"{names.arm(row.comparator)} over {names.arm(row.arm)}", ratio.inverse()),
        ):
            text = f"the odds of {own} against {names.level(row.item, level)} in {arms}"
            yield RatioReading(text, found is ratio, Fraction(found.estimate), found)


def _show(
    table: PrintedTable, row: PublishedValue, printed: dict[str, PublishedValue], ratio: Ratio
) -> str:
    digits = table.printed(row).digits
    text = show(ratio.estimate, digits)
    if {"ci_low", "ci_high"} <= set(printed):
        text += f" ({show(ratio.ci_low, digits)} to {show(ratio.ci_high, digits)})"
    if "p" in printed:
        text += f", p {show(ratio.p, max(2, table.printed(printed['p']).digits))}"
    return text
