"""Cumulative incidence of an event by arm, with death competing and with the dead censored."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from replica.errors import ParameterError
from replica.figure_style import (
    ARM_COLOURS,
    LineStyle,
    headed_axes,
    label_of,
    require,
    root_figure,
    styled,
)

ESTIMATORS: dict[str, tuple[str, LineStyle]] = {
    "aalen_johansen": ("Aalen-Johansen, death competing", "-"),
    "kaplan_meier": ("1 - Kaplan-Meier, the dead censored", (0, (5, 1.5))),
}


@styled
def incidence_figure(
    curves: pd.DataFrame, *, labels: Mapping[str, str], unit: str, title: str, what: str
) -> Figure:
    """Draw two estimates of each arm's cumulative incidence.

    Parameters
    ----------
    curves
        `group` (an arm), `estimator` (a key of `ESTIMATORS`), `time`, `incidence` (0 to 1),
        `ci_low`, `ci_high`; bands are drawn for Aalen-Johansen only.
    labels
        Label of each arm.
    unit, title, what
        Unit of time, heading, and what the vertical axis shows.

    Raises
    ------
    ParameterError
        If a column, a label or all rows are missing, or an estimator is unknown.
    """
    require(curves, ("group", "estimator", "time", "incidence", "ci_low", "ci_high"), "incidences")
    unknown = set(curves["estimator"]) - set(ESTIMATORS)
    if unknown:
        raise ParameterError(
            f"estimator: found {', '.join(sorted(unknown))}; allowed: {', '.join(ESTIMATORS)}."
        )
    groups = [group for group in labels if group in set(curves["group"])]
    handles = [
        Line2D(
            [],
            [],
            color=label_of(group, ARM_COLOURS),
            linestyle=style,
            linewidth=1.8,
            label=f"{labels[group]}: {name}",
        )
        for group in groups
        for name, style in ESTIMATORS.values()
    ]
    axes = headed_axes(title, handles, columns=1, left=0.75, plot=3.2, ax=None)
    for (group, estimator), rows in curves.groupby(["group", "estimator"], sort=False):
        colour, style = label_of(str(group), ARM_COLOURS), ESTIMATORS[str(estimator)][1]
        ordered = rows.sort_values("time")
        axes.step(
            ordered["time"],
            ordered["incidence"],
            where="post",
            color=colour,
            linestyle=style,
            linewidth=1.8,
            gid=str(estimator),
        )
        if estimator == "aalen_johansen":
            axes.fill_between(
                ordered["time"],
                ordered["ci_low"],
                ordered["ci_high"],
                step="post",
                color=colour,
                alpha=0.14,
                linewidth=0,
            )
    axes.set(xlabel=f"Time ({unit})", ylabel=f"{what} (%)")
    axes.set_xlim(0, float(curves["time"].max()))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    return root_figure(axes)
