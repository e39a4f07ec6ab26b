"""How well matching balanced the covariates, and how far the two arms' scores overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import blended_transform_factory
from numpy.typing import ArrayLike

from replica.disclosure.curves import shown_bins
from replica.errors import ParameterError, one_of
from replica.estimate import MASKED
from replica.figure_style import (
    ARM_COLOURS,
    BAND,
    BODY,
    EDGE,
    MUTED,
    RULE,
    SMALL,
    headed_axes,
    label_of,
    line_count,
    require,
    root_figure,
    styled,
    text_colour,
    text_width,
    wrapped,
)

_STAGES = ("before", "after")
_EQUIPOISE = "#DDE4EA"
_DENOMINATORS = {
    "treated": "SD of the treated",
    "control": "SD of the controls",
    "pooled": "pooled SD",
}


@styled
def love_plot(
    balance: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    threshold: float = 0.1,
    title: str,
    missing: str = "not estimable",
    ax: Axes | None = None,
) -> Figure:
    """Draw the standardized mean difference of each covariate before and after matching.

    Parameters
    ----------
    balance
        `covariate`, `level`, `stage` (`before` or `after`), `smd`, `denominator`; one row per
        level and stage, the largest difference before matching on top.
    labels
        Label of each covariate by its key and, where a covariate has several rows, of each level
        by `covariate=level` (else the level's key stands); the score has one of its own.
    threshold
        Where the lines are drawn that call a difference negligible.
    missing
        What stands in a row without a difference.
    ax
        Axes to draw into; by default those of a new figure that fits the labels.

    Raises
    ------
    ParameterError
        If rows, columns or labels are missing, a stage is unknown or denominators are mixed.

    Notes
    -----
    Source: Austin, Statistics in Medicine 2009;28:3083-3107 (threshold 0.1); Love plot after
    T. E. Love.
    """
    require(balance, ("covariate", "level", "stage", "smd", "denominator"), "balance")
    for stage in balance["stage"].unique():
        if stage not in _STAGES:
            raise ParameterError(f"balance: unknown stage, {one_of(stage, _STAGES)}")
    denominators = list(balance["denominator"].unique())
    if len(denominators) > 1:
        raise ParameterError(
            f"balance: found the denominators {denominators}; differences on different scales "
            "cannot share an axis. Pass rows of one denominator."
        )
    if balance.duplicated(["covariate", "level", "stage"]).any():
        raise ParameterError("balance: found a level twice at one stage; each may stand once.")
    smd = balance.set_index(["covariate", "level", "stage"])["smd"].astype(float)
    wide = smd.unstack("stage").reindex(columns=list(_STAGES))  # noqa: PD010 - no product of keys
    order = wide["before"].abs().sort_values(kind="stable", na_position="first").index
    wide = wide.loc[order]
    known = {"propensity_score": "Propensity score", **labels}
    names = [
        wrapped(_row_label(str(covariate), str(level), wide, known), 2.2)
        for covariate, level in wide.index
    ]

    handles = [
        _dots([], [], "before", label="Before matching"),
        _dots([], [], "after", label="After matching"),
        Line2D([], [], color=MUTED, linestyle=(0, (4, 3)), label=f"Threshold ±{threshold:g}"),
    ]
    left = EDGE + max(text_width(name) for name in names) + 0.15
    plot = 0.15 * sum(line_count(name) for name in names) + 0.13 * len(names)
    axes = headed_axes(title, handles, columns=3, left=left, plot=plot, ax=ax)
    _draw_differences(axes, wide, threshold, missing)
    axes.set_yticks(range(len(names)), names, size=BODY)
    unit = _DENOMINATORS.get(denominators[0], str(denominators[0]))
    axes.set_xlabel(f"Standardized mean difference, treated minus control ({unit})")
    return root_figure(axes)


def _row_label(covariate: str, level: str, wide: pd.DataFrame, labels: Mapping[str, str]) -> str:
    name = label_of(covariate, labels)
    if list(wide.index.get_level_values("covariate")).count(covariate) < 2:
        return name
    return f"{name}: {labels.get(f'{covariate}={level}', level)}"


def _dots(x: ArrayLike, y: ArrayLike, stage: str, label: str = "") -> Line2D:
    blue = ARM_COLOURS["treated"]
    return Line2D(
        x,
        y,
        linestyle="none",
        marker="o",
        markersize=7,
        markeredgewidth=1.4,
        markeredgecolor=MUTED if stage == "before" else blue,
        markerfacecolor="white" if stage == "before" else blue,
        zorder=3 if stage == "before" else 4,
        gid=stage,
        label=label,
    )


def _draw_differences(axes: Axes, wide: pd.DataFrame, threshold: float, missing: str) -> None:
    y = np.arange(len(wide))
    for row in y[::2]:
        axes.axhspan(row - 0.5, row + 0.5, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=RULE, linewidth=0.8, zorder=1)
    for side in (-threshold, threshold):
        axes.axvline(side, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.hlines(y, wide["before"], wide["after"], color=RULE, linewidth=1.2, zorder=2)
    for stage in _STAGES:
        axes.add_line(_dots(wide[stage].to_numpy(), y, stage))
    margin = blended_transform_factory(axes.transAxes, axes.transData)
    for row in y[wide.isna().any(axis=1)]:
        axes.text(
            0.995, row, missing, size=SMALL, color=MUTED, transform=margin, ha="right",
            va="center",
        )  # fmt: skip
    reach = 1.12 * max(float(np.nanmax(wide.abs().to_numpy(), initial=0)), 1.5 * threshold)
    axes.set(xlim=(-reach, reach), ylim=(-0.5, len(wide) - 0.5))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


@styled
def overlap_plot(
    scores: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    title: str = "Propensity score by arm, before and after matching",
    bins: int = 25,
    min_cell: int = 0,
    ax: Axes | None = None,
) -> Figure:
    """Draw mirrored histograms of the propensity score: treated above the axis, control below.

    Parameters
    ----------
    scores
        `arm` (`treated` or `control`), `stage` (`before` or `after`), `propensity_score`; one row
        per patient and stage, without ids.
    labels
        Label of each arm.
    bins
        Number of equal intervals over the range of all scores.
    min_cell
        Bars of fewer patients are left out, with others that would give them away; 0 shows all.
    ax
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ParameterError
        If rows or columns are missing, an arm or a stage is unknown, or a score lies outside 0-1.
    """
    require(scores, ("arm", "stage", "propensity_score"), "scores")
    for column, allowed in (("arm", tuple(ARM_COLOURS)), ("stage", _STAGES)):
        for value in scores[column].unique():
            if value not in allowed:
                raise ParameterError(f"scores: unknown {column}, {one_of(value, allowed)}")
    values = scores["propensity_score"].to_numpy(dtype=float)
    if not np.all((values >= 0) & (values <= 1)):
        raise ParameterError("scores: found a propensity score outside 0 to 1; check the model.")
    named = {"treated": "Treated", "control": "Control"} if labels is None else dict(labels)
    # The smallest and the largest score are those of one patient each.
    ends = (0.0, 1.0) if min_cell > 1 else (values.min(), values.max())
    edges = np.linspace(ends[0], ends[1], bins + 1)
    parts = [
        (arm, stage, values[(scores["arm"] == arm) & (scores["stage"] == stage)])
        for arm in ARM_COLOURS
        for stage in _STAGES
    ]
    handles = [
        Patch(**_fill(arm, stage), label=_size(label_of(arm, named), stage, len(chosen)))
        for arm, stage, chosen in parts
    ]
    axes = headed_axes(title, handles, columns=2, left=0.75, plot=3.1, ax=ax)
    heights = {(arm, stage): np.histogram(chosen, edges)[0] for arm, stage, chosen in parts}
    for (arm, stage), counts in shown_bins(heights, min_cell).items():
        sign = 1 if arm == "treated" else -1
        axes.stairs(sign * counts, edges, fill=True, gid=f"{arm}-{stage}", **_fill(arm, stage))
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.margins(x=0.02, y=0.06)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{abs(count):g}"))
    axes.set(xlabel="Propensity score", ylabel="Patients")
    return root_figure(axes)


@styled
def preference_plot(
    scores: pd.DataFrame,
    shares: pd.DataFrame,
    *,
    labels: Mapping[str, str] | None = None,
    title: str = "Preference score by arm, before matching",
    bins: int = 20,
    min_cell: int = 0,
    ax: Axes | None = None,
) -> Figure:
    """Draw mirrored histograms of the preference score, with the range of equipoise shaded.

    Parameters
    ----------
    scores
        `arm` (`treated` or `control`) and `preference_score`; one row per patient, without ids.
    shares
        What `replica.overlap.equipoise` returns: `arm`, `n`, `share`, `low`, `high`.
    labels
        Label of each arm.
    bins
        Number of equal intervals from 0 to 1; with 20 some of them end where equipoise does.
    min_cell
        Bars of fewer patients are left out, with others that would give them away; 0 shows all.
    ax
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ParameterError
        If rows or columns are missing, an arm is unknown or a score lies outside 0-1.

    Notes
    -----
    Walker et al., Comparative Effectiveness Research 2013;3:11-20.
    """
    require(scores, ("arm", "preference_score"), "scores")
    require(shares, ("arm", "n", "share", "low", "high"), "shares")
    for arm in scores["arm"].unique():
        if arm not in ARM_COLOURS:
            raise ParameterError(f"scores: unknown arm, {one_of(arm, tuple(ARM_COLOURS))}")
    values = scores["preference_score"].to_numpy(dtype=float)
    if not np.all((values >= 0) & (values <= 1)):
        raise ParameterError("scores: found a preference score outside 0 to 1; check the model.")
    named = {"treated": "Treated", "control": "Control"} if labels is None else dict(labels)
    share = shares.set_index("arm")["share"].astype(float)
    low, high = float(shares["low"].iloc[0]), float(shares["high"].iloc[0])
    handles = [
        *(
            Patch(
                **_fill(arm, "after"),
                label=f"{label_of(arm, named)}: {percent(share[arm])} in equipoise",
            )
            for arm in ARM_COLOURS
        ),
        Patch(facecolor=_EQUIPOISE, label=f"Equipoise: a score from {low:g} to {high:g}"),
    ]
    axes = headed_axes(title, handles, columns=2, left=0.75, plot=3.1, ax=ax)
    axes.axvspan(low, high, color=_EQUIPOISE, linewidth=0, zorder=0, gid="equipoise")
    edges = np.linspace(0, 1, bins + 1)
    heights = {
        (arm, "before"): np.histogram(values[scores["arm"] == arm], edges)[0] for arm in ARM_COLOURS
    }
    for (arm, _), counts in shown_bins(heights, min_cell).items():
        sign = 1 if arm == "treated" else -1
        axes.stairs(sign * counts, edges, fill=True, gid=arm, **_fill(arm, "after"))
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.margins(y=0.06)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{abs(count):g}"))
    axes.set(xlim=(0, 1), xlabel="Preference score", ylabel="Patients")
    return root_figure(axes)


def percent(share: float) -> str:
    """Write a share as a percentage, or that it is masked."""
    return MASKED if math.isnan(share) else f"{100 * share:.1f}%"


def _fill(arm: str, stage: str) -> dict[str, Any]:
    colour = ARM_COLOURS[arm]
    return {
        "facecolor": (colour, 0.3 if stage == "before" else 1.0),
        "edgecolor": text_colour(colour),
        "linewidth": 0.6,
    }


def _size(arm: str, stage: str, n: int) -> str:
    return f"{arm}, {stage} matching (n = {n:,})"
