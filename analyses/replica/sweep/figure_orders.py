"""The order panel: what random orders of the treated give, and where the printed numbers fall."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from replica.errors import ParameterError
from replica.figure_style import (
    ARM_COLOURS,
    INK,
    WIDTH,
    add_title,
    heading,
    inch_axes,
    new_figure,
    styled,
    wrapped,
)
from replica.protocol import Study
from replica.sweep.printed import Reference

_PLOT = 1.9
_BINS = 24
PAIRS = "pairs"
_LEAST = {True: 6.0, False: 0.05}  # least width of the axis of pairs, and of a hazard ratio


@styled
def order_panel(
    frame: pd.DataFrame,
    study: Study,
    *,
    title: str,
    printed: Mapping[str, Reference | None],
    own: Mapping[str, float],
) -> Figure:
    """Draw the number of pairs and the hazard ratio of each outcome over random orders.

    Parameters
    ----------
    frame
        As `replica.sweep.curve.orders` returns it.
    study
        Whose outcomes they are.
    title
        Heading.
    printed, own
        The paper's number and that of the study's own order, for `pairs` and each outcome.

    Raises
    ------
    ParameterError
        If no run has an estimate.
    """
    panels = [(PAIRS, "Pairs", _pairs(frame, study))]
    for outcome in study.outcomes:
        ratios = frame.loc[frame["outcome"] == outcome.key, "hazard_ratio"].dropna()
        if ratios.empty:
            raise ParameterError(f"order panel: found no estimate of {outcome.key}.")
        panels.append((outcome.key, f"Hazard ratio: {outcome.short}", ratios.to_numpy(np.float64)))
    lines, top = heading(title)
    bottom = 0.7
    figure = new_figure(WIDTH, bottom + _PLOT + 0.32 + top)
    add_title(figure, lines)
    left, gap = 0.55, 0.42
    width = (WIDTH - left - 0.2 - gap * (len(panels) - 1)) / len(panels)
    for i, (key, label, values) in enumerate(panels):
        axes = inch_axes(figure, left + i * (width + gap), bottom, width, _PLOT)
        _draw(axes, values, printed.get(key), own[key], whole=key == PAIRS)
        axes.set_xlabel(wrapped(label, width))
        if i == 0:
            axes.set_ylabel(f"Orders, of {len(values)}")
    handles = [
        Line2D([], [], color=INK, linewidth=1.3, linestyle=(0, (5, 2)), label="printed"),
        Line2D([], [], color=ARM_COLOURS["control"], linewidth=1.6, label="the study's own order"),
    ]
    up = figure.get_size_inches()[1]
    figure.legend(
        handles=handles, ncols=2, loc="upper left", borderpad=0,
        bbox_to_anchor=(left / WIDTH, 1 - (top + 0.02) / up), borderaxespad=0,
    )  # fmt: skip
    return figure


def _pairs(frame: pd.DataFrame, study: Study) -> NDArray[np.float64]:
    first = frame["outcome"] == study.outcomes[0].key
    return frame.loc[first, PAIRS].dropna().to_numpy(dtype=np.float64)


def _draw(
    axes: Axes,
    values: NDArray[np.float64],
    printed: Reference | None,
    own: float,
    *,
    whole: bool,
) -> None:
    marks = [own] if printed is None else [own, printed.value]
    low, high = min(values.min(), *marks), max(values.max(), *marks)
    # orders that change nothing are shown as a narrow bar, not as a full plot
    room = max(0.0, (_LEAST[whole] - (high - low)) / 2)
    low, high = low - room, high + room
    if whole:
        edges = np.arange(math.floor(low) - 0.5, math.ceil(high) + 1.5)
    else:
        pad = 0.04 * (high - low) or 0.01
        edges = np.linspace(low - pad, high + pad, _BINS + 1)
    axes.hist(values, bins=edges.tolist(), color=ARM_COLOURS["treated"], alpha=0.75, gid="orders")
    if printed is not None:
        axes.axvline(
            printed.value, color=INK, linewidth=1.3, linestyle=(0, (5, 2)), gid="printed", zorder=4
        )
    axes.axvline(own, color=ARM_COLOURS["control"], linewidth=1.6, gid="own", zorder=3)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=whole))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def order_alt(frame: pd.DataFrame, study: Study, printed: Mapping[str, Reference | None]) -> str:
    """Say what an order panel shows: from where to where, and how often as printed."""
    pairs = _pairs(frame, study)
    parts = [f"{len(pairs)} random orders give {pairs.min():.0f} to {pairs.max():.0f} pairs"]
    known = printed.get(PAIRS)
    if known is not None:
        parts[0] += f" (printed {known.text}, {known.count(pairs)} times)"
    for outcome in study.outcomes:
        ratio = frame.loc[frame["outcome"] == outcome.key, "hazard_ratio"].dropna()
        text = f"{outcome.short}: hazard ratio {ratio.min():.2f} to {ratio.max():.2f}"
        known = printed.get(outcome.key)
        if known is not None:
            text += f" (printed {known.text}, {known.count(ratio)} times)"
        parts.append(text)
    return f"Histograms. {'; '.join(parts)}."
