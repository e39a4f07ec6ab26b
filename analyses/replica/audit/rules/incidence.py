"""Events against incidence: cumulative, and per person-time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from replica.audit.curves import RISING, share, time_of
from replica.audit.finding import Checked
from replica.audit.follow_up import length, longest, same_unit
from replica.audit.interval import Interval, exactly, show
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.published import PublishedValue

_PERSON_TIME = re.compile(r"per ([\d,]+ )?(?:person|patient)-(?:year|month|day)s?\Z")


class IncidenceHoldsEvents(Rule):
    """A cumulative incidence holds every event counted by its time."""

    title = "A cumulative incidence holds the events counted by its time"
    reads = frozenset(["n", "count_total", "percent", "rate", "max", "setting"])
    needs = (
        "a rate of an outcome, and its events and patients by the same time (or by the longest "
        "follow-up, if it is no later, or none at all)"
    )
    how_to_read = (
        "On a Kaplan-Meier or cumulative incidence curve every event is a step of at least one "
        "patient in all, whoever was censored before. The incidence is lower than the events over "
        "the patients, or above 0 without an event."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every rate of a group with counted events."""
        for row in table.with_statistic("rate"):
            time, found = time_of(row), _incidence(table, row)
            if time is None or found is None:
                continue
            for events, total_row in _counted_events(table, row):
                total, count = table.count(total_row), table.count(events)
                if not total or count is None or count > total:
                    continue
                end = longest(table, row)
                yield from self._compare(table, row, events, total_row, end)

    def _compare(
        self,
        table: PrintedTable,
        row: PublishedValue,
        events: PublishedValue,
        total_row: PublishedValue,
        end: PublishedValue | None,
    ) -> Iterator[Checked]:
        found, time = _incidence(table, row), time_of(row)
        count, total = table.count(events) or 0, table.count(total_row) or 1
        if found is None or time is None:
            return
        same = bool(events.time) and events.time == row.time
        ended = not events.time and end is not None and _over(table, time, end)
        least = exactly(Fraction(count, total))
        ids = [row.id, events.id, total_row.id, *([end.id] if ended and end else [])]
        shown = (
            f"{table.names.subject(row)}: {count} of {total} patients have the event; printed "
            f"{row.printed} at {row.time}"
        )
        none = count == 0 and not events.time and found.low is not None and found.low > 0
        if none or ((same or ended) and found.below(least)):
            why = (
                "without an event the incidence is 0"
                if none
                else "an incidence is at least the share with the event"
            )
            exact = none or same
            yield self.finds(
                ids,
                f"{shown}; {why}.",
                certainty="exact" if exact else "model_based",
                severity=table.severity(ids, flips=True),
                clashes=[table.open(ids)] if exact else (),
            )
        elif same or ended:
            yield self.fits(ids, shown)


class RateFromPersonTime(Rule):
    """An incidence rate is its events over the time at risk."""

    title = "An incidence rate follows from events and person-time"
    reads = frozenset(["n", "count_total", "rate"])
    needs = (
        "a rate with a unit such as `per 1000 person-years`, and of the same estimate the events "
        "and, as count_total, the person-time"
    )
    how_to_read = "The events over the person-time are not the rate printed."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every rate per person-time."""
        for rows in table.estimates.values():
            row, events, time = rows.get("rate"), rows.get("n"), rows.get("count_total")
            per = _per(row.unit) if row is not None else None
            if row is None or events is None or time is None or per is None:
                continue
            wanted, at_risk, count = table.interval(row), table.interval(time), table.count(events)
            if wanted is None or at_risk is None or not at_risk.low or count is None:
                continue
            found = exactly(Fraction(count * per)).quotient(at_risk)
            ids = (row.id, events.id, time.id)
            value = Fraction(count * per) / table.printed(time).value
            digits = table.printed(row).digits
            shown = (
                f"{table.names.subject(row)}: {count} events in {time.printed} {time.unit} are "
                f"{show(value, digits)} {row.unit}; printed {row.printed}"
            )
            if found.meets(wanted):
                yield self.fits(ids, shown)
                continue
            near = table.printed(row).within_a_unit(value)
            severity = table.severity(ids, within_a_unit=near)
            yield self.finds(ids, f"{shown}.", certainty="exact", severity=severity, clashes=[ids])


def _incidence(table: PrintedTable, row: PublishedValue) -> Interval | None:
    """Return the share with the event, from an incidence or what survival leaves of 1."""
    found = share(table, row)
    if found is None or any(word in row.item for word in RISING):
        return found
    return exactly(1) - found


def _counted_events(
    table: PrintedTable, row: PublishedValue
) -> Iterator[tuple[PublishedValue, PublishedValue]]:
    """Find the events of a rate's outcome in its group, and the patients that they are of."""
    for found in table.with_statistic("n"):
        own = bool(row.outcome) and found.outcome == row.outcome and not found.level
        group = (found.arm, found.stage, found.subgroup, found.comparator)
        if not own or group != (row.arm, row.stage, row.subgroup, "") or row.subgroup:
            continue
        if found.time not in ("", row.time) or table.count(found) is None:
            continue
        size = table.size(row.arm, row.stage, found.where)
        total = table.estimates[found.estimate_id].get("count_total")
        if total is None and size is not None:
            total = size[1]
        if total is not None and total.unit in ("", "patients"):
            yield found, total


def _over(table: PrintedTable, time: tuple[Fraction, str], end: PublishedValue) -> bool:
    """Whether nobody is followed beyond a time."""
    factor, limit = same_unit(time[1], end.unit), length(table, end)
    if factor is None or limit is None or limit.high is None:
        return False
    return limit.high <= time[0] * factor


def _per(unit: str) -> int | None:
    """Return of how much person-time a rate is, such as 1000 in `per 1000 person-years`."""
    match = _PERSON_TIME.match(unit)
    return None if match is None else int((match[1] or "1").strip().replace(",", ""))
