"""The drawing of a forest plot: rows of text with squares and intervals between the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import Transform, blended_transform_factory

from replica.figure_style import (
    ARM_COLOURS,
    BAND,
    BODY,
    EDGE,
    INK,
    MUTED,
    RULE,
    SMALL,
    add_title,
    heading,
    line_count,
    new_figure,
    text_width,
    wrapped,
)

_WIDTH, _GAP, _ROW, _INDENT, _PLOT = 7.5, 0.14, 0.235, 0.12, 2.1
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_FINE_TICKS = (0.125, 0.25, 0.5, 1, 2, 4, 8)
_SIDE = 1.75  # inches within which each of the two directions is written
_WIDEST = (0.02, 50.0)  # an interval beyond this ends in an arrow
MarkKind = Literal["held", "illustration", "multivariable"]


@dataclass(frozen=True)
class Mark:
    """What is drawn in a row: an estimate with its interval, and the printed one if known."""

    ratio: float
    low: float
    high: float
    published: float = math.nan
    kind: MarkKind = "held"


@dataclass(frozen=True)
class Row:
    """One row: its label, the text of each column and what is drawn."""

    label: str
    cells: tuple[str, ...]
    mark: Mark | None = None
    heading: bool = False
    indent: bool = True
    band: bool = False


@dataclass(frozen=True)
class Column:
    """A column of numbers, left or right of the plot."""

    header: str
    left: bool


def key_entry(kind: MarkKind, label: str) -> Line2D:
    """Return the legend entry of a kind of mark."""
    return Line2D([], [], linestyle="-", markersize=6, label=label, **_look(kind))  # type: ignore[arg-type]


def _look(kind: MarkKind) -> dict[str, object]:
    colour = {"held": ARM_COLOURS["treated"], "illustration": RULE, "multivariable": INK}[kind]
    return {
        "color": colour,
        "linewidth": 1.3,
        "marker": "D" if kind == "multivariable" else "s",
        "markeredgecolor": colour,
        "markerfacecolor": "white" if kind == "illustration" else colour,
    }


def diamond(x: Sequence[float], y: Sequence[float], label: str = "") -> Line2D:
    """Return hollow diamonds, the sign of a printed estimate."""
    return Line2D(
        x, y, linestyle="none", marker="D", markersize=7.5, markerfacecolor="none",
        markeredgecolor=INK, markeredgewidth=1.1, zorder=5, gid="published", label=label,
    )  # fmt: skip


def draw_forest(
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    corner: str,
    title: str,
    favours: tuple[str, str],
    key: Sequence[Line2D],
) -> Figure:
    """Draw rows from top to bottom; `corner` heads the labels, `key` stands under the axis."""
    widths = [
        max(
            [
                text_width(column.header, SMALL, "bold"),
                *(text_width(r.cells[i], SMALL) for r in rows),
            ]
        )
        for i, column in enumerate(columns)
    ]
    # The plot takes what the columns leave; labels too long for their share are broken.
    room = _WIDTH - 2 * EDGE - sum(widths) - _GAP * (len(columns) + 1) - _PLOT
    labels = [wrapped(row.label, room - _indent(row), BODY - 0.5, _weight(row)) for row in rows]
    label_width = max(
        text_width(label, BODY - 0.5, _weight(row)) + _indent(row)
        for row, label in zip(rows, labels, strict=True)
    )
    label_width = max(label_width, text_width(corner, SMALL, "bold"))
    spans = [1 + 0.65 * (line_count(label) - 1) for label in labels]
    starts = np.concatenate(([0.0], np.cumsum(spans)))
    middles = (starts[:-1] + starts[1:]) / 2

    lines, top = heading(title, _WIDTH)
    top += 0.26
    sides = [wrapped(f"← {side}", _SIDE, SMALL) for side in favours]
    bottom = 0.46 + _side_height(sides) + (0.1 + 0.2 * len(key) if key else 0)
    body = _ROW * float(starts[-1])
    height = top + body + bottom
    figure = new_figure(_WIDTH, height)
    add_title(figure, lines)
    x = EDGE + label_width
    edges: list[float] = []
    for column, width in zip(columns, widths, strict=True):
        if column.left:
            x += _GAP + width
            edges.append(x)
    plot_left = x + 1.6 * _GAP
    right = _WIDTH - EDGE
    for column, width in list(zip(columns, widths, strict=True))[::-1]:
        if not column.left:
            edges.insert(sum(c.left for c in columns), right)
            right -= width + _GAP
    right -= 0.6 * _GAP
    axes = figure.add_axes(
        (plot_left / _WIDTH, bottom / height, (right - plot_left) / _WIDTH, body / height)
    )
    axes.set_ylim(float(starts[-1]), 0)
    margin = blended_transform_factory(figure.dpi_scale_trans, axes.transData)
    _draw_axis(axes, [row.mark for row in rows if row.mark], favours)
    _draw_marks(axes, rows, [float(middle) for middle in middles])
    for row, label, start, span in zip(rows, labels, starts, spans, strict=False):
        middle = start + span / 2
        if row.band:
            axes.add_patch(_stripe(start, span, margin))
        axes.text(
            EDGE + _indent(row), middle, label, transform=margin, size=BODY - 0.5,
            va="center_baseline",            weight=_weight(row), linespacing=1.1,
        )  # fmt: skip
        grey = row.mark is not None and row.mark.kind == "illustration"
        for edge, cell in zip(edges, row.cells, strict=True):
            axes.text(
                edge, middle, cell, transform=margin, size=SMALL, va="center_baseline", ha="right",
                color=MUTED if grey else INK,
            )  # fmt: skip
    above = -0.55
    axes.text(
        EDGE, above, corner, transform=margin, size=SMALL, weight="bold", va="center_baseline"
    )
    for edge, column in zip(edges, columns, strict=True):
        axes.text(
            edge, above, column.header, transform=margin, size=SMALL, weight="bold",
            va="center_baseline", ha="right",
        )  # fmt: skip
    axes.plot([EDGE, _WIDTH - EDGE], [0, 0], transform=margin, color=INK, lw=0.8, clip_on=False)
    if key:
        figure.legend(
            handles=list(key), loc="lower left", bbox_to_anchor=(EDGE / _WIDTH, 0.08 / height),
            borderaxespad=0, borderpad=0, handlelength=1.8,
        )  # fmt: skip
    return figure


def _weight(row: Row) -> Literal["normal", "bold"]:
    return "bold" if row.heading else "normal"


def _indent(row: Row) -> float:
    return 0.0 if row.heading or not row.indent else _INDENT


def _stripe(start: float, span: float, margin: Transform) -> Rectangle:
    return Rectangle(
        (EDGE / 2, start), _WIDTH - EDGE, span, transform=margin, color=BAND, linewidth=0,
        zorder=-1, clip_on=False,
    )  # fmt: skip


def _draw_axis(axes: Axes, marks: Sequence[Mark], favours: tuple[str, str]) -> None:
    shown = [mark for mark in marks if math.isfinite(mark.ratio)]
    ends = [value for m in shown for value in (m.low, m.high, m.ratio, m.published)]
    ends = [end for end in ends if math.isfinite(end) and end > 0]
    low = max(min([0.5, *ends]) / 1.08, _WIDEST[0])
    high = min(max([2.0, *ends]) * 1.08, _WIDEST[1])
    axes.set(xscale="log", xlim=(low, high), yticks=[])
    fine = low >= 0.08 and high <= 13
    ticks = [tick for tick in (_FINE_TICKS if fine else _TICKS) if low <= tick <= high]
    if len(ticks) > 6:
        ticks = [tick for tick in ticks if tick in (0.01, 0.1, 1, 10, 100)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.spines["left"].set_visible(False)
    axes.patch.set_visible(False)
    axes.axvline(1, color=MUTED, linewidth=0.9, zorder=1)
    sides = [wrapped(f"← {favours[0]}", _SIDE, SMALL), wrapped(f"{favours[1]} →", _SIDE, SMALL)]
    axes.set_xlabel("Hazard ratio (log scale)", labelpad=_side_height(sides) * 72)
    for align, text, offset in (("right", sides[0], -5), ("left", sides[1], 5)):
        axes.annotate(
            text, (1, 0), (offset, -21), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha=align, va="top", size=SMALL, color=MUTED,
        )  # fmt: skip


def _side_height(sides: Sequence[str]) -> float:
    return 0.11 + 0.15 * max(line_count(side) for side in sides)


def _draw_marks(axes: Axes, rows: Sequence[Row], middles: Sequence[float]) -> None:
    low, high = axes.get_xlim()
    precision = {
        i: (math.log(row.mark.high / row.mark.low) / (2 * 1.959964)) ** -2
        for i, row in enumerate(rows)
        if row.mark
        and row.mark.low > 0
        and math.isfinite(row.mark.high)
        and row.mark.high > row.mark.low
    }
    most = max(precision.values(), default=1.0)
    for i, (row, y) in enumerate(zip(rows, middles, strict=True)):
        if row.mark is None:
            continue
        mark = row.mark
        if math.isfinite(mark.published):
            axes.add_line(diamond([mark.published], [y]))
        if not math.isfinite(mark.ratio):
            continue
        look = _look(mark.kind)
        ends = [max(mark.low, low), min(mark.high, high)]
        axes.plot(ends, [y, y], color=look["color"], linewidth=1.3, gid="interval", zorder=2)
        for cut, end, arrow in ((mark.low < low, low, "<"), (mark.high > high, high, ">")):
            if cut:
                axes.plot([end], [y], arrow, color=look["color"], markersize=5, clip_on=False)
        side = 3.2 + 4.3 * math.sqrt(precision.get(i, 0.0) / most)
        axes.plot([mark.ratio], [y], markersize=side, gid="estimate", zorder=3, **look)  # type: ignore[arg-type]
