"""Hazard ratios on the page of a study of cases and matched controls, one call each."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.analysis import Choices
from replica.case_control import CaseControl
from replica.comparison import Cell
from replica.disclosure.cells import Disclosure
from replica.disclosure.frames import masked_counts
from replica.estimate import MASKED, Quantity
from replica.figure_style import interval, p_value
from replica.figures import Picture, forest_alt, forest_plot, save_figure
from replica.group_counts import categorical, design_of
from replica.group_models import EXPOSURE, subgroup_hazards
from replica.guarantee_time import exposure_readings
from replica.html_table import html_table, keep_csv
from replica.page_tables import Report
from replica.protocol import Study

__all__ = ["readings", "readings_figure", "small_numbers", "subgroup_forest"]

_FAVOURS = ("longer survival with a solid cancer", "shorter")


def _p(value: float) -> str:
    return "" if pd.isna(value) else p_value(value)


def _labelled(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Name the rows of subgroups as a forest plot needs them."""
    named = frame.copy()
    columns = [categorical(study, key) if key else None for key in named["covariate"]]
    named["group_label"] = [column.label if column else "" for column in columns]
    named["label"] = [
        column.level(level).label if column else "All"
        for column, level in zip(columns, named["level"], strict=True)
    ]
    return named


def subgroup_forest(
    matched: CaseControl, report: Report, exhibit: str, choices: Choices
) -> Picture:
    """Forest plot of the exposure's hazard ratio by subgroup, with what is printed."""
    study = report.study
    outcome = study.outcomes[0].key
    frame = _labelled(study, _hazards(matched, choices))
    design = design_of(study)
    printed = []
    for _, row in frame.iterrows():
        subgroup = f"{row['covariate']}={row['level']}" if row["covariate"] else ""
        quantity = Quantity(EXPOSURE, "", outcome, design.exposed, design.unexposed, subgroup)
        text = report.comparison.texts(Cell(quantity, "ratio"))[0].split(" ")[0]
        printed.append(float(text) if text[:1].isdigit() else float("nan"))
    frame["constrained"] = [value == value for value in printed]  # noqa: PLR0124 - not NaN
    keep_csv(frame, report.folder, exhibit)
    published = frame.loc[frame["constrained"], ["label", "group_label"]].assign(
        hazard_ratio=[value for value in printed if value == value]  # noqa: PLR0124 - not NaN
    )
    where = study.exhibit(exhibit)
    title = f"{where.where}. {where.title}"
    figure = forest_plot(frame, title=title, favours=_FAVOURS, published=published)
    return _kept(Picture(figure, exhibit, forest_alt(frame, title=title)), report.folder)


def small_numbers(matched: CaseControl, folder: Path, choices: Choices) -> HTML:
    """Plain and Firth-penalised hazard ratios beside each other, with the events they rest on."""
    study = matched.before.study
    frame = _labelled(study, _hazards(matched, choices))
    shown = pd.DataFrame(
        {
            "Subgroup": [
                f"{group}: {label}" if group else label
                for group, label in zip(frame["group_label"], frame["label"], strict=True)
            ],
            "Patients (with a solid cancer)": [
                f"{_n(n)} ({_n(k)})" for n, k in zip(frame["n"], frame["n_exposed"], strict=True)
            ],
            "Deaths (with a solid cancer)": [
                f"{_n(n)} ({_n(k)})"
                for n, k in zip(frame["events"], frame["events_exposed"], strict=True)
            ],
            "HR (95% CI), Cox": [_ratio(row, "") for _, row in frame.iterrows()],
            "p, Cox": [_p(value) for value in frame["p"]],
            "HR (95% CI), Firth": [_ratio(row, "firth_") for _, row in frame.iterrows()],
            "p, Firth": [_p(value) for value in frame["firth_p"]],
        }
    )
    keep_csv(shown, folder, "small_numbers")
    return html_table(shown, "Cox models in subgroups, plain and with Firth's penalty")


def _n(count: int | None) -> str:
    return MASKED if pd.isna(count) else str(count)


def _hazards(matched: CaseControl, choices: Choices) -> pd.DataFrame:
    """Hazard ratios in subgroups, counts of few patients left out as in the tables of counts."""
    study = matched.before.study
    design = design_of(study)
    frame = subgroup_hazards(matched, study.outcomes[0].key, ties=choices.ties)
    shown = Disclosure.of(matched)
    places = list(enumerate(zip(frame["covariate"], frame["level"], strict=True)))
    hidden = [
        (i, column)
        for group, column in ((design.exposed, "n_exposed"), (design.unexposed, "n"))
        for i, (key, level) in places
        if shown.hides(str(key), {group}, "", str(level))
    ]
    return masked_counts(
        frame,
        shown.min_cell,
        within=[
            ("n", "n_exposed"),
            ("n", "events"),
            ("n_exposed", "events_exposed"),
            ("events", "events_exposed"),
        ],
        by="covariate",
        hidden=hidden,
    )


def _ratio(row: pd.Series[float], prefix: str) -> str:
    if pd.isna(row[f"{prefix}hazard_ratio"]):
        return "not estimable"
    ratio, low, high = (
        float(row[f"{prefix}{name}"]) for name in ("hazard_ratio", "ci_low", "ci_high")
    )
    return interval(ratio, low, high)


def _readings(matched: CaseControl, choices: Choices) -> pd.DataFrame:
    study = matched.before.study
    frame = masked_counts(
        exposure_readings(matched, study.outcomes[0].key, ties=choices.ties),
        matched.before.min_cell,
        within=[("n", "events")],
    )
    frame["group_label"] = [design_of(study).group(key).label for key in frame["exposed"]]
    frame["label"] = frame["reading"]
    return frame


def readings(matched: CaseControl, folder: Path, choices: Choices) -> HTML:
    """Hazard ratio of exposure under each reading of time zero and of when exposure begins."""
    frame = _readings(matched, choices)
    keep_csv(frame, folder, "guarantee_time")
    shown = pd.DataFrame(
        {
            "Exposed": frame["group_label"],
            "Time": frame["reading"],
            "Deaths": [_n(count) for count in frame["events"]],
            "HR (95% CI)": [_ratio(row, "") for _, row in frame.iterrows()],
            "p": [_p(value) for value in frame["p"]],
            "Biased by design": ["yes" if naive else "no" for naive in frame["naive"]],
        }
    )
    return html_table(shown, "Survival with and without a solid cancer, read in several ways")


def readings_figure(matched: CaseControl, folder: Path, choices: Choices) -> Picture:
    """Forest plot of the readings; biased ones in grey."""
    frame = _readings(matched, choices)
    frame["constrained"] = ~frame["naive"]
    title = "Hazard ratio of death with a solid cancer, by reading of time"
    figure = forest_plot(
        frame, title=title, favours=_FAVOURS, illustration="biased by design, shown for comparison"
    )
    return _kept(Picture(figure, "guarantee_time", forest_alt(frame, title=title)), folder)


def _kept(picture: Picture, folder: Path) -> Picture:
    save_figure(picture.figure, folder, picture.name)
    return picture
