"""Slips in numbers that are computed from others: percents, p values and ratios."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from replica.audit.counts import (
    CountTable,
    admits,
    against_levels,
    cached_odds_ratio,
    count_table,
    explaining,
    p_values,
)
from replica.audit.edit import Edit, several, single, written_like
from replica.audit.interval import roundings, show
from replica.audit.table import PrintedTable
from replica.contingency import Ratio
from replica.published import PublishedValue


def derived(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield the slips of computing a number from others in another way."""
    printed = table.printed(row)
    if row.statistic == "percent" and printed.kind == "number":
        for kind, text in _percents(table, row):
            yield single(table, kind, row, text)
    if row.statistic == "p":
        for kind, text in _tests(table, row):
            yield single(table, kind, row, written_like(row.printed, text))
    rows = table.estimates[row.estimate_id]
    ratio = rows.get("or") or rows.get("hr")
    if ratio is not None and row.id == ratio.id:
        yield from _inverse(table, ratio)
        yield from _reference(table, ratio)


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


def p_text(value: float, digits: int) -> str:
    """Write a p value with some decimals; below a unit of the last one as a bound."""
    unit = Fraction(1, 10**digits)
    return f"<{show(unit, digits)}" if value < unit else show(value, digits)


def _tests(table: PrintedTable, row: PublishedValue) -> Iterator[tuple[str, str]]:
    """Yield the two-sided p where half of it is printed, and that of another test of the counts."""
    printed, interval = table.printed(row), table.interval(row)
    counts = None if row.model or row.outcome else count_table(table, row)
    values = {} if counts is None else p_values(counts)
    if interval is None:
        return
    for value in values.values():
        if admits(interval, value / 2):
            yield "one-sided p", p_text(value, printed.digits)
    if printed.kind == "number" and not values:
        doubled = 2 * printed.value
        for p in (doubled, doubled - printed.unit, doubled + printed.unit):
            if 0 < p <= 1:
                yield "one-sided p", show(p, printed.digits)
    if explaining(interval, values):
        for value in values.values():
            yield "other test", p_text(value, printed.digits)


def _texts(table: PrintedTable, ratio: PublishedValue, found: dict[str, float]) -> dict[str, str]:
    """Write a ratio, its interval and p as they are printed."""
    rows = table.estimates[ratio.estimate_id]
    texts: dict[str, str] = {}
    for name, value in found.items():
        if name in rows and table.interval(rows[name]) is not None:
            digits = table.printed(rows[name]).digits
            text = p_text(value, digits) if name == "p" else show(value, digits)
            texts[rows[name].id] = written_like(rows[name].printed, text)
    return texts


def _inverse(table: PrintedTable, ratio: PublishedValue) -> Iterator[Edit]:
    """Yield the ratio the other way round, its interval with it."""
    rows = table.estimates[ratio.estimate_id]
    inverted = _inverse_of_counts(table, ratio)
    ends = {ratio.statistic: ratio.statistic, "ci_low": "ci_high", "ci_high": "ci_low"}
    found: dict[str, float] = {}
    for name, source in ends.items():
        if name not in rows or source not in rows:
            continue
        printed = table.printed(rows[source])
        if printed.kind != "number" or printed.value <= 0:
            return
        found[name] = inverted.get(name, float(1 / printed.value))
    texts = _texts(table, ratio, found)
    what = table.names.item(ratio.item, ratio.level)
    said = f"{what}: {ratio.printed} printed for its inverse, {texts.get(ratio.id, '')}"
    yield several(table, "inverse ratio", texts, said)


def _inverse_of_counts(table: PrintedTable, row: PublishedValue) -> dict[str, float]:
    """Return the ratio and its interval from counts, where all that is printed is its inverse."""
    counts = count_table(table, row) if row.statistic == "or" else None
    found, rows = _two_levels(counts), table.estimates[row.estimate_id]
    if found is None:
        return {}
    for ratio in (found, found.inverse()):
        inverse = _values(ratio.inverse(), p=False)
        intervals = {name: table.interval(rows[name]) for name in inverse if name in rows}
        if all(each is not None and admits(each, inverse[n]) for n, each in intervals.items()):
            return _values(ratio, p=False)
    return {}


def _reference(table: PrintedTable, row: PublishedValue) -> Iterator[Edit]:
    """Yield a level's odds against the rest, and against each other level, if one of them fits."""
    if row.statistic != "or" or not row.level:
        return
    own = count_table(table, row)
    ratios = {"the rest": _two_levels(own), **against_levels(table, row)}
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    interval, names = table.interval(row), table.names
    fits = [name for name, r in known.items() if interval and admits(interval, r.estimate)]
    if len(known) < 3 or not fits:
        return
    for name, ratio in known.items():
        if name not in fits:
            texts = _texts(table, row, _values(ratio, p=True))
            said = (
                f"{names.item(row.item, row.level)}: {row.printed} printed against "
                f"{names.level(row.item, fits[0])}, not against {names.level(row.item, name)}"
            )
            yield several(table, "other reference level", texts, said)


def _two_levels(counts: CountTable | None) -> Ratio | None:
    if counts is None or len(counts.counts) != 2:
        return None
    (a, c), (b, d) = counts.counts
    return None if min(a, b, c, d) == 0 else cached_odds_ratio(a, b, c, d)


def _values(ratio: Ratio, *, p: bool) -> dict[str, float]:
    found = {"or": ratio.estimate, "ci_low": ratio.ci_low, "ci_high": ratio.ci_high}
    return found | {"p": ratio.p} if p else found
