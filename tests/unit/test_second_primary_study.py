"""The synthetic patients of `mlc_second_primary` give back what is printed, from events on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from replica import cli
from replica.agreement import counts
from replica.audit import study_paper
from replica.commands import synthesis
from replica.conflicts import excluded, give_way, study_conflicts
from replica.cox import fit_cox
from replica.errors import SynthesisError
from replica.events.build import events_path, load_patients
from replica.events.tables import TABLES
from replica.matching import match
from replica.page_synthetic_patients import gives_way_table, plausibility_table
from replica.paths import synthetic_path
from replica.published import load_published
from replica.second_primary import is_second_primary
from replica.settings import settings
from replica.studies import load_study
from replica.supplied import load_cohort
from replica.synthesis import second_primary_times as times_of
from replica.synthesis.second_primary_events import EXCLUDED
from replica.synthesis.second_primary_files import (
    SyntheticEvents,
    paper_settings,
    verdicts_on,
)
from replica.synthesis.second_primary_margins import (
    ages_with,
    falling_times,
    index_with,
    quartered,
    times_with,
)
from replica.synthesis.second_primary_plausibility import plausibility
from replica.synthesis.second_primary_targets import Quartiles, read_targets
from replica.synthetic import read_report

KEY = "mlc_second_primary"
STUDY = load_study(KEY)
PUBLISHED = load_published(KEY)
PRINTED = {row.id: row for row in PUBLISHED}
CONFLICTS = study_conflicts(KEY, PUBLISHED)
GIVEN_UP = give_way(CONFLICTS)
SEED = str(read_report(synthetic_path(KEY).parent, KEY)["seed"])


@pytest.fixture(scope="module")
def cohort():
    """The committed cohort, built from its events."""
    return load_patients(STUDY, "synthetic")


@pytest.fixture(scope="module")
def verdicts(cohort):
    """The verdicts on the committed cohort, with what gives way set apart."""
    return verdicts_on(cohort, PUBLISHED, excluded(study_paper(KEY), CONFLICTS))


def test_the_events_give_back_the_table(cohort):
    """The cohort builder returns exactly the committed table, and every rule excluded somebody."""
    table = load_cohort(STUDY, "synthetic")
    pd.testing.assert_frame_equal(cohort.patients, table.patients)
    assert [step.excluded for step in cohort.attrition] == [0, *EXCLUDED.values()]
    assert cohort.attrition[-1].remaining == len(cohort) == 2844


def test_beginnings_that_came_near_are_searched_on(monkeypatch):
    """Where three tries are too few, further ones from the best of them reach the printed ratios.

    Seeds whose first searches all end a digit off, such as 7, are made in this way.
    """
    printed = read_targets(STUDY, PUBLISHED, GIVEN_UP)
    monkeypatch.setattr(times_of, "BEGINNINGS", 1)
    monkeypatch.setattr(times_of, "TRIES", 3)
    treated, control, _ = times_of.matched_follow_up(np.random.default_rng([8, 1]), printed)
    # at the printed precision, the ratio and its ends
    fit = fit_cox(
        np.repeat([1.0, 0.0], [len(treated.days), len(control.days)])[:, None],
        np.concatenate([treated.months, control.months]),
        np.concatenate([treated.event, control.event]) == 1,
        names=["arm"],
        ties="efron",
    )
    row = fit.summary().iloc[0]
    found = [row["hazard_ratio"], row["ci_low"], row["ci_high"]]
    for value, number in zip(found, printed.ratios["second_primary"].each, strict=True):
        assert number.admits(Fraction(float(value)))
    monkeypatch.setattr(times_of, "AGAIN", 0)
    with pytest.raises(SynthesisError, match="in 1 times 3 tries"):
        times_of.matched_follow_up(np.random.default_rng([8, 1]), printed)


def test_the_command_makes_the_committed_files(tmp_path):
    """The same seed gives the same bytes: the table, the report and every event table."""
    done = CliRunner().invoke(cli.app, ["synthesize", KEY, "--seed", SEED, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "172 of 172 printed numbers aimed at are met" in done.output
    committed = synthetic_path(KEY)
    names = [f"{KEY}.csv", f"{KEY}.json", *(f"{KEY}/{table}.parquet" for table in TABLES)]
    differing = [
        name
        for name in names
        if (tmp_path / name).read_bytes() != (committed.parent / name).read_bytes()
    ]
    assert not differing


def test_patients_that_meet_less_replace_none_that_meet_more(tmp_path, monkeypatch, cohort):
    """The files of a better cohort stay as they are; a cohort as good is written, events too."""
    report = read_report(synthetic_path(KEY).parent, KEY)
    frames = {
        name: pd.read_parquet(events_path(STUDY) / f"{name}.parquet").astype(object)
        for name in TABLES
    }

    def made(reproduced):
        targets = report["targets"] | {"reproduced": reproduced}
        found = SyntheticEvents(frames, cohort, report | {"targets": targets})
        monkeypatch.setattr(synthesis, "synthesize_second_primary", lambda *_, **__: found)
        return CliRunner().invoke(cli.app, ["synthesize", KEY, "--out", str(tmp_path)])

    assert made(172).exit_code == 0
    drugs = tmp_path / KEY / "drugs.parquet"
    assert drugs.read_bytes() == (events_path(STUDY) / "drugs.parquet").read_bytes()
    drugs.unlink()
    refused = made(171)
    assert (refused.exit_code, drugs.exists()) == (2, False)
    assert "meets more printed numbers than this one and was kept" in " ".join(
        refused.output.split()
    )


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


def test_every_printed_number_comes_back_but_those_that_give_way(verdicts):
    """All 180 results that can hold together are reproduced; 26 give way, each with a reason."""
    number = counts(verdicts)
    assert (number["reproduced"], number["attainable"], number["results"]) == (180, 180, 206)
    assert (number["contradicted"], number["all"]) == (26, 234)
    reported = read_report(synthetic_path(KEY).parent, KEY)
    assert reported["targets"] == {
        "aimed_at": 172,
        "reproduced": 172,
        "rounding": 0,
        "different": 0,
    }
    assert {row["id"] for row in reported["excluded"]} == set(GIVEN_UP)


def test_nothing_gives_way_that_is_met(verdicts):
    """Of the rows that give way none comes back all the same, so none is there in vain."""
    met = {
        v.published.id
        for v in verdicts
        if v.published.id in GIVEN_UP and v.published.value.text == v.reproduced
    }
    assert not met


def printed_median(item):
    """Return the median printed of a time of the treated."""
    return PRINTED[f"results.{item}.treated.median"].printed


def test_a_printed_number_is_read_and_a_missing_one_is_named():
    """The patients follow the published table; without a number of it none are made."""
    name = "table1.female.control.after.n"
    changed = [
        replace(row, printed="240") if row.id in {name, "results.female.control.after.n"} else row
        for row in PUBLISHED
    ]
    assert read_targets(STUDY, changed, GIVEN_UP).counts["control", "after"].female == 240
    assert read_targets(STUDY, PUBLISHED, GIVEN_UP).second == {"treated": 10, "control": 29}
    without = [row for row in PUBLISHED if row.item != "time_to_ici"]
    with pytest.raises(SynthesisError, match="found no printed q1 of time_to_ici treated after"):
        read_targets(STUDY, without, GIVEN_UP)
    with pytest.raises(SynthesisError, match=r"n of patients is printed as 685 .*; 687"):
        read_targets(STUDY, PUBLISHED, ())
    assert is_second_primary(STUDY)
    assert not is_second_primary(load_study("sclc_second_line"))


def test_columns_are_laid_out_by_their_quartiles():
    """Ages, indices and times have the quartiles asked for, however many there are."""
    quartiles = Quartiles(58, 66, 73)
    ages = ages_with(685, quartiles, mean=66.8, sd=9.7)
    assert np.percentile(ages, (25, 50, 75)).tolist() == [58, 66, 73]
    assert (round(ages.mean(), 1), round(ages.std(ddof=1), 1)) == (66.8, 9.7)
    for n in (10, 29, 52):
        times = times_with(n, Quartiles(7, 13.9, 22), 6.2, 33)
        assert np.percentile(times, (25, 50, 75)) == pytest.approx([7, 13.9, 22])
        assert (np.diff(times) >= 0).all()
    for n, margins in product((685, 2157), ((0.1, 0.04), (0.03, 0.1))):
        index = index_with(n, Quartiles(2, 3, 5), *margins)
        assert len(index) == n
        assert np.percentile(index, (25, 50, 75)).tolist() == [2, 3, 5]
    falling = falling_times(1001, 9.6, 20, 6, 90)
    assert np.percentile(falling, (50, 75)) == pytest.approx([9.6, 20], rel=0.002)
    assert (np.diff(falling, 2) > 0).all()
    even = quartered(5, quartiles, 50, 80)
    assert even.tolist() == [50, 58, 66, 73, 80]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ages_with(685, Quartiles(58, 66, 73), mean=66.8, sd=2.0), "ages: found none"),
        (lambda: times_with(4, Quartiles(9, 8, 7), 6, 10), "too few"),
        (lambda: falling_times(100, 40, 50, 6, 90), "no falling density"),
    ],
)
def test_impossible_columns_are_refused(make, words):
    """Quartiles that no column can have are named."""
    with pytest.raises(SynthesisError, match=words):
        make()


def test_the_patients_look_like_patients(cohort):
    """The stated rules hold: nothing outside the dates, no treatment too late, falling hazards."""
    chosen = paper_settings(STUDY)
    after = match(cohort, chosen.plan, rng=chosen.generator()).after
    found = plausibility(after).set_index("rule")
    for rule in found.index[found.index.str.endswith(", none")]:
        assert found.loc[rule, "treated"] == "0"
    hazards = found[found.index.str.startswith("Hazard")].iloc[0]
    for arm in ("treated", "control"):
        values = [float(value) for value in hazards[arm].split(", ")]
        assert values == sorted(values, reverse=True)
    most = found.loc["Most events on one day"].astype(int)
    assert most.max() <= 5


def test_the_page_lists_what_gives_way_and_how_the_patients_look(cohort, verdicts, tmp_path):
    """One row per printed number that gives way, and one per rule; nothing of other patients."""
    paper = study_paper(KEY)
    shown = gives_way_table(verdicts, paper, CONFLICTS, cohort, tmp_path).data
    kept = pd.read_csv(tmp_path / "gives_way.csv", dtype=str)
    assert len(kept) == len(GIVEN_UP)
    row = kept[kept["Number"].str.contains("quartile") & (kept["printed"] == "60")].iloc[0]
    assert float(row["here"]) < float(printed_median("follow_up")) < float(row["printed"])
    assert "Printed numbers that the synthetic patients do not meet" in shown
    assert "oldest" in plausibility_table(cohort, tmp_path).data
    assert (tmp_path / "plausibility.csv").is_file()
    supplied = replace(cohort, source="supplied")
    for made in (
        gives_way_table(verdicts, paper, CONFLICTS, supplied, tmp_path / "b"),
        plausibility_table(supplied, tmp_path / "b"),
    ):
        assert "Shown for the synthetic patients only" in made.data
    assert not (tmp_path / "b").exists()


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


def test_event_tables_lie_beside_the_table(tmp_path):
    """In the package's data or in another folder, by the study's key."""
    assert events_path(STUDY) == synthetic_path(KEY).with_suffix("")
    assert events_path(STUDY, tmp_path) == tmp_path / KEY
