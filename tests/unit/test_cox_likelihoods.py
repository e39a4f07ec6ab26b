"""Intervals, exact ties and large samples: the likelihoods beside the plain kernel."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import replica.cox_rows
from replica.cohort import Cohort
from replica.counting_process import interval_likelihood, interval_residuals
from replica.cox import cox, fit_cox, partial_likelihood
from replica.cox_rows import cox_rows
from replica.errors import DataError, EstimationError, ParameterError
from replica.exact_ties import exact_likelihood, most_tied
from replica.large_samples import (
    hashes_collide,
    large_likelihood,
    row_hashes,
    sort_within_ties,
)
from replica.newton import newton
from replica.partial_likelihood import (
    CONVERGED,
    DIVERGING,
    NOT_CONVERGED,
    SINGULAR,
    score_residuals,
)

NAMES = ["x", "z"]


def _draw(n=120, seed=5):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)]).astype(float)
    duration = np.ceil(rng.exponential(8 * np.exp(-0.5 * matrix[:, 0])))
    return matrix, duration, (rng.random(n) < 0.7).astype(int)


def _sorted(seed=3, n=80):
    """Rows as the kernels take them: strata, ties, weights, late entries."""
    rng = np.random.default_rng(seed)
    stratum = np.sort(rng.integers(0, 3, n))
    stop = rng.integers(2, 9, n).astype(float)
    order = np.lexsort((-stop, stratum))
    stop = stop[order]
    start = np.floor(stop * rng.random(n)) - 0.5
    by_start = np.lexsort((-start, stratum))
    X, event = rng.normal(size=(n, 2)), rng.integers(0, 2, n)
    return X, start, stop, event, rng.random(n) + 0.5, stratum, by_start


def _naive(X, start, stop, event, weight, stratum, beta, efron):
    """Log partial likelihood of intervals by its definition, time by time."""
    value = 0.0
    risk = weight * np.exp(X @ beta)
    for s, t in {(s, t) for s, t, e in zip(stratum, stop, event, strict=True) if e}:
        here = (stratum == s) & (start < t) & (t <= stop)
        dead = (stratum == s) & (stop == t) & (event == 1)
        value += (weight * (X @ beta))[dead].sum()
        steps = dead.sum() if efron else 1
        for step in range(steps):
            total = risk[here].sum() - step / steps * risk[dead].sum()
            value -= weight[dead].sum() / steps * math.log(total)
    return value


@pytest.mark.parametrize("efron", [True, False])
def test_the_likelihood_of_intervals_is_its_definition(efron):
    """Only those who entered before an event and stay until then are at risk at it."""
    X, start, stop, event, weight, stratum, by_start = _sorted()
    beta, none, h = np.array([0.3, -0.6]), np.empty(0), 1e-5
    args = (X, start, stop, event, weight, stratum, by_start)
    value, scores, information = interval_likelihood(*args, beta, efron, none)
    assert value == pytest.approx(
        _naive(X, start, stop, event, weight, stratum, beta, efron), rel=1e-13
    )
    for a, unit in enumerate(np.eye(2) * h):
        ahead = interval_likelihood(*args, beta + unit, efron, none)
        behind = interval_likelihood(*args, beta - unit, efron, none)
        assert scores[0, a] == pytest.approx((ahead[0] - behind[0]) / (2 * h), rel=1e-6)
        slope = (ahead[1][0] - behind[1][0]) / (2 * h)
        np.testing.assert_allclose(information[0, a], -slope, rtol=1e-7)
    assert not scores[1].any()


@pytest.mark.parametrize("efron", [True, False])
def test_sums_with_a_function_of_time_are_derivatives_of_a_larger_model(efron):
    """The effect of x times g(time), seen at zero: a score and a block of information."""
    X, start, stop, event, weight, stratum, by_start = _sorted()
    beta, of_time = np.array([0.3, -0.6]), np.sqrt(stop)
    args = (start, stop, event, weight, stratum, by_start)
    _, scores, information = interval_likelihood(X, *args, beta, efron, of_time)
    by_hand = np.zeros(2)
    for t in np.unique(stop):
        only = np.where(stop == t, event, 0)
        _, part, block = interval_likelihood(
            X, start, stop, only, weight, stratum, by_start, beta, efron, np.empty(0)
        )
        by_hand += math.sqrt(t) * part[0]
        information[1] -= math.sqrt(t) * block[0]
        information[2] -= t * block[0]
    np.testing.assert_allclose(scores[1], by_hand, rtol=1e-12)
    np.testing.assert_allclose(information[1:], 0, atol=1e-11)


@pytest.mark.parametrize("efron", [True, False])
def test_intervals_from_the_beginning_are_plain_follow_up(efron):
    """Value, derivatives and score residuals of the two kernels."""
    X, _, stop, event, weight, stratum, _ = _sorted()
    start, by_start = np.full(80, -np.inf), np.arange(80)
    beta = np.array([0.3, -0.6])
    value, score, information = partial_likelihood(X, stop, event, weight, stratum, beta, efron)
    args = (X, start, stop, event, weight, stratum, by_start, beta, efron)
    found = interval_likelihood(*args, np.empty(0))
    assert found[0] == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(found[1][0], score, rtol=1e-11)
    np.testing.assert_allclose(found[2][0], information, rtol=1e-11)
    plain = score_residuals(X, stop, event, weight, stratum, beta, efron)
    np.testing.assert_allclose(interval_residuals(*args), plain, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("efron", [True, False])
def test_score_residuals_of_intervals_sum_to_the_score(efron):
    """Weighted, each row's residual is its share of the score."""
    X, start, stop, event, weight, stratum, by_start = _sorted()
    args = (X, start, stop, event, weight, stratum, by_start, np.array([0.3, -0.6]), efron)
    residuals = interval_residuals(*args)
    score = interval_likelihood(*args, np.empty(0))[1][0]
    np.testing.assert_allclose(weight @ residuals, score, rtol=1e-11)


def test_a_row_of_enormous_risk_leaves_no_trace_once_it_is_out():
    """Taking it out of a running sum would drown the others in its rounding error."""
    X, start, stop, event, weight, stratum, by_start = _sorted()
    late = np.flatnonzero(start > stop[-1] - 2)[0]
    beta = np.array([1.0, 0.5])
    X[late] = [34.0, 0.0]
    args = (stop, event, weight, stratum)
    value = interval_likelihood(X, start, *args, by_start, beta, True, np.empty(0))[0]
    assert value == pytest.approx(_naive(X, start, *args, beta, True), rel=1e-12)


def test_late_entry_changes_who_is_compared():
    """A third patient who enters after the only event says nothing about it."""
    both = fit_cox([[1.0], [0.0], [1.0], [0.0]], [2, 3, 4, 5], [1, 1, 1, 1], names=["x"])
    more = fit_cox(
        [[1.0], [0.0], [1.0], [0.0], [0.0]],
        [2, 3, 4, 5, 9],
        [1, 1, 1, 1, 0],
        names=["x"],
        start=[0, 0, 0, 0, 6],
    )
    np.testing.assert_allclose(more.coef, both.coef, rtol=1e-8)
    assert (more.n, more.n_events) == (5, 4)


@pytest.mark.parametrize(
    ("change", "error", "found"),
    [
        ({"start": np.full(120, 100.0)}, DataError, "not before the end"),
        ({"start": np.r_[np.nan, np.zeros(119)]}, DataError, "found 1 that are missing"),
        ({"start": [0.0]}, DataError, "one start for each of 120"),
        ({"start": np.zeros(120), "robust": True}, ParameterError, "without `cluster`"),
        ({"start": np.zeros(120), "weights": np.ones(120)}, ParameterError, "without `cluster`"),
        ({"start": np.zeros(120), "ties": "exact"}, ParameterError, "choose 'efron'"),
        ({"cluster": np.arange(120), "ties": "exact"}, ParameterError, "choose 'efron'"),
        ({"weights": np.ones(120), "ties": "exact"}, ParameterError, "choose 'efron'"),
        ({"ties": "Exact"}, ParameterError, "Did you mean 'exact'"),
    ],
)
def test_impossible_intervals_and_options_are_refused(change, error, found):
    """A zero-length interval, a missing start, and options that do not exist together."""
    matrix, duration, event = _draw()
    with pytest.raises(error, match=found):
        fit_cox(matrix, duration, event, names=NAMES, **change)


@pytest.mark.parametrize("ties", ["efron", "exact"])
def test_separation_and_collinearity_are_refused_by_name(ties):
    """The same refusals as for the plain kernel."""
    matrix, duration, event = _draw()
    options = {"ties": ties} | ({"start": np.zeros(120)} if ties == "efron" else {})
    alive = np.where(matrix[:, 0] == 1, 0, event)
    with pytest.raises(EstimationError, match="coefficient of x diverges"):
        fit_cox(matrix, duration, alive, names=NAMES, **options)
    three = np.column_stack([matrix, matrix.sum(axis=1)])
    with pytest.raises(EstimationError, match="both is a linear combination"):
        fit_cox(three, duration, event, names=[*NAMES, "both"], **options)
    with pytest.raises(EstimationError, match=r"x .* does not vary among those at risk"):
        fit_cox(matrix, duration, event, names=NAMES, strata=matrix[:, 0], **options)


def test_newton_says_why_it_stopped():
    """A parabola converges in one step; lines climb forever; a wrong score goes nowhere."""
    one = np.eye(1)
    parabola = newton(lambda b: (-float((b - 2) @ (b - 2)) / 2, 2 - b, one), 1, 1)
    assert (parabola.status, parabola.beta[0], parabola.score_statistic) == (CONVERGED, 2, 4)
    assert newton(lambda b: (0.0, b, 0 * one), 1, 1).status == SINGULAR
    steep = newton(lambda b: (-math.exp(-b[0]), np.exp(-b), np.exp(-b)[:, None]), 1, 1)
    assert steep.status == DIVERGING
    wrong = newton(lambda b: (-1e6 * abs(float(b[0])), 1 + 0 * b, one), 1, 1)
    assert wrong.status == NOT_CONVERGED


def test_exact_ties_are_the_sum_over_every_draw():
    """All ways to choose who dies among those at risk, one by one."""
    rng = np.random.default_rng(8)
    X, beta = rng.normal(size=(11, 2)), np.array([0.5, -1.0])
    time = np.array([5, 5, 5, 5, 3, 3, 3, 2, 2, 1, 1.0])
    event = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0])
    stratum = np.zeros(11, dtype=np.int64)
    most = most_tied(time, event, stratum)
    assert most.tolist() == [3] * 11
    value, score, information = exact_likelihood(X, time, event, stratum, most, beta)
    expected, slope, bend = 0.0, np.zeros(2), np.zeros((2, 2))
    for t in (5, 3, 2):
        dead = (time == t) & (event == 1)
        draws = list(itertools.combinations(np.flatnonzero(time >= t), dead.sum()))
        sums = np.array([X[list(draw)].sum(axis=0) for draw in draws])
        share = np.exp(sums @ beta)
        expected += X[dead].sum(axis=0) @ beta - math.log(share.sum())
        share /= share.sum()
        slope += X[dead].sum(axis=0) - share @ sums
        bend += sums.T @ (share[:, None] * sums) - np.outer(share @ sums, share @ sums)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(score, slope, rtol=1e-12)
    np.testing.assert_allclose(information, bend, rtol=1e-11)


def test_exact_ties_of_many_patients_stay_within_the_range_of_a_float():
    """300 of 600 die at one time: some 1e179 draws, whose share worked out by hand at zero."""
    event = np.repeat([1, 0], 300)
    zeros = np.zeros(600, dtype=np.int64)
    most = most_tied(np.ones(600), event, zeros)
    X = np.arange(600.0)[:, None] / 100
    value, score, _ = exact_likelihood(X, np.ones(600), event, zeros, most, np.zeros(1))
    draws = math.lgamma(601) - 2 * math.lgamma(301)
    assert value == pytest.approx(-draws, rel=1e-12)
    assert score[0] == pytest.approx(X[:300].sum() - 300 * X.mean(), rel=1e-11)
    shifted = exact_likelihood(X + 30, np.ones(600), event, zeros, most, np.array([2.0]))
    plain = exact_likelihood(X, np.ones(600), event, zeros, most, np.array([2.0]))
    assert shifted[0] == pytest.approx(plain[0], rel=1e-11)


def test_too_many_ties_for_the_exact_likelihood_are_refused():
    """The message says what was found, what is allowed and what to choose instead."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1300, 1))
    with pytest.raises(EstimationError, match=r"up to 600 events .* at most 500 .* Efron"):
        fit_cox(X, np.ones(1300), np.arange(1300) < 600, names=["x"], ties="exact")


def test_without_ties_all_three_likelihoods_are_one():
    """Efron, Breslow and exact differ in tied events only."""
    matrix, _, event = _draw()
    fits = [
        fit_cox(matrix, np.arange(120), event, names=NAMES, ties=ties)
        for ties in ("efron", "breslow", "exact")
    ]
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.coef, fits[0].coef, rtol=1e-8)
        assert fit.log_likelihood == pytest.approx(fits[0].log_likelihood, rel=1e-12)
        assert fit.score_statistic == pytest.approx(fits[0].score_statistic, rel=1e-10)


@pytest.mark.parametrize("efron", [True, False])
def test_the_kernel_of_large_samples_returns_what_the_small_one_returns(efron):
    """Ties, weights and strata: the same sums in another order."""
    X, _, stop, event, weight, stratum, _ = _sorted(n=403)
    for beta in (np.zeros(2), np.array([0.7, -1.1])):
        args = (X, stop, event, weight, stratum, beta, efron)
        one, other = partial_likelihood(*args), large_likelihood(*args)
        assert other[0] == pytest.approx(one[0], rel=1e-13)
        np.testing.assert_allclose(other[1], one[1], rtol=1e-10)
        np.testing.assert_allclose(other[2], one[2], rtol=1e-11)


@pytest.mark.parametrize("options", [{}, {"strata": True}, {"weights": True, "cluster": True}])
def test_large_samples_have_the_same_fit_whatever_the_order_of_rows(monkeypatch, options):
    """The fast path returns the small path's fit, and the same bits for a shuffled file."""
    rng = np.random.default_rng(6)
    matrix, duration, event = _draw(n=900)
    matrix[:, 1] = matrix[:, 1].round(1)
    labels = rng.integers(0, 5, 900)
    given = {k: labels + 1.0 if k == "weights" else labels for k in options}
    small = fit_cox(matrix, duration, event, names=NAMES, **given)
    monkeypatch.setattr(replica.cox_rows, "LARGE", 100)
    large = fit_cox(matrix, duration, event, names=NAMES, **given)
    np.testing.assert_allclose(large.coef, small.coef, rtol=1e-8)
    np.testing.assert_allclose(large.covariance, small.covariance, rtol=1e-8)
    assert large.log_likelihood == pytest.approx(small.log_likelihood, rel=1e-13)
    assert large.score_statistic == pytest.approx(small.score_statistic, rel=1e-10)
    if large.robust_se is not None:
        np.testing.assert_allclose(large.robust_se, small.robust_se, rtol=1e-8)
    mixed = rng.permutation(900)
    given = {k: v[mixed] for k, v in given.items()}
    again = fit_cox(matrix[mixed], duration[mixed], event[mixed], names=NAMES, **given)
    np.testing.assert_array_equal(again.coef, large.coef)
    np.testing.assert_array_equal(again.covariance, large.covariance)
    assert again.log_likelihood == large.log_likelihood


def test_rows_are_ordered_by_content_within_ties():
    """Equal rows hash equally, zeros of both signs too; a collision is seen."""
    X = np.array([[1.0, 0.0], [2.0, 5.0], [1.0, -0.0], [3.0, 1.0]])
    event, weight, group = np.ones(4, dtype=np.int64), np.ones(4), np.zeros(4, dtype=np.int64)
    time, stratum = np.array([1.0, 1, 1, 2]), np.zeros(4, dtype=np.int64)
    hashes = row_hashes(X, event, weight, group)
    assert hashes[0] == hashes[2]
    assert len(set(hashes.tolist())) == 3
    order = np.array([3, 0, 1, 2])
    sort_within_ties(order, time, stratum, hashes)
    assert order[0] == 3
    assert (np.diff(hashes[order[1:]].astype(object)) >= 0).all()
    rows = (X, time, event, weight, group)
    assert not hashes_collide(order, *rows, hashes)
    assert hashes_collide(np.arange(4), *rows, np.zeros_like(hashes))


def test_colliding_hashes_fall_back_to_sorting_by_every_column(monkeypatch):
    """Still the same bits, whatever the order of rows."""
    matrix, duration, event = _draw(n=300)
    monkeypatch.setattr(replica.cox_rows, "LARGE", 100)
    monkeypatch.setattr(
        replica.cox_rows, "row_hashes", lambda X, *_: np.zeros(len(X), dtype=np.uint64)
    )
    one = cox_rows(matrix, duration, event, names=NAMES)
    back = slice(None, None, -1)
    other = cox_rows(matrix[back], duration[back], event[back], names=NAMES)
    np.testing.assert_array_equal(one.Z, other.Z)
    np.testing.assert_array_equal(one.event, other.event)


def test_the_input_is_left_as_it_was():
    """Rows are standardised in a copy."""
    matrix, duration, event = _draw()
    before = matrix.copy()
    order = np.argsort(-duration, kind="stable")
    fit_cox(matrix[order], duration[order], event[order], names=NAMES)
    fit_cox(matrix, duration, event, names=NAMES, start=duration - 1)
    np.testing.assert_array_equal(matrix, before)


def test_a_cohort_is_fitted_with_late_entry_or_exact_ties(toy_cohort):
    """A column of the patient table holds the time of entry; who lacks it is left out."""
    entry = toy_cohort.patients["os_months"] / 2
    entry[[1, 4]] = np.nan
    late = Cohort(toy_cohort.study, toy_cohort.patients.assign(entry=entry), "supplied")
    fit = cox(late, "os", ["arm"], ties="efron", start="entry")
    used = toy_cohort.patients[entry.notna()]
    direct = fit_cox(
        (used["arm"] == "treated").to_numpy(dtype=float)[:, None],
        used["os_months"],
        used["os_event"],
        names=["arm"],
        start=entry.dropna(),
    )
    assert (fit.coef[0], fit.n_missing) == (direct.coef[0], 2)
    assert cox(toy_cohort, "os", ["arm"], ties="exact").ties == "exact"
