"""Tables of counts read from printed rows, and the tests that may stand behind a p value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, gammaln

from replica.audit.interval import Interval, roundings
from replica.audit.naming import Names
from replica.audit.table import PrintedTable
from replica.contingency import FISHER, PEARSON, YATES, Ratio, odds_ratio
from replica.published import PublishedValue

LIKELIHOOD_RATIO = "likelihood-ratio chi-square"
TREND = "linear-by-linear trend"

# Enumerating more tables with the same margins takes longer than a reader waits.
_FISHER_LIMIT = 300_000
# Tables whose probabilities differ by no more than this share are equally probable (as in R).
_EQUAL = 1e-7
# Floating point knows a p value to far better than this; a p this close to a bound is left alone.
_GUARD = 1e-9


@dataclass(frozen=True)
class CountTable:
    """Counts of patients by level (rows) and arm (columns), with the rows they were read from.

    `completed` says that the last level is what the others leave of the printed sizes; `whole`
    that nobody can be missing from it, as the levels add up or their percents are of those sizes.
    """

    item: str
    levels: tuple[str, ...]
    arms: tuple[str, str]
    counts: tuple[tuple[int, int], ...]
    ids: tuple[str, ...]
    completed: bool
    whole: bool

    def shown(self, names: Names) -> str:
        """Write the counts as text: level by level, arm against arm."""
        cells = (
            f"{names.level(self.item, level)} {one}/{other}".strip()
            for level, (one, other) in zip(self.levels, self.counts, strict=True)
        )
        arms = " / ".join(names.arm(arm) for arm in self.arms)
        return f"{names.item(self.item)}: {', '.join(cells)} ({arms})"


def count_table(
    table: PrintedTable, row: PublishedValue, *, own_level: bool = True
) -> CountTable | None:
    """Read the counts that a comparison of two arms speaks of, from its own place or another.

    Parameters
    ----------
    table
        The printed numbers.
    row
        A row with `arm` and `comparator`: a p value or a ratio.
    own_level
        If the row names a level, compare that level with the rest of the group.

    Returns
    -------
    The table, or None if the counts are not printed; a single printed level is completed from the
    groups' sizes, and levels that do not make up the groups by the rest.
    """
    if not (row.arm and row.comparator) or row.subgroup or row.time:
        return None
    places = [row.where, *dict.fromkeys(key[0] for key in table.levels if key[1] == row.item)]
    for where in places:
        found = _at(table, row, where, own_level=own_level)
        if found is not None:
            return found
    return None


def _at(
    table: PrintedTable, row: PublishedValue, where: str, *, own_level: bool
) -> CountTable | None:
    arms = (row.arm, row.comparator)
    blocks = [table.levels.get((where, row.item, arm, row.stage), {}) for arm in arms]
    names = [name for name in blocks[0] if name in blocks[1]]
    if own_level and row.level:
        names = [name for name in names if name == row.level]
    if not names:
        return None
    counts = [tuple(table.count(block[name]) or 0 for block in blocks) for name in names]
    ids = [block[name].id for name in names for block in blocks]
    sizes = [table.size(arm, row.stage, where) for arm in arms]
    added = [sum(column) for column in zip(*counts, strict=True)]
    completed, whole = False, True
    if sizes[0] is not None and sizes[1] is not None:
        rest = (sizes[0][0] - added[0], sizes[1][0] - added[1])
        if min(rest) < 0:
            return None
        if max(rest) > 0:
            counts.append(rest)
            names.append("rest")
            ids += [sizes[0][1].id, sizes[1][1].id]
            completed = True
            whole = all(
                _is_percent_of(table, block[name], size[0])
                for name in names[:-1]
                for block, size in zip(blocks, (sizes[0], sizes[1]), strict=True)
            )
    if len(names) < 2:
        return None
    cells = tuple((pair[0], pair[1]) for pair in counts)
    return CountTable(
        row.item, tuple(names), arms, cells, tuple(dict.fromkeys(ids)), completed, whole
    )


def _is_percent_of(table: PrintedTable, row: PublishedValue, size: int) -> bool:
    percent = table.estimates[row.estimate_id].get("percent")
    count = table.count(row) or 0
    return percent is not None and bool(
        roundings(table.printed(percent), Fraction(100 * count, size))
    )


# a search for slips asks for the same tables again and again
cached_odds_ratio = lru_cache(maxsize=4096)(odds_ratio)


def against_levels(table: PrintedTable, row: PublishedValue) -> dict[str, Ratio]:
    """Return the odds ratios of a row's level against each other level, of more than two.

    Parameters
    ----------
    table
        The printed numbers.
    row
        An odds ratio of two arms that names a level.
    """
    counts = count_table(table, row, own_level=False) if row.level else None
    if counts is None or row.level not in counts.levels or len(counts.levels) < 3:
        return {}
    cells = dict(zip(counts.levels, counts.counts, strict=True))
    a, c = cells.pop(row.level)
    return {
        level: cached_odds_ratio(a, b, c, d)
        for level, (b, d) in cells.items()
        if min(a, b, c, d) > 0
    }


def p_values(counts: CountTable) -> dict[str, float]:
    """Return the two-sided p value of each test that the table allows, by the test's name."""
    return dict(_p_values(counts.counts, counts.completed))


@lru_cache(maxsize=16384)  # a search for slips asks for the same tables again and again
def _p_values(
    counts: tuple[tuple[int, int], ...], completed: bool
) -> tuple[tuple[str, float], ...]:
    cells = [row for row in counts if sum(row)]
    columns = [sum(column) for column in zip(*cells, strict=True)]
    if len(cells) < 2 or min(columns) == 0:
        return ()
    two_by_two = len(cells) == 2
    found = {PEARSON: _chi_square(cells, columns)}
    if two_by_two:
        found[YATES] = _chi_square(cells, columns, corrected=True)
    sizes = sorted(sum(row) for row in cells)
    if math.prod(size + 1 for size in sizes[:-1]) <= _FISHER_LIMIT:
        found[FISHER] = _fisher(cells, columns)
    found[LIKELIHOOD_RATIO] = _likelihood_ratio(cells, columns)
    if not two_by_two and not completed:
        found[TREND] = _trend(cells)
    return tuple(found.items())


def admits(interval: Interval, value: float) -> bool:
    """Whether a computed value may lie in an interval, within what floating point can tell."""
    return (interval.low is None or value >= float(interval.low) - _GUARD) and (
        interval.high is None or value <= float(interval.high) + _GUARD
    )


def explaining(interval: Interval, values: dict[str, float]) -> tuple[str, ...]:
    """Name the tests whose p value would be printed so."""
    return tuple(name for name, value in values.items() if admits(interval, value))


# SciPy's own functions for these check and wrap their arguments, which takes a hundred times as
# long as the sums: too long for a search that asks for thousands of tables.
def _chi_square(
    cells: Sequence[tuple[int, int]], columns: Sequence[int], *, corrected: bool = False
) -> float:
    total, square = sum(columns), 0.0
    for row in cells:
        for count, column in zip(row, columns, strict=True):
            expected = sum(row) * column / total
            apart = abs(count - expected)
            square += (apart - min(0.5, apart) * corrected) ** 2 / expected
    return float(chdtrc(len(cells) - 1, square))


def _likelihood_ratio(cells: Sequence[tuple[int, int]], columns: Sequence[int]) -> float:
    total = sum(columns)
    terms = (
        count * math.log(count * total / (sum(row) * column))
        for row in cells
        for count, column in zip(row, columns, strict=True)
        if count
    )
    return float(chdtrc(len(cells) - 1, max(2 * sum(terms), 0.0)))


def _fisher(cells: Sequence[tuple[int, int]], columns: Sequence[int]) -> float:
    """Sum the probabilities of the tables with these margins that are no more probable.

    Given the margins, a table's probability is the product over its rows of the ways to choose
    its first column's patients among the row's.
    """
    ordered = sorted(cells, key=sum)
    chosen, ways = np.zeros(1, dtype=np.int64), np.zeros(1)
    for row in ordered[:-1]:
        size = sum(row)
        own = np.arange(size + 1)
        chosen = np.add.outer(chosen, own).ravel()
        ways = np.add.outer(ways, _log_ways(size)).ravel()
    left = columns[0] - chosen
    last = sum(ordered[-1])
    possible = (left >= 0) & (left <= last)
    ways = ways[possible] + _log_ways(last)[left[possible]]
    seen = sum(float(_log_ways(sum(row))[row[0]]) for row in cells)
    total = float(_log_ways(sum(columns))[columns[0]])
    return min(float(np.exp(ways[ways <= seen + _EQUAL] - total).sum()), 1.0)


@lru_cache(maxsize=1024)
def _log_ways(size: int) -> NDArray[np.float64]:
    """Return the logarithms of the ways to choose 0, 1, ..., `size` patients of `size`."""
    number = np.arange(size + 1)
    return np.asarray(gammaln(size + 1) - gammaln(number + 1) - gammaln(size - number + 1))


def _trend(cells: Sequence[tuple[int, int]]) -> float:
    """Test a trend over equally spaced levels: (N - 1) r^2 on one degree of freedom."""
    table = np.array(cells)
    scores = np.repeat(np.arange(len(table)), table.sum(axis=1))
    arm = np.concatenate([np.repeat([0, 1], row) for row in table])
    r = float(np.corrcoef(scores, arm)[0, 1])
    return float(chdtrc(1, (len(scores) - 1) * r * r))
