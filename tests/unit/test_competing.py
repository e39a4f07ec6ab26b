"""Competing risks against results worked out by hand, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from replica.aalen_johansen import INCIDENCE_COLUMNS, aalen_johansen, check_causes, incidence_at
from replica.cohort import Cohort
from replica.competing import (
    cause_specific_cox,
    cumulative_incidence,
    fine_gray,
    gray_test,
)
from replica.cox import fit_cox
from replica.errors import DataError, EstimationError, ParameterError
from replica.gray import gray
from replica.subdistribution import fit_fine_gray

# 6 patients; at 2 both causes, at 3 a censoring, at 5 nobody is left
TIMES, CAUSES = [1, 2, 2, 3, 4, 5], [1, 1, 2, 0, 2, 1]


@pytest.fixture
def cohort(toy_cohort: Cohort) -> Cohort:
    """The toy patients, whose events are of two causes in turn."""
    patients = toy_cohort.patients.copy()
    turn = 1 + np.arange(len(patients)) // 2 % 2
    patients["cause"] = patients["os_event"].to_numpy() * turn
    return Cohort(toy_cohort.study, patients, toy_cohort.source)


def test_incidence_returns_the_steps_worked_out_by_hand():
    """Each step is the survival before it times the cause's share of those at risk."""
    curve = aalen_johansen(TIMES, CAUSES)
    assert curve.columns.tolist() == list(INCIDENCE_COLUMNS)
    first, second = (curve[curve["cause"] == c] for c in (1, 2))
    assert first["time"].tolist() == [0, 1, 2, 3, 4, 5]
    assert first["at_risk"].tolist() == [6, 6, 5, 3, 2, 1]
    assert first["events"].tolist() == [0, 1, 1, 0, 0, 1]
    np.testing.assert_allclose(
        first["incidence"], [0, 1 / 6, 1 / 3, 1 / 3, 1 / 3, 7 / 12], rtol=1e-14
    )
    np.testing.assert_allclose(
        second["incidence"], [0, 0, 1 / 6, 1 / 6, 5 / 12, 5 / 12], rtol=1e-14
    )


def test_greenwood_variance_returns_the_one_worked_out_by_hand():
    """Binomial before the censoring; after it the delta method over the step at 4."""
    curve = aalen_johansen(TIMES, CAUSES, variance="greenwood")
    first, second = (incidence_at(curve, 4, cause=c) for c in (1, 2))
    assert first.std_error**2 == pytest.approx(1 / 27, rel=1e-13)
    assert second.std_error**2 == pytest.approx(11 / 216, rel=1e-13)


def test_aalen_variance_of_the_first_step_is_that_of_one_event():
    """One event among six at risk: 1 / 36."""
    at = incidence_at(aalen_johansen(TIMES, CAUSES), 1)
    assert at.std_error == pytest.approx(1 / 6, rel=1e-14)


def test_intervals_follow_their_formulas():
    """The log-log interval is of the incidence itself; plain ones are cut off at 0."""
    at = incidence_at(aalen_johansen(TIMES, CAUSES), 2)
    width = 1.959963984540054 * at.std_error / (at.incidence * math.log(at.incidence))
    assert at.ci_low == pytest.approx(at.incidence ** math.exp(-width), rel=1e-13)
    assert at.ci_high == pytest.approx(at.incidence ** math.exp(width), rel=1e-13)
    plain = incidence_at(aalen_johansen(TIMES, CAUSES, interval="plain"), 2)
    assert plain.ci_low == 0
    assert plain.ci_high == pytest.approx(1 / 3 + 1.959963984540054 * at.std_error, rel=1e-13)


def test_interval_is_nothing_where_the_incidence_is_0_and_unknown_where_it_is_1():
    """No event yet: 0 to 0. Everybody had the event: no interval is claimed."""
    curve = aalen_johansen([1, 2, 3], [1, 1, 1])
    assert curve.loc[0, ["ci_low", "ci_high"]].tolist() == [0, 0]
    assert curve["incidence"].iloc[-1] == pytest.approx(1, rel=1e-14)
    assert curve.loc[3, ["ci_low", "ci_high"]].isna().all()


def test_reading_beyond_follow_up_is_unknown_unless_nobody_is_left():
    """With a survivor left NaN; with none the last value holds on."""
    assert incidence_at(aalen_johansen(TIMES, CAUSES), 9).incidence == pytest.approx(7 / 12)
    assert np.isnan(incidence_at(aalen_johansen([1, 2], [1, 0]), 3).incidence)
    assert incidence_at(aalen_johansen([1, 2], [1, 0]), 2).incidence == 0.5


def test_a_cause_that_is_named_but_that_nobody_had_stays_at_0():
    """So that groups can be laid side by side."""
    curve = aalen_johansen([1, 2], [1, 0], causes=[1, 2])
    assert curve.loc[curve["cause"] == 2, "incidence"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("duration", "cause", "found"),
    [
        ([1, 2], [1, -1], "negative"),
        ([1, 2], [1, 1.5], "whole"),
        ([1, 2], [1, None], "missing"),
        ([1, 2], ["1", "death"], "missing"),
        ([1, -2], [1, 1], "durations"),
        ([1, 2, 3], [1, 1], "each patient needs both"),
        ([], [], "no patient"),
    ],
)
def test_impossible_causes_are_refused(duration, cause, found):
    """The message says what was found and in which row."""
    with pytest.raises(DataError, match=found):
        check_causes(duration, cause)


@pytest.mark.parametrize(
    "options",
    [{"interval": "exact"}, {"variance": "delta"}, {"level": 1.0}, {"causes": [1, 1]}],
)
def test_unknown_options_of_an_incidence_are_refused(options):
    """A misspelt option is no default."""
    with pytest.raises(ParameterError):
        aalen_johansen(TIMES, CAUSES, **options)


def test_an_incidence_without_events_is_refused():
    """There is no cause whose incidence could be given."""
    with pytest.raises(DataError, match="no event"):
        aalen_johansen([1, 2], [0, 0])


@pytest.mark.parametrize(("time", "cause"), [(-1, 1), (math.nan, 1), (1, 3)])
def test_reading_an_impossible_time_or_cause_is_refused(time, cause):
    """Times from 0, causes that the curve has."""
    with pytest.raises(ParameterError):
        incidence_at(aalen_johansen(TIMES, CAUSES), time, cause=cause)


def test_gray_scores_are_those_worked_out_by_hand():
    """At 1 two against two; at 4 only b is left, so that its event is expected."""
    found = gray([1, 3, 2, 4], [1, 0, 2, 1], ["a", "a", "b", "b"])
    assert found.score == pytest.approx((0.5, -0.5))
    assert found.groups == ("a", "b")
    assert found.df == 1


@pytest.mark.parametrize(
    ("duration", "cause", "group", "of", "error"),
    [
        ([1, 2], [1, 2], ["a", "a"], 1, EstimationError),
        ([1, 2], [1, 2], ["a", "b"], 3, ParameterError),
        ([1, 2], [1, 2], ["a", None], 1, DataError),
        ([1, 2], [0, 1], ["a", "b"], 1, EstimationError),
        ([4, 5, 6, 8], [0, 1, 1, 0], ["a", "b", "b", "b"], 1, EstimationError),
        ([3, 0, 4, 2], [1, 1, 1, 1], ["c", "b", "a", "b"], 1, EstimationError),
    ],
)
def test_gray_without_anything_to_compare_is_refused(duration, cause, group, of, error):
    """One group, an unknown cause, no label, never at risk together, an incidence of 1 midway."""
    with pytest.raises(error):
        gray(duration, cause, group, of=of)


def test_fine_gray_without_competing_events_is_cox_with_its_sandwich():
    """Nobody is weighted and censoring plays no part."""
    rng = np.random.default_rng(3)
    x, duration = rng.normal(size=(80, 2)), np.round(rng.exponential(5, 80), 1)
    event = rng.integers(0, 2, 80)
    fit = fit_fine_gray(x, duration, event, names=["a", "b"])
    known = fit_cox(x, duration, event, names=["a", "b"], ties="breslow", robust=True)
    np.testing.assert_allclose(fit.coef, known.coef, rtol=1e-8)
    np.testing.assert_allclose(fit.se, known.robust_se, rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(known.log_likelihood, rel=1e-12)


def test_fine_gray_without_censoring_keeps_competing_patients_at_risk_for_ever():
    """The same as a Cox model in which they are censored after everybody else."""
    rng = np.random.default_rng(4)
    x, duration = rng.normal(size=(80, 2)), np.round(rng.exponential(5, 80), 1)
    cause = rng.integers(1, 3, 80)
    fit = fit_fine_gray(x, duration, cause, names=["a", "b"])
    later = np.where(cause == 1, duration, 1000.0)
    known = fit_cox(x, later, cause == 1, names=["a", "b"], ties="breslow", robust=True)
    np.testing.assert_allclose(fit.coef, known.coef, rtol=1e-8)
    np.testing.assert_allclose(fit.se, known.robust_se, rtol=1e-8)
    assert (fit.n, fit.n_events, fit.n_competing) == (80, (cause == 1).sum(), (cause == 2).sum())


def test_fine_gray_recovers_planted_subdistribution_hazard_ratios():
    """Data drawn from F(t | x) = 1 - (1 - 0.4 (1 - exp(-t)))^exp(x b), half of them censored."""
    rng = np.random.default_rng(20)
    n, planted = 6000, np.array([0.5, -0.8])
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)])
    power = np.exp(x @ planted)
    chance = 1 - 0.6**power
    first = rng.random(n) < chance
    inside = (1 - (1 - rng.random(n) * chance) ** (1 / power)) / 0.4
    duration = np.where(first, -np.log1p(-inside), rng.exponential(1, n))
    censoring = rng.exponential(2, n)
    cause = np.where(censoring < duration, 0, np.where(first, 1, 2))
    fit = fit_fine_gray(x, np.minimum(duration, censoring), cause, names=["a", "b"])
    assert (np.abs(fit.coef - planted) < 2 * fit.se).all()
    assert (fit.se < 0.05).all()


def test_fine_gray_summary_is_on_the_scale_of_ratios():
    """Wald intervals of the logarithm; other levels are wider or narrower."""
    x = [[0.0], [1], [0], [1], [0], [1], [1], [0]]
    fit = fit_fine_gray(x, range(1, 9), [1, 1, 2, 0, 1, 2, 1, 0], names=["x"])
    row = fit.summary().iloc[0]
    assert row["subdistribution_hazard_ratio"] == pytest.approx(math.exp(fit.coef[0]))
    assert math.log(row["ci_high"] / row["ci_low"]) == pytest.approx(
        2 * 1.959963984540054 * row["se"]
    )
    narrow = fit.summary(level=0.5).iloc[0]
    assert row["ci_low"] < narrow["ci_low"] < narrow["ci_high"] < row["ci_high"]
    with pytest.raises(ParameterError, match="level"):
        fit.summary(level=95)


@pytest.mark.parametrize(
    ("columns", "names", "found"),
    [
        ([[1, 1], [2, 2], [0, 0], [5, 5]], ["a", "b"], "b is a linear combination"),
        ([[1], [1], [1], [1]], ["a"], "same value"),
        ([[1], [0], [0], [0]], ["a"], "diverges"),
    ],
)
def test_fine_gray_without_an_estimate_is_refused(columns, names, found):
    """Collinear, constant and separating covariates are named."""
    with pytest.raises(EstimationError, match=found):
        fit_fine_gray(columns, [1, 2, 3, 4], [1, 2, 2, 0], names=names)


def test_fine_gray_with_a_missing_covariate_is_refused():
    """Rows are not dropped silently."""
    with pytest.raises(DataError, match="missing or infinite values of a"):
        fit_fine_gray([[1], [np.nan], [0]], [1, 2, 3], [1, 2, 1], names=["a"])


def test_incidence_of_a_cohort_stands_by_arm_in_one_tidy_frame(cohort):
    """Treated first; each arm is the estimate of its own patients."""
    frame = cumulative_incidence(cohort, "os", cause="cause")
    assert frame.columns.tolist() == ["group", *INCIDENCE_COLUMNS]
    assert frame["group"].unique().tolist() == ["treated", "control"]
    rows = cohort.within("treated").patients
    own = frame[frame["group"] == "treated"].drop(columns="group").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, aalen_johansen(rows["os_months"], rows["cause"]))
    assert cumulative_incidence(cohort, "os", cause="cause", by=None)["group"].unique() == ["all"]


def test_reading_a_frame_of_several_groups_is_refused(cohort):
    """One group at a time."""
    with pytest.raises(ParameterError, match="2 groups"):
        incidence_at(cumulative_incidence(cohort, "os", cause="cause"), 3)


def test_gray_test_of_a_cohort_compares_the_arms(cohort):
    """Same as the test on its columns, strata included."""
    rows = cohort.patients
    known = gray(rows["os_months"], rows["cause"], rows["arm"], of=2, strata=rows["sex"])
    assert gray_test(cohort, "os", cause="cause", of=2, strata="sex") == known
    assert gray_test(cohort, "os", cause="cause") == gray(
        rows["os_months"], rows["cause"], rows["arm"]
    )


def test_regressions_of_a_cohort_leave_out_who_misses_a_covariate(cohort):
    """Complete cases, counted; other causes are censored, or stay at risk with a weight."""
    patients = cohort.patients.copy()
    patients.loc[[0, 7], "age"] = np.nan
    missing = Cohort(cohort.study, patients, cohort.source)
    known = patients.dropna(subset=["age"])
    x = np.column_stack([known["arm"] == "treated", known["age"]]).astype(float)
    options = {"names": ["arm", "age"]}
    specific = cause_specific_cox(missing, "os", ["arm", "age"], cause="cause", of=2, ties="efron")
    expected = fit_cox(x, known["os_months"], known["cause"] == 2, **options)
    np.testing.assert_array_equal(specific.coef, expected.coef)
    assert specific.n_missing == 2
    sub = fine_gray(missing, "os", ["arm", "age"], cause="cause", of=2)
    expected = fit_fine_gray(x, known["os_months"], known["cause"], of=2, **options)
    np.testing.assert_array_equal(sub.coef, expected.coef)
    assert (sub.n_missing, sub.n, sub.cause) == (2, 58, 2)


def test_an_event_without_a_cause_is_refused(cohort):
    """The event column and the column of causes belong to the same event."""
    patients = cohort.patients.assign(cause=0)
    with pytest.raises(DataError, match="45 patients with the event"):
        cumulative_incidence(Cohort(cohort.study, patients, "supplied"), "os", cause="cause")


def test_an_unknown_column_of_causes_or_covariate_is_refused(cohort):
    """The message guesses the column that was meant."""
    with pytest.raises(ParameterError, match="'cause'"):
        gray_test(cohort, "os", cause="causes")
    with pytest.raises(ParameterError, match="'age'"):
        fine_gray(cohort, "os", ["agee"], cause="cause")
