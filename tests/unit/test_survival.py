"""Curves, medians, restricted means and log-rank tests, against results worked out by hand."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from numba import njit

from replica.cohort import Cohort
from replica.errors import DataError, EstimationError, ParameterError
from replica.protocol import (
    Arm,
    Calendar,
    Characteristic,
    Citation,
    Covariate,
    Level,
    MatchingPlan,
    Outcome,
    Study,
)
from replica.survival import (
    CURVE_COLUMNS,
    check_times,
    kaplan_meier,
    log_rank,
    log_rank_counts,
    log_rank_test,
    median_follow_up,
    median_survival,
    numbers_at_risk,
    product_limit,
    restricted_mean,
    reverse_kaplan_meier,
    risk_table,
    spss_median,
    survival_at,
)

# 1 event, 1 censored with an event at 2, 1 censored, 1 event that ends the curve
TIMES, EVENTS = [1, 2, 2, 3, 4], [1, 1, 0, 0, 1]
TEN = list(range(1, 11))


@pytest.fixture
def cohort() -> Cohort:
    """Eight patients in two arms, with a covariate of three levels of which one is empty."""
    site = Covariate("site", "Site", (Level("a", "A"), Level("b", "B"), Level("c", "C")))
    response = Characteristic(
        "response", "Response", (Level("yes", "Yes"), Level("no", "No")), ("treated",)
    )
    study = Study(
        key="tiny",
        title="Tiny",
        question="?",
        citation=Citation("A", "T", "J", 2020, "10.1/x", "a2020"),
        eligibility=(),
        exclusions=(),
        treated=Arm("treated", "New"),
        control=Arm("control", "Old"),
        covariates=(site,),
        characteristics=(response,),
        outcomes=(
            Outcome("os", "Overall survival", "OS", "os_months", "os_event", "months", (1,)),
        ),
        matching=MatchingPlan(("site",), None, "probability"),
        calendar=Calendar("start", date(2010, 1, 1), date(2015, 1, 1), date(2016, 1, 1)),
        convention="r_matchit_survival",
    )
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i}" for i in range(8)],
            "arm": ["treated", "control"] * 4,
            "site": list("baabbaab"),
            "response": ["yes", None, "no", None, "yes", None, "no", None],
            "os_months": [5.0, 1.0, 6.0, 2.0, 7.0, 3.0, 8.0, 4.0],
            "os_event": [1, 1, 0, 1, 1, 0, 0, 1],
        }
    )
    return Cohort(study, patients, "synthetic")


def test_risk_table_counts_those_censored_at_a_time_as_at_risk_for_its_events():
    """Two patients share time 2; the censored one is in the denominator."""
    time, at_risk, events, censored = risk_table(
        np.array(TIMES, dtype=float), np.array(EVENTS, dtype=np.int64)
    )
    assert time.tolist() == [1, 2, 3, 4]
    assert at_risk.tolist() == [5, 4, 2, 1]
    assert events.tolist() == [1, 1, 0, 1]
    assert censored.tolist() == [0, 1, 1, 0]


def test_product_limit_returns_the_estimate_worked_out_by_hand():
    """S = 4/5, 4/5 x 3/4, unchanged by a censoring, then 0; Greenwood beside it."""
    curve = product_limit(TIMES, EVENTS)
    assert tuple(curve.columns) == CURVE_COLUMNS
    assert curve["time"].tolist() == [0, 1, 2, 3, 4]
    assert curve["at_risk"].tolist() == [5, 5, 4, 2, 1]
    np.testing.assert_allclose(curve["survival"], [1, 0.8, 0.6, 0.6, 0], rtol=1e-14)
    second = 0.6 * math.sqrt(1 / 20 + 1 / 12)
    expected = [0, math.sqrt(0.8 * 0.2 / 5), second, second, math.nan]
    np.testing.assert_allclose(curve["std_error"], expected, rtol=1e-14)


@pytest.mark.parametrize("interval", ["plain", "log", "log-log"])
def test_interval_is_one_before_the_first_event_and_unknown_at_zero_survival(interval):
    """Neither end of a curve has a normal approximation."""
    curve = product_limit(TIMES, EVENTS, interval=interval)
    assert curve.loc[0, ["ci_low", "ci_high"]].tolist() == [1, 1]
    assert curve.loc[4, ["ci_low", "ci_high"]].isna().all()
    inner = curve.iloc[1:4]
    assert ((inner["ci_low"] >= 0) & (inner["ci_low"] < inner["survival"])).all()
    assert ((inner["ci_high"] <= 1) & (inner["ci_high"] > inner["survival"])).all()


def test_an_event_at_time_zero_merges_with_the_starting_row():
    """R: survfit(Surv(c(0, 2, 3, 4), c(1, 1, 1, 0)) ~ 1, conf.type = "plain")."""
    curve = product_limit([0, 2, 3, 4], [1, 1, 1, 0])
    assert curve["time"].tolist() == [0, 2, 3, 4]
    assert curve.loc[0, ["at_risk", "events", "survival"]].tolist() == [4, 1, 0.75]
    assert curve["ci_low"][1] == pytest.approx(0.010, abs=5e-4)


@pytest.mark.parametrize(
    ("duration", "event", "found"),
    [
        ([], [], "no patient"),
        ([1, 2], [1], "2 and 1"),
        ([1, math.nan], [1, 0], "missing"),
        ([1, math.inf], [1, 0], "infinite"),
        ([1, -1], [1, 0], "negative"),
        ([1, "soon"], [1, 0], "not numbers"),
        ([1, 2], [1, 2], "other than 0 or 1"),
        ([1, 2], [1, None], "other than 0 or 1"),
        ([[1, 2]], [[1, 0]], "2 dimensions"),
    ],
)
def test_impossible_times_are_refused(duration, event, found):
    """Every estimator goes through one check, and its message says what was found."""
    with pytest.raises(DataError, match=found):
        check_times(duration, event)


def test_zero_durations_and_boolean_events_are_allowed():
    """R's survival allows a duration of zero as well."""
    duration, event = check_times([0, 3], [True, False])
    assert duration.tolist() == [0, 3]
    assert event.tolist() == [1, 0]


@pytest.mark.parametrize("level", [0, 1, 95])
def test_an_impossible_level_is_refused(level):
    """A level is a probability, not a percentage."""
    with pytest.raises(ParameterError, match="level"):
        product_limit(TIMES, EVENTS, level=level)


def test_an_unknown_interval_is_refused_with_the_nearest_spelling():
    """The message lists what is allowed."""
    with pytest.raises(ParameterError, match="Did you mean 'log-log'"):
        product_limit(TIMES, EVENTS, interval="loglog")
    with pytest.raises(ParameterError, match="spss"):
        median_survival(product_limit(TIMES, EVENTS), interval="SPSS")


def test_survival_between_and_at_event_times_is_that_of_the_last_step():
    """Curves are right-continuous; the number at risk is the one just before the time."""
    curve = product_limit(TIMES, EVENTS)
    assert survival_at(curve, 1.5).survival == pytest.approx(0.8)
    assert survival_at(curve, 2).survival == pytest.approx(0.6)
    assert (survival_at(curve, 2).at_risk, survival_at(curve, 2.5).at_risk) == (4, 2)
    assert survival_at(curve, 0).survival == 1


def test_survival_beyond_the_last_event_is_zero():
    """Nobody was left, so survival stays zero; its error is unknown."""
    found = survival_at(product_limit(TIMES, EVENTS), 99)
    assert (found.survival, found.at_risk) == (0, 0)
    assert math.isnan(found.std_error)


def test_survival_beyond_follow_up_is_not_estimable():
    """The last patient was censored: at that time the curve is known, later it is not."""
    curve = product_limit([1, 2, 3], [1, 1, 0])
    assert survival_at(curve, 3).survival == pytest.approx(1 / 3)
    found = survival_at(curve, 3.1)
    assert all(math.isnan(v) for v in (found.survival, found.ci_low, found.ci_high))


@pytest.mark.parametrize("time", [-1, math.nan])
def test_survival_at_an_impossible_time_is_refused(time):
    """Times start at 0."""
    with pytest.raises(ParameterError, match="time"):
        survival_at(product_limit(TIMES, EVENTS), time)


def test_median_on_a_plateau_at_one_half_is_the_midpoint_as_in_r():
    """R prints 2.5 with the interval 1 to NA for four deaths at 1, 2, 3 and 4."""
    found = median_survival(product_limit([1, 2, 3, 4], [1, 1, 1, 1]), interval="log")
    assert (found.median, found.ci_low, found.ci_high) == (2.5, 1, None)


def test_median_on_a_plateau_that_never_ends_is_its_start_as_in_r():
    """R prints 2 with the interval 1 to NA when the curve stays at 0.5."""
    found = median_survival(product_limit([1, 2, 3, 4], [1, 1, 0, 0]), interval="log")
    assert (found.median, found.ci_low, found.ci_high) == (2, 1, None)


def test_spss_median_returns_the_formula_worked_out_by_hand():
    """Ten deaths at 1 to 10: median 5, f = (0.6 - 0.4) / (6 - 4), SE = sqrt(0.025) / 0.1."""
    found = median_survival(product_limit(TEN, [1] * 10), interval="spss")
    se = math.sqrt(0.025) / 0.1
    assert found.median == 5
    assert found.std_error == pytest.approx(se, rel=1e-12)
    assert found.ci_low == pytest.approx(5 - 1.959963984540054 * se, rel=1e-12)
    assert found.ci_high == pytest.approx(5 + 1.959963984540054 * se, rel=1e-12)


def test_spss_median_counts_bounds_that_are_reached_exactly():
    """With 20 deaths S(9) = 0.55 and S(11) = 0.45 are both used, whatever a product's last bit."""
    curve = product_limit(range(1, 21), [1] * 20)
    _, se = spss_median(*(curve[c].to_numpy() for c in ("time", "survival", "std_error")))
    assert se == pytest.approx(math.sqrt(0.25 / 20) / (0.1 / 2), rel=1e-12)


def test_spss_median_without_an_event_on_both_sides_has_no_interval():
    """The first death already takes survival below 0.55: the median stands, its error does not."""
    found = median_survival(product_limit([1, 2], [1, 1]), interval="spss")
    assert (found.median, found.std_error, found.ci_low, found.ci_high) == (1, None, None, None)


@pytest.mark.parametrize("interval", ["plain", "log", "log-log", "spss"])
def test_a_median_that_is_not_reached_is_not_a_number(interval):
    """Three of four patients live: the median is not estimable."""
    found = median_survival(product_limit([1, 2, 3, 4], [1, 0, 0, 0]), interval=interval)
    assert (found.median, found.ci_high, found.std_error) == (None, None, None)


def test_spss_interval_exists_at_95_percent_only():
    """Another level would need another documented formula."""
    with pytest.raises(ParameterError, match=r"0\.95 only"):
        median_survival(product_limit(TEN, [1] * 10), interval="spss", level=0.9)


def test_kernels_can_be_called_from_compiled_code():
    """A synthesiser counts and takes medians inside its own compiled loop."""

    @njit
    def both(duration, event, group):
        time, at_risk, events, _ = risk_table(duration, event)
        observed, expected, variance = log_rank_counts(duration, event, group, 2)
        chi = (observed[0] - expected[0]) ** 2 / variance[0, 0]
        return spss_median(time, at_risk / at_risk[0], at_risk * 0.0)[0], events.sum(), chi

    duration, event = np.arange(1.0, 11.0), np.ones(10, dtype=np.int64)
    group = np.arange(10) % 2
    median, events, chi = both(duration, event, group)
    assert (median, events) == (6, 10)
    assert chi == pytest.approx(log_rank(duration, event, group).statistic, rel=1e-14)


def test_numbers_at_risk_are_counted_just_before_each_time():
    """Beyond follow-up nobody is at risk."""
    found = numbers_at_risk(product_limit(TIMES, EVENTS), [0, 2, 2.5, 9])
    assert found.columns.tolist() == ["group", "time", "at_risk"]
    assert found["at_risk"].tolist() == [5, 4, 2, 0]


def test_restricted_mean_is_the_area_under_the_curve():
    """1 + 0.8 + 0.6 x 2 = 3; each death moves what lies to its right."""
    mean, se = restricted_mean(product_limit(TIMES, EVENTS), 4)
    assert mean == pytest.approx(3, rel=1e-14)
    assert se == pytest.approx(math.sqrt(2**2 / 20 + 1.2**2 / 12), rel=1e-14)


def test_restricted_mean_beyond_follow_up_is_refused():
    """The area under an unknown curve is no number."""
    with pytest.raises(ParameterError, match="end of follow-up"):
        restricted_mean(product_limit([1, 2, 3], [1, 1, 0]), 3.5)
    assert restricted_mean(product_limit(TIMES, EVENTS), 9)[0] == pytest.approx(3, rel=1e-14)


def test_log_rank_returns_the_statistic_worked_out_by_hand():
    """Deaths at 1 (of 2 + 2) and 2 (of 1 + 2), one group each time."""
    found = log_rank([1, 2, 3, 3], [1, 1, 0, 0], ["a", "b", "a", "b"])
    variance = 0.25 + 2 / 9
    assert found.observed == (1, 1)
    assert found.expected == pytest.approx((1 / 2 + 1 / 3, 1 / 2 + 2 / 3))
    assert found.statistic == pytest.approx((1 / 6) ** 2 / variance)
    assert 0 < found.p < 1


@pytest.mark.parametrize(
    ("duration", "event", "group", "found"),
    [
        ([1, 2], [1, 1], ["a", "a"], "at least 2"),
        ([1, 2], [0, 0], ["a", "b"], "no event"),
        ([1, 2], [0, 1], ["a", "b"], "at risk together"),
    ],
)
def test_log_rank_without_anything_to_compare_is_refused(duration, event, group, found):
    """A p value would say something about nothing."""
    with pytest.raises(EstimationError, match=found):
        log_rank(duration, event, group)


def test_log_rank_with_a_missing_label_is_refused():
    """A patient in no group is an error, not a group."""
    with pytest.raises(DataError, match="1 of them missing"):
        log_rank([1, 2, 3], [1, 1, 1], ["a", "b", None])


def test_kaplan_meier_of_a_cohort_stands_by_arm_in_one_tidy_frame(cohort):
    """Treated first; each arm is the product-limit estimate of its own patients."""
    frame = kaplan_meier(cohort, "os")
    assert frame.columns.tolist() == ["group", *CURVE_COLUMNS]
    assert frame["group"].unique().tolist() == ["treated", "control"]
    treated = frame[frame["group"] == "treated"].drop(columns="group").reset_index(drop=True)
    pd.testing.assert_frame_equal(treated, product_limit([5.0, 6, 7, 8], [1, 0, 1, 0]))


def test_kaplan_meier_follows_the_levels_of_a_covariate_and_leaves_empty_ones_out(cohort):
    """Site c has nobody; sites a and b stand in the study's order."""
    assert kaplan_meier(cohort, "os", by="site")["group"].unique().tolist() == ["a", "b"]


def test_kaplan_meier_without_groups_pools_everybody(cohort):
    """The one group is called all."""
    frame = kaplan_meier(cohort, "os", by=None)
    assert frame["group"].unique().tolist() == ["all"]
    assert frame["at_risk"].max() == 8


def test_kaplan_meier_by_a_characteristic_of_one_arm_needs_that_arm(cohort):
    """The other arm is in none of its groups."""
    with pytest.raises(DataError, match="4 patients in none of the groups"):
        kaplan_meier(cohort, "os", by="response")
    within = kaplan_meier(cohort.within("treated"), "os", by="response")
    assert within["group"].unique().tolist() == ["yes", "no"]


def test_reading_a_curve_of_several_groups_is_refused(cohort):
    """One curve at a time, so that no row is read as another group's."""
    frame = kaplan_meier(cohort, "os")
    for read in (
        lambda: survival_at(frame, 3),
        lambda: median_survival(frame, interval="log"),
        lambda: restricted_mean(frame, 3),
    ):
        with pytest.raises(ParameterError, match="2 groups"):
            read()


def test_numbers_at_risk_of_a_cohort_keep_the_groups(cohort):
    """One row per group and time, in the order of the curve."""
    found = numbers_at_risk(kaplan_meier(cohort, "os"), [0, 6])
    assert found["group"].tolist() == ["treated", "treated", "control", "control"]
    assert found["at_risk"].tolist() == [4, 3, 4, 0]


def test_follow_up_reverses_the_event(cohort):
    """Censorings at 3, 6 and 8 among eight patients: the curve first falls below 0.5 at 8."""
    frame = reverse_kaplan_meier(cohort, "os")
    assert frame.loc[frame["events"] > 0, "time"].tolist() == [3, 6, 8]
    np.testing.assert_allclose(
        frame.loc[frame["events"] > 0, "survival"], [5 / 6, 5 / 6 * 2 / 3, 0], rtol=1e-14
    )
    assert median_follow_up(cohort, "os").median == 8


def test_log_rank_test_of_a_cohort_compares_the_arms(cohort):
    """Same as the test on its columns; with strata as well."""
    rows = cohort.patients
    expected = log_rank(rows["os_months"], rows["os_event"], rows["arm"])
    assert log_rank_test(cohort, "os") == expected
    within = log_rank(rows["os_months"], rows["os_event"], rows["arm"], strata=rows["site"])
    assert log_rank_test(cohort, "os", strata="site") == within
