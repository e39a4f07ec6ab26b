"""Hazards over follow-up and the largest correlations of covariates, one panel below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from replica.errors import ParameterError
from replica.figure_style import (
    ARM_COLOURS,
    BODY,
    DASH,
    EDGE,
    MUTED,
    RULE,
    WIDTH,
    add_title,
    group_line_styles,
    heading,
    inch_axes,
    label_of,
    new_figure,
    require,
    styled,
    text_width,
)

PANEL, GAP, LINE = 1.7, 0.75, 0.23


@styled
def plausibility_figure(
    hazards: Sequence[tuple[str, pd.DataFrame]],
    correlations: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    unit: str,
    title: str,
) -> Figure:
    """Draw the hazard of each outcome by arm, and bars of correlations.

    Parameters
    ----------
    hazards
        A heading and the stretches of each outcome (`replica.plausibility.hazards`).
    correlations
        `first`, `second`, `correlation`, in the order of drawing.
    labels
        Label of each arm.
    unit, title
        Unit of time, and heading of the whole.

    Raises
    ------
    ParameterError
        If there is nothing to draw, or a column or a label is missing.
    """
    if not hazards or correlations.empty:
        raise ParameterError("plausibility: found no hazards or no correlations to draw.")
    require(correlations, ("first", "second", "correlation"), "correlations")
    lines, top = heading(title)
    bars = LINE * len(correlations) + 0.1
    height = top + 0.3 + len(hazards) * (PANEL + GAP) + bars + 0.85
    figure = new_figure(WIDTH, height)
    add_title(figure, lines)
    styles = group_line_styles(list(labels))
    handles = [
        Line2D([], [], color=ARM_COLOURS[arm], linestyle=styles[arm], linewidth=1.8, label=label)
        for arm, label in labels.items()
    ]
    figure.legend(
        handles=handles,
        ncols=2,
        loc="upper left",
        bbox_to_anchor=(EDGE / WIDTH, 1 - (top + 0.02) / height),
        borderaxespad=0,
        borderpad=0,
    )
    place = height - top - 0.3
    for name, frame in hazards:
        require(frame, ("arm", "low", "high", "hazard"), "hazards")
        place -= PANEL + 0.25
        axes = inch_axes(figure, 0.75, place, WIDTH - 1.0, PANEL)
        axes.set_title(name, loc="left", size=BODY, weight="bold")
        for arm, rows in frame.groupby("arm", sort=False):
            label_of(str(arm), labels)
            axes.stairs(
                100 * rows["hazard"],
                [*rows["low"], rows["high"].iloc[-1]],
                baseline=None,
                color=ARM_COLOURS[str(arm)],
                linestyle=styles[str(arm)],
                linewidth=1.8,
                gid=str(arm),
            )
        axes.set(xlabel=f"Time ({unit})", ylabel=f"% per {unit.removesuffix('s')}")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        place -= GAP - 0.25
    names = [
        f"{one} {DASH} {other}"
        for one, other in zip(correlations["first"], correlations["second"], strict=True)
    ]
    left = min(max(text_width(name) for name in names) + 0.3, WIDTH * 0.7)
    axes = inch_axes(figure, left, 0.5, WIDTH - left - 0.25, bars)
    values = correlations["correlation"].to_numpy()
    axes.barh(range(len(values)), values, height=0.6, color=MUTED)
    axes.axvline(0, color=RULE, linewidth=0.8)
    axes.set_yticks(range(len(values)), names)
    axes.invert_yaxis()
    limit = max(0.3, float(abs(values).max()))
    axes.set_xlim(-limit, limit)
    axes.set_xlabel("Correlation")
    return figure
