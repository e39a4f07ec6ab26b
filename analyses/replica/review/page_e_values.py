"""E-values on the page: a table and a forest plot per study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from replica.figure_forest_table import Column, Mark, Row, draw_forest
from replica.figure_style import DASH, styled
from replica.figures import Picture, save_figure
from replica.html_table import keep_csv
from replica.paths import build_path
from replica.review.printed_ratios import PrintedRatio, printed_ratios, ratios_frame
from replica.review.prose import prose_table
from replica.studies import load_study

MEASURE_WORDS = {
    "hazard_ratio": "hazard ratio",
    "odds_ratio": "odds ratio",
    "risk_ratio": "risk ratio",
}

RESULTS = "review_e_values"
"""Folder of the results, under `build/results/`."""


def results_folder() -> Path:
    """Return the folder that this page's downloads come from."""
    return build_path() / "results" / RESULTS


def e_value_table(study_key: str) -> HTML:
    """Show every printed ratio of a study with its E-values; `<key>.csv` holds more columns."""
    ratios = printed_ratios(study_key)
    keep_csv(ratios_frame(ratios), results_folder(), study_key)
    rows: list[tuple[str, ...]] = []
    for outcome, group in by_outcome(ratios).items():
        kinds = dict.fromkeys(f"{MEASURE_WORDS[found.measure]}s" for found in group)
        rows.append((f"{outcome}: {', '.join(kinds)}", "", "", "", ""))
        rows += [
            (
                found.label,
                ", ".join(found.places),
                _shown(found),
                _point(found),
                _of_interval(found),
            )
            for found in group
        ]
    columns = ["Ratio of", "Printed in", "Ratio (95% CI)", "E-value", "E-value of the interval"]
    caption = f"E-values of the printed ratios: {load_study(study_key).title}"
    return prose_table(pd.DataFrame(rows, columns=columns), caption)


def by_outcome(ratios: Sequence[PrintedRatio]) -> dict[str, list[PrintedRatio]]:
    """Group ratios by their outcome, both in the order in which they first stand."""
    grouped: dict[str, list[PrintedRatio]] = {}
    for found in ratios:
        name = found.outcome[:1].upper() + found.outcome[1:]
        grouped.setdefault(name, []).append(found)
    return grouped


def _shown(found: PrintedRatio) -> str:
    return f"{found.ratio} ({found.low}{DASH}{found.high})" if found.low else found.ratio


def _point(found: PrintedRatio) -> str:
    return f"{found.value.point:.2f}" if found.value else f"none: {found.problem}"


def _of_interval(found: PrintedRatio) -> str:
    if found.value is None or found.value.interval is None:
        return DASH
    return f"{found.value.interval:.2f}"


def occurrence_table(study_keys: Sequence[str]) -> HTML:
    """Say which outcomes were taken as rare or common, who says so, and why."""
    givers = {"paper": "the paper", "assumed": "assumed"}
    rows = [
        (outcome, load_study(key).title, told.occurrence, givers[told.stated_by], told.reason)
        for key in study_keys
        for outcome, group in by_outcome(printed_ratios(key)).items()
        for told in [group[0].occurrence]
    ]
    columns = ["Outcome", "Study", "Taken as", "Given by", "Because"]
    frame = pd.DataFrame(rows, columns=columns)
    keep_csv(frame, results_folder(), "outcomes")
    return prose_table(frame, "Rare or common outcomes", words=True)


def e_value_figure(study_key: str) -> Picture:
    """Draw every printed ratio of a study with its interval and its E-values beside it."""
    ratios = [found for found in printed_ratios(study_key) if found.value is not None]
    title = f"Printed ratios and their E-values: {load_study(study_key).title}"
    shown = Picture(_draw(ratios, title), f"e_values_{study_key}", alternative(ratios, title))
    save_figure(shown.figure, results_folder(), shown.name)
    return shown


def alternative(ratios: Sequence[PrintedRatio], title: str) -> str:
    """Say what the figure shows to a reader who cannot see it."""
    intervals = [found.value for found in ratios if found.value and found.value.interval]
    touched = sum(value.interval == 1 for value in intervals)
    strongest = max(ratios, key=lambda found: found.value.point if found.value else 0.0)
    return (
        f"{title}. {len(ratios)} printed ratios, with 95% intervals where printed, on a "
        f"logarithmic axis. The largest E-value, {_point(strongest)}, belongs to "
        f"{strongest.label} ({strongest.ratio}). {touched} of {len(intervals)} intervals "
        "hold 1, so that their E-value is 1."
    )


@styled
def _draw(ratios: Sequence[PrintedRatio], title: str) -> Figure:
    rows: list[Row] = []
    for outcome, group in by_outcome(ratios).items():
        rows.append(Row(outcome, ("",) * 3, heading=True))
        for i, found in enumerate(group):
            ratio, low, high = found.numbers
            cells = (_shown(found), _point(found), _of_interval(found))
            rows.append(Row(found.label, cells, Mark(ratio, low, high), band=i % 2 == 0))
    columns = [
        Column("Ratio (95% CI)", left=False),
        Column("E-value", left=False),
        Column("of interval", left=False),
    ]
    figure = draw_forest(
        columns, rows, corner="Ratio of", title=title, favours=("below one", "above one"), key=[]
    )
    figure.axes[0].xaxis.label.set_text("Printed ratio (log scale)")
    return figure
