"""Percents that are printed without their counts."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import printed_interval, roundings, show
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.published import Printed


class PercentReachable(Rule):
    """Some whole number of patients gives the percent."""

    title = "Some whole number of patients gives the percent"
    reads = frozenset(["n", "count_total", "percent"])
    needs = "a percent without a count, of a printed denominator or group, in enough decimals"
    how_to_read = (
        "No whole number of patients over the denominator is printed like this. It is exact where "
        "the denominator stands beside the percent; with the group's size, patients without data "
        "could explain it."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every percent that stands alone."""
        for rows in table.estimates.values():
            row, total_row = rows.get("percent"), rows.get("count_total")
            if row is None or "n" in rows or row.subgroup or row.time:
                continue
            printed, total = table.printed(row), table.count(total_row)
            stated = total is not None
            if total is None:
                size = table.size(row.arm, row.stage, row.where)
                total, total_row = (None, None) if size is None else size
            if not total or total_row is None or printed.kind != "number":
                continue
            if table.counts.get((row.item, row.level, row.arm, row.stage)):
                continue  # the count stands elsewhere: another rule's matter
            if Fraction(100, total) <= printed.unit:
                continue  # every percent is reachable, so that nothing is learnt
            ids = (row.id, total_row.id)
            count = _count(printed, total)
            if count is not None:
                yield self.fits(ids, f"{count} of {total} is {row.printed}%")
                continue
            around = int(printed.value * total / 100)
            near = ", ".join(
                f"{n} of {total} is {show(Fraction(100 * n, total), printed.digits)}%"
                for n in (around, around + 1)
            )
            yield self.finds(
                ids,
                f"{table.names.subject(row)}: {near}; printed {row.printed}.",
                certainty="exact" if stated else "model_based",
                severity=table.severity(ids),
                clashes=[ids] if stated else (),
            )


def _count(printed: Printed, total: int) -> int | None:
    """Return the first whole number of which the percent is one, if there is one."""
    interval = printed_interval(printed)
    if interval is None or interval.low is None or interval.high is None:
        return None
    first = max(0, int(interval.low * total / 100))
    last = min(total, int((interval.high + printed.unit) * total / 100) + 1)
    for count in range(first, last + 1):
        if roundings(printed, Fraction(100 * count, total)):
            return count
    return None
