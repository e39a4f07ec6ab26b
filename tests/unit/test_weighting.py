"""Weighting by the propensity score: formulas, truncation, effective sizes, the weighted cohort."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.cohort import Cohort
from replica.errors import EstimationError, ParameterError
from replica.propensity import propensity_score
from replica.weighting import WeightingPlan, weight, weighted_cox
from replica.weights import balancing_weights, effective_sample_size, truncate_weights

SCORE = np.array([0.5, 0.25, 0.2, 0.5, 0.8])
ARM = np.array([True, True, False, False, False])


def test_weights_by_hand() -> None:
    """The five patients' weights for each estimand; two of five are treated."""
    cases = {
        ("ate", False): [2, 4, 1.25, 2, 5],
        ("ate", True): [0.8, 1.6, 0.75, 1.2, 3],
        ("att", False): [1, 1, 0.25, 1, 4],
        ("att", True): [1, 1, 0.375, 1.5, 6],
        ("ato", False): [0.5, 0.75, 0.2, 0.5, 0.8],
    }
    for (estimand, stabilised), wanted in cases.items():
        found = balancing_weights(SCORE, ARM, estimand=estimand, stabilised=stabilised)
        np.testing.assert_allclose(found, wanted, rtol=1e-15)


def test_truncation_by_hand() -> None:
    """The 25th and 75th percentiles of 1, 2, 3, 4, 10 are 2 and 4; the 90th is 4 + 0.6 * 6."""
    cut, low, high = truncate_weights([1, 2, 3, 4, 10], 25, 75)
    assert (low, high) == (2.0, 4.0)
    assert cut.tolist() == [2, 2, 3, 4, 4]
    assert truncate_weights([1, 2, 3, 4, 10], 0, 90)[2] == pytest.approx(7.6, rel=1e-15)


def test_effective_sample_size_by_hand() -> None:
    """Equal weights are worth their number; 3 and 1 are worth 16/10; one weight is worth 1."""
    assert effective_sample_size([0.2] * 5) == pytest.approx(5, rel=1e-15)
    assert effective_sample_size([3, 1]) == pytest.approx(1.6, rel=1e-15)
    assert effective_sample_size([0, 7]) == 1.0
    assert effective_sample_size([1e200, 1e200]) == 2.0


@given(weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=30), unit=st.floats(0.01, 100))
def test_effective_sample_size_lies_between_one_and_all(weights: list[float], unit: float) -> None:
    """It never exceeds the number of patients and does not depend on the unit of the weights."""
    size = effective_sample_size(weights)
    assert 1 - 1e-12 <= size <= len(weights) + 1e-9
    assert effective_sample_size(np.array(weights) * unit) == pytest.approx(size, rel=1e-12)


@given(
    data=st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=2, max_size=40),
    estimand=st.sampled_from(["ate", "att", "ato"]),
)
def test_swapping_the_arms_swaps_the_formulas(
    data: list[tuple[float, bool]], estimand: str
) -> None:
    """ATE and overlap weights are symmetric in the arms; ATT weights become those for controls."""
    score = np.array([e for e, _ in data])
    arm = np.array([True, False, *(t for _, t in data[2:])])
    found = balancing_weights(score, arm, estimand=estimand)
    swapped = balancing_weights(1 - score, ~arm, estimand=estimand)
    factor = np.ones(score.size) if estimand != "att" else (1 - score) / score
    np.testing.assert_allclose(swapped, found * factor, rtol=1e-12)


@pytest.mark.parametrize(
    ("score", "arm", "error", "message"),
    [
        ([0.5, 1.0], [True, False], EstimationError, "found 1 propensity scores"),
        ([0.5, np.nan], [True, False], EstimationError, "found 1 propensity scores"),
        ([0.5, 0.5], [True, True], EstimationError, "found 2 treated and 0 control"),
        ([0.5], [True, False], ParameterError, "one of each per patient"),
    ],
)
def test_scores_without_weights_are_refused(
    score: list[float], arm: list[bool], error: type[Exception], message: str
) -> None:
    """Without positivity, or without two arms, there are no weights."""
    with pytest.raises(error, match=message):
        balancing_weights(score, arm)


def test_impossible_plans_are_refused() -> None:
    """Each impossible setting is refused with what is allowed."""
    with pytest.raises(ParameterError, match="found 'atc'"):
        WeightingPlan("atc")
    with pytest.raises(ParameterError, match="overlap weights"):
        WeightingPlan("ato", stabilised=True)
    with pytest.raises(ParameterError, match="overlap weights"):
        balancing_weights(SCORE, ARM, estimand="ato", stabilised=True)
    with pytest.raises(ParameterError, match=r"percentiles 99\.0 and 1\.0"):
        WeightingPlan(truncate=(99.0, 1.0))
    with pytest.raises(ParameterError, match="found 'arms'"):
        WeightingPlan(truncate_within="arms")
    for weights in ([], [-1.0, 2.0], [0.0, 0.0], [np.nan]):
        with pytest.raises(ParameterError, match="not all 0"):
            effective_sample_size(weights)
    with pytest.raises(ParameterError, match="finite weights"):
        truncate_weights([1.0, np.inf], 1, 99)


def test_weighted_cohort(toy_cohort: Cohort) -> None:
    """Weights belong to the patients by id, whatever the rows, and follow the study's score."""
    weighted = weight(toy_cohort)
    score = propensity_score(toy_cohort)
    treated = (toy_cohort.patients.set_index("patient_id")["arm"] == "treated").loc[score.index]
    wanted = np.where(treated, 1 / score, 1 / (1 - score))
    np.testing.assert_array_equal(weighted.weights.loc[score.index], wanted)
    assert weighted.truncation.empty
    shuffled = Cohort(
        toy_cohort.study, toy_cohort.patients.sample(frac=1, random_state=1), "supplied"
    )
    pd.testing.assert_series_equal(
        weight(shuffled).weights.sort_index(), weighted.weights.sort_index(), check_exact=True
    )
    sizes = weighted.sample_sizes().set_index("arm")
    assert sizes.loc["all", "n"] == len(toy_cohort)
    assert (sizes["effective_n"] < sizes["n"]).all()


def test_truncation_is_reported(toy_cohort: Cohort) -> None:
    """The report says at which weights they were cut and how many patients of each arm were."""
    for within in ("all", "arm"):
        plan = WeightingPlan(truncate=(10, 90), truncate_within=within)
        weighted = weight(toy_cohort, plan)
        raw, cut = weighted.untruncated, weighted.weights
        treated = weighted.before.treated
        report = weighted.truncation.set_index(["arm", "end"])
        for arm, of in (("treated", treated), ("control", ~treated)):
            source = raw if within == "all" else raw[of]
            for end, percentile in (("low", 10), ("high", 90)):
                row = report.loc[arm, end]
                assert row["value"] == np.percentile(source, percentile)
                beyond = raw[of] < row["value"] if end == "low" else raw[of] > row["value"]
                assert row["truncated"] == beyond.sum()
                assert (cut[of][beyond] == row["value"]).all()
        assert (raw != cut).sum() == report["truncated"].sum() > 0


def test_weights_that_are_not_the_patients_are_refused(toy_cohort: Cohort) -> None:
    """Weights of others, or impossible ones, do not make a weighted cohort."""
    good = weight(toy_cohort)
    with pytest.raises(ParameterError, match="not those of the cohort"):
        replace(good, weights=good.weights.iloc[1:])
    with pytest.raises(EstimationError, match="finite and above 0"):
        replace(good, weights=good.weights * 0)


def test_weighted_cox_has_robust_errors(toy_cohort: Cohort) -> None:
    """Doubled weights change neither hazard ratio nor robust error, but the model-based one."""
    weighted = weight(toy_cohort)
    doubled = replace(weighted, weights=weighted.weights * 2)
    first = weighted_cox(weighted, "os", ties="efron")
    second = weighted_cox(doubled, "os", ties="efron")
    assert first.names == ("arm",)
    assert first.robust_se is not None
    np.testing.assert_allclose(second.coef, first.coef, rtol=1e-9)
    np.testing.assert_allclose(second.robust_se, first.robust_se, rtol=1e-9)
    np.testing.assert_allclose(second.se * np.sqrt(2), first.se, rtol=1e-9)


def test_weighted_cox_refuses_missing_covariates(toy_cohort: Cohort) -> None:
    """Leaving patients out would unbalance the arms, so a missing covariate is refused."""
    patients = toy_cohort.patients.assign(age=toy_cohort.patients["age"].astype(float))
    patients.loc[2, "age"] = np.nan
    weighted = weight(Cohort(toy_cohort.study, patients, "supplied"))
    with pytest.raises(ParameterError, match="age: found 1 missing"):
        weighted_cox(weighted, "os", ("arm", "age"), ties="efron")
    with pytest.raises(ParameterError, match="found 'height'"):
        weighted_cox(weighted, "os", ("height",), ties="efron")
