"""The parameters of a run, refused before it starts in the words that the notebook would use.

The checks are the package's own: a study's notebook hands its parameters to
`replica.settings.settings` or, for cases and controls, `replica.group_analysis`. The same function
is asked here, and `replica studies` shows what it says when it refuses: there is no second list of
allowed values.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from replica.errors import NotebookError, ParameterError
from replica.group_analysis import case_control_settings
from replica.notebook_parameters import Parameter, parse_parameters
from replica.protocol import Study
from replica.settings import default_choices, settings
from replica.studies import load_study, study_keys

DATA = "data_path"
MAP = "data_map"
FOLDER = "results_dir"
SOURCE = "source"
_PLACES = {DATA: "a file or folder", MAP: "a file", FOLDER: "a folder"}


def checked(
    study: str, known: Iterable[Parameter], given: Iterable[tuple[str, str]]
) -> dict[str, object]:
    """Read `-p name value` pairs and refuse what the study's notebook would refuse.

    Parameters
    ----------
    study
        Key of the study, which is also the name of its notebook.
    known
        What the notebook has, as `replica.notebooks.inspect` lists it.
    given
        Names and values as typed.

    Raises
    ------
    NotebookError
        If a name is unknown or given twice, or a value is not of the parameter's type.
    ParameterError
        If a value is impossible; the message is the one that the notebook gives.
    """
    parameters = list(known)
    names = {parameter.name for parameter in parameters}
    # A name that does not exist is told before any value
    pairs = sorted(given, key=lambda pair: pair[0] in names)
    try:
        values = parse_parameters(pairs, parameters, f"{study}.ipynb")
    except NotebookError:
        # The notebook's own words come first: a value of the wrong type is impossible there too
        if {name for name, _ in pairs} <= names:
            _refuse(study, parameters, {name: _literal(text) for name, text in pairs})
        raise
    _refuse(study, parameters, values)
    return values


def _literal(text: str) -> object:
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value


def _refuse(study: str, known: Iterable[Parameter], values: Mapping[str, object]) -> None:
    if study in study_keys():
        described = load_study(study)
        _ask(described, {p.name: p.default for p in known} | dict(values))


def _ask(study: Study, values: Mapping[str, object]) -> None:
    """Hand the values to the study's own check, as its notebook does."""
    check: Callable[..., object] = settings if study.groups is None else case_control_settings
    names = list(inspect.signature(check).parameters)[1:]
    # A notebook fixes what its study has no use for, so that it is no parameter there
    fixed: dict[str, Any] = {
        SOURCE: "synthetic",
        "caliper": study.matching.caliper,
        "ratio": study.matching.ratio,
        "entry_p": default_choices(study).entry_p,
        "seed": 0,
    }
    asked = fixed | dict(values)
    check(study, **{name: asked[name] for name in names if name in asked})


def allowed(study: str, known: Iterable[Parameter]) -> dict[str, str]:
    """What each parameter may be, in the words of the check that refuses anything else.

    Where no check speaks, it is what the parameter's type says.
    """
    parameters = list(known)
    described = load_study(study) if study in study_keys() else None
    return {p.name: _allowed(described, parameters, p) for p in parameters}


def _allowed(study: Study | None, known: Iterable[Parameter], parameter: Parameter) -> str:
    if parameter.name in _PLACES:
        return _PLACES[parameter.name]
    if study is not None:
        impossible = -1 if {"int", "float"} & set(_kinds(parameter)) else "?"
        defaults = {p.name: p.default for p in known}
        try:
            _ask(study, defaults | {parameter.name: impossible})
        except ParameterError as error:
            # An empty text leaves the choice to the convention, where that is the default
            return _said(str(error)) + (", or empty" if parameter.default == "" else "")
    return " or ".join(_WORDS.get(kind, kind) for kind in _kinds(parameter))


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
}


def _kinds(parameter: Parameter) -> list[str]:
    return [kind.strip() for kind in parameter.type.split("|")]


def _said(message: str) -> str:
    """Cut the allowed values out of a refusal: "name: found x; allowed: a, b."."""
    _, _, rest = message.partition("; ")
    for opening in ("allowed: ", "needed: ", "it must be ", "it must lie "):
        rest = rest.removeprefix(opening)
    return rest.split(" Did you mean", maxsplit=1)[0].rstrip(".").removesuffix(" is needed")
