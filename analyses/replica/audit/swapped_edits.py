"""Slips of place: cells, levels or groups where others belong, and sizes of other groups."""

from __future__ import annotations

from collections.abc import Iterator

from replica.audit.edit import Edit, cells, several, single
from replica.audit.table import ALL, ARMS, EACH_ARM, PrintedTable
from replica.published import PublishedValue

_COLUMNS = (
    "item",
    "level",
    "arm",
    "stage",
    "subgroup",
    "outcome",
    "comparator",
    "model",
    "time",
)
# What stands in one cell, so that two of them can change places.
_ONE_CELL = frozenset({"ci_low", "ci_high", "q1", "q3", "median", "hr", "or", "rr"})


def swapped(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield the swaps that a number can be part of, and the sizes that belong to other groups."""
    yield from _cells(table, row)
    if row.statistic in ("n", "percent") and not table.is_size(row):
        yield from _levels(table, row)
        yield from _groups(table, row)
    if row.statistic == "count_total" or table.is_size(row):
        yield from _sizes(table, row)


def _cells(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield swaps with the next cell: of another arm, level or stage, or of the same estimate."""
    for other in table.rows:
        if other.where != row.where or other.id == row.id or other.printed == row.printed:
            continue
        apart = sum(getattr(row, name) != getattr(other, name) for name in _COLUMNS)
        both = {row.statistic, other.statistic}
        same_cell = other.estimate_id == row.estimate_id and both <= _ONE_CELL
        if (apart == 1 and other.statistic == row.statistic) or same_cell:
            new = {row.id: other.printed, other.id: row.printed}
            said = " and ".join(
                f"{each.printed} ({table.names.subject(each, statistic=True)})"
                for each in (row, other)
            )
            text = f"{said} stand in each other's place"
            yield Edit("cells swapped", tuple(sorted(new.items())), text, cells(table, new))


def _levels(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield swaps of two levels of one arm, counts and percents, wherever they are printed."""
    if not row.level:
        return
    places = [key for key in table.levels if key[1:] == (row.item, row.arm, row.stage)]
    names = {name for key in places for name in table.levels[key]} - {row.level, ""}
    for name in sorted(names):
        changes: list[tuple[str, str]] = []
        for key in places:
            levels = table.levels[key]
            if row.level in levels and name in levels:
                changes += _exchanged(table, levels[row.level], levels[name])
        first, second = (table.names.level(row.item, level) for level in (row.level, name))
        where = f"{table.names.item(row.item)}, {table.names.arm(row.arm)}"
        text = f"{where}: {first} and {second} stand in each other's place"
        if changes:
            yield Edit("levels swapped", tuple(sorted(changes)), text, cells(table, dict(changes)))


def _groups(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield the exchange of a level's count and percent with those of another group."""
    levels = table.levels.get((row.where, row.item, row.arm, row.stage), {})
    own = levels.get(row.level)
    arms = [key[2] for key in table.levels if (key[0], key[1], key[3]) == _place(row)]
    for arm in arms if own is not None else ():
        other = table.levels[row.where, row.item, arm, row.stage].get(row.level)
        if own is None or other is None or arm == row.arm or ALL in (arm, row.arm):
            continue
        changes = _exchanged(table, own, other)
        groups = " and ".join(table.names.arm(each) for each in (row.arm, arm))
        what = table.names.item(row.item, row.level)
        text = f"{what}: the numbers of {groups} stand in each other's place"
        if len(changes) > 2:
            new = cells(table, dict(changes))
            yield Edit("groups exchanged", tuple(sorted(changes)), text, new)


def _place(row: PublishedValue) -> tuple[str, str, str]:
    return row.where, row.item, row.stage


def _exchanged(
    table: PrintedTable, one: PublishedValue, other: PublishedValue
) -> list[tuple[str, str]]:
    """Exchange count and percent of two counts, as far as both are printed."""
    first, second = (table.estimates[row.estimate_id] for row in (one, other))
    return [
        change
        for name in ("n", "percent")
        if name in first and name in second
        for change in (
            (first[name].id, second[name].printed),
            (second[name].id, first[name].printed),
        )
    ]


def _sizes(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield what belongs where another group's size is printed: a size, or what sizes leave."""
    sizes = _sizes_of_groups(table)
    printed, own = table.count(row), (row.arm, row.stage)
    of_others = {size for key, size in sizes.items() if key != own}
    if printed not in of_others and row.statistic != "count_total":
        return
    known = set(sizes.values())
    for stage in {stage for _, stage in sizes}:
        one, other, every = (sizes.get((arm, stage)) for arm in (*ARMS, ALL))
        known |= {every - n for n in (one, other) if every is not None and n is not None}
        known |= {one + other} if one is not None and other is not None else set()
    for size in sorted(size for size in known if size > 0 and size != printed):
        if row.statistic == "count_total":
            yield single(table, "size of another group", row, str(size))
        else:
            where = f"{table.names.subject(row, statistic=True)}, {row.where}"
            said = f"{where} printed {row.printed} for {size}"
            yield several(table, "size of another group", {row.id: str(size)}, said)


def _sizes_of_groups(table: PrintedTable) -> dict[tuple[str, str], int]:
    """Return the sizes of the arms and of all patients, by arm and stage."""
    found = {key: size[0] for key in table.sizes if (size := table.size(*key)) is not None}
    for row in table.rows:
        count = table.count(row)
        if table.is_size(row) and row.arm == ALL and row.level != EACH_ARM and count is not None:
            found.setdefault((ALL, row.stage), count)
    return found
