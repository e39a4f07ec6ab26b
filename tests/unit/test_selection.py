"""Univariable screens, the joint models they lead to, and subgroup effects."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

from replica.cohort import Cohort
from replica.cox import cox
from replica.errors import DataError, ParameterError
from replica.protocol import (
    Arm,
    Calendar,
    Citation,
    Covariate,
    Level,
    MatchingPlan,
    ModelPlan,
    Outcome,
    Study,
    SubgroupPlan,
)
from replica.selection import subgroup_effects, univariable_to_multivariable

ESTIMATES = ["hazard_ratio", "ci_low", "ci_high", "p"]


def _covariate(key: str, *levels: str) -> Covariate:
    return Covariate(key, key.title(), tuple(Level(level, level) for level in levels))


@pytest.fixture
def cohort() -> Cohort:
    """Four hundred patients: liver metastases matter, sex does not, grade does a little."""
    covariates = (
        _covariate("liver", "yes", "no"),
        _covariate("sex", "male", "female"),
        _covariate("grade", "high", "mid", "low"),
    )
    study = Study(
        key="tiny",
        title="Tiny",
        question="?",
        citation=Citation("A", "T", "J", 2020, "10.1/x", "a2020"),
        eligibility=(),
        exclusions=(),
        treated=Arm("treated", "New"),
        control=Arm("control", "Old"),
        covariates=covariates,
        outcomes=(
            Outcome("os", "Overall survival", "OS", "os_months", "os_event", "months", (1,)),
        ),
        matching=MatchingPlan(("sex",), None, "probability"),
        calendar=Calendar("start", date(2010, 1, 1), date(2015, 1, 1), date(2016, 1, 1)),
        convention="spss",
    )
    rng = np.random.default_rng(2)
    n = 400
    liver, grade = rng.choice(["yes", "no"], n), rng.choice(["high", "mid", "low"], n)
    arm = rng.choice(["treated", "control"], n)
    hazard = np.exp(1.0 * (liver == "yes") + 0.8 * (grade == "high") - 0.5 * (arm == "treated"))
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{i:03}" for i in range(n)],
            "arm": arm,
            "liver": liver,
            "sex": rng.choice(["male", "female"], n),
            "grade": grade,
            "os_months": np.round(rng.exponential(12 / hazard), 1) + 0.1,
            "os_event": (rng.random(n) < 0.8).astype(int),
        }
    )
    return Cohort(study, patients, "synthetic")


PLAN = ModelPlan("os", "treated", ("liver", "sex", "grade"), 0.05, "table_4")
SUBGROUPS = SubgroupPlan("os", ("sex", "grade"), "figure_3")


def test_covariates_below_the_threshold_enter_the_joint_model(cohort):
    """Each univariable row is that covariate's own model within the plan's arm."""
    found = univariable_to_multivariable(cohort, PLAN, ties="breslow")
    assert found.entered == ("liver", "grade")
    assert found.univariable["name"].tolist() == ["liver", "sex", "grade=high", "grade=mid"]
    arm = cohort.within("treated")
    alone = cox(arm, "os", ["sex"], ties="breslow").summary()
    row = found.univariable.loc[found.univariable["covariate"] == "sex"].iloc[0]
    assert row[ESTIMATES].tolist() == alone.loc[0, ESTIMATES].tolist()
    assert row["entry_p"] >= 0.05
    joint = cox(arm, "os", ["liver", "grade"], ties="breslow")
    assert found.multivariable["hazard_ratio"].tolist() == np.exp(joint.coef).tolist()
    assert found.multivariable["covariate"].tolist() == ["liver", "grade", "grade"]
    assert (found.multivariable["n"] == len(arm)).all()
    assert found.events_per_variable == joint.n_events / 3


def test_a_covariate_of_several_levels_enters_by_its_joint_test(cohort):
    """Its rows share one entry p value, and it enters as a whole."""
    found = univariable_to_multivariable(cohort, PLAN, ties="efron").univariable
    grade = found[found["covariate"] == "grade"]
    assert grade["entry_p"].tolist() == [grade["entry_p"].iloc[0]] * 2
    fit = cox(cohort.within("treated"), "os", ["grade"], ties="efron")
    assert grade["entry_p"].iloc[0] == fit.wald_p()
    single = found[found["covariate"] != "grade"]
    np.testing.assert_allclose(single["entry_p"], single["p"], rtol=1e-10)


def test_the_rule_says_what_was_done(cohort):
    """Arm, ties, test, threshold, complete cases and who entered."""
    rule = univariable_to_multivariable(cohort, PLAN, ties="breslow").rule
    for part in ("treated arm", "Breslow", "Wald", "below 0.05", "complete cases", "liver, grade"):
        assert part in rule


def test_when_nothing_passes_there_is_no_joint_model(cohort):
    """An empty frame with the usual columns, and the rule says so."""
    found = univariable_to_multivariable(cohort, PLAN, ties="efron", entry_p=1e-12)
    assert found.entered == ()
    assert found.multivariable.empty
    assert found.multivariable.columns.tolist()[:3] == ["covariate", "name", "hazard_ratio"]
    assert "No covariate passed" in found.rule
    assert math.isnan(found.events_per_variable)


def test_the_entry_threshold_can_be_replaced(cohort):
    """A threshold of 1 lets everything in; one that is no probability is refused."""
    found = univariable_to_multivariable(cohort, PLAN, ties="efron", entry_p=1)
    assert found.entered == ("liver", "sex", "grade")
    with pytest.raises(ParameterError, match="entry_p"):
        univariable_to_multivariable(cohort, PLAN, ties="efron", entry_p=5)


def test_a_covariate_that_cannot_be_estimated_does_not_enter(cohort):
    """It has no numbers, a reason, and a place in the rule."""
    constant = Cohort(cohort.study, cohort.patients.assign(liver="yes"), "supplied")
    found = univariable_to_multivariable(constant, PLAN, ties="efron", entry_p=1)
    row = found.univariable.iloc[0]
    assert row[[*ESTIMATES, "entry_p"]].isna().all()
    assert "at least 2 groups" in row["reason"]
    assert found.entered == ("sex", "grade")
    assert "Not estimable alone: liver." in found.rule
    assert row["n"] == len(constant.within("treated"))


def test_each_model_uses_its_own_complete_cases(cohort):
    """A patient with unknown sex still counts in the other models."""
    patients = cohort.patients.copy()
    first = patients.index[patients["arm"] == "treated"][:5]
    patients.loc[first, "sex"] = None
    found = univariable_to_multivariable(
        Cohort(cohort.study, patients, "supplied"), PLAN, ties="efron"
    ).univariable.set_index("name")
    assert found.loc["liver", "n"] - found.loc["sex", "n"] == 5


def test_every_model_can_use_the_same_complete_cases(cohort):
    """Patients with any covariate unknown are left out of all models, counted and said."""
    patients = cohort.patients.copy()
    first = patients.index[patients["arm"] == "treated"][:5]
    patients.loc[first, "sex"] = None
    holed = Cohort(cohort.study, patients, "supplied")
    found = univariable_to_multivariable(holed, PLAN, ties="efron", missing="complete")
    assert (found.univariable["n"] == len(cohort.within("treated")) - 5).all()
    assert (found.missing, found.n_excluded) == ("complete", 5)
    assert "all on the patients with every covariate known" in found.rule
    available = univariable_to_multivariable(holed, PLAN, ties="efron")
    assert (available.missing, available.n_excluded) == ("available", 0)
    empty = Cohort(cohort.study, cohort.patients.assign(sex=None), "supplied")
    with pytest.raises(DataError, match="every covariate known"):
        univariable_to_multivariable(empty, PLAN, ties="efron", missing="complete")


def test_a_covariate_can_enter_by_its_strongest_level(cohort):
    """The smallest p of its levels decides, and the rule says so."""
    joint = univariable_to_multivariable(cohort, PLAN, ties="efron").univariable
    found = univariable_to_multivariable(cohort, PLAN, ties="efron", entry="level")
    grade = found.univariable[found.univariable["covariate"] == "grade"]
    assert (grade["entry_p"] == grade["p"].min()).all()
    own = joint.loc[joint["covariate"] == "grade", "entry_p"].iloc[0]
    between = sorted([own, grade["p"].min()])
    threshold = sum(between) / 2
    entered = [
        "grade"
        in univariable_to_multivariable(
            cohort, PLAN, ties="efron", entry_p=threshold, entry=entry
        ).entered
        for entry in ("global", "level")
    ]
    assert entered == [own < threshold, grade["p"].min() < threshold]
    assert entered[0] != entered[1]
    assert found.entry == "level"
    assert "the smallest of a covariate's levels" in found.rule


@pytest.mark.parametrize("option", ["missing", "entry"])
def test_an_unknown_way_of_selecting_is_refused(cohort, option):
    """The message lists what is allowed."""
    with pytest.raises(ParameterError, match=f"{option}: found 'all'; allowed"):
        univariable_to_multivariable(cohort, PLAN, ties="efron", **{option: "all"})


def test_an_empty_arm_is_refused(cohort):
    """No model is made of nobody."""
    with pytest.raises(DataError, match="no patient in the treated arm"):
        univariable_to_multivariable(cohort.within("control"), PLAN, ties="efron")


def test_subgroup_effects_are_models_with_treatment_alone(cohort):
    """One row per level, in the study's order, treated against control."""
    found = subgroup_effects(cohort, SUBGROUPS, ties="breslow")
    assert found["level"].tolist() == ["male", "female", "high", "mid", "low"]
    assert found.loc[found["covariate"] == "sex", "n"].sum() == len(cohort)
    male = cohort.where(cohort.patients["sex"] == "male")
    fit = cox(male, "os", ["arm"], ties="breslow")
    assert found.loc[0, "hazard_ratio"] == math.exp(fit.coef[0])
    assert found.loc[0, ["n", "n_treated", "events"]].tolist() == [
        len(male),
        int(male.treated.sum()),
        fit.n_events,
    ]
    assert (found["reason"] == "").all()


def test_a_subgroup_that_cannot_be_estimated_has_a_reason_instead_of_numbers(cohort):
    """Nobody, one arm only, no event, and an arm without events."""
    patients = cohort.patients.copy()
    patients = patients[patients["grade"] != "high"].copy()
    patients.loc[patients["grade"] == "mid", "arm"] = "treated"
    patients.loc[patients["sex"] == "male", "os_event"] = 0
    patients.loc[(patients["sex"] == "female") & (patients["arm"] == "control"), "os_event"] = 0
    holed = Cohort(cohort.study, patients.reset_index(drop=True), "supplied")
    found = subgroup_effects(holed, SUBGROUPS, ties="efron").set_index("level")
    assert found[ESTIMATES].isna().all(axis=None)
    assert "no patient" in found.loc["high", "reason"]
    assert "arm has the same value" in found.loc["mid", "reason"]
    assert "no event" in found.loc["male", "reason"]
    assert "arm diverges" in found.loc["female", "reason"]
    assert found.loc["high", "n"] == 0
