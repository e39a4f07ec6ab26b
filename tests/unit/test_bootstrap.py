"""Bootstrap of the matched analysis: the same numbers as the analysis, and nothing lost."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from replica.bootstrap import Bootstrap, bootstrap
from replica.cohort import Cohort
from replica.cox import cox
from replica.errors import EstimationError, ParameterError
from replica.matched_hazard import (
    REASONS,
    AnalysisFailedError,
    Columns,
    analyse,
    columns_of,
    matched_sets,
    treatment_effect,
)
from replica.matching import match
from replica.protocol import MatchingPlan
from replica.resampling import count_failures, replicate, resample_patients, resample_sets
from replica.studies.sclc_second_line import STUDY
from replica.supplied import load_cohort

COVARIATES = ("sex", "smoking", "stage")
PLANS = {
    "probability": MatchingPlan(COVARIATES, 0.2, "probability"),
    "no caliper": MatchingPlan(COVARIATES, None, "probability"),
    "logit, ratio 2, largest": MatchingPlan(
        COVARIATES, 0.5, "sd_logit", ratio=2, order="largest", caliper_inclusive=False
    ),
    "closest, exact": MatchingPlan(
        COVARIATES, 0.5, "sd_logit_pooled", order="closest", exact=("sex",)
    ),
    "discard, fit again": MatchingPlan(
        COVARIATES, 0.2, "sd_probability", discard="both", reestimate=True
    ),
    "optimal": MatchingPlan(COVARIATES, 0.2, "probability", method="optimal"),
    "covariate caliper": MatchingPlan(
        COVARIATES, 0.3, "probability", covariate_calipers=(("age", 10.0),)
    ),
    "random order": MatchingPlan(COVARIATES, 0.1, "probability", order="random"),
    "random draw": MatchingPlan(COVARIATES, 0.1, "probability", draw="random"),
}

# Treated a (covariate 0) and c (covariate 1), controls b (0), d and e (1). The scores are 1/2 and
# 1/3, so that a has b and c has d, the first of two with its score.
TINY = Columns(
    matrix=np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]),
    names=("x",),
    treated=np.array([True, False, True, False, False]),
    stratum=np.zeros(5, dtype=np.int64),
    measures=np.zeros((5, 0)),
    duration=np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    event=np.array([1, 1, 1, 0, 1]),
)
TINY_PLAN = MatchingPlan(("x",), 0.1, "probability")


class EveryOne:
    """A stand-in for a generator whose draw is each row once: the identity resample."""

    def integers(self, low: int, high: int, size: int) -> np.ndarray:
        """Return all of them in order."""
        assert high - low == size
        return np.arange(low, high)


def test_hand_worked_pairs_and_hazard_ratio() -> None:
    """The pairs are a-b and c-d, and the hazard ratio is (1 + sqrt 17) / 2.

    Events: a at 1 among 2 treated and 2 controls, b at 2 among 1 and 2, c at 3 among 1 and 1. The
    derivative of the log likelihood, 2/t - 2/(t + 1) - 1/(t + 2), is 0 where t^2 - t - 4 = 0.
    """
    assert matched_sets(TINY, TINY_PLAN).tolist() == [1, 1, 2, 2, 0]
    effect = analyse(TINY, TINY_PLAN, ties="breslow")
    assert effect.sets == 2
    assert effect.log_hazard_ratio == pytest.approx(math.log((1 + math.sqrt(17)) / 2), rel=1e-9)


def test_hand_worked_resamples_of_two_pairs() -> None:
    """Of two pairs the mixed draw has the hazard ratio above, and a pair drawn twice has none.

    Drawn twice, pair a-b has its treated die before its controls, and pair c-d has events among
    the treated only: the likelihood grows for ever.
    """
    after, number = TINY.take(np.arange(4)), np.array([1, 1, 2, 2])
    seen = set()
    for rng in np.random.default_rng(5).spawn(40):
        same = (
            np.ptp(
                np.random.Generator(type(rng.bit_generator)(rng.bit_generator.seed_seq)).integers(
                    0, 2, 2
                )
            )
            == 0
        )
        seen.add(bool(same))
        if same:
            with pytest.raises(AnalysisFailedError) as caught:
                resample_sets(after, number, "breslow", rng)
            assert caught.value.reason == "no finite hazard ratio"
        else:
            effect = resample_sets(after, number, "breslow", rng)
            assert math.exp(effect.log_hazard_ratio) == pytest.approx((1 + math.sqrt(17)) / 2)
    assert seen == {True, False}


def test_copies_are_patients_of_their_own() -> None:
    """A treated patient and a control drawn twice make two pairs, copy by copy."""
    twice = TINY.take(np.array([0, 0, 1, 1, 2, 3]))
    assert matched_sets(twice, TINY_PLAN).tolist() == [1, 2, 1, 2, 3, 3]


@pytest.mark.parametrize("name", PLANS)
def test_every_patient_once_is_the_ordinary_analysis(name: str, toy_cohort: Cohort) -> None:
    """On the cohort itself the repeated analysis gives the bits of `match` followed by `cox`."""
    plan = PLANS[name]
    matched = match(toy_cohort, plan, rng=np.random.default_rng(3))
    ordinary = cox(matched.after, "os", ["arm"], ties="efron", cluster="pair")
    columns = columns_of(toy_cohort, "os", plan)
    effect = analyse(columns, plan, ties="efron", rng=np.random.default_rng(3))
    assert effect.log_hazard_ratio == ordinary.coef[0]
    assert effect.std_error == ordinary.robust_se[0]
    assert effect.sets == matched.pairs["pair"].nunique()


@pytest.mark.parametrize("outcome", ["pfs", "os"])
def test_identity_resamples_of_the_study(outcome: str) -> None:
    """On the study's cohort both identity resamples give the ordinary estimate bit for bit."""
    cohort = load_cohort(STUDY)
    matched = match(cohort)
    ordinary = cox(matched.after, outcome, ["arm"], ties="breslow", cluster="pair")
    plan = STUDY.matching
    columns = columns_of(cohort, outcome, plan)
    of_patients = resample_patients(columns, plan, "breslow", EveryOne())
    after = columns_of(matched.after, outcome, plan)
    number = matched.after.patients["pair"].to_numpy()
    of_pairs = resample_sets(after, number, "breslow", EveryOne())
    assert of_patients == of_pairs
    assert of_patients.log_hazard_ratio == ordinary.coef[0]
    assert of_patients.std_error == ordinary.robust_se[0]
    found = bootstrap(cohort, outcome, replications=39, rng=np.random.default_rng(1))
    assert (found.estimate, found.std_error) == (ordinary.coef[0], ordinary.robust_se[0])


@pytest.mark.parametrize("method", ["patients", "pairs"])
@pytest.mark.parametrize("name", ["probability", "random order"])
def test_the_order_of_rows_does_not_matter(method: str, name: str, toy_cohort: Cohort) -> None:
    """A shuffled cohort has the same bootstrap distribution."""
    shuffled = toy_cohort.patients.sample(frac=1, random_state=4).reset_index(drop=True)
    other = replace(toy_cohort, patients=shuffled)
    one, two = (
        bootstrap(
            cohort,
            "os",
            PLANS[name],
            replications=60,
            rng=np.random.default_rng(2),
            method=method,
            most_failed=0.2,
        )
        for cohort in (toy_cohort, other)
    )
    np.testing.assert_array_equal(one.log_hazard_ratios, two.log_hazard_ratios)
    np.testing.assert_array_equal(one.sets, two.sets)
    assert one.failures == two.failures


def test_results_do_not_depend_on_the_number_of_processes(toy_cohort: Cohort) -> None:
    """One process and two give the same bytes and report the same progress."""
    results = []
    for workers in (1, 2):
        steps: list[tuple[int, int]] = []
        found = bootstrap(
            toy_cohort,
            "os",
            replications=50,
            rng=np.random.default_rng(8),
            workers=workers,
            progress=lambda done, total, steps=steps: steps.append((done, total)),
        )
        arrays = (found.log_hazard_ratios, found.std_errors, found.sets)
        results.append(([a.tobytes() for a in arrays], found.failures, steps))
    assert results[0] == results[1]
    steps = results[0][2]
    assert steps[-1] == (50, 50)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def twins(study: Cohort, *, swapped: bool) -> Cohort:
    """Two patients of opposite arms in each of the twelve patterns, numbered pair by pair."""
    patterns = product(("male", "female"), ("yes", "no"), ("i", "ii", "iii"))
    rows = [
        {
            "patient_id": f"P{i:02d}{'ab'[k]}",
            "arm": "treated" if (k == 0) != swapped else "control",
            "sex": sex,
            "smoking": smoking,
            "stage": stage,
            "os_months": 1.0 + (i * 7 + k * 11) % 13,
            "os_event": int((i + k) % 5 != 0),
        }
        for (i, (sex, smoking, stage)), k in product(enumerate(patterns), range(2))
    ]
    return Cohort(study.study, pd.DataFrame(rows), "supplied")


def test_swapping_the_arms_mirrors_the_distribution(toy_cohort: Cohort) -> None:
    """With the arms exchanged within every pair each log hazard ratio changes its sign."""
    plan = MatchingPlan(COVARIATES, None, "probability", exact=COVARIATES)
    one, other = (
        bootstrap(
            twins(toy_cohort, swapped=swapped),
            "os",
            plan,
            replications=60,
            rng=np.random.default_rng(6),
            method="pairs",
        )
        for swapped in (False, True)
    )
    assert one.matched_sets == other.matched_sets == 12
    assert np.unique(one.log_hazard_ratios).size > 30
    np.testing.assert_allclose(one.log_hazard_ratios, -other.log_hazard_ratios, rtol=1e-8)
    np.testing.assert_allclose(one.std_errors, other.std_errors, rtol=1e-8)
    low, high = one.interval()
    assert other.interval() == pytest.approx((1 / high, 1 / low))


def with_a_rare_level(cohort: Cohort) -> Cohort:
    """Leave one treated and one control patient in stage III."""
    patients = cohort.patients.copy()
    patients["stage"] = patients["stage"].replace("iii", "ii")
    for arm in ("treated", "control"):
        patients.loc[patients.index[patients["arm"] == arm][0], "stage"] = "iii"
    return replace(cohort, patients=patients)


def test_failures_are_counted_with_their_reasons(toy_cohort: Cohort) -> None:
    """A resample without the rare level, or with it in one arm only, is counted and not used."""
    found = bootstrap(
        with_a_rare_level(toy_cohort),
        "os",
        replications=200,
        rng=np.random.default_rng(9),
        most_failed=0.9,
    )
    reasons = {failures.reason: failures for failures in found.failures}
    assert set(reasons) == {"collinear covariates", "no finite propensity score"}
    assert found.failed == sum(f.count for f in found.failures)
    assert found.failed == np.isnan(found.log_hazard_ratios).sum() == (found.sets == 0).sum()
    assert found.succeeded.size == found.replications - found.failed
    # neither of the two is drawn with probability (58/60)^60 = 0.13, exactly one with 0.47
    assert 0.05 < reasons["collinear covariates"].count / 200 < 0.2
    assert 0.35 < reasons["no finite propensity score"].count / 200 < 0.6
    assert "separates" in reasons["no finite propensity score"].first_message
    for failures in found.failures:
        assert np.isnan(found.log_hazard_ratios[failures.first_replication])
    assert (found.summary()["failed"] == [found.failed] * 3 + [0]).all()


def test_too_many_failures_are_an_error(toy_cohort: Cohort) -> None:
    """Beyond the share allowed there is no result, and the message gives counts and reasons."""
    with pytest.raises(EstimationError, match=r"of 100 .* no finite propensity score.* 0\.05"):
        bootstrap(
            with_a_rare_level(toy_cohort), "os", replications=100, rng=np.random.default_rng(9)
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"treated": np.ones(5, dtype=bool)}, "one arm only"),
        ({"matrix": np.ones((5, 1))}, "collinear covariates"),
        ({"matrix": np.array([[1.0], [0], [1], [0], [0]])}, "no finite propensity score"),
        ({"stratum": np.array([0, 1, 0, 1, 1])}, "no pair"),
        ({"event": np.array([0, 0, 0, 0, 1])}, "no event among the matched"),
        ({"event": np.array([0, 1, 0, 1, 1])}, "no finite hazard ratio"),
    ],
)
def test_every_reason_for_a_failure(change: dict[str, np.ndarray], reason: str) -> None:
    """Each way to have no estimate is told by its own reason."""
    assert reason in REASONS
    broken = replace(TINY, **change)
    with pytest.raises(AnalysisFailedError) as caught:
        analyse(broken, TINY_PLAN, ties="efron")
    assert caught.value.reason == reason
    attempts = replicate(
        lambda _rng: analyse(broken, TINY_PLAN, ties="efron"),
        np.random.default_rng(0).spawn(3),
        workers=1,
        progress=None,
    )
    (counted,) = count_failures(attempts)
    assert (counted.reason, counted.count, counted.first_replication) == (reason, 3, 0)


def with_estimates(found: Bootstrap, estimates: np.ndarray, *, estimate: float) -> Bootstrap:
    """Give a bootstrap another distribution."""
    return replace(found, log_hazard_ratios=estimates, estimate=estimate, failures=())


def test_definitions_of_the_intervals(toy_cohort: Cohort) -> None:
    """Of 39 estimates the percentile interval has the smallest and the largest at its ends.

    The places are 0.025 x 40 = 1 and 0.975 x 40 = 39. The basic interval is reflected in the
    estimate, the normal one has 1.96 standard deviations to either side; all on the log scale.
    """
    made = bootstrap(toy_cohort, "os", replications=60, rng=np.random.default_rng(1))
    estimates = np.random.default_rng(0).permutation(np.arange(1, 40) / 100)
    found = with_estimates(made, estimates, estimate=0.3)
    assert np.log(found.interval("percentile")) == pytest.approx([0.01, 0.39])
    assert np.log(found.interval("basic")) == pytest.approx([0.6 - 0.39, 0.6 - 0.01])
    reach = 1.959963984540054 * math.sqrt(39 * 40 / 12) / 100
    assert np.log(found.interval("normal")) == pytest.approx([0.3 - reach, 0.3 + reach])
    # interpolated: place 0.05 x 40 = 2 from below
    ninety = replace(found, confidence=0.9)
    assert np.log(ninety.interval("percentile")) == pytest.approx([0.02, 0.38])
    assert found.bias == pytest.approx(0.2 - 0.3)
    missing = with_estimates(made, np.r_[estimates, np.nan], estimate=0.3)
    assert missing.interval("percentile") == found.interval("percentile")
    with pytest.raises(ParameterError, match="bca"):
        found.interval("bca")


def test_summary_names_every_interval(toy_cohort: Cohort) -> None:
    """The table holds the three bootstrap intervals and that of the clustered error."""
    found = bootstrap(toy_cohort, "os", replications=60, rng=np.random.default_rng(1))
    table = found.summary().set_index("interval")
    assert list(table.index) == ["percentile", "basic", "normal", "clustered"]
    assert table.loc["basic", ["ci_low", "ci_high"]].tolist() == list(found.interval("basic"))
    matched = match(toy_cohort)
    fit = cox(matched.after, "os", ["arm"], ties="breslow", cluster="pair").summary().iloc[0]
    clustered = table.loc["clustered", ["hazard_ratio", "ci_low", "ci_high"]].to_numpy(dtype=float)
    wanted = fit[["hazard_ratio", "robust_ci_low", "robust_ci_high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(clustered, wanted, rtol=1e-12)
    assert "Austin and Small" in found.statement


def test_resampled_pairs_agree_with_the_clustered_error() -> None:
    """In 600 pairs the standard deviation of 1,000 resamples is the sandwich's, within 6%.

    The standard deviation of 1,000 draws is itself known to 2.2%.
    """
    rng = np.random.default_rng(12)
    pairs = 600
    frailty = np.repeat(rng.gamma(2.0, 0.5, pairs), 2)
    arm = np.tile([True, False], pairs)
    failure = rng.exponential(1 / (frailty * np.where(arm, 0.6, 1.0)))
    censored = rng.uniform(0, 4, 2 * pairs)
    after = Columns(
        matrix=np.zeros((2 * pairs, 1)),
        names=("x",),
        treated=arm,
        stratum=np.zeros(2 * pairs, dtype=np.int64),
        measures=np.zeros((2 * pairs, 0)),
        duration=np.minimum(failure, censored),
        event=(failure <= censored).astype(np.int64),
    )
    number = np.repeat(np.arange(1, pairs + 1), 2)
    ordinary = treatment_effect(after, number, ties="efron")
    drawn = [
        resample_sets(after, number, "efron", child).log_hazard_ratio for child in rng.spawn(1000)
    ]
    assert np.std(drawn, ddof=1) / ordinary.std_error == pytest.approx(1, abs=0.06)
    assert np.mean(drawn) == pytest.approx(ordinary.log_hazard_ratio, abs=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"plan": replace(PLANS["probability"], replace=True)}, "with replacement"),
        ({"method": "jackknife"}, "jackknife"),
        ({"replications": 38}, "at least 39"),
        ({"replications": 198, "confidence": 0.99}, "at least 199"),
        ({"confidence": 1.0}, "confidence"),
        ({"workers": 0}, "workers"),
        ({"most_failed": 1.0}, "most_failed"),
        ({"rng": np.random.RandomState(0)}, "default_rng"),
    ],
)
def test_impossible_settings_are_refused(
    settings: dict[str, object], message: str, toy_cohort: Cohort
) -> None:
    """A setting that gives no valid interval is an error that says what to do."""
    asked = {"replications": 40, "rng": np.random.default_rng(0), **settings}
    with pytest.raises(ParameterError, match=message):
        bootstrap(toy_cohort, "os", **asked)
