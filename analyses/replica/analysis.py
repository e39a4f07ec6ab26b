"""A study's whole results section, computed: from a matched cohort to named estimates.

Every notebook, check and search calls these functions, so a number means the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from replica.cohort import Cohort
from replica.convention import Convention
from replica.cox import cox
from replica.descriptives import Stage, counts, endpoint_counts, measures, sizes
from replica.errors import EstimationError
from replica.estimate import Estimate, Quantity, Value, estimates
from replica.matching import Matched
from replica.protocol import (
    Categorical,
    CurvePlan,
    ModelPlan,
    Outcome,
    Ties,
)
from replica.selection import subgroup_effects, univariable_to_multivariable
from replica.survival import (
    kaplan_meier,
    log_rank_test,
    median_follow_up,
    median_survival,
    survival_at,
)

# Statistics of a ratio, and the columns of a fit that hold them.
RATIO = {"hr": "hazard_ratio", "ci_low": "ci_low", "ci_high": "ci_high"}


@dataclass(frozen=True)
class Choices:
    """The settings of an analysis that a reader may change: ties, entry threshold, convention."""

    ties: Ties
    entry_p: float
    convention: Convention


def reproduce(matched: Matched, choices: Choices) -> tuple[Estimate, ...]:
    """Compute every number that the study's protocol asks for, before and after matching.

    Parameters
    ----------
    matched
        The cohort with its pairs, from `replica.matching.match`.
    choices
        Cox ties, entry p value and convention profile.
    """
    study = matched.before.study
    rows: list[Estimate] = []
    stages: tuple[tuple[Stage, Cohort], ...] = (
        ("before", matched.before),
        ("after", matched.after),
    )
    for stage, cohort in stages:
        rows += sizes(cohort, stage)
        columns: Sequence[Categorical] = [*study.covariates, *study.characteristics]
        for column in columns:
            rows += counts(cohort, column, stage, choices.convention)
        rows += endpoint_counts(cohort, stage, choices.convention)
        rows += measures(cohort, stage)
    rows += outcome_estimates(matched, choices)
    return tuple(rows)


def outcome_estimates(matched: Matched, choices: Choices) -> list[Estimate]:
    """Compute what depends on times and events: follow-up, curves, models and subgroups.

    Parameters
    ----------
    matched, choices
        As in `reproduce`.
    """
    study = matched.before.study
    rows: list[Estimate] = []
    stages: tuple[tuple[Stage, Cohort], ...] = (
        ("before", matched.before),
        ("after", matched.after),
    )
    for stage, cohort in stages:
        for outcome in study.outcomes:
            rows += follow_up(cohort, outcome.key, stage)
            rows += pooled_survival(cohort, outcome.key, stage, choices.convention)
    for plan in study.curves:
        cohort = matched.before if plan.stage == "before" else matched.after
        rows += curve_estimates(cohort, plan, choices)
    rows += model_estimates(matched.before, choices)
    rows += subgroup_estimates(matched.before, choices)
    return rows


def follow_up(cohort: Cohort, outcome: str, stage: Stage) -> list[Estimate]:
    """Median follow-up as the reverse Kaplan-Meier median of the last outcome, usually survival.

    Source: Schemper and Smith, Controlled Clinical Trials 1996;17:343-346.
    """
    if outcome != cohort.study.outcomes[-1].key:
        return []
    quantity = Quantity("follow_up", arm="all", stage=stage)
    median = median_follow_up(cohort, outcome).median
    method = "reverse Kaplan-Meier" if median is not None else "not reached"
    return [Estimate(quantity, "median", median, method)]


def pooled_survival(
    cohort: Cohort, outcome: str, stage: Stage, convention: Convention
) -> list[Estimate]:
    """Kaplan-Meier median of both arms together."""
    curve = kaplan_meier(cohort, outcome, by=None, interval=convention.survival_interval)
    quantity = Quantity("survival", outcome=outcome, arm="all", stage=stage)
    return _medians(curve, quantity, convention)


def _medians(curve: pd.DataFrame, quantity: Quantity, convention: Convention) -> list[Estimate]:
    median = median_survival(curve, interval=convention.median_interval)
    values: dict[str, Value] = {
        "median": median.median,
        "ci_low": median.ci_low,
        "ci_high": median.ci_high,
    }
    method = f"Kaplan-Meier median, {median.method}"
    return [
        Estimate(quantity, name, value, method if value is not None else "not reached")
        for name, value in values.items()
    ]


def _rates(curve: pd.DataFrame, quantity: Quantity, outcome: Outcome) -> list[Estimate]:
    rows: list[Estimate] = []
    for time in outcome.rate_times:
        at = replace(quantity, time=f"{time} {outcome.unit}")
        rate = 100 * survival_at(curve, float(time)).survival
        ended = f"follow-up ends before {time} {outcome.unit}"
        rows += estimates(at, {"rate": rate}, ended if math.isnan(rate) else "Kaplan-Meier")
    return rows


def curve_estimates(cohort: Cohort, plan: CurvePlan, choices: Choices) -> list[Estimate]:
    """Medians and rates of each curve of a figure, with the comparison between them.

    Curves by arm are compared by the crude hazard ratio of treatment and the log-rank test;
    curves by a covariate within an arm by the log-rank test.
    """
    study = cohort.study
    outcome = study.outcome(plan.outcome)
    shown = cohort if plan.within is None else cohort.within(plan.within)
    interval = choices.convention.survival_interval
    curves = kaplan_meier(shown, outcome.key, by=plan.by, interval=interval)
    rows: list[Estimate] = []
    for group, curve in curves.groupby("group", sort=False):
        quantity = (
            Quantity("survival", "", outcome.key, str(group), stage=plan.stage)
            if plan.by == "arm"
            else Quantity(
                "survival",
                outcome=outcome.key,
                arm=plan.within or "all",
                subgroup=f"{plan.by}={group}",
                stage=plan.stage,
            )
        )
        rows += _medians(curve, quantity, choices.convention)
        rows += _rates(curve, quantity, outcome)
    test = _log_rank(shown, outcome.key, plan.by)
    if plan.by != "arm":
        quantity = Quantity(
            plan.by, outcome=outcome.key, arm=plan.within or "all", stage=plan.stage, model="crude"
        )
        return [*rows, Estimate(quantity, "p", *test)]
    quantity = Quantity("treatment", "", outcome.key, "treated", "control", "", plan.stage, "crude")
    rows += _treatment_effect(shown, quantity, choices.ties)
    rows.append(Estimate(quantity, "p", *test))
    rows += _median_difference(rows, quantity)
    return rows


def _log_rank(cohort: Cohort, outcome: str, by: str) -> tuple[float | None, str]:
    try:
        return log_rank_test(cohort, outcome, by=by).p, "log-rank test"
    except EstimationError as error:
        return None, str(error)


def _treatment_effect(cohort: Cohort, quantity: Quantity, ties: Ties) -> list[Estimate]:
    try:
        fit = cox(cohort, quantity.outcome, ["arm"], ties=ties).summary().iloc[0]
    except EstimationError as error:
        return estimates(quantity, dict.fromkeys(RATIO), str(error))
    return estimates(quantity, _ratio(fit), f"Cox model, {ties} ties, model-based interval")


def _ratio(row: pd.Series[Any]) -> dict[str, Value]:
    return {name: float(row[column]) for name, column in RATIO.items()}


def _median_difference(rows: Sequence[Estimate], compared: Quantity) -> list[Estimate]:
    medians = {
        row.quantity.arm: row.value
        for row in rows
        if row.quantity.item == "survival" and row.statistic == "median"
    }
    treated, control = medians.get("treated"), medians.get("control")
    difference = None if treated is None or control is None else treated - control
    quantity = replace(compared, item="survival_difference", model="")
    return estimates(quantity, {"median": difference}, "difference of the two medians")


def model_estimates(cohort: Cohort, choices: Choices) -> list[Estimate]:
    """Univariable and multivariable hazard ratios of each model plan, within its arm.

    A covariate that does not enter the joint model has a multivariable ratio that is not
    estimable: a paper that prints one differs from this analysis.
    """
    rows: list[Estimate] = []
    wald = f"Cox model, {choices.ties} ties, Wald"
    for plan in cohort.study.models:
        selection = univariable_to_multivariable(
            cohort, plan, ties=choices.ties, entry_p=choices.entry_p
        )
        for _, row in selection.univariable.iterrows():
            quantity = _coefficient(cohort, plan, row, "univariable")
            rows += estimates(quantity, _ratio_and_p(row), str(row["reason"]) or wald)
            if row["covariate"] not in selection.entered:
                left_out = replace(quantity, model="multivariable")
                reason = f"did not enter: its univariable p is not below {choices.entry_p:g}"
                rows += estimates(left_out, dict.fromkeys((*RATIO, "p")), reason)
        for _, row in selection.multivariable.iterrows():
            quantity = _coefficient(cohort, plan, row, "multivariable")
            rows += estimates(quantity, _ratio_and_p(row), wald)
    return rows


def _coefficient(cohort: Cohort, plan: ModelPlan, row: pd.Series[Any], model: str) -> Quantity:
    covariate = cohort.study.covariate(str(row["covariate"]))
    level = str(row["name"]).partition("=")[2]
    return Quantity(covariate.key, level, plan.outcome, plan.arm, stage="before", model=model)


def _ratio_and_p(row: pd.Series[Any]) -> dict[str, Value]:
    return {**_ratio(row), "p": float(row["p"])}


def subgroup_estimates(cohort: Cohort, choices: Choices) -> list[Estimate]:
    """Hazard ratio of treatment within each subgroup, from a Cox model with treatment alone."""
    rows: list[Estimate] = []
    for plan in cohort.study.subgroups:
        for _, row in subgroup_effects(cohort, plan, ties=choices.ties).iterrows():
            quantity = Quantity(
                "treatment",
                outcome=plan.outcome,
                arm="treated",
                comparator="control",
                subgroup=f"{row['covariate']}={row['level']}",
                stage="before",
                model="crude",
            )
            method = str(row["reason"]) or f"Cox model, {choices.ties} ties, Wald"
            rows += estimates(quantity, _ratio_and_p(row), method)
    return rows
