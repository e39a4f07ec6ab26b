"""Shares, quartiles and incidences of events, and readings of a treatment that begins late."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from replica.cohort import Cohort
from replica.errors import ParameterError
from replica.event_summaries import (
    count_tests,
    event_shares,
    exact_tests,
    first_events,
    follow_up_quartiles,
    incidence_estimates,
    incidences,
    quartiles,
    times_to_event,
)
from replica.exposure_time import (
    EVER,
    LANDMARK,
    LATE,
    SUBDISTRIBUTION,
    VARYING,
    by_landmark,
    exposure_intervals,
    exposure_readings,
)
from replica.figure_incidence import incidence_figure
from replica.studies import load_study
from replica.supplied import load_cohort

STUDY = load_study("mlc_second_primary")
EVENT, EITHER, WAIT = "second_primary", "second_primary_or_death", "days_to_ici"


def cohort(rows):
    """Make a cohort of (arm, months, kind of event, days to the first dose)."""
    frame = pd.DataFrame(rows, columns=["arm", "follow_up_months", "kind", WAIT])
    frame["follow_up_months"] = frame["follow_up_months"].astype(float)
    frame["patient_id"] = [f"p{i}" for i in range(len(frame))]
    frame[EVENT] = (frame["kind"] == 1).astype(int)
    frame[EITHER] = (frame["kind"] > 0).astype(int)
    return Cohort(STUDY, frame.drop(columns="kind"), "supplied")


SMALL = cohort(
    [
        ("treated", 10, 1, 30),
        ("treated", 20, 2, 300),
        ("treated", 30, 0, 30),
        ("treated", 40, 0, 30),
        ("control", 10, 2, np.nan),
        ("control", 20, 1, np.nan),
        ("control", 30, 0, np.nan),
        ("control", 80, 1, np.nan),
    ]
)


def by_key(rows):
    """Index estimates by arm and statistic."""
    return {(row.quantity.arm, row.statistic): row.value for row in rows}


def test_quartiles_are_those_of_r_type_7():
    """1, 2, 3, 4 have quartiles 1.75, 2.5, 3.25."""
    found = quartiles(np.array([4.0, 1.0, 3.0, 2.0]))
    assert (found["q1"], found["median"], found["q3"]) == (1.75, 2.5, 3.25)
    assert found["sd"] == pytest.approx(1.2909944487358056)


def test_event_shares_count_events_of_all_patients():
    """One of four treated, two of four controls, three of eight."""
    found = by_key(event_shares(SMALL, EVENT, "after"))
    assert found["treated", "n"] == 1
    assert found["control", "percent"] == 50
    assert (found["all", "n"], found["all", "count_total"]) == (3, 8)


def test_times_to_event_leave_out_who_had_none():
    """The median of 20 and 80 months is 50, whoever else was followed."""
    assert by_key(times_to_event(SMALL, EVENT, "after"))["control", "median"] == 50


def test_the_three_estimators_of_an_incidence_by_hand():
    """Controls by 60 months: 1 of 4; 1 - 2/3 with the dead censored; 3/4 x 1/3 with them."""
    crude = incidences(SMALL, EVENT, EITHER, 60, "crude")
    assert crude == {"treated": Fraction(1, 4), "control": Fraction(1, 4)}
    km = incidences(SMALL, EVENT, EITHER, 60, "kaplan_meier")
    assert km["control"] == pytest.approx(1 / 3)
    aj = incidences(SMALL, EVENT, EITHER, 60, "aalen_johansen")
    assert aj["control"] == pytest.approx(1 / 4)
    with pytest.raises(ParameterError, match="incidence"):
        incidences(SMALL, EVENT, EITHER, 60, "actuarial")


def test_the_incidence_says_its_estimator():
    """A rate and the risk difference name how they were made."""
    rows = incidence_estimates(SMALL, EVENT, EITHER, "after", "crude")
    assert {row.method for row in rows} == {"crude share: patients with the event by then, of all"}
    assert by_key(rows)["treated", "risk_difference"] == 0


def test_follow_up_to_the_end_of_the_window_has_not_ended():
    """With one of four ending at 30 and 40 months, the upper quartile lies beyond the window."""
    rows = [("treated", m, 0, 30) for m in (30, 40, 120, 120)]
    rows += [("control", m, 0, np.nan) for m in (10, 120, 120, 120)]
    found = by_key(follow_up_quartiles(cohort(rows), EITHER, "after", window=120))
    assert (found["treated", "q1"], found["treated", "median"]) == (30, 40)
    assert found["treated", "q3"] is None
    assert (found["control", "q1"], found["control", "median"]) == (10, None)


def test_the_first_event_is_the_second_primary_or_death():
    """0 none, 1 second primary, 2 death."""
    column = first_events(SMALL, EVENT, EITHER).patients["first_event"]
    assert column.tolist() == [1, 2, 0, 0, 2, 1, 0, 1]


def test_intervals_are_cut_at_the_first_dose():
    """300 days are 9.86 months: before it untreated without an event, after it treated with one."""
    found = exposure_intervals(SMALL, EITHER, WAIT)
    mine = found.patient == "p1"
    at = 300 / 30.4375
    assert found.start[mine].tolist() == [0, at]
    assert found.stop[mine].tolist() == [at, 20]
    assert found.event[mine].tolist() == [0, 1]
    assert found.exposed[mine].tolist() == [0, 1]
    assert found.event.sum() == 5


def test_late_entry_leaves_out_what_lies_before():
    """At risk from six months on, a dose at one month leaves one treated interval."""
    found = exposure_intervals(SMALL, EITHER, WAIT, entry=6)
    assert found.start.min() == 6
    mine = found.patient == "p0"
    assert (found.start[mine].tolist(), found.exposed[mine].tolist()) == ([6], [1])
    with pytest.raises(ParameterError, match="4 patients whose follow-up ends by 20 months"):
        exposure_intervals(SMALL, EITHER, WAIT, entry=20)


def test_at_a_landmark_later_doses_do_not_count():
    """Treated by six months is who had a dose by then; the one of month 10 is a control."""
    found = by_landmark(SMALL, EITHER, WAIT, 6.0).patients.set_index("patient_id")
    assert found.loc["p1", "arm"] == "control"
    assert found.loc["p0", "follow_up_months"] == 4
    after = by_landmark(SMALL, EITHER, WAIT, 10.0).patients
    assert set(after["patient_id"]) == {"p1", "p2", "p3", "p5", "p6", "p7"}


@pytest.fixture(scope="module")
def synthetic():
    """The synthetic cohort, all patients."""
    return load_cohort(STUDY, "synthetic")


def test_left_truncation_changes_no_ratio_where_nobody_has_early_events(synthetic):
    """All events come after six months, so that entry then leaves every risk set as it was."""
    rows = exposure_readings(
        synthetic, EVENT, EITHER, WAIT, ties="efron", entry=6, landmarks=(6.0,)
    )
    ratio = rows.set_index(["outcome", "reading"])["hazard_ratio"]
    for outcome in (EVENT, EITHER):
        late = ratio[outcome, LATE.format(entry=6)]
        assert late == pytest.approx(ratio[outcome, EVER], rel=1e-8)
        assert ratio[outcome, VARYING] > ratio[outcome, EVER]
    assert (EVENT, SUBDISTRIBUTION) in ratio.index
    assert (EITHER, SUBDISTRIBUTION) not in ratio.index
    assert (EITHER, LANDMARK.format(time=6)) in ratio.index


def test_immortal_time_flatters_a_treatment_without_effect():
    """A treatment that does nothing halves the hazard if ever treated; from the first dose not."""
    rng = np.random.default_rng(3)
    death = rng.exponential(12, 4000) + 0.01
    wait = rng.exponential(12, 4000)
    treated = wait < death
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{i:04d}" for i in range(4000)],
            "arm": np.where(treated, "treated", "control"),
            WAIT: np.where(treated, wait * 30.4375, np.nan),
            "follow_up_months": death,
            EVENT: rng.integers(0, 2, 4000),
            EITHER: 1,
        }
    )
    many = replace(SMALL, patients=frame)
    rows = exposure_readings(many, EVENT, EITHER, WAIT, ties="efron", entry=0, landmarks=(6.0,))
    ratio = rows[rows["outcome"] == EITHER].set_index("reading")["hazard_ratio"]
    assert ratio[EVER] < 0.6
    assert 0.9 < ratio[VARYING] < 1.1
    assert 0.9 < ratio[LANDMARK.format(time=6)] < 1.1


def test_count_tests_name_every_test(synthetic):
    """Fisher's exact test returns the printed p of autoimmune disease, Pearson's does not."""
    found = count_tests(synthetic).set_index(["item", "level"]).loc[("autoimmune_disease", "yes")]
    assert round(found["fisher"], 2) == 0.46
    assert round(found["pearson"], 2) == 0.39


def test_exact_tests_compare_rows_of_two_levels(synthetic):
    """Fisher's test returns the printed .46 and .04; covariates of more levels have no row."""
    found = {row.quantity.item: row for row in exact_tests(synthetic, "before")}
    assert found["autoimmune_disease"].method == "Fisher's exact test"
    assert round(found["autoimmune_disease"].value, 2) == 0.46
    assert round(found["organ_transplant"].value, 2) == 0.04
    assert {"sex", "prior_chemotherapy"} <= set(found)
    assert not {"cancer_type", "race"} & set(found)


def test_the_incidence_figure_draws_both_estimators():
    """One line per arm and estimator; an unknown estimator is refused."""
    curves = pd.DataFrame(
        {
            "group": ["treated", "treated", "control", "control"] * 2,
            "estimator": ["aalen_johansen"] * 4 + ["kaplan_meier"] * 4,
            "time": [0.0, 5.0] * 4,
            "incidence": [0, 0.1] * 4,
            "ci_low": [0, 0.05] * 4,
            "ci_high": [0, 0.2] * 4,
        }
    )
    labels = {"treated": "ICI", "control": "non-ICI"}
    made = {"labels": labels, "unit": "months", "title": "T", "what": "Second primary"}
    figure = incidence_figure(curves, **made)
    lines = [line for line in figure.axes[0].get_lines() if line.get_gid()]
    assert len(lines) == 4
    assert lines[0].get_ydata()[-1] == pytest.approx(0.1)
    with pytest.raises(ParameterError, match="estimator: found x"):
        incidence_figure(curves.assign(estimator="x"), **made)
