"""Tables and figures of the page of a study of cases and matched controls, one call each."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.analysis import Choices
from replica.case_control import CaseControl
from replica.cohort import AttritionStep
from replica.disclosure.curves import coarse, tell_of_few
from replica.disclosure.frames import masked_comparisons, masked_parts
from replica.errors import ParameterError, one_of
from replica.estimate import MASKED
from replica.figure_style import p_value
from replica.figures import (
    Picture,
    attrition_figure,
    kaplan_meier_alt,
    kaplan_meier_figure,
    save_figure,
)
from replica.group_analysis import CaseControlSettings
from replica.group_counts import categorical, design_of, levels, which_tests
from replica.group_models import odds_ratio_models, together
from replica.html_table import html_table, keep_csv, too_few, under_headings
from replica.page_group_hazards import readings, readings_figure, small_numbers, subgroup_forest
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


def plan_table(chosen: CaseControlSettings) -> HTML:
    """List how controls were found and how results are computed, and who says so."""
    plan, own = chosen.case_control, design_of(chosen.study).case_control
    rows = [
        (
            f"Largest difference: {_of_within(chosen.study, key)}",
            f"{width:g}",
            "assumed" if width == was else "this run",
        )
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


def _of_within(study: Study, key: str) -> str:
    """Name what a case and its control may differ in, with its unit."""
    if study.calendar is not None and key == study.calendar.start_column:
        return "calendar year of diagnosis"
    return next(
        (f"{one.label.lower()}, {one.unit}" for one in study.measures if one.key == key), key
    )


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
    counted = {str(size): int(n) for size, n in sizes.items()}
    shown = masked_parts(counted, matched.before.min_cell)
    frame = pd.DataFrame(
        {
            "Controls of a case": list(shown),
            "Cases": [MASKED if n is None else str(n) for n in shown.values()],
        }
    )
    keep_csv(frame, folder, "set_sizes")
    return html_table(frame, "Cases by number of controls")


def tests_behind(matched: CaseControl, published: tuple[PublishedValue, ...], folder: Path) -> HTML:
    """Every printed p value of counts beside those of the usual tests."""
    frame = masked_comparisons(which_tests(matched, published), matched)
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
            **{_SHORT.get(name, name): [_p(value) for value in frame[name]] for name in tests},
            "Least expected": [
                MASKED if pd.isna(value) else f"{value:.1f}" for value in frame["expected_min"]
            ],
            "Returned by": [_in_short(names) or "none" for names in frame["returned_by"]],
        }
    )
    shown = under_headings(shown, "Groups")
    return html_table(shown, "Which test returns a printed p value", words=True)


_SHORT = {
    "Pearson chi-square with Yates' continuity correction": "Yates",
    "Pearson chi-square": "Pearson",
    "Fisher's exact test": "Fisher",
    "likelihood ratio chi-square": "Likelihood ratio",
}
"""Names of tests above a narrow column, the longer of two that begin alike first."""


def _in_short(names: str) -> str:
    for name, short in _SHORT.items():
        names = names.replace(name, short)
    return names


def odds_models(matched: CaseControl, published: tuple[PublishedValue, ...], folder: Path) -> HTML:
    """Every printed odds ratio beside those of several models."""
    frame = masked_comparisons(odds_ratio_models(matched, published), matched)
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
    shown = under_headings(shown, "Cases")
    return html_table(shown, "Which model returns a printed odds ratio", words=True)


def _p(value: float) -> str:
    return "" if pd.isna(value) else p_value(value)


def group_curve(
    matched: CaseControl, exhibit: str, choices: Choices, folder: Path
) -> Picture | HTML:
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
    if tell_of_few(shown, cohort.min_cell):
        return too_few(cohort.min_cell)
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
        min_cell=cohort.min_cell,
    )
    alt = kaplan_meier_alt(
        coarse(shown, cohort.min_cell),
        labels=labels,
        unit=outcome.unit,
        outcome_label=outcome.label,
        medians=medians,
        annotation=annotation,
    )
    if cohort.source == "synthetic" and not cohort.min_cell:
        # Of real patients the steps of a curve are single times of single persons.
        keep_csv(shown, folder, f"{exhibit}_curves")
    return _kept(Picture(figure, exhibit, alt), folder)


def _kept(picture: Picture, folder: Path) -> Picture:
    save_figure(picture.figure, folder, picture.name)
    return picture
