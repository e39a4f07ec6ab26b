"""Mann-Whitney and t tests: names, hand-worked values and what is refused."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from replica.errors import DataError, EstimationError, ParameterError
from replica.two_samples import (
    MANN_WHITNEY,
    MANN_WHITNEY_CORRECTED,
    MANN_WHITNEY_EXACT,
    STUDENT,
    WELCH,
    mann_whitney,
    student_t,
    t_test_from_summary,
    welch_t,
)

VALUES = st.lists(st.integers(0, 4), min_size=1, max_size=6)


def test_results_carry_the_name_of_the_test():
    """A p value without its test is no result."""
    a, b = [1, 2, 3], [2, 4, 6]
    assert mann_whitney(a, b).name == MANN_WHITNEY
    assert mann_whitney(a, b, continuity=True).name == MANN_WHITNEY_CORRECTED
    assert mann_whitney(a, b, exact=True).name == MANN_WHITNEY_EXACT
    assert (student_t(a, b).name, welch_t(a, b).name) == (STUDENT, WELCH)


def test_exact_test_returns_the_share_counted_by_hand():
    """Two against two, apart: 2 of 6 draws are as far out."""
    assert mann_whitney([1, 2], [3, 4], exact=True).p == pytest.approx(1 / 3, rel=1e-14)


@given(VALUES, VALUES)
def test_exact_test_with_ties_counts_every_draw(first, second):
    """All ways to draw the first group's ranks, midranks included."""
    both = first + second
    if len(set(both)) == 1:
        return
    ranks = stats.rankdata(both)
    centre = len(first) * (len(both) + 1) / 2
    seen = abs(ranks[: len(first)].sum() - centre)
    draws = [abs(sum(draw) - centre) >= seen for draw in combinations(ranks, len(first))]
    assert mann_whitney(first, second, exact=True).p == pytest.approx(np.mean(draws), rel=1e-12)


@given(VALUES, VALUES, st.booleans())
def test_z_and_p_belong_together_and_swap_with_the_groups(first, second, continuity):
    """The p value is that of z; the other way round the sign turns."""
    if len(set(first + second)) == 1:
        return
    found = mann_whitney(first, second, continuity=continuity)
    other = mann_whitney(second, first, continuity=continuity)
    assert found.p == pytest.approx(min(1, 2 * stats.norm.sf(abs(found.z))), rel=1e-10)
    assert (other.z, other.p) == pytest.approx((-found.z, found.p), rel=1e-10)
    assert found.u + other.u == len(first) * len(second)


def test_exact_test_of_a_hundred_against_two_hundred_is_near_the_asymptotic_one():
    """The exact distribution is found for more than a handful of patients."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=30), rng.normal(0.5, size=60)
    known = stats.mannwhitneyu(a, b, method="exact").pvalue
    assert mann_whitney(a, b, exact=True).p == pytest.approx(known, rel=1e-10)


@pytest.mark.parametrize(
    ("first", "second", "options", "error"),
    [
        ([], [1], {}, DataError),
        ([1, np.nan], [1], {}, DataError),
        ([1, 1], [1], {}, EstimationError),
        ([1, 2], [1], {"exact": True, "continuity": True}, ParameterError),
        (range(500), range(500), {"exact": True}, ParameterError),
    ],
)
def test_impossible_rank_tests_are_refused(first, second, options, error):
    """Nobody, a missing value, all tied, a corrected exact test, too many for it."""
    with pytest.raises(error):
        mann_whitney(first, second, **options)


def test_student_returns_the_statistic_worked_out_by_hand():
    """Means 2 and 4, variance 1 in both groups of 3: t = -2 / sqrt(2 / 3)."""
    found = student_t([1, 2, 3], [3, 4, 5])
    assert found.t == pytest.approx(-2 / math.sqrt(2 / 3), rel=1e-14)
    assert (found.df, found.difference, found.n) == (4, -2, (3, 3))


@pytest.mark.parametrize("equal", [True, False])
def test_printed_means_give_the_same_test_as_the_patients(equal):
    """The summary of the patients is enough."""
    a, b = np.array([1.0, 4, 2, 8]), np.array([3.0, 3, 9, 7, 12])
    summary = [(x.mean(), x.std(ddof=1), x.size) for x in (a, b)]
    known = (student_t if equal else welch_t)(a, b)
    assert t_test_from_summary(*summary, equal_variances=equal) == known
    result = stats.ttest_ind(a, b, equal_var=equal)
    interval = result.confidence_interval()
    assert (known.t, known.p, known.ci_low, known.ci_high) == pytest.approx(
        (result.statistic, result.pvalue, interval.low, interval.high), rel=1e-12
    )


@pytest.mark.parametrize(
    ("first", "error", "found"),
    [
        ((1, 1, 1), EstimationError, "1 patients"),
        ((1, -1, 5), DataError, "standard deviation -1"),
        ((math.nan, 1, 5), DataError, "mean nan"),
        ((1, 0, 5), EstimationError, "both groups"),
    ],
)
def test_impossible_t_tests_are_refused(first, error, found):
    """Too few, no spread, no number."""
    with pytest.raises(error, match=found):
        t_test_from_summary(first, (2, 0, 5), equal_variances=True)


def test_an_impossible_level_is_refused():
    """A percentage is no share."""
    with pytest.raises(ParameterError, match="95"):
        student_t([1, 2], [3, 5], level=95)
