"""Nearest-neighbour matching: hand-worked pairs, refusals, and the matched cohort's own rules."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from replica.cohort import Cohort
from replica.errors import MatchingError, ParameterError
from replica.matching import Matched, caliper_width, match, match_rows, nearest_neighbour
from replica.propensity import propensity_score

# Treated a, b, c among controls u to z. All scores are multiples of 1/32, so distances are exact.
KEYS = np.array(["a", "b", "c", "u", "v", "w", "x", "y", "z"])
SCORES = np.array([16, 18, 8, 13, 15, 17, 17, 20, 8]) / 32
ARMS = np.array([True] * 3 + [False] * 6)


def pairs(order: str, **settings: object) -> list[tuple[str, str]]:
    """Match the hand-worked units and return the pairs by name, in the order made."""
    found = nearest_neighbour(SCORES, ARMS, KEYS, order=order, **settings)
    return list(zip(KEYS[found.treated], KEYS[found.control], strict=True))


def test_hand_worked_orders() -> None:
    """Each order takes the pairs worked out on paper.

    By key, a (16) has v (15) and w (17) at one distance and takes v, the one below. b (18) then
    walks down to the last of the two at 17, x, and c (8) takes z. Largest first, b takes x before a
    comes to choose, and a still prefers v. With every control within 1/32 there is no conflict.
    """
    assert pairs("data") == [("a", "v"), ("b", "x"), ("c", "z")]
    assert pairs("largest") == [("b", "x"), ("a", "v"), ("c", "z")]
    assert pairs("smallest") == [("c", "z"), ("a", "v"), ("b", "x")]
    assert pairs("closest") == [("c", "z"), ("a", "v"), ("b", "x")]


def test_hand_worked_rounds() -> None:
    """At ratio 2 everyone gets a first control before anyone gets a second.

    After the first round u, w and y are free: a (16) takes w (17), b (18) takes y (20) and c (8)
    is left with u (13).
    """
    assert pairs("data", ratio=2)[3:] == [("a", "w"), ("b", "y"), ("c", "u")]


def test_hand_worked_strata() -> None:
    """In a stratum of its own a treated unit walks past nearer controls of other strata."""
    strata = ["s", "t", "t", "s", "t", "t", "t", "t", "s"]
    assert pairs("data", exact=strata) == [("a", "u"), ("b", "x"), ("c", "v")]


def test_closest_pair_may_take_a_control_from_an_earlier_unit() -> None:
    """Order `closest` gives a contested control to the nearer treated unit, `data` to the first."""
    score, treated, key = np.array([5, 6, 7, 1]) / 8, [True, True, False, False], [1, 2, 3, 4]
    by_key = nearest_neighbour(score, treated, key)
    closest = nearest_neighbour(score, treated, key, order="closest")
    assert dict(zip(by_key.treated, by_key.control, strict=True)) == {0: 2, 1: 3}
    assert dict(zip(closest.treated, closest.control, strict=True)) == {1: 2, 0: 3}


def test_caliper_edge_follows_inclusive() -> None:
    """A distance of exactly the caliper is a match when inclusive and none when not."""
    score, treated, key = [0.25, 0.5], [True, False], [1, 2]
    assert len(nearest_neighbour(score, treated, key, caliper=0.25)) == 1
    assert len(nearest_neighbour(score, treated, key, caliper=0.25, inclusive=False)) == 0
    assert len(nearest_neighbour(score, treated, key, caliper=math.nextafter(0.25, 0))) == 0


def test_random_order_comes_from_the_generator_alone() -> None:
    """One seed gives one result whatever the order of rows; no generator is an error."""
    rng = np.random.default_rng(0)
    score, treated, key = rng.random(60), rng.random(60) < 0.5, np.arange(60)
    shuffle = rng.permutation(60)

    def run(rows: np.ndarray, seed: int) -> set[tuple[int, int]]:
        found = nearest_neighbour(
            score[rows],
            treated[rows],
            key[rows],
            order="random",
            rng=np.random.default_rng(seed),
        )
        return set(zip(key[rows][found.treated], key[rows][found.control], strict=True))

    assert run(key, 7) == run(shuffle, 7)
    assert run(key, 7) != run(key, 8)
    with pytest.raises(ParameterError, match="needs a numpy Generator"):
        nearest_neighbour(score, treated, key, order="random")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": [1, 1, 2]}, "found 1 more than once"),
        ({"distance": [0.1, math.nan, 0.2]}, "1 missing or infinite"),
        ({"distance": [0.1, math.inf, 0.2]}, "1 missing or infinite"),
        ({"distance": [0.1, 0.2]}, "one value per unit"),
        ({"caliper": 0.0}, "must be above 0"),
        ({"caliper": math.nan}, "must be above 0"),
        ({"ratio": 0}, "at least 1 control"),
        ({"order": "bigest"}, "found 'bigest'"),
        ({"exact": ["a", None, "a"]}, "1 of them missing"),
        ({"exact": ["a"]}, "for 3 units"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object], message: str) -> None:
    """Each impossible array or setting is refused with what was found."""
    settings = {"distance": [0.1, 0.2, 0.3], "treated": [True, False, False], "key": [1, 2, 3]}
    with pytest.raises(ParameterError, match=message):
        nearest_neighbour(**(settings | change))


def test_one_arm_is_refused() -> None:
    """Without controls there is nobody to match."""
    with pytest.raises(MatchingError, match="found 2 treated and 0 control"):
        nearest_neighbour([0.1, 0.2], [True, True], [1, 2])


def test_row_kernel_is_the_same_matching() -> None:
    """The kernel for other kernels gives the pairs of order `data` with rows as keys."""
    rng = np.random.default_rng(2)
    score, treated = rng.integers(0, 40, 200) / 64, rng.random(200) < 0.4
    found = nearest_neighbour(score, treated, np.arange(200), caliper=1 / 64)
    partner = match_rows(score, treated, 1 / 64, True)
    expected = np.full(200, -1)
    expected[found.treated], expected[found.control] = found.control, found.treated
    assert np.array_equal(partner, expected)


def test_caliper_width_by_hand() -> None:
    """Raw scales keep the number; SD scales multiply by 1 over all, or sqrt((2 + 8) / 2) pooled."""
    arms = np.array([True, True, False, False])
    score = np.array([1.0, 3.0, 0.0, 4.0]) / 8
    logit = score * 8
    assert caliper_width(score, logit, arms, 0.02, "probability") == 0.02
    assert caliper_width(score, logit, arms, 0.3, "logit") == 0.3
    pooled = math.sqrt((2 + 8) / 2)
    over_all = math.sqrt((1 + 1 + 4 + 4) / 3)
    for scale, width in (
        ("sd_logit", over_all),
        ("sd_logit_pooled", pooled),
        ("sd_probability", over_all / 8),
        ("sd_probability_pooled", pooled / 8),
    ):
        assert caliper_width(score, logit, arms, 0.5, scale) == pytest.approx(width / 2, rel=1e-15)


def test_caliper_without_a_standard_deviation_is_refused() -> None:
    """Equal scores or a single patient in an arm leave no standard deviation to multiply."""
    arms = np.array([True, False, False])
    same, different = np.full(3, 0.5), np.array([0.1, 0.2, 0.3])
    with pytest.raises(MatchingError, match="1 different scores"):
        caliper_width(same, same, arms, 0.2, "sd_logit")
    with pytest.raises(MatchingError, match="found 1 treated and 2 control"):
        caliper_width(different, different, arms, 0.2, "sd_logit_pooled")
    with pytest.raises(ParameterError, match="Did you mean 'sd_logit'"):
        caliper_width(different, different, arms, 0.2, "sdlogit")
    with pytest.raises(ParameterError, match="must be above 0"):
        caliper_width(different, different, arms, -0.2, "logit")


def test_cohort_matching_adds_up(toy_cohort: Cohort) -> None:
    """Every patient is matched or listed with a reason, sets are numbered by treated patient."""
    plan = replace(toy_cohort.study.matching, caliper=0.01)
    matched = match(toy_cohort, plan)
    after = matched.after.patients
    assert len(matched.pairs) > 0
    assert matched.width == 0.01
    assert len(after) + len(matched.unmatched) == len(toy_cohort)
    assert list(after["patient_id"]) == sorted(after["patient_id"])
    assert after["pair"].dtype.kind == "i"
    assert (after.groupby("pair")["arm"].nunique() == 2).all()
    assert list(matched.pairs["pair"]) == list(range(1, len(matched.pairs) + 1))
    assert list(matched.pairs["treated"]) == sorted(matched.pairs["treated"])
    assert (matched.weights == 1.0).all()
    score = matched.propensity_score
    gaps = score[matched.pairs["treated"]].to_numpy() - score[matched.pairs["control"]].to_numpy()
    np.testing.assert_array_equal(np.abs(gaps), matched.pairs["distance"])


def test_reasons_tell_want_of_a_neighbour_from_loss_to_another(toy_cohort: Cohort) -> None:
    """A patient without a near counterpart and one whose counterparts were taken differ."""
    plan = replace(toy_cohort.study.matching, caliper=0.01)
    matched = match(toy_cohort, plan)
    score = matched.propensity_score
    arms = toy_cohort.patients.set_index("patient_id")["arm"]
    for row in matched.unmatched.itertuples():
        others = score[arms != row.arm]
        near = (np.abs(others - score[row.patient_id]) <= 0.01).any()
        assert ("within the caliper" in row.reason) == (not near)
    assert "not chosen" in set(matched.unmatched["reason"])


def test_study_plan_is_the_default(toy_cohort: Cohort) -> None:
    """Without a plan the study's own is used."""
    assert match(toy_cohort).plan == toy_cohort.study.matching


def test_row_order_of_the_patients_does_not_matter(toy_cohort: Cohort) -> None:
    """Shuffled patients give the same pairs, the same matched cohort and the same scores."""
    shuffled = toy_cohort.patients.sample(frac=1, random_state=3)
    for order in ("data", "largest", "smallest", "closest"):
        plan = replace(toy_cohort.study.matching, order=order, caliper=0.05)
        first = match(toy_cohort, plan)
        second = match(Cohort(toy_cohort.study, shuffled, "supplied"), plan)
        pd.testing.assert_frame_equal(first.pairs, second.pairs, check_exact=True)
        pd.testing.assert_frame_equal(first.after.patients, second.after.patients)
        pd.testing.assert_series_equal(
            first.propensity_score, second.propensity_score, check_exact=True
        )


def test_cohort_matching_on_the_logit_within_strata(toy_cohort: Cohort) -> None:
    """Logit distances and exact strata hold in the matched cohort, and unmatched strata say so."""
    plan = replace(
        toy_cohort.study.matching,
        covariates=("smoking",),
        caliper=0.2,
        caliper_scale="sd_logit_pooled",
        exact=("sex", "stage"),
    )
    matched = match(toy_cohort, plan)
    patients = toy_cohort.patients.set_index("patient_id")
    for key in plan.exact:
        left = patients.loc[matched.pairs["treated"], key].to_numpy()
        assert (left == patients.loc[matched.pairs["control"], key].to_numpy()).all()
    assert (matched.pairs["distance"] <= matched.width).all()


def test_ratio_two_weights_the_sets(toy_cohort: Cohort) -> None:
    """With two controls per set the weights of controls and of treated have one sum."""
    plan = replace(toy_cohort.study.matching, ratio=2, caliper=0.01)
    matched = match(toy_cohort, plan)
    weights = matched.weights.to_numpy()
    treated = matched.after.treated
    assert weights[~treated].min() == 0.5
    assert weights[treated].sum() == weights[~treated].sum() == treated.sum()


def test_no_pair_tells_the_smallest_distance(toy_cohort: Cohort) -> None:
    """When the caliper lets nobody through, the message gives the distance that would."""
    number = np.arange(len(toy_cohort))
    sex = np.where(number % 3 == 0, "male", "female")
    # Smoking depends on sex in one way among the treated and in the other among the controls, so
    # that no treated patient shares both with a control.
    smoking = np.where((sex == "male") == toy_cohort.treated, "yes", "no")
    patients = toy_cohort.patients.assign(sex=sex, smoking=smoking)
    cohort = Cohort(toy_cohort.study, patients, "supplied")
    plan = replace(toy_cohort.study.matching, covariates=("sex", "smoking"), caliper=1e-6)
    score = propensity_score(cohort, plan.covariates).to_numpy()
    treated = cohort.treated
    smallest = np.abs(score[treated][:, None] - score[~treated]).min()
    assert smallest > 1e-6
    with pytest.raises(MatchingError, match=f"smallest distance .* is {smallest:.6g}"):
        match(cohort, plan)


def test_strata_without_both_arms_are_told(toy_cohort: Cohort) -> None:
    """When no stratum holds both arms the message names the exact covariates."""
    sex = np.where(toy_cohort.treated, "male", "female")
    cohort = Cohort(toy_cohort.study, toy_cohort.patients.assign(sex=sex), "supplied")
    plan = replace(toy_cohort.study.matching, covariates=("smoking",), exact=("sex",))
    with pytest.raises(MatchingError, match="no stratum of sex holds both"):
        match(cohort, plan)


def test_plan_breaking_sets_are_refused(toy_cohort: Cohort) -> None:
    """A matched set that was tampered with is refused with the rule that it breaks."""
    plan = replace(toy_cohort.study.matching, caliper=0.01)
    good = match(toy_cohort, plan)
    first, second = good.pairs["control"].iloc[:2]

    def broken(message: str, **changes: object) -> None:
        with pytest.raises(MatchingError, match=message):
            replace(good, **changes)

    broken("the caliper is 1e-09", width=1e-9)
    broken("not the difference", pairs=good.pairs.assign(distance=0.005))
    broken("a control is used twice", pairs=good.pairs.replace({"control": {second: first}}))
    swapped = good.pairs.rename(columns={"treated": "control", "control": "treated"})
    broken("not one treated and one control", pairs=swapped)
    broken("do not add up", unmatched=good.unmatched.iloc[1:])
    broken("does not hold the patients", after=good.after.where(np.arange(len(good.after)) > 0))
    renumbered = good.after.patients.assign(pair=1)
    broken("does not hold", after=Cohort(good.after.study, renumbered, "supplied"))


def test_pairs_that_break_another_plan_are_refused(toy_cohort: Cohort) -> None:
    """Sets of two controls break a plan of ratio 1, pairs of two sexes one that is exact on sex."""
    plan = replace(toy_cohort.study.matching, ratio=2, caliper=None)
    matched: Matched = match(toy_cohort, plan)
    with pytest.raises(MatchingError, match="more than 1 controls in a set"):
        replace(matched, plan=replace(plan, ratio=1))
    with pytest.raises(MatchingError, match="differs in sex"):
        replace(matched, plan=replace(plan, exact=("sex",)))


def test_a_patient_listed_twice_is_refused(toy_cohort: Cohort) -> None:
    """Two rows with one id cannot be told apart when scores tie, so they are refused."""
    patients = pd.concat([toy_cohort.patients, toy_cohort.patients.iloc[:1]])
    with pytest.raises(ParameterError, match="found T001 more than once"):
        match(Cohort(toy_cohort.study, patients, "supplied"))
