"""The synthetic patients of `mlc_second_primary` give back what is printed, from events on."""

from __future__ import annotations

import pandas as pd
import pytest

from replica.agreement import counts
from replica.events.build import load_patients
from replica.matching import match
from replica.settings import settings
from replica.studies import load_study
from replica.supplied import load_cohort
from replica.synthesis.second_primary_events import EXCLUDED, event_frames
from replica.synthesis.second_primary_files import verdicts_on
from replica.synthesis.second_primary_table import SEED, make_patients

STUDY = load_study("mlc_second_primary")


@pytest.fixture(scope="module")
def cohort():
    """The committed cohort, built from its events."""
    return load_patients(STUDY, "synthetic")


def test_the_events_give_back_the_table(cohort):
    """The cohort builder returns exactly the committed table, and every rule excluded somebody."""
    table = load_cohort(STUDY, "synthetic")
    pd.testing.assert_frame_equal(cohort.patients, table.patients)
    assert [step.excluded for step in cohort.attrition] == [0, *EXCLUDED.values()]
    assert cohort.attrition[-1].remaining == len(cohort) == 2844


def test_the_seed_makes_the_committed_patients(cohort):
    """The generator is deterministic: the same seed gives the committed table and events."""
    patients = make_patients(SEED)
    made = patients.table.set_index("patient_id")["follow_up_months"].astype(float)
    known = cohort.patients.set_index("patient_id")["follow_up_months"]
    pd.testing.assert_series_equal(made, known, check_index_type=False)
    frames = event_frames(patients, SEED)
    assert len(frames["patients"]) == cohort.attrition[0].remaining
    again = event_frames(patients, SEED)
    assert all(frames[name].equals(again[name]) for name in frames)


@pytest.mark.parametrize("order", ["random", "data", "largest", "smallest", "closest"])
def test_the_matched_patients_do_not_depend_on_the_order(cohort, order):
    """Whatever the order of the treated, and the seed, the same 685 controls are matched."""
    seeds = (1, 2, 3) if order == "random" else (1,)
    found = []
    for seed in seeds:
        chosen = settings(
            STUDY, source="synthetic", caliper=0.1, ratio=1, entry_p=1.0, seed=seed, order=order
        )
        found.append(
            set(match(cohort, chosen.plan, rng=chosen.generator()).after.patients.patient_id)
        )
    reference = settings(STUDY, source="synthetic", caliper=0.1, ratio=1, entry_p=1.0, seed=9)
    matched = match(cohort, reference.plan, rng=reference.generator())
    assert all(ids == set(matched.after.patients.patient_id) for ids in found)
    assert matched.pairs["pair"].nunique() == 685


def test_the_printed_numbers_come_back(cohort):
    """172 of the 189 attainable results; those that differ are the ones the page explains."""
    verdicts = verdicts_on(cohort)
    number = counts(verdicts)
    assert (number["reproduced"], number["rounding"], number["different"]) == (172, 3, 14)
    assert (number["contradicted"], number["not_computable"], number["all"]) == (17, 0, 234)
    different = {v.published.id for v in verdicts if v.outcome == "different" and v.role != "input"}
    assert {
        "figure1.second_primary.control.n",
        "figure2.time_to_event.treated.q1",
        "figure2.time_to_event.control.q1",
        "results.follow_up.treated.q1",
    } <= different


def test_the_stated_covariates_can_be_matched_on_instead(cohort):
    """`as_stated` matches on other covariates; such a run gives no verdicts."""
    chosen = settings(
        STUDY,
        source="synthetic",
        caliper=0.1,
        ratio=1,
        entry_p=1.0,
        seed=1,
        matching_covariates="as_stated",
    )
    assert not chosen.at_paper_settings
    assert chosen.as_parameters()["matching_covariates"] == "as_stated"
    matched = match(cohort, chosen.plan, rng=chosen.generator())
    assert "race" in matched.plan.covariates
    assert matched.pairs["pair"].nunique() > 600
