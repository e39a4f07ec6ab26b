"""Options of matching a cohort: replacement, draws, covariates, common support, the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from replica.cohort import Cohort
from replica.errors import MatchingError, ParameterError, ProtocolError
from replica.matching import match, nearest_neighbour, optimal_pairs, pair_units
from replica.overlap import common_support
from replica.propensity import propensity_score
from replica.protocol import MatchingPlan

# Treated a, b, c among controls u to z, with ages. Scores are multiples of 1/32, so exact.
KEYS = np.array(["a", "b", "c", "u", "v", "w", "x", "y", "z"])
SCORES = np.array([16, 17, 8, 13, 15, 17, 17, 20, 8]) / 32
AGES = np.array([[50.0], [60.0], [70.0], [50.0], [58.0], [59.0], [66.0], [61.0], [40.0]])
ARMS = np.array([True] * 3 + [False] * 6)


def pairs(**settings: object) -> list[tuple[str, str]]:
    """Match the hand-worked units and return the pairs by name, in the order made."""
    found = pair_units(SCORES, ARMS, KEYS, **settings)
    return list(zip(KEYS[found.treated], KEYS[found.control], strict=True))


def test_hand_worked_replacement() -> None:
    """With replacement nobody gives way: a takes v, below at equal distance; b (17) takes w.

    b stands before w and x, which have its own score, and comes to w first. At ratio 2 a (16) adds
    w, the first above, b adds x, and c (8) adds u (13). So w serves both a and b.
    """
    assert pairs(replace=True) == [("a", "v"), ("b", "w"), ("c", "z")]
    assert pairs(replace=True, ratio=2) == [
        *(("a", "v"), ("a", "w")),
        *(("b", "w"), ("b", "x")),
        *(("c", "z"), ("c", "u")),
    ]


def test_hand_worked_calipers_on_age() -> None:
    """Within 5 years a (50) walks past v (58), w and x to u (50); b (60) walks past x to w (59).

    c (70) passes z and all others up to x (66).
    """
    assert pairs(covariates=AGES, covariate_calipers=[5.0]) == [("a", "u"), ("b", "w"), ("c", "x")]


def test_caliper_on_a_covariate_at_its_edge() -> None:
    """A difference of exactly the caliper is allowed when inclusive and not otherwise."""
    ages = np.array([[50.0], [55.0]])
    units = ([0.5, 0.5], [True, False], [1, 2])
    settings = {"covariates": ages, "covariate_calipers": [5.0]}
    assert len(pair_units(*units, **settings)) == 1
    assert len(pair_units(*units, **settings, inclusive=False)) == 0


def test_hand_worked_optimum_against_greedy() -> None:
    """The optimum pairs a unit that greedy matching leaves alone, and saves distance elsewhere.

    In eighths, with a caliper of 1: treated at 4 and 6, controls at 5 and 7. Largest first, 6 takes
    5 (below at equal distance) and 4 is left alone; the optimum gives 4 the 5 and 6 the 7. In
    sixteenths, without a caliper: treated at 4 and 3, controls at 3 and 10. By key 4 takes 3, and 3
    must go to 10, 8 in all; crosswise it is 6 + 0.
    """
    score, treated, key = np.array([4, 6, 5, 7]) / 8, [True, True, False, False], [1, 2, 3, 4]
    greedy = nearest_neighbour(score, treated, key, caliper=1 / 8, order="largest")
    best = optimal_pairs(score, treated, key, caliper=1 / 8)
    assert len(greedy) == 1
    assert list(zip(best.treated, best.control, strict=True)) == [(0, 2), (1, 3)]
    score = np.array([4, 3, 3, 10]) / 16
    by_key = nearest_neighbour(score, treated, key)
    best = optimal_pairs(score, treated, key)
    assert by_key.distance.sum() == (1 + 7) / 16
    assert best.distance.sum() == (6 + 0) / 16


def test_more_pairs_come_before_less_distance() -> None:
    """Two pairs at a great distance beat one at none."""
    score, treated = np.array([0.0, 10.0, 0.0, -100.0]), [True, True, False, False]
    found = optimal_pairs(score, treated, [1, 2, 3, 4])
    assert found.distance.sum() == 110.0


def test_an_optimum_without_eligible_pairs_is_empty() -> None:
    """When nobody is within the caliper there is no pair, as in greedy matching."""
    assert len(optimal_pairs([0.1, 0.9], [True, False], [1, 2], caliper=0.1)) == 0


def test_a_problem_too_large_for_memory_is_refused() -> None:
    """Without a caliper a large cohort has more pairs than fit; the message counts them."""
    n = 10_000
    score, treated = np.linspace(0, 1, n), np.arange(n) % 2 == 0
    with pytest.raises(MatchingError, match="found 25000000 pairs within the calipers"):
        optimal_pairs(score, treated, np.arange(n))


def test_draws_are_uniform_over_the_controls_in_reach() -> None:
    """Each of 4 controls in reach is drawn a quarter of the time, whatever its distance."""
    score = np.array([0.5, 0.5, 0.51, 0.52, 0.53, 0.9])
    arm = np.array([True] + [False] * 5)
    rng = np.random.default_rng(11)
    settings = {"caliper": 0.1, "rng": rng}
    drawn = [
        int(pair_units(score, arm, np.arange(6), draw="random", **settings).control[0])
        for _ in range(4000)
    ]
    counts = np.bincount(drawn, minlength=6)
    assert counts[0] == counts[5] == 0
    # Four standard errors of a count with probability 1/4.
    assert np.abs(counts[1:5] - 1000).max() < 4 * np.sqrt(4000 * 3 / 16)
    exact = pair_units(score, arm, np.arange(6), draw="exact_then_random", **settings)
    assert exact.control.tolist() == [1]


def test_order_of_random_events_is_the_stated_one() -> None:
    """The generator gives the permutation of the treated first, then a row of numbers for each."""
    score = np.array([0.5, 0.5, 0.4, 0.45, 0.55, 0.6])
    arm = np.array([True, True, False, False, False, False])
    found = pair_units(
        score,
        arm,
        np.arange(6),
        draw="random",
        order="random",
        ratio=2,
        rng=np.random.default_rng(5),
    )
    rng = np.random.default_rng(5)
    visit = rng.permutation(2)
    uniform = rng.random((2, 2))
    # Nearest first, below before above; a drawn control's place is filled by the last of the pool.
    used: list[int] = []
    wanted = []
    for turn, row in enumerate(visit):
        pool = [control for control in (3, 4, 2, 5) if control not in used]
        for u in uniform[turn]:
            i = int(u * len(pool))
            wanted.append((int(row), pool[i]))
            used.append(pool[i])
            pool[i] = pool[-1]
            pool.pop()
    assert list(zip(found.treated.tolist(), found.control.tolist(), strict=True)) == wanted


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"draw": "random"}, "no generator"),
        ({"draw": "closest"}, "found 'closest'"),
        ({"draw": "random", "order": "closest", "rng": np.random.default_rng(1)}, "'closest'"),
        ({"covariate_calipers": [1.0]}, "by 1 columns"),
        ({"covariates": AGES, "covariate_calipers": [-1.0]}, "none may be negative"),
        ({"covariates": AGES * np.nan, "covariate_calipers": [1.0]}, "9 missing or infinite"),
        ({"replace": True, "caliper": 0.0}, "must be above 0"),
        ({"replace": True, "ratio": 0}, "at least 1 control"),
    ],
)
def test_impossible_options_are_refused(settings: dict[str, object], message: str) -> None:
    """Each impossible option is refused with what was found."""
    with pytest.raises(ParameterError, match=message):
        pairs(**settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draw": "farthest"}, "found 'farthest'"),
        ({"discard": "all"}, "found 'all'"),
        ({"method": "optimum"}, "Did you mean 'optimal'"),
        ({"draw": "random", "order": "closest"}, "goes by the nearest"),
        ({"reestimate": True}, "nobody to leave out"),
        ({"method": "optimal", "ratio": 2}, "1:1 and without replacement"),
        ({"method": "optimal", "replace": True}, "1:1 and without replacement"),
        ({"method": "optimal", "draw": "random"}, "of least distance"),
        ({"covariate_calipers": (("age", 0.0),)}, "above 0, in the unit"),
        ({"covariate_calipers": (("age", 2.0), ("age", 3.0))}, "only once"),
    ],
)
def test_plans_that_contradict_themselves_are_refused(
    changes: dict[str, object], message: str
) -> None:
    """A plan names what it cannot do, before any patient is seen."""
    with pytest.raises(ProtocolError, match=message):
        MatchingPlan(("sex",), 0.2, "probability", **changes)


def test_a_study_names_its_covariate_calipers_rightly(toy_cohort: Cohort) -> None:
    """A caliper on a measure that the study does not have is refused, in study and in plan."""
    study = toy_cohort.study
    plan = replace(study.matching, covariate_calipers=(("height", 5.0),))
    with pytest.raises(ProtocolError, match="covariate calipers"):
        replace(study, matching=plan)
    with pytest.raises(ParameterError, match="found 'height'"):
        match(toy_cohort, plan)


def test_cohort_with_replacement(toy_cohort: Cohort) -> None:
    """Every treated patient has the nearest control; weights add up to the treated; no `pair`."""
    plan = replace(toy_cohort.study.matching, caliper=None, replace=True)
    matched = match(toy_cohort, plan)
    treated = matched.after.treated
    assert len(matched.pairs) == toy_cohort.treated.sum() == treated.sum()
    assert "pair" not in matched.after.patients
    assert matched.after.patients["patient_id"].is_unique
    score = matched.propensity_score
    controls = score[matched.before.patients.loc[~matched.before.treated, "patient_id"]]
    for row in matched.pairs.itertuples():
        assert row.distance == np.abs(controls - score[row.treated]).min()
    weights = matched.weights.to_numpy()
    uses = matched.pairs["control"].value_counts()
    assert uses.max() > 1
    assert (weights[treated] == 1.0).all()
    assert (matched.weights[uses.index] == uses).all()


def test_matched_cohort_with_covariate_calipers(toy_cohort: Cohort) -> None:
    """Pairs keep the caliper on age; who has nobody near in age and score is told so."""
    plan = replace(toy_cohort.study.matching, caliper=0.05, covariate_calipers=(("age", 2.0),))
    matched = match(toy_cohort, plan)
    age = toy_cohort.patients.set_index("patient_id")["age"]
    ends = [age[matched.pairs[arm]].to_numpy() for arm in ("treated", "control")]
    assert np.abs(ends[0] - ends[1]).max() <= 2.0
    told = matched.unmatched["reason"].str.contains("age within 2")
    score, arms = matched.propensity_score, toy_cohort.patients.set_index("patient_id")["arm"]
    for patient, said in zip(matched.unmatched["patient_id"], told, strict=True):
        others = arms != arms[patient]
        near = (np.abs(score - score[patient]) <= 0.05) & (np.abs(age - age[patient]) <= 2.0)
        assert said == (not (near & others).any())
    with pytest.raises(MatchingError, match=r"apart in age, the caliper is 0\.5"):
        replace(matched, plan=replace(plan, covariate_calipers=(("age", 0.5),)))


def test_covariate_calipers_that_leave_nobody_are_told(toy_cohort: Cohort) -> None:
    """When age keeps every pair apart the message says so, and not that the score does."""
    patients = toy_cohort.patients.assign(age=np.where(toy_cohort.treated, 40, 80))
    plan = replace(toy_cohort.study.matching, caliper=None, covariate_calipers=(("age", 2.0),))
    for method in ("nearest", "optimal"):
        with pytest.raises(MatchingError, match="age within 2, and the propensity score"):
            match(Cohort(toy_cohort.study, patients, "supplied"), replace(plan, method=method))


def test_missing_values_of_a_caliper_are_refused(toy_cohort: Cohort) -> None:
    """A patient without an age cannot be matched within years of age."""
    patients = toy_cohort.patients.assign(age=toy_cohort.patients["age"].astype(float))
    patients.loc[3, "age"] = np.nan
    plan = replace(toy_cohort.study.matching, covariate_calipers=(("age", 2.0),))
    with pytest.raises(ParameterError, match="age is missing for 1 patients"):
        match(Cohort(toy_cohort.study, patients, "supplied"), plan)


def test_optimal_cohort_matching(toy_cohort: Cohort) -> None:
    """At least as many pairs as greedy matching, at no greater total distance if as many."""
    for caliper in (0.01, 0.05, None):
        plan = replace(toy_cohort.study.matching, caliper=caliper)
        greedy, best = match(toy_cohort, plan), match(toy_cohort, replace(plan, method="optimal"))
        assert len(best.pairs) >= len(greedy.pairs)
        if len(best.pairs) == len(greedy.pairs):
            # The sums add the same distances in another order.
            assert best.pairs["distance"].sum() <= greedy.pairs["distance"].sum() + 1e-12


def test_random_draw_is_fixed_by_its_seed(toy_cohort: Cohort) -> None:
    """One seed gives one matched cohort, whatever the rows; without a generator it is refused."""
    plan = replace(toy_cohort.study.matching, caliper=0.05, draw="random", order="random")
    shuffled = Cohort(
        toy_cohort.study, toy_cohort.patients.sample(frac=1, random_state=3), "supplied"
    )
    first = match(toy_cohort, plan, rng=np.random.default_rng(4))
    second = match(shuffled, plan, rng=np.random.default_rng(4))
    pd.testing.assert_frame_equal(first.pairs, second.pairs, check_exact=True)
    other = match(toy_cohort, plan, rng=np.random.default_rng(5))
    assert not first.pairs.equals(other.pairs)
    with pytest.raises(ParameterError, match="generator"):
        match(toy_cohort, plan)


def test_common_support_by_hand() -> None:
    """The ends of the other arm's range stay, what lies beyond goes, and only in the arm named."""
    score = np.array([2, 5, 9, 1, 2, 6]) / 10
    arm = np.array([True, True, True, False, False, False])
    assert common_support(score, arm, "none").all()
    assert common_support(score, arm, "treated").tolist() == [True, True, False, True, True, True]
    assert common_support(score, arm, "control").tolist() == [True, True, True, False, True, True]
    assert common_support(score, arm, "both").tolist() == [True, True, False, False, True, True]
    with pytest.raises(ParameterError, match="found 'neither'"):
        common_support(score, arm, "neither")


@pytest.mark.parametrize("reestimate", [False, True])
def test_discarded_patients_are_left_out_and_told(toy_cohort: Cohort, reestimate: bool) -> None:
    """Nobody beyond the other arm's range is matched, though the caliper would allow it.

    With re-estimation the score is that of the patients kept.
    """
    patients = toy_cohort.patients.copy()
    plan = replace(
        toy_cohort.study.matching,
        covariates=("sex", "smoking", "age"),
        caliper=None,
        discard="both",
        reestimate=reestimate,
    )
    patients.loc[0, "age"] = 99
    cohort = Cohort(toy_cohort.study, patients, "supplied")
    first = propensity_score(cohort, plan.covariates)
    keep = common_support(first, cohort.treated, "both")
    assert 0 < (~keep).sum() < len(cohort) / 2
    matched = match(cohort, plan)
    gone = matched.unmatched[matched.unmatched["reason"].str.contains("range of the propensity")]
    assert set(gone["patient_id"]) == set(cohort.patients.loc[~keep, "patient_id"])
    kept = cohort.where(keep)
    wanted = propensity_score(kept, plan.covariates) if reestimate else first
    found = matched.propensity_score[wanted.index]
    pd.testing.assert_series_equal(found, wanted, check_exact=not reestimate, rtol=1e-12)


def test_summary_reports_who_got_fewer_controls(toy_cohort: Cohort) -> None:
    """Every treated patient has a row; those with none carry the reason, the sums are the pairs."""
    plan = replace(toy_cohort.study.matching, ratio=3, caliper=0.02)
    matched = match(toy_cohort, plan)
    summary = matched.summary()
    assert list(summary["treated"]) == sorted(
        toy_cohort.patients.loc[toy_cohort.treated, "patient_id"]
    )
    assert summary["controls"].sum() == len(matched.pairs)
    assert (summary["controls"] + summary["short"] == 3).all()
    assert (summary["short"] > 0).any()
    none = summary["controls"] == 0
    assert none.any()
    assert (summary["reason"].ne("") == none).all()
    assert (summary["pair"].isna() == none).all()
    assert (summary["mean_distance"].isna() == none).all()
    counts = matched.pairs.groupby("treated")["control"].size()
    assert (summary.set_index("treated")["controls"].loc[counts.index] == counts).all()
