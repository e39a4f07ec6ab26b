"""What a study's page says and keeps, apart from how it looks."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html import unescape

import pandas as pd
import pytest

from replica import pages
from replica.convention import CONVENTIONS
from replica.matching import match
from replica.protocol import MatchingPlan
from replica.settings import choices_under, default_choices, settings
from replica.studies import load_study
from replica.supplied import load_cohort


@pytest.fixture(scope="module")
def matched():
    """Match the synthetic cohort of the small-cell study."""
    return match(load_cohort(load_study("sclc_second_line")))


def test_the_flow_says_why_patients_are_left_unmatched(matched, tmp_path):
    """A control that nobody chose is not one without a counterpart in reach."""
    told = pages.attrition(matched, tmp_path).alt
    for arm, group in matched.unmatched.groupby("arm"):
        for reason, number in group["reason"].value_counts().items():
            assert f"{number} {arm}, {reason}" in told


@pytest.mark.parametrize(("source", "kept"), [("synthetic", True), ("supplied", False)])
def test_single_times_are_kept_of_synthetic_patients_only(matched, tmp_path, source, kept):
    """The table of a curve lists the time of every event and of every censored patient."""
    of = replace(
        matched,
        before=replace(matched.before, source=source),
        after=replace(matched.after, source=source),
    )
    pages.curve(of, "figure1a", default_choices(of.before.study), tmp_path)
    assert (tmp_path / "figure1a_curves.csv").is_file() is kept
    assert (tmp_path / "figure1a.svg").is_file()


NUMBERS = {"source": "synthetic", "caliper": 0.02, "ratio": 1, "entry_p": 0.15, "seed": 1}


def rows_of(table):
    """Read a table's rows back from its HTML."""
    rows = re.findall(r"<tr>(.*?)</tr>", table.data)
    return [
        tuple(unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row))
        for row in rows
    ]


def test_no_setting_of_the_plan_is_hidden(matched):
    """Exchange any field of the plan, and the table changes, and says who gave it."""
    study = matched.before.study
    own = settings(study, **NUMBERS)
    shown = rows_of(pages.settings_table(own))
    assert ("Draw of a control", "nearest", "assumed") in shown
    assert ("Caliper", "0.02", "the study") in shown
    assert ("Tied events in Cox models", "breslow", "the program") in shown
    assert "this run" not in str(shown)
    other = {
        "covariates": ("gender",),
        "caliper": None,
        "caliper_scale": "logit",
        "ratio": 2,
        "order": "largest",
        "exact": ("gender", "smoking"),
        "caliper_inclusive": False,
        "replace": True,
        "draw": "random",
        "discard": "both",
        "covariate_calipers": (("age_years", 5.0),),
        "method": "optimal",
    }
    untold = {"assumed", "reestimate"}
    assert set(other) == {field.name for field in fields(MatchingPlan)} - untold
    for name, value in other.items():
        changed = replace(own, plan=replace(own.plan, **{name: value}))
        table = rows_of(pages.settings_table(changed))
        assert next(row[2] for row in table if row not in shown) == "this run", name
    again = replace(own, plan=replace(own.plan, discard="both", reestimate=True))
    assert "left out, score fitted again" in str(rows_of(pages.settings_table(again)))


def test_the_table_of_another_profile_says_what_this_run_chose(matched):
    """Rules that differ from the study's come from this run; the seed is shown when it matters."""
    study = matched.before.study
    shown = rows_of(pages.settings_table(settings(study, **NUMBERS, convention="trinetx")))
    assert ("Order of the treated", "random", "this run") in shown
    assert ("Seed of order and draw", "1", "this run") in shown
    assert ("Tied events in Cox models", "efron", "assumed") in shown
    assert ("Convention profile", "TriNetX Live", "this run") in shown


def test_the_love_plot_follows_the_profile(matched, tmp_path):
    """The denominator is that of the choices; without choices, of the study's own profile."""
    pages.love(matched, tmp_path)
    assert set(pd.read_csv(tmp_path / "balance.csv")["denominator"]) == {"pooled"}
    choices = choices_under(matched.before.study, CONVENTIONS["r_matchit_survival"])
    pages.love(matched, tmp_path, choices)
    assert set(pd.read_csv(tmp_path / "balance.csv")["denominator"]) == {"treated"}


def test_selection_says_its_rule_and_the_events_behind_each_coefficient(matched):
    """Cases, entry rule, who entered, and events per variable with and without the screened."""
    study = matched.before.study
    choices = default_choices(study)
    said = pages.selection(matched, "pfs", choices).data
    treated = matched.before.patients.query("arm == 'treated'")
    events = int(treated["pfs_event"].sum())
    entered = int(re.search(r"(\d+) of 11 do", said).group(1))
    assert f"{events} events and {entered} coefficients" in said
    assert f"in the joint model: {events / entered:.1f}." in said
    assert f"looked at each: {events / 11:.1f}." in said
    assert "Available cases" in said
    assert "joint over the levels" in said
    assert "below 0.15 enter" in said
    assert "Peduzzi" not in said
    few = pages.selection(matched, "pfs", replace(choices, entry_p=1e-12)).data
    assert "None of the 11 does" in few


def test_selection_warns_of_few_events(matched):
    """Below ten events per coefficient the page says what may be wrong."""
    few = matched.before.where(matched.before.patients.groupby("arm").cumcount() < 60)
    choices = default_choices(few.study)
    said = pages.selection(match(few), "os", choices).data
    assert "Below 10 events per variable" in said
    assert "Peduzzi" in said


def test_equipoise_is_said_and_kept(matched, tmp_path):
    """The share of each arm stands in the figure, in its text and in a table."""
    picture = pages.preference(matched, tmp_path)
    kept = pd.read_csv(tmp_path / "equipoise.csv").set_index("arm")
    for arm, label in (("treated", "2L-ICIs"), ("control", "2L-non-ICIs")):
        share = f"{100 * kept.loc[arm, 'share']:.1f}%"
        assert f"{share} of {kept.loc[arm, 'n']} {label}" in picture.alt
        legend = [text.get_text() for text in picture.figure.legends[0].get_texts()]
        assert f"{label}: {share} in equipoise" in legend
