"""Slips planted in a clean table: every way in which one slip of a kind could change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations

import numpy as np

from auditing.analysing import odds_ratio, p_of_counts
from auditing.printing import p_text, rounded, truncated
from auditing.reading import Cells
from replica.published import PublishedValue

Changes = tuple[tuple[str, str], ...]
_RATIOS = ("hr", "or")


@dataclass(frozen=True)
class Slip:
    """Texts printed in the place of others, by id."""

    kind: str
    changes: Changes

    def apply(self, rows: tuple[PublishedValue, ...]) -> tuple[PublishedValue, ...]:
        """Return the rows with the slip in them."""
        new = dict(self.changes)
        return tuple(replace(r, printed=new[r.id]) if r.id in new else r for r in rows)


def sites(kind: str, cells: Cells) -> tuple[Slip, ...]:
    """Return every slip of a kind that a table has room for, in the order of its rows."""
    found = (Slip(kind, tuple(sorted(changes.items()))) for changes in KINDS[kind](cells))
    return tuple(
        slip
        for slip in dict.fromkeys(found)
        if slip.changes and all(cells.by_id[name].printed != text for name, text in slip.changes)
    )


def _single(make: Callable[[str], Iterator[str]]) -> Callable[[Cells], Iterator[dict[str, str]]]:
    """Make slips in single numbers from slips in their texts."""

    def plant(cells: Cells) -> Iterator[dict[str, str]]:
        for row in cells.rows:
            for text in make(row.printed):
                if _possible(row, text):
                    yield {row.id: text}

    return plant


def _possible(row: PublishedValue, text: str) -> bool:
    """Whether a proof-reader would let it pass: percents to 100, p values to 1, no padding."""
    number = text.lstrip("-<>")
    if not number[:1].isdigit() or number.endswith(".") or number == row.printed:
        return False
    padded = len(number) > 1 and number[0] == "0" and number[1].isdigit()
    limit = {"percent": 100, "rate": 100, "p": 1}.get(row.statistic)
    return not padded and (limit is None or float(number) <= limit)


def _changed(text: str) -> Iterator[str]:
    for at, letter in enumerate(text):
        if letter.isdigit():
            yield from (text[:at] + d + text[at + 1 :] for d in "0123456789" if d != letter)


def _dropped(text: str) -> Iterator[str]:
    whole = text.partition(".")[0]
    if sum(letter.isdigit() for letter in whole) > 1:
        yield from (text[:at] + text[at + 1 :] for at, c in enumerate(whole) if c.isdigit())


def _doubled(text: str) -> Iterator[str]:
    yield from (text[:at] + c + text[at:] for at, c in enumerate(text) if c.isdigit())


def _swapped_digits(text: str) -> Iterator[str]:
    for at in range(len(text) - 1):
        if text[at].isdigit() and text[at + 1].isdigit() and text[at] != text[at + 1]:
            yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _point(text: str) -> Iterator[str]:
    whole, point, decimals = text.partition(".")
    if not point:
        return
    yield f"{whole[:-1] or '0'}.{whole[-1:]}{decimals}"
    moved = f"{whole}{decimals[0]}".lstrip("0") or "0"
    yield f"{moved}.{decimals[1:]}".rstrip(".")


def _swapped_cells(cells: Cells) -> Iterator[dict[str, str]]:
    for one, other in cells.neighbours():
        if _possible(one, other.printed) and _possible(other, one.printed):
            yield {one.id: other.printed, other.id: one.printed}


def _swapped_levels(cells: Cells) -> Iterator[dict[str, str]]:
    for levels in cells.blocks().values():
        for one, other in combinations(levels.values(), 2):
            yield {
                a.id: b.printed
                for statistic in ("n", "percent")
                for a, b in (
                    (one[statistic], other[statistic]),
                    (other[statistic], one[statistic]),
                )
            }


def _swapped_groups(cells: Cells) -> Iterator[dict[str, str]]:
    """Print a level's count and percent of one group in the column of the other."""
    blocks = cells.blocks()
    for (item, arm, stage), levels in blocks.items():
        other = blocks.get((item, "control", stage), {}) if arm == "treated" else {}
        for level, rows in levels.items():
            for one, two in [(rows, other[level])] if level in other else []:
                yield {
                    a.id: b.printed
                    for name in ("n", "percent")
                    for a, b in ((one[name], two[name]), (two[name], one[name]))
                    if one[name].printed != two[name].printed
                }


def _size(cells: Cells) -> Iterator[dict[str, str]]:
    """Print the size of another group, wherever a size or a denominator is printed."""
    for row in cells.rows:
        if row.statistic == "count_total" or (row.item == "patients" and row.level == ""):
            for other in sorted(cells.all_sizes() - {int(row.value.value)}):
                yield {copy.id: str(other) for copy in cells.copies(row)}


def _inverse(cells: Cells) -> Iterator[dict[str, str]]:
    for rows in cells.ratios():
        changes: dict[str, str] = {}
        ends = {"ci_low": "ci_high", "ci_high": "ci_low"}
        for name, row in rows.items():
            source = rows.get(ends.get(name, name))
            if name == "p" or source is None:
                continue
            value = cells.exact_ratio(rows, ends.get(name, name))
            if value <= 0:
                break
            text = rounded(1 / value, cells.digits(row))
            changes |= {copy.id: text for copy in cells.copies(row)}
        else:
            if not any(text.strip("0.") == "" for text in changes.values()):
                yield changes


def _denominator(cells: Cells) -> Iterator[dict[str, str]]:
    for row, count, total in cells.percents():
        for other in sorted(cells.all_sizes() - {total}):
            if other >= count > 0:
                text = rounded(Fraction(100 * count, other), cells.digits(row))
                yield {copy.id: text for copy in cells.copies(row)}


def _truncated(cells: Cells) -> Iterator[dict[str, str]]:
    for row, count, total in cells.percents():
        text = truncated(Fraction(100 * count, total), cells.digits(row))
        yield {copy.id: text for copy in cells.copies(row)}


def _one_sided(cells: Cells) -> Iterator[dict[str, str]]:
    for row in cells.rows:
        if row.statistic == "p" and row.value.kind == "number":
            exact = cells.exact_p(row)
            text = p_text(
                (float(row.value.value) if exact is None else exact) / 2, cells.digits(row)
            )
            yield {copy.id: text for copy in cells.copies(row)}


def _other_place(cells: Cells) -> Iterator[dict[str, str]]:
    """Print in one of a quantity's places what its item prints for another group or stage."""
    for row in cells.rows:
        if len(cells.copies(row)) < 2:
            continue
        for other in cells.rows:
            same = (other.item, other.statistic, other.level) == (
                row.item,
                row.statistic,
                row.level,
            )
            if same and other.key != row.key:
                yield {row.id: other.printed}


def _other_test(cells: Cells) -> Iterator[dict[str, str]]:
    for row, counts, used in cells.tests():
        for test in ("pearson", "yates", "fisher"):
            if test != used and (test == "pearson" or counts.shape == (2, 2)):
                yield {row.id: p_text(p_of_counts(counts, test), cells.digits(row))}


def _reference(cells: Cells) -> Iterator[dict[str, str]]:
    """Print the odds of a level against one other level rather than against the rest."""
    for rows in cells.ratios():
        ratio = rows.get("or")
        if ratio is None or not ratio.level:
            continue
        levels = cells.counts_of(ratio.item, ratio.stage)
        if len(levels) < 3:
            continue
        a, c = levels[ratio.level]
        for name, (b, d) in levels.items():
            if name == ratio.level or min(a, b, c, d) == 0:
                continue
            found = odds_ratio(a, b, c, d)
            texts = {"or": found.ratio, "ci_low": found.low, "ci_high": found.high}
            changes = {rows[s].id: rounded(v, cells.digits(rows[s])) for s, v in texts.items()}
            changes[rows["p"].id] = p_text(found.p, cells.digits(rows["p"]))
            yield {
                name: text for name, text in changes.items() if cells.by_id[name].printed != text
            }


KINDS: Mapping[str, Callable[[Cells], Iterator[dict[str, str]]]] = {
    "digit changed": _single(_changed),
    "digit dropped": _single(_dropped),
    "digit doubled": _single(_doubled),
    "digits swapped": _single(_swapped_digits),
    "decimal point": _single(_point),
    "cells swapped": _swapped_cells,
    "levels swapped": _swapped_levels,
    "groups exchanged": _swapped_groups,
    "inverse ratio": _inverse,
    "other denominator": _denominator,
    "size of another group": _size,
    "truncated": _truncated,
    "one-sided p": _one_sided,
    "number of another place": _other_place,
    "other test": _other_test,
    "other reference level": _reference,
}


def draw_two(cells: Cells, rng: np.random.Generator) -> Slip | None:
    """Draw two slips in single numbers of one estimate."""
    singles = [slip for kind in ("digit changed", "digits swapped") for slip in sites(kind, cells)]
    first = singles[int(rng.integers(len(singles)))]
    ((name, _),) = first.changes
    estimate = cells.by_id[name].estimate_id
    others = [
        slip
        for slip in singles
        if slip.changes[0][0] != name and cells.by_id[slip.changes[0][0]].estimate_id == estimate
    ]
    if not others:
        return None
    second = others[int(rng.integers(len(others)))]
    return Slip("two slips", tuple(sorted([*first.changes, *second.changes])))
