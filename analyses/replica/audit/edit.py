"""A slip that could stand behind printed numbers, as the change that undoes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from replica.audit.table import PrintedTable
from replica.published import PublishedValue

# Plausibility of a slip: the smaller the number the likelier. What gives the printed number itself,
# digit for digit, comes before what could have given any.
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
    "cells swapped": 2,
    "groups exchanged": 2,
    "count and percent": 3,
    "two slips": 6,
}
# The ends of an interval stand after what they are of.
_PLACES = {"ci_low": 1, "ci_high": 2, "p": 3}


@dataclass(frozen=True)
class Edit:
    """A slip, how large it is, and what would have stood there without it.

    `changes` are pairs of a row's id and the text that it would print.
    """

    kind: str
    changes: tuple[tuple[str, str], ...]
    text: str

    @property
    def cost(self) -> int:
        """How large the slip is."""
        return COSTS[self.kind]

    @property
    def would_be(self) -> str:
        """The new texts, each once, an estimate before the ends of its interval."""
        ordered = sorted(self.changes, key=lambda change: _PLACES.get(change[0].split(".")[-1], 0))
        return ", ".join(dict.fromkeys(text for _, text in ordered))

    def apply(self, rows: tuple[PublishedValue, ...]) -> tuple[PublishedValue, ...]:
        """Return the rows with the slip undone."""
        changes = dict(self.changes)
        return tuple(
            replace(row, printed=changes[row.id]) if row.id in changes else row for row in rows
        )

    def both(self, other: Edit) -> Edit:
        """Return this slip and another one at once."""
        changes = tuple(sorted((*self.changes, *other.changes)))
        return Edit("two slips", changes, f"{self.text}, and {other.text}")


def copies(table: PrintedTable, row: PublishedValue) -> list[PublishedValue]:
    """Find where the same quantity is printed alike: a slip in a source stands in every copy."""
    return [other for other in table.quantities[row.key] if other.printed == row.printed]


def single(table: PrintedTable, kind: str, row: PublishedValue, text: str) -> Edit:
    """Return the slip in one number, wherever it is printed."""
    where = table.names.subject(row, statistic=True)
    changes = tuple((copy.id, text) for copy in copies(table, row))
    return Edit(kind, changes, f"{where} printed {row.printed} for {text}")


def several(table: PrintedTable, kind: str, texts: dict[str, str], text: str) -> Edit:
    """Return a slip in several numbers, given by id, wherever each is printed."""
    changes = {
        copy.id: new for name, new in texts.items() for copy in copies(table, table.by_id[name])
    }
    return Edit(kind, tuple(sorted(changes.items())), text)


def written_like(printed: str, text: str) -> str:
    """Write a number with or without a zero before its point, as another one is written."""
    bare = printed.lstrip("<>-").startswith(".")
    sign = text[: len(text) - len(text.lstrip("<>-"))]
    number = text[len(sign) :]
    return sign + (number[1:] if bare and number.startswith("0.") else number)
