"""Levels that make up a group, and groups that make up the total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

from replica.audit.finding import Checked
from replica.audit.interval import exactly, roundings
from replica.audit.rule import Rule
from replica.audit.table import ALL, EACH_ARM, PrintedTable
from replica.published import PublishedValue

_ARMS = ("treated", "control")
# How many rows must fit before a group is taken to be made of two others.
_ENOUGH = 5


@dataclass(frozen=True)
class _Column:
    """The levels of one item in one column, and the size of its group."""

    rows: tuple[PublishedValue, ...]
    counts: tuple[int, ...]
    size: int
    size_row: PublishedValue

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def ids(self) -> tuple[str, ...]:
        return (*(row.id for row in self.rows), self.size_row.id)

    @property
    def shown(self) -> str:
        return f"{' + '.join(map(str, self.counts))} = {self.total}; the group has {self.size}"


class LevelsAddUp(Rule):
    """The levels of a covariate add up to the size of the group."""

    title = "The levels of a covariate add up to their group"
    reads = frozenset(["n", "percent"])
    needs = "counts of at least two levels of one item, and the group's size"
    how_to_read = (
        "The printed levels make up the whole group (by the protocol, as yes and no, or as they do "
        "in the table's other columns), yet here they do not add up to its size. Fewer patients "
        "than the group holds can be missing data; more cannot."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every item of every column."""
        blocks: dict[tuple[str, str, tuple[str, ...]], list[tuple[str, str]]] = defaultdict(list)
        for (where, item, arm, stage), levels in table.levels.items():
            if len(levels) > 1 and "" not in levels:
                blocks[where, item, tuple(sorted(levels))].append((arm, stage))
        for (where, item, names), columns in blocks.items():
            yield from self._block(table, where, item, names, columns)

    def _block(
        self,
        table: PrintedTable,
        where: str,
        item: str,
        names: Sequence[str],
        columns: Sequence[tuple[str, str]],
    ) -> Iterator[Checked]:
        columns_read: list[_Column] = []
        for arm, stage in columns:
            size = table.size(arm, stage, where)
            if size is not None:
                rows = tuple(table.levels[where, item, arm, stage].values())
                counts = tuple(table.count(row) or 0 for row in rows)
                columns_read.append(_Column(rows, counts, size[0], size[1]))
        known = table.known_levels(item)
        full = set(names) == {"yes", "no"} or (known is not None and set(known) == set(names))
        equal = sum(column.total == column.size for column in columns_read)
        full = full or (equal > 0 and 2 * equal >= len(columns_read))
        for column in columns_read:
            if column.total == column.size:
                yield self.fits(column.ids, column.shown)
            elif full and column.total > column.size:
                message = f"{table.names.item(item)}: {column.shown}, more than the group."
                yield self.finds(
                    column.ids,
                    message,
                    certainty="exact",
                    severity=table.severity(column.ids),
                    clashes=[table.open(column.ids)],
                )
            elif full:
                yield self._short(table, item, column)

    def _short(self, table: PrintedTable, item: str, column: _Column) -> Checked:
        """Report patients without a level, unless the percents bear the counts out."""
        missing = column.size - column.total
        shown = f"{table.names.item(item)}: {column.shown}, {missing} without a printed level"
        for total in (column.size, column.total):
            percents = [table.estimates[row.estimate_id].get("percent") for row in column.rows]
            shares = [Fraction(100 * count, total or 1) for count in column.counts]
            if all(
                row is not None and roundings(table.printed(row), value)
                for row, value in zip(percents, shares, strict=True)
            ):
                return self.fits(column.ids[:-1], f"{shown}, as the percents say")
        severity = table.severity(column.ids)
        return self.finds(column.ids, f"{shown}.", certainty="model_based", severity=severity)


class ArmsAddUp(Rule):
    """Treated and control add up to all."""

    title = "The arms add up to all patients"
    reads = frozenset(["n"])
    needs = "the same count for all patients, treated and control, at one stage"
    how_to_read = "Treated and control patients together are not the total printed."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every count printed for all patients, wherever the parts stand."""
        totals: dict[tuple[tuple[str, ...], int], list[PublishedValue]] = defaultdict(list)
        for row in table.with_statistic("n"):
            total = table.count(row)
            everyone = row.arm == ALL and row.level != EACH_ARM and not row.subgroup
            if everyone and total is not None:
                totals[row.key, total].append(row)
        for (_, total), wholes in totals.items():
            parts = [_counterparts(table, wholes[0], arm) for arm in _ARMS]
            sums: dict[tuple[int, ...], list[tuple[str, ...]]] = defaultdict(list)
            for whole, *pair in product(wholes, *parts):
                counts = tuple(table.count(part) or 0 for part in pair)
                sums[counts].append((whole.id, *(part.id for part in pair)))
            for counts, groups in sums.items():
                yield self._sum(table, wholes[0].item, total, counts, groups)

    def _sum(
        self,
        table: PrintedTable,
        item: str,
        total: int,
        counts: Sequence[int],
        groups: Sequence[tuple[str, ...]],
    ) -> Checked:
        ids = tuple(dict.fromkeys(name for group in groups for name in group))
        what, added = table.names.item(item), " + ".join(map(str, counts))
        shown = f"{what}: {added} = {sum(counts)}; printed {total} for all"
        if sum(counts) == total:
            return self.fits(ids, shown)
        severity = table.severity(ids, flips=True)
        return self.finds(ids, f"{shown}.", certainty="exact", severity=severity, clashes=groups)


class GroupsAddUp(Rule):
    """A group that is two others together in most rows is so in every row."""

    title = "A group made of two others holds both in every row"
    reads = frozenset(["n"])
    needs = f"counts of three groups at one place, {_ENOUGH} rows of which add up"
    how_to_read = (
        "In the other rows one group is the sum of two others; here it is not. That the groups "
        "make it up is read off those rows, so this is a question."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Look for groups that are sums, then for rows in which they are not."""
        cells: dict[tuple[str, str, str, str], dict[str, PublishedValue]] = defaultdict(dict)
        for row in table.with_statistic("n"):
            if table.count(row) is not None and not (row.subgroup or row.comparator or row.time):
                key = (row.where, row.item, row.level, row.stage)
                cells[key].setdefault(row.arm, row)
        arms = sorted({arm for cell in cells.values() for arm in cell} - {"", *_ARMS})
        for whole in arms:
            for parts in combinations([arm for arm in arms if arm != whole], 2):
                yield from self._relation(table, whole, parts, list(cells.values()))

    def _relation(
        self,
        table: PrintedTable,
        whole: str,
        parts: Sequence[str],
        cells: Sequence[dict[str, PublishedValue]],
    ) -> Iterator[Checked]:
        rows = [
            tuple(cell[arm] for arm in (whole, *parts))
            for cell in cells
            if {whole, *parts} <= set(cell)
        ]
        counts = [[table.count(row) or 0 for row in group] for group in rows]
        telling = [c[0] == c[1] + c[2] for c in counts if min(c) > 0]
        if sum(telling) < _ENOUGH or 5 * sum(telling) < 4 * len(telling):
            return
        names = [table.names.arm(arm) for arm in (whole, *parts)]
        for group, (total, *added) in zip(rows, counts, strict=True):
            ids = [row.id for row in group]
            shown = (
                f"{names[1]} and {names[2]}: {added[0]} + {added[1]} = {sum(added)}; "
                f"{names[0]}: {total}"
            )
            if total == sum(added):
                yield self.fits(ids, shown)
            else:
                what = table.names.item(group[0].item, group[0].level)
                message = f"{what}: {shown}, unlike {sum(telling)} other rows."
                severity = table.severity(ids)
                yield self.finds(ids, message, certainty="model_based", severity=severity)


class PercentsAddUp(Rule):
    """The percents of yes and no, or of all levels, add up to 100."""

    title = "The percents of all levels add up to 100"
    reads = frozenset(["percent"])
    needs = "percents without counts for every level that the protocol names, or for yes and no"
    how_to_read = "No unrounded percents that print like these add up to 100."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check the items whose percents stand without counts."""
        blocks: dict[tuple[str, str, str, str], list[PublishedValue]] = defaultdict(list)
        for row in table.with_statistic("percent"):
            plain = not (row.subgroup or row.time or row.outcome)
            if row.level and plain and "n" not in table.estimates[row.estimate_id]:
                blocks[row.where, row.item, row.arm, row.stage].append(row)
        for (_, item, _, _), rows in blocks.items():
            names = {row.level for row in rows}
            if names != {"yes", "no"} and names != set(table.known_levels(item) or ()):
                continue
            total = exactly(0)
            intervals = [table.interval(row) for row in rows]
            for interval in intervals:
                total = total if interval is None else total + interval
            ids = [row.id for row in rows]
            shown = " + ".join(row.printed for row in rows)
            if None in intervals or exactly(100).meets(total):
                yield self.fits(ids, f"{shown} can be 100")
            else:
                severity = table.severity(ids)
                message = f"{table.names.item(item)}: {shown} cannot be 100 under any rounding."
                yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[ids])


class PartsInWords(Rule):
    """A whole that the paper says is made of parts is their sum."""

    title = "A whole that the paper's words divide into parts is their sum"
    reads = frozenset(["n"])
    needs = "a claim that parts make up the whole, about one count for all and others for parts"
    how_to_read = "The parts that the paper names do not add up to the whole that it prints."

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every claim of direction `all` that speaks of one whole and its parts."""
        for claim in table.claims:
            if claim.direction != "all":
                continue
            rows = [table.estimates.get(name, {}).get("n") for name in claim.estimates]
            counted = [row for row in rows if row is not None and table.count(row) is not None]
            whole = [row for row in counted if row.arm == ALL and row.level != EACH_ARM]
            if len(whole) != 1 or len(counted) < 3:
                continue
            # The parts of the same place; rows elsewhere repeat them and are read one by one.
            parts: dict[str, list[PublishedValue]] = defaultdict(list)
            for row in counted:
                same = (row.item, row.stage) == (whole[0].item, whole[0].stage)
                if row is not whole[0] and same:
                    parts[f"{row.arm}:{row.level}"].append(row)
            near = [
                next((r for r in rows if r.where == whole[0].where), rows[0])
                for rows in parts.values()
            ]
            if len(near) < 2 or {row.arm for row in near} == set(_ARMS):
                continue  # the arms have their own rule
            added = sum(table.count(row) or 0 for row in near)
            ids = [whole[0].id, *(row.id for row in near)]
            shown = f"{' + '.join(row.printed for row in near)} = {added}"
            if added == table.count(whole[0]):
                yield self.fits(ids, f"{shown}, as printed")
                continue
            message = f"{shown}; the whole is printed as {whole[0].printed}."
            severity = table.severity(ids)
            yield self.finds(ids, message, certainty="exact", severity=severity, clashes=[ids])


def _counterparts(table: PrintedTable, row: PublishedValue, arm: str) -> tuple[PublishedValue, ...]:
    """Find the counts of one arm that belong to a total, wherever they are printed."""
    if table.is_size(row):
        return table.sizes.get((arm, row.stage), ())
    rows = table.counts.get((row.item, row.level, arm, row.stage), ())
    return tuple(part for part in rows if part.outcome == row.outcome)
