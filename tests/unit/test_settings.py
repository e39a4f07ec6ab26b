"""A notebook's parameters: what is refused before anything runs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from replica.convention import CONVENTIONS
from replica.errors import ParameterError
from replica.protocol import MatchingPlan
from replica.settings import default_choices, plan_under, settings
from replica.studies import load_study

STUDY = load_study("sclc_second_line")
PAPER = {
    "source": "synthetic",
    "caliper": 0.02,
    "caliper_scale": "probability",
    "ratio": 1,
    "order": "data",
    "ties": "breslow",
    "entry_p": 0.15,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("caliper", "0.02"),
        ("caliper", True),
        ("caliper", math.inf),
        ("caliper", math.nan),
        ("caliper", 0),
        ("ratio", 2.5),
        ("ratio", "2"),
        ("ratio", True),
        ("ratio", 0),
        ("entry_p", "0.15"),
        ("entry_p", None),
        ("entry_p", 0),
        ("seed", 1.0),
        ("seed", -1),
        ("order", "rand"),
        ("caliper_scale", "SD"),
        ("source", "real"),
        ("ties", "exactly"),
        ("convention", "matchit"),
        ("convention", 3),
    ],
)
def test_an_impossible_value_is_refused_by_name(name, value):
    """Plain papermill passes on any type, so the notebook has to look at it."""
    with pytest.raises(ParameterError, match=f"^{name}: found "):
        settings(STUDY, **{**PAPER, name: value})


def test_no_caliper_is_a_caliper():
    """None stands for matching without one, and is not the paper's setting."""
    assert not settings(STUDY, **{**PAPER, "caliper": None}).at_paper_settings


def test_verdicts_belong_to_the_paper_s_settings():
    """The seed plays no part without a random order; everything else does."""
    assert settings(STUDY, **PAPER).at_paper_settings
    assert settings(STUDY, **{**PAPER, "seed": 7}).at_paper_settings
    assert not settings(STUDY, **{**PAPER, "source": "supplied"}).at_paper_settings
    assert not settings(STUDY, **{**PAPER, "ties": "efron"}).at_paper_settings


NUMBERS = {"source": "synthetic", "caliper": 0.02, "ratio": 1, "entry_p": 0.15, "seed": 1}


def test_empty_rules_are_the_study_s_own():
    """Without a profile, scale, order and ties the study's plan and choices are used."""
    assert settings(STUDY, **NUMBERS) == settings(STUDY, **PAPER)
    assert settings(STUDY, **NUMBERS, convention="spss").at_paper_settings
    assert settings(STUDY, **NUMBERS).choices == default_choices(STUDY)
    named = settings(STUDY, **NUMBERS, convention="spss").as_parameters()
    assert (named["convention"], named["caliper_scale"], named["order"]) == (
        "spss",
        "probability",
        "data",
    )


@pytest.mark.parametrize("key", ["trinetx", "r_matchit_survival"])
def test_another_profile_brings_all_its_rules_and_no_verdicts(key):
    """Matching, ties, intervals, tests and denominators follow; the paper's numbers stay."""
    profile = CONVENTIONS[key]
    chosen = settings(STUDY, **NUMBERS, convention=key)
    assert not chosen.at_paper_settings
    assert chosen.choices.convention == profile
    assert chosen.choices.ties == profile.ties
    rules = ("caliper_scale", "caliper_inclusive", "order", "draw")
    assert [getattr(chosen.plan, name) for name in rules] == [
        getattr(profile, name) for name in rules
    ]
    assert (chosen.plan.caliper, chosen.plan.ratio) == (0.02, 1)
    assert chosen.at_random is (key == "trinetx")


def test_a_rule_that_is_named_counts_more_than_the_profile():
    """A reader may exchange one rule of a profile."""
    rules = {"caliper_scale": "logit", "order": "smallest", "ties": "breslow"}
    chosen = settings(STUDY, **NUMBERS, convention="r_matchit_survival", **rules)
    assert (chosen.plan.caliper_scale, chosen.plan.order) == ("logit", "smallest")
    assert chosen.choices.ties == "breslow"
    assert chosen.choices.convention.ties == "efron"


def test_a_profile_that_contradicts_the_plan_is_refused_by_name():
    """Optimal pairs cannot be drawn at random, as the SPSS profile would."""
    plan = MatchingPlan(("gender",), 0.2, "logit", method="optimal")
    study = replace(STUDY, matching=plan, convention="r_matchit_survival")
    assert plan_under(study, CONVENTIONS["r_matchit_survival"]) == plan
    with pytest.raises(ParameterError, match=r"^convention: 'spss' does not fit the plan"):
        plan_under(study, CONVENTIONS["spss"])
