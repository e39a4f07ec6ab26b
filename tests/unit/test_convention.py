"""The named profiles say what each program does, and mark what no source states."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from replica.convention import (
    CONVENTIONS,
    R_MATCHIT_SURVIVAL,
    SPSS,
    TRINETX,
    Convention,
    convention,
)
from replica.errors import ParameterError
from replica.protocol import CALIPER_SCALES, DRAWS, ORDERS, TIES


@pytest.mark.parametrize("key", ["spss", "trinetx", "r_matchit_survival"])
def test_profiles_are_found_by_key(key):
    """Each profile is found under its own key."""
    assert convention(key) is CONVENTIONS[key]
    assert convention(key).key == key


def test_unknown_profile_suggests_the_nearest():
    """A misspelt profile is answered with those there are."""
    with pytest.raises(ParameterError, match="Did you mean 'spss'"):
        convention("spsss")


@pytest.mark.parametrize("profile", CONVENTIONS.values(), ids=CONVENTIONS)
def test_settings_are_ones_the_estimators_know(profile):
    """Caliper scale, order and ties are values that the protocol allows."""
    assert profile.caliper_scale in CALIPER_SCALES
    assert profile.order in ORDERS
    assert profile.draw in DRAWS
    assert profile.ties in TIES
    assert profile.median_interval in {"plain", "log", "log-log", "spss"}
    assert profile.survival_interval in {"plain", "log", "log-log"}
    assert profile.smd_denominator in {"treated", "control", "pooled"}
    assert profile.fisher_below >= 0


@pytest.mark.parametrize("profile", CONVENTIONS.values(), ids=CONVENTIONS)
def test_every_choice_is_sourced_or_assumed(profile):
    """Each choice of a profile has a source or is marked assumed, and never both at once."""
    choices = {field.name for field in fields(Convention)} - {"key", "label", "assumed", "sources"}
    sourced = {name for name, _ in profile.sources}
    assert sourced | set(profile.assumed) == choices
    assert not sourced & set(profile.assumed)
    assert all(text for _, text in profile.sources)


def test_programs_differ_where_their_results_do():
    """The same words mean different numbers: ties, caliper, continuity, small tables."""
    assert (SPSS.ties, R_MATCHIT_SURVIVAL.ties) == ("breslow", "efron")
    assert SPSS.caliper_scale == "probability"
    assert R_MATCHIT_SURVIVAL.caliper_scale == "sd_probability"
    assert TRINETX.caliper_scale == "sd_probability_pooled"
    assert (SPSS.fisher_below, R_MATCHIT_SURVIVAL.fisher_below) == (5.0, 0.0)
    assert (SPSS.continuity_correction, R_MATCHIT_SURVIVAL.continuity_correction) == (False, True)
    assert (SPSS.draw, R_MATCHIT_SURVIVAL.draw, TRINETX.draw) == (
        "exact_then_random",
        "nearest",
        "nearest",
    )
    assert (SPSS.median_interval, R_MATCHIT_SURVIVAL.median_interval) == ("spss", "log")


def test_the_rule_for_counts_is_said_in_words():
    """A page says which test a profile uses."""
    assert SPSS.chi_square_rule == "Pearson, Fisher if fewer than 5 expected"
    assert R_MATCHIT_SURVIVAL.chi_square_rule == "Yates in 2 x 2 tables"


def test_a_profile_cannot_be_changed():
    """Profiles are frozen; a variant is a new object."""
    with pytest.raises(FrozenInstanceError):
        SPSS.ties = "efron"
