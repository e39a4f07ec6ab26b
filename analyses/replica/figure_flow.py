"""Flow diagrams of who was left out, and bars of how many numbers came back."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch
from matplotlib.ticker import PercentFormatter

from replica.cohort import AttritionStep, Source
from replica.errors import ParameterError, one_of
from replica.figure_style import (
    BODY,
    EDGE,
    INK,
    LINE,
    MUTED,
    SMALL,
    WIDTH,
    add_title,
    headed_axes,
    heading,
    line_count,
    new_figure,
    root_figure,
    styled,
    text_width,
    wrapped,
)

_MAIN, _SIDE, _PAD = 3.5, 2.5, 0.12

# Colour and hatch, so that a bar reads without either.
_VERDICTS: dict[str, tuple[str, str, str]] = {
    "reproduced": ("Reproduced", "#0072B2", ""),
    "rounding": ("Within one unit of the last digit", "#56B4E9", "///"),
    "different": ("Different", "#E69F00", "\\\\\\"),
    "contradicted": ("Contradicted by other printed numbers", "#D55E00", "xxx"),
    "not_computable": ("Not computable", "#D9D9D9", "..."),
}


@styled
def attrition_figure(steps: Sequence[AttritionStep], *, title: str = "Flow of patients") -> Figure:
    """Draw boxes and arrows: who was asked about, who was left after each step, who went.

    Parameters
    ----------
    steps
        In order; `remaining` counts who is left after the step, `excluded` who left at it.

    Raises
    ------
    ParameterError
        If there is no step, or the counts do not add up from one step to the next.

    Notes
    -----
    Layout after the STROBE and CONSORT flow diagrams.
    """
    if not steps:
        raise ParameterError("flow diagram: found no steps; at least one is needed.")
    for before, after in itertools.pairwise(steps):
        if before.remaining - after.excluded != after.remaining:
            raise ParameterError(
                f"flow diagram: {before.remaining} patients before {after.label!r}, "
                f"{after.excluded} excluded, but {after.remaining} remaining; the three must add "
                "up. Check the steps."
            )
    boxes = list(steps)
    if boxes[0].excluded:
        boxes.insert(0, AttritionStep("Assessed", boxes[0].remaining + boxes[0].excluded, 0))
    texts = [f"{wrapped(box.label, _MAIN - 2 * _PAD)}\n(n = {box.remaining:,})" for box in boxes]
    sides = [
        f"{wrapped(box.reason, _SIDE - 2 * _PAD)}\n(n = {box.excluded:,})" if box.excluded else ""
        for box in boxes
    ]
    lines, top = heading(title)
    tall = [LINE * line_count(text) + 2 * _PAD for text in texts]
    aside = [LINE * line_count(side) + _PAD if side else 0.0 for side in sides]
    gaps = [0.0, *(height + 0.24 if height else 0.3 for height in aside[1:])]
    height = top + sum(tall) + sum(gaps) + 0.12
    figure = new_figure(WIDTH, height)
    add_title(figure, lines)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    centre, y = EDGE + _MAIN / 2, top
    for text, side, beside, box, gap in zip(texts, sides, aside, tall, gaps, strict=True):
        if gap:
            _arrow(axes, (centre, y), (centre, y + gap))
        if side and gap:
            left = WIDTH - EDGE - _SIDE
            _arrow(axes, (centre, y + gap / 2), (left, y + gap / 2))
            _box(axes, (left, y + (gap - beside) / 2), (_SIDE, beside), side)
        y += gap
        _box(axes, (EDGE, y), (_MAIN, box), text)
        y += box
    return figure


def _box(axes: Axes, corner: tuple[float, float], size: tuple[float, float], text: str) -> None:
    (x, y), (width, height) = corner, size
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.04",
            facecolor="white",
            edgecolor=MUTED,
            linewidth=1,
        )
    )
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", linespacing=1.3)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1, "shrinkA": 0, "shrinkB": 0},
    )


@styled
def agreement_figure(
    counts: Mapping[str, Mapping[str, int]],
    *,
    source: Source,
    title: str = "Printed numbers against computed ones",
    ax: Axes | None = None,
) -> Figure:
    """Draw one bar per set of printed numbers, divided by verdict.

    Parameters
    ----------
    counts
        For each bar its label and the count of each verdict, as `replica.agreement.counts` gives
        them; keys that are no verdict (totals) are ignored.
    source
        With a synthetic cohort "reproduced" reads "attained by construction".
    ax
        Axes to draw into; by default those of a new figure.

    Raises
    ------
    ParameterError
        If there is no bar, or a bar has no verdict at all or a negative count.
    """
    bars = {
        label: {verdict: int(part.get(verdict, 0)) for verdict in _VERDICTS}
        for label, part in counts.items()
    }
    if not bars:
        raise ParameterError("agreement: found no bars; at least one set of verdicts is needed.")
    for label, bar in bars.items():
        if sum(bar.values()) == 0 or min(bar.values()) < 0:
            found = dict(counts[label])
            raise ParameterError(
                f"agreement: {label!r} counts no verdict, {one_of(found, _VERDICTS)}"
            )
    names = [wrapped(f"{label} (n = {sum(bar.values()):,})", 1.7) for label, bar in bars.items()]
    shown = [v for v in _VERDICTS if any(bar[v] for bar in bars.values())]
    left = EDGE + max(text_width(name) for name in names) + 0.12
    axes = headed_axes(
        title,
        [_swatch(verdict, source) for verdict in shown],
        columns=2,
        left=left,
        plot=0.72 * len(bars),
        ax=ax,
    )
    axes.set(xlim=(0, 1), ylim=(len(bars) - 0.65, -0.65), xlabel="Share of the printed numbers (%)")
    width = axes.get_window_extent().width / root_figure(axes).dpi
    for row, bar in enumerate(bars.values()):
        _draw_bar(axes, row, bar, sum(bar.values()) / width)
    axes.set_yticks(range(len(names)), names, size=BODY)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xticks(np.linspace(0, 1, 5))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    return root_figure(axes)


def _swatch(verdict: str, source: Source) -> Patch:
    label, colour, hatch = _VERDICTS[verdict]
    if verdict == "reproduced" and source == "synthetic":
        label = "Attained by construction"
    return Patch(
        facecolor=colour, hatch=hatch, edgecolor="white" if not hatch else INK, label=label
    )


def _draw_bar(axes: Axes, row: int, bar: Mapping[str, int], inch: float) -> None:
    """Draw one bar of length 1; `inch` is how many counts one inch of it holds."""
    total, start = sum(bar.values()), 0.0
    narrow: list[tuple[float, float, str]] = []
    for verdict, count in bar.items():
        if not count:
            continue
        _, colour, hatch = _VERDICTS[verdict]
        share = count / total
        axes.barh(
            row,
            share,
            0.5,
            left=start,
            facecolor=colour,
            hatch=hatch,
            linewidth=0.8,
            edgecolor=INK if hatch else "white",
            gid=verdict,
        )
        text = f"{count:,}"
        need = (text_width(text, SMALL + 1, "bold") + 0.1) * inch / total
        if need <= share:
            axes.text(
                start + share / 2,
                row,
                text,
                ha="center",
                va="center",
                size=SMALL + 1,
                weight="bold",
                bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none"},
            )
        else:
            narrow.append((start + share / 2, need, text))
        start += share
    # Too narrow for its number: the number stands above the bar, clear of its neighbours.
    places = _apart([middle for middle, _, _ in narrow], [need for _, need, _ in narrow])
    for (middle, _, text), at in zip(narrow, places, strict=True):
        axes.plot([middle, at], [row - 0.25, row - 0.32], color=MUTED, linewidth=0.7, clip_on=False)
        axes.text(at, row - 0.33, text, ha="center", va="bottom", size=SMALL + 1)


def _apart(middles: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Move middles as little to the right, then to the left of 1, as keeps the widths apart."""
    places: list[float] = []
    free = 0.0
    for middle, width in zip(middles, widths, strict=True):
        places.append(max(middle, free + width / 2))
        free = places[-1] + width / 2
    end = 1.0
    for i in reversed(range(len(places))):
        places[i] = min(places[i], end - widths[i] / 2)
        end = places[i] - widths[i] / 2
    return places
