"""Small slips that could stand behind printed numbers, each as the change that undoes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from replica.audit.counts import count_table
from replica.audit.finding import Finding
from replica.audit.interval import roundings, show
from replica.audit.table import PrintedTable
from replica.contingency import odds_ratio
from replica.published import PublishedValue, parse_printed

_PADDED = re.compile(r"-?0\d")


@dataclass(frozen=True)
class Edit:
    """A slip, how large it is, and what would have stood there without it.

    `changes` are pairs of a row's id and the text that it would print.
    """

    kind: str
    cost: int
    changes: tuple[tuple[str, str], ...]
    text: str

    @property
    def would_be(self) -> str:
        """The new texts, each once, in order."""
        return ", ".join(dict.fromkeys(text for _, text in self.changes))

    def apply(self, rows: tuple[PublishedValue, ...]) -> tuple[PublishedValue, ...]:
        """Return the rows with the slip undone."""
        changes = dict(self.changes)
        return tuple(
            replace(row, printed=changes[row.id]) if row.id in changes else row for row in rows
        )


# Plausibility of a slip: the smaller the number the likelier.
COSTS = {
    "number printed elsewhere": 1,
    "truncated": 1,
    "digit changed": 2,
    "digits swapped": 2,
    "digit dropped": 2,
    "digit doubled": 2,
    "decimal point": 2,
    "levels swapped": 2,
    "cells swapped": 2,
    "inverse ratio": 2,
    "other denominator": 2,
    "one-sided p": 2,
    "count and percent": 3,
}


def edits(table: PrintedTable, finding: Finding) -> tuple[Edit, ...]:
    """Return the slips that could stand behind a finding, each set of changes once.

    Parameters
    ----------
    table
        All printed numbers of the paper.
    finding
        A finding on some of them; only its rows, and those that would slip with them, change.
    """
    found: dict[tuple[tuple[str, str], ...], Edit] = {}
    for name in finding.rows:
        row = table.by_id[name]
        for edit in _edits_of(table, row):
            changed = any(table.by_id[key].printed != text for key, text in edit.changes)
            known = found.get(edit.changes)
            if changed and (known is None or edit.cost < known.cost):
                found[edit.changes] = edit
    return tuple(found.values())


def _edits_of(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    for kind, text in _texts(table, row):
        yield _edit(table, kind, row, text)
    yield from _swapped_cells(table, row)
    yield from _swapped_levels(table, row)
    yield from _count_and_percent(table, row)
    yield from _inverse(table, row)


def _edit(table: PrintedTable, kind: str, row: PublishedValue, text: str) -> Edit:
    changes = tuple((copy.id, text) for copy in _copies(table, row))
    where = f"{row.statistic} of {row.item} {row.level}".strip()
    return Edit(kind, COSTS[kind], changes, f"{where} printed {row.printed} for {text}")


def _copies(table: PrintedTable, row: PublishedValue) -> list[PublishedValue]:
    """Find where the same quantity is printed alike: a slip in a source stands in every copy."""
    return [other for other in table.quantities[row.key] if other.printed == row.printed]


def _texts(table: PrintedTable, row: PublishedValue) -> Iterator[tuple[str, str]]:
    for other in table.quantities[row.key]:
        if other.printed != row.printed:
            yield "number printed elsewhere", other.printed
    printed = table.printed(row)
    if printed.kind != "number" or not any(letter.isdigit() for letter in row.printed):
        return
    yield from _digits(row.printed)
    if row.statistic == "p":
        yield "one-sided p", show(printed.value * 2, printed.digits)
    if row.statistic == "percent":
        yield from _percents(table, row)


def _digits(text: str) -> Iterator[tuple[str, str]]:
    """Yield every text from which one slip of the fingers makes this one."""
    for kind, found in _slips(text):
        # No paper prints a number with a zero before its first digit.
        if not _PADDED.match(found):
            yield kind, found


def _slips(text: str) -> Iterator[tuple[str, str]]:
    places = [at for at, letter in enumerate(text) if letter.isdigit()]
    for at in places:
        for digit in "0123456789".replace(text[at], ""):
            yield "digit changed", text[:at] + digit + text[at + 1 :]
    # Decimals have a fixed number; a digit is lost or doubled before the point.
    whole, point, decimals = text.partition(".")
    for at in range(1 if whole.startswith("-") else 0, len(whole) + 1):
        for digit in "0123456789":
            yield "digit dropped", whole[:at] + digit + whole[at:] + point + decimals
    for at in places:
        following = text[at + 1 : at + 2]
        if following.isdigit():
            yield "digits swapped", text[:at] + following + text[at] + text[at + 2 :]
        if following == text[at]:
            yield "digit doubled", text[:at] + text[at + 1 :]
    if decimals:
        moved = f"{whole.lstrip('0') or ''}{decimals[0]}.{decimals[1:]}".rstrip(".")
        yield "decimal point", moved
        yield "decimal point", f"{whole[:-1] or '0'}.{whole[-1:] or '0'}{decimals}"


def _percents(table: PrintedTable, row: PublishedValue) -> Iterator[tuple[str, str]]:
    """Yield what the count over its own denominator gives, if truncation or another one fits."""
    rows = table.estimates[row.estimate_id]
    count, total = table.count(rows.get("n")), table.count(rows.get("count_total"))
    size = table.size(row.arm, row.stage, row.where)
    total = total if total is not None else (size[0] if size else None)
    if count is None or not total:
        return
    printed = table.printed(row)
    value = Fraction(100 * count, total)
    right = show(value, printed.digits)
    if roundings(printed, value):
        yield "truncated", right
    others = [n for key in table.sizes if (found := table.size(*key)) for n in (found[0],)]
    for other in {*others, *(a + b for a in others for b in others)}:
        if other >= count > 0 and roundings(printed, Fraction(100 * count, other)):
            yield "other denominator", right
            return


def _swapped_cells(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield swaps with the next cell: of another arm, level or stage, or of the same estimate."""
    names = ("item", "level", "arm", "stage", "subgroup", "outcome", "comparator", "model", "time")
    for other in table.rows:
        if other.where != row.where or other.id == row.id or other.printed == row.printed:
            continue
        apart = sum(getattr(row, name) != getattr(other, name) for name in names)
        same_cell = other.estimate_id == row.estimate_id and {row.statistic, other.statistic} <= {
            "ci_low",
            "ci_high",
            "q1",
            "q3",
            "median",
            "hr",
            "or",
        }
        if (apart == 1 and other.statistic == row.statistic) or same_cell:
            changes = tuple(sorted([(row.id, other.printed), (other.id, row.printed)]))
            text = f"{row.printed} and {other.printed} stand in each other's place"
            yield Edit("cells swapped", COSTS["cells swapped"], changes, text)


def _swapped_levels(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield swaps of two levels of one arm, counts and percents, wherever they are printed."""
    if row.statistic not in ("n", "percent") or not row.level:
        return
    places = [key for key in table.levels if key[1:] == (row.item, row.arm, row.stage)]
    names = {name for key in places for name in table.levels[key]} - {row.level, ""}
    for name in sorted(names):
        changes: list[tuple[str, str]] = []
        for key in places:
            levels = table.levels[key]
            if row.level not in levels or name not in levels:
                continue
            one, other = (table.estimates[levels[level].estimate_id] for level in (row.level, name))
            for statistic in ("n", "percent"):
                if statistic in one and statistic in other:
                    changes.append((one[statistic].id, other[statistic].printed))
                    changes.append((other[statistic].id, one[statistic].printed))
        text = f"{row.item} of {row.arm}: {row.level} and {name} stand in each other's place"
        if changes:
            yield Edit("levels swapped", COSTS["levels swapped"], tuple(sorted(changes)), text)


def _count_and_percent(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield counts with another digit and the percent that goes with them."""
    if row.statistic == "percent":
        own = table.estimates[row.estimate_id].get("n")
        same = table.counts.get((row.item, row.level, row.arm, row.stage), ())
        for count_row in [own] if own is not None else same[:1]:
            yield from _count_and_percent(table, count_row)
        return
    rows = table.estimates[row.estimate_id]
    if row.statistic != "n" or "percent" not in rows:
        return
    total = table.count(rows.get("count_total"))
    size = table.size(row.arm, row.stage, row.where)
    total = total if total is not None else (size[0] if size else None)
    digits = table.printed(rows["percent"]).digits
    for kind, text in _digits(row.printed):
        count = parse_printed(text).value
        if kind != "digit changed" or not total or count > total:
            continue
        percent = show(Fraction(100 * count, total), digits)
        changes = {copy.id: text for copy in _copies(table, row)}
        changes |= {copy.id: percent for copy in _copies(table, rows["percent"])}
        said = f"{row.item} {row.level}: {row.printed} ({rows['percent'].printed}%) printed for "
        yield Edit(
            "count and percent",
            COSTS["count and percent"],
            tuple(sorted(changes.items())),
            f"{said}{text} ({percent}%)",
        )


def _inverse(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield the ratio the other way round, its interval with it."""
    rows = table.estimates[row.estimate_id]
    ratio = rows.get("or") or rows.get("hr")
    if ratio is None or row.id != ratio.id:
        return
    inverted = _inverse_of_counts(table, ratio)
    ends = {ratio.statistic: ratio.statistic, "ci_low": "ci_high", "ci_high": "ci_low"}
    changes: dict[str, str] = {}
    for name, source in ends.items():
        if name not in rows or source not in rows:
            continue
        printed = table.printed(rows[source])
        if printed.kind != "number" or printed.value <= 0:
            return
        value = inverted.get(name, 1 / printed.value)
        changes |= {copy.id: show(value, printed.digits) for copy in _copies(table, rows[name])}
    text = f"{row.item}: {row.printed} printed for its inverse, {changes.get(ratio.id, '')}"
    yield Edit("inverse ratio", COSTS["inverse ratio"], tuple(sorted(changes.items())), text)


def _inverse_of_counts(table: PrintedTable, row: PublishedValue) -> dict[str, float]:
    """Return the inverse ratio and its interval from counts, where the printed one follows."""
    counts = count_table(table, row) if row.statistic == "or" else None
    if counts is None or len(counts.counts) != 2:
        return {}
    (a, c), (b, d) = counts.counts
    if min(a, b, c, d) == 0:
        return {}
    found = odds_ratio(a, b, c, d)
    for ratio in (found, found.inverse()):
        if table.printed(row).admits(Fraction(1 / ratio.estimate)):
            return {"or": ratio.estimate, "ci_low": ratio.ci_low, "ci_high": ratio.ci_high}
    return {}
