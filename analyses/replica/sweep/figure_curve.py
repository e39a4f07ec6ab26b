"""The specification curve: sorted hazard ratios above, the choices behind each below."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory
from numpy.typing import NDArray

from replica.errors import ParameterError
from replica.figure_style import (
    ARM_COLOURS,
    BAND,
    EDGE,
    INK,
    MUTED,
    RULE,
    SMALL,
    WIDTH,
    add_title,
    heading,
    inch_axes,
    new_figure,
    root_figure,
    styled,
    text_width,
)
from replica.protocol import Study
from replica.sweep.choice_rows import ChoiceRow, choice_rows
from replica.sweep.curve import SIGNIFICANT, Shares, shares
from replica.sweep.printed import Reference

_PLOT, _ROW, _LEGEND = 2.5, 0.17, 0.48
_TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 3, 4, 6, 8, 12)
_SPREAD = 25.0  # an interval of more than this many times its ratio is cut at the plot's edge
_BELOW, _ABOVE, _NEITHER = ARM_COLOURS["treated"], ARM_COLOURS["control"], "#6E6E6E"


def estimated(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that have an estimate, in their order.

    Raises
    ------
    ParameterError
        If none has one.
    """
    found = frame.dropna(subset=["hazard_ratio"]).reset_index(drop=True)
    if found.empty:
        raise ParameterError("specification curve: found no run with an estimate.")
    return found


@styled
def specification_curve(
    frame: pd.DataFrame,
    study: Study,
    *,
    title: str,
    printed: Reference | None = None,
    own: float | None = None,
) -> Figure:
    """Draw the specification curve of one outcome.

    Parameters
    ----------
    frame
        Runs of one outcome, as `replica.sweep.curve.specifications` returns them; those without an
        estimate are left out.
    study
        Whose choices they are.
    title
        Heading.
    printed
        The paper's hazard ratio, drawn as a line.
    own
        The hazard ratio at the study's own settings, marked by a diamond at its place.

    Raises
    ------
    ParameterError
        If no run has an estimate, or there are several outcomes.

    Notes
    -----
    Simonsohn, Simmons and Nelson, Nature Human Behaviour 2020;4:1208-1214.
    """
    if len(frame["outcome"].unique()) > 1:
        raise ParameterError("specification curve: found several outcomes; draw one at a time.")
    found = estimated(frame)
    place = found.sort_values(["hazard_ratio", "ci_low", "ci_high"], kind="stable").index
    runs = found.loc[place]
    rows = [replace(row, marked=row.marked[place]) for row in choice_rows(found, study)]
    names = [row.value for row in rows]
    heads = list(dict.fromkeys(row.choice for row in rows))
    left = EDGE + 0.1 + max((text_width(name, SMALL) for name in [*names, *heads]), default=0.5)
    left = max(left, 0.7)
    board = _ROW * (len(rows) + len(heads)) + 0.05
    lines, top = heading(title)
    bottom = 0.3
    figure = new_figure(WIDTH, bottom + board + 0.12 + _PLOT + _LEGEND + top)
    add_title(figure, lines)
    above = inch_axes(figure, left, bottom + board + 0.12, WIDTH - left - 0.2, _PLOT)
    _draw_ratios(above, runs, printed, own)
    if rows:
        below = inch_axes(figure, left, bottom, WIDTH - left - 0.2, board)
        below.sharex(above)
        _draw_choices(below, rows)
    up = figure.get_size_inches()[1]
    figure.text(left / WIDTH, 0.1 / up, f"{_counted(runs)}, sorted by hazard ratio", size=SMALL)
    return figure


def _draw_ratios(
    axes: Axes, runs: pd.DataFrame, printed: Reference | None, own: float | None
) -> None:
    ratio, low, high, p = (
        runs[name].to_numpy(dtype=np.float64) for name in ("hazard_ratio", "ci_low", "ci_high", "p")
    )
    at = np.arange(len(runs), dtype=np.float64)
    shown = (np.maximum(low, ratio / _SPREAD), np.minimum(high, ratio * _SPREAD))
    axes.set_yscale("log")
    axes.axhline(1, color=INK, linewidth=0.9, zorder=2)
    # as wide as the marks: from half a place before the first to half a place behind the last
    edges = np.append(at - 0.5, len(at) - 0.5)
    below, above = (np.append(end, end[-1:]) for end in shown)
    axes.fill_between(
        edges,
        below,
        above,
        step="post",
        color=RULE,
        alpha=0.35,
        linewidth=0,
        zorder=1,
        gid="intervals",
    )
    significant = p < SIGNIFICANT
    handles = [Line2D([], [], color=RULE, alpha=0.5, linewidth=6, label="95% interval")]
    for mask, colour, label in (
        (significant & (ratio < 1), _BELOW, "p < 0.05, below 1"),
        (~significant, _NEITHER, "p ≥ 0.05"),
        (significant & (ratio >= 1), _ABOVE, "p < 0.05, above 1"),
    ):
        if mask.any():
            _ticks(axes, at[mask], ratio[mask], colour)
            handles.append(Line2D([], [], color=colour, linewidth=2.4, label=label))
    if printed is not None:
        axes.axhline(
            printed.value, color=INK, linewidth=1.1, linestyle=(0, (5, 2)), zorder=5, gid="printed"
        )
        handles.append(
            Line2D([], [], color=INK, linewidth=1.1, linestyle=(0, (5, 2)),
                   label=f"printed: {printed.text}")
        )  # fmt: skip
    if own is not None:
        place = int(np.searchsorted(ratio, own))
        dot = partial(
            Line2D, color=INK, marker="D", markerfacecolor="white", markersize=5.5, linestyle=""
        )
        axes.add_line(dot([min(place, len(runs) - 1)], [own], zorder=6, gid="own"))
        handles.append(dot([], [], label="the study's own"))
    axes.set_xlim(-0.01 * len(runs) - 0.5, 1.01 * len(runs) - 0.5)
    bottom, top = min(shown[0].min(), 0.97), max(shown[1].max(), 1.03)
    axes.set_ylim(bottom / 1.05, top * 1.05)
    axes.yaxis.set_major_locator(FixedLocator(_fitting(bottom, top)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel("Hazard ratio")
    axes.tick_params(labelbottom=False, bottom=False)
    across, up = root_figure(axes).get_size_inches()
    corner = axes.get_position()
    root_figure(axes).legend(
        handles=handles, ncols=3, loc="lower left", borderpad=0, borderaxespad=0,
        bbox_to_anchor=(corner.x0 if corner.x0 * across < 1.6 else EDGE / across,
                        corner.y1 + 0.08 / up),
        columnspacing=1.6, handlelength=1.6,
    )  # fmt: skip


def _fitting(bottom: float, top: float) -> list[float]:
    """Ticks of a logarithmic axis, 1 among them and the rest no closer than their labels are."""
    apart = math.log(top / bottom) / 9
    kept = [1.0]
    for tick in sorted(_TICKS, key=lambda tick: abs(math.log(tick))):
        if bottom <= tick <= top and all(abs(math.log(tick / k)) >= apart for k in kept):
            kept.append(tick)
    return sorted(kept)


def _ticks(axes: Axes, at: NDArray[np.float64], ratio: NDArray[np.float64], colour: str) -> None:
    """Draw each ratio as a short dash: one path for all, so that the file stays small."""
    half = 0.5
    vertices = np.column_stack(
        [np.column_stack([at - half, at + half]).ravel(), np.repeat(ratio, 2)]
    )
    codes = np.tile([Path.MOVETO, Path.LINETO], at.size)
    axes.add_patch(
        PathPatch(Path(vertices, codes), edgecolor=colour, linewidth=2.4, zorder=4, fill=False,
                  capstyle="butt", gid="ratios")
    )  # fmt: skip


def _counted(runs: pd.DataFrame) -> str:
    seeds = runs["seed"].nunique() if "seed" in runs else 1
    return f"{len(runs)} specifications{f' with {seeds} seeds' if seeds > 1 else ''}"


def _draw_choices(axes: Axes, rows: list[ChoiceRow]) -> None:
    margin = blended_transform_factory(root_figure(axes).dpi_scale_trans, axes.transData)
    height = 0.0
    before = ""
    n = rows[0].marked.size
    for number, row in enumerate(rows):
        if row.choice != before:
            axes.text(
                EDGE, height + 0.55, row.choice, transform=margin, size=SMALL, weight="bold",
                va="center",
            )  # fmt: skip
            height, before = height + 1, row.choice
        if number % 2 == 0:
            axes.axhspan(height, height + 1, color=BAND, linewidth=0, zorder=0)
        axes.text(
            EDGE + 0.08, height + 0.52, row.value, transform=margin, size=SMALL, va="center",
            color=MUTED,
        )  # fmt: skip
        x = np.flatnonzero(row.marked).astype(np.float64)
        vertices = np.column_stack(
            [np.repeat(x, 2), np.tile([height + 0.16, height + 0.84], x.size)]
        )
        codes = np.tile([Path.MOVETO, Path.LINETO], x.size)
        width = float(np.clip(300 / n, 0.35, 2.5))
        axes.add_patch(
            PathPatch(Path(vertices, codes), edgecolor=INK, linewidth=width, fill=False,
                      capstyle="butt", gid="choice")
        )  # fmt: skip
        height += 1
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.tick_params(labelbottom=False, bottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def curve_alt(frame: pd.DataFrame, *, outcome_label: str, printed: Reference | None = None) -> str:
    """Say what a specification curve shows: how many, from where to where, and on which side."""
    found: Shares = shares(frame, printed)
    text = (
        f"Specification curve of {outcome_label}: "
        f"{found.estimated} hazard ratios sorted from {found.lowest:.2f} to {found.highest:.2f}, "
        f"median {found.middle:.2f}. {found.below} lie below 1 and {found.above} above; "
        f"{found.significant} have p below {SIGNIFICANT:g}."
    )
    if found.equal:
        text += f" {found.equal} are 1."
    if printed is not None:
        text += f" The paper prints {printed.text}."
    if found.refused:
        text += f" {found.refused} specifications have no estimate."
    return text
