"""Forest plots: hazard ratios as squares with intervals, their numbers in columns beside them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from replica.errors import ParameterError, one_of
from replica.figure_forest_table import Column, Mark, MarkKind, Row, diamond, draw_forest, key_entry
from replica.figure_style import DASH, interval, p_value, require, styled

_MODELS = ("univariable", "multivariable")
_ESTIMATE = ("label", "group_label", "hazard_ratio", "ci_low", "ci_high", "p")


@styled
def forest_plot(
    frame: pd.DataFrame,
    *,
    title: str,
    favours: tuple[str, str] = ("favours treated", "favours control"),
    published: pd.DataFrame | None = None,
    illustration: str = "illustration only: no printed number holds this row",
    corner: str = "Subgroup",
) -> Figure:
    """Draw a subgroup forest plot with the numbers in columns, as journals print it.

    Parameters
    ----------
    frame
        One row per subgroup, in order: `label`, `group_label` (heading above the rows of one
        covariate; empty for none), `n`, `events`, `hazard_ratio`, `ci_low`, `ci_high`, `p`, and
        optionally `constrained` (false: drawn hollow and grey). Not a number: not estimable.
    favours
        What a hazard ratio below and above 1 speaks for.
    published
        Printed estimates, drawn as hollow diamonds: `label`, `group_label`, `hazard_ratio`.
    illustration
        What the legend says of rows that are not constrained.
    corner
        Heading of the column of labels.

    Raises
    ------
    ParameterError
        If columns or all rows are missing, or a ratio lies outside its interval.

    Notes
    -----
    The area of a square is proportional to the inverse variance of the log hazard ratio.
    """
    require(frame, (*_ESTIMATE, "n", "events"), "forest plot")
    printed: dict[tuple[str, str], float] = {}
    if published is not None:
        require(published, ("label", "group_label", "hazard_ratio"), "published estimates")
        keys = zip(published["group_label"].fillna(""), published["label"], strict=True)
        printed = dict(zip(keys, published["hazard_ratio"].astype(float), strict=True))
    rows: list[Row] = []
    band, before = False, None
    for row in frame.to_dict("records"):
        group = _text(row["group_label"])
        if group != before or not group:
            band, before = not band, group
            if group:
                rows.append(Row(group, ("",) * 4, heading=True, band=band))
        kind: MarkKind = "held" if bool(row.get("constrained", True)) else "illustration"
        mark = _mark(row, kind, printed.get((group, str(row["label"])), math.nan))
        cells = (
            _count(row["n"]),
            _count(row["events"]),
            interval(mark.ratio, mark.low, mark.high),
            p_value(float(row["p"])),
        )
        rows.append(Row(str(row["label"]), cells, mark, indent=bool(group), band=band))
    columns = [
        Column("n", left=True),
        Column("Events", left=True),
        Column("HR (95% CI)", left=False),
        Column("p", left=False),
    ]
    kinds = {row.mark.kind for row in rows if row.mark}
    key: list[Line2D] = []
    if "held" in kinds and ("illustration" in kinds or printed):
        key.append(key_entry("held", "computed here"))
    if "illustration" in kinds:
        key.append(key_entry("illustration", illustration))
    if printed:
        key.append(diamond([], [], label="printed in the paper"))
    return draw_forest(columns, rows, corner=corner, title=title, favours=favours, key=key)


@styled
def cox_forest(
    frame: pd.DataFrame,
    *,
    title: str,
    favours: tuple[str, str] = ("lower hazard", "higher hazard"),
) -> Figure:
    """Draw the univariable and the multivariable hazard ratio of each covariate, one above other.

    Parameters
    ----------
    frame
        One row per covariate and model: `label` (the contrast), `group_label` (the covariate),
        `model` (`univariable` or `multivariable`), `hazard_ratio`, `ci_low`, `ci_high`, `p`.
        Covariates stand in the order of their first rows; a covariate that did not enter the
        joint model has no such row and reads "not entered".

    Raises
    ------
    ParameterError
        If columns or all rows are missing, a model is neither of the two, a covariate stands twice
        in one model or a ratio lies outside its interval.
    """
    require(frame, (*_ESTIMATE, "model"), "Cox forest plot")
    for model in frame["model"].unique():
        if model not in _MODELS:
            raise ParameterError(f"Cox forest plot: unknown model, {one_of(model, _MODELS)}")
    if frame.duplicated(["group_label", "label", "model"]).any():
        raise ParameterError("Cox forest plot: found a covariate twice in one model; once allowed.")
    models = [model for model in _MODELS if model in set(frame["model"])]
    rows: list[Row] = []
    for i, (_, part) in enumerate(
        frame.groupby(["group_label", "label"], sort=False, dropna=False)
    ):
        group, label = _text(part.iloc[0]["group_label"]), str(part.iloc[0]["label"])
        names = [group, label] if group else [label]
        for name, model in itertools.zip_longest(names, models):
            cells, mark = _model_cells(part, model)
            first = name == names[0]
            rows.append(Row(name or "", cells, mark, heading=first, band=i % 2 == 0))
    columns = [
        Column("Model", left=True),
        Column("HR (95% CI)", left=False),
        Column("p", left=False),
    ]
    return draw_forest(columns, rows, corner="Covariate", title=title, favours=favours, key=[])


def _model_cells(part: pd.DataFrame, model: str | None) -> tuple[tuple[str, ...], Mark | None]:
    if model is None:
        return ("", "", ""), None
    found = part[part["model"] == model].to_dict("records")
    if not found:
        return (model, "not entered", DASH), None
    mark = _mark(found[0], kind="multivariable" if model == "multivariable" else "held")
    numbers = interval(mark.ratio, mark.low, mark.high)
    return (model, numbers, p_value(float(found[0]["p"]))), mark


def _mark(row: Mapping[Hashable, Any], kind: MarkKind, published: float = math.nan) -> Mark:
    ratio, low, high = (float(row[end]) for end in ("hazard_ratio", "ci_low", "ci_high"))
    if ratio <= 0 or low > ratio or high < ratio:
        raise ParameterError(
            f"forest plot: {row['label']!r} has the hazard ratio {ratio} with the interval {low} "
            f"to {high}; allowed: a ratio above 0 within its interval. Check the estimates."
        )
    return Mark(ratio, low, high, published, kind)


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN is a blank


def _count(value: float) -> str:
    return DASH if pd.isna(value) else f"{int(value):,}"
