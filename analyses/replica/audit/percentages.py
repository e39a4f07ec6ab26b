"""Percents beside their counts, and what tells their denominators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from replica.audit.interval import printed_interval, roundings, show
from replica.audit.table import ALL, PrintedTable
from replica.published import Printed, PublishedValue

Basis = Literal["stated", "levels", "matching", ""]

# A column's percents tell its denominator when so many of them, and this share, agree on it.
_ENOUGH = 3
_SHARE = Fraction(4, 5)


@dataclass(frozen=True)
class Percent:
    """A percent, the count beside it and what it may be a percent of.

    `stated` says that the denominator stands beside it; otherwise it is the group's size.
    """

    row: PublishedValue
    printed: Printed
    count: int
    count_row: PublishedValue
    total: int
    total_row: PublishedValue
    stated: bool

    @property
    def value(self) -> Fraction:
        """The percent that the count gives."""
        return Fraction(100 * self.count, self.total)

    @property
    def follows(self) -> bool:
        """Whether the percent follows from count and denominator, however it is rounded."""
        return bool(roundings(self.printed, self.value))

    @property
    def ids(self) -> tuple[str, ...]:
        """Count, denominator and percent."""
        return self.count_row.id, self.total_row.id, self.row.id

    @property
    def arithmetic(self) -> str:
        """The division, with two decimals more than are printed."""
        digits = self.printed.digits + 2
        return f"{self.count} of {self.total} is {show(self.value, digits)}%"

    def smaller_denominators(self) -> range:
        """Return the smaller whole numbers of patients of which the count is the percent.

        It may be rounded, or cut off: then it stands for all that is less than a unit above it.
        """
        interval = printed_interval(self.printed)
        if interval is None or interval.low is None:
            return range(0)
        first = Fraction(100 * self.count) / (self.printed.value + self.printed.unit)
        start = max(self.count, first.numerator // first.denominator + 1, 1)
        if interval.low <= 0:
            return range(start, self.total)
        last = Fraction(100 * self.count) / interval.low
        return range(start, min(self.total, last.numerator // last.denominator + 1))

    @property
    def without_data(self) -> tuple[int, int] | None:
        """The fewest and most patients without data that the percent allows; None if none do."""
        smaller = self.smaller_denominators()
        if not smaller:
            return (0, 0) if self.follows else None
        return 0 if self.follows else self.total - smaller[-1], self.total - smaller[0]


class Percents:
    """The percents of a table that have counts, by column, and the basis of their denominators."""

    def __init__(self, table: PrintedTable) -> None:
        """Read the percents; columns are of one place, arm and stage."""
        self.table = table
        self.columns: dict[tuple[str, str, str], list[Percent]] = defaultdict(list)
        self.cells: dict[tuple[str, ...], list[Percent]] = defaultdict(list)
        for percent in _percents(table):
            row = percent.row
            self.columns[row.where, row.arm, row.stage].append(percent)
            self.cells[row.item, row.level, row.outcome].append(percent)
        self._telling = {key: _telling(column) for key, column in self.columns.items()}

    def telling(self, percent: Percent) -> bool:
        """Whether the other percents of the column are of the group's size."""
        row = percent.row
        return self._telling[row.where, row.arm, row.stage]

    def beside(self, percent: Percent) -> Percent | None:
        """Return the same percent of another group there, stated to be of its whole group."""
        row = percent.row
        for other in self.cells[row.item, row.level, row.outcome]:
            found = other.row
            same = (found.where, found.stage) == (row.where, row.stage) and found.arm != row.arm
            if same and other.stated and other.follows and found.arm != ALL:
                size = self.table.size(found.arm, found.stage)
                if size is not None and size[0] == other.total:
                    return other
        return None

    def basis(self, percent: Percent) -> Basis:
        """Say what makes the denominator exact; empty if patients without data could be left out.

        It stands beside the percent; or the levels add up to the group; or the same percent of the
        same arm at the other stage has too few patients without data, whom matching neither adds
        nor provides with data.
        """
        if percent.stated:
            return "stated"
        others = self.levels_total(percent.row)
        if others is not None and others[0] == percent.total:
            return "levels"
        found = self.without_data(percent)
        return "matching" if found is not None and found[0] > found[1] else ""

    def without_data(self, percent: Percent) -> tuple[int, int] | None:
        """Count patients without data: as many as a percent needs, and as many as there can be.

        None where the percent is not printed for the same arm at the other stage.
        """
        row, study = percent.row, self.table.study
        if percent.stated or (study is not None and study.matching.replace):
            return None
        stage = {"before": "after", "after": "before"}.get(row.stage, "")
        others = [
            p
            for p in self.cells[row.item, row.level, row.outcome]
            if (p.row.arm, p.row.stage) == (row.arm, stage) and row.arm and not p.stated
        ]
        needed = percent.without_data
        allowed = [most[1] for p in others if (most := p.without_data) is not None]
        if needed is None or not allowed:
            return None
        left_out = percent.total - others[0].total if row.stage == "before" else 0
        return needed[0], max(allowed) + left_out

    def levels_total(self, row: PublishedValue) -> tuple[int, tuple[str, ...]] | None:
        """Add up the printed levels of a percent's item, if there are at least two."""
        levels = self.table.levels.get((row.where, row.item, row.arm, row.stage), {})
        if len(levels) < 2:
            return None
        total = sum(self.table.count(found) or 0 for found in levels.values())
        return total, tuple(found.id for found in levels.values())


def _telling(column: list[Percent]) -> bool:
    agree = sum(not percent.stated and percent.follows for percent in column)
    unstated = sum(not percent.stated for percent in column)
    return agree >= _ENOUGH and agree >= _SHARE * unstated


def _percents(table: PrintedTable) -> Iterator[Percent]:
    for estimate in table.estimates.values():
        row, total_row = estimate.get("percent"), estimate.get("count_total")
        if row is None or table.printed(row).kind != "number" or row.subgroup or row.time:
            continue
        count_row = estimate.get("n") or _same_count(table, row)
        count, total = table.count(count_row), table.count(total_row)
        stated = total is not None
        if total is None:
            size = table.size(row.arm, row.stage, row.where)
            if size is not None:
                total, total_row = size
        if count_row is None or count is None or not total or total_row is None:
            continue
        yield Percent(row, table.printed(row), count, count_row, total, total_row, stated)


def _same_count(table: PrintedTable, row: PublishedValue) -> PublishedValue | None:
    """Find the count of a percent that is printed alone, if all places print the same one."""
    rows = table.counts.get((row.item, row.level, row.arm, row.stage), ())
    same = [found for found in rows if found.outcome == row.outcome]
    return same[0] if len({table.count(found) for found in same}) == 1 else None
