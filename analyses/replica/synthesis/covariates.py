"""Covariates whose real propensity score and matching give back the printed baseline tables.

Before matching the printed counts hold by construction: covariates are drawn with them, and the
search only exchanges values between patients of one arm. After matching they, and the number of
pairs, are reached by a search with the real fit and the real matching in the loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from replica.cohort import Cohort
from replica.errors import SynthesisError
from replica.protocol import ARM_KEYS, Study
from replica.synthesis.joint_patterns import JointPatterns
from replica.synthesis.matching_search import Goal
from replica.synthesis.targets import Targets

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draw_covariates(
    targets: Targets, rng: np.random.Generator, joint: Sequence[JointPatterns] = ()
) -> pd.DataFrame:
    """Draw ids, arms and covariates with exactly the printed counts of each arm before matching.

    Values that the protocol associates occur together more often than by chance: each covariate
    cuts a normal variable at its printed share, and the variables are correlated. Combinations
    that the printed models ask for (`joint`) go to the patients whose normal variables suit them
    best.

    Raises
    ------
    SynthesisError
        If a covariate has other than two levels, or a count is missing or contradictory.
    """
    study = targets.study
    arms = np.concatenate(
        [np.repeat(arm, targets.count("patients", "", arm, "before")) for arm in ARM_KEYS]
    )
    arms = rng.permutation(arms)
    n = len(arms)
    latent = latent_values(study, n, rng)
    digits = max(4, len(str(n)))
    patients = pd.DataFrame({"patient_id": [f"S{i + 1:0{digits}d}" for i in range(n)], "arm": arms})
    for k, covariate in enumerate(study.covariates):
        if len(covariate.levels) != 2:
            raise SynthesisError(f"{covariate.key}: the search knows covariates of two levels.")
        values = np.full(n, covariate.reference, dtype=object)
        for arm in ARM_KEYS:
            rows = np.flatnonzero(arms == arm)
            count = targets.count(covariate.key, covariate.contrast, arm, "before")
            other = targets.count(covariate.key, covariate.reference, arm, "before")
            if count + other != rows.size:
                raise SynthesisError(
                    f"{covariate.key} ({arm}): printed counts {count} and {other} do not add up to "
                    f"{rows.size} patients."
                )
            highest = rows[np.argsort(-latent[rows, k], kind="stable")[:count]]
            values[highest] = covariate.contrast
        patients[covariate.key] = values
    for asked in joint:
        rows = np.flatnonzero(arms == asked.arm)
        columns = [[c.key for c in study.covariates].index(key) for key in asked.covariates]
        counts = [
            targets.count(key, study.covariate(key).contrast, asked.arm, "before")
            for key in asked.covariates
        ]
        drawn = _combinations(asked, counts, rng)
        # The assignment that makes the sum of products largest.
        order = linear_sum_assignment(-latent[rows][:, columns] @ drawn.T)[1]
        for k, key in enumerate(asked.covariates):
            covariate = study.covariate(key)
            levels = np.where(drawn[order, k] == 1, covariate.contrast, covariate.reference)
            patients.loc[rows, key] = levels
    return patients


def _combinations(asked: JointPatterns, counts: Sequence[int], rng: np.random.Generator) -> Ints:
    """One row per patient with exactly the printed counts: a few rows differ from the wanted."""
    drawn = np.repeat(asked.patterns, asked.counts, axis=0)
    for k, count in enumerate(counts):
        surplus = int(drawn[:, k].sum()) - count
        able = rng.permutation(np.flatnonzero(drawn[:, k] == (surplus > 0)))
        drawn[able[: abs(surplus)], k] = surplus < 0
    return drawn


def latent_values(study: Study, n: int, rng: np.random.Generator) -> Floats:
    """Draw correlated normal variables, one for each covariate, shape (n, p).

    Raises
    ------
    SynthesisError
        If the protocol's associations contradict each other.
    """
    keys = [covariate.key for covariate in study.covariates]
    correlation = np.eye(len(keys))
    for pair in study.associations:
        a, b = keys.index(pair.first), keys.index(pair.second)
        correlation[a, b] = correlation[b, a] = pair.strength
    try:
        root = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        raise SynthesisError(
            f"{study.key}: the associations contradict each other; weaken some of them."
        ) from None
    return np.asarray(rng.normal(size=(n, len(keys))) @ root.T, dtype=np.float64)


def matching_goal(targets: Targets, joint: Sequence[JointPatterns] = ()) -> Goal:
    """Printed counts after matching; the plan's caliper must be one of probabilities.

    Of the combinations that printed models ask for, those of the treated are part of it.

    Raises
    ------
    SynthesisError
        If the plan is not 1:1 in data order with a caliper between probabilities, or the arms
        printed after matching differ in size.
    """
    plan = targets.study.matching
    if (plan.ratio, plan.order, plan.caliper_scale, plan.exact) != (1, "data", "probability", ()):
        raise SynthesisError(
            "the covariate search knows 1:1 matching in data order, with a caliper between "
            "probabilities and without exact strata."
        )
    wanted = [
        [
            targets.count(key, targets.study.covariate(key).contrast, arm, "after")
            for key in plan.covariates
        ]
        for arm in ARM_KEYS
    ]
    pairs, controls = (targets.count("patients", "", arm, "after") for arm in ARM_KEYS)
    if pairs != controls:
        raise SynthesisError(
            f"1:1 matching: found {pairs} treated and {controls} control patients printed after "
            "it; both must be the number of pairs. Correct the published table."
        )
    treated = targets.count("patients", "", "treated", "before")
    width = math.inf if plan.caliper is None else plan.caliper
    columns, combinations = np.empty(0, dtype=np.int64), np.full(1, treated, dtype=np.int64)
    for asked in joint:
        if asked.arm == "treated":
            columns = np.array([plan.covariates.index(key) for key in asked.covariates])
            combinations = asked.counts
    return Goal(
        np.array(wanted, dtype=np.int64),
        pairs,
        width,
        plan.caliper_inclusive,
        columns,
        combinations,
    )


def with_contrasts(
    patients: pd.DataFrame, study: Study, keys: tuple[str, ...], X: Floats
) -> pd.DataFrame:
    """Write contrasts back into the patient table as level keys."""
    changed = patients.copy()
    for j, key in enumerate(keys):
        covariate = study.covariate(key)
        changed[key] = np.where(X[:, j] == 1.0, covariate.contrast, covariate.reference)
    return changed


def contrasts(cohort: Cohort, keys: tuple[str, ...]) -> Floats:
    """Contrasts of two-level covariates as 0/1, shape (n, p)."""
    columns = [
        np.asarray(cohort.patients[key] == cohort.study.covariate(key).contrast) for key in keys
    ]
    return np.ascontiguousarray(np.column_stack(columns), dtype=np.float64)
