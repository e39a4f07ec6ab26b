"""The tables that pages show: their rows, as quantities to look up and ways to write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from replica.comparison import Cell, Comparison, Kind, Line, side_by_side, subgroup_frame
from replica.estimate import Quantity
from replica.protocol import ARM_KEYS, Categorical, Characteristic, CurvePlan, Study

__all__ = [
    "Cell",
    "Comparison",
    "Kind",
    "Line",
    "comparison_lines",
    "count_lines",
    "curve_lines",
    "endpoint_lines",
    "model_lines",
    "pooled_lines",
    "side_by_side",
    "subgroup_frame",
    "treatment_lines",
]


def count_lines(
    study: Study, columns: Sequence[Categorical], stage: Literal["before", "after"]
) -> list[Line]:
    """Lines of a table of counts by arm with the test between the arms, as Table 1 of a paper."""
    lines: list[Line] = []
    for column in columns:
        p = {"p": Cell(Quantity(column.key, "", "", "treated", "control", "", stage), "p")}
        if isinstance(column, Characteristic) and column.level_keys == ("yes", "no"):
            lines.append((column.label, _by_arm(study, Quantity(column.key, stage=stage)) | p))
            continue
        lines.append((column.label, p))
        for level in column.levels:
            quantity = Quantity(column.key, level.key, stage=stage)
            lines.append((f"\u2003{level.label}", _by_arm(study, quantity)))
    return lines


def endpoint_lines(study: Study, stage: Literal["before", "after"]) -> list[Line]:
    """Lines of the yes/no endpoints of a study."""
    return [
        (
            endpoint.label,
            _by_arm(study, Quantity(endpoint.key, stage=stage))
            | {"p": Cell(Quantity(endpoint.key, "", "", "treated", "control", "", stage), "p")},
        )
        for endpoint in study.endpoints
    ]


def _by_arm(study: Study, quantity: Quantity, kind: Kind = "count") -> dict[str, Cell]:
    return {study.arm_label(arm): Cell(replace(quantity, arm=arm), kind) for arm in ARM_KEYS}


def treatment_lines(study: Study) -> list[Line]:
    """Lines of what else is reported by arm: characteristics of treatment and measures."""
    lines: list[Line] = []
    for characteristic in study.characteristics:
        if characteristic.level_keys == ("yes", "no") or characteristic.follows:
            continue
        lines.append((characteristic.label, {}))
        for level in characteristic.levels:
            quantity = Quantity(characteristic.key, level.key, stage="before")
            cells = _by_arm(study, quantity)
            lines.append((f"\u2003{level.label}", cells))
    for measure in study.measures:
        quantity = Quantity(measure.key, stage="before")
        label = f"{measure.label}, median (range)"
        overall = {"All": Cell(replace(quantity, arm="all"), "range")}
        lines.append((label, _by_arm(study, quantity, "range") | overall))
    return lines


def model_lines(
    study: Study, outcome: str, model: Literal["univariable", "multivariable"]
) -> list[Line]:
    """Lines of the univariable or multivariable Cox models of an outcome."""
    lines: list[Line] = []
    for plan in study.models:
        if plan.outcome != outcome:
            continue
        for key in plan.covariates:
            covariate = study.covariate(key)
            reference = covariate.level(covariate.reference).label
            two = len(covariate.levels) == 2
            compared = (covariate.contrast,) if two else covariate.level_keys
            for level in compared:
                if level == covariate.reference:
                    continue
                of = "" if two else level
                quantity = Quantity(key, of, outcome, plan.arm, stage="before", model=model)
                cells = {"HR (95% CI)": Cell(quantity, "ratio"), "p": Cell(quantity, "p")}
                label = f"{covariate.label}: {covariate.level(level).label} against {reference}"
                lines.append((label, cells))
    return lines


def curve_lines(study: Study, exhibits: Sequence[str]) -> list[Line]:
    """Lines of what is read off Kaplan-Meier curves: medians and rates.

    The exhibits named must compare the same groups: these are the columns.
    """
    lines: list[Line] = []
    for plan in study.curves:
        if plan.exhibit not in exhibits:
            continue
        outcome = study.outcome(plan.outcome)
        exhibit = study.exhibit(plan.exhibit)
        groups = _curve_groups(study, plan)
        lines.append((f"{exhibit.where}: {exhibit.title}", {}))
        medians = {label: Cell(quantity, "interval") for label, quantity in groups.items()}
        lines.append((f"\u2003Median, {outcome.unit} (95% CI)", medians))
        for time in outcome.rate_times:
            rates = {
                label: Cell(replace(quantity, time=f"{time} {outcome.unit}"), "rate")
                for label, quantity in groups.items()
            }
            unit = outcome.unit.removesuffix("s")
            lines.append((f"\u2003{time}-{unit} rate, %", rates))
    return lines


def comparison_lines(study: Study, exhibits: Sequence[str]) -> list[Line]:
    """Lines of how the curves of each exhibit compare: hazard ratio of treatment, log-rank test."""
    lines: list[Line] = []
    for plan in study.curves:
        if plan.exhibit not in exhibits:
            continue
        stage, outcome = plan.stage, plan.outcome
        cells: dict[str, Cell] = {}
        if plan.by == "arm":
            what = f"{stage} matching"
            of = Quantity("treatment", "", outcome, "treated", "control", "", stage, "crude")
            cells["HR (95% CI)"] = Cell(of, "ratio")
        else:
            what = f"by {study.covariate(plan.by).label}"
            of = Quantity(plan.by, "", outcome, plan.within or "all", stage=stage, model="crude")
        cells["Log-rank p"] = Cell(of, "p")
        where = study.exhibit(plan.exhibit).where
        lines.append((f"{where}: {study.outcome(outcome).short} {what}", cells))
    return lines


def _curve_groups(study: Study, plan: CurvePlan) -> dict[str, Quantity]:
    """The groups that a figure's curves show, by label."""
    base = Quantity("survival", outcome=plan.outcome, stage=plan.stage)
    if plan.by == "arm":
        return {study.arm_label(arm): replace(base, arm=arm) for arm in ARM_KEYS}
    covariate = study.covariate(plan.by)
    within = replace(base, arm=plan.within or "all")
    return {
        f"{covariate.label}: {level.label}": replace(within, subgroup=f"{plan.by}={level.key}")
        for level in covariate.levels
    }


def pooled_lines(study: Study) -> list[Line]:
    """Lines of what is reported for both arms together: sizes, medians, follow-up."""
    lines: list[Line] = []
    stages: tuple[Literal["before", "after"], ...] = ("before", "after")
    for stage in stages:
        sizes = {
            **_by_arm(study, Quantity("patients", stage=stage), "number"),
            "All": Cell(Quantity("patients", arm="all", stage=stage), "number"),
        }
        lines.append((f"Patients {stage} matching", sizes))
        for outcome in study.outcomes:
            quantity = Quantity("survival", outcome=outcome.key, arm="all", stage=stage)
            label = f"Median {outcome.short} {stage} matching, {outcome.unit}"
            lines.append((label, {"All": Cell(quantity, "median")}))
    follow_up = Quantity("follow_up", arm="all", stage="before")
    unit = study.outcomes[-1].unit
    lines.append((f"Median follow-up, {unit}", {"All": Cell(follow_up, "median")}))
    return lines
