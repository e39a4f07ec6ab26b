"""Bad parameters are refused before a run starts, in the words of the package's own checks."""

from __future__ import annotations

import pytest

from replica.errors import NotebookError, ParameterError, ReplicaError
from replica.group_analysis import case_control_settings
from replica.notebooks import Parameter, inspect
from replica.paths import notebook_path
from replica.runs.parameters import allowed, checked
from replica.settings import settings
from replica.studies import load_study

MATCHED = "sclc_second_line"
CASES = "myeloma_second_primary"
SCALES = (
    "'probability', 'sd_probability', 'sd_probability_pooled', 'logit', 'sd_logit', "
    "'sd_logit_pooled'"
)
WHOLE = "it must be a whole number."
FINITE = "it must be a finite number, or None."

BAD = [
    (MATCHED, "caliper", "-0.1", "caliper: found -0.1; it must be above 0, or None for no limit."),
    (MATCHED, "caliper", "0", "caliper: found 0.0; it must be above 0, or None for no limit."),
    (MATCHED, "caliper", "wide", f"caliper: found 'wide'; {FINITE}"),
    (MATCHED, "caliper", "nan", f"caliper: found 'nan'; {FINITE}"),
    (MATCHED, "caliper", "1e999", f"caliper: found inf; {FINITE}"),
    (MATCHED, "caliper", "True", f"caliper: found True; {FINITE}"),
    (
        MATCHED,
        "caliper_scale",
        "logits",
        f"caliper_scale: found 'logits'; allowed: {SCALES}. Did you mean 'logit'?",
    ),
    (
        MATCHED,
        "order",
        "rndom",
        "order: found 'rndom'; allowed: 'data', 'largest', 'smallest', 'closest', 'random'. "
        "Did you mean 'random'?",
    ),
    (
        MATCHED,
        "ties",
        "breslo",
        "ties: found 'breslo'; allowed: 'efron', 'breslow'. Did you mean 'breslow'?",
    ),
    (
        MATCHED,
        "convention",
        "sps",
        "convention: found 'sps'; allowed: 'spss', 'trinetx', 'r_matchit_survival'. "
        "Did you mean 'spss'?",
    ),
    (MATCHED, "source", "real", "source: found 'real'; allowed: 'synthetic', 'supplied'."),
    (
        MATCHED,
        "ratio",
        "0",
        "ratio: found 0; a whole number of at least 1 control per treated is needed.",
    ),
    (MATCHED, "ratio", "1.5", f"ratio: found 1.5; {WHOLE}"),
    (MATCHED, "ratio", "None", f"ratio: found None; {WHOLE}"),
    (MATCHED, "entry_p", "0", "entry_p: found 0.0; it must lie above 0 and at most at 1."),
    (MATCHED, "entry_p", "1.2", "entry_p: found 1.2; it must lie above 0 and at most at 1."),
    (MATCHED, "seed", "-1", "seed: found -1; it must be a whole number from 0 up."),
    (MATCHED, "seed", "7.5", f"seed: found 7.5; {WHOLE}"),
    (
        CASES,
        "age_window",
        "-1",
        "within: found -1.0 for age_years; needed: a finite difference of 0 or more.",
    ),
    (CASES, "same_sex", "maybe", "same_sex: found 'maybe'; it must be True or False."),
    (CASES, "order", "random", "order: found 'random'; allowed: 'hardest', 'data'."),
    (
        CASES,
        "ratio",
        "0",
        "ratio: found 0; a whole number of at least 1 control per case is needed.",
    ),
]


def parameters(study: str) -> tuple[Parameter, ...]:
    """List what a study's notebook takes."""
    return inspect(notebook_path(study))


@pytest.mark.parametrize(("study", "name", "text", "message"), BAD)
def test_an_impossible_value_is_refused_with_what_is_allowed(study, name, text, message):
    """The message names what was found, what is allowed and the nearest spelling."""
    with pytest.raises(ReplicaError) as refusal:
        checked(study, parameters(study), [(name, text)])
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("study", "check", "changed"),
    [
        (MATCHED, settings, ("caliper", -0.1)),
        (MATCHED, settings, ("order", "rndom")),
        (CASES, case_control_settings, ("ratio", 0)),
    ],
)
def test_the_notebook_refuses_with_the_same_words(study, check, changed):
    """A notebook hands its parameters to the very check that was asked before the run."""
    name, value = changed
    given = {p.name: p.default for p in parameters(study)} | {name: value}
    places = {"data_path", "data_map", "results_dir"}
    values = {key: v for key, v in given.items() if key not in places}
    with pytest.raises(ParameterError) as in_the_notebook:
        check(load_study(study), **values)
    with pytest.raises(ParameterError) as on_the_command_line:
        checked(study, parameters(study), [(name, str(value))])
    assert str(on_the_command_line.value) == str(in_the_notebook.value)


def test_an_unknown_name_comes_before_its_value():
    """All names are listed, with the nearest one."""
    with pytest.raises(NotebookError) as refusal:
        checked(MATCHED, parameters(MATCHED), [("calliper", "-1")])
    message = str(refusal.value)
    assert f"{MATCHED}.ipynb: unknown parameter, found 'calliper'; allowed: 'source'" in message
    assert message.endswith("Did you mean 'caliper'?")


def test_a_misspelt_value_beside_an_unknown_name_is_not_checked():
    """The name comes first: a value of a parameter that does not exist means nothing."""
    with pytest.raises(NotebookError, match="found 'sead'"):
        checked(MATCHED, parameters(MATCHED), [("caliper", "wide"), ("sead", "1")])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("caliper", "0.05", 0.05), ("caliper", "None", None), ("order", "random", "random")],
)
def test_possible_values_are_read_by_their_type(name, text, value):
    """What is possible passes, as a value of the parameter's type."""
    assert checked(MATCHED, parameters(MATCHED), [(name, text)]) == {name: value}


def test_without_a_described_study_only_types_are_checked():
    """A notebook whose study the package does not describe still gets values of the right type."""
    known = (Parameter("caliper", "float|None", 0.02, ""),)
    assert checked("toy", known, [("caliper", "-1")]) == {"caliper": -1.0}
    with pytest.raises(NotebookError, match="'caliper' found 'x'; allowed: a number or None"):
        checked("toy", known, [("caliper", "x")])


def test_what_is_allowed_is_told_by_the_checks():
    """The list of `replica studies` is what the checks say when they refuse."""
    told = allowed(MATCHED, parameters(MATCHED))
    assert told["caliper"] == "above 0, or None for no limit"
    assert told["caliper_scale"] == f"{SCALES}, or empty"
    assert told["convention"] == "'spss', 'trinetx', 'r_matchit_survival'"
    assert told["ratio"] == "a whole number of at least 1 control per treated"
    assert told["entry_p"] == "above 0 and at most at 1"
    assert told["data_path"] == "a file or folder"
    assert allowed(CASES, parameters(CASES))["same_sex"] == "True or False"


def test_what_is_allowed_without_a_described_study_is_the_type():
    """A toy's parameters are described by their types."""
    known = [Parameter("a", "float|None", 1.0, ""), Parameter("b", "bool", True, "")]
    assert allowed("toy", known) == {"a": "a number or None", "b": "true or false"}
