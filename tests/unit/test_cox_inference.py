"""Joint tests, proportional hazards, concordance and interactions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replica.cohort import Cohort
from replica.concordance import concordance
from replica.cox import cox, fit_cox
from replica.errors import DataError, EstimationError, ParameterError
from replica.interaction import interaction_tests
from replica.proportional_hazards import proportional_hazards, proportional_hazards_test
from replica.selection import subgroup_effects

NAMES = ["x", "z"]
LUNG = Path(__file__).parent.parent / "known_answers" / "data" / "lung.csv"


def _draw(n=120, seed=5):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)]).astype(float)
    duration = np.ceil(rng.exponential(8 * np.exp(-0.5 * matrix[:, 0])))
    return matrix, duration, (rng.random(n) < 0.7).astype(int)


def test_joint_tests_hold_the_robust_one_only_when_it_was_asked_for():
    """Three model-based tests that nearly agree; the model's own Wald p is one of them."""
    matrix, duration, event = _draw()
    fit = fit_cox(matrix, duration, event, names=NAMES)
    found = fit.tests()
    assert found["test"].tolist() == ["likelihood_ratio", "wald", "score"]
    assert (found["df"] == 2).all()
    assert found["p"][1] == fit.wald_p()
    robust = fit_cox(matrix, duration, event, names=NAMES, robust=True)
    assert robust.tests()["test"].tolist() == [*found["test"], "robust_wald"]
    np.testing.assert_allclose(
        np.sqrt(np.diag(robust.robust_covariance)), robust.robust_se, rtol=1e-13
    )


def test_a_robust_joint_test_needs_more_clusters_than_coefficients():
    """Two clusters have one direction, so that two coefficients cannot be tested."""
    matrix, duration, event = _draw()
    fit = fit_cox(matrix, duration, event, names=NAMES, cluster=np.arange(120) % 2)
    with pytest.raises(EstimationError, match="2 coefficients but a robust covariance"):
        fit.tests()


def test_log_hazards_are_the_columns_times_the_coefficients():
    """And a table of another shape, or with a missing value, is refused."""
    matrix, duration, event = _draw()
    fit = fit_cox(matrix, duration, event, names=NAMES)
    np.testing.assert_array_equal(fit.log_hazard(matrix), matrix @ fit.coef)
    with pytest.raises(DataError, match=r"2 columns \(x, z\)"):
        fit.log_hazard(matrix[:, :1])
    with pytest.raises(DataError, match="finite numbers"):
        fit.log_hazard(matrix * np.nan)


def test_a_hazard_ratio_that_changes_is_found_and_a_constant_one_is_not():
    """Crossing survival: a Weibull shape of 3 against 0.7, beside a covariate that does nothing."""
    rng = np.random.default_rng(1)
    x, z = rng.integers(0, 2, 400).astype(float), rng.normal(size=400)
    duration = rng.weibull(np.where(x == 1, 3.0, 0.7))
    matrix, event = np.column_stack([x, z]), np.ones(400)
    for transform in ("km", "identity", "rank", "log"):
        found = proportional_hazards_test(
            matrix, duration, event, names=NAMES, transform=transform
        ).set_index("term")
        assert found.loc["x", "p"] < 1e-4
        assert found.loc["z", "p"] > 0.01
        assert found.loc["GLOBAL", "df"] == 2


def test_proportional_hazards_of_a_cohort_are_tested_by_covariate(toy_cohort):
    """The levels of one covariate are one row; strata are passed on."""
    found = proportional_hazards(toy_cohort, "os", ["arm", "stage"], ties="efron", strata="sex")
    assert found["term"].tolist() == ["arm", "stage", "GLOBAL"]
    assert found["df"].tolist() == [1, 2, 3]
    assert found["p"].between(0, 1).all()


@pytest.mark.parametrize(
    ("change", "error", "found"),
    [
        ({"transform": "sqrt"}, ParameterError, "transform: found 'sqrt'"),
        ({"ties": "exact"}, ParameterError, "ties: found 'exact'"),
        ({"terms": ["x"]}, DataError, "found 1 for 2 columns"),
    ],
)
def test_impossible_settings_of_the_zph_test_are_refused(change, error, found):
    """Each with what is allowed."""
    matrix, duration, event = _draw()
    with pytest.raises(error, match=found):
        proportional_hazards_test(matrix, duration, event, names=NAMES, **change)


def test_events_at_one_time_cannot_test_proportional_hazards():
    """Nothing can change with time when there is one time; zero has no logarithm."""
    matrix, duration, event = _draw()
    alone = event * (duration == 3)
    with pytest.raises(EstimationError, match="too few times"):
        proportional_hazards_test(matrix, duration, alone, names=NAMES)
    with pytest.raises(ParameterError, match="a time of 0"):
        proportional_hazards_test(matrix, duration - 1, event, names=NAMES, transform="log")


def test_concordance_worked_out_by_hand():
    """Five of six pairs are comparable; a tie of risk counts one half."""
    # times 1 (event), 2 (event), 3 (censored), 4 (event): only 3 against 4 is unknown
    found = concordance([1, 2, 3, 4], [1, 1, 0, 1], [4.0, 2.0, 2.0, 3.0])
    assert (found.concordant, found.discordant, found.tied_risk) == (3, 1, 1)
    assert found.concordance == pytest.approx(3.5 / 5, rel=1e-15)
    assert (found.n, found.n_events) == (4, 3)


@pytest.mark.parametrize(
    ("change", "error", "found"),
    [
        ({"event": [0, 0, 0]}, EstimationError, "no pair"),
        ({"event": [0, 0, 1]}, EstimationError, "no pair"),
        ({"log_hazard": [1.0, np.nan, 2.0]}, DataError, "3 finite numbers"),
        ({"log_hazard": [1.0]}, DataError, "3 finite numbers"),
        ({"weights": [1.0, 0.0, 1.0]}, DataError, "allowed: above 0"),
        ({"strata": [1, None, 1]}, DataError, "1 of them missing"),
        ({"duration": [1, -2, 3]}, DataError, "durations"),
    ],
)
def test_impossible_concordances_are_refused(change, error, found):
    """No comparable pair, a missing risk, a weight of zero."""
    given = {"duration": [1, 2, 3], "event": [1, 1, 1], "log_hazard": [3.0, 2.0, 1.0]}
    with pytest.raises(error, match=found):
        concordance(**{**given, **change})


def test_interactions_return_what_coxph_returns(toy_cohort):
    """R: coxph(Surv(time, d) ~ sex * e, lung) with e = factor(pmin(ph.ecog, 2)), 2 df.

    The toy study lends its words: arm for sex, stage for e.
    """
    lung = pd.read_csv(LUNG).dropna(subset=["ph.ecog"])
    patients = pd.DataFrame(
        {
            "patient_id": [f"L{i}" for i in range(len(lung))],
            "arm": np.where(lung["sex"] == 2, "treated", "control"),
            "stage": lung["ph.ecog"].clip(upper=2).map({0: "i", 1: "ii", 2: "iii"}),
            "os_months": lung["time"].to_numpy(),
            "os_event": (lung["status"] - 1).to_numpy(),
        }
    )
    cohort = Cohort(toy_cohort.study, patients, "supplied")
    plan = replace(toy_cohort.study.subgroups[0], covariates=("stage",))
    row = interaction_tests(cohort, plan, ties="efron").iloc[0]
    assert (row["covariate"], row["df"], row["n"], row["events"]) == ("stage", 2, 227, 164)
    found = row[["wald_statistic", "wald_p", "lr_statistic", "lr_p"]].astype(float)
    expected = [0.47559807975662, 0.78836110431933, 0.47273657023766, 0.78948986301741]
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    assert row["reason"] == ""


def test_interactions_join_the_effects_they_compare(toy_cohort):
    """One row per covariate; the effects' rows find theirs by its name."""
    plan = toy_cohort.study.subgroups[0]
    tests = interaction_tests(toy_cohort, plan, ties="efron")
    assert tests["covariate"].tolist() == list(plan.covariates)
    assert tests["df"].tolist() == [1, 1, 2]
    effects = subgroup_effects(toy_cohort, plan, ties="efron")
    joined = effects.merge(tests, on="covariate", suffixes=("", "_test"))
    assert len(joined) == len(effects)
    known = tests[tests["reason"] == ""]
    assert known[["wald_p", "lr_p"]].apply(lambda p: p.between(0, 1)).all(axis=None)


def test_the_interaction_with_a_binary_covariate_is_its_coefficients_own_wald_test(toy_cohort):
    """One product: z squared, and twice the gain in log likelihood."""
    plan = replace(toy_cohort.study.subgroups[0], covariates=("sex",))
    row = interaction_tests(toy_cohort, plan, ties="breslow").iloc[0]
    patients = toy_cohort.patients
    arm = (patients["arm"] == "treated").to_numpy(dtype=float)
    sex = (patients["sex"] == toy_cohort.study.covariate("sex").contrast).to_numpy(dtype=float)
    fit = fit_cox(
        np.column_stack([arm, sex, arm * sex]),
        patients["os_months"],
        patients["os_event"],
        names=["arm", "sex", "both"],
        ties="breslow",
    )
    main = cox(toy_cohort, "os", ["arm", "sex"], ties="breslow")
    assert row["wald_p"] == pytest.approx(fit.summary()["p"][2], rel=1e-9)
    gain = 2 * (fit.log_likelihood - main.log_likelihood)
    assert row["lr_statistic"] == pytest.approx(gain, rel=1e-9)


def test_an_interaction_that_cannot_be_estimated_has_a_reason(toy_cohort):
    """An empty level, a level in one arm only, or a level without events."""
    plan = toy_cohort.study.subgroups[0]
    patients = toy_cohort.patients.copy()
    patients = patients[patients["stage"] != "iii"].copy()
    patients.loc[patients["sex"] == "male", "arm"] = "treated"
    patients.loc[patients["smoking"] == "yes", "os_event"] = 0
    holed = Cohort(toy_cohort.study, patients.reset_index(drop=True), "supplied")
    found = interaction_tests(holed, plan, ties="efron").set_index("covariate")
    numbers = ["wald_statistic", "wald_p", "lr_statistic", "lr_p"]
    assert found[numbers].isna().all(axis=None)
    assert "no patient has the level iii" in found.loc["stage", "reason"]
    assert "linear combination" in found.loc["sex", "reason"]
    assert "diverges" in found.loc["smoking", "reason"]
