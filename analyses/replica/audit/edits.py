"""Small slips that could stand behind printed numbers, each as the change that undoes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from replica.audit.derived_edits import derived
from replica.audit.edit import Edit, copies, single
from replica.audit.finding import Finding
from replica.audit.interval import roundings, show
from replica.audit.swapped_edits import swapped
from replica.audit.table import PrintedTable
from replica.published import PublishedValue, parse_printed

_PADDED = re.compile(r"-?0\d")
_STATED_LIMITS = {"percent": 100, "rate": 100, "p": 1}
# Slips of the fingers, of which two may happen in one cell.
_SINGLE = frozenset({"digit changed", "digits swapped", "decimal point"})
# So many pairs of slips are tried where no single one will do.
_PAIRS = 800


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
        for made in _edits_of(table, row):
            if table.is_size(row) and _held(table, row, made):
                continue
            changes = tuple(
                each for each in made.changes if table.by_id[each[0]].printed != each[1]
            )
            edit = replace(made, changes=changes)
            known = found.get(changes)
            if changes and (known is None or edit.cost < known.cost):
                found[changes] = edit
    return tuple(found.values())


def pairs(table: PrintedTable, tried: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Return two slips of the fingers at once, in two numbers of one estimate.

    Parameters
    ----------
    table
        All printed numbers of the paper.
    tried
        The single edits of a finding, as `edits` gives them.
    """
    by_estimate: dict[str, list[Edit]] = {}
    for edit in tried:
        if edit.kind in _SINGLE:
            row = table.by_id[edit.changes[0][0]]
            by_estimate.setdefault(row.estimate_id, []).append(edit)
    found = (
        one.both(other)
        for own in by_estimate.values()
        for one, other in combinations(own, 2)
        if not {name for name, _ in one.changes} & {name for name, _ in other.changes}
    )
    return tuple(edit for _, edit in zip(range(_PAIRS), found, strict=False))


def _held(table: PrintedTable, row: PublishedValue, edit: Edit) -> bool:
    """Whether another place, which the edit leaves alone, prints the same size of the group."""
    changed = {name for name, _ in edit.changes}
    return row.id in changed and any(
        other.id not in changed and table.count(other) == table.count(row)
        for rows in table.sizes.values()
        if row in rows
        for other in rows
    )


def _edits_of(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    for kind, text in _texts(table, row):
        yield single(table, kind, row, text)
    yield from swapped(table, row)
    yield from _count_and_percent(table, row)
    yield from derived(table, row)


def _texts(table: PrintedTable, row: PublishedValue) -> Iterator[tuple[str, str]]:
    for other in table.quantities[row.key]:
        if other.printed != row.printed:
            yield "number printed elsewhere", other.printed
    printed = table.printed(row)
    if printed.kind != "number" or not any(letter.isdigit() for letter in row.printed):
        return
    limit = _STATED_LIMITS.get(row.statistic)
    for kind, text in _digits(row.printed):
        if limit is None or parse_printed(text).value <= limit:
            yield kind, text
    if not printed.digits and row.statistic not in ("n", "count_total"):
        # the point itself is lost
        for at in range(1, len(row.printed)):
            yield "decimal point", f"{row.printed[:at]}.{row.printed[at:]}"


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


def _count_and_percent(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield counts with another digit and the percent that goes with them.

    Either the printed percent follows from the printed count, so that one slip made both, or the
    new percent is printed elsewhere for the same thing.
    """
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
    printed = table.printed(rows["percent"])
    count_now, digits = table.count(row), printed.digits
    one_slip = bool(
        total and count_now is not None and roundings(printed, Fraction(100 * count_now, total))
    )
    known = set() if one_slip else _percents_of(table, row)
    for kind, text in _digits(row.printed):
        count = parse_printed(text).value
        if kind != "digit changed" or not total or count > total:
            continue
        percent = show(Fraction(100 * count, total), digits)
        if not one_slip and Fraction(percent) not in known:
            continue
        changes = {copy.id: text for copy in copies(table, row)}
        changes |= {copy.id: percent for copy in copies(table, rows["percent"])}
        cell = f"{row.printed} ({rows['percent'].printed}%)"
        said = f"{table.names.subject(row)}: {cell} printed for "
        yield Edit(
            "count and percent",
            tuple(sorted(changes.items())),
            f"{said}{text} ({percent}%)",
            f"{text} ({percent}%)",
        )


def _percents_of(table: PrintedTable, row: PublishedValue) -> set[Fraction]:
    """Return the percents printed for a row's item and level, or its outcome, in any group."""
    return {
        table.printed(other).value
        for other in table.with_statistic("percent", "rate")
        if table.printed(other).kind == "number"
        and (
            (other.item, other.level) == (row.item, row.level)
            or (row.outcome and other.outcome == row.outcome)
        )
        and other.estimate_id != row.estimate_id
    }
