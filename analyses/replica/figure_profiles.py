"""Hazard ratios of one cohort under several rules: a dot with its interval for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from matplotlib.transforms import Transform, blended_transform_factory

from replica.errors import ParameterError
from replica.figure_style import (
    ARM_COLOURS,
    BAND,
    BODY,
    DASH,
    EDGE,
    INK,
    MUTED,
    OTHER_COLOURS,
    SMALL,
    WIDTH,
    add_title,
    heading,
    inch_axes,
    interval,
    label_of,
    line_count,
    new_figure,
    require,
    root_figure,
    styled,
    wrapped,
)

_HEADINGS = {"profile": "Convention profile", "choice": "One choice exchanged"}
_LABELS, _ROW, _GAP, _BOTTOM, _APART = 2.55, 0.25, 0.22, 0.52, 0.3
_TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 4, 5, 7, 10)
_COLUMNS = (
    *(
        "kind",
        "name",
        "value",
        "outcome",
        "treated",
        "control",
        "hazard_ratio",
        "ci_low",
        "ci_high",
    ),
    *("hazard_ratio_min", "hazard_ratio_max"),
)


@dataclass(frozen=True)
class _Line:
    """A row of the figure: a heading (without a variant) or a variant."""

    label: str
    top: float
    middle: float
    variant: tuple[str, str, str] | None
    pairs: str = ""


@styled
def profile_plot(
    effects: pd.DataFrame, *, labels: Mapping[str, str], title: str, repeats: int = 0
) -> Figure:
    """Draw the hazard ratio of each outcome under each profile and each single choice.

    Parameters
    ----------
    effects
        `effects` of `replica.profiles.what_moves`, the study's own settings first. A choice that
        leaves all ratios as they are is not drawn.
    labels
        Label of each outcome; one panel each.
    repeats
        How many matchings the range over repeats stands for; 0: the legend does not name it.

    Raises
    ------
    ParameterError
        If columns, labels or all rows are missing.
    """
    require(effects, _COLUMNS, "effects")
    outcomes = [str(key) for key in effects["outcome"].unique()]
    names = [label_of(key, labels) for key in outcomes]
    lines = _lines(moved(effects))
    body = lines[-1].middle + 0.5
    top_lines, top = heading(title)
    legend = 0.2 * (1 + (repeats > 0))
    below_title, top = top + 0.02, top + legend + 0.42
    height = top + _ROW * body + _BOTTOM
    figure = new_figure(WIDTH, height)
    add_title(figure, top_lines)
    left = EDGE + _LABELS + 0.5
    width = (WIDTH - left - 0.2 - _GAP * (len(outcomes) - 1)) / len(outcomes)
    ends = effects[["ci_low", "ci_high", "hazard_ratio"]].to_numpy(dtype=float)
    low, high = np.nanmin(ends, initial=0.95) / 1.05, np.nanmax(ends, initial=1.05) * 1.05
    for i, (outcome, name) in enumerate(zip(outcomes, names, strict=True)):
        axes = inch_axes(figure, left + i * (width + _GAP), _BOTTOM, width, _ROW * body)
        axes.set(xscale="log", xlim=(low, high), yticks=[], ylim=(body, 0))
        ticks = _ticks(float(low), float(high), width)
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
        axes.xaxis.set_minor_locator(NullLocator())
        _draw(axes, effects[effects["outcome"] == outcome], lines)
        axes.set_title(wrapped(name, width, BODY, "bold"), size=BODY, weight="bold", pad=6)
        axes.set_xlabel("Hazard ratio (log scale)", size=SMALL)
    _write(figure.axes[0], lines, sets_word(effects))
    handles = [_dot([], [], "Hazard ratio, 95% interval"), _own_line("The study's own settings")]
    if repeats:
        handles.append(_bar(f"Range of the ratio over {repeats} matchings at random"))
    figure.legend(
        handles=handles,
        ncols=2,
        loc="upper left",
        bbox_to_anchor=(EDGE / WIDTH, 1 - below_title / height),
        borderaxespad=0,
        borderpad=0,
    )
    return figure


def moved(effects: pd.DataFrame) -> pd.DataFrame:
    """Keep profiles, and choices that change who is matched or a hazard ratio."""
    own = effects.iloc[0]
    base = effects[(effects["kind"] == own["kind"]) & (effects["name"] == own["name"])]
    ratio = base.set_index("outcome")["hazard_ratio"]
    differs = effects["hazard_ratio"] != effects["outcome"].map(ratio)
    differs |= effects["treated"] != own["treated"]
    keep = differs.groupby([effects["kind"], effects["name"], effects["value"]]).transform("any")
    shown: pd.DataFrame = effects[keep | (effects["kind"] == "profile")]
    return shown


def _lines(shown: pd.DataFrame) -> list[_Line]:
    lines: list[_Line] = []
    below = 0.0
    own = True
    for kind, part in shown.groupby("kind", sort=False):
        lines.append(_Line(_HEADINGS[str(kind)], below, below + 0.5, None))
        below += 1.0
        for key, rows in part.groupby(["kind", "name", "value"], sort=False):
            text = str(key[1]) if kind == "profile" else f"{key[1]}: {key[2]}"
            text = wrapped(f"{text} (the study's own)" if own else text, _LABELS - 0.1, BODY - 0.5)
            own = False
            tall = 1 + 0.6 * (line_count(text) - 1)
            pairs = f"{int(rows['treated'].iloc[0])}"
            lines.append(
                _Line(text, below, below + tall / 2, (str(kind), str(key[1]), str(key[2])), pairs)
            )
            below += tall
    return lines


def _dot(x: list[float], y: list[float], label: str = "") -> Line2D:
    return Line2D(
        x, y, color=INK, marker="o", markersize=5, linewidth=1.2, label=label, zorder=4,
        markerfacecolor=INK, gid="estimate",
    )  # fmt: skip


def _own_line(label: str = "") -> Line2D:
    return Line2D(
        [], [], color=ARM_COLOURS["treated"], linewidth=1, linestyle=(0, (4, 3)), label=label
    )


def _bar(label: str = "") -> Line2D:
    return Line2D(
        [], [], color=OTHER_COLOURS[0], alpha=0.35, linewidth=7, solid_capstyle="butt", label=label
    )


def _ticks(low: float, high: float, width: float) -> list[float]:
    """Choose ticks from 1 outward, none nearer to the last than its text allows."""
    inches = width / np.log(high / low)
    kept = [1.0]
    for tick in sorted(_TICKS, key=lambda tick: abs(np.log(tick))):
        apart = min(abs(np.log(tick / other)) for other in kept) * inches
        if low <= tick <= high and apart >= _APART:
            kept.append(tick)
    return sorted(kept)


def _draw(axes: Axes, effects: pd.DataFrame, lines: list[_Line]) -> None:
    by_key = {(r["kind"], r["name"], r["value"]): r for r in effects.to_dict("records")}
    axes.spines["left"].set_visible(False)
    axes.patch.set_visible(False)
    axes.axvline(1, color=MUTED, linewidth=0.9, zorder=1)
    own = float(effects["hazard_ratio"].iloc[0])
    axes.axvline(
        own, color=ARM_COLOURS["treated"], linewidth=1, linestyle=(0, (4, 3)), zorder=2, gid="own"
    )
    margin = blended_transform_factory(axes.transAxes, axes.transData)
    for line in lines:
        if line.variant is None:
            continue
        row = by_key[line.variant]
        ratio, lower, upper = (float(row[key]) for key in ("hazard_ratio", "ci_low", "ci_high"))
        if not np.isfinite(ratio):
            axes.text(
                0.5, line.middle, "not estimable", size=SMALL, color=MUTED, ha="center",
                va="center", transform=margin,
            )  # fmt: skip
            continue
        if np.isfinite(row["hazard_ratio_min"]):
            axes.plot(
                [row["hazard_ratio_min"], row["hazard_ratio_max"]], [line.middle] * 2,
                color=OTHER_COLOURS[0], alpha=0.35, linewidth=7, solid_capstyle="butt",
                zorder=3, gid="range",
            )  # fmt: skip
        axes.plot(
            [lower, upper], [line.middle] * 2, color=INK, linewidth=1.2, zorder=4, gid="interval"
        )
        axes.add_line(_dot([ratio], [line.middle]))


def sets_word(effects: pd.DataFrame) -> str:
    """Name the matched sets: pairs, unless a treated patient has several controls or fewer."""
    return "Pairs" if (effects["treated"] == effects["control"]).all() else "Sets"


def _write(axes: Axes, lines: list[_Line], sets: str) -> None:
    margin = blended_transform_factory(root_figure(axes).dpi_scale_trans, axes.transData)
    right = EDGE + _LABELS + 0.42
    axes.text(
        right, -0.35, sets, size=SMALL, weight="bold", ha="right", va="center", transform=margin
    )
    for i, line in enumerate(lines):
        heads = line.variant is None
        if not heads and i % 2:
            corner, tall = (EDGE / 2, line.top), 2 * (line.middle - line.top)
            axes.add_patch(_stripe(corner, tall, margin))
        axes.text(
            EDGE + (0 if heads else 0.1), line.middle, line.label, transform=margin,
            size=BODY - 0.5, weight="bold" if heads else "normal", va="center", linespacing=1.1,
        )  # fmt: skip
        axes.text(
            right, line.middle, line.pairs, size=SMALL, ha="right", va="center", transform=margin
        )


def _stripe(corner: tuple[float, float], tall: float, margin: Transform) -> Rectangle:
    return Rectangle(
        corner, WIDTH - EDGE, tall, transform=margin, color=BAND, linewidth=0, zorder=-1,
        clip_on=False,
    )  # fmt: skip


def profile_alt(effects: pd.DataFrame, *, labels: Mapping[str, str]) -> str:
    """Say what a profile plot shows: each ratio under each profile, and how far choices move it.

    Raises
    ------
    ParameterError
        If columns, labels or all rows are missing, or no profile is among the rows.
    """
    require(effects, _COLUMNS, "effects")
    profiles = effects[effects["kind"] == "profile"]
    if profiles.empty:
        raise ParameterError("effects: found no profile among the rows; the study's own is needed.")
    sentences = []
    for outcome, rows in effects.groupby("outcome", sort=False):
        parts = [
            f"{row['name']} {interval(row['hazard_ratio'], row['ci_low'], row['ci_high'])}"
            for row in rows.to_dict("records")
            if row["kind"] == "profile"
        ]
        text = f"{label_of(str(outcome), labels)}, hazard ratio: {'; '.join(parts)}."
        single = rows.loc[rows["kind"] == "choice", "hazard_ratio"].dropna()
        if len(single):
            text += f" With one choice exchanged, {single.min():.2f}{DASH}{single.max():.2f}."
        sentences.append(text)
    return " ".join(sentences)
