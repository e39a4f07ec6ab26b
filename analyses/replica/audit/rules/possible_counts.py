"""Counts and percents of one characteristic, all relations between them at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

from replica.audit.characteristics import Characteristic, characteristics
from replica.audit.finding import Checked
from replica.audit.possible import Conflict, conflicts, possible, relations
from replica.audit.rule import Rule
from replica.audit.table import PrintedTable

_WORDS = {
    "levels": "the levels are at most their group",
    "arms": "treated and control make up all",
    "joins": "matching adds nobody",
}


# How many contradictions of one characteristic are told in words.
_SHOWN = 3


class CountsPossible(Rule):
    """Some whole numbers of patients give every count and percent of a characteristic."""

    title = "The counts and percents of a characteristic are possible together"
    reads = frozenset({"n", "count_total", "percent"})
    weighed = False  # solving anew for every edit takes long, and other rules see most of it
    needs = "counts or percents of one item that are related in at least two ways"
    how_to_read = (
        "Every percent stands for a few whole numbers of patients. None of them, whatever the "
        "rounding, meets the sums and the matching beside the other printed numbers. What one "
        "relation alone excludes is another rule's finding."
    )

    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Solve for the counts of every item."""
        for each in characteristics(table):
            if possible(each.constraints):
                ids = [
                    row.id for rows in each.rows.values() for row in rows if not table.is_size(row)
                ]
                if len(relations(each.constraints)) > 1:
                    yield self.fits(ids, f"{table.names.item(each.item)}: possible together")
                continue
            found = [
                conflict
                for conflict in conflicts(each.constraints)
                if len(relations(conflict.constraints)) > 1 and not _one_quantity(each, conflict)
            ]
            if found:
                yield self._finds(table, each, found)

    def _finds(self, table: PrintedTable, each: Characteristic, found: list[Conflict]) -> Checked:
        names = dict.fromkeys(name for conflict in found for name in sorted(conflict.names))
        rows = sorted((row for name in names for row in each.rows[name]), key=table.rows.index)
        told = [_told(table, each, conflict) for conflict in found]
        shown = [f"({place}) {text}" for place, text in enumerate(told[:_SHOWN], start=1)]
        more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        message = f"{table.names.item(each.item)}: no counts of patients meet "
        message += f"{told[0]}." if len(told) == 1 else f"{', or '.join(shown)}{more}."
        # the sizes of groups that stand are told, and contradict nothing
        ids = [*(row.id for row in rows), *_sizes(table, found)]
        return self.finds(
            ids,
            message,
            certainty="exact",
            severity=table.severity(ids),
            clashes=[clash for conflict in found for clash in _clashes(each, conflict)],
        )


def _sizes(table: PrintedTable, found: list[Conflict]) -> Iterator[str]:
    """Name the sizes of groups that contradictions rest on, wherever they are printed."""
    variables = dict.fromkeys(
        name
        for conflict in found
        for constraint in conflict.constraints
        for name, _ in constraint.terms
        if name.startswith("size|")
    )
    for variable in variables:
        _, arm, stage = variable.split("|")
        size = table.size(arm, stage)
        for row in table.sizes.get((arm, stage), ()):
            if size is not None and table.count(row) == size[0]:
                yield row.id


def _one_quantity(each: Characteristic, conflict: Conflict) -> bool:
    """Whether all numbers are of one quantity: printed twice, another rule's finding."""
    return len({row.key for name in conflict.names for row in each.rows[name]}) == 1


def _clashes(each: Characteristic, conflict: Conflict) -> Iterator[tuple[str, ...]]:
    """Name every printing of the numbers of a contradiction."""
    printings = [each.rows[name] for name in sorted(conflict.names)]
    for at in range(max(len(rows) for rows in printings)):
        yield tuple(rows[at % len(rows)].id for rows in printings)


def _told(table: PrintedTable, each: Characteristic, conflict: Conflict) -> str:
    """Write the numbers of a contradiction, what they stand for and what relates them."""
    ordered = sorted(conflict.names, key=lambda name: table.rows.index(each.rows[name][0]))
    shown = [name for name in ordered if not table.is_size(each.rows[name][0])]
    parts = [_number(table, each, name) for name in shown]
    ways = [r.split("|") for r in relations(conflict.constraints) if "%" not in r]
    reasons = dict.fromkeys(_reason(table, way) for way in ways)
    return f"{'; '.join(parts)}; {'; '.join(reasons)}" if reasons else "; ".join(parts)


def _number(table: PrintedTable, each: Characteristic, name: str) -> str:
    row = each.rows[name][0]
    level = "" if row.level in ("", "yes") else f"{table.names.level(row.item, row.level)}, "
    what = f"{level}{table.names.group(row)}"
    if name not in each.totals:
        word = {"count_total": "denominator "}.get(row.statistic, "")
        return f"{what}: {word}{row.printed}"
    printed, total = table.printed(row), each.totals[name]
    low = math.ceil((printed.value - printed.unit / 2) * total / 100)
    high = math.ceil((printed.value + printed.unit) * total / 100) - 1
    patients = f"{low}" if low == high else f"{low} to {high}" if low < high else "nobody"
    return f"{what}: {row.printed}% of {total}, which is {patients}"


def _reason(table: PrintedTable, way: list[str]) -> str:
    if way[0] != "leaves":
        return _WORDS[way[0]]
    arm, stages = way[-2], ("before", "after")
    sizes = [size[0] for stage in stages if (size := table.size(arm, stage)) is not None]
    return f"matching leaves out {sizes[0]} - {sizes[1]} = {sizes[0] - sizes[1]} in all"
