"""A study's whole results section, computed: from a matched cohort to named estimates.

Every notebook, check and search calls these functions, so a number means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import pandas as pd

from replica.cohort import Cohort
from replica.contingency import choose_test
from replica.convention import Convention
from replica.cox import cox
from replica.errors import EstimationError
from replica.estimate import Estimate, Quantity, Value, estimates
from replica.matching import Matched
from replica.protocol import ARM_KEYS, Categorical, Characteristic, CurvePlan, Ties
from replica.selection import subgroup_effects, univariable_to_multivariable
from replica.survival import (
    kaplan_meier,
    log_rank_test,
    median_follow_up,
    median_survival,
    survival_at,
)

Stage = Literal["before", "after"]


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
        for outcome in study.outcomes:
            rows += follow_up(cohort, outcome.key, stage)
            rows += pooled_survival(cohort, outcome.key, stage, choices.convention)
    for plan in study.curves:
        cohort = matched.before if plan.stage == "before" else matched.after
        rows += curve_estimates(cohort, plan, choices)
    rows += model_estimates(matched.before, choices)
    rows += subgroup_estimates(matched.before, choices)
    return tuple(rows)


def _groups(cohort: Cohort) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", cohort.patients
    for arm in ARM_KEYS:
        yield arm, cohort.patients[cohort.patients["arm"] == arm]


def sizes(cohort: Cohort, stage: Stage) -> list[Estimate]:
    """Count the patients of each arm and of both."""
    return [
        Estimate(
            Quantity("patients", arm=arm, stage=stage), "n", Fraction(len(group)), "count of rows"
        )
        for arm, group in _groups(cohort)
    ]


def counts(
    cohort: Cohort, column: Categorical, stage: Stage, convention: Convention
) -> list[Estimate]:
    """Count each level of a column by arm, with percent and the test between the arms.

    A yes/no characteristic is reported as the count of `yes`, without a level.
    """
    yes_only = isinstance(column, Characteristic) and column.level_keys == ("yes", "no")
    levels = ("yes",) if yes_only else column.level_keys
    arms = column.arms if isinstance(column, Characteristic) else ARM_KEYS
    rows: list[Estimate] = []
    for arm, group in _groups(cohort):
        if arm != "all" and arm not in arms:
            continue
        for level in levels:
            quantity = Quantity(column.key, "" if yes_only else level, arm=arm, stage=stage)
            rows += _share(int((group[column.key] == level).sum()), len(group), quantity)
    if arms == ARM_KEYS:
        table = [
            [int((group[column.key] == level).sum()) for level in column.level_keys]
            for arm, group in _groups(cohort)
            if arm != "all"
        ]
        rows += _test(
            table, Quantity(column.key, "", "", "treated", "control", "", stage), convention
        )
    return rows


def _share(n: int, total: int, quantity: Quantity) -> list[Estimate]:
    values: dict[str, Value] = {"n": Fraction(n), "percent": Fraction(100 * n, total)}
    return estimates(quantity, values, f"{n} of {total}")


def _test(table: list[list[int]], quantity: Quantity, convention: Convention) -> list[Estimate]:
    # A level that nobody has carries no information about the arms and is left out of the test.
    kept = [column for column in zip(*table, strict=True) if any(column)]
    try:
        result = choose_test([list(row) for row in zip(*kept, strict=True)], convention=convention)
    except EstimationError as error:
        return [Estimate(quantity, "p", None, str(error))]
    return [Estimate(quantity, "p", result.p, result.name)]


def endpoint_counts(cohort: Cohort, stage: Stage, convention: Convention) -> list[Estimate]:
    """Count the patients who reached each yes/no endpoint, by arm, with the test between arms."""
    rows: list[Estimate] = []
    for endpoint in cohort.study.endpoints:
        table: list[list[int]] = []
        for arm, group in _groups(cohort):
            n = int(group[endpoint.of].isin(endpoint.levels).sum())
            rows += _share(n, len(group), Quantity(endpoint.key, arm=arm, stage=stage))
            if arm != "all":
                table.append([n, len(group) - n])
        quantity = Quantity(endpoint.key, "", "", "treated", "control", "", stage)
        rows += _test(table, quantity, convention)
    return rows


def measures(cohort: Cohort, stage: Stage) -> list[Estimate]:
    """Median and range of each numeric column, by arm."""
    rows: list[Estimate] = []
    for measure in cohort.study.measures:
        for arm, group in _groups(cohort):
            if arm == "all" and measure.arms != ARM_KEYS:
                continue
            values = group[measure.key].dropna().astype(float)
            if values.empty:
                continue
            rows += estimates(
                Quantity(measure.key, arm=arm, stage=stage),
                {
                    "median": float(values.median()),
                    "min": float(values.min()),
                    "max": float(values.max()),
                },
                "sample median and range",
            )
    return rows


def follow_up(cohort: Cohort, outcome: str, stage: Stage) -> list[Estimate]:
    """Median follow-up as the reverse Kaplan-Meier median of the last outcome, usually survival.

    Source: Schemper and Smith, Controlled Clinical Trials 1996;17:343-346.
    """
    if outcome != cohort.study.outcomes[-1].key:
        return []
    quantity = Quantity("follow_up", arm="all", stage=stage)
    median = median_follow_up(cohort, outcome).median
    return estimates(quantity, {"median": median}, "reverse Kaplan-Meier")


def pooled_survival(
    cohort: Cohort, outcome: str, stage: Stage, convention: Convention
) -> list[Estimate]:
    """Kaplan-Meier median of both arms together."""
    curve = kaplan_meier(cohort, outcome, by=None, interval=convention.survival_interval)
    quantity = Quantity("survival", outcome=outcome, arm="all", stage=stage)
    return _curve(curve, quantity, (), convention)


def _curve(
    curve: pd.DataFrame, quantity: Quantity, times: Sequence[int], convention: Convention
) -> list[Estimate]:
    median = median_survival(curve, interval=convention.median_interval)
    rows = estimates(
        quantity,
        {"median": median.median, "ci_low": median.ci_low, "ci_high": median.ci_high},
        f"Kaplan-Meier median, {median.method}",
    )
    for time in times:
        at = Quantity(**{**vars(quantity), "time": f"{time} months"})
        rate = 100 * survival_at(curve, float(time)).survival
        rows += estimates(at, {"rate": rate}, "Kaplan-Meier")
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
        rows += _curve(curve, quantity, outcome.rate_times, choices.convention)
    p = log_rank_test(shown, outcome.key, by=plan.by).p
    if plan.by != "arm":
        quantity = Quantity(
            plan.by, outcome=outcome.key, arm=plan.within or "all", stage=plan.stage, model="crude"
        )
        return rows + estimates(quantity, {"p": p}, "log-rank test")
    quantity = Quantity("treatment", "", outcome.key, "treated", "control", "", plan.stage, "crude")
    fit = cox(shown, outcome.key, ["arm"], ties=choices.ties).summary().iloc[0]
    method = f"Cox model, {choices.ties} ties, model-based interval"
    rows += estimates(quantity, _ratio(fit), method)
    rows += estimates(quantity, {"p": p}, "log-rank test")
    rows += _median_difference(rows, quantity)
    return rows


def _ratio(row: pd.Series[Any]) -> dict[str, Value]:
    return {
        "hr": float(row["hazard_ratio"]),
        "ci_low": float(row["ci_low"]),
        "ci_high": float(row["ci_high"]),
    }


def _median_difference(rows: Sequence[Estimate], compared: Quantity) -> list[Estimate]:
    medians = {
        row.quantity.arm: row.value
        for row in rows
        if row.quantity.item == "survival" and row.statistic == "median"
    }
    treated, control = medians.get("treated"), medians.get("control")
    difference = None if treated is None or control is None else float(treated - control)
    quantity = Quantity(**{**vars(compared), "item": "survival_difference", "model": ""})
    return estimates(quantity, {"median": difference}, "difference of the two medians")


def model_estimates(cohort: Cohort, choices: Choices) -> list[Estimate]:
    """Univariable and multivariable hazard ratios of each model plan, within its arm."""
    rows: list[Estimate] = []
    for plan in cohort.study.models:
        selection = univariable_to_multivariable(
            cohort, plan, ties=choices.ties, entry_p=choices.entry_p
        )
        for model, frame in (
            ("univariable", selection.univariable),
            ("multivariable", selection.multivariable),
        ):
            for _, row in frame.iterrows():
                covariate = cohort.study.covariate(str(row["covariate"]))
                name = str(row["name"])
                level = name.partition("=")[2] if len(covariate.levels) > 2 else ""
                quantity = Quantity(
                    covariate.key, level, plan.outcome, plan.arm, stage="before", model=model
                )
                values: dict[str, Value] = {**_ratio(row), "p": float(row["p"])}
                rows += estimates(quantity, values, f"Cox model, {choices.ties} ties, Wald")
    return rows


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
            values: dict[str, Value] = {**_ratio(row), "p": float(row["p"])}
            rows += estimates(quantity, values, f"Cox model, {choices.ties} ties, Wald")
    return rows
