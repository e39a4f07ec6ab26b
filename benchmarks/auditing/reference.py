"""Whether a slip is detectable in principle, which is whether arithmetic alone excludes it.

Written apart from the package's rules, on purpose: it decides what they are measured against. A
clean table meets every relation below, so that a table with a slip is excluded if one fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, pairwise

from auditing.analysing import p_of_counts
from auditing.reading import Cells
from replica.audit.paper import Paper
from replica.published import Printed, PublishedValue

Bounds = tuple[Fraction, Fraction]
_ALPHA = Fraction(1, 20)


def excluded(paper: Paper) -> bool:
    """Whether some exact relation between the printed numbers fails."""
    cells = Cells(paper)
    return any(not holds for relation in RELATIONS for holds in relation(cells))


def _bounds(printed: Printed) -> Bounds:
    half = printed.unit / 2
    if printed.kind == "below":
        return Fraction(0), printed.value
    return printed.value - half, printed.value + half


def _near(printed: Printed, value: Fraction | float) -> bool:
    low, high = _bounds(printed)
    return low - Fraction(1, 10**9) <= Fraction(value) <= high + Fraction(1, 10**9)


def _count(row: PublishedValue) -> int | None:
    return int(row.value.value) if row.value.value.denominator == 1 else None


def _percents(cells: Cells) -> Iterator[bool]:
    """A percent is its count over its denominator, which is printed or which all levels make up."""
    sizes = cells.sizes()
    whole = {
        (item, arm, stage)
        for (item, arm, stage), levels in cells.blocks().items()
        if sum(_count(rows["n"]) or 0 for rows in levels.values()) == sizes[arm, stage]
    }
    for rows in cells.estimates.values():
        if not {"n", "percent"} <= set(rows):
            continue
        row, count, total = rows["percent"], _count(rows["n"]), rows.get("count_total")
        of = _count(total) if total is not None else None
        if total is None and (row.item, row.arm, row.stage) in whole:
            of = sizes[row.arm, row.stage]
        if count is None or (total is not None and not of):
            yield False
        elif of:
            value = Fraction(100 * count, of)
            # halves go up or to the even digit; cutting off is a slip of its own
            yield _near(row.value, value)
        else:
            smaller = range(max(count, 1), sizes[row.arm, row.stage] + 1)
            low, high = _bounds(row.value)
            yield any(low <= Fraction(100 * count, n) <= high for n in smaller)


def _levels(cells: Cells) -> Iterator[bool]:
    for (_, arm, stage), levels in cells.blocks().items():
        counts = [_count(rows["n"]) for rows in levels.values()]
        yield None not in counts
        yield sum(c or 0 for c in counts) <= cells.sizes()[arm, stage]


def _arms(cells: Cells) -> Iterator[bool]:
    rows = [r for r in cells.rows if r.statistic == "n" and r.level == ""]
    for whole in (r for r in rows if r.arm == "all"):
        parts = [
            [r for r in rows if (r.item, r.stage, r.arm) == (whole.item, whole.stage, arm)]
            for arm in ("treated", "control")
        ]
        for one in parts[0]:
            for other in parts[1]:
                yield one.value.value + other.value.value == whole.value.value


def _repeated(cells: Cells) -> Iterator[bool]:
    quantities: dict[tuple[str, ...], list[PublishedValue]] = defaultdict(list)
    for row in cells.rows:
        quantities[row.key].append(row)
    for rows in quantities.values():
        for one, other in combinations(rows, 2):
            first, second = _bounds(one.value), _bounds(other.value)
            if one.statistic in ("n", "count_total"):
                yield one.value.value == other.value.value
            else:
                yield first[0] <= second[1] and second[0] <= first[1]
    each = [r for r in cells.rows if r.level == "each_arm"]
    for row in each:
        yield all(n == _count(row) for (_, s), n in cells.sizes().items() if s == row.stage)


def _matched(cells: Cells) -> Iterator[bool]:
    blocks, sizes = cells.blocks(), cells.sizes()
    for (item, arm, stage), levels in blocks.items():
        before = blocks.get((item, arm, "before"), {}) if stage == "after" else {}
        left = sizes[arm, "before"] - sizes.get((arm, "after"), 0)
        for level, rows in levels.items():
            if level in before:
                gone = before[level]["n"].value.value - rows["n"].value.value
                yield 0 <= gone <= left
    if ("treated", "after") in sizes:
        yield sizes["treated", "after"] == sizes["control", "after"]


def _order(cells: Cells) -> Iterator[bool]:
    chains = (("min", "q1", "median", "q3", "max"), ("ci_low", "hr", "ci_high"))
    for rows in cells.estimates.values():
        for chain in (*chains, ("ci_low", "or", "ci_high")):
            known = [rows[n].value for n in chain if n in rows and rows[n].value.kind == "number"]
            if len(known) > 1 and (chain[0] != "ci_low" or chain[1] in rows):
                yield all(_bounds(a)[0] <= _bounds(b)[1] for a, b in pairwise(known))
                yield _bounds(known[0])[0] <= _bounds(known[-1])[1]


def _odds(cells: Cells) -> Iterator[bool]:
    for rows in cells.estimates.values():
        row = rows.get("or")
        counts = cells.two_by_two(row) if row is not None and row.level else None
        if row is not None and counts is not None and min(counts) > 0:
            a, b, c, d = counts
            # the direction is a matter of reading: either may be meant
            yield any(_near(row.value, v) for v in (Fraction(a * d, b * c), Fraction(b * c, a * d)))


def _differences(cells: Cells) -> Iterator[bool]:
    for row in (r for r in cells.rows if r.statistic == "risk_difference"):
        shares = [
            r
            for arm in ("treated", "control")
            for r in cells.rows
            if (r.item, r.statistic, r.arm, r.where) == ("event", "percent", arm, row.where)
        ]
        if len(shares) == 2:
            one, other = (_bounds(r.value) for r in shares)
            low, high = _bounds(row.value)
            yield one[0] - other[1] <= high and low <= one[1] - other[0]


def _curves(cells: Cells) -> Iterator[bool]:
    for arm in ("treated", "control"):
        rates = [r for r in cells.rows if r.statistic == "rate" and r.arm == arm]
        rates.sort(key=lambda r: Fraction(r.time.split()[0]))
        for early, late in combinations(rates, 2):
            yield _bounds(late.value)[0] <= _bounds(early.value)[1]
        for median in (r for r in cells.rows if (r.item, r.arm) == ("survival", arm)):
            if median.statistic != "median":
                continue
            for rate in rates:
                time, low_high = Fraction(rate.time.split()[0]), _bounds(rate.value)
                at = _bounds(median.value)
                yield not (at[1] < time and low_high[0] > 50)
                yield not (time < at[0] and low_high[1] < 50)


def _tests(cells: Cells) -> Iterator[bool]:
    """A p value is that of the test which the methods name."""
    named = {
        name
        for claim in cells.paper.claims
        if claim.direction == "method"
        for name in claim.about.split(";")
    }
    for row, counts, test in cells.tests():
        if row.estimate_id in named:
            yield _near(row.value, p_of_counts(counts, test))


def _words(cells: Cells) -> Iterator[bool]:
    for claim in cells.paper.claims:
        if claim.strength != "significant":
            continue
        rows = cells.estimates[claim.about]
        ratio = rows.get("hr") or rows["or"]
        p = rows["p"].value
        yield p.kind == "below" or _bounds(p)[0] <= _ALPHA
        low, high = (_bounds(rows[end].value) for end in ("ci_low", "ci_high"))
        yield high[0] < low[1] or not (low[1] < 1 < high[0])
        side = _bounds(ratio.value)
        yield side[1] >= 1 if claim.direction == "higher" else side[0] <= 1


RELATIONS = (
    _percents,
    _levels,
    _arms,
    _repeated,
    _matched,
    _order,
    _odds,
    _differences,
    _curves,
    _tests,
    _words,
)
