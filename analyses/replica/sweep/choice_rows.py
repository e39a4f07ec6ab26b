"""The choices of runs in words, and which runs have which: the board below the curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.protocol import Study
from replica.sweep.declared import OWN
from replica.sweep.parameters import parameters

TOGETHER = {"caliper": "caliper_scale", "order": "draw", "ratio": "replace"}
"""Choices that are told as one: a caliper means nothing without its scale."""

UNTOLD = ("outcome", "seed")
"""What a curve is of, and what repeats it."""

LABELS = {
    "matching_covariates": "Covariates",
    "replace": "Control reused",
    "ratio": "Controls",
    "adjustment": "Cox model",
    "age_window": "Age within",
    "year_window": "Year within",
}
SCALES = {
    "sd_probability": "SD of probability",
    "sd_probability_pooled": "pooled SD",
    "sd_logit": "SD of logit",
    "sd_logit_pooled": "pooled SD of logit",
}


@dataclass(frozen=True)
class ChoiceRow:
    """One row of the board: a choice, one of its values, and which runs have it."""

    choice: str
    value: str
    marked: NDArray[np.bool_]


def parameter_label(name: str) -> str:
    """Name a parameter in words."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def _caliper(value: object) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "none" if missing else f"{value:g}"


def _plain(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ")


_WRITERS: dict[str, Callable[[object], str]] = {
    "caliper": _caliper,
    "matching_covariates": lambda value: "the study's own" if value == OWN else _plain(value),
    "caliper_scale": lambda value: SCALES.get(str(value), str(value)),
    "draw": lambda value: {"nearest": "", "random": "random draw"}.get(
        str(value), "exact, then random draw"
    ),
    "ratio": lambda value: f"1:{value}",
    "replace": lambda value: "with replacement" if value else "",
}


def value_text(values: Mapping[str, object]) -> str:
    """Write the values of a choice, and of what goes with it, as one text."""
    written = (_WRITERS.get(name, _plain)(value) for name, value in values.items())
    return " ".join(text for text in written if text)


def choice_rows(runs: pd.DataFrame, study: Study) -> list[ChoiceRow]:
    """List the values in which runs differ, in the order of the study's parameters.

    The outcome is left out: a curve is of one. So is the seed: it repeats a choice and is none, and
    a row for each of many seeds would bury the rest.
    """
    rows: list[ChoiceRow] = []
    for name in parameters(study):
        if name in UNTOLD or name in TOGETHER.values() or name not in runs.columns:
            continue
        partner = TOGETHER.get(name)
        columns = [name] if partner is None or partner not in runs.columns else [name, partner]
        differing = [column for column in columns if len(runs[column].unique()) > 1]
        if not differing:
            continue
        # what is the same everywhere need not be told, unless it is what the other is about
        told = [column for column in columns if column == name or column in differing]
        texts = [value_text(values) for values in runs[told].to_dict("records")]  # type: ignore[arg-type]  # names are texts
        for value in dict.fromkeys(texts):
            marked = np.array([text == value for text in texts], dtype=np.bool_)
            rows.append(ChoiceRow(parameter_label(name), value, marked))
    return rows
