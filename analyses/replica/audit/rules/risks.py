"""Differences of risks, and differences of medians."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import Interval, show
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
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
            pairs = list(_pairs(table, row))
            agreeing = [pair for pair in pairs if _meets(table, row, difference, pair)]
            own = [pair for pair in pairs if pair[0].where == row.where] or pairs
            # A place may print shares of patients and rates of a curve: one pair has to agree.
            apart = [] if any(pair in agreeing for pair in own) else own
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
                names = ", ".join(f"{a.printed} - {b.printed} ({a.where})" for a, b in agreeing)
                message += f" It follows from {names}."
            ids = [row.id, *(found.id for pair in apart for found in pair)]
            yield self.finds(
                ids,
                message,
                certainty="exact",
                severity=table.severity(ids, flips=True),
                clashes=[(row.id, a.id, b.id) for a, b in apart],
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


def _pairs(
    table: PrintedTable, row: PublishedValue
) -> Iterator[tuple[PublishedValue, PublishedValue]]:
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


def _share(row: PublishedValue, value: Fraction) -> Fraction:
    return value / 100 if row.unit == "percent" else value


def _meets(
    table: PrintedTable,
    row: PublishedValue,
    difference: Interval,
    pair: tuple[PublishedValue, PublishedValue],
) -> bool:
    shares = []
    for found in pair:
        interval = table.interval(found)
        if interval is None:
            return False
        percent = found.unit == "percent"
        shares.append(interval.times(Fraction(1, 100)) if percent else interval)
    wanted = difference.times(Fraction(1, 100)) if row.unit == "percent" else difference
    return (shares[0] - shares[1]).meets(wanted)
