"""The words a study is described in refuse descriptions that contradict themselves."""

from __future__ import annotations

import ast
import sys
from dataclasses import FrozenInstanceError, replace
from datetime import date
from pathlib import Path

import pytest

import replica.studies
from replica.errors import ParameterError, ProtocolError
from replica.protocol import (
    Calendar,
    Categorical,
    Characteristic,
    Covariate,
    CurvePlan,
    Endpoint,
    Level,
    MatchingPlan,
    Measure,
    ModelPlan,
    Outcome,
    SubgroupPlan,
)
from replica.studies import load_study, study_keys

YES_NO = (Level("yes", "Yes"), Level("no", "No"))


@pytest.mark.parametrize("key", ["", "Liver", "liver metastases", "liver-metastases", "_x", "x\n"])
def test_keys_can_stand_in_files_and_ids(key):
    """Keys are lower-case letters, digits and underscores."""
    with pytest.raises(ProtocolError, match="lower-case letters, digits and underscores"):
        Covariate(key, "Label", YES_NO)
    with pytest.raises(ProtocolError, match="lower-case letters, digits and underscores"):
        Level(key, "Label")


def test_one_level_is_no_category():
    """A categorical column has at least two levels."""
    with pytest.raises(ProtocolError, match="found 1 levels; at least 2"):
        Categorical("sex", "Sex", (Level("male", "Male"),))


def test_a_level_stands_once():
    """No level key may stand twice."""
    with pytest.raises(ProtocolError, match="found twice: yes"):
        Categorical("smoking", "Smoking", (*YES_NO, Level("yes", "Again")))


def test_contrast_defaults_to_first_and_reference_is_last():
    """Models compare the first level with the last unless told otherwise."""
    levels = (Level("i", "I"), Level("ii", "II"), Level("iii", "III"))
    assert (Covariate("stage", "Stage", levels).contrast) == "i"
    assert (Covariate("stage", "Stage", levels, contrast="ii").contrast) == "ii"
    assert Covariate("stage", "Stage", levels).reference == "iii"


@pytest.mark.parametrize(
    ("contrast", "message"), [("yess", "Did you mean 'yes'"), ("no", "contrast and reference")]
)
def test_contrast_must_be_another_known_level(contrast, message):
    """A contrast that is unknown, or the reference itself, is refused."""
    with pytest.raises(ProtocolError, match=message):
        Covariate("smoking", "Smoking", YES_NO, contrast=contrast)


def test_measure_needs_a_range():
    """A measure's minimum does not exceed its maximum."""
    with pytest.raises(ProtocolError, match="minimum 9 exceeds 3"):
        Measure("cycles", "Cycles", "cycles", 9, 3)


@pytest.mark.parametrize("times", [(0, 6), (-6,), (12, 6)])
def test_rate_times_are_positive_and_increase(times):
    """Rates are reported at positive times in increasing order."""
    with pytest.raises(ProtocolError, match="positive and increasing"):
        Outcome("os", "Overall survival", "OS", "os_months", "os_event", "months", times)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"caliper": 0.0}, "found 0.0; it must be above 0, or None"),
        ({"caliper": float("nan")}, "found nan"),
        ({"caliper_scale": "sd_logits"}, "Did you mean 'sd_logit'"),
        ({"order": "larges"}, "Did you mean 'largest'"),
        ({"ratio": 0}, "at least 1 control per treated"),
        ({"covariates": ()}, "needs at least one"),
    ],
)
def test_impossible_matching_is_refused(setting, message):
    """A matching plan with an impossible setting says which one and what is allowed."""
    plan = MatchingPlan(("sex",), caliper=0.02, caliper_scale="probability")
    with pytest.raises(ProtocolError, match=message):
        replace(plan, **setting)


@pytest.mark.parametrize("entry_p", [0.0, -0.1, 1.1])
def test_entry_p_is_a_probability(entry_p):
    """The threshold of the univariable screen lies in (0, 1]."""
    with pytest.raises(ProtocolError, match=r"it must lie in \(0, 1\]"):
        ModelPlan("os", "treated", ("sex",), entry_p, "table2")


def test_dates_come_in_order():
    """Enrolment does not end before it starts nor after the data cut-off."""
    with pytest.raises(ProtocolError, match="in that order"):
        Calendar("start", date(2020, 1, 1), date(2019, 1, 1), date(2021, 1, 1))
    with pytest.raises(ProtocolError, match="in that order"):
        Calendar("start", date(2019, 1, 1), date(2020, 1, 1), date(2019, 6, 1))


def wrong_parts(study):
    """Pair each part of a study that may name another with a wrong name in it."""
    outcome = replace(study.outcomes[0], no_later_than="death")
    plan = study.matching
    return {
        "two columns of one name": {"measures": (Measure("sex", "Sex", "", 0, 1),)},
        "matching covariates": {"matching": replace(plan, covariates=("sexx",))},
        "exact matching": {"matching": replace(plan, exact=("age",))},
        "outcome of a model": {"models": (ModelPlan("pfs", "treated", ("sex",), 0.1, "table2"),)},
        "covariate of a model": {"models": (ModelPlan("os", "treated", ("age",), 0.1, "table2"),)},
        "exhibit of a model": {"models": (ModelPlan("os", "treated", ("sex",), 0.1, "table9"),)},
        "subgroup": {"subgroups": (SubgroupPlan("os", ("age",), "figure2"),)},
        "groups of a curve": {"curves": (CurvePlan("figure1", "os", "before", by="age"),)},
        "bounding outcome": {"outcomes": (outcome,)},
        "level of an endpoint": {"endpoints": (Endpoint("x", "X", "regimen", ("both",)),)},
        "column of an endpoint": {"endpoints": (Endpoint("x", "X", "regime", ("alone",)),)},
    }


@pytest.mark.parametrize(
    "part",
    [
        "two columns of one name",
        "matching covariates",
        "exact matching",
        "outcome of a model",
        "covariate of a model",
        "exhibit of a model",
        "subgroup",
        "groups of a curve",
        "bounding outcome",
        "level of an endpoint",
        "column of an endpoint",
    ],
)
def test_a_study_names_only_what_it_has(toy_study, part):
    """Each part of a study that names something unknown is refused when the study is made."""
    with pytest.raises(ProtocolError, match=r"allowed|found twice"):
        replace(toy_study, **wrong_parts(toy_study)[part])


@pytest.mark.parametrize(
    ("look_up", "key", "nearest"),
    [
        ("covariate", "smokin", "smoking"),
        ("characteristic", "regime", "regimen"),
        ("outcome", "oss", "os"),
        ("exhibit", "table_1", "table1"),
    ],
)
def test_looking_up_an_unknown_part_suggests_the_nearest(toy_study, look_up, key, nearest):
    """A misspelt key is answered with the keys there are and the nearest of them."""
    with pytest.raises(ProtocolError, match=f"Did you mean '{nearest}'"):
        getattr(toy_study, look_up)(key)
    assert getattr(toy_study, look_up)(nearest).key == nearest


def test_arm_labels_are_the_papers(toy_study):
    """The arms' keys give the printed labels; another group's name stays as it is."""
    labels = [toy_study.arm_label(key) for key in ("treated", "control", "all")]
    assert labels == ["Treatment", "Control", "all"]


def test_a_study_cannot_be_changed(toy_study):
    """A description is frozen; variants are made with `dataclasses.replace`."""
    with pytest.raises(FrozenInstanceError):
        toy_study.key = "other"


def test_characteristics_exist_in_both_arms_unless_said():
    """A characteristic without `arms` is recorded for everybody."""
    assert Characteristic("rash", "Rash", YES_NO).arms == ("treated", "control")


def test_studies_are_found_by_listing_the_folder():
    """Every public module of the folder is a study under its own name."""
    folder = Path(replica.studies.__file__).parent
    names = sorted(path.stem for path in folder.glob("[!_]*.py"))
    assert list(study_keys()) == names
    assert [load_study(key).key for key in study_keys()] == names


def test_study_modules_import_the_protocol_only():
    """Studies are data: beside the standard library they import `replica.protocol` alone."""
    for path in Path(replica.studies.__file__).parent.glob("[!_]*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
        assert imported - sys.stdlib_module_names == {"replica.protocol"}, path.name


def test_unknown_study_suggests_the_nearest():
    """A misspelt study key is answered with the keys there are."""
    with pytest.raises(ParameterError, match="Did you mean 'sclc_second_line'"):
        load_study("sclc_secondline")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("added_empty", "", "must define STUDY"),
        ("added_text", "STUDY = 'toy'", "found str"),
        (
            "added_copy",
            "from dataclasses import replace\n"
            "from replica.studies.sclc_second_line import STUDY as S\n"
            "STUDY = replace(S, key='another')",
            "STUDY.key = 'another'; allowed: the module's name",
        ),
    ],
)
def test_a_module_without_its_study_is_refused(name, content, message, tmp_path, monkeypatch):
    """A module dropped into the folder is found at once, and must hold the study of its name."""
    (tmp_path / f"{name}.py").write_text(content)
    monkeypatch.setattr(replica.studies, "__path__", [*replica.studies.__path__, str(tmp_path)])
    with pytest.raises(ProtocolError, match=message):
        load_study(name)
