"""What a study reports of its patients without time: sizes, counts, shares, medians and ranges."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

import pandas as pd

from replica.cohort import Cohort
from replica.contingency import choose_test
from replica.convention import Convention
from replica.errors import EstimationError
from replica.estimate import Estimate, Quantity, Value, estimates
from replica.protocol import ARM_KEYS, Categorical, Characteristic

Stage = Literal["before", "after"]


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

    A yes/no characteristic is reported as the count of `yes`, without a level; one that exists in
    one arm only is counted there and nowhere else.
    """
    yes_only = isinstance(column, Characteristic) and column.level_keys == ("yes", "no")
    levels = ("yes",) if yes_only else column.level_keys
    arms = column.arms if isinstance(column, Characteristic) else ARM_KEYS
    in_both = set(arms) == set(ARM_KEYS)
    rows: list[Estimate] = []
    for arm, group in _groups(cohort):
        # Patients of the other arm have no value and belong to no denominator.
        if arm not in arms and not (arm == "all" and in_both):
            continue
        for level in levels:
            quantity = Quantity(column.key, "" if yes_only else level, arm=arm, stage=stage)
            rows += _share(int((group[column.key] == level).sum()), len(group), quantity)
    if in_both:
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
    percent = Fraction(100 * n, total) if total else None
    values: dict[str, Value] = {"n": Fraction(n), "percent": percent}
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
        in_both = set(measure.arms) == set(ARM_KEYS)
        for arm, group in _groups(cohort):
            if arm not in measure.arms and not (arm == "all" and in_both):
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
