"""Tests and ratios of contingency tables: Pearson, Yates, Fisher and the odds ratio."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replica.arrays import numbers
from replica.convention import Convention
from replica.errors import EstimationError

PEARSON = "Pearson chi-square"
YATES = "Pearson chi-square with Yates' continuity correction"
FISHER = "Fisher's exact test"

# Beyond this many partial tables the enumeration stops being a matter of seconds.
_ENUMERATION_LIMIT = 1_000_000
# Beyond it products of margins leave the range of whole numbers.
_LARGEST_COUNT = 1e9


@dataclass(frozen=True)
class TableTest:
    """One test of independence of the rows and columns of a table of counts.

    `statistic` and `df` are None for Fisher's exact test, which has neither. `expected_min` is
    the smallest expected count under independence, `table` the counts tested.
    """

    name: str
    statistic: float | None
    df: int | None
    p: float
    expected_min: float
    table: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Ratio:
    """A ratio with its interval and the two-sided p value of the hypothesis that it is 1."""

    estimate: float
    ci_low: float
    ci_high: float
    p: float

    def inverse(self) -> Ratio:
        """Return the same comparison the other way round: reciprocal, ends swapped, same p."""
        return Ratio(1 / self.estimate, 1 / self.ci_high, 1 / self.ci_low, self.p)


def pearson(table: ArrayLike | pd.DataFrame) -> TableTest:
    """Test independence by Pearson's chi-square without continuity correction.

    Parameters
    ----------
    table
        Counts of patients, shape (rows, columns), at least 2 x 2. The labels of a frame name an
        empty row or column in the error.

    Raises
    ------
    EstimationError
        If the table is not one of counts, is smaller than 2 x 2 or has an empty row or column.

    Notes
    -----
    R's `chisq.test(correct = FALSE)`; the line "Pearson Chi-Square" of SPSS's CROSSTABS.
    """
    return _chi_square(_counts(table), PEARSON)


def yates(table: ArrayLike | pd.DataFrame) -> TableTest:
    """Test independence in a 2 x 2 table by Pearson's chi-square with Yates' correction.

    Parameters
    ----------
    table
        Counts of patients, shape (2, 2).

    Raises
    ------
    EstimationError
        If the table is not 2 x 2, is not one of counts or has an empty row or column.

    Notes
    -----
    R's `chisq.test` for 2 x 2 tables: the correction never exceeds the deviation itself.
    """
    counts = _counts(table)
    if counts.shape != (2, 2):
        raise EstimationError(
            f"contingency table: found {_shape(counts)}; Yates' correction is for 2 x 2 tables. "
            "Use `pearson`."
        )
    return _chi_square(counts, YATES)


def fisher(table: ArrayLike | pd.DataFrame) -> TableTest:
    """Test independence exactly, given both margins (two-sided Fisher or Freeman-Halton test).

    The p value is the probability of all tables with the same margins that are no more probable
    than the one seen.

    Parameters
    ----------
    table
        Counts of patients, shape (rows, columns), at least 2 x 2.

    Raises
    ------
    EstimationError
        If the table is not one of counts, is smaller than 2 x 2, has an empty row or column, or
        is too large to enumerate.

    Notes
    -----
    SciPy's `fisher_exact` for 2 x 2 tables. Larger ones are enumerated in whole numbers, so that
    equally probable tables are recognised without a tolerance (R's `fisher.test`).
    """
    counts = _counts(table)
    if counts.shape == (2, 2):
        p = float(stats.fisher_exact(counts, alternative="two-sided").pvalue)
    else:
        p = _enumerated_p(counts)
    return TableTest(FISHER, None, None, min(p, 1.0), _expected_min(counts), _rows(counts))


def choose_test(
    table: ArrayLike | pd.DataFrame, *, convention: Convention, drop_empty: bool = False
) -> TableTest:
    """Test independence as a convention does it; the name of the result says which test was used.

    Parameters
    ----------
    table
        Counts of patients, shape (rows, columns), at least 2 x 2.
    convention
        Fisher's exact test is used when an expected count is below `fisher_below`; otherwise
        Pearson's chi-square, corrected in 2 x 2 tables where `continuity_correction` says so.
    drop_empty
        Leave out rows and columns without a patient instead of refusing them.

    Raises
    ------
    EstimationError
        As the test that is chosen.
    """
    counts = _counts(table, drop_empty=drop_empty)
    if _expected_min(counts) < convention.fisher_below:
        return fisher(counts)
    if convention.continuity_correction and counts.shape == (2, 2):
        return yates(counts)
    return pearson(counts)


def odds_ratio(a: int, b: int, c: int, d: int) -> Ratio:
    """Estimate the odds ratio (a d) / (b c) with Woolf's 95% interval and Wald's p value.

    Parameters
    ----------
    a, b
        Patients of the first group with and without the event.
    c, d
        Patients of the second group with and without the event.

    Raises
    ------
    EstimationError
        If a cell is not a count or is 0: the logarithm's standard error is then infinite.

    Notes
    -----
    Woolf (1955): se(log OR) = sqrt(1/a + 1/b + 1/c + 1/d).
    """
    counts = _counts([[a, b], [c, d]])
    if (counts == 0).any():
        raise EstimationError(
            f"odds ratio: found a cell with 0 patients in ({a}, {b}; {c}, {d}); Woolf's interval "
            "needs at least 1 in each. Report the counts with Fisher's exact test instead."
        )
    log_ratio = math.log(a) + math.log(d) - math.log(b) - math.log(c)
    error = math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    reach = float(stats.norm.ppf(0.975)) * error
    return Ratio(
        estimate=a * d / (b * c),
        ci_low=math.exp(log_ratio - reach),
        ci_high=math.exp(log_ratio + reach),
        p=float(2 * stats.norm.sf(abs(log_ratio) / error)),
    )


def _counts(table: ArrayLike | pd.DataFrame, *, drop_empty: bool = False) -> NDArray[np.int64]:
    values = numbers(table, "contingency table", EstimationError)
    if values.ndim != 2:
        raise EstimationError(
            f"contingency table: found {values.ndim} dimensions; allowed: 2. Pass a list of rows."
        )
    with np.errstate(invalid="ignore"):
        bad = ~((values >= 0) & (values <= _LARGEST_COUNT) & (values % 1 == 0))
    if bad.any():
        raise EstimationError(
            f"contingency table: found a cell that is not a count ({values[bad][0]:g}); allowed: "
            f"whole numbers from 0 to {_LARGEST_COUNT:g}. Pass numbers of patients, not "
            "percentages."
        )
    counts = values.astype(np.int64)
    if drop_empty:
        counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        raise EstimationError(
            f"contingency table: found {_shape(counts)}; at least 2 x 2 is needed to compare."
        )
    for axis, what in ((1, "row"), (0, "column")):
        empty = np.flatnonzero(counts.sum(axis=axis) == 0)
        if empty.size:
            name = _label(table, what, int(empty[0]))
            raise EstimationError(
                f"contingency table: {what} {name} holds no patient; each needs at least 1. Leave "
                "out the level that nobody has (`choose_test(..., drop_empty=True)`) and say so."
            )
    return counts


def _label(table: ArrayLike | pd.DataFrame, what: str, position: int) -> str:
    if isinstance(table, pd.DataFrame):
        labels = table.index if what == "row" else table.columns
        return repr(str(labels[position]))
    return str(position + 1)


def _shape(counts: NDArray[np.int64]) -> str:
    return f"{counts.shape[0]} x {counts.shape[1]}"


def _rows(counts: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(cell) for cell in row) for row in counts)


def _expected_min(counts: NDArray[np.int64]) -> float:
    # The smallest product of margins, divided once: exact for a table at a threshold such as 5.
    return float(counts.sum(axis=1).min() * counts.sum(axis=0).min() / counts.sum())


def _chi_square(counts: NDArray[np.int64], name: str) -> TableTest:
    result = stats.chi2_contingency(counts, correction=name == YATES)
    return TableTest(
        name,
        float(result.statistic),
        int(result.dof),
        float(result.pvalue),
        _expected_min(counts),
        _rows(counts),
    )


def _enumerated_p(counts: NDArray[np.int64]) -> float:
    """Sum the probabilities of all tables no more probable than this one, column by column.

    Given the margins, a table's probability is proportional to the product over its columns of
    the multinomial coefficient of each column. Columns are added one at a time; partial tables
    that leave the same row totals and have the same product are counted together.
    """
    table = counts if counts.shape[0] <= counts.shape[1] else counts.T
    rows = tuple(int(total) for total in table.sum(axis=1))
    seen = math.prod(_multinomial(tuple(int(cell) for cell in column)) for column in table.T)
    partial: dict[tuple[int, ...], Counter[int]] = {rows: Counter({1: 1})}
    for total in (int(total) for total in table.sum(axis=0)):
        grown: dict[tuple[int, ...], Counter[int]] = {}
        size = 0
        for left, weights in partial.items():
            for column in _columns(left, total):
                factor = _multinomial(column)
                remaining = tuple(have - put for have, put in zip(left, column, strict=True))
                counter = grown.setdefault(remaining, Counter())
                before = len(counter)
                for weight, times in weights.items():
                    counter[weight * factor] += times
                size += len(counter) - before
                if size > _ENUMERATION_LIMIT:
                    raise EstimationError(
                        f"Fisher's exact test: a {_shape(counts)} table of {counts.sum()} patients "
                        f"has more than {_ENUMERATION_LIMIT} partial tables to enumerate. Join "
                        "levels, or use `pearson`."
                    )
        partial = grown
    (weights,) = partial.values()
    no_more_probable = sum(weight * times for weight, times in weights.items() if weight <= seen)
    return float(Fraction(no_more_probable, _multinomial(rows)))


def _multinomial(parts: tuple[int, ...]) -> int:
    ways, total = 1, 0
    for part in parts:
        total += part
        ways *= math.comb(total, part)
    return ways


def _columns(left: tuple[int, ...], total: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to put `total` patients into rows that have room for `left`."""
    if len(left) == 1:
        if total <= left[0]:
            yield (total,)
        return
    for first in range(max(0, total - sum(left[1:])), min(left[0], total) + 1):
        for others in _columns(left[1:], total - first):
            yield (first, *others)
