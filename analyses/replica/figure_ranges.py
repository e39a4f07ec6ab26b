"""Ranges of quantities that a paper does not print: a bar each, with a dot where one cohort is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from replica.errors import ParameterError, one_of
from replica.figure_style import (
    ARM_COLOURS,
    BAND,
    EDGE,
    INK,
    RULE,
    WIDTH,
    add_title,
    heading,
    inch_axes,
    line_count,
    new_figure,
    require,
    styled,
    text_width,
    wrapped,
)

Kind = Literal["p", "ratio", "difference"]

LINE, ABOVE, BELOW, LEGEND, NEXT = 0.23, 0.15, 0.38, 0.3, 0.17
"""Inches of a row, above and below a panel, of the legend, and of a line below an axis."""

FARTHEST: dict[Kind, tuple[float, float]] = {"p": (1e-4, 1.0), "ratio": (0.1, 10.0)}
"""What is drawn of logarithmic axes; a bar that goes on is cut and ends in an arrow."""

_NEUTRAL: dict[Kind, float] = {"p": 0.05, "ratio": 1.0, "difference": 0.0}
_TICKS: dict[Kind, tuple[float, ...]] = {
    "p": (0.0001, 0.001, 0.01, 0.05, 0.2, 1.0),
    "ratio": (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
}


@dataclass(frozen=True)
class Panel:
    """Rows of one kind on one axis; `label` says in words what the axis measures."""

    kind: Kind
    label: str


@styled
def ranges_figure(frame: pd.DataFrame, panels: Mapping[str, Panel], *, title: str) -> Figure:
    """Draw ranges as bars, panel below panel, and the value of one cohort as a dot on each.

    Parameters
    ----------
    frame
        `panel`, `label`, `committed`, `smallest`, `largest`, in the order of drawing.
    panels
        By key: the panels, in order. Those without rows are left out.
    title
        Heading of the whole.

    Raises
    ------
    ParameterError
        If there is nothing to draw, a column is missing, a panel is unknown, or a value lies
        outside its range.
    """
    require(frame, ("panel", "label", "committed", "smallest", "largest"), "ranges")
    for row in frame.to_dict("records"):
        if row["panel"] not in panels:
            raise ParameterError(f"ranges, panel: {one_of(str(row['panel']), panels)}")
        if not row["smallest"] <= row["committed"] <= row["largest"]:
            raise ParameterError(
                f"ranges: {row['label']!r} has {row['committed']}, outside {row['smallest']} to "
                f"{row['largest']}; make the ranges again."
            )
    shown = {key: frame[frame["panel"] == key] for key in panels}
    shown = {key: rows for key, rows in shown.items() if len(rows)}
    left = min(max(text_width(str(label)) for label in frame["label"]) + 0.3, WIDTH * 0.6)
    across = WIDTH - left - 0.25
    said = {key: wrapped(panels[key].label, across) for key in shown}
    lines, top = heading(title)
    height = top + LEGEND
    for key, rows in shown.items():
        height += ABOVE + LINE * len(rows) + BELOW + NEXT * line_count(said[key])
    figure = new_figure(WIDTH, height)
    add_title(figure, lines)
    figure.legend(
        handles=[
            Line2D([], [], marker="o", color=INK, linestyle="", markersize=4, label="this cohort"),
            Patch(color=ARM_COLOURS["treated"], alpha=0.45, label="at least so wide"),
        ],
        ncols=2,
        loc="upper left",
        bbox_to_anchor=(EDGE / WIDTH, 1 - (top + 0.02) / height),
        borderaxespad=0,
        borderpad=0,
    )
    place = height - top - LEGEND
    for key, rows in shown.items():
        bars = LINE * len(rows)
        place -= ABOVE + bars
        axes = inch_axes(figure, left, place, across, bars)
        _draw(axes, rows.reset_index(drop=True), panels[key].kind)
        axes.set_xlabel(said[key])
        place -= BELOW + NEXT * line_count(said[key])
    return figure


@styled
def words_figure(text: str) -> Figure:
    """Write a sentence where a figure would stand.

    Parameters
    ----------
    text
        Why there is nothing to draw.
    """
    lines = wrapped(text, WIDTH - 2 * EDGE)
    figure = new_figure(WIDTH, 0.3 + LINE * line_count(lines))
    figure.text(EDGE / WIDTH, 0.5, lines, va="center")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, kind: Kind) -> None:
    low, high = FARTHEST.get(kind, (-math.inf, math.inf))
    if kind != "difference":
        axes.set_xscale("log")
        axes.set_xlim(low * 0.8, high * 1.25)
        axes.set_xticks(_TICKS[kind], [f"{tick:g}" for tick in _TICKS[kind]])
        axes.minorticks_off()
    axes.axvline(_NEUTRAL[kind], color=RULE, linewidth=0.8, linestyle=(0, (4, 2)))
    for place, row in rows.iterrows():
        at = float(int(str(place)))
        if int(at) % 2 == 0:
            axes.axhspan(at - 0.5, at + 0.5, color=BAND, linewidth=0, zorder=0)
        start, end = max(float(row["smallest"]), low), min(float(row["largest"]), high)
        axes.plot(
            [start, end],
            [at, at],
            color=ARM_COLOURS["treated"],
            alpha=0.45,
            linewidth=6,
            solid_capstyle="butt",
            gid=f"range {row['label']}",
        )
        for cut, where, arrow in (
            (row["smallest"] < low, low, "<"),
            (row["largest"] > high, high, ">"),
        ):
            if cut:
                axes.plot([where], [at], marker=arrow, color=ARM_COLOURS["treated"], markersize=6)
        if low <= row["committed"] <= high:
            axes.plot([row["committed"]], [at], marker="o", color=INK, markersize=4)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [str(label) for label in rows["label"]])
    axes.tick_params(axis="y", length=0)
