"""Tests of a number between two groups, each named in its result: Mann-Whitney and t tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from replica.arrays import check_level, number, numbers
from replica.errors import DataError, EstimationError, ParameterError
from replica.risk_sets import Floats

MANN_WHITNEY = "Mann-Whitney U test (asymptotic, ties corrected)"
MANN_WHITNEY_CORRECTED = (
    "Mann-Whitney U test (asymptotic, ties corrected, with continuity correction)"
)
MANN_WHITNEY_EXACT = "Mann-Whitney U test (exact)"
STUDENT = "Student's t test (equal variances)"
WELCH = "Welch's t test (unequal variances)"

# Beyond this many steps the exact distribution stops being a matter of seconds.
_EXACT_LIMIT = 200_000_000
_ROUNDING = 10 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class RankTest:
    """A Mann-Whitney test: `u` of the first group, `z` (None for the exact test), two-sided p."""

    name: str
    u: float
    z: float | None
    p: float
    n: tuple[int, int]


@dataclass(frozen=True)
class MeanTest:
    """A t test of the first group's mean less the second's, with the difference's interval."""

    name: str
    t: float
    df: float
    p: float
    difference: float
    ci_low: float
    ci_high: float
    n: tuple[int, int]


def mann_whitney(
    first: ArrayLike, second: ArrayLike, *, exact: bool = False, continuity: bool = False
) -> RankTest:
    """Mann-Whitney U test (Wilcoxon's rank sum test) of two groups.

    Parameters
    ----------
    first, second
        Shape (n,) and (m,), finite numbers.
    exact
        The exact permutation distribution of the midranks, ties included, instead of the normal
        one. Two-sided: all rank sums at least as far from their mean.
    continuity
        Move the rank sum by 1/2 towards its mean (R's `wilcox.test(correct = TRUE)`); without it,
        as SPSS's NPAR TESTS does.

    Raises
    ------
    DataError
        If a group is empty or a value is missing or infinite.
    ParameterError
        If a continuity correction of the exact test is asked for, or the exact test is too large.
    EstimationError
        If all values are equal.

    Notes
    -----
    Mann and Whitney (1947). Exact: shift algorithm of Streitberg and Roehmel (1986); without ties
    equal to R's `wilcox.test(exact = TRUE)`, with ties to `coin::wilcox_test`.
    """
    a, b = _sample(first, "first"), _sample(second, "second")
    both = np.concatenate((a, b))
    if both.min() == both.max():
        raise EstimationError(
            f"Mann-Whitney test: found the same value ({both[0]:g}) for all {both.size} patients; "
            "ranks that are all tied cannot differ."
        )
    n = (a.size, b.size)
    ranks = stats.rankdata(both)
    u = float(ranks[: a.size].sum()) - a.size * (a.size + 1) / 2
    if exact:
        if continuity:
            raise ParameterError("continuity: the exact test has none; leave it out.")
        return RankTest(MANN_WHITNEY_EXACT, u, None, _exact_p(ranks, a.size), n)
    result = stats.mannwhitneyu(a, b, use_continuity=bool(continuity), method="asymptotic")
    _, ties = np.unique(both, return_counts=True)
    size = both.size
    spread = size + 1 - float((ties**3 - ties).sum()) / (size * (size - 1))
    away = u - a.size * b.size / 2
    if continuity:
        away -= math.copysign(0.5, away) if away else 0.0
    z = away / math.sqrt(a.size * b.size / 12 * spread)
    name = MANN_WHITNEY_CORRECTED if continuity else MANN_WHITNEY
    return RankTest(name, u, z, float(result.pvalue), n)


def _exact_p(ranks: Floats, size: int) -> float:
    """Share of all draws of `size` ranks whose sum is at least as far from its mean."""
    # midranks are halves: doubled, and less the smallest, they are small whole numbers
    doubled = np.rint(2 * ranks).astype(np.int64)
    steps = doubled - doubled.min()
    seen = int(steps[:size].sum())
    small = min(size, ranks.size - size)
    width = int(np.sort(steps)[-small:].sum()) + 1
    if ranks.size * small * width > _EXACT_LIMIT:
        raise ParameterError(
            f"exact: found {ranks.size} patients; their exact distribution takes too long. Use the "
            "asymptotic test, which is as good at this size."
        )
    if size > small:
        seen = int(steps.sum()) - seen
    ways = np.zeros((small + 1, width))
    ways[0, 0] = 1.0
    for done, step in enumerate(steps, start=1):
        for drawn in range(min(done, small), 0, -1):
            ways[drawn, step:] += ways[drawn - 1, : width - step]
    sums = np.arange(width, dtype=np.int64)
    # compared in whole numbers: size * total against N * sum
    centre = small * int(steps.sum())
    extreme = np.abs(ranks.size * sums - centre) >= abs(ranks.size * seen - centre)
    return float(ways[small, extreme].sum() / ways[small].sum())


def student_t(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> MeanTest:
    """Student's t test of two means with a pooled variance, from patients.

    Raises
    ------
    DataError, EstimationError, ParameterError
        As `t_test_from_summary`; or a value is missing or infinite.

    Notes
    -----
    Student (1908); R: `t.test(var.equal = TRUE)`; SPSS: "Equal variances assumed".
    """
    return _t_test(first, second, equal_variances=True, level=level)


def welch_t(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> MeanTest:
    """Welch's t test of two means with a variance each, from patients.

    Raises
    ------
    DataError, EstimationError, ParameterError
        As `t_test_from_summary`; or a value is missing or infinite.

    Notes
    -----
    Welch (1947); R: `t.test`; SPSS: "Equal variances not assumed".
    """
    return _t_test(first, second, equal_variances=False, level=level)


def _t_test(
    first: ArrayLike, second: ArrayLike, *, equal_variances: bool, level: float
) -> MeanTest:
    groups = [_sample(first, "first"), _sample(second, "second")]
    one, two = ((float(g.mean()), _spread(g), g.size) for g in groups)
    return t_test_from_summary(one, two, equal_variances=equal_variances, level=level)


def _spread(group: Floats) -> float:
    return float(group.std(ddof=1)) if group.size > 1 else 0.0


def t_test_from_summary(
    first: tuple[float, float, int],
    second: tuple[float, float, int],
    *,
    equal_variances: bool,
    level: float = 0.95,
) -> MeanTest:
    """Student's or Welch's t test from printed means and standard deviations.

    Parameters
    ----------
    first, second
        Mean, standard deviation (denominator n - 1) and number of patients.
    equal_variances
        Student's test with a pooled variance, else Welch's.
    level
        Coverage of the interval of the difference.

    Raises
    ------
    DataError
        If a mean or standard deviation is not finite, a standard deviation is negative, or a
        number of patients is not whole.
    EstimationError
        If a group has fewer than two patients, or neither varies (up to rounding).
    ParameterError
        If the level is not between 0 and 1.

    Notes
    -----
    SciPy's `ttest_ind_from_stats`.
    """
    check_level(level)
    for name, summary in (("first", first), ("second", second)):
        if not isinstance(summary, tuple | list) or len(summary) != 3:
            raise DataError(
                f"{name} group: found {summary!r}; needed: mean, standard deviation and number of "
                "patients."
            )
        mean, sd, n = summary
        for value in (mean, sd, n):
            number(value, f"{name} group", DataError)
        if not (math.isfinite(mean) and math.isfinite(sd) and sd >= 0):
            raise DataError(
                f"{name} group: found mean {mean} and standard deviation {sd}; allowed: finite "
                "numbers, the standard deviation from 0."
            )
        if not (math.isfinite(n) and n == math.floor(n)):
            raise DataError(
                f"{name} group: found {n} patients; a whole number is needed. Take the number of "
                "patients behind the mean."
            )
        if n < 2:
            raise EstimationError(
                f"t test: found {n} patients in the {name} group; at least 2 are needed."
            )
    a, b = _square(first[1]) / first[2], _square(second[1]) / second[2]
    df = float(first[2] + second[2] - 2)
    # what is left of the spread of equal numbers is rounding; R's t.test draws the same line
    if not math.sqrt(a + b) > _ROUNDING * max(abs(first[0]), abs(second[0])):
        raise EstimationError(
            f"t test: found standard deviations of {first[1]:g} and {second[1]:g} in both groups, "
            f"around means of {first[0]:g} and {second[0]:g}; there is no spread to hold the "
            "difference against. Report the means."
        )
    if not math.isfinite(a + b):
        raise DataError(
            f"t test: found standard deviations of {first[1]:g} and {second[1]:g}, whose squares "
            "are too large. Take another unit."
        )
    result = stats.ttest_ind_from_stats(*first, *second, equal_var=equal_variances)
    if equal_variances:
        pooled = ((first[2] - 1) * first[1] ** 2 + (second[2] - 1) * second[1] ** 2) / df
        error = math.sqrt(pooled * (1 / first[2] + 1 / second[2]))
    else:
        df = (a + b) ** 2 / (a**2 / (first[2] - 1) + b**2 / (second[2] - 1))
        error = math.sqrt(a + b)
    difference = first[0] - second[0]
    reach = float(stats.t.ppf((1 + level) / 2, df)) * error
    return MeanTest(
        name=STUDENT if equal_variances else WELCH,
        t=float(result.statistic),
        df=df,
        p=float(result.pvalue),
        difference=difference,
        ci_low=difference - reach,
        ci_high=difference + reach,
        n=(first[2], second[2]),
    )


def _square(value: float) -> float:
    return float(np.square(np.float64(value)))


def _sample(values: ArrayLike, name: str) -> Floats:
    sample = numbers(values, f"{name} group")
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise DataError(
            f"{name} group: found the shape {sample.shape} with "
            f"{int((~np.isfinite(sample)).sum())} missing or infinite values; needed: at least 1 "
            "finite number per group. Exclude patients without a value first."
        )
    return sample
