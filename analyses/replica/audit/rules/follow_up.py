"""Follow-up against the times and rates of outcomes."""

from __future__ import annotations

from collections.abc import Iterator

from replica.audit.curves import time_of
from replica.audit.finding import Checked
from replica.audit.follow_up import ITEM, length, longest, same_unit
from replica.audit.interval import exactly
from replica.audit.naming import STATISTIC_WORDS
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.published import PublishedValue

_TIMES = ("median", "q1", "q3", "max")


class FollowUpLongEnough(Rule):
    """No time or rate of an outcome lies beyond the longest follow-up."""

    title = "Follow-up reaches the times printed for outcomes"
    reads = frozenset(["median", "q1", "q3", "max", "rate", "setting"])
    needs = (
        "a rate, or a time of an outcome, and the longest follow-up of the same patients: a "
        f"maximum of the item `{ITEM}`, or the setting `{ITEM}_window`"
    )
    how_to_read = (
        "A curve ends with the longest follow-up, and nobody's event is seen after it. A time or "
        "rate is printed for a later time. Follow-up counted from another day than the outcome "
        "could explain it: a question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check the rates and times of every group that has a longest follow-up."""
        for row in table.rows:
            if not row.outcome or row.comparator or row.item.startswith(ITEM):
                continue
            time = time_of(row) if row.statistic == "rate" else None
            found, unit = None, row.unit
            if time is not None:
                found, unit = exactly(time[0]), time[1]
            elif row.statistic in _TIMES:
                found = table.interval(row)
            end = longest(table, row) if found is not None else None
            if found is None or end is None or not same_unit(unit, end.unit):
                continue
            limit = length(table, end)
            factor = same_unit(unit, end.unit)
            if limit is None or factor is None:
                continue
            what = f"{row.time or row.printed} {'' if row.time else unit}".strip()
            shown = (
                f"{table.names.subject(row, statistic=True)}: {what}; the longest follow-up is "
                f"{end.printed} {end.unit}"
            )
            if not limit.below(found.times(factor)):
                yield self.fits((row.id, end.id), shown)
                continue
            ids = (row.id, end.id)
            severity = table.severity(ids)
            yield self.finds(ids, f"{shown}.", certainty="model_based", severity=severity)


class FollowUpUntilEvent(Rule):
    """Follow-up that ends with the event is in the median no longer than the event's median."""

    title = "Follow-up that ends with the event is no longer than the time to the event"
    reads = frozenset(["median"])
    needs = (
        "a claim `until_event` about the median follow-up and the median time to the event that "
        "ends it, of the same patients"
    )
    how_to_read = (
        "By the paper's words follow-up ends with the event or the last visit. Of patients "
        "followed so, at least as large a share as were followed beyond a time is on the "
        "Kaplan-Meier curve above it, so that half of them cannot be followed beyond its median. "
        "A median follow-up of those still alive, or one with the event as the censoring (reverse "
        "Kaplan-Meier), may be longer: a question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every such claim."""
        for claim in table.claims:
            if claim.direction != "until_event":
                continue
            rows = [table.estimates.get(name, {}).get("median") for name in claim.estimates]
            medians = [row for row in rows if row is not None]
            followed = [row for row in medians if row.item == ITEM]
            events = [row for row in medians if row.item != ITEM]
            for one in followed:
                for other in events:
                    yield from self._compare(table, claim.key, one, other)

    def _compare(
        self, table: PrintedTable, key: str, one: PublishedValue, other: PublishedValue
    ) -> Iterator[Checked]:
        first, second = table.interval(one), table.interval(other)
        factor = same_unit(one.unit, other.unit)
        group = (one.arm, one.stage, one.subgroup)
        if first is None or second is None or factor is None:
            return
        if group != (other.arm, other.stage, other.subgroup):
            return
        ids = (one.id, other.id, key)
        name = STATISTIC_WORDS.get(other.statistic, other.statistic)
        shown = (
            f"{table.names.group(one)}: median follow-up {one.printed} {one.unit}; {name} of "
            f"{table.names.outcome(other.outcome)} {other.printed} {other.unit}"
        )
        if not second.below(first.times(factor)):
            yield self.fits(ids, shown)
            return
        yield self.finds(
            ids,
            f"{shown}. Follow-up that ends with the event cannot be longer in the median.",
            certainty="model_based",
            severity=table.severity(ids),
        )
