"""Cox models: what they return, and every situation in which they must refuse to."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from numba import njit

from replica.cohort import Cohort
from replica.cox import cox, fit_cox, maximise, partial_likelihood
from replica.errors import DataError, EstimationError, ParameterError
from replica.protocol import (
    Arm,
    Calendar,
    Citation,
    Covariate,
    Level,
    MatchingPlan,
    Measure,
    Outcome,
    Study,
)


def _draw(n=120, seed=5):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.integers(0, 2, n), rng.normal(60, 8, n)]).astype(float)
    duration = np.ceil(rng.exponential(12 * np.exp(0.5 * matrix[:, 0]), n))
    event = (rng.random(n) < 0.7).astype(int)
    return matrix, duration, event


@pytest.fixture
def cohort() -> Cohort:
    """Sixty pairs with a covariate of two levels, one of three and a measure."""
    grade = Covariate("grade", "Grade", tuple(Level(k, k) for k in ("low", "mid", "high")))
    sex = Covariate("sex", "Sex", (Level("male", "Male"), Level("female", "Female")))
    study = Study(
        key="tiny",
        title="Tiny",
        question="?",
        citation=Citation("A", "T", "J", 2020, "10.1/x", "a2020"),
        eligibility=(),
        exclusions=(),
        treated=Arm("treated", "New"),
        control=Arm("control", "Old"),
        covariates=(grade, sex),
        measures=(Measure("age", "Age", "years", 0, 120),),
        outcomes=(
            Outcome("os", "Overall survival", "OS", "os_months", "os_event", "months", (1,)),
        ),
        matching=MatchingPlan(("sex",), None, "probability"),
        calendar=Calendar("start", date(2010, 1, 1), date(2015, 1, 1), date(2016, 1, 1)),
        convention="r_matchit_survival",
    )
    rng = np.random.default_rng(11)
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i:03}" for i in range(120)],
            "arm": np.repeat(["treated", "control"], 60),
            "pair": [*range(60), *range(60)],
            "grade": rng.choice(["low", "mid", "high"], 120),
            "sex": rng.choice(["male", "female"], 120),
            "age": rng.integers(40, 80, 120),
            "os_months": np.round(rng.exponential(20, 120), 1),
            "os_event": rng.integers(0, 2, 120),
        }
    )
    return Cohort(study, patients, "synthetic")


def test_the_partial_likelihood_of_two_patients_is_the_one_worked_out_by_hand():
    """The one with x = 1 dies first: log(e^b / (e^b + 1))."""
    args = (
        np.array([[0.0], [1.0]]),
        np.array([2.0, 1.0]),
        np.array([0, 1]),
        np.ones(2),
        np.zeros(2, dtype=np.int64),
        np.array([0.3]),
    )
    for efron in (True, False):
        value, score, information = partial_likelihood(*args, efron)
        share = 1 / (1 + math.exp(-0.3))
        assert value == pytest.approx(math.log(share), rel=1e-14)
        assert score[0] == pytest.approx(1 - share, rel=1e-14)
        assert information[0, 0] == pytest.approx(share * (1 - share), rel=1e-14)


@pytest.mark.parametrize("efron", [True, False])
def test_score_and_information_are_the_derivatives_of_the_likelihood(efron):
    """Central differences, with ties, weights and strata."""
    rng = np.random.default_rng(3)
    n = 60
    stratum = np.sort(rng.integers(0, 3, n))
    time = rng.integers(1, 8, n).astype(float)
    order = np.lexsort((-time, stratum))
    args = (rng.normal(size=(n, 2)), time[order], rng.integers(0, 2, n), rng.random(n) + 0.5)
    beta, h = np.array([0.2, -0.4]), 1e-5

    def at(shift):
        return partial_likelihood(*args, stratum[order], beta + shift, efron)

    _, score, information = at(np.zeros(2))
    for a, unit in enumerate(np.eye(2) * h):
        assert score[a] == pytest.approx((at(unit)[0] - at(-unit)[0]) / (2 * h), rel=1e-7)
        slope = (at(unit)[1] - at(-unit)[1]) / (2 * h)
        np.testing.assert_allclose(information[a], -slope, rtol=1e-7)


def test_newtons_next_step_from_the_estimate_is_below_the_tolerance():
    """The estimate is the maximum to 1e-9 standard deviations of each covariate."""
    matrix, duration, event = _draw()
    fit = fit_cox(matrix, duration, event, names=["x", "age"])
    order = np.argsort(-duration, kind="stable")
    centred = (matrix - matrix.mean(axis=0))[order]
    rest = (duration[order], event[order], np.ones(120), np.zeros(120, dtype=np.int64))
    _, score, _ = partial_likelihood(centred, *rest, fit.coef, True)
    step = fit.covariance @ score * matrix.std(axis=0)
    assert np.abs(step).max() < 1.1e-9


def test_a_fit_holds_its_specification():
    """Names, ties and counts travel with the estimates."""
    matrix, duration, event = _draw()
    fit = fit_cox(matrix, duration, event, names=["x", "age"], ties="breslow")
    assert (fit.names, fit.ties, fit.n, fit.n_events) == (("x", "age"), "breslow", 120, event.sum())
    assert (fit.robust_se, fit.clusters) == (None, None)
    assert fit.log_likelihood > fit.log_likelihood_null
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), fit.se, rtol=1e-14)


def test_summary_shows_hazard_ratios_with_wald_intervals():
    """Both errors at once when a robust one was asked for, and only then."""
    matrix, duration, event = _draw()
    plain = fit_cox(matrix, duration, event, names=["x", "age"])
    assert plain.summary().columns.tolist() == [
        "covariate", "hazard_ratio", "ci_low", "ci_high", "p", "se",
    ]  # fmt: skip
    fit = fit_cox(matrix, duration, event, names=["x", "age"], robust=True)
    row = fit.summary().iloc[0]
    z = 1.959963984540054
    assert row["hazard_ratio"] == pytest.approx(math.exp(fit.coef[0]))
    assert row["ci_low"] == pytest.approx(math.exp(fit.coef[0] - z * fit.se[0]))
    assert row["ci_high"] == pytest.approx(math.exp(fit.coef[0] + z * fit.se[0]))
    assert row["robust_ci_high"] == pytest.approx(math.exp(fit.coef[0] + z * fit.robust_se[0]))
    tail = math.erfc(abs(fit.coef[0]) / fit.robust_se[0] / math.sqrt(2))
    assert row["robust_p"] == pytest.approx(tail, rel=1e-12)
    with pytest.raises(ParameterError, match="level"):
        fit.summary(level=95)


def test_the_joint_wald_test_of_one_coefficient_is_its_own_wald_test():
    """Chi-square on one degree of freedom is the square of z."""
    matrix, duration, event = _draw()
    fit = fit_cox(matrix[:, :1], duration, event, names=["x"])
    assert fit.wald_p() == pytest.approx(fit.summary()["p"][0], rel=1e-12)


def test_every_patient_as_a_cluster_gives_the_robust_error():
    """Clusters of one change nothing."""
    matrix, duration, event = _draw()
    names = ["x", "age"]
    robust = fit_cox(matrix, duration, event, names=names, robust=True)
    clustered = fit_cox(matrix, duration, event, names=names, cluster=np.arange(120))
    np.testing.assert_allclose(clustered.robust_se, robust.robust_se, rtol=1e-12)
    assert clustered.clusters == 120


def test_weights_count_patients():
    """With Breslow's ties, weight 2 is the same estimate as two equal rows."""
    matrix, duration, event = _draw()
    weights = np.where(np.arange(120) % 3 == 0, 2, 1)
    twice = np.repeat(np.arange(120), weights)
    options = {"names": ["x", "age"], "ties": "breslow"}
    weighted = fit_cox(matrix, duration, event, weights=weights, **options)
    repeated = fit_cox(matrix[twice], duration[twice], event[twice], **options)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-10)
    np.testing.assert_allclose(weighted.se, repeated.se, rtol=1e-10)
    assert weighted.robust_se is not None


def test_a_constant_covariate_is_refused():
    """One group only: there is nothing to compare."""
    matrix, duration, event = _draw()
    matrix[:, 0] = 1
    with pytest.raises(EstimationError, match=r"x has the same value .* at least 2 groups"):
        fit_cox(matrix, duration, event, names=["x", "age"])


def test_collinear_covariates_are_refused():
    """A sum of two others is named; with an offset and another unit as well."""
    matrix, duration, event = _draw()
    third = 3 * matrix[:, 0] - 0.1 * matrix[:, 1] + 7
    with pytest.raises(EstimationError, match="both is a linear combination"):
        fit_cox(np.column_stack([matrix, third]), duration, event, names=["x", "age", "both"])


def test_a_covariate_constant_within_every_risk_set_is_refused():
    """It varies between strata only, so no comparison is ever made."""
    matrix, duration, event = _draw()
    with pytest.raises(EstimationError, match=r"x .* does not vary among those at risk"):
        fit_cox(matrix, duration, event, names=["x", "age"], strata=matrix[:, 0])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_group_without_events_is_refused_by_name(ties, sign):
    """The likelihood has no maximum; R only warns that the coefficient may be infinite."""
    matrix, duration, event = _draw()
    event[matrix[:, 0] == 1] = 0
    columns = matrix * [sign, 1]
    with pytest.raises(EstimationError, match="no maximum; the coefficient of x diverges"):
        fit_cox(columns, duration, event, names=["x", "age"], ties=ties)


def test_a_group_whose_events_all_come_first_is_refused():
    """Complete separation in time."""
    with pytest.raises(EstimationError, match="coefficient of x diverges"):
        fit_cox([[1.0]] * 5 + [[0.0]] * 5, range(1, 11), [1] * 10, names=["x"])


def test_a_covariate_in_the_exact_order_of_death_is_refused():
    """A continuous covariate can separate as well, whatever its unit."""
    for unit in (1e-6, 1, 1e6):
        with pytest.raises(EstimationError, match="coefficient of x diverges"):
            fit_cox(np.arange(12.0)[:, None] * unit, range(12), [1] * 12, names=["x"])


def test_separation_by_two_covariates_together_is_refused():
    """Neither separates alone; their difference does."""
    a = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9.0])
    noise = np.array([3, -1, 4, -1, 5, -9, 2, -6, 5, 3.0])
    with pytest.raises(EstimationError, match="no maximum"):
        fit_cox(np.column_stack([a + noise, noise]), range(10), [1] * 10, names=["a", "b"])


def test_a_strong_but_finite_effect_is_not_taken_for_separation():
    """One event out of place among a hundred is enough for an estimate."""
    x = np.repeat([1.0, 0.0], 50)
    duration = np.arange(1.0, 101.0)
    duration[[49, 50]] = duration[[50, 49]]
    fit = fit_cox(x[:, None], duration, [1] * 100, names=["x"])
    assert 4 < fit.coef[0] < 12


def test_no_events_are_refused():
    """Nothing happened, so no hazard can be compared."""
    matrix, duration, _ = _draw()
    with pytest.raises(EstimationError, match="no event"):
        fit_cox(matrix, duration, np.zeros(120), names=["x", "age"])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"weights": [0.0] + [1.0] * 119}, "above 0"),
        ({"weights": [1.0]}, "shape"),
        ({"cluster": [None] + [1] * 119}, "1 of them missing"),
        ({"strata": [1, 2]}, "2 labels for 120"),
        ({"names": ["x"]}, "named columns"),
    ],
)
def test_impossible_rows_are_refused(change, found):
    """Weights, labels and names fit the patients."""
    matrix, duration, event = _draw()
    with pytest.raises(DataError, match=found):
        fit_cox(matrix, duration, event, **{"names": ["x", "age"], **change})


def test_a_missing_covariate_is_refused_on_arrays():
    """Whoever passes arrays decides on complete cases; nothing is dropped in silence."""
    matrix, duration, event = _draw()
    matrix[3, 1] = np.nan
    with pytest.raises(DataError, match="age: found missing"):
        fit_cox(matrix, duration, event, names=["x", "age"])


def test_one_cluster_and_unknown_ties_are_refused():
    """A sandwich needs two clusters; ties are Efron's or Breslow's."""
    matrix, duration, event = _draw()
    with pytest.raises(EstimationError, match="1 cluster"):
        fit_cox(matrix, duration, event, names=["x", "age"], cluster=[1] * 120)
    with pytest.raises(ParameterError, match="Did you mean 'breslow'"):
        fit_cox(matrix, duration, event, names=["x", "age"], ties="Breslow")


def test_the_kernel_can_be_called_from_compiled_code():
    """A synthesiser fits inside its own compiled loop, on rows it has sorted."""

    @njit
    def slope(matrix, duration, event):
        ones, zeros = np.ones(duration.size), np.zeros(duration.size, dtype=np.int64)
        beta, _, _, _, _, status, _ = maximise(matrix, duration, event, ones, zeros, True)
        return beta[0], status

    matrix, duration, event = _draw()
    order = np.argsort(-duration, kind="stable")
    found, status = slope(np.ascontiguousarray(matrix[order, :1]), duration[order], event[order])
    assert status == 0
    assert found == pytest.approx(
        fit_cox(matrix[:, :1], duration, event, names=["x"]).coef[0], abs=2e-9
    )


def test_cox_of_a_cohort_is_the_fit_of_its_design(cohort):
    """Treated against control, levels against the reference, measures as they are."""
    fit = cox(cohort, "os", ["arm", "grade", "age"], ties="efron")
    assert fit.names == ("arm", "grade=low", "grade=mid", "age")
    rows = cohort.patients
    columns = [
        rows["arm"] == "treated",
        rows["grade"] == "low",
        rows["grade"] == "mid",
        rows["age"],
    ]
    direct = fit_cox(
        np.column_stack(columns).astype(float),
        rows["os_months"],
        rows["os_event"],
        names=fit.names,
    )
    np.testing.assert_array_equal(fit.coef, direct.coef)


def test_cox_of_a_cohort_clusters_on_pairs_and_stratifies_on_a_column(cohort):
    """Sixty pairs are sixty clusters."""
    fit = cox(cohort, "os", ["arm"], ties="breslow", cluster="pair", strata="sex")
    assert (fit.clusters, fit.n_missing) == (60, 0)
    assert fit.robust_se is not None


def test_cox_of_a_cohort_uses_complete_cases_and_counts_the_others(cohort):
    """A missing covariate is left out, never read as the reference level."""
    patients = cohort.patients.copy()
    patients.loc[[0, 7, 100], "sex"] = None
    holed = Cohort(cohort.study, patients, "supplied")
    fit = cox(holed, "os", ["arm", "sex"], ties="efron")
    assert (fit.n, fit.n_missing) == (117, 3)
    kept = cohort.where(patients["sex"].notna())
    np.testing.assert_array_equal(fit.coef, cox(kept, "os", ["arm", "sex"], ties="efron").coef)


def test_cox_of_a_cohort_refuses_missing_times_and_empty_or_unknown_columns(cohort):
    """Each with its own message."""
    patients = cohort.patients.assign(sex=None)
    with pytest.raises(EstimationError, match="no patient with all of sex known"):
        cox(Cohort(cohort.study, patients, "supplied"), "os", ["sex"], ties="efron")
    patients = cohort.patients.assign(os_months=np.nan)
    with pytest.raises(DataError, match="durations"):
        cox(Cohort(cohort.study, patients, "supplied"), "os", ["sex"], ties="efron")
    with pytest.raises(ParameterError, match="Did you mean 'grade'"):
        cox(cohort, "os", ["grad"], ties="efron")
    with pytest.raises(ParameterError, match="Did you mean 'pair'"):
        cox(cohort, "os", ["arm"], ties="efron", cluster="pairs")
