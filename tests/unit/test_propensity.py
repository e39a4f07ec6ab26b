"""Propensity scores: estimates, exact ties between equal patients, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from replica.cohort import Cohort
from replica.errors import EstimationError, ParameterError, ProtocolError
from replica.propensity import (
    fit_logistic,
    linear_predictor,
    newton,
    propensity_model,
    propensity_score,
)


def table(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Draw covariates of very different units and a treatment that depends on them."""
    rng = np.random.default_rng(20)
    x = np.column_stack(
        [rng.normal(2015, 3, n), rng.random(n) < 0.3, rng.normal(0, 1e-3, n)]
    ).astype(np.float64)
    logit = (x[:, 0] - 2015) / 3 - x[:, 1] + 400 * x[:, 2]
    return x, rng.random(n) < 1 / (1 + np.exp(-logit))


def test_two_by_two_table_by_hand() -> None:
    """With one 0/1 covariate the coefficients are log odds: 3:1 and 1:3 give log 3 and -2 log 3."""
    x = np.repeat([0.0, 1.0], 4)[:, None]
    treated = np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=bool)
    fit = fit_logistic(x, treated, names=["exposed"])
    assert fit.names == ("intercept", "exposed")
    np.testing.assert_allclose(fit.coef, [np.log(3), -2 * np.log(3)], rtol=1e-14)
    # Woolf: the variance of a log odds is the sum of the reciprocal counts.
    np.testing.assert_allclose(fit.se**2, [4 / 3, 8 / 3], rtol=1e-12)
    assert fit.log_likelihood == pytest.approx(6 * np.log(0.75) + 2 * np.log(0.25), rel=1e-14)


def test_estimates_agree_with_statsmodels_on_unscaled_covariates() -> None:
    """Coefficients, standard errors and log likelihood are statsmodels' for raw years and 1e-3s."""
    x, treated = table()
    fit = fit_logistic(x, treated)
    scale = np.array([2015.0, 1.0, 1e-3])
    other = sm.Logit(treated, sm.add_constant((x - [2015, 0, 0]) / scale)).fit(
        disp=False, method="newton", tol=1e-14, maxiter=100
    )
    np.testing.assert_allclose(fit.coef[1:], other.params[1:] / scale, rtol=1e-9)
    np.testing.assert_allclose(fit.se[1:], other.bse[1:] / scale, rtol=1e-9)
    assert fit.log_likelihood == pytest.approx(other.llf, rel=1e-12)


def test_equal_covariates_give_equal_bits() -> None:
    """Patients with the same covariates tie exactly wherever their rows stand."""
    x, treated = table(40)
    stacked = np.vstack([x, x[::-1], x[7:], x[:7]])
    arms = np.concatenate([treated, ~treated[::-1], treated[7:], treated[:7]])
    fit = fit_logistic(stacked, arms)
    logit, score = fit.linear_predictor(stacked), fit.probability(stacked)
    for values in (logit, score):
        assert np.array_equal(values[:40], values[40:80][::-1])
        assert np.array_equal(values[:40], np.roll(values[80:], 7))


def test_fit_does_not_depend_on_row_order() -> None:
    """Shuffled rows give the same coefficients but for rounding."""
    x, treated = table()
    order = np.random.default_rng(1).permutation(len(x))
    first, second = fit_logistic(x, treated), fit_logistic(x[order], treated[order])
    np.testing.assert_allclose(first.coef, second.coef, rtol=1e-11)


def test_starting_values_change_the_iterations_and_not_the_answer() -> None:
    """Newton from the answer of a neighbouring table needs fewer steps and ends in one place."""
    x, treated = table()
    coef, cold, _, _ = newton(x, treated, np.zeros(4))
    treated[0] = ~treated[0]
    moved, warm, status, _ = newton(x, treated, coef)
    again, _, _, _ = newton(x, treated, np.zeros(4))
    assert status == 0
    assert warm < cold
    np.testing.assert_allclose(
        linear_predictor(x, moved), linear_predictor(x, again), rtol=0, atol=1e-10
    )


def refusal(extra: np.ndarray, treated: np.ndarray) -> str:
    """Return the message with which the columns a, b and an extra one are refused."""
    x = np.random.default_rng(3).normal(size=(len(treated), 2))
    if extra.ndim == 0:
        extra = x[:, 0] - 2 * x[:, 1] + extra
    with pytest.raises(EstimationError) as caught:
        fit_logistic(np.column_stack([x, extra]), treated, names=["a", "b", "extra"])
    return str(caught.value)


ARMS = np.arange(60) % 3 == 0


def test_collinear_columns_are_named() -> None:
    """A column that is a combination of others is refused together with those others."""
    assert "extra is a combination of a, b" in refusal(np.array(5.0), ARMS)


def test_constant_column_is_named() -> None:
    """A column with one value is refused as such, whatever its rounding."""
    assert "extra has the same value for all 60" in refusal(np.full(60, 0.1), ARMS)
    assert "extra has the same value for all 60" in refusal(np.zeros(60), ARMS)


def test_separating_column_is_named() -> None:
    """A level that occurs in one arm only has no finite coefficient and is refused by name."""
    assert "extra separates the arms" in refusal((ARMS & (np.arange(60) < 9)).astype(float), ARMS)
    assert "extra separates the arms" in refusal(ARMS.astype(float), ARMS)


def test_joint_separation_is_refused() -> None:
    """Columns that separate the arms only together are refused too."""
    x = np.random.default_rng(4).normal(size=(80, 2))
    with pytest.raises(EstimationError, match="a combination of a, b separates the arms"):
        fit_logistic(x, x[:, 0] + x[:, 1] > 0, names=["a", "b"])


def test_single_arm_is_refused() -> None:
    """One arm alone has no propensity score."""
    with pytest.raises(EstimationError, match="found 5 treated and 0 control"):
        fit_logistic(np.arange(5.0)[:, None], np.ones(5, dtype=bool))


def test_missing_values_and_wrong_shapes_are_refused() -> None:
    """A missing value is named by its column; arrays that do not fit are refused."""
    arms = np.array([True, False, True, False])
    with pytest.raises(ParameterError, match="missing or infinite values in age"):
        fit_logistic(np.array([[1.0], [np.nan], [2.0], [3.0]]), arms, names=["age"])
    with pytest.raises(ParameterError, match="found covariates of shape"):
        fit_logistic(np.zeros((3, 1)), arms)
    with pytest.raises(ParameterError, match="found 2 names for 1 columns"):
        fit_logistic(np.arange(4.0)[:, None], arms, names=["a", "b"])
    with pytest.raises(ParameterError, match="one column for each of x1, x2, x3"):
        fit_logistic(*table()).linear_predictor(np.zeros((2, 1)))


def test_cohort_scores_do_not_depend_on_row_order_at_all(toy_cohort: Cohort) -> None:
    """A patient's score has the same bits however the file was sorted, and keeps its patient."""
    score = propensity_score(toy_cohort)
    shuffled = toy_cohort.patients.sample(frac=1, random_state=5).reset_index(drop=True)
    again = propensity_score(Cohort(toy_cohort.study, shuffled, "supplied"))
    assert score.name == "propensity_score"
    assert score.index.name == "patient_id"
    assert list(score.index) == list(toy_cohort.patients["patient_id"])
    assert list(again.index) == list(shuffled["patient_id"])
    assert (again.reindex(score.index) == score).all()


def test_cohort_model_balances_expected_and_observed_treated(toy_cohort: Cohort) -> None:
    """Likelihood equations hold: the scores sum to the treated, overall and within each level."""
    model = propensity_model(toy_cohort)
    assert model.covariates == ("sex", "smoking", "stage")
    patients = toy_cohort.patients.set_index("patient_id")
    for key in model.covariates:
        by_level = model.probability.groupby(patients[key]).sum()
        treated = (patients["arm"] == "treated").groupby(patients[key]).sum()
        np.testing.assert_allclose(by_level, treated, rtol=1e-12)


def test_covariates_can_be_chosen(toy_cohort: Cohort) -> None:
    """Other covariates than the plan's may be used; an unknown one is refused."""
    alone = propensity_score(toy_cohort, ["sex"])
    assert alone.nunique() == 2
    with pytest.raises(ProtocolError, match="unknown covariate, found 'sexe'"):
        propensity_score(toy_cohort, ["sexe"])
