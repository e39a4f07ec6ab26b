"""A slip that could stand behind printed numbers, as the change that undoes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from replica.audit.table import PrintedTable
from replica.published import PublishedValue

# Plausibility of a slip: the smaller the number the likelier. What gives the printed number itself,
# digit for digit, comes before what could have given any.
CELLS_SWAPPED = "cells swapped"
COSTS = {
    "number printed elsewhere": 1,
    "size of another group": 1,
    "truncated": 1,
    "other denominator": 1,
    "other test": 1,
    "other reference level": 1,
    "one-sided p": 1,
    "inverse ratio": 1,
    "digit changed": 2,
    "digits swapped": 2,
    "digit dropped": 2,
    "digit doubled": 2,
    "decimal point": 2,
    "levels swapped": 2,
    CELLS_SWAPPED: 2,
    "groups exchanged": 2,
    "count and percent": 3,
    "two slips": 6,
}


@dataclass(frozen=True)
class Edit:
    """A slip, how large it is, and what would have stood there without it.

    `changes` are pairs of a row's id and the text that it would print; `would_be` is what would
    stand there, as a paper writes it.
    """

    kind: str
    changes: tuple[tuple[str, str], ...]
    text: str
    would_be: str

    @property
    def cost(self) -> int:
        """How large the slip is."""
        return COSTS[self.kind]

    def apply(self, rows: tuple[PublishedValue, ...]) -> tuple[PublishedValue, ...]:
        """Return the rows with the slip undone."""
        changes = dict(self.changes)
        return tuple(
            replace(row, printed=changes[row.id]) if row.id in changes else row for row in rows
        )

    def both(self, other: Edit) -> Edit:
        """Return this slip and another one at once."""
        changes = tuple(sorted((*self.changes, *other.changes)))
        would_be = f"{self.would_be}, {other.would_be}"
        return Edit("two slips", changes, f"{self.text}, and {other.text}", would_be)


def copies(table: PrintedTable, row: PublishedValue) -> list[PublishedValue]:
    """Find where the same quantity is printed alike: a slip in a source stands in every copy."""
    return [other for other in table.quantities[row.key] if other.printed == row.printed]


def single(table: PrintedTable, kind: str, row: PublishedValue, text: str) -> Edit:
    """Return the slip in one number, wherever it is printed."""
    where = table.names.subject(row, statistic=True)
    changes = tuple((copy.id, text) for copy in copies(table, row))
    return Edit(kind, changes, f"{where} printed {row.printed} for {text}", text)


def several(table: PrintedTable, kind: str, texts: Mapping[str, str], text: str) -> Edit:
    """Return a slip in several numbers, given by id, wherever each is printed."""
    changes = {
        copy.id: new for name, new in texts.items() for copy in copies(table, table.by_id[name])
    }
    return Edit(kind, tuple(sorted(changes.items())), text, cells(table, texts))


def cells(table: PrintedTable, texts: Mapping[str, str]) -> str:
    """Write texts, given by id, as a paper writes them: 29 (4.2%), 0.14 (0.03 to 0.66).

    Each quantity is written once; where they are of several cells, each says of which.
    """
    found: dict[str, dict[str, str]] = {}
    subjects: dict[str, str] = {}
    seen = set()
    for name, text in texts.items():
        row = table.by_id[name]
        if row.key not in seen:
            seen.add(row.key)
            found.setdefault(row.estimate_id, {})[row.statistic] = text
            subjects.setdefault(row.estimate_id, table.names.subject(row))
    written = {name: _cell(statistics) for name, statistics in found.items()}
    if len(written) == 1:
        return next(iter(written.values()))
    return "; ".join(f"{subjects[name]}: {text}" for name, text in written.items())


def _cell(statistics: Mapping[str, str]) -> str:
    left = dict(statistics)
    percent = left.pop("percent", "")
    ends = [left.pop(name) for name in ("ci_low", "ci_high") if name in left]
    p = left.pop("p", "")
    text = ", ".join(left.values())
    inside = f"{percent}%" if percent else " to ".join(ends)
    if inside:
        text = f"{text} ({inside})" if text else inside
    return ", ".join(part for part in (text, f"p {p}" if p and text else p) if part)


def written_like(printed: str, text: str) -> str:
    """Write a number with or without a zero before its point, as another one is written."""
    bare = printed.lstrip("<>-").startswith(".")
    sign = text[: len(text) - len(text.lstrip("<>-"))]
    number = text[len(sign) :]
    return sign + (number[1:] if bare and number.startswith("0.") else number)
