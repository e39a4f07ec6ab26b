"""Several cohorts of one paper meet every printed row, and differ in what is not printed."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

from replica.audit import study_paper
from replica.commands.several import several
from replica.conflicts import excluded, study_conflicts
from replica.errors import DataError, SynthesisError
from replica.matching import match
from replica.page_synthetic_patients import look_figure, look_table, spread_table
from replica.paths import synthetic_path
from replica.plausibility import correlations, hazards, pile_ups
from replica.several_cohorts import cohorts_path, has_cohorts, load_cohorts, write_cohorts
from replica.studies import load_study
from replica.supplied import load_cohort
from replica.synthesis.second_primary_files import matched_as_printed, paper_settings, verdicts_on
from replica.synthesis.synthesize import Synthesis
from replica.synthetic import read_report
from replica.unprinted import spread, unprinted

KEY = "mlc_second_primary"
STUDY = load_study(KEY)
PAPER = study_paper(KEY)
EXCLUDED = excluded(PAPER, study_conflicts(KEY, PAPER.published))
COHORTS = load_cohorts(STUDY)


@pytest.fixture(scope="module")
def text():
    """The committed cohort as the file holds it."""
    return pd.read_csv(synthetic_path(KEY), dtype=str, keep_default_na=False)


def test_there_are_five_cohorts_and_the_first_is_the_committed_one():
    """Five seeds, the first of them the seed of the study's page, with the same patients."""
    seed = read_report(synthetic_path(KEY).parent, KEY)["seed"]
    assert len(COHORTS) == 5
    assert next(iter(COHORTS)) == seed
    pd.testing.assert_frame_equal(COHORTS[seed].patients, load_cohort(STUDY, "synthetic").patients)


@pytest.mark.parametrize("seed", COHORTS)
def test_every_cohort_gives_back_every_attainable_row(seed):
    """By the public estimators: nothing but what gives way differs."""
    verdicts = verdicts_on(COHORTS[seed], PAPER.published, EXCLUDED)
    targets = {v.published.id: v.outcome for v in verdicts if v.role == "target"}
    assert set(targets.values()) == {"reproduced"}
    assert len(targets) == read_report(synthetic_path(KEY).parent, KEY)["targets"]["aimed_at"]
    results = [v for v in verdicts if v.role != "input" and v.outcome != "contradicted"]
    assert all(v.outcome == "reproduced" for v in results)


def test_the_cohorts_are_different_patients():
    """No two cohorts have the same covariates and follow-up, row by row."""
    seen = {frozenset(map(tuple, one.patients.astype(str).to_numpy())) for one in COHORTS.values()}
    assert len(seen) == len(COHORTS)


def test_what_is_not_printed_differs_and_is_laid_out():
    """Tests of proportional hazards, restricted means and a subdistribution ratio, each a range."""
    seeds = list(COHORTS)[:2]
    found = {seed: unprinted(matched_as_printed(COHORTS[seed]), "efron") for seed in seeds}
    frame = spread(found, STUDY)
    assert len(frame) == 5
    assert (frame["least"] < frame["greatest"]).all()
    ratio = frame.loc[frame["quantity"] == "Subdistribution hazard ratio"].iloc[0]
    assert 0 < ratio["least"] < 1
    assert [column for column in frame if column.startswith("seed")] == [f"seed {s}" for s in seeds]


def test_the_page_shows_the_range_of_the_synthetic_patients_only(tmp_path, monkeypatch):
    """The caption says that the range is a lower bound; supplied patients are shown nothing."""
    seeds = list(COHORTS)[:2]
    pages = "replica.page_synthetic_patients"
    monkeypatch.setattr(f"{pages}.load_cohorts", lambda _: {s: COHORTS[s] for s in seeds})
    cohort = COHORTS[seeds[0]]
    shown = spread_table(paper_settings(STUDY), cohort, tmp_path).data
    assert "at least this wide among 2 cohorts" in shown
    assert len(pd.read_csv(tmp_path / "spread.csv")) == 5
    after = matched_as_printed(cohort).after
    assert "Most at one time" in look_table(after, tmp_path).data
    assert "is the largest" in look_figure(after, tmp_path).alt
    assert (tmp_path / "look.svg").is_file()
    supplied = replace(cohort, source="supplied")
    for made in (
        spread_table(paper_settings(STUDY), supplied, tmp_path),
        look_table(supplied, tmp_path),
        look_figure(supplied, tmp_path),
    ):
        assert "Shown for the synthetic patients only" in made.data
    monkeypatch.setattr(f"{pages}.has_cohorts", lambda _: False)
    assert "no further" in spread_table(paper_settings(STUDY), cohort, tmp_path).data


def test_the_patients_of_every_study_can_be_looked_at():
    """Pile-ups, hazards and correlations need nothing of one study."""
    cohort = match(load_cohort(load_study("sclc_second_line"), "synthetic")).after
    counted = pile_ups(cohort)
    assert (counted["most"] <= counted["events"]).all()
    steps = hazards(cohort, cohort.study.outcomes[0].key, bands=4)
    assert steps.groupby("arm")["events"].sum().to_dict() == {
        row["arm"]: row["events"]
        for row in counted.to_dict("records")
        if row["outcome"] == cohort.study.outcomes[0].key
    }
    assert (steps["hazard"] > 0).all()
    largest = correlations(cohort)["correlation"].abs()
    assert largest.is_monotonic_decreasing
    assert largest.between(0, 1).all()


def test_cohorts_are_written_and_read_again(tmp_path, text):
    """The same patients come back by seed, and the same bytes are written twice."""
    paths = [tmp_path / name / f"{KEY}.parquet" for name in ("a", "b")]
    for path in paths:
        write_cohorts(path, {3: text, 4: text}, {"study": KEY})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    found = load_cohorts(STUDY, paths[0])
    assert list(found) == [3, 4]
    pd.testing.assert_frame_equal(found[4].patients, load_cohort(STUDY, "synthetic").patients)
    with pytest.raises(DataError, match="--cohorts 5"):
        load_cohorts(STUDY, tmp_path / "none.parquet")
    assert has_cohorts(KEY)
    assert cohorts_path("none", tmp_path) == tmp_path / "cohorts" / "none.parquet"


def made(text, met, counted=None):
    """Return a maker of cohorts that meet so many of ten rows, and count who was asked for."""

    def make(seed):
        if counted is not None:
            counted.append(seed)
        if met[seed] is None:
            raise SynthesisError("no such patients")
        targets = {"aimed_at": 10, "reproduced": met[seed], "rounding": 0, "different": 0}
        row = {"id": "a", "printed": "1", "attained": "2", "verdict": "different"}
        return Synthesis(text, {"targets": targets, "values": [row]})

    return make


def test_seeds_that_meet_less_are_passed_over_and_finished_ones_kept(tmp_path, text):
    """Seeds follow each other until there are enough; one that was made is not made again."""
    asked = []
    where = {"folder": tmp_path, "unfinished": tmp_path / "kept", "evaluations": 1}
    make = made(text, {1: 10, 2: 9, 3: None, 4: 10}, asked)
    for _ in range(2):
        path = several(KEY, make, lambda seed: {"seed": seed}, first=1, number=2, **where)
    # without a cohort nothing can be kept of seed 3
    assert asked == [1, 2, 3, 4, 3]
    assert list(load_cohorts(STUDY, path)) == [1, 4]
    report = path.with_suffix(".json").read_text("utf-8")
    assert "meets 9 rows, not 10" in report
    assert "no such patients" in report
    few = made(text, dict.fromkeys(range(50), 3))
    with pytest.raises(SynthesisError, match="of 8 seeds 0 led to cohorts"):
        several(KEY, few, lambda seed: {"other": seed}, first=1, number=2, **where)


def test_a_quantity_that_cannot_be_computed_is_no_number():
    """Patients without an event have no ratio, and the rest is shown all the same."""
    cohort = next(iter(COHORTS.values()))
    free = cohort.patients.assign(second_primary=0)
    matched = matched_as_printed(replace(cohort, patients=free))
    values = {(one.outcome, one.quantity): one.value for one in unprinted(matched, "efron")}
    assert math.isnan(values["second_primary", "Proportional hazards, p"])
    assert values["second_primary_or_death", "Proportional hazards, p"] > 0
