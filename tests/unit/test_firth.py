"""Firth's penalised Cox model: finite where the likelihood has no maximum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2

from replica.cohort import Cohort
from replica.cox import fit_cox
from replica.errors import EstimationError, ParameterError
from replica.firth import cox_firth, fit_cox_firth
from replica.partial_likelihood import partial_likelihood

NAMES = ["x", "z"]


def _separated():
    """Fourteen patients: none of the six with x = 1 has an event."""
    rng = np.random.default_rng(1)
    x = np.r_[np.ones(6), np.zeros(8)]
    matrix = np.column_stack([x, rng.normal(size=14)])
    duration = np.r_[rng.integers(5, 9, 6), rng.integers(1, 9, 8)].astype(float)
    return matrix, duration, np.r_[np.zeros(6), [1, 1, 0, 1, 1, 0, 1, 0]].astype(int)


def _objective(ties):
    """Penalised log likelihood from the plain kernel's value and information."""
    matrix, duration, event = _separated()
    order = np.argsort(-duration, kind="stable")
    rows = (np.ascontiguousarray(matrix[order]), duration[order], event[order])
    rest = (np.ones(14), np.zeros(14, dtype=np.int64))

    def value(beta):
        log_likelihood, _, information = partial_likelihood(
            *rows, *rest, np.asarray(beta, dtype=float), ties == "efron"
        )
        return log_likelihood + np.linalg.slogdet(information)[1] / 2

    return value


def _slope(value, beta, k):
    """Derivative by a five-point difference, good to some eleven digits."""
    unit = np.eye(len(beta))[k] * 1e-3
    near = value(beta + unit) - value(beta - unit)
    far = value(beta + 2 * unit) - value(beta - 2 * unit)
    return (8 * near - far) / 12e-3


def test_two_patients_have_the_answer_worked_out_by_hand():
    """The one with x = 1 dies first: 3/2 log p + 1/2 log(1 - p) is largest at p = 3/4."""
    fit = fit_cox_firth([[1.0], [0.0]], [1, 2], [1, 0], names=["x"])
    assert fit.coef[0] == pytest.approx(math.log(3), abs=1e-10)
    height = 1.5 * math.log(0.75) + 0.5 * math.log(0.25)
    assert fit.log_likelihood == pytest.approx(height, rel=1e-12)
    assert fit.log_likelihood_null == pytest.approx(2 * math.log(0.5), rel=1e-12)
    assert fit.p[0] == pytest.approx(chi2.sf(2 * (height - 2 * math.log(0.5)), 1), rel=1e-9)
    assert fit.p[0] == pytest.approx(fit.joint_p, rel=1e-9)

    def above(b):
        p = 1 / (1 + math.exp(-b))
        return 1.5 * math.log(p) + 0.5 * math.log1p(-p) - height + chi2.ppf(0.95, 1) / 2

    assert fit.ci_low[0] == pytest.approx(brentq(above, -10, 1, xtol=1e-13), abs=1e-9)
    assert fit.ci_high[0] == pytest.approx(brentq(above, 2, 30, xtol=1e-13), abs=1e-9)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_separated_data_have_the_maximum_of_the_penalised_likelihood(ties):
    """The plain model refuses; here both slopes are zero and every move away is lower."""
    matrix, duration, event = _separated()
    with pytest.raises(EstimationError, match="Firth"):
        fit_cox(matrix, duration, event, names=NAMES, ties=ties)
    fit = fit_cox_firth(matrix, duration, event, names=NAMES, ties=ties)
    value = _objective(ties)
    assert value(fit.coef) == pytest.approx(fit.log_likelihood, rel=1e-13)
    assert value(np.zeros(2)) == pytest.approx(fit.log_likelihood_null, rel=1e-13)
    for k in range(2):
        assert abs(_slope(value, fit.coef, k)) < 1e-8
        for move in (-1e-3, 1e-3):
            assert value(fit.coef + move * np.eye(2)[k]) < fit.log_likelihood
    assert (fit.ci_low < fit.coef).all()
    assert (fit.coef < fit.ci_high).all()


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_profile_intervals_and_p_values_are_those_of_a_brute_force_profile(ties):
    """At each end the other coefficient is at its best and the drop is chi-square's quantile."""
    matrix, duration, event = _separated()
    fit = fit_cox_firth(matrix, duration, event, names=NAMES, ties=ties)
    value = _objective(ties)

    def profile(k, coef):
        def beta(other):
            return np.insert(np.array([other]), k, coef)

        best = brentq(lambda o: _slope(value, beta(o), 1 - k), -8, 8, xtol=1e-13)
        return value(beta(best))

    for k in range(2):
        for end in (fit.ci_low[k], fit.ci_high[k]):
            drop = 2 * (fit.log_likelihood - profile(k, end))
            assert drop == pytest.approx(chi2.ppf(0.95, 1), abs=1e-8)
        drop = 2 * (fit.log_likelihood - profile(k, 0.0))
        assert fit.p[k] == pytest.approx(chi2.sf(drop, 1), rel=1e-7)


def test_a_large_sample_comes_close_to_the_plain_model():
    """The penalty weighs as much as one observation or so."""
    rng = np.random.default_rng(4)
    matrix = np.column_stack([rng.integers(0, 2, 2000), rng.normal(size=2000)]).astype(float)
    duration = rng.exponential(np.exp(-0.5 * matrix[:, 0]))
    event = np.ones(2000)
    plain = fit_cox(matrix, duration, event, names=NAMES)
    firth = fit_cox_firth(matrix, duration, event, names=NAMES, ties="efron")
    assert np.abs(firth.coef - plain.coef).max() < 0.05 * plain.se.min()
    ends = plain.summary()
    np.testing.assert_allclose(np.exp(firth.ci_low), ends["ci_low"], rtol=2e-3)
    np.testing.assert_allclose(np.exp(firth.ci_high), ends["ci_high"], rtol=2e-3)


def test_another_unit_rescales_the_fit():
    """A penalty on the information does not depend on units, up to a constant."""
    matrix, duration, event = _separated()
    one = fit_cox_firth(matrix, duration, event, names=NAMES)
    other = fit_cox_firth(matrix * [1, 1000] + [0, 50], duration, event, names=NAMES)
    np.testing.assert_allclose(other.coef * [1, 1000], one.coef, rtol=1e-7)
    np.testing.assert_allclose(other.ci_high * [1, 1000], one.ci_high, rtol=1e-7)
    np.testing.assert_allclose(other.p, one.p, rtol=1e-7)
    shift = math.log(1000)
    assert other.log_likelihood == pytest.approx(one.log_likelihood + shift, rel=1e-10)


def test_a_covariate_too_many_and_impossible_settings_are_refused():
    """Collinear or constant among those at risk; an unknown kind of ties; a level of 95."""
    matrix, duration, event = _separated()
    both = np.column_stack([matrix, matrix.sum(axis=1)])
    with pytest.raises(EstimationError, match="sum is a linear combination"):
        fit_cox_firth(both, duration, event, names=[*NAMES, "sum"])
    with pytest.raises(EstimationError, match="x is a linear combination"):
        fit_cox_firth(matrix, duration, event, names=NAMES, strata=matrix[:, 0])
    with pytest.raises(ParameterError, match="ties"):
        fit_cox_firth(matrix, duration, event, names=NAMES, ties="exact")
    with pytest.raises(ParameterError, match="level"):
        fit_cox_firth(matrix, duration, event, names=NAMES, level=95)


def test_a_cohort_is_fitted_on_its_complete_cases(toy_cohort):
    """As the plain model: coded covariates, and those with one missing are counted."""
    patients = toy_cohort.patients.copy()
    patients["sex"] = patients["sex"].astype(object)
    patients.loc[[2, 5], "sex"] = None
    holed = Cohort(toy_cohort.study, patients, "supplied")
    fit = cox_firth(holed, "os", ["arm", "sex"])
    assert (fit.n, fit.n_missing, fit.ties) == (len(toy_cohort) - 2, 2, "breslow")
    table = fit.summary()
    assert table["covariate"].tolist() == ["arm", "sex"]
    np.testing.assert_array_equal(table["hazard_ratio"], np.exp(fit.coef))
    np.testing.assert_array_equal(table["ci_high"], np.exp(fit.ci_high))
