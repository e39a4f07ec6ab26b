"""Differences of risks, and differences of medians."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import Interval, show
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.audit.two_risks import TwoRisks
from replica.published import PublishedValue


class RiskDifferenceFromRisks(Rule):
    """A risk difference is the difference of the two printed risks."""

    title = "A risk difference is the difference of the two risks"
    reads = frozenset(["risk_difference", "percent", "rate"])
    needs = "a risk difference of two groups, and percents or rates of the same outcome in both"
    how_to_read = (
        "No unrounded risks that print like these differ by the printed difference. Risks at "
        "another time, printed elsewhere, may fit; they are named."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every risk difference against every pair of risks of its outcome."""
        for row in table.with_statistic("risk_difference"):
            printed = table.printed(row)
            difference = table.interval(row)
            if difference is None or not (row.outcome and row.arm and row.comparator):
                continue
            agreeing = [p for p in _pairs(table, row) if _meets(table, row, difference, p)]
            apart = _apart(table, row, difference)
            for one, other in agreeing:
                shown = f"{one.printed} - {other.printed}; printed {row.printed}"
                yield self.fits((row.id, one.id, other.id), shown)
            if not apart:
                continue
            one, other = apart[0]
            what = table.names.outcome(row.outcome)
            value = _share(one, table.printed(one).value) - _share(
                other, table.printed(other).value
            )
            text = show(value, max(printed.digits, 3))
            message = f"{what}: {one.printed} - {other.printed} is {text}; printed {row.printed}."
            if agreeing:
                names = ", ".join(_told(table, row, pair) for pair in agreeing)
                message += f" It follows from {names}."
            ids = [row.id, *(found.id for pair in apart for found in pair)]
            yield self.finds(
                ids,
                message,
                certainty="exact",
                severity=table.severity(ids, flips=True),
                clashes=[(row.id, a.id, b.id) for a, b in apart],
            )


class RiskDifferenceFromCounts(Rule):
    """A risk difference follows from the counts of the two groups."""

    title = "A risk difference follows from its counts"
    reads = frozenset(["n", "count_total", "percent", "risk_difference"])
    needs = (
        "a risk difference without a time, and counts of the same outcome or item in both groups"
    )
    how_to_read = (
        "Neither the difference of the two shares of patients nor its opposite is printed. A "
        "question, as a difference of curves, or an adjusted one, need not follow from counts."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every risk difference that has counts of its outcome in both groups."""
        for row in table.with_statistic("risk_difference"):
            wanted, printed = table.interval(row), table.printed(row)
            if wanted is None or row.time or row.subgroup or row.model == "multivariable":
                continue
            if _apart(table, row, wanted):
                continue  # the printed risks say so already
            mine, others = (_counted(table, row, arm) for arm in (row.arm, row.comparator))
            if mine is None or others is None:
                continue
            (one, first), (other, second) = mine, others
            risks = TwoRisks((first[0], second[0]), (first[1], second[1]))
            factor = 100 if row.unit == "percent" else 1
            value = risks.difference * factor
            shown = (
                f"{table.names.subject(row)}: {first[0]}/{first[1]} - {second[0]}/{second[1]} is "
                f"{show(value, max(printed.digits, 1))}; printed {row.printed}"
            )
            ids = (*one, *other, row.id)
            if value in wanted:
                yield self.fits(ids, shown)
            elif -value in wanted:
                note = f"{shown}, which follows as the second group less the first"
                yield self.fits(ids, note)
            else:
                near = printed.within_a_unit(value) or printed.within_a_unit(-value)
                yield self.finds(
                    ids,
                    f"{shown}.",
                    certainty="model_based",
                    severity=table.severity(ids, within_a_unit=near),
                )


class DifferenceOfMedians(Rule):
    """A printed difference of medians is that of the two medians."""

    title = "A difference of medians is that of the two medians"
    reads = frozenset(["median"])
    needs = "an item named `..._difference` with a median, and the medians of both groups"
    how_to_read = "No unrounded medians that print like these differ by the printed difference."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every median of a difference."""
        for row in table.with_statistic("median"):
            difference = table.interval(row)
            named = row.item.endswith("_difference") and row.comparator
            if not named or difference is None:
                continue
            item = row.item.removesuffix("_difference")
            found = [
                [
                    other
                    for other in table.with_statistic("median")
                    if (other.item, other.outcome, other.arm) == (item, row.outcome, arm)
                    and (other.stage, other.subgroup) == (row.stage, row.subgroup)
                ]
                for arm in (row.arm, row.comparator)
            ]
            if not all(found):
                continue
            one, other = found[0][0], found[1][0]
            first, second = table.interval(one), table.interval(other)
            if first is None or second is None:
                continue
            ids = (row.id, one.id, other.id)
            shown = f"{one.printed} - {other.printed}; printed {row.printed}"
            if (first - second).meets(difference):
                yield self.fits(ids, shown)
            else:
                severity = table.severity(ids)
                message = f"{table.names.outcome(row.outcome)}: {shown}."
                yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[ids])


_Pair = tuple[PublishedValue, PublishedValue]


def _pairs(table: PrintedTable, row: PublishedValue) -> Iterator[_Pair]:
    """Yield the risks of both groups that are printed as one quantity in one place."""
    for one in table.with_statistic("percent", "rate"):
        if (one.outcome, one.arm, one.stage) != (row.outcome, row.arm, row.stage):
            continue
        if one.subgroup != row.subgroup or table.interval(one) is None:
            continue
        for other in table.with_statistic(one.statistic):
            same = (other.where, other.item, other.level, other.outcome, other.time) == (
                one.where,
                one.item,
                one.level,
                one.outcome,
                one.time,
            )
            against = (other.arm, other.stage, other.subgroup)
            wanted = (row.comparator, row.stage, row.subgroup)
            if same and against == wanted and table.interval(other) is not None:
                yield one, other


def _apart(table: PrintedTable, row: PublishedValue, difference: Interval) -> list[_Pair]:
    """Return the pairs of risks that are to give a difference, if none of them does.

    A place may print shares of patients and rates of a curve: one pair of it has to agree.
    """
    pairs = list(_pairs(table, row))
    own = [pair for pair in pairs if pair[0].where == row.where] or pairs
    return [] if any(_meets(table, row, difference, pair) for pair in own) else own


def _counted(
    table: PrintedTable, row: PublishedValue, arm: str
) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """Find the patients of one group with the outcome of a difference, and the group's size."""
    for found in table.with_statistic("n"):
        own = found.outcome == row.outcome if row.outcome else found.item == row.item
        place = (found.arm, found.stage, found.subgroup, found.time, found.comparator)
        if not own or place != (arm, row.stage, "", "", "") or table.is_size(found):
            continue
        count = table.count(found)
        total_row = table.estimates[found.estimate_id].get("count_total")
        size = table.size(arm, row.stage, found.where)
        if total_row is None and size is not None:
            total_row = size[1]
        total = table.count(total_row)
        if count is not None and total_row is not None and total and count <= total:
            return (found.id, total_row.id), (count, total)
    return None


def _share(row: PublishedValue, value: Fraction) -> Fraction:
    return value / 100 if row.unit == "percent" else value


def _told(table: PrintedTable, row: PublishedValue, pair: _Pair) -> str:
    """Write two risks, their place, and the least and greatest difference before rounding."""
    one, other = pair
    reach = _difference(table, row, pair)
    digits = table.printed(row).digits + 1
    span = ""
    if reach is not None and reach.low is not None and reach.high is not None:
        span = f", {show(reach.low, digits)} to {show(reach.high, digits)} before rounding"
    return f"{one.printed} - {other.printed} ({one.where}{span})"


def _difference(table: PrintedTable, row: PublishedValue, pair: _Pair) -> Interval | None:
    """Return the differences of two risks that print like these, in the unit of a difference."""
    shares = []
    for found in pair:
        interval = table.interval(found)
        if interval is None:
            return None
        percent = found.unit == "percent"
        shares.append(interval.times(Fraction(1, 100)) if percent else interval)
    return (shares[0] - shares[1]).times(100 if row.unit == "percent" else 1)


def _meets(
    table: PrintedTable,
    row: PublishedValue,
    difference: Interval,
    pair: _Pair,
) -> bool:
    found = _difference(table, row, pair)
    return found is not None and found.meets(difference)
