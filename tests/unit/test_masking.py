"""Small counts of supplied patients are shown nowhere: not in tables, figures, files or words."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from replica import pages, tables
from replica.analysis import reproduce
from replica.balance import balance
from replica.cohort import AttritionStep
from replica.disclosure.cells import Cell, Disclosure
from replica.disclosure.curves import at_risk_texts, coarse, shown_bins, tell_of_few
from replica.disclosure.estimates import masked
from replica.disclosure.frames import masked_balance, masked_counts, masked_parts, masked_steps
from replica.errors import DataError, ParameterError
from replica.estimate import MASKED, Estimate, Quantity
from replica.figures import kaplan_meier_figure
from replica.matching import match
from replica.settings import default_choices, settings
from replica.studies import load_study
from replica.supplied import load_cohort
from replica.survival import kaplan_meier

MIN_CELL = 5


@pytest.fixture(scope="module")
def few(toy_cohort):
    """The toy patients with few women and few of stage III, counts below 5 to be masked."""
    patients = toy_cohort.patients.copy()
    patients["sex"] = ["female" if i in (5, 9, 14) else "male" for i in range(len(patients))]
    patients["stage"] = [
        "iii" if i in (2, 10, 21, 33) else "ii" if i % 2 else "i" for i in range(60)
    ]
    return replace(toy_cohort, patients=patients, min_cell=MIN_CELL)


@pytest.fixture(scope="module")
def matched(few):
    """The matched patients."""
    return match(few)


@pytest.fixture(scope="module")
def shown(matched):
    """The results with what must be masked, by quantity and statistic."""
    return masked(reproduce(matched, default_choices(matched.before.study)), matched)


def values(rows, statistic):
    """Map quantities to their values of one statistic."""
    return {row.quantity: row.value for row in rows if row.statistic == statistic}


def test_without_min_cell_nothing_changes(toy_cohort):
    """Masking is asked for; without it the very same estimates come back."""
    found = match(toy_cohort)
    computed = reproduce(found, default_choices(toy_cohort.study))
    assert masked(computed, found) == computed


def test_no_small_count_is_left(shown):
    """No count from 1 to 4 has a value, and some had one."""
    counts = [value for value in values(shown, "n").values() if value is not None]
    assert counts
    assert not [n for n in counts if 0 < n < MIN_CELL]
    assert [row for row in shown if row.masked and row.statistic == "n"]


def test_a_percentage_goes_with_its_count(shown):
    """A masked count has no percentage, and none has one without a count."""
    counts, percents = values(shown, "n"), values(shown, "percent")
    for quantity, percent in percents.items():
        assert (percent is None) == (counts[quantity] is None), quantity


def test_the_other_level_goes_too(shown):
    """Of two levels both are masked: the size of the arm would tell the small one."""
    counts = values(shown, "n")
    for arm in ("treated", "control", "all"):
        for stage in ("before", "after"):
            female = counts[Quantity("sex", "female", arm=arm, stage=stage)]
            male = counts[Quantity("sex", "male", arm=arm, stage=stage)]
            assert (female is None) == (male is None)


def test_counts_cannot_be_subtracted(matched, shown):
    """Arms, both arms, levels, before and after: no masked small count follows from the others."""
    found = Disclosure.of(matched)
    counts = values(shown, "n")
    assert [n for n in counts.values() if n is None]
    for cell, n in found.counts.items():
        if cell.stage == "after" and cell.level in ("female", "iii") and found.small(n):
            before = counts[Quantity(cell.item, cell.level, arm=cell.arm, stage="before")]
            after = counts[Quantity(cell.item, cell.level, arm=cell.arm, stage="after")]
            assert before is None or after is None


def test_tests_of_masked_counts_are_masked(shown):
    """A p value of a table with a masked cell could be searched for the cell."""
    p = values(shown, "p")
    of = Quantity("sex", "", "", "treated", "control", "", "before")
    assert p[of] is None


def test_extremes_are_those_of_single_patients(shown):
    """Smallest and largest values are masked, medians are not."""
    assert set(values(shown, "min").values()) == {None}
    ages = [v for of, v in values(shown, "median").items() if of.item == "age"]
    assert len(ages) == 6
    assert None not in ages


def test_hazard_ratios_of_few_are_masked(matched, shown):
    """A subgroup of few patients has no hazard ratio; a large one keeps its own."""
    found = Disclosure.of(matched)
    ratios = {row.quantity.subgroup: row for row in shown if row.quantity.subgroup}
    for subgroup, row in ratios.items():
        item, _, level = subgroup.partition("=")
        few_patients = found.few(item, level, {"treated", "control"}, "before")
        assert (row.value is None) == few_patients, subgroup
    assert ratios["sex=female"].masked
    assert not ratios["smoking=yes"].masked


def test_rates_of_few_patients_are_masked(matched):
    """A share of survivors that is that of few patients, or leaves few, is masked."""
    size = Disclosure.of(matched).size("treated", "before")
    of = Quantity("survival", "", "os", "treated", stage="before", time="6 months")
    for alive, hidden in ((size - 2, True), (2, True), (size - 8, False), (size, False)):
        rate = Estimate(of, "rate", Fraction(100 * alive, size), "Kaplan-Meier")
        assert masked([rate], matched)[0].masked == hidden, alive


def test_a_masked_cell_of_a_table_says_so(matched, shown):
    """A table shows the word, not a number, a mark or `not estimable`."""
    study = matched.before.study
    comparison = tables.Comparison.of(study, [], shown)
    frame = tables.side_by_side(
        comparison, tables.count_lines(study, study.covariates[:1], "before"), label="Sex"
    )
    assert MASKED in frame.iloc[1].tolist()
    ages = tables.side_by_side(comparison, tables.treatment_lines(study)[-1:], label="Age")
    assert re.fullmatch(r"\d+\.\d+", ages.iloc[0, 2])


def test_an_arm_of_few_patients_is_refused(toy_study, toy_table, tmp_path):
    """Sizes of arms are shown, so an arm smaller than min_cell cannot be."""
    path = tmp_path / "p.csv"
    toy_table[(toy_table["arm"] == "control") | (toy_table.index < 6)].to_csv(path, index=False)
    assert len(load_cohort(toy_study, "supplied", path, min_cell=3)) == 39
    with pytest.raises(DataError, match="fewer treated patients than min_cell = 5; allowed: at l"):
        load_cohort(toy_study, "supplied", path, min_cell=5)


def test_a_matched_set_of_few_patients_is_refused(few):
    """The size of the matched set is shown too."""
    plan = replace(few.study.matching, caliper=0.0001)
    found = match(few, plan)
    assert 0 < len(found.pairs) < 30
    small = replace(found, before=replace(few, min_cell=len(found.pairs) + 1))
    with pytest.raises(DataError, match="in the group 'treated' after matching; allowed: at least"):
        Disclosure.of(small)


@pytest.mark.parametrize("bad", [-1, 2.5, "5", True, None])
def test_an_impossible_min_cell_is_refused(toy_study, bad):
    """The message says what the number means."""
    with pytest.raises(ParameterError, match=r"min_cell: found .* 0 masks nothing, 5 the"):
        load_cohort(toy_study, min_cell=bad)


def test_masked_runs_are_not_the_papers():
    """A run that masks gives no verdicts and writes nothing where the book looks."""
    study = load_study("sclc_second_line")
    common = {"source": "synthetic", "caliper": 0.02, "ratio": 1, "entry_p": 0.15, "seed": 1}
    assert settings(study, **common).at_paper_settings
    assert not settings(study, **common, min_cell=5).at_paper_settings


def test_restrictions_keep_min_cell(few, matched):
    """Part of a cohort, its matched set and the sorted one are as closely kept as the whole."""
    parts = (few.within("treated"), few.by_id(), matched.before, matched.after)
    assert {part.min_cell for part in parts} == {MIN_CELL}


def test_numbers_at_risk_of_few_are_masked():
    """Small numbers become `<5`, and one that would tell of a few who left becomes a dot."""
    assert at_risk_texts([40, 31, 29, 12, 4, 0], 5) == ["40", "31", "·", "12", "<5", "0"]
    assert at_risk_texts([40, 31, 29, 12, 4, 0], 0) == ["40", "31", "29", "12", "4", "0"]


def test_steps_stand_for_several_events(few):
    """Of a masked curve every step is of at least 5 events among at least 5 at risk, no ticks."""
    curves = kaplan_meier(few, "os")
    kept = coarse(curves, MIN_CELL)
    assert len(kept) < len(curves)
    assert (kept["censored"] == 0).all()
    assert (kept["at_risk"] >= MIN_CELL).all()
    for group, rows in kept.groupby("group"):
        whole = curves[curves["group"] == group].sort_values("time")
        events = [
            int(whole.loc[whole["time"] <= time, "events"].sum()) for time in sorted(rows["time"])
        ]
        assert min(np.diff(events)) >= MIN_CELL
    pd.testing.assert_frame_equal(coarse(curves, 0), curves)


def test_a_masked_figure_has_no_small_number_at_risk_and_no_tick(few):
    """The table below the curves is masked, and no single censored time is drawn."""
    figure = kaplan_meier_figure(
        kaplan_meier(few, "os"),
        labels={"treated": "Treated", "control": "Control"},
        unit="months",
        title="Survival",
        outcome_label="Overall survival",
        min_cell=MIN_CELL,
    )
    texts = [text for axes in figure.axes for text in axes.texts if text.get_gid() == "at-risk"]
    assert texts
    assert not [t for t in texts if t.get_text().isdigit() and 0 < int(t.get_text()) < MIN_CELL]
    ticks = [line for axes in figure.axes for line in axes.lines if line.get_gid() == "censored"]
    assert all(len(line.get_xdata()) == 0 for line in ticks)


def test_bars_of_few_patients_are_left_out():
    """A histogram has no bar of 1 to 4, nor a single missing one that the total would tell."""
    bins = {
        ("treated", "before"): np.array([3, 20, 30, 7]),
        ("treated", "after"): np.array([0, 12, 29, 7]),
    }
    kept = shown_bins(bins, MIN_CELL)
    for heights in kept.values():
        assert not [n for n in heights if 0 < n < MIN_CELL]
    assert (bins["treated", "before"] != kept["treated", "before"]).sum() > 1
    # 30 and 29 would tell of the one left unmatched.
    assert kept["treated", "before"][2] == 0 or kept["treated", "after"][2] == 0
    assert shown_bins(bins, 0)["treated", "before"].tolist() == [3, 20, 30, 7]


def test_means_that_are_shares_of_few_are_left_out(matched):
    """Shares and differences of masked levels are missing from the balance table."""
    frame = masked_balance(balance(matched), matched)
    hidden = Disclosure.of(matched).hidden
    for row in frame[frame["level"] != ""].to_dict("records"):
        gone = Cell(row["covariate"], row["level"], "treated", row["stage"]) in hidden
        assert np.isnan(row["mean_treated"]) == gone
        if gone:
            assert np.isnan(row["smd"])
    assert frame["smd"].isna().any()


def test_counts_of_a_frame_are_masked_with_what_tells_them():
    """Rows that divide a group: small counts, their complement and their hazard ratio go."""
    frame = pd.DataFrame(
        {
            "covariate": ["a", "a", "a", "b"],
            "n": [40, 30, 10, 80],
            "events": [20, 28, 3, 51],
            "hazard_ratio": [1.0, 1.1, 1.2, 1.3],
            "p": [0.1, 0.2, 0.3, 0.4],
        }
    )
    kept = masked_counts(frame, 5, within=[("n", "events")], by="covariate")
    assert kept["events"].isna().tolist() == [False, True, True, False]
    assert kept["n"].tolist() == [40, 30, 10, 80]
    assert kept["hazard_ratio"].isna().tolist() == [False, False, True, False]
    assert kept["p"].isna().tolist() == [False, False, True, False]


def test_parts_of_a_known_number():
    """Of parts that add up, a small one goes with the smallest other."""
    assert masked_parts({"a": 2, "b": 9, "c": 30}, 5) == {"a": None, "b": None, "c": 30}
    assert masked_parts({"a": 2, "b": 9}, 0) == {"a": 2, "b": 9}


def test_steps_at_which_few_left_are_joined():
    """Numbers before and after a step tell how many left: a step of few joins the next."""
    steps = [
        AttritionStep("Table", 100, 0),
        AttritionStep("Adults", 98, 2, "Younger"),
        AttritionStep("Staged", 80, 18, "No stage"),
        AttritionStep("Matched", 79, 1, "Unmatched"),
    ]
    joined = masked_steps(steps, 5)
    assert [(step.label, step.remaining, step.excluded) for step in joined] == [
        ("Table", 100, 0),
        ("Adults; Staged; Matched", 79, 21),
    ]
    assert joined[1].reason == "Younger; No stage; Unmatched"
    assert masked_steps(steps, 0) == tuple(steps)


def test_no_file_of_a_masked_run_has_a_small_count(matched, shown, tmp_path):
    """Every table of a page, as CSV: nothing from 1 to 4 in a column of counts."""
    study, choices = matched.before.study, default_choices(matched.before.study)
    report = pages.Report(tables.Comparison.of(study, [], shown), tmp_path)
    for stage in ("before", "after"):
        lines = tables.count_lines(study, study.covariates, stage)
        pages.table(report, lines, f"table1_{stage}", "Table 1", label="Covariate")
    pages.table(report, tables.treatment_lines(study), "treatment", "Therapy", label="Therapy")
    pages.table(report, tables.pooled_lines(study), "pooled", "Both", label="Quantity")
    pages.love(matched, tmp_path, choices)
    pages.overlap(matched, tmp_path)
    pages.preference(matched, tmp_path)
    pages.attrition(matched, tmp_path)
    pages.curve(matched, "figure1", choices, tmp_path)
    pages.subgroups(matched, report, "os", "figure2", choices)
    counts = ("n", "events", "in_equipoise")
    read = 0
    for path in tmp_path.glob("*.csv"):
        for row in csv.DictReader(path.open(encoding="utf-8")):
            for column, cell in row.items():
                number = re.fullmatch(r"(\d+)( \(.*\))?", cell or "")
                if number and (column in counts or "(" in cell or path.stem == "pooled"):
                    read += 1
                    assert not 0 < int(number.group(1)) < MIN_CELL, (path.name, row)
    assert read > 20
    assert not (tmp_path / "figure1_curves.csv").exists()


def test_curves_without_a_step_for_enough_events_are_not_drawn():
    """Large groups with few events have nothing to show, whatever their sizes; one step will do."""
    rows = [("a", 0.0, 40, 0), ("a", 3.0, 40, 2), ("b", 0.0, 30, 0), ("b", 5.0, 30, 1)]
    curves = pd.DataFrame(rows, columns=["group", "time", "at_risk", "events"]).assign(censored=0)
    assert tell_of_few(curves, 5)
    assert not tell_of_few(curves, 0)
    assert not tell_of_few(curves.assign(events=[0, 6, 0, 1]), 5)
    assert tell_of_few(curves.assign(events=[0, 6, 0, 1], at_risk=[40, 40, 3, 3]), 5)
