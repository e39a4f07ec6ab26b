"""Landmark cohorts, tests for trend and differences of restricted means."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from replica.cohort import Cohort
from replica.errors import DataError, EstimationError, ParameterError
from replica.landmark import landmark
from replica.log_rank import log_rank
from replica.log_rank_trend import log_rank_trend, log_rank_trend_test
from replica.product_limit import product_limit
from replica.protocol import Outcome
from replica.restricted_mean import compare_restricted_means, restricted_mean_difference
from replica.survival import kaplan_meier, survival_at


def test_landmark_keeps_those_at_risk_after_it_and_counts_from_it(toy_cohort):
    """Strictly longer durations, re-set; everything else as it was."""
    time = float(toy_cohort.patients["os_months"].median())
    found = landmark(toy_cohort, "os", time)
    kept = toy_cohort.patients[toy_cohort.patients["os_months"] > time]
    np.testing.assert_allclose(found.patients["os_months"], kept["os_months"] - time, rtol=1e-14)
    assert found.patients["patient_id"].tolist() == kept["patient_id"].tolist()
    assert found.patients["os_event"].tolist() == kept["os_event"].tolist()
    step = found.attrition[-1]
    assert (step.remaining, step.excluded) == (len(kept), len(toy_cohort) - len(kept))
    assert f"{time:g} months" in step.label


def test_landmark_survival_is_conditional_survival(toy_cohort):
    """S(t | landmark) = S(t) / S(landmark)."""
    before = kaplan_meier(toy_cohort, "os", by=None)
    after = kaplan_meier(landmark(toy_cohort, "os", 4), "os", by=None)
    known = survival_at(before, 12).survival / survival_at(before, 4).survival
    assert survival_at(after, 8).survival == pytest.approx(known, rel=1e-12)


def test_a_patient_who_ends_at_the_landmark_is_left_out(toy_cohort):
    """The limit is strict: nobody starts with a duration of 0."""
    time = float(toy_cohort.patients["os_months"].min())
    ended = int((toy_cohort.patients["os_months"] == time).sum())
    found = landmark(toy_cohort, "os", time)
    assert len(found) == len(toy_cohort) - ended
    assert (found.patients["os_months"] > 0).all()


def test_other_outcomes_of_a_landmark_cohort_cannot_be_analysed(toy_cohort):
    """Their times do not count from the landmark, so they are missing."""
    pfs = Outcome(
        "pfs", "Progression-free survival", "PFS", "pfs_months", "pfs_event", "months", ()
    )
    study = replace(toy_cohort.study, outcomes=(*toy_cohort.study.outcomes, pfs))
    patients = toy_cohort.patients.assign(
        pfs_months=toy_cohort.patients["os_months"] / 2, pfs_event=1
    )
    found = landmark(Cohort(study, patients, "supplied"), "os", 3)
    with pytest.raises(DataError, match="missing"):
        kaplan_meier(found, "pfs")
    assert patients["pfs_months"].notna().all()


@pytest.mark.parametrize("time", [0, -1, math.nan, math.inf])
def test_an_impossible_landmark_is_refused(toy_cohort, time):
    """A time above 0 is needed."""
    with pytest.raises(ParameterError, match="above 0"):
        landmark(toy_cohort, "os", time)


def test_a_landmark_after_everybody_is_refused(toy_cohort):
    """The message gives the longest duration."""
    with pytest.raises(EstimationError, match="longest duration"):
        landmark(toy_cohort, "os", 1000)


def test_trend_returns_the_statistic_worked_out_by_hand():
    """Deaths at 1 (of a, b, c; c dies), 2 (of a, b; b dies), 3 (a alone)."""
    found = log_rank_trend([3, 2, 1], [1, 1, 1], ["a", "b", "c"], ["a", "b", "c"])
    # scores 1, 2, 3: at 1 the mean is 2 and the variance 2/3; at 2 they are 3/2 and 1/4
    assert found.z == pytest.approx((1 + 0.5) / math.sqrt(2 / 3 + 1 / 4), rel=1e-14)
    assert found.statistic == pytest.approx(2.25 / (11 / 12), rel=1e-14)
    assert found.observed == (1, 1, 1)
    assert found.expected == pytest.approx((1 / 3 + 1 / 2 + 1, 1 / 3 + 1 / 2, 1 / 3))


def test_trend_over_two_groups_is_the_log_rank_test(toy_cohort):
    """Whatever the two scores."""
    rows = toy_cohort.patients
    known = log_rank(rows["os_months"], rows["os_event"], rows["arm"])
    for scores in (None, [5, -2]):
        found = log_rank_trend(
            rows["os_months"], rows["os_event"], rows["arm"], ["control", "treated"], scores=scores
        )
        assert found.statistic == pytest.approx(known.statistic, rel=1e-10)
        assert found.p == pytest.approx(known.p, rel=1e-10)


def test_trend_does_not_know_the_unit_or_zero_of_the_scores(toy_cohort):
    """Linear in the scores; reversed, only the sign turns."""
    rows = toy_cohort.patients
    columns = (rows["os_months"], rows["os_event"], rows["stage"], ["i", "ii", "iii"])
    found = log_rank_trend(*columns)
    moved = log_rank_trend(*columns, scores=[1e6 + 10, 1e6 + 20, 1e6 + 30])
    assert moved.z == pytest.approx(found.z, rel=1e-8)
    turned = log_rank_trend(*columns[:3], ["iii", "ii", "i"])
    assert turned.z == pytest.approx(-found.z, rel=1e-10)


def test_trend_of_a_cohort_follows_the_order_of_the_levels(toy_cohort):
    """Stage i, ii, iii; with strata as well."""
    rows = toy_cohort.patients
    columns = (rows["os_months"], rows["os_event"], rows["stage"], ("i", "ii", "iii"))
    assert log_rank_trend_test(toy_cohort, "os", "stage") == log_rank_trend(*columns)
    within = log_rank_trend(*columns, strata=rows["sex"])
    assert log_rank_trend_test(toy_cohort, "os", "stage", strata="sex") == within


@pytest.mark.parametrize(
    ("event", "order", "scores", "error"),
    [
        ([1, 1, 1], ["a", "b"], None, DataError),
        ([1, 1, 1], ["a", "b", "c", "a"], None, ParameterError),
        ([1, 1, 1], ["a", "b", "c"], [1, 2], ParameterError),
        ([1, 1, 1], ["a", "b", "c"], [1, 2, math.inf], ParameterError),
        ([1, 1, 1], ["a", "b", "c"], [2, 2, 2], EstimationError),
        ([0, 0, 0], ["a", "b", "c"], None, EstimationError),
    ],
)
def test_a_trend_without_anything_to_compare_is_refused(event, order, scores, error):
    """A label outside the order, double groups, wrong scores, no events."""
    with pytest.raises(error):
        log_rank_trend([1, 2, 3], event, ["a", "b", "c"], order, scores=scores)


def test_restricted_mean_difference_returns_the_one_worked_out_by_hand():
    """Without censoring the restricted mean is a plain mean, with the denominator n."""
    first, second = [1.0, 2, 4, 9], [2.0, 6, 6, 6, 7]
    found = restricted_mean_difference(
        product_limit(first, [1] * 4), product_limit(second, [1] * 5), 6
    )
    cut = [np.minimum(x, 6) for x in (first, second)]
    assert found.means == pytest.approx((13 / 4, 26 / 5), rel=1e-14)
    assert found.difference == pytest.approx(13 / 4 - 26 / 5, rel=1e-14)
    error = math.sqrt(np.var(cut[0]) / 4 + np.var(cut[1]) / 5)
    assert found.std_error == pytest.approx(error, rel=1e-12)
    assert found.p == pytest.approx(math.erfc(abs(found.difference) / error / math.sqrt(2)))
    assert (found.ci_low + found.ci_high) / 2 == pytest.approx(found.difference, rel=1e-12)


def test_restricted_means_of_a_cohort_are_treated_less_control(toy_cohort):
    """The groups are named in the result."""
    found = compare_restricted_means(toy_cohort, "os", 12)
    curves = kaplan_meier(toy_cohort, "os")
    groups = [curves[curves["group"] == arm] for arm in ("treated", "control")]
    assert found == restricted_mean_difference(*groups, 12)
    assert found.groups == ("treated", "control")


def test_restricted_means_that_cannot_be_compared_are_refused(toy_cohort):
    """Three groups, a horizon beyond follow-up, an impossible level, no event."""
    with pytest.raises(ParameterError, match="3 groups"):
        compare_restricted_means(toy_cohort, "os", 12, by="stage")
    with pytest.raises(ParameterError, match="end of follow-up"):
        restricted_mean_difference(product_limit([1, 2], [1, 0]), product_limit([1, 9], [1, 0]), 5)
    with pytest.raises(ParameterError, match="level"):
        compare_restricted_means(toy_cohort, "os", 12, level=95)
    with pytest.raises(EstimationError, match="no spread"):
        restricted_mean_difference(product_limit([5], [0]), product_limit([6], [1]), 4)
