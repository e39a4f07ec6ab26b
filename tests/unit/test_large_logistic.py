"""The logistic regression of large samples: same answers, same refusals, less time and memory."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

import replica.large_logistic
import replica.logistic
from replica.errors import EstimationError, ParameterError
from replica.large_logistic import derivatives, maximise
from replica.logistic import LARGE, fit_logistic
from replica.logistic_kernel import (
    CONVERGED,
    _derivatives,
    _log_likelihood,
    _sparse,
    _standardise,
    newton,
)

N = LARGE + 3


def sample(n=N, seed=1, effect=1.0):
    """Draw three normal covariates on scales of their own, three indicators, and arms."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 6)) * [1.0, 12.0, 0.01, 1.0, 1.0, 1.0] + [0, 65.0, 3.0, 0, 0, 0]
    X[:, 3:] = X[:, 3:] > [0.3, -0.5, 1.8]
    logit = effect * (X - X.mean(axis=0)) @ [0.8, 0.05, -40.0, 0.7, -0.9, 1.5] - 1.1
    return np.ascontiguousarray(X), rng.random(n) < 1.0 / (1.0 + np.exp(-logit))


def small(monkeypatch, *data):
    """Fit with the kernel of small samples, however many rows there are."""
    with monkeypatch.context() as patch:
        patch.setattr(replica.logistic, "LARGE", len(data[0]))
        return fit_logistic(*data)


def assert_same(found, expected, rtol):
    """Compare all numbers of two fits."""
    for name in ("coef", "se", "log_likelihood"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=rtol)


@pytest.mark.parametrize("effect", [0.0, 1.0, 4.0])
def test_just_above_the_limit_the_fit_is_that_of_small_samples(monkeypatch, effect):
    """Coefficients, standard errors and likelihood agree to 1e-10, in as many iterations."""
    X, treated = sample(effect=effect)
    found, expected = fit_logistic(X, treated), small(monkeypatch, X, treated)
    assert_same(found, expected, 1e-10)
    assert found.iterations == expected.iterations
    assert found.names == expected.names


def test_the_limit_itself_belongs_to_small_samples(monkeypatch):
    """With as many rows as the limit every bit is that of the small kernel; one more is large."""
    X, treated = sample()

    def refused(*_):
        raise AssertionError

    monkeypatch.setattr(replica.logistic, "maximise", refused)
    fit_logistic(X[:LARGE], treated[:LARGE])
    with pytest.raises(AssertionError):
        fit_logistic(X[: LARGE + 1], treated[: LARGE + 1])


def test_agreement_with_statsmodels():
    """Coefficients, standard errors and log-likelihood are those of statsmodels to 1e-8."""
    X, treated = sample()
    found = fit_logistic(X, treated)
    mean, scale = X.mean(axis=0), X.std(axis=0)
    expected = sm.Logit(treated, sm.add_constant((X - mean) / scale)).fit(disp=0, tol=1e-10)
    slopes = expected.params[1:] / scale
    np.testing.assert_allclose(found.coef[1:], slopes, rtol=1e-8)
    np.testing.assert_allclose(found.coef[0], expected.params[0] - slopes @ mean, rtol=1e-8)
    np.testing.assert_allclose(found.se[1:], expected.bse[1:] / scale, rtol=1e-8)
    np.testing.assert_allclose(found.log_likelihood, expected.llf, rtol=1e-8)


@pytest.mark.parametrize("n", [1, 3, 4, 255, 256, 257, 1023])
def test_derivatives_are_those_of_the_small_kernel(n):
    """Whatever is left over by blocks of rows, likelihood, score and information agree."""
    X, treated = sample(n)
    mean, scale = _standardise(X)
    beta = np.array([-1.0, 0.5, 0.3, -2.0, 0.7, -0.9, 1.5])
    value, score, information = derivatives(X, treated, mean, scale, beta)
    rows = _sparse(X, mean, scale)
    expected_score, lower = _derivatives(rows, treated, beta)
    np.testing.assert_allclose(value, _log_likelihood(rows, treated, beta), rtol=1e-12)
    np.testing.assert_allclose(score, expected_score, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(np.tril(information), lower, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(information, information.T, rtol=1e-14)


def test_extreme_logits_do_not_overflow():
    """A logit of a thousand has a weight of 0 and a likelihood of -1000, and no warning."""
    X = np.array([[1000.0], [-1000.0]])
    value, score, information = derivatives(
        X, np.array([False, False]), np.zeros(1), np.ones(1), np.array([0.0, 1.0])
    )
    assert value == -1000.0
    assert score.tolist() == [-1.0, -1000.0]
    assert not information.any()


def test_equal_runs_have_equal_bits():
    """The same rows in the same order give the same bits."""
    data = sample()
    one, two = maximise(*data), maximise(*data)
    assert one.status == CONVERGED
    assert one.coef.tobytes() == two.coef.tobytes()
    assert one.covariance.tobytes() == two.covariance.tobytes()
    assert one.log_likelihood == two.log_likelihood


def test_the_order_of_rows_counts_in_the_last_digits_only():
    """Rows in another order give the same numbers to 1e-9."""
    X, treated = sample()
    order = np.random.default_rng(2).permutation(N)
    assert_same(fit_logistic(X[order], treated[order]), fit_logistic(X, treated), 1e-9)


def test_steps_are_halved_as_in_small_samples(monkeypatch):
    """Where Newton's method overshoots, both kernels take as many steps to the same maximum."""
    evaluations = []

    def counted(*arguments):
        evaluations.append(1)
        return derivatives(*arguments)

    monkeypatch.setattr(replica.large_logistic, "derivatives", counted)
    rng = np.random.default_rng(5)
    halvings = 0
    for _ in range(400):
        X = rng.standard_cauchy((40, 2)) * np.exp(rng.normal(0.0, 2.0, (40, 1)))
        treated = rng.random(40) < 1.0 / (1.0 + np.exp(-np.clip(2.0 * X[:, 0] + 1.0, -700, 700)))
        evaluations.clear()
        found = maximise(X, treated)
        coef, iterations, status, column = newton(X, treated, np.zeros(3))
        assert (found.iterations, found.status, found.column) == (iterations, status, column)
        if status == CONVERGED:
            halvings += len(evaluations) - 1 - iterations
            np.testing.assert_allclose(found.coef, coef, rtol=1e-8)
    assert halvings > 5


def refusals(monkeypatch, X, treated):
    """Collect the words in which each of the two kernels refuses."""
    with pytest.raises(EstimationError) as large:
        fit_logistic(X, treated)
    with pytest.raises(EstimationError) as other:
        small(monkeypatch, X, treated)
    return str(large.value), str(other.value)


def last_column(kind, X, treated):
    """Make a column that leaves a model of the others and itself without an estimate."""
    columns = {
        "separation": treated * 1.0,
        "separation by a range": X[:, 0] + 100.0 * treated,
        "collinearity": 2.0 * X[:, 0] - X[:, 3],
        "constant": np.full(len(X), 7.0),
        "constant zero": np.zeros(len(X)),
    }
    return columns[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("separation", "x6 separates the arms"),
        ("separation by a range", "x6 separates the arms"),
        ("collinearity", "x6 is a combination of x1, x4"),
        ("constant", "x6 has the same value for all 50003"),
        ("constant zero", "x6 has the same value for all 50003"),
    ],
)
def test_what_has_no_estimate_is_refused_in_the_same_words(monkeypatch, kind, message):
    """Separation, collinearity and constant columns are refused as in small samples."""
    X, treated = sample()
    X[:, 5] = last_column(kind, X, treated)
    large, other = refusals(monkeypatch, X, treated)
    assert message in large
    assert large == other


def test_joint_separation_is_refused():
    """Two columns that only together separate the arms have no finite estimate."""
    X, _ = sample()
    treated = X[:, 0] + X[:, 1] / 12.0 > 5.0
    with pytest.raises(EstimationError, match="combination of x1, x2, x3, x4, x5, x6 separates"):
        fit_logistic(X, treated)


def test_missing_and_infinite_values_are_refused_by_name():
    """The column is named; infinities of both signs do not cancel out."""
    X, treated = sample()
    X[7, 1] = np.nan
    X[8, 2], X[9, 2] = np.inf, -np.inf
    with pytest.raises(ParameterError, match="missing or infinite values in x2, x3;"):
        fit_logistic(X, treated)


def test_values_whose_sum_is_too_large_are_not_taken_for_infinite():
    """Finite numbers are not refused as infinite because their sum is."""
    X, _ = sample()
    X[:, 0] = 1e305
    with pytest.raises(EstimationError, match="50003 treated and 0 control"):
        fit_logistic(X, np.ones(N, dtype=bool))
