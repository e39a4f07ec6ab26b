"""Tables and figures of the page of a study of cases and matched controls, one call each."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.analysis import Choices
from replica.case_control import CaseControl
from replica.cohort import AttritionStep
from replica.comparison import Cell
from replica.errors import ParameterError, one_of
from replica.estimate import Quantity
from replica.figure_style import interval, p_value
from replica.figures import (
    Picture,
    attrition_figure,
    forest_alt,
    forest_plot,
    kaplan_meier_alt,
    kaplan_meier_figure,
    save_figure,
)
from replica.group_analysis import CaseControlSettings
from replica.group_counts import categorical, design_of, levels, which_tests
from replica.group_models import EXPOSURE, odds_ratio_models, subgroup_hazards, together
from replica.guarantee_time import exposure_readings
from replica.html_table import html_table, keep_csv
from replica.page_tables import Report
from replica.protocol import Study
from replica.published import PublishedValue
from replica.survival import kaplan_meier, log_rank_test, median_survival

__all__ = [
    "flow",
    "group_curve",
    "odds_models",
    "plan_table",
    "readings",
    "readings_figure",
    "set_sizes",
    "small_numbers",
    "subgroup_forest",
    "tests_behind",
]

_FAVOURS = ("longer survival with a solid cancer", "shorter")


def plan_table(chosen: CaseControlSettings) -> HTML:
    """List how controls were found and how results are computed, and who says so."""
    plan, own = chosen.case_control, design_of(chosen.study).case_control
    rows = [
        (f"Largest difference in {key}", f"{width:g}", "assumed" if width == was else "this run")
        for (key, width), (_, was) in zip(plan.within, own.within, strict=True)
    ]
    for name, value, same in (
        (
            "The same for case and control",
            ", ".join(plan.exact) or "nothing",
            plan.exact == own.exact,
        ),
        ("Controls per case, at most", str(plan.ratio), plan.ratio == own.ratio),
        ("Order of the cases", plan.order, plan.order == own.order),
    ):
        rows.append((name, value, "assumed" if same else "this run"))
    profile = chosen.choices.convention
    rows += [
        ("A control used more than once", "yes" if plan.replace else "no", "assumed"),
        ("Tied events in Cox models", chosen.choices.ties, "the program"),
        ("Convention profile", profile.label, "the study"),
    ]
    frame = pd.DataFrame(rows, columns=["Setting", "This run", "Given by"])
    return html_table(frame, "Settings of this run", words=True)


def flow(matched: CaseControl, folder: Path) -> Picture:
    """Flow of patients from all enrolled to cases and their controls."""
    n, kept = len(matched.before), len(matched.after)
    cases = int(matched.after.treated.sum())
    last = AttritionStep(
        f"{cases} with a solid cancer and {kept - cases} matched controls",
        kept,
        n - kept,
        "Without a solid cancer, and not a control",
    )
    first = AttritionStep("Patients with myeloma", n, 0)
    figure = attrition_figure((first, last), title="Flow of patients")
    alt = (
        f"Flow of patients: {n} with myeloma, {cases} of them with a solid cancer and "
        f"{kept - cases} matched controls."
    )
    return _kept(Picture(figure, "attrition", alt), folder)


def set_sizes(matched: CaseControl, folder: Path) -> HTML:
    """Count the cases by how many controls they have."""
    sizes = matched.summary()["controls"].value_counts().sort_index()
    frame = pd.DataFrame({"Controls of a case": sizes.index, "Cases": sizes.to_numpy()})
    keep_csv(frame, folder, "set_sizes")
    return html_table(frame.astype(str), "Cases by number of controls")


def tests_behind(matched: CaseControl, published: tuple[PublishedValue, ...], folder: Path) -> HTML:
    """Every printed p value of counts beside those of the usual tests."""
    frame = which_tests(matched, published)
    keep_csv(frame, folder, "tests_behind")
    study = matched.before.study
    design = design_of(study)
    tests = [name for name in frame.columns if "chi-square" in name or "Fisher" in name]
    shown = pd.DataFrame(
        {
            "Characteristic": [categorical(study, key).label for key in frame["item"]],
            "Groups": [
                f"{design.group(a).label} / {design.group(b).label}"
                for a, b in zip(frame["first"], frame["second"], strict=True)
            ],
            "Printed": frame["printed"],
            **{name: [_p(value) for value in frame[name]] for name in tests},
            "Smallest expected count": [f"{value:.1f}" for value in frame["expected_min"]],
            "Returned by": frame["returned_by"].where(frame["returned_by"] != "", "none"),
        }
    )
    return html_table(shown, "Which test returns a printed p value", words=True)


def odds_models(matched: CaseControl, published: tuple[PublishedValue, ...], folder: Path) -> HTML:
    """Every printed odds ratio beside those of several models."""
    frame = odds_ratio_models(matched, published)
    keep_csv(frame, folder, "odds_models")
    study = matched.before.study
    shown = pd.DataFrame(
        {
            "Characteristic": [categorical(study, key).label for key in frame["item"]],
            "Cases": [design_of(study).group(key).label for key in frame["first"]],
            "Printed": frame["printed"],
            "As read here": frame["as_planned"],
            "Alone": frame["crude"],
            "Alone, the other way round": frame["inverse"],
            "Within matched sets": frame["conditional"],
        }
    )
    return html_table(shown, "Which model returns a printed odds ratio", words=True)


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
    frame = _labelled(study, subgroup_hazards(matched, outcome, ties=choices.ties))
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
    hazards = subgroup_hazards(matched, study.outcomes[0].key, ties=choices.ties)
    frame = _labelled(study, hazards)
    shown = pd.DataFrame(
        {
            "Subgroup": [
                f"{group}: {label}" if group else label
                for group, label in zip(frame["group_label"], frame["label"], strict=True)
            ],
            "Patients (with a solid cancer)": [
                f"{n} ({k})" for n, k in zip(frame["n"], frame["n_exposed"], strict=True)
            ],
            "Deaths (with a solid cancer)": [
                f"{n} ({k})" for n, k in zip(frame["events"], frame["events_exposed"], strict=True)
            ],
            "HR (95% CI), Cox": [_ratio(row, "") for _, row in frame.iterrows()],
            "p, Cox": [_p(value) for value in frame["p"]],
            "HR (95% CI), Firth": [_ratio(row, "firth_") for _, row in frame.iterrows()],
            "p, Firth": [_p(value) for value in frame["firth_p"]],
        }
    )
    keep_csv(shown, folder, "small_numbers")
    return html_table(shown, "Cox models in subgroups, plain and with Firth's penalty")


def _ratio(row: pd.Series[float], prefix: str) -> str:
    if pd.isna(row[f"{prefix}hazard_ratio"]):
        return "not estimable"
    ratio, low, high = (
        float(row[f"{prefix}{name}"]) for name in ("hazard_ratio", "ci_low", "ci_high")
    )
    return interval(ratio, low, high)


def group_curve(matched: CaseControl, exhibit: str, choices: Choices, folder: Path) -> Picture:
    """Kaplan-Meier curves of two groups, as one figure of the paper draws them."""
    study = matched.before.study
    curves = {curve.exhibit: curve for curve in design_of(study).curves}
    if exhibit not in curves:
        raise ParameterError(f"curves: {one_of(exhibit, curves)}")
    plan = curves[exhibit]
    cohort, _ = together(matched, plan.first, plan.second)
    if plan.column:
        cohort = cohort.where((levels(cohort, plan.column) == plan.level).to_numpy())
    outcome = study.outcome(plan.outcome)
    shown = kaplan_meier(
        cohort, outcome.key, by="arm", interval=choices.convention.survival_interval
    )
    medians = {
        str(group): median_survival(rows, interval=choices.convention.median_interval)
        for group, rows in shown.groupby("group", sort=False)
    }
    design = design_of(study)
    labels = {
        "treated": design.group(plan.first).label,
        "control": design.group(plan.second).label,
    }
    annotation = f"log-rank p {p_value(log_rank_test(cohort, outcome.key, by='arm').p)}"
    where = study.exhibit(exhibit)
    figure = kaplan_meier_figure(
        shown,
        labels=labels,
        unit=outcome.unit,
        title=f"{where.where}. {where.title}",
        outcome_label=outcome.label,
        medians=medians,
        annotation=annotation,
    )
    alt = kaplan_meier_alt(
        shown,
        labels=labels,
        unit=outcome.unit,
        outcome_label=outcome.label,
        medians=medians,
        annotation=annotation,
    )
    if cohort.source == "synthetic":
        # Of real patients the steps of a curve are single times of single persons.
        keep_csv(shown, folder, f"{exhibit}_curves")
    return _kept(Picture(figure, exhibit, alt), folder)


def _readings(matched: CaseControl, choices: Choices) -> pd.DataFrame:
    study = matched.before.study
    frame = exposure_readings(matched, study.outcomes[0].key, ties=choices.ties)
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
            "Deaths": frame["events"].astype(str),
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
