"""What the paper prints of the matched comparison: how many were matched, and the hazard ratio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replica.published import Printed, PublishedValue


@dataclass(frozen=True)
class Reference:
    """A printed number that runs are held beside: its text, value and what rounds to it."""

    where: str
    printed: Printed

    @property
    def value(self) -> float:
        """The number as printed."""
        return float(self.printed.value)

    @property
    def text(self) -> str:
        """The number's text."""
        return self.printed.text

    def count(self, values: Iterable[float]) -> int:
        """Count the values that would be printed like this."""
        low, high = self.printed.bounds()
        return sum(low <= value < high for value in values)


def printed_ratio(published: Sequence[PublishedValue], outcome: str) -> Reference | None:
    """Return the hazard ratio of treatment after matching, as the paper first prints it."""
    return _first(
        row
        for row in published
        if (row.item, row.outcome, row.stage, row.statistic)
        == ("treatment", outcome, "after", "hr")
        and not row.subgroup
        and row.model in ("", "crude")
    )


def printed_pairs(published: Sequence[PublishedValue]) -> Reference | None:
    """Return how many treated patients were matched, as the paper first prints it."""
    return _first(
        row
        for row in published
        if (row.item, row.stage, row.statistic) == ("patients", "after", "n")
        and (row.arm == "treated" or row.level == "each_arm")
        and not row.subgroup
    )


def _first(rows: Iterable[PublishedValue]) -> Reference | None:
    for row in rows:
        if row.value.kind == "number":
            return Reference(row.where, row.value)
    return None
