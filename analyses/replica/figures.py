"""Kaplan-Meier figures, and the door to all the others.

Every function takes a tidy frame, never a cohort, draws in one shared style and returns the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter
from matplotlib.transforms import blended_transform_factory

from replica.disclosure.curves import at_risk_texts, coarse
from replica.errors import ParameterError, one_of
from replica.figure_alt import forest_alt, kaplan_meier_alt, love_alt
from replica.figure_balance import love_plot, overlap_plot
from replica.figure_file import Picture, figure_bytes, save_figure
from replica.figure_flow import agreement_figure, attrition_figure
from replica.figure_forest import cox_forest, forest_plot
from replica.figure_style import (
    EDGE,
    RULE,
    SMALL,
    WIDTH,
    LineStyle,
    add_title,
    group_colours,
    group_line_styles,
    heading,
    inch_axes,
    label_of,
    line_count,
    median_text,
    new_figure,
    require,
    root_figure,
    styled,
    text_colour,
    text_width,
    wrapped,
)
from replica.survival import MedianSurvival, numbers_at_risk

__all__ = [
    "Picture",
    "agreement_figure",
    "attrition_figure",
    "cox_forest",
    "figure_bytes",
    "forest_alt",
    "forest_plot",
    "kaplan_meier_alt",
    "kaplan_meier_figure",
    "love_alt",
    "love_plot",
    "overlap_plot",
    "save_figure",
]

Corner = Literal["upper right", "lower left", "lower right", "upper center"]
_PLOT, _ROW = 3.3, 0.19
_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 90, 180, 365, 730, 1825)
_LEGEND_CORNERS: tuple[Corner, ...] = ("upper right", "lower left", "lower right", "upper center")


@styled
def kaplan_meier_figure(
    curves: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    unit: str,
    title: str,
    outcome_label: str,
    medians: Mapping[str, MedianSurvival] | None = None,
    annotation: str | None = None,
    at_risk_times: Sequence[float] | None = None,
    x_max: float | None = None,
    colors: Mapping[str, str] | None = None,
    min_cell: int = 0,
) -> Figure:
    """Draw Kaplan-Meier curves with confidence bands, censoring ticks and the numbers at risk.

    Parameters
    ----------
    curves
        As `replica.survival.kaplan_meier` returns it: `group`, `time`, `at_risk`, `censored`,
        `survival` (0 to 1), `ci_low`, `ci_high`; one row per distinct time and one at time 0.
    labels
        Label of each group; their order is the order of the legend and of the table.
    unit
        Unit of `time`, such as "months".
    title, outcome_label
        Heading, and the name of the vertical axis.
    medians
        Median of each group, as `replica.survival.median_survival` returns it.
    annotation
        One line on the comparison, such as the hazard ratio and the p value.
    at_risk_times
        Times of the axis ticks and of the numbers at risk; by default at most nine round ones.
    x_max
        Right end of the axis, by default the last time.
    colors
        Colour of each group; arms keep theirs by default.
    min_cell
        Steps stand for at least so many events, and numbers at risk below it are masked; 0 shows
        all (see `replica.disclosure.curves`).

    Raises
    ------
    ParameterError
        If a column, a label or all rows are missing, or the times do not fit the axis.

    Notes
    -----
    A number at risk at time t counts the patients with a duration of at least t, as R's
    `summary(survfit)` does. Layout after Morris et al., BMJ Open 2019;9:e030215 (KMunicate).
    """
    require(
        curves, ("group", "time", "at_risk", "censored", "survival", "ci_low", "ci_high"), "curves"
    )
    found = list(curves["group"].unique())
    for group in found:
        label_of(group, labels)
    groups = [group for group in labels if group in found]
    counted, curves = curves, coarse(curves, min_cell)
    right = float(curves["time"].max()) if x_max is None else float(x_max)
    times = _ticks(right) if at_risk_times is None else [float(t) for t in at_risk_times]
    if not right > 0 or not times or min(times) < 0 or max(times) > right or sorted(times) != times:
        raise ParameterError(
            f"time axis: found its end at {right} and the times {times}; allowed: an end above 0 "
            "and increasing times from 0 to that end."
        )
    colours = group_colours(groups) if colors is None else dict(colors)
    styles = group_line_styles(groups)
    lines = [
        _Line(
            curves[curves["group"] == group].sort_values("time"),
            wrapped(labels[group], 1.6, SMALL),
            _legend_text(group, labels[group], medians, unit),
            label_of(group, colours),
            styles[group],
            at_risk_texts(
                numbers_at_risk(counted[counted["group"] == group], times)["at_risk"], min_cell
            ),
        )
        for group in groups
    ]
    # Everything is placed in inches: the table's rows must stand under their ticks, whatever
    # the length of the labels.
    names = [line.name for line in lines]
    left = EDGE + max(text_width(name, SMALL) for name in [*names, "Number at risk"]) + 0.3
    table = _ROW + sum(_row_height(name) for name in names)
    bottom = 0.06 + table + 0.52
    heading_lines, top = heading(title)
    figure = new_figure(WIDTH, bottom + _PLOT + top)
    add_title(figure, heading_lines)
    axes = inch_axes(figure, left, bottom, WIDTH - left - 0.3, _PLOT)
    for line in lines:
        _draw_curve(axes, line)
    axes.axhline(0.5, color=RULE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    axes.set(xlim=(0, right), ylim=(0, 1.04), xlabel=f"Time ({unit})")
    axes.set_ylabel(wrapped(f"{outcome_label} (%)", _PLOT - 0.1))
    axes.set_xticks(times)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t:g}"))
    axes.set_yticks(np.linspace(0, 1, 5))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    below = inch_axes(figure, left, 0.06, WIDTH - left - 0.3, table)
    below.sharex(axes)
    _draw_at_risk(below, lines, times, table)
    _place_legend(figure, axes, lines, annotation)
    return figure


@dataclass(frozen=True)
class _Line:
    frame: pd.DataFrame
    name: str
    legend: str
    colour: str
    style: LineStyle
    at_risk: list[str]

    def sample(self) -> Line2D:
        return Line2D(
            [], [], color=self.colour, linestyle=self.style, linewidth=1.8, label=self.legend
        )


def _row_height(name: str) -> float:
    return _ROW + 0.135 * (line_count(name) - 1)


def _ticks(right: float) -> list[float]:
    step = next((step for step in _STEPS if right / step <= 8), right / 8)
    return [float(t) for t in np.arange(0, right + step / 1e6, step)]


def _legend_text(
    group: str, label: str, medians: Mapping[str, MedianSurvival] | None, unit: str
) -> str:
    if medians is None:
        return label
    if group not in medians:
        raise ParameterError(f"no median, {one_of(group, medians)}")
    median = median_text(medians[group], unit)
    size = SMALL + 0.5
    if text_width(f"{label}: {median}", size) <= 3.7:
        return f"{label}: {median}"
    return f"{wrapped(label, 3.7, size)}:\n{median}"


def _draw_curve(axes: Axes, line: _Line) -> None:
    frame = line.frame
    axes.fill_between(
        frame["time"],
        frame["ci_low"],
        frame["ci_high"],
        step="post",
        color=line.colour,
        alpha=0.14,
        linewidth=0,
    )
    axes.step(
        frame["time"],
        frame["survival"],
        where="post",
        color=line.colour,
        linestyle=line.style,
        linewidth=1.8,
        gid="curve",
        zorder=3,
    )
    gone = frame[frame["censored"] > 0]
    axes.plot(
        gone["time"],
        gone["survival"],
        "|",
        color=line.colour,
        markersize=6,
        gid="censored",
        zorder=4,
    )


def _draw_at_risk(
    axes: Axes, lines: Sequence[_Line], times: Sequence[float], height: float
) -> None:
    axes.set_axis_off()
    axes.set_ylim(height, 0)
    margin = blended_transform_factory(root_figure(axes).dpi_scale_trans, axes.transData)
    axes.text(
        EDGE, _ROW / 2, "Number at risk", transform=margin, size=SMALL, weight="bold", va="center"
    )
    row = _ROW
    for line in lines:
        middle = row + _row_height(line.name) / 2
        colour = text_colour(line.colour)
        axes.text(EDGE, middle, line.name, transform=margin, size=SMALL, va="center", color=colour)
        for time, count in zip(times, line.at_risk, strict=True):
            axes.text(time, middle, count, size=SMALL, ha="center", va="center", gid="at-risk")
        row += _row_height(line.name)


def _place_legend(
    figure: Figure, axes: Axes, lines: Sequence[_Line], annotation: str | None
) -> None:
    """Put the legend into the first corner that no curve or band passes through, or on top."""
    handles = [line.sample() for line in lines]
    if annotation:
        handles.append(Line2D([], [], linestyle="none", label=wrapped(annotation, 3.9)))
    for corner in _LEGEND_CORNERS:
        legend = axes.legend(handles=handles, loc=corner, borderaxespad=0.3, handlelength=2.4)
        if not any(_covers(axes, legend, line.frame) for line in lines):
            return
    legend = axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), handlelength=2.4
    )
    extra = legend.get_window_extent().height / figure.dpi
    across, up = figure.get_size_inches()
    places = [(part, part.get_position().bounds) for part in figure.axes]
    figure.set_size_inches(across, up + extra)
    for part, (x, y, width, height) in places:
        part.set_position((x, y * up / (up + extra), width, height * up / (up + extra)))
    figure.texts[0].set_y(1 - 0.1 / (up + extra))


def _covers(axes: Axes, legend: Legend, frame: pd.DataFrame) -> bool:
    box = legend.get_window_extent().transformed(axes.transData.inverted())
    time = frame["time"].to_numpy(dtype=float)
    if box.x0 >= time[-1]:
        return False
    grid = np.linspace(max(box.x0, time[0]), min(box.x1, time[-1]), 200)
    at = np.searchsorted(time, grid, side="right") - 1
    low = frame["ci_low"].fillna(frame["survival"]).to_numpy(dtype=float)[at]
    high = frame["ci_high"].fillna(frame["survival"]).to_numpy(dtype=float)[at]
    return bool(np.any((low <= box.y1) & (high >= box.y0)))
