"""One cohort under several conventions: which rules change, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from replica.analysis import reproduce
from replica.convention import CONVENTIONS
from replica.cox import cox
from replica.errors import ParameterError
from replica.figure_profiles import moved, profile_alt, profile_plot
from replica.matching import match
from replica.page_profiles import (
    SAME,
    balance_table,
    convention_sources,
    convention_table,
    effects_figure,
    effects_table,
    finding,
    keep,
    medians_table,
)
from replica.profiles import CHOICES, choice_variants, profile_variants, what_moves
from replica.protocol import MatchingPlan
from replica.settings import default_choices
from replica.studies import load_study
from replica.supplied import load_cohort


@pytest.fixture(scope="module")
def cohort():
    """Load the synthetic cohort of the small-cell study."""
    return load_cohort(load_study("sclc_second_line"), "synthetic")


@pytest.fixture(scope="module")
def variants(cohort):
    """List every profile and every single choice."""
    return (*profile_variants(cohort), *choice_variants(cohort))


@pytest.fixture(scope="module")
def moves(cohort, variants):
    """Match and analyse the cohort under each, with two repeats where chance decides."""
    return what_moves(cohort, variants, repeats=2)


def row(moves, name, value, outcome="pfs"):
    """Return the effects of one variant and outcome."""
    found = moves.effects.set_index(["name", "value", "outcome"]).loc[[(name, value, outcome)]]
    assert len(found) == 1
    return found.iloc[0]


def test_the_study_s_own_settings_come_first(cohort, variants):
    """The first variant is the study's page: its own plan and choices."""
    own = variants[0].settings
    assert own.plan == cohort.study.matching
    assert own.choices == default_choices(cohort.study)
    assert own.at_paper_settings
    assert not any(variant.settings.at_paper_settings for variant in variants[1:])


def test_a_profile_changes_its_rules_and_no_number(variants):
    """Caliper, ratio and covariates stay; scale, order, draw, ties and intervals follow."""
    own = variants[0].settings
    for variant in (v for v in variants[1:] if v.kind == "profile"):
        plan, choices = variant.settings.plan, variant.settings.choices
        profile = CONVENTIONS[variant.value]
        assert (plan.caliper, plan.ratio, plan.covariates) == (
            own.plan.caliper,
            own.plan.ratio,
            own.plan.covariates,
        )
        assert (plan.caliper_scale, plan.order, plan.draw) == (
            profile.caliper_scale,
            profile.order,
            profile.draw,
        )
        assert (choices.ties, choices.convention) == (profile.ties, profile)
        assert choices.entry_p == own.choices.entry_p


def test_a_choice_changes_one_rule_only(cohort, variants):
    """Put back, the study's own settings are there again."""
    own = variants[0].settings
    for variant in (v for v in variants if v.kind == "choice"):
        names = CHOICES[variant.name]
        plan, choices = variant.settings.plan, variant.settings.choices
        assert (plan, choices) != (own.plan, own.choices)
        for name in names:
            if hasattr(plan, name):
                plan = replace(plan, **{name: getattr(own.plan, name)})
            else:
                old = getattr(own.choices.convention, name)
                choices = replace(choices, convention=replace(choices.convention, **{name: old}))
        choices = replace(choices, ties=own.choices.ties) if "ties" in names else choices
        assert (plan, choices) == (own.plan, own.choices)
        assert variant.settings.study == cohort.study


def test_every_value_of_every_profile_is_tried(variants):
    """Each rule is exchanged for each other value that a profile gives it, once."""
    tried = [(v.name, v.value) for v in variants if v.kind == "choice"]
    assert len(set(tried)) == len(tried)
    assert {name for name, _ in tried} == set(CHOICES) - {"Caliper's edge"}
    assert ("Draw", "exact_then_random") in tried
    assert ("Order", "largest") in tried
    efron = next(v for v in variants if v.value == "efron")
    assert efron.programs == ("trinetx", "r_matchit_survival")
    assert efron.settings.choices.ties == efron.settings.choices.convention.ties == "efron"


def test_the_own_row_is_the_study_s_page(cohort, moves):
    """Ratios, medians and log-rank p values are those of the whole analysis."""
    matched = match(cohort)
    own = moves.effects.iloc[:2].set_index("outcome")
    found = {
        (e.quantity.outcome, e.quantity.item, e.quantity.arm, e.statistic): e.value
        for e in reproduce(matched, default_choices(cohort.study))
        if e.quantity.stage == "after" and not e.quantity.time and not e.quantity.subgroup
    }
    for outcome in ("pfs", "os"):
        shown = own.loc[outcome]
        assert shown["hazard_ratio"] == found[outcome, "treatment", "treated", "hr"]
        assert shown["ci_high"] == found[outcome, "treatment", "treated", "ci_high"]
        assert shown["p_log_rank"] == found[outcome, "treatment", "treated", "p"]
        assert shown["median_control"] == found[outcome, "survival", "control", "median"]
        assert shown["median_low_treated"] == found[outcome, "survival", "treated", "ci_low"]
        assert shown["treated"] == shown["control"] == len(matched.after) / 2


def test_each_choice_moves_what_it_should_and_nothing_else(moves):
    """Ties move the ratio, not the log-rank test; a median's interval moves only itself."""
    own = row(moves, *moves.effects.iloc[0][["name", "value"]])
    efron = row(moves, "Ties", "efron")
    assert efron["hazard_ratio"] != own["hazard_ratio"]
    assert efron["p_log_rank"] == own["p_log_rank"]
    log = row(moves, "Median interval", "log")
    assert log["median_low_treated"] != own["median_low_treated"]
    kept = ["treated", "hazard_ratio", "ci_low", "p_wald", "median_treated", "median_control"]
    assert log[kept].to_list() == own[kept].to_list()
    balance = moves.balance.set_index(["name", "value"])
    first = balance.iloc[0]
    yates = balance.loc[("Chi-square", "Yates in 2 x 2 tables")]
    assert "Yates" in yates["test"]
    assert yates["smallest_p"] > first["smallest_p"]
    assert yates["largest_smd"] == first["largest_smd"]
    treated = balance.loc[("SMD denominator", "treated")]
    assert treated["smallest_p"] == first["smallest_p"]
    assert treated["largest_smd"] != first["largest_smd"]
    assert treated["denominator"] == "treated"


def test_chance_is_repeated_and_only_chance(cohort, variants, moves):
    """The range over seeds holds the number shown, which is that of the first seed."""
    random = moves.effects[moves.effects["repeats"] > 0]
    assert set(random["value"]) == {"trinetx", "random", "exact_then_random"}
    for what in ("treated", "hazard_ratio", "p_wald"):
        assert (random[f"{what}_min"] <= random[what]).all()
        assert (random[what] <= random[f"{what}_max"]).all()
    still = moves.effects[moves.effects["repeats"] == 0]
    assert still["hazard_ratio_min"].isna().all()
    drawn = next(v for v in variants if v.value == "exact_then_random").settings
    after = match(cohort, drawn.plan, rng=np.random.default_rng(2)).after
    second = cox(after, "os", ["arm"], ties="breslow").summary().iloc[0]["hazard_ratio"]
    shown = row(moves, "Draw", "exact_then_random", "os")
    ends = {shown["hazard_ratio_min"], shown["hazard_ratio_max"]}
    assert ends == {shown["hazard_ratio"], second}


def test_a_variant_without_a_pair_keeps_its_row_and_says_why(toy_cohort):
    """Where no two patients may be matched, numbers are missing and the reason stands there."""
    plan = MatchingPlan(("smoking",), 0.2, "probability", exact=("sex",))
    apart = toy_cohort.patients.assign(sex=np.where(toy_cohort.treated, "male", "female"))
    cohort = replace(toy_cohort, study=replace(toy_cohort.study, matching=plan), patients=apart)
    found = what_moves(cohort, profile_variants(cohort), repeats=1)
    assert found.effects["reason"].str.startswith("no pair: no stratum of sex").all()
    assert found.effects[["hazard_ratio", "p_wald", "median_treated"]].isna().all(axis=None)
    assert (found.effects["treated"] == 0).all()
    assert found.balance["largest_smd"].isna().all()
    assert "not estimable" in effects_table(found, cohort.study, "os").data
    assert "not estimable" in balance_table(found, cohort.study).data


def test_a_ratio_that_does_not_exist_is_missing_with_its_reason(toy_cohort):
    """Without an event there is no hazard ratio; the variant keeps its sizes."""
    cohort = replace(toy_cohort, patients=toy_cohort.patients.assign(os_event=0))
    found = what_moves(cohort, profile_variants(cohort)[:1]).effects.iloc[0]
    assert found["treated"] > 0
    assert found["reason"]
    assert np.isnan(found["hazard_ratio"])


def test_pages_show_a_dot_for_what_stays(cohort, moves, tmp_path):
    """Tables lay out profiles and choices; a number that a choice leaves alone is a dot."""
    study = cohort.study
    shown = effects_table(moves, study, "os").data
    assert "the study’s own" in shown  # noqa: RUF001 - typographic apostrophe
    assert "One choice exchanged" in shown
    rows, note = shown.split("No number shown moves with ")
    for choice in ("Median interval: log", "Chi-square: Pearson", "Chi-square: Yates"):
        assert choice in note
        assert choice not in rows
    exchanged = rows[rows.index("One choice exchanged") :]
    assert f">{SAME}<" in exchanged
    medians = medians_table(moves, study, "pfs").data
    assert "Median interval: log</th>" in medians
    assert "No number shown moves with Ties: efron; Chi-square" in medians
    assert "ECOG PS" in balance_table(moves, study).data
    keep(moves, tmp_path)
    kept = pd.read_csv(tmp_path / "effects.csv")
    assert len(kept) == len(moves.effects)
    assert (tmp_path / "balance.csv").is_file()


def test_the_finding_says_how_far_results_move(cohort, moves):
    """Sizes and ratios of the sentences are those of the frame."""
    said = finding(moves, cohort.study).data
    sizes = moves.effects.query("kind == 'profile'")["treated"]
    assert f"{sizes.min()} to {sizes.max()} pairs" in said
    assert "**Overall survival**: over the profiles the hazard ratio runs from " in said
    assert "intervals exclude 1" in said


def test_the_page_names_every_choice_with_a_source_or_as_assumed():
    """No rule of a profile is hidden, and what is assumed is marked."""
    table, sources = convention_table().data, convention_sources().data
    for word in ("draw", "caliper scale", "fisher below", "smd denominator"):
        assert f">{word}</th>" in table
    assert "exact_then_random" in table
    assert "never *" in table
    assert sources.count("- assumed, no source at hand: ") == 3
    assert "before its version 2.0.0 of 2023" in sources


def test_the_figure_draws_what_moves(cohort, moves, tmp_path):
    """A dot and an interval per row and outcome; a choice that moves no ratio is left out."""
    effects = moves.effects
    shown = moved(effects)
    names = set(shown["name"])
    assert "Ties" in names
    assert not names & {"Chi-square", "Median interval", "SMD denominator"}
    picture = effects_figure(moves, cohort.study, tmp_path)
    panels = picture.figure.axes
    assert [axes.get_title() for axes in panels] == [
        "Progression-free\nsurvival",
        "Overall survival",
    ]
    for axes, outcome in zip(panels, ("pfs", "os"), strict=True):
        rows = shown[shown["outcome"] == outcome]
        dots = [line for line in axes.lines if line.get_gid() == "estimate"]
        drawn = [float(line.get_xdata()[0]) for line in dots]
        assert drawn == rows["hazard_ratio"].to_list()
        spans = [line for line in axes.lines if line.get_gid() == "interval"]
        assert [tuple(line.get_xdata()) for line in spans] == list(
            zip(rows["ci_low"], rows["ci_high"], strict=True)
        )
        ranges = [line for line in axes.lines if line.get_gid() == "range"]
        assert len(ranges) == int((rows["repeats"] > 0).sum())
        low, high = axes.get_xlim()
        assert low < rows["ci_low"].min()
        assert high > rows["ci_high"].max()
    own = effects.iloc[0]
    assert f"{own['name']} {own['hazard_ratio']:.2f}" in picture.alt
    assert (tmp_path / "hazard_ratios.svg").is_file()


def test_the_figure_says_what_cannot_be_estimated(moves):
    """A variant without a ratio keeps its row."""
    effects = moves.effects.copy()
    gone = effects["value"] == "trinetx"
    effects.loc[gone, ["hazard_ratio", "ci_low", "ci_high", "hazard_ratio_min"]] = np.nan
    figure = profile_plot(effects, labels={"pfs": "PFS", "os": "OS"}, title="Ratios")
    for axes in figure.axes:
        assert "not estimable" in [text.get_text() for text in axes.texts]


def test_the_figure_refuses_what_it_cannot_name(moves):
    """An outcome without a label, and a frame without profiles, are errors."""
    with pytest.raises(ParameterError, match="no label"):
        profile_plot(moves.effects, labels={"pfs": "PFS"}, title="Ratios")
    with pytest.raises(ParameterError, match="found no profile"):
        profile_alt(
            moves.effects[moves.effects["kind"] == "choice"], labels={"pfs": "PFS", "os": "OS"}
        )
