"""Printed tables laid out again from the columns of the published table, as in the paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from replica.audit.paper import Paper
from replica.audit.table import EACH_ARM
from replica.audit.wording import (
    arm_words,
    item_words,
    subgroup_words,
)
from replica.published import PublishedValue

# The numbers that papers print in one cell; what stands in none has a column of its own.
_CELLS = {
    "ratio": ("hr", "or", "rr", "risk_difference", "smd"),
    "p": ("p",),
    "setting": ("setting",),
}
_INTERVAL = ("ci_low", "ci_high")
_HEADS = {
    "hr": "HR",
    "or": "OR",
    "rr": "RR",
    "risk_difference": "Risk difference",
    "smd": "SMD",
}
DASH = "\N{EN DASH}"

Piece = tuple[str, PublishedValue | None]
"""A text between numbers, or a printed number."""


@dataclass(frozen=True)
class Cell:
    """The printed numbers of one cell, in the order in which a paper writes them."""

    rows: tuple[PublishedValue, ...]

    def pieces(self) -> tuple[Piece, ...]:
        """Return numbers and the marks between them: 259 (37.8%), 0.74 (0.61-0.90), p apart."""
        found: list[Piece] = []
        left = list(self.rows)
        while left:
            if found:
                found.append(("; ", None))
            taken = _estimate(left)
            found += _pieces(taken)
            left = [row for row in left if row.id not in {each.id for each in taken.values()}]
        return tuple(found)


@dataclass(frozen=True)
class Line:
    """A row of a table: its label, its cells, and whether it heads levels or is one of them."""

    label: str
    cells: tuple[Cell, ...]
    kind: Literal["", "item", "level"] = ""


@dataclass(frozen=True)
class Grid:
    """One printed table or figure: heads in two rows, and cells by row; a cell may be empty.

    `heads` are pairs of what several columns share (stage, model, comparison) and what each is.
    """

    where: str
    heads: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]

    @property
    def is_exhibit(self) -> bool:
        """Whether it is a table or a figure, rather than a part of the text."""
        return self.where.startswith(("Table", "Figure"))


def grids(paper: Paper) -> tuple[Grid, ...]:
    """Lay out every place of a paper that prints numbers, in its order."""
    places: dict[str, list[PublishedValue]] = {}
    for row in paper.published:
        places.setdefault(row.where, []).append(row)
    return tuple(_grid(paper, where, rows) for where, rows in places.items())


def _grid(paper: Paper, where: str, rows: list[PublishedValue]) -> Grid:
    heads: dict[tuple[str, str], None] = {}
    found: dict[tuple[str, ...], dict[tuple[str, str], list[PublishedValue]]] = {}
    for row in rows:
        head = _head(paper, row, rows)
        heads.setdefault(head)
        found.setdefault(_line_key(row, rows), {}).setdefault(head, []).append(row)
    shared = list(dict.fromkeys(top for top, _ in heads))
    ordered = tuple(sorted(heads, key=lambda head: shared.index(head[0])))
    # The line of an item itself heads the lines of its levels, wherever its numbers stand.
    groups = list(dict.fromkeys((key[0], *key[2:]) for key in found))
    keys = sorted(found, key=lambda key: (groups.index((key[0], *key[2:])), key[1] != ""))
    lines = []
    for key in keys:
        headed = key[1] and (key[0], "", *key[2:]) in found
        heading = not key[1] and any(k[1] and (k[0], *k[2:]) == (key[0], *key[2:]) for k in found)
        label = _label(paper, key, level_only=bool(headed))
        cells = tuple(Cell(tuple(found[key].get(head, ()))) for head in ordered)
        lines.append(Line(label, cells, "level" if headed else "item" if heading else ""))
    return Grid(where, ordered, tuple(lines))


def _line_key(row: PublishedValue, rows: Iterable[PublishedValue]) -> tuple[str, ...]:
    """Return what makes a line: item, level, outcome, subgroup, time.

    A number of the item as a whole stands in the line of its level if only one is printed, an
    effect within a subgroup in the line of that subgroup's own counts, as in a forest plot. The
    outcome makes a difference only where several are printed.
    """
    item, level, subgroup = row.item, row.level, row.subgroup
    covariate, _, within = subgroup.partition("=")
    if any((each.item, each.level, each.subgroup) == (covariate, within, "") for each in rows):
        item, level, subgroup = covariate, within, ""
    levels = {each.level for each in rows if each.item == item} - {"", EACH_ARM}
    if level in ("", EACH_ARM):
        level = levels.pop() if len(levels) == 1 else ""
    several = len({each.outcome for each in rows if each.outcome}) > 1
    return (item, level, row.outcome if several else "", subgroup, row.time)


def _label(paper: Paper, key: tuple[str, ...], *, level_only: bool) -> str:
    item, level, outcome, subgroup, time = key
    named = item_words(paper, item, level)
    said = [
        named.removeprefix(f"{item_words(paper, item)}: ") if level_only else named,
        paper.names.outcome(outcome) if outcome != item else "",
        subgroup_words(paper, subgroup) if subgroup else "",
        time,
    ]
    text = ", ".join(part for part in said if part)
    # A capital beta reads as a B.
    return text[:1].upper() + text[1:] if text[:1].isascii() else text


def _head(paper: Paper, row: PublishedValue, rows: Iterable[PublishedValue]) -> tuple[str, str]:
    kind = _kind(row, rows)
    comparisons = {(each.arm, each.comparator) for each in rows if each.comparator}
    top = [f"{row.stage} matching" if row.stage else "", row.model]
    if row.comparator and len(comparisons) > 1:
        top.append(f"{arm_words(paper, row.arm)} against {arm_words(paper, row.comparator)}")
    shared = ", ".join(part for part in top if part)
    name = {"p": "p", "setting": "Setting"}.get(kind, "")
    if kind == "ratio":
        beside = {each.statistic for each in rows if each.estimate_id == row.estimate_id}
        ratio = next((word for key, word in _HEADS.items() if key in beside), "Estimate")
        name = f"{ratio} (CI)" if beside & set(_INTERVAL) else ratio
    return shared[:1].upper() + shared[1:], name or arm_words(paper, row.arm) or "Number"


def _kind(row: PublishedValue, rows: Iterable[PublishedValue]) -> str:
    if row.statistic in _INTERVAL:
        beside = {each.statistic for each in rows if each.estimate_id == row.estimate_id}
        return "ratio" if beside & set(_CELLS["ratio"]) or row.comparator else "value"
    for kind, statistics in _CELLS.items():
        if row.statistic in statistics:
            return kind
    return "value"


def _estimate(rows: list[PublishedValue]) -> dict[str, PublishedValue]:
    """Take the numbers of the first estimate, each statistic once."""
    found: dict[str, PublishedValue] = {}
    for row in rows:
        if row.estimate_id == rows[0].estimate_id:
            found.setdefault(row.statistic, row)
    return found


def _pieces(named: dict[str, PublishedValue]) -> list[Piece]:
    found: list[Piece] = []
    for lead, names, between, trail in (
        ("", ("n", "count_total"), "/", ""),
        ("", ("median", "mean", "hr", "or", "rr", "rate", "risk_difference", "smd"), "; ", ""),
        (" ± ", ("sd",), "", ""),
        ("", ("setting", "p"), "; ", ""),
        (" (", ("percent",), "", "%)"),
        (" (", ("q1", "q3"), DASH, ")"),
        (" (", ("ci_low", "ci_high"), DASH, ")"),
        (" [", ("min", "max"), DASH, "]"),
    ):
        here = [named[name] for name in names if name in named]
        opening, closing = (lead, trail) if found else (lead.strip(" (["), trail.strip(")]"))
        for i, row in enumerate(here):
            text = between if i else opening
            found += [(text, None)] if text else []
            found.append(("", row))
        if here and closing:
            found.append((closing, None))
    return found
