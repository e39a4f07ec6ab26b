"""Characteristics, measures and dates have the printed counts and suit the patients' times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from replica.errors import SynthesisError
from replica.protocol import Characteristic, Level, Measure
from replica.published import load_published
from replica.studies import load_study
from replica.synthesis.covariates import draw_covariates
from replica.synthesis.details import Draft, _sorted_values, complete
from replica.synthesis.targets import compile_targets
from replica.synthesis.times import DAYS_PER_MONTH, Times, initial_times

YES_NO = (Level("yes", "Yes"), Level("no", "No"))


@pytest.fixture(scope="module")
def targets():
    """Compile the printed rows of the published study."""
    study = load_study("sclc_second_line")
    return compile_targets(study, load_published(study.key))


@pytest.fixture(scope="module")
def draft(targets):
    """Draw covariates and times, and take the first 162 patients of each arm as matched."""
    rng = np.random.default_rng(21)
    patients = draw_covariates(targets, rng)
    treated = np.asarray(patients["arm"] == "treated")
    matched = np.where(treated, np.cumsum(treated), np.cumsum(~treated)) <= 162
    return Draft(patients, initial_times(targets, treated, rng), matched, targets)


@pytest.fixture(scope="module")
def finished(draft):
    """Complete the drawn patients once."""
    return complete(draft, np.random.default_rng(22))


def changed(draft, *, rows=None, **changes):
    """Give a draft other printed rows, or its study other characteristics or measures."""
    study = replace(draft.targets.study, **changes)
    kept = draft.targets.rows if rows is None else rows
    return replace(draft, targets=compile_targets(study, kept))


def reprinted(draft, row_id, printed):
    """Replace what one row prints."""
    return [
        replace(row, printed=printed) if row.id == row_id else row for row in draft.targets.rows
    ]


def without(draft, *item_and_arm):
    """Leave out the rows of an item, or of an item in an arm."""
    return [
        row
        for row in draft.targets.rows
        if (row.item, row.arm)[: len(item_and_arm)] != item_and_arm
    ]


def test_every_printed_count_of_a_characteristic_is_met(draft, finished):
    """Before and after matching, in both arms, each level has as many patients as printed."""
    characteristics = {c.key: c for c in draft.targets.study.characteristics}
    checked = 0
    for row in draft.targets.rows:
        if row.item not in characteristics or row.statistic != "n" or row.arm == "all":
            continue
        stage = draft.matched if row.stage == "after" else np.ones(len(finished), dtype=bool)
        group = finished[stage & (finished["arm"] == row.arm)]
        level = row.level or "yes"
        assert (group[row.item] == level).sum() == row.value.value, row.id
        checked += 1
    assert checked > 50


def test_levels_without_a_printed_count_are_left_out(finished):
    """No control has a regimen with a checkpoint inhibitor; an agent exists in one arm only."""
    control = finished[finished["arm"] == "control"]
    assert set(control["regimen"]) == {"chemotherapy", "antiangiogenic"}
    assert (control["ici_agent"] == "").all()
    assert (finished.loc[finished["arm"] == "treated", "ici_agent"] != "").all()


def test_severe_events_lie_within_events_of_any_grade(draft, finished):
    """Nobody has grade 3 or 4 of something that they do not have at all."""
    nested = [c for c in draft.targets.study.characteristics if c.within]
    assert len(nested) == 4
    for characteristic in nested:
        severe = finished[characteristic.key] == "yes"
        assert severe.any()
        assert (finished.loc[severe, characteristic.within] == "yes").all()


def test_progression_as_best_response_belongs_to_the_earliest_events(draft, finished):
    """Within arm and matching status, no event comes earlier than one of a patient with PD."""
    progression, event = draft.times.duration[0], draft.times.event[0]
    response = finished["best_response"].to_numpy()
    for arm in ("treated", "control"):
        for status in (True, False):
            group = (finished["arm"] == arm).to_numpy() & (draft.matched == status)
            pd_rows, rest = group & (response == "pd"), group & (response != "pd")
            assert event[pd_rows].all()
            assert progression[pd_rows].max() <= progression[rest & event].min()


def test_better_responses_last_longer(draft, finished):
    """The median time to progression falls from partial response over stable disease to PD."""
    for arm in ("treated", "control"):
        group = (finished["arm"] == arm).to_numpy()
        by_level = pd.Series(draft.times.duration[0, group]).groupby(
            finished["best_response"].to_numpy()[group]
        )
        medians = by_level.median()
        assert medians["pr"] > medians["sd"] > medians["pd"]


def test_measures_have_the_printed_medians_and_ranges(finished):
    """Age is 62 (19 to 87) over both arms; cycles are 3 (1 to 16) and 2 (1 to 28)."""
    age = finished["age_years"].astype(int)
    assert (age.median(), age.min(), age.max()) == (62, 19, 87)
    cycles = finished["cycles"].astype(int).groupby(finished["arm"])
    assert cycles.agg(["median", "min", "max"]).loc[["treated", "control"]].to_numpy().tolist() == [
        [3, 1, 16],
        [2, 1, 28],
    ]


def test_ages_lie_within_the_bands_of_the_age_group(finished):
    """Whoever is under 65 is under 65, and both bands reach up to the border."""
    age = finished["age_years"].astype(int).groupby(finished["age_group"])
    assert age.max()["under_65"] == 64
    assert age.min()["65_or_over"] == 65


def test_cycles_follow_progression_free_survival(draft, finished):
    """Longer treatment goes with longer time to progression, within each arm."""
    for arm in ("treated", "control"):
        group = (finished["arm"] == arm).to_numpy()
        cycles = finished.loc[group, "cycles"].astype(int)
        time = pd.Series(draft.times.duration[0, group], index=cycles.index)
        assert cycles.corr(time, method="spearman") > 0.8


def test_dates_leave_room_for_follow_up(draft, finished):
    """Starts lie in the enrolment window and last contacts no later than the cut-off's end."""
    calendar = draft.targets.study.calendar
    start = pd.to_datetime(finished["second_line_start"])
    assert start.min() >= pd.Timestamp(calendar.enrolment_start)
    assert start.max() <= pd.Timestamp(calendar.enrolment_end)
    followed = draft.times.duration.max(axis=0) * DAYS_PER_MONTH
    room = (pd.Timestamp(calendar.data_cutoff) - start).dt.days
    # A last contact may lie a quarter of an hour past midnight: times are rounded to 0.01 months.
    assert (followed - room).max() <= 0.01


def test_the_living_are_followed_to_the_cutoff_where_the_window_allows_it(draft, finished):
    """Whoever is alive and could have started early enough has the last contact at the cut-off."""
    calendar = draft.targets.study.calendar
    start = pd.to_datetime(finished["second_line_start"])
    room = (pd.Timestamp(calendar.data_cutoff) - start).dt.days.to_numpy()
    spare = room - draft.times.duration.max(axis=0) * DAYS_PER_MONTH
    alive = ~draft.times.event[-1]
    could = draft.times.duration.max(axis=0) * DAYS_PER_MONTH > 377
    assert (alive & could).sum() > 30
    assert spare[alive & could].max() < 1.01


def test_times_are_written_with_two_decimals(draft, finished):
    """Durations become text of two decimals and events 0 or 1, patient by patient."""
    for o, outcome in enumerate(draft.targets.study.outcomes):
        assert finished[outcome.duration].str.fullmatch(r"\d+\.\d\d").all()
        written = finished[outcome.duration].astype(float)
        assert np.abs(written - draft.times.duration[o]).max() < 1e-9
        assert finished[outcome.event].tolist() == draft.times.event[o].astype(int).tolist()


def test_the_same_generator_gives_the_same_details(draft, finished):
    """Equal seeds give equal tables; the draft itself is left alone."""
    again = complete(draft, np.random.default_rng(22))
    pd.testing.assert_frame_equal(finished, again)
    assert "best_response" not in draft.patients


def test_a_measure_of_one_arm_is_blank_in_the_other(draft):
    """Only the arm that has the measure gets values; the other's cells are empty."""
    cycles = Measure("cycles", "Cycles", "cycles", 1, 60, arms=("treated",))
    table = complete(changed(draft, measures=(cycles,)), np.random.default_rng(0))
    assert (table.loc[table["arm"] == "control", "cycles"] == "").all()
    assert table.loc[table["arm"] == "treated", "cycles"].astype(int).median() == 3


@pytest.mark.parametrize(
    ("row_id", "printed", "message"),
    [
        ("table2.best_response.pd.treated.after.n", "54", r"best_response \(treated\).*162"),
        ("table2.best_response.pr.control.before.n", "12", r"best_response \(control\).*134"),
        ("table3.rash.treated.n", "201", r"rash \(treated\).*200 patients"),
        ("table3.hematologic_toxicity_g34.control.n", "164", r"164 patients cannot lie within"),
    ],
    ids=["too many after", "more after than before", "more than all", "more severe than any"],
)
def test_counts_that_do_not_add_up_are_refused(draft, row_id, printed, message):
    """The error names the characteristic, the arm and the numbers that disagree."""
    broken = changed(draft, rows=reprinted(draft, row_id, printed))
    with pytest.raises(SynthesisError, match=message):
        complete(broken, np.random.default_rng(0))


def test_a_characteristic_without_counts_is_refused(draft):
    """Nothing is invented for what the paper does not count."""
    more = (*draft.targets.study.characteristics, Characteristic("fatigue", "Fatigue", YES_NO))
    with pytest.raises(SynthesisError, match=r"fatigue \(treated\): found no printed counts"):
        complete(changed(draft, characteristics=more), np.random.default_rng(0))


@pytest.mark.parametrize("left_out", [("cycles",), ("cycles", "control")])
def test_a_measure_without_a_summary_is_refused(draft, left_out):
    """A measure printed for nobody, or for one of its two arms, cannot be handed out."""
    broken = changed(draft, rows=without(draft, *left_out))
    with pytest.raises(SynthesisError, match=r"cycles \(.*\): found no printed median and range"):
        complete(broken, np.random.default_rng(0))


def test_follow_up_beyond_the_calendar_is_refused(draft):
    """Nobody can have been followed for longer than the study lasted."""
    duration = draft.times.duration.copy()
    duration[:, 0] = 71.0
    broken = replace(draft, times=Times(duration, draft.times.event))
    with pytest.raises(SynthesisError, match="longer than the calendar allows"):
        complete(broken, np.random.default_rng(0))


AGE = Measure("age", "Age", "years", 18, 110)


@pytest.mark.parametrize("n", [3, 4, 50, 201])
def test_sorted_values_have_exactly_the_summary(n):
    """Minimum, median and maximum are as printed for odd and even numbers of patients."""
    values = _sorted_values(n, (20.0, 60.0, 90.0), {}, AGE)
    assert (values[0], np.median(values), values[-1]) == (20.0, 60.0, 90.0)
    assert (np.diff(values) >= 0).all()
    assert np.array_equal(values, np.round(values))


def test_a_summary_that_its_bands_contradict_is_refused():
    """A median of 62 cannot be when more than half lie under 50."""
    with pytest.raises(SynthesisError, match=r"age: the printed median 62 and range 19 to 87"):
        _sorted_values(100, (19.0, 62.0, 87.0), {0.6: 49.5}, AGE)
