"""How many decimals a place prints: a number with more or fewer stands out."""

from __future__ import annotations

from collections import Counter

from replica.audit.table import PrintedTable
from replica.published import PublishedValue, parse_printed

# Statistics that are printed alike.
_FAMILIES = (
    frozenset({"hr", "or", "rr", "ci_low", "ci_high"}),
    frozenset({"min", "q1", "median", "q3", "max"}),
    frozenset({"mean", "sd"}),
    frozenset({"percent", "rate"}),
    frozenset({"n", "count_total"}),
)
# Times and measurements have decimals of their own.
_BY_ITEM = frozenset({"min", "q1", "median", "q3", "max", "mean", "sd"})
# With fewer numbers beside it a place tells nothing.
_ENOUGH = 2


class Decimals:
    """The usual numbers of decimals of a table's places.

    Parameters
    ----------
    table
        The printed numbers.
    """

    def __init__(self, table: PrintedTable) -> None:
        """Count the decimals of every number, by place and statistics printed alike."""
        self._table = table
        self._counts: dict[tuple[str, ...], Counter[int]] = {}
        for row in table.rows:
            printed = table.printed(row)
            if printed.kind == "number":
                self._counts.setdefault(_key(row), Counter())[printed.digits] += 1

    def usual(self, row: PublishedValue) -> int | None:
        """Return the decimals of most other numbers like a row, or None if they do not tell."""
        counts = Counter(self._counts.get(_key(row), Counter()))
        printed = self._table.printed(row)
        if printed.kind == "number":
            counts[printed.digits] -= 1
        if not counts:
            return None
        digits, times = counts.most_common(1)[0]
        return digits if times >= _ENOUGH and 2 * times > counts.total() else None

    def unusual(self, row: PublishedValue, text: str) -> bool:
        """Whether a text has other decimals than are usual where the row stands."""
        usual, printed = self.usual(row), parse_printed(text)
        return usual is not None and printed.kind == "number" and printed.digits != usual


def _key(row: PublishedValue) -> tuple[str, ...]:
    family = next((each for each in _FAMILIES if row.statistic in each), {row.statistic})
    item = row.item if row.statistic in _BY_ITEM else ""
    return row.where, min(family), row.unit, item
