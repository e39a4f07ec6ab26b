"""Tables of counts read from printed rows, and the tests that may stand behind a p value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy import stats

from replica.audit.interval import Interval, roundings
from replica.audit.table import PrintedTable
from replica.contingency import FISHER, PEARSON, YATES, fisher, pearson, yates
from replica.errors import EstimationError
from replica.published import PublishedValue

LIKELIHOOD_RATIO = "likelihood-ratio chi-square"
TREND = "linear-by-linear trend"

# Enumerating larger tables takes longer than a reader waits.
_FISHER_LIMIT = 300
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

    @property
    def shown(self) -> str:
        """The counts as text: level by level, arm against arm."""
        cells = (
            f"{level} {one}/{other}".strip()
            for level, (one, other) in zip(self.levels, self.counts, strict=True)
        )
        return f"{self.item}: {', '.join(cells)} ({self.arms[0]}/{self.arms[1]})"


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


def p_values(counts: CountTable) -> dict[str, float]:
    """Return the two-sided p value of each test that the table allows, by the test's name."""
    return dict(_p_values(counts.counts, counts.completed))


@lru_cache(maxsize=4096)  # a search for slips asks for the same tables again and again
def _p_values(
    counts: tuple[tuple[int, int], ...], completed: bool
) -> tuple[tuple[str, float], ...]:
    cells = np.array([row for row in counts if sum(row)], dtype=np.int64)
    if min(cells.shape) < 2 or (cells.sum(axis=0) == 0).any():
        return ()
    tests: list[tuple[str, Callable[[], float]]] = [(PEARSON, lambda: pearson(cells).p)]
    if cells.shape == (2, 2):
        tests.append((YATES, lambda: yates(cells).p))
    if cells.shape == (2, 2) or cells.sum() <= _FISHER_LIMIT:
        tests.append((FISHER, lambda: fisher(cells).p))
    tests.append((LIKELIHOOD_RATIO, lambda: _likelihood_ratio(cells)))
    if len(cells) > 2 and not completed:
        tests.append((TREND, lambda: _trend(cells)))
    found: dict[str, float] = {}
    for name, test in tests:
        try:
            found[name] = test()
        except EstimationError:
            continue
    return tuple(found.items())


def admits(interval: Interval, value: float) -> bool:
    """Whether a computed value may lie in an interval, within what floating point can tell."""
    exact = Fraction(value)
    guard = Fraction(_GUARD)
    return Interval(exact - guard, exact + guard).meets(interval)


def explaining(interval: Interval, values: dict[str, float]) -> tuple[str, ...]:
    """Name the tests whose p value would be printed so."""
    return tuple(name for name, value in values.items() if admits(interval, value))


def _likelihood_ratio(cells: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    return float(stats.chi2_contingency(cells, correction=False, lambda_="log-likelihood").pvalue)


def _trend(cells: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """Test a trend over equally spaced levels: (N - 1) r^2 on one degree of freedom."""
    scores = np.repeat(np.arange(len(cells)), cells.sum(axis=1))
    arm = np.concatenate([np.repeat([0, 1], row) for row in cells])
    r = float(np.corrcoef(scores, arm)[0, 1])
    return float(stats.chi2.sf((len(scores) - 1) * r * r, 1))
