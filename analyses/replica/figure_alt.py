"""What a figure shows, in a sentence, for readers who hear it instead of seeing it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replica.figure_style import interval, label_of, median_text, require
from replica.survival import MedianSurvival


def kaplan_meier_alt(
    curves: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    unit: str,
    outcome_label: str,
    medians: Mapping[str, MedianSurvival] | None = None,
    annotation: str | None = None,
) -> str:
    """Say what a Kaplan-Meier figure shows: sizes, medians, which group does better.

    Takes the arguments of `replica.figures.kaplan_meier_figure`.

    Raises
    ------
    ParameterError
        If a column, a label or all rows are missing.
    """
    require(curves, ("group", "time", "at_risk", "survival"), "curves")
    found = list(curves["group"].unique())
    for group in found:
        label_of(group, labels)
    sentences = [f"Kaplan-Meier curves of {outcome_label[:1].lower()}{outcome_label[1:]}."]
    middle: dict[str, float | None] = {}
    for group in (group for group in labels if group in found):
        curve = curves[curves["group"] == group].sort_values("time")
        start, last = curve.iloc[0], curve.iloc[-1]
        text = f"{labels[group]}: {int(start['at_risk'])} patients at risk at the start"
        median = None if medians is None else medians.get(group)
        if median is not None:
            text += f", {median_text(median, unit)}"
            middle[labels[group]] = median.median
        text += f", {100 * last['survival']:.0f}% at {last['time']:.4g} {unit}, the last time."
        sentences.append(text)
    reached = {label: value for label, value in middle.items() if value is not None}
    if len(reached) > 1 and len(reached) == len(middle):
        best = max(reached, key=lambda label: reached[label])
        if list(reached.values()).count(reached[best]) == 1:
            sentences.append(f"The longest median is that of {best}.")
    if annotation:
        sentences.append(f"{annotation.rstrip('.')}.")
    return " ".join(sentences)


def forest_alt(frame: pd.DataFrame, *, title: str) -> str:
    """Say what a forest plot shows: how many rows lie on which side of 1, and the two extremes.

    Takes the frame of `replica.figures.forest_plot`.

    Raises
    ------
    ParameterError
        If columns or all rows are missing.
    """
    columns = ("label", "group_label", "hazard_ratio", "ci_low", "ci_high")
    require(frame, columns, "forest plot")
    shown = frame[np.isfinite(frame["hazard_ratio"].astype(float))]
    below, above = int((shown["ci_high"] < 1).sum()), int((shown["ci_low"] > 1).sum())
    text = (
        f"Forest plot: {title.rstrip('.')}. Of {len(shown)} hazard ratios, {below} have a 95% "
        f"interval entirely below 1, {above} entirely above 1 and {len(shown) - below - above} "
        "include 1."
    )
    if len(shown) < len(frame):
        text += f" {len(frame) - len(shown)} could not be estimated."
    if len(shown) > 1:
        ordered = shown.sort_values("hazard_ratio", kind="stable")
        ends = [_row(ordered.iloc[0]), _row(ordered.iloc[-1])]
        text += f" Lowest: {ends[0]}. Highest: {ends[1]}."
    return text


def _row(row: pd.Series) -> str:
    group = "" if pd.isna(row["group_label"]) else str(row["group_label"])
    name = f"{group}, {row['label']}" if group else str(row["label"])
    return f"{name}, {interval(row['hazard_ratio'], row['ci_low'], row['ci_high'])}"


def love_alt(balance: pd.DataFrame, *, labels: Mapping[str, str], threshold: float = 0.1) -> str:
    """Say what a Love plot shows: how many differences exceed the threshold, and the largest.

    Takes the frame of `replica.figures.love_plot`.

    Raises
    ------
    ParameterError
        If columns, labels or all rows are missing.
    """
    require(balance, ("covariate", "level", "stage", "smd"), "balance")
    known = {"propensity_score": "Propensity score", **labels}
    sentences = ["Standardized mean differences between the arms."]
    for stage in ("before", "after"):
        rows = balance[(balance["stage"] == stage) & np.isfinite(balance["smd"].astype(float))]
        if rows.empty:
            continue
        size = rows["smd"].abs()
        worst = rows.loc[size.idxmax()]
        sentences.append(
            f"{stage.capitalize()} matching {int((size > threshold).sum())} of {len(rows)} exceed "
            f"{threshold:g}; the largest is {label_of(str(worst['covariate']), known)}, "
            f"{worst['smd']:.2f}."
        )
    return " ".join(sentences)
