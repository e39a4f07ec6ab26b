"""The study of cases and matched controls: groups, tests, odds ratios and readings of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replica.case_control import match_case_control
from replica.errors import ParameterError, ProtocolError, SynthesisError
from replica.group_analysis import case_control_settings, reproduce_groups
from replica.group_counts import (
    LIKELIHOOD_RATIO,
    by_expected_count,
    counts_of,
    likelihood_ratio,
    members,
    which_tests,
)
from replica.group_models import odds_ratio_models, subgroup_hazards
from replica.guarantee_time import AT_MYELOMA, VARYING, exposure_readings
from replica.protocol import Cut, Group, Level, OddsRatioPlan
from replica.published import load_published
from replica.settings import default_choices
from replica.studies import load_study
from replica.supplied import load_cohort
from replica.synthesis.case_control_sets import PrintedCounts, joint_counts, most_controls

KEY = "myeloma_second_primary"


@pytest.fixture(scope="module")
def study():
    """Load the study."""
    return load_study(KEY)


@pytest.fixture(scope="module")
def matched(study):
    """Match the committed patients by the study's own rule."""
    return match_case_control(load_cohort(study), study.groups.case_control)


@pytest.fixture(scope="module")
def printed():
    """Read the printed numbers."""
    return load_published(KEY)


def test_the_matching_rule_returns_the_printed_controls(matched):
    """Thirty-four cases and 66 controls, with the printed numbers by sex and age."""
    assert len(members(matched, "second_cancer")) == 34
    controls = members(matched, "control")
    assert len(controls) == 66
    assert counts_of(controls, "gender") == [34, 32]
    assert counts_of(controls, "age_years") == [36, 30]
    assert len(members(matched, "enrolled")) == 2167


def test_two_controls_of_the_same_sex_cannot_give_the_printed_counts(printed):
    """Thirty-two women need more than twice 14 cases; three per case are enough."""
    counts = PrintedCounts.of(printed)
    assert most_controls(counts, 2)["gender=female"] == (32, 28)
    with pytest.raises(SynthesisError, match="Allow more controls"):
        joint_counts(counts, 2)
    _, controls = joint_counts(counts, 3)
    assert sum(controls.values()) == 66


def test_likelihood_ratio_by_hand():
    """G squared is twice the sum of observed times log observed over expected."""
    table = np.array([[10, 20, 5], [7, 9, 14]])
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    by_hand = 2 * (table * np.log(table / expected)).sum()
    assert likelihood_ratio(table.tolist()).statistic == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ([[17, 17], [47, 19]], "Pearson chi-square"),
        ([[7, 4], [13, 10]], "Pearson chi-square with Yates' continuity correction"),
        ([[15, 10, 9], [18, 21, 27]], LIKELIHOOD_RATIO),
    ],
)
def test_the_rule_follows_size_and_expected_count(table, name):
    """Large expected counts: Pearson; small ones: Yates; more levels: likelihood ratio."""
    assert by_expected_count(table).name == name


def test_ten_of_thirteen_printed_p_values_have_a_test(matched, printed):
    """The rule returns ten; sex, isotype and LDH follow from no test of the printed counts."""
    frame = which_tests(matched, printed)
    by_rule = [
        rule in found.split(", ")
        for rule, found in zip(frame["rule"], frame["returned_by"], strict=True)
    ]
    assert sum(by_rule) == 10
    none = frame.loc[frame["returned_by"] == "", ["item", "first"]].to_numpy().tolist()
    assert none == [[item, "second_cancer"] for item in ("gender", "isotype", "ldh")]


def test_immunomodulator_ratio_is_that_of_patients_without_a_second_cancer(matched, printed):
    """6.97 is (61 x 4) / (5 x 7): treatment in controls over cases; the columns' way is 0.14."""
    frame = odds_ratio_models(matched, printed).set_index(["item", "first"])
    row = frame.loc[("treatment_imid", "myeloma_first")]
    assert row["as_planned"].startswith("6.97 (1.51")
    assert row["inverse"].startswith("0.14 (")
    assert round((61 * 4) / (5 * 7), 2) == 6.97


def test_every_printed_number_about_groups_is_looked_up(matched, printed):
    """Only methods, cut p values and long-term spans have no estimate."""
    computed = {row.key for row in reproduce_groups(matched, default_choices(matched.before.study))}
    missing = {row.item for row in printed if row.statistic != "setting" and row.printed} - {
        row.item for row in printed if row.key in computed
    }
    assert missing == set()


def test_exposure_that_begins_later_is_no_longer_flattered(matched):
    """Waiting for the solid cancer counts as unexposed: the ratio rises, the deaths stay."""
    frame = exposure_readings(matched, "os", ties="breslow")
    of = frame[frame["exposed"] == "myeloma_first"].set_index("reading")
    assert of.loc[VARYING, "hazard_ratio"] > of.loc[AT_MYELOMA, "hazard_ratio"]
    assert of["events"].nunique() == 1


def test_subgroups_have_a_penalised_estimate_too(matched):
    """Firth's ratio is finite and inside its interval in every subgroup."""
    frame = subgroup_hazards(matched, "os", ties="breslow")
    assert len(frame) == 15
    inside = (frame["firth_ci_low"] < frame["firth_hazard_ratio"]) & (
        frame["firth_hazard_ratio"] < frame["firth_ci_high"]
    )
    assert inside.all()


def test_settings_of_the_paper_are_recognised(study):
    """A changed window is not the paper's setting, and nonsense is refused."""
    own = {"ratio": 3, "age_window": 1.0, "year_window": 0.0, "same_sex": True, "order": "hardest"}
    assert case_control_settings(study, source="synthetic", **own).at_paper_settings
    wider = case_control_settings(study, source="synthetic", **(own | {"age_window": 2.0}))
    assert not wider.at_paper_settings
    with pytest.raises(ParameterError, match="order"):
        case_control_settings(study, source="synthetic", **(own | {"order": "best"}))
    with pytest.raises(ParameterError, match="same_sex"):
        case_control_settings(study, source="synthetic", **(own | {"same_sex": "yes"}))


def test_a_group_design_refuses_what_the_study_does_not_have(study):
    """Unknown groups, columns, levels and directions are named."""
    with pytest.raises(ProtocolError, match="unknown group"):
        replace(study.groups, exposed="smokers")
    with pytest.raises(ProtocolError, match="unknown column"):
        replace(study, groups=replace(study.groups, subgroups=(("smoking", ("yes",)),)))
    with pytest.raises(ProtocolError, match="unknown level"):
        replace(study, groups=replace(study.groups, subgroups=(("gender", ("men",)),)))
    with pytest.raises(ProtocolError, match="either"):
        OddsRatioPlan("gender", "second_cancer", "control")
    with pytest.raises(ProtocolError, match="go together"):
        Group("men", "Men", column="gender")
    with pytest.raises(ProtocolError, match="2 levels"):
        Cut("age_years", "Age", (Level("a", "a"), Level("b", "b"), Level("c", "c")), at=65)
