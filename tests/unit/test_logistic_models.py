"""Odds ratios by logistic regression: hand-worked values, properties and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.discrete.conditional_models import ConditionalLogit
from statsmodels.tools.sm_exceptions import ModelWarning

from replica.cohort import Cohort
from replica.contingency import odds_ratio
from replica.errors import DataError, EstimationError, ParameterError
from replica.logistic_models import fit_conditional, fit_unconditional, logistic_regression


@pytest.fixture
def cohort(toy_cohort: Cohort) -> Cohort:
    """The toy patients in sets of four, with a response that some miss."""
    patients = toy_cohort.patients.copy()
    rng = np.random.default_rng(9)
    patients["response"] = rng.integers(0, 2, len(patients)).astype(float)
    patients["set"] = np.arange(len(patients)) // 4
    patients.loc[[3, 30], "response"] = np.nan
    return Cohort(toy_cohort.study, patients, toy_cohort.source)


def test_one_indicator_gives_the_odds_ratio_of_its_table():
    """Woolf's interval is Wald's, and the table's p value is the model's."""
    x = np.repeat([1, 1, 0, 0], [12, 8, 5, 15])
    y = np.repeat([1, 0, 1, 0], [12, 8, 5, 15])
    row = fit_unconditional(x[:, None], y, names=["x"]).summary().iloc[0]
    known = odds_ratio(12, 8, 5, 15)
    assert (row["odds_ratio"], row["ci_low"], row["ci_high"], row["p"]) == pytest.approx(
        (known.estimate, known.ci_low, known.ci_high, known.p), rel=1e-8
    )
    assert row["profile_ci_low"] < row["odds_ratio"] < row["profile_ci_high"]


def test_pairs_give_the_ratio_of_discordant_pairs():
    """1:1 sets, one indicator: 6 pairs with only the case exposed, 2 with only the control."""
    exposed = [[1, 0]] * 6 + [[0, 1]] * 2 + [[1, 1]] * 3 + [[0, 0]] * 4
    x = np.ravel(exposed)[:, None]
    fit = fit_conditional(x, [1, 0] * 15, np.repeat(range(15), 2), names=["x"])
    assert fit.coef[0] == pytest.approx(math.log(3), rel=1e-10)
    assert fit.se[0] == pytest.approx(math.sqrt(1 / 6 + 1 / 2), rel=1e-8)
    assert fit.log_likelihood_null == pytest.approx(-15 * math.log(2), rel=1e-12)


def test_conditional_fit_agrees_with_statsmodels_on_sets_of_many_kinds():
    """Several cases and controls per set, and two sets that say nothing."""
    rng = np.random.default_rng(2)
    sets = np.repeat(np.arange(14), rng.integers(2, 9, 14))
    x = rng.normal(size=(sets.size, 2))
    y = (rng.random(sets.size) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    y[sets == 0], y[sets == 1] = 0, 1
    fit = fit_conditional(x, y, sets, names=["a", "b"])
    used = sets > 1
    with pytest.warns(ModelWarning, match="no within-group variance"):
        model = ConditionalLogit(y[used], x[used], groups=sets[used])
    known = model.fit(method="newton", disp=False)
    np.testing.assert_allclose(fit.coef, known.params, rtol=1e-6)
    np.testing.assert_allclose(fit.se, known.bse, rtol=1e-5)
    assert fit.log_likelihood == pytest.approx(known.llf, rel=1e-10)
    assert fit.uninformative_sets >= 2
    assert fit.sets + fit.uninformative_sets == 14


def test_conditional_fit_knows_no_order_of_rows_and_no_shift_within_sets():
    """The same bits for a shuffled file; a covariate may be moved by any number per set."""
    rng = np.random.default_rng(6)
    sets = np.repeat(np.arange(20), 3)
    x, y = rng.normal(size=(60, 2)), np.tile([1, 0, 0], 20)
    fit = fit_conditional(x, y, sets, names=["a", "b"])
    order = rng.permutation(60)
    shuffled = fit_conditional(x[order], y[order], sets[order], names=["a", "b"])
    np.testing.assert_array_equal(fit.coef, shuffled.coef)
    np.testing.assert_array_equal(fit.se, shuffled.se)
    moved = fit_conditional(x + 5.0 * sets[:, None], y, sets, names=["a", "b"])
    np.testing.assert_allclose(moved.coef, fit.coef, rtol=1e-9)


def test_profile_ends_lie_where_the_likelihood_has_fallen_by_chi_square():
    """Held against statsmodels' fit with the coefficient fixed as an offset."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(60, 2))
    y = (rng.random(60) < 1 / (1 + np.exp(-0.8 * x[:, 0]))).astype(int)
    fit = fit_unconditional(x, y, names=["a", "b"], level=0.9)
    rest = sm.add_constant(x[:, 1])
    for end in fit.profile_ci[0]:
        family = sm.families.Binomial()
        fixed = sm.GLM(y, rest, family=family, offset=end * x[:, 0]).fit(tol=1e-12)
        assert 2 * (fit.log_likelihood - fixed.llf) == pytest.approx(2.705543454095404, rel=1e-7)
    assert (
        "profile_ci_low" not in fit_unconditional(x, y, names=["a", "b"], profile=False).summary()
    )
    with pytest.raises(ParameterError, match=r"profile intervals of this fit are at 0.9"):
        fit.summary()


def test_likelihood_ratio_test_compares_with_no_covariates():
    """Statsmodels' llr_pvalue."""
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    fit = fit_unconditional(x, y, names=["a", "b"], profile=False)
    known = sm.Logit(y, sm.add_constant(x)).fit(disp=False)
    assert fit.likelihood_ratio_p() == pytest.approx(known.llr_pvalue, rel=1e-7)


@pytest.mark.parametrize(
    ("x", "y", "error", "found"),
    [
        ([0, 1, 0, 1], [0, 1, 0, 1], EstimationError, "separates"),
        ([0, 1, 0, 1], [1, 1, 1, 1], EstimationError, "4 events among 4"),
        ([1, 1, 1, 1], [0, 1, 0, 1], EstimationError, "same value"),
        ([0, np.nan, 0, 1], [0, 1, 0, 1], DataError, "missing"),
        ([0, 1, 0, 1], [0, 1, 0, 2], DataError, "other than 0 or 1"),
    ],
)
def test_unconditional_fit_without_an_estimate_is_refused(x, y, error, found):
    """Separated, one outcome, constant, missing, miscoded."""
    with pytest.raises(error, match=found):
        fit_unconditional(np.array(x, dtype=float)[:, None], y, names=["x"])


@pytest.mark.parametrize(
    ("x", "y", "sets", "error", "found"),
    [
        ([0, 1, 0, 1], [0, 1, 0, 1], [1, 1, 2, 2], EstimationError, "diverges"),
        ([0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 2, 2], EstimationError, "does not vary"),
        ([0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 2, 2], EstimationError, "none with both"),
        ([0, 1, 0, 1], [0, 1, 0, 1], [1, 1, None, 2], DataError, "sets"),
    ],
)
def test_conditional_fit_without_an_estimate_is_refused(x, y, sets, error, found):
    """Separated within sets, constant within sets, no informative set, a missing label."""
    with pytest.raises(error, match=found):
        fit_conditional(np.array(x, dtype=float)[:, None], y, sets, names=["x"])


def test_regression_of_a_cohort_leaves_out_who_misses_the_event(cohort):
    """Complete cases, counted; within sets if these are named."""
    known = cohort.patients.dropna(subset=["response"])
    x = np.column_stack([known["arm"] == "treated", known["age"]]).astype(float)
    names = ["arm", "age"]
    found = logistic_regression(cohort, "response", names)
    expected = fit_unconditional(x, known["response"], names=names)
    np.testing.assert_array_equal(found.coef, expected.coef)
    assert (found.n, found.n_missing) == (58, 2)
    within = logistic_regression(cohort, "response", names, sets="set")
    expected = fit_conditional(x, known["response"], known["set"], names=names)
    np.testing.assert_array_equal(within.coef, expected.coef)
    assert within.sets + within.uninformative_sets == 15


def test_an_unknown_event_is_refused(cohort):
    """The message guesses the column that was meant."""
    with pytest.raises(ParameterError, match="'response'"):
        logistic_regression(cohort, "respons", ["age"])


def test_a_cohort_in_which_nobody_is_complete_is_refused(cohort):
    """An empty column leaves nobody."""
    patients = cohort.patients.assign(response=np.nan)
    with pytest.raises(EstimationError, match="no patient"):
        logistic_regression(
            Cohort(cohort.study, pd.DataFrame(patients), "supplied"), "response", ["age"]
        )
