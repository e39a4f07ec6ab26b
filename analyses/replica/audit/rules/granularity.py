"""Times in months that must come from whole days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import Interval
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.published import PublishedValue

# Days in a month, as programs and papers take it.
DIVISORS: Mapping[str, Fraction] = {
    "30.4375": Fraction(487, 16),
    "30.44": Fraction(761, 25),
    "30.4": Fraction(152, 5),
    "30.42": Fraction(1521, 50),
    "30.5": Fraction(61, 2),
    "30": Fraction(30),
    "28": Fraction(28),
    "365/12": Fraction(365, 12),
}
_STATISTICS = ("median", "q1", "q3", "min", "max")
# With fewer decimals every printed time is a number of days under every divisor.
_DIGITS = 2


class WholeDays(Rule):
    """All printed times are whole days, or half days, under one divisor."""

    title = "Printed times are whole days under one divisor"
    reads = frozenset(["min", "q1", "median", "q3", "max"])
    needs = f"medians, quartiles or ranges in months with at least {_DIGITS} decimals"
    how_to_read = (
        "Times are differences of dates, so whole days, divided by a number of days in a month; a "
        "median or quartile of an even number of patients may lie halfway between two days. No "
        "divisor in use gives all printed times. Times computed in whole months, or interpolated, "
        "would not follow: a question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check all times of the table together."""
        rows = [
            row
            for row in table.with_statistic(*_STATISTICS)
            if row.unit == "months"
            and not row.item.endswith("_difference")
            and table.printed(row).kind == "number"
            and table.printed(row).digits >= _DIGITS
        ]
        if not rows:
            return
        failing = {
            name: _failing(table, rows, days, halves=False) for name, days in DIVISORS.items()
        }
        halves = {name: _failing(table, rows, days, halves=True) for name, days in DIVISORS.items()}
        ids = [row.id for row in rows]
        whole = [name for name, failed in failing.items() if not failed]
        split = [name for name, failed in halves.items() if not failed]
        if whole:
            yield self.fits(ids, f"whole days divided by {' or '.join(whole)} give every time")
            return
        if split:
            note = f"whole or half days divided by {' or '.join(split)} give every time"
            yield self.fits(ids, note)
            return
        name = min(halves, key=lambda key: len(halves[key]))
        odd = halves[name]
        good = [row.id for row in rows if row not in odd]
        if good:
            yield self.fits(good, f"whole or half days divided by {name}")
        times = ", ".join(dict.fromkeys(row.printed for row in odd))
        yield self.finds(
            [row.id for row in odd],
            f"Days divided by {name} give {len(good)} of the {len(rows)} printed times, but not "
            f"{times}; no other divisor gives more.",
            certainty="model_based",
            severity="rounding",
        )


def _failing(
    table: PrintedTable, rows: list[PublishedValue], days: Fraction, *, halves: bool
) -> list[PublishedValue]:
    return [
        row
        for row in rows
        if (interval := table.interval(row)) is None
        or not _reachable(interval, days, halves=halves)
    ]


def _reachable(interval: Interval, days: Fraction, *, halves: bool) -> bool:
    """Whether a whole (or half) number of days over the divisor lies in the interval."""
    if interval.low is None or interval.high is None:
        return True
    step = 2 if halves else 1
    low, high = interval.low * days * step, interval.high * days * step
    return -(-low.numerator // low.denominator) <= high.numerator // high.denominator
