"""What must hold for every Cox model that can be estimated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from replica.cox import CoxFit, fit_cox
from replica.errors import EstimationError
from replica.partial_likelihood import partial_likelihood
from replica.survival import log_rank

# the first call compiles a kernel, which no deadline should count
COMPILED = settings(deadline=None, max_examples=60)
ROWS = st.lists(
    st.tuples(
        st.integers(1, 15),
        st.booleans(),
        st.integers(0, 1),
        st.integers(-3, 3),
        st.integers(0, 4),
    ),
    min_size=20,
    max_size=60,
)
TIES = st.sampled_from(["efron", "breslow"])
NAMES = ["arm", "x"]


def _columns(rows):
    table = np.array(rows, dtype=float)
    return table[:, 2:4], table[:, 0], table[:, 1], table[:, 4]


def _estimable(fit: Callable[[], CoxFit]) -> CoxFit:
    try:
        return fit()
    except EstimationError:
        assume(False)
        raise


@COMPILED
@given(ROWS, TIES, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(rows, ties, random):
    """A shuffled file gives the same bits, robust and clustered errors included."""
    shuffled = random.sample(rows, len(rows))
    X, duration, event, cluster = _columns(rows)
    Y, other, happened, label = _columns(shuffled)
    assume(len(set(cluster)) > 1)
    options = {"names": NAMES, "ties": ties}
    first = _estimable(lambda: fit_cox(X, duration, event, cluster=cluster, **options))
    second = fit_cox(Y, other, happened, cluster=label, **options)
    np.testing.assert_array_equal(first.coef, second.coef)
    np.testing.assert_array_equal(first.covariance, second.covariance)
    np.testing.assert_array_equal(first.robust_se, second.robust_se)


@COMPILED
@given(ROWS, TIES)
def test_months_or_years_give_the_same_hazard_ratio(rows, ties):
    """Only the order of times enters the partial likelihood."""
    X, duration, event, _ = _columns(rows)
    months = _estimable(lambda: fit_cox(X, duration, event, names=NAMES, ties=ties))
    years = fit_cox(X, duration / 12, event, names=NAMES, ties=ties)
    np.testing.assert_array_equal(months.coef, years.coef)
    np.testing.assert_array_equal(months.se, years.se)


@COMPILED
@given(ROWS, TIES)
def test_swapping_the_arms_inverts_the_hazard_ratio(rows, ties):
    """And leaves its error, the other covariate and the likelihood alone."""
    X, duration, event, _ = _columns(rows)
    one = _estimable(lambda: fit_cox(X, duration, event, names=NAMES, ties=ties, robust=True))
    swapped = np.column_stack([1 - X[:, 0], X[:, 1]])
    other = fit_cox(swapped, duration, event, names=NAMES, ties=ties, robust=True)
    np.testing.assert_allclose(other.coef * [-1, 1], one.coef, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.se, one.se, rtol=1e-8)
    np.testing.assert_allclose(other.robust_se, one.robust_se, rtol=1e-7)
    np.testing.assert_allclose(other.log_likelihood, one.log_likelihood, rtol=1e-11)


@COMPILED
@given(ROWS, TIES, st.sampled_from([1e-5, 0.1, 365.25, 1e5]), st.sampled_from([0, 2000]))
def test_another_unit_of_a_covariate_rescales_its_coefficient(rows, ties, unit, origin):
    """Newton's method does not depend on scale or origin."""
    X, duration, event, _ = _columns(rows)
    one = _estimable(lambda: fit_cox(X, duration, event, names=NAMES, ties=ties))
    scaled = np.column_stack([X[:, 0], (X[:, 1] + origin) * unit])
    other = fit_cox(scaled, duration, event, names=NAMES, ties=ties)
    np.testing.assert_allclose(other.coef * [1, unit], one.coef, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(other.se * [1, unit], one.se, rtol=1e-7)


@COMPILED
@given(ROWS)
def test_score_test_at_zero_is_the_log_rank_test_without_ties(rows):
    """Cox's score test with one binary covariate and distinct times is Mantel's test."""
    X, _, event, _ = _columns(rows)
    duration = np.arange(1.0, len(rows) + 1)
    try:
        found = log_rank(duration, event, X[:, 0])
    except EstimationError:
        return
    down = slice(None, None, -1)
    zeros = np.zeros(len(rows), dtype=np.int64)
    _, score, information = partial_likelihood(
        np.ascontiguousarray(X[down, :1]),
        duration[down],
        event[down].astype(np.int64),
        np.ones(len(rows)),
        zeros,
        np.zeros(1),
        False,
    )
    np.testing.assert_allclose(score[0], found.observed[1] - found.expected[1], atol=1e-12)
    np.testing.assert_allclose(score[0] ** 2 / information[0, 0], found.statistic, rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_maximum_is_the_one_that_lifelines_finds(seed):
    """An independent implementation of Efron's likelihood, on ordinary tied data."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(0, 2, 150), rng.normal(size=150)]).astype(float)
    duration = np.ceil(rng.exponential(10 * np.exp(-0.6 * X[:, 0] + 0.3 * X[:, 1])))
    event = rng.random(150) < 0.6
    fit = fit_cox(X, duration, event, names=NAMES)
    frame = pd.DataFrame({"arm": X[:, 0], "x": X[:, 1], "time": duration, "event": event})
    referee = CoxPHFitter().fit(frame, "time", "event")
    np.testing.assert_allclose(referee.params_, fit.coef, rtol=1e-6)
    np.testing.assert_allclose(referee.standard_errors_, fit.se, rtol=1e-6)
    np.testing.assert_allclose(referee.log_likelihood_, fit.log_likelihood, rtol=1e-10)
