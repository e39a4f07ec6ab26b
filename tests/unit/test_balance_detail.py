"""Balance by every denominator, distributions, effective sizes, preference score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica.balance import balance, variance
from replica.balance_detail import SMD_RULES, balance_statistics, sample_sizes, smd_table
from replica.cohort import Cohort
from replica.distribution import ecdf_distances, weighted_variance
from replica.errors import ParameterError
from replica.matching import match
from replica.overlap import equipoise, preference_score
from replica.weighting import WeightingPlan, weight

VALUES = st.lists(st.integers(0, 9), min_size=1, max_size=25)


def test_distribution_distances_by_hand() -> None:
    """Values 1, 2, 2, 4 against 2, 3 (weights 3 and 1).

    At 1, 2, 3, 4 the functions are 1/4, 3/4, 3/4, 1 and 0, 3/4, 1, 1: differences 1/4, 0, 1/4, 0.
    """
    found = ecdf_distances([1, 2, 2, 4], [2, 3], control_weights=[3, 1])
    assert found == (1 / 8, 1 / 4)
    wider = ecdf_distances([1, 2, 2, 4], [2, 3], control_weights=[3, 1], at=[0, 1, 2, 3, 4])
    assert wider == (1 / 10, 1 / 4)
    assert ecdf_distances([0, 1, 1, 1], [0, 1]) == (0.25, 0.25)


@given(treated=VALUES, control=VALUES)
def test_distances_follow_their_definition(treated: list[int], control: list[int]) -> None:
    """The distances are those of shares up to each value, one by one; the arms may swap."""
    found = ecdf_distances(treated, control)
    x, y = np.array(treated), np.array(control)
    gaps = [abs((x <= v).mean() - (y <= v).mean()) for v in {*treated, *control}]
    if not {*treated, *control} <= {0, 1}:
        assert found.mean == pytest.approx(np.mean(gaps), abs=1e-14)
    assert found.maximum == pytest.approx(max(gaps), abs=1e-14)
    assert ecdf_distances(control, treated) == found
    assert 0 <= found.mean <= found.maximum <= 1 + 1e-12


@given(data=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=2, max_size=15))
def test_whole_weights_are_repeated_patients_in_a_distribution(data: list[tuple[int, int]]) -> None:
    """A weight of 3 counts as three patients in the distribution function."""
    values, weights = (np.array(column, dtype=float) for column in zip(*data, strict=True))
    other = [0, 3, 5, 5]
    found = ecdf_distances(values, other, treated_weights=weights)
    repeated = ecdf_distances(np.repeat(values, weights.astype(int)), other)
    assert found.maximum == pytest.approx(repeated.maximum, abs=1e-12)
    assert found.mean == pytest.approx(repeated.mean, abs=1e-12)


@given(values=st.lists(st.floats(-50, 50), min_size=2, max_size=20), unit=st.floats(0.1, 10))
def test_equal_weights_give_the_plain_variance(values: list[float], unit: float) -> None:
    """Weights of any one size give n - 1 in the divisor, as without weights."""
    x = np.array(values)
    found = weighted_variance(x, np.full(x.size, unit))
    assert found == pytest.approx(variance(x), rel=1e-9, abs=1e-12)


def test_distributions_without_values_are_refused() -> None:
    """Missing values, empty arms, bad weights and too short a grid are refused."""
    with pytest.raises(ParameterError, match="1 missing or infinite"):
        ecdf_distances([1.0, np.nan], [1.0])
    with pytest.raises(ParameterError, match="found 0 values"):
        ecdf_distances([], [1.0])
    with pytest.raises(ParameterError, match="weights"):
        ecdf_distances([1.0], [1.0], treated_weights=[-1.0])
    with pytest.raises(ParameterError, match="lacks values"):
        ecdf_distances([1.0, 5.0], [1.0], at=[1.0, 2.0])


def test_every_denominator_by_hand(toy_cohort: Cohort) -> None:
    """Each rule's divisor is computed here from its definition, and named in words."""
    matched = match(toy_cohort, replace(toy_cohort.study.matching, caliper=0.01))
    table = smd_table(matched, covariates=("sex", "age"))
    assert set(table["denominator"]) == set(SMD_RULES)
    assert (table["states"] == table["denominator"].map(SMD_RULES)).all()
    for key in ("sex", "age"):
        before, after = (
            (c.patients[key] == "male" if key == "sex" else c.patients[key]).to_numpy(dtype=float)
            for c in (matched.before, matched.after)
        )
        arms = {
            "before": (before[matched.before.treated], before[~matched.before.treated]),
            "after": (after[matched.after.treated], after[~matched.after.treated]),
        }
        of_treated, of_control = (variance(values) for values in arms["before"])
        divisors = {
            "treated": np.sqrt(of_treated),
            "control": np.sqrt(of_control),
            "pooled": np.sqrt((of_treated + of_control) / 2),
            "all": np.sqrt(variance(before)),
            "matchit": np.sqrt(of_treated),
            "cobalt": 1.0 if key == "sex" else np.sqrt(of_treated),
        }
        for stage, (x, y) in arms.items():
            rows = table[(table["covariate"] == key) & (table["stage"] == stage)]
            rows = rows.set_index("denominator")
            within = np.sqrt((variance(x) + variance(y)) / 2)
            for rule, divisor in (divisors | {"pooled_within_stage": within}).items():
                wanted = (x.mean() - y.mean()) / divisor
                assert rows.loc[rule, "divisor"] == pytest.approx(divisor, rel=1e-12)
                assert rows.loc[rule, "smd"] == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def test_common_denominators_agree_with_the_balance_table(toy_cohort: Cohort) -> None:
    """Means, differences and variance ratios are those of `balance`, at ratio 2 too."""
    plan = replace(toy_cohort.study.matching, ratio=2, caliper=0.02, covariates=("sex", "age"))
    matched = match(toy_cohort, plan)
    for rule in ("treated", "control", "pooled"):
        wanted = balance(matched, denominator=rule)
        found = smd_table(matched, rules=[rule])
        detail = balance_statistics(matched)
        keys = ["covariate", "level", "stage"]
        merged = wanted.merge(found, on=keys, suffixes=("", "_found")).merge(
            detail, on=keys, suffixes=("", "_detail")
        )
        assert len(merged) == len(wanted)
        for column in ("mean_treated", "mean_control", "smd"):
            np.testing.assert_allclose(merged[column], merged[f"{column}_found"], atol=1e-12)
        np.testing.assert_allclose(
            merged["variance_ratio"], merged["variance_ratio_detail"], rtol=1e-10
        )


def test_overlap_weights_balance_the_means_exactly(toy_cohort: Cohort) -> None:
    """Overlap weights of a logistic score leave no difference in the means of its covariates."""
    plan = WeightingPlan("ato", covariates=("sex", "smoking", "stage", "age"))
    weighted = weight(toy_cohort, plan)
    table = smd_table(weighted, rules=["pooled"])
    after = table[(table["stage"] == "after") & (table["covariate"] != "propensity_score")]
    assert np.abs(after["smd"]).max() < 1e-8
    assert np.abs(table.loc[table["stage"] == "before", "smd"]).max() > 0.1
    with pytest.raises(ParameterError, match="for overlap weights"):
        smd_table(weighted)


def test_weighted_rules_follow_the_estimand(toy_cohort: Cohort) -> None:
    """MatchIt's rule is the treated's standard deviation for ATT and the pooled one for ATE."""
    for estimand, rule in (("att", "treated"), ("ate", "pooled")):
        table = smd_table(weight(toy_cohort, WeightingPlan(estimand)), rules=["matchit", rule])
        first, second = (table.loc[table["denominator"] == r, "smd"] for r in ("matchit", rule))
        assert first.tolist() == second.tolist()


def test_sample_sizes_of_matched_sets(toy_cohort: Cohort) -> None:
    """Pairs are worth their number; sets of unequal size are worth less than their number."""
    plan = replace(toy_cohort.study.matching, caliper=0.01)
    one = sample_sizes(match(toy_cohort, plan)).set_index(["stage", "arm"])
    assert (one["effective_n"] == one["n"]).all()
    several = match(toy_cohort, replace(plan, ratio=3))
    assert several.summary()["controls"].nunique() > 2
    sizes = sample_sizes(several).set_index(["stage", "arm"])
    weights = several.weights[~several.after.treated].to_numpy()
    wanted = weights.sum() ** 2 / (weights**2).sum()
    assert sizes.loc[("after", "control"), "effective_n"] == pytest.approx(wanted, rel=1e-12)
    assert wanted < sizes.loc[("after", "control"), "n"]


def test_balance_refuses_what_it_cannot_compare(toy_cohort: Cohort) -> None:
    """An unknown rule or covariate and a missing value are refused."""
    matched = match(toy_cohort)
    with pytest.raises(ParameterError, match="Did you mean 'pooled'"):
        smd_table(matched, rules=["poold"])
    with pytest.raises(ParameterError, match="height"):
        smd_table(matched, covariates=("height",))
    patients = toy_cohort.patients.assign(age=toy_cohort.patients["age"].astype(float))
    patients.loc[1, "age"] = np.nan
    gap = match(Cohort(toy_cohort.study, patients, "supplied"))
    assert "age" not in set(balance_statistics(gap)["covariate"])
    with pytest.raises(ParameterError, match="age: found 1 missing"):
        balance_statistics(gap, covariates=("age",))


def test_preference_score_by_hand() -> None:
    """With a quarter treated, odds are multiplied by 3: 0.25 becomes 0.5 and 0.5 becomes 0.75."""
    score = pd.Series([0.25, 0.5, 0.1, 0.4], index=["a", "b", "c", "d"])
    frame = preference_score(score, [True, False, False, False])
    np.testing.assert_allclose(frame["preference_score"], [0.5, 0.75, 0.25, 2 / 3], rtol=1e-14)
    assert list(frame["patient_id"]) == ["a", "b", "c", "d"]
    table = equipoise(frame).set_index("arm")
    assert table["in_equipoise"].to_dict() == {"treated": 1, "control": 1, "all": 2}
    assert table["share"].to_dict() == {"treated": 1.0, "control": 1 / 3, "all": 0.5}


@given(
    score=st.lists(st.floats(0.02, 0.98), min_size=2, max_size=20),
    flips=st.lists(st.booleans(), min_size=20, max_size=20),
)
def test_swapped_arms_mirror_the_preference(score: list[float], flips: list[bool]) -> None:
    """Whoever prefers one arm by p prefers the other by 1 - p."""
    arm = np.array([True, False, *flips[2 : len(score)]])
    first = preference_score(pd.Series(score), arm)["preference_score"]
    second = preference_score(1 - pd.Series(score), ~arm)["preference_score"]
    np.testing.assert_allclose(first, 1 - second, rtol=0, atol=1e-12)


def test_preference_without_overlap_is_refused() -> None:
    """Scores of 0 or 1, a single arm and an empty range are refused."""
    with pytest.raises(ParameterError, match="strictly between 0 and 1"):
        preference_score(pd.Series([0.0, 0.5]), [True, False])
    with pytest.raises(ParameterError, match="compares two arms"):
        preference_score(pd.Series([0.2, 0.5]), [True, True])
    frame = preference_score(pd.Series([0.2, 0.5]), [True, False])
    with pytest.raises(ParameterError, match=r"found 0\.7 to 0\.3"):
        equipoise(frame, 0.7, 0.3)
    with pytest.raises(ParameterError, match="no patient of the arm 'control'"):
        equipoise(frame.iloc[:1])
