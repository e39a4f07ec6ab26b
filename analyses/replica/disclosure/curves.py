"""Kaplan-Meier curves that tell of no few patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.disclosure.suppression import Sum, small, suppressed

Counts = NDArray[np.int64]
Bin = tuple[str, str, int]


def coarse(curves: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Keep the steps of curves that stand for at least `min_cell` events, and no censored times.

    Parameters
    ----------
    curves
        As `replica.survival.kaplan_meier` returns it.
    min_cell
        The smallest number of patients that may be told of; below 2 the curves stay as they are.

    Returns
    -------
    DataFrame
        The same columns. A curve is followed while at least `min_cell` are at risk; steps of fewer
        events are drawn together with the next ones, at the time of the last of them; `censored`
        is 0, so that no tick marks a single patient.
    """
    if min_cell < 2:
        return curves
    parts = []
    for _, rows in curves.groupby("group", sort=False):
        ordered = rows.sort_values("time")
        followed = ordered[(ordered["at_risk"] >= min_cell) | (ordered["time"] == 0)]
        kept, waiting = [], 0
        for i, events in enumerate(followed["events"]):
            waiting += int(events)
            if i == 0 or waiting >= min_cell:
                kept.append(i)
                waiting = 0
        parts.append(followed.iloc[kept].assign(censored=0))
    return pd.concat(parts, ignore_index=True)


def tell_of_few(curves: pd.DataFrame, min_cell: int) -> bool:
    """Whether curves cannot be drawn: a group is itself of few, or no step stands for enough."""
    starts = curves[curves["time"] == 0].groupby("group")["at_risk"].max()
    if any(small(int(n), min_cell) for n in starts):
        return True
    return min_cell > 1 and not (coarse(curves, min_cell)["time"] > 0).any()


def at_risk_texts(counts: Iterable[int], min_cell: int) -> list[str]:
    """Write numbers at risk in the order of time, those of few patients as `<5`.

    A number from which, with one shown before it, it would follow that few patients left in
    between is masked too, as a dot.
    """
    texts: list[str] = []
    last: int | None = None
    for count in map(int, counts):
        if small(count, min_cell):
            texts.append(f"<{min_cell}")
        elif last is not None and small(last - count, min_cell):
            texts.append("·")
        else:
            texts.append(str(count))
            last = count
    return texts


def shown_bins(
    bins: Mapping[tuple[str, str], Counts], min_cell: int
) -> dict[tuple[str, str], Counts]:
    """Leave out the bars of histograms that stand for few patients, and what gives them away.

    Parameters
    ----------
    bins
        Counts in the same intervals, by arm and stage (`before` or `after` matching).
    min_cell
        The smallest number of patients that may be told of.

    Returns
    -------
    dict
        The same, with 0 where a bar is left out.
    """
    counts: dict[Bin, int] = {}
    sums: list[Sum[Bin]] = []
    for (arm, stage), heights in bins.items():
        cells = [(arm, stage, i) for i in range(len(heights))]
        counts |= dict(zip(cells, map(int, heights), strict=True))
        counts[arm, stage, -1] = int(heights.sum())
        sums.append(Sum((arm, stage, -1), tuple(cells)))
        if stage == "after" and (arm, "before") in bins:
            for i, height in enumerate(heights):
                left = int(bins[arm, "before"][i]) - int(height)
                counts[arm, "unmatched", i] = left
                sums.append(Sum((arm, "before", i), ((arm, stage, i), (arm, "unmatched", i))))
    shown = {key for key in counts if key[1] != "unmatched"}
    fixed = {key for key in counts if key[2] < 0}
    hidden = suppressed(counts, sums, shown=shown, fixed=fixed, min_cell=min_cell)
    return {
        (arm, stage): np.array(
            [0 if (arm, stage, i) in hidden else int(n) for i, n in enumerate(heights)]
        )
        for (arm, stage), heights in bins.items()
    }
