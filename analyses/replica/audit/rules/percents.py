"""Counts and their percents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from replica.audit.finding import Checked
from replica.audit.interval import TRUNCATED, printed_interval, roundings, show
from replica.audit.rule import Rule
from replica.audit.table import ALL, PrintedTable
from replica.published import Printed, PublishedValue

# A column's percents tell its denominator when so many of them, and this share, agree on it.
_ENOUGH = 3
_SHARE = Fraction(4, 5)


@dataclass(frozen=True)
class _Percent:
    """A percent, the count beside it and what it may be a percent of."""

    row: PublishedValue
    printed: Printed
    count: int
    count_row: PublishedValue
    total: int
    total_row: PublishedValue
    stated: bool

    @property
    def value(self) -> Fraction:
        return Fraction(100 * self.count, self.total)

    @property
    def ids(self) -> tuple[str, ...]:
        return self.count_row.id, self.total_row.id, self.row.id

    @property
    def arithmetic(self) -> str:
        digits = self.printed.digits + 2
        return f"{self.count} of {self.total} is {show(self.value, digits)}%"


class PercentOfCount(Rule):
    """A percent is its count over its denominator."""

    title = "A percent follows from its count and denominator"
    needs = "a count, a percent of the same estimate, and a denominator or the group's size"
    how_to_read = (
        "The count over the denominator, rounded half up, half to even or truncated, is not the "
        "percent printed. It is exact where the denominator is printed, where the levels add up "
        "to it, or where no smaller whole number would give the percent; otherwise patients "
        "without data could explain it."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every percent that stands beside a count."""
        columns: dict[tuple[str, str, str], list[_Percent]] = defaultdict(list)
        for percent in _percents(table):
            row = percent.row
            columns[row.where, row.arm, row.stage].append(percent)
        for column in columns.values():
            agree = sum(not p.stated and bool(roundings(p.printed, p.value)) for p in column)
            unstated = sum(not p.stated for p in column)
            telling = agree >= _ENOUGH and agree >= _SHARE * unstated
            for percent in column:
                yield from self._check(table, percent, telling=telling)

    def _check(self, table: PrintedTable, percent: _Percent, *, telling: bool) -> Iterator[Checked]:
        ways = roundings(percent.printed, percent.value)
        shown = f"{percent.arithmetic}; printed {percent.printed.text}"
        if ways and ways != (TRUNCATED,):
            yield self.fits(percent.ids, shown)
            return
        if ways:
            message = f"{shown}: follows by truncation, not by rounding."
            yield self.finds(percent.ids, message, certainty="exact", severity="rounding")
            return
        others = _levels_total(table, percent.row)
        if others is not None and percent.count <= others[0] != percent.total:
            value = Fraction(100 * percent.count, others[0]) if others[0] else Fraction(0)
            if roundings(percent.printed, value):
                note = f"{percent.count} of the {others[0]} with a printed level"
                yield self.fits((percent.row.id, *others[1]), note)
                return
        yield from self._differs(table, percent, others, shown, telling=telling)

    def _differs(
        self,
        table: PrintedTable,
        percent: _Percent,
        others: tuple[int, tuple[str, ...]] | None,
        shown: str,
        *,
        telling: bool,
    ) -> Iterator[Checked]:
        fitting = _denominators(percent)
        complete = others is not None and others[0] == percent.total
        exact = percent.stated or complete or not fitting
        if not exact and not telling:
            return
        message = f"{shown}.{_other_totals(table, percent)}"
        if not exact:
            span = f"{fitting[0]}" if len(fitting) == 1 else f"{fitting[0]} to {fitting[-1]}"
            message += (
                f" The percent would need a denominator of {span}, while the column's other "
                f"percents have {percent.total}."
            )
        yield self.finds(
            percent.ids,
            message,
            certainty="exact" if exact else "model_based",
            severity=table.severity(
                percent.ids, within_a_unit=percent.printed.within_a_unit(percent.value)
            ),
            clashes=[percent.ids] if exact else (),
        )


class PercentOfArms(Rule):
    """A percent of everyone follows from the counts of the arms."""

    title = "A percent of all patients follows from the arms' counts"
    needs = "a percent of all patients, and the counts and sizes of treated and control"
    how_to_read = "The arms' counts together, over the arms' sizes, are not the percent printed."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every percent printed for both arms together."""
        for row in table.with_statistic("percent"):
            printed = table.printed(row)
            alone = "n" in table.estimates[row.estimate_id] or row.subgroup or row.time
            if row.arm != ALL or alone or printed.kind != "number":
                continue
            parts = [
                (
                    table.counts.get((row.item, row.level, arm, row.stage)),
                    table.size(arm, row.stage),
                )
                for arm in ("treated", "control")
            ]
            rows = [(counts[0], size) for counts, size in parts if counts and size]
            if len(rows) != len(parts):
                continue
            count = sum(table.count(found) or 0 for found, _ in rows)
            total = sum(size for _, (size, _) in rows)
            value = Fraction(100 * count, total)
            ids = [*(found.id for found, _ in rows), *(size.id for _, (_, size) in rows), row.id]
            added = " + ".join(str(table.count(found)) for found, _ in rows)
            sizes = " + ".join(str(size) for _, (size, _) in rows)
            text = (
                f"({added}) of ({sizes}) is {show(value, printed.digits + 2)}%; "
                f"printed {printed.text}"
            )
            if roundings(printed, value):
                yield self.fits(ids, text)
                continue
            severity = table.severity(ids, within_a_unit=printed.within_a_unit(value))
            yield self.finds(ids, f"{text}.", certainty="exact", severity=severity, clashes=[ids])


def _percents(table: PrintedTable) -> Iterator[_Percent]:
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
        printed = table.printed(row)
        yield _Percent(row, printed, count, count_row, total, total_row, stated)


def _same_count(table: PrintedTable, row: PublishedValue) -> PublishedValue | None:
    """Find the count of a percent that is printed alone, if all places print the same one."""
    rows = table.counts.get((row.item, row.level, row.arm, row.stage), ())
    same = [found for found in rows if found.outcome == row.outcome]
    return same[0] if len({table.count(found) for found in same}) == 1 else None


def _levels_total(table: PrintedTable, row: PublishedValue) -> tuple[int, tuple[str, ...]] | None:
    """Add up the printed levels of the percent's item, if there are at least two."""
    levels = table.levels.get((row.where, row.item, row.arm, row.stage), {})
    if len(levels) < 2:
        return None
    total = sum(table.count(found) or 0 for found in levels.values())
    return total, tuple(found.id for found in levels.values())


def _denominators(percent: _Percent) -> range:
    """Return the smaller whole numbers of patients of which the count is the percent printed."""
    interval = printed_interval(percent.printed)
    if interval is None or interval.low is None or interval.high is None or interval.high <= 0:
        return range(0)
    first = Fraction(100 * percent.count) / interval.high
    start = max(percent.count, -(-first.numerator // first.denominator), 1)
    if interval.low <= 0:
        return range(start, percent.total)
    last = Fraction(100 * percent.count) / interval.low
    return range(start, min(percent.total, last.numerator // last.denominator + 1))


def _other_totals(table: PrintedTable, percent: _Percent) -> str:
    """Name the other sizes that the paper prints, or sums of two of one stage, that would fit."""
    found: dict[int, str] = {}
    for stage in sorted({stage for _, stage in table.sizes}):
        sizes = {
            arm: size[0]
            for arm, own in sorted(table.sizes)
            if own == stage and (size := table.size(arm, stage)) is not None
        }
        for value in sizes.values():
            found.setdefault(value, str(value))
        if {"treated", "control"} <= set(sizes):
            both = sizes["treated"] + sizes["control"]
            found.setdefault(both, f"{both} = {sizes['treated']} + {sizes['control']}")
    fitting = [
        text
        for value, text in found.items()
        if value >= percent.count
        and value not in (0, percent.total)
        and roundings(percent.printed, Fraction(100 * percent.count, value))
    ]
    return f" It would follow from a denominator of {', or of '.join(fitting)}." if fitting else ""
