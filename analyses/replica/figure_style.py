"""The one look of all figures: colours, sizes, measured text, number formats.

Nothing here changes matplotlib's settings beyond the call it is used in.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, ParamSpec, TypeVar

import matplotlib.style
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from replica.errors import ParameterError, one_of
from replica.survival import MedianSurvival

# The only family that matplotlib itself carries: metrics, and so bytes, are the same everywhere.
FONT = "DejaVu Sans"
SMALL, BODY, TITLE = 8.0, 9.0, 11.0
LINE = 0.19  # inches from one line of body text to the next
EDGE = 0.12  # inches kept free at the rim of a figure
WIDTH = 7.0
DASH = "\N{EN DASH}"

INK, MUTED, RULE, BAND = "#1A1A1A", "#4D4D4D", "#8C8C8C", "#F1F4F7"
# Okabe and Ito's palette: blue against vermilion stays apart in every common colour blindness.
ARM_COLOURS = {"treated": "#0072B2", "control": "#D55E00"}
# Groups that are no arms must not look like arms.
OTHER_COLOURS = ("#007F5C", "#AA4499", "#6B6B00", "#332288")
LineStyle = Literal["-"] | tuple[float, tuple[float, ...]]
LINE_STYLES: tuple[LineStyle, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
)

STYLE: dict[str, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "white",
    "axes.labelcolor": INK,
    "axes.labelsize": BODY,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": FONT,
    "font.size": BODY,
    "hatch.linewidth": 0.7,
    "legend.fontsize": SMALL + 0.5,
    "legend.frameon": False,
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "svg.fonttype": "path",
    "text.color": INK,
    "text.parse_math": False,  # a label is text: a dollar sign in it is a dollar sign
    "xtick.color": INK,
    "xtick.labelsize": SMALL + 0.5,
    "ytick.color": INK,
    "ytick.labelsize": SMALL + 0.5,
}

P = ParamSpec("P")
R = TypeVar("R")


def in_style(**extra: object) -> AbstractContextManager[None]:
    """Return a context in which the shared style holds, with any further settings given."""
    # "default" first, so that a reader's own matplotlibrc does not change what is drawn.
    return matplotlib.style.context(["default", {**STYLE, **extra}])


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function in the shared style and leave the global settings as they were."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with in_style():
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, unknown to pyplot: nothing to close, no leak."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def add_title(figure: Figure, title: str) -> None:
    """Write the title, broken into lines by `heading`, at the top left."""
    across, up = figure.get_size_inches()
    figure.text(EDGE / across, 1 - 0.1 / up, title, size=TITLE, weight="bold", va="top")


def heading(title: str, width: float = WIDTH) -> tuple[str, float]:
    """Return a title broken to fit a figure's width, and the height in inches that it takes."""
    lines = wrapped(title, width - 2 * EDGE, TITLE, "bold")
    return lines, 0.2 + 0.18 * line_count(lines)


def headed_axes(
    title: str,
    handles: Sequence[Artist],
    *,
    columns: int,
    left: float,
    plot: float,
    ax: Axes | None,
) -> Axes:
    """Return axes under a title and a legend: a new figure's, or the ones given.

    `left` is the room in inches for what stands beside the plot, `plot` the plot's height.
    """
    if ax is not None:
        ax.set_title(title, loc="left", size=TITLE, weight="bold")
        ax.legend(handles=handles, loc="best")
        return ax
    lines, top = heading(title)
    below = top + 0.1 + 0.2 * math.ceil(len(handles) / columns)
    bottom = 0.55
    height = below + plot + bottom
    figure = new_figure(WIDTH, height)
    add_title(figure, lines)
    figure.legend(
        handles=handles,
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=(EDGE / WIDTH, 1 - (top + 0.02) / height),
        borderaxespad=0,
        borderpad=0,
    )
    return inch_axes(figure, left, bottom, WIDTH - left - 0.25, plot)


def inch_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def root_figure(axes: Axes) -> Figure:
    """Return the figure that axes belong to, also when they sit in a part of it."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ParameterError("ax: found axes without a figure; make them with plt.subplots().")
    return figure


def text_width(
    text: str, size: float = BODY, weight: Literal["normal", "bold"] = "normal"
) -> float:
    """Return the width in inches of the longest line of a text."""
    font = FontProperties(family=FONT, size=size, weight=weight)
    lines = [line for line in text.split("\n") if line.strip()]
    paths = (TextPath((0, 0), line, size=size, prop=font) for line in lines)
    # Control points, not the exact curves: never too narrow, and ten times as fast.
    return max((float(path.vertices[:, 0].max()) / 72 for path in paths), default=0.0)


def wrapped(
    text: str, width: float, size: float = BODY, weight: Literal["normal", "bold"] = "normal"
) -> str:
    """Break a text between words so that each line is at most `width` inches wide.

    A single word that is wider stays whole.
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def line_count(text: str) -> int:
    """Count the lines of a text."""
    return text.count("\n") + 1


def text_colour(colour: str) -> str:
    """Return the colour, darkened: text needs more contrast with the page than a line does."""
    red, green, blue = to_rgb(colour)
    return to_hex((0.75 * red, 0.75 * green, 0.75 * blue))


def group_colours(groups: Sequence[str]) -> dict[str, str]:
    """Return one colour per group: arms keep theirs everywhere, other groups get other ones.

    Raises
    ------
    ParameterError
        If there are more groups than colours that can be told apart.
    """
    others = [group for group in groups if group not in ARM_COLOURS]
    if len(others) > len(OTHER_COLOURS):
        raise ParameterError(
            f"found {len(others)} groups; allowed: at most {len(OTHER_COLOURS)} in one figure. "
            "Draw fewer groups or pass `colors`."
        )
    return {**ARM_COLOURS, **dict(zip(others, OTHER_COLOURS, strict=False))}


def group_line_styles(groups: Sequence[str]) -> dict[str, LineStyle]:
    """Return one line style per group, in turn, so that colour is never the only difference."""
    # Treated is always the solid line, whatever order the groups come in.
    ordered = sorted(groups, key=lambda group: group != "treated")
    return {group: LINE_STYLES[i % len(LINE_STYLES)] for i, group in enumerate(ordered)}


def require(frame: pd.DataFrame, columns: Collection[str], what: str) -> None:
    """Refuse a frame that is empty or lacks a column.

    Raises
    ------
    ParameterError
        Naming what is missing and what was found.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ParameterError(
            f"{what}: found the columns {list(frame.columns)}; missing: {', '.join(missing)}."
        )
    if frame.empty:
        raise ParameterError(f"{what}: found no rows; at least one is needed to draw anything.")


def label_of(key: str, labels: Mapping[str, str]) -> str:
    """Return the label of a key.

    Raises
    ------
    ParameterError
        If there is none; the message lists those there are.
    """
    if key not in labels:
        raise ParameterError(f"no label, {one_of(key, labels)}")
    return labels[key]


def number(value: float | None, missing: str = "not estimable", decimals: int = 2) -> str:
    """Write an estimate with a number of decimals, or say that there is none."""
    if value is None or not math.isfinite(value):
        return missing
    smallest = 10.0**-decimals
    below = 0 < value < smallest / 2
    return f"<{smallest:.{decimals}f}" if below else f"{value:.{decimals}f}"


def interval(value: float, low: float, high: float, missing: str = "not estimable") -> str:
    """Write an estimate with its interval, the value before the ends in brackets."""
    if not math.isfinite(value):
        return missing
    return f"{number(value)} ({number(low, 'NE')}{DASH}{number(high, 'NE')})"


def p_value(p: float) -> str:
    """Write a p value: three decimals, `<0.001` below that, a dash where there is none."""
    if not math.isfinite(p):
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def median_text(median: MedianSurvival, unit: str) -> str:
    """Write a median with its interval; what the curve does not reach is `not reached`, `NR`."""
    if median.median is None:
        return "median not reached"
    # Days are counted whole; months and years have decimals in print.
    decimals = 0 if unit == "days" else 2
    low, high = (number(end, "NR", decimals) for end in (median.ci_low, median.ci_high))
    return f"median {number(median.median, decimals=decimals)} {unit} (95% CI {low}{DASH}{high})"
