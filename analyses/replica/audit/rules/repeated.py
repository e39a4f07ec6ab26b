"""The same quantity printed in several places."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from replica.audit.finding import Checked
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable
from replica.published import PublishedValue

_NUMBER_AND_WORD = re.compile(r"(\d+(?:\.\d+)?)\s+(million|billion|thousand|hundred)\Z")


class RepeatedNumber(Rule):
    """A quantity printed twice has one value."""

    title = "A quantity printed in several places has one value"
    needs = "two rows whose columns from item to statistic are equal"
    how_to_read = (
        "The places print values that no single unrounded number would give, each at its own "
        "precision. Which of them is meant cannot be told from this alone."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Compare all printed values of every quantity."""
        for rows in table.quantities.values():
            places = [row for row in rows if row.printed]
            if len(places) > 1:
                yield from self._compare(table, places)

    def _compare(self, table: PrintedTable, rows: list[PublishedValue]) -> Iterator[Checked]:
        pairs = list(combinations(rows, 2))
        apart = [pair for pair in pairs if _differ(table, *pair)]
        agreeing = [row for row in rows if not any(row in pair for pair in apart)]
        if len(agreeing) > 1 or (not apart and len(rows) > 1):
            same = [row for row in (agreeing or rows) if table.interval(row) is not None]
            if len(same) > 1:
                yield self.fits((row.id for row in same), f"{same[0].printed} in every place")
        if not apart:
            return
        involved = [row for row in rows if any(row in pair for pair in apart)]
        printed: dict[str, list[str]] = defaultdict(list)
        for row in involved:
            printed[row.printed].append(row.where)
        shown = "; ".join(f"{text} ({', '.join(where)})" for text, where in printed.items())
        ids = [row.id for row in involved]
        units = all(_within_a_unit(table, *pair) for pair in apart)
        near = units and involved[0].statistic not in ("n", "count_total")
        setting = involved[0].statistic == "setting"
        yield self.finds(
            ids,
            f"{table.names.subject(involved[0], statistic=True)} is printed as {shown}.",
            certainty="exact",
            severity="table" if setting else table.severity(ids, flips=True, within_a_unit=near),
            clashes=[[one.id, other.id] for one, other in apart],
        )


def _differ(table: PrintedTable, one: PublishedValue, other: PublishedValue) -> bool:
    first, second = table.interval(one), table.interval(other)
    if first is not None and second is not None:
        if one.unit != other.unit:
            return False
        if one.statistic in ("n", "count_total"):
            return table.printed(one).value != table.printed(other).value
        return not first.meets(second)
    left = _NUMBER_AND_WORD.match(one.printed)
    right = _NUMBER_AND_WORD.match(other.printed)
    if left is not None and right is not None:
        return left.groups() != right.groups()
    return False


def _within_a_unit(table: PrintedTable, one: PublishedValue, other: PublishedValue) -> bool:
    first, second = table.printed(one), table.printed(other)
    if first.kind != "number" or second.kind != "number":
        return False
    return abs(first.value - second.value) <= max(first.unit, second.unit)
