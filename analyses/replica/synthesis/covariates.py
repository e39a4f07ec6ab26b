"""Covariates whose real propensity score and matching give back the printed baseline tables.

Before matching the printed counts hold by construction: covariates are drawn with them, and the
search only exchanges values between patients of one arm. After matching they, and the number of
pairs, are reached by a search with the real fit and the real matching in the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.errors import SynthesisError
from replica.greedy import match_rows
from replica.logistic_kernel import linear_predictor, newton, probability
from replica.protocol import ARM_KEYS, Study
from replica.synthesis.targets import Targets

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_CHUNK = 2000
_HOT, _COLD = 1.2, 0.2
_RENUMBER = 0.5
"""Share of tries that exchange two treated patients' places in the order of matching."""


@dataclass(frozen=True)
class Goal:
    """Printed counts after matching, in the form the search takes.

    `wanted` (2, p) counts contrasts among matched treated and matched controls; `pairs` is the
    number of matched pairs. `width` is the caliper on the probability scale.
    """

    wanted: Ints
    pairs: int
    width: float
    inclusive: bool


def draw_covariates(targets: Targets, rng: np.random.Generator) -> pd.DataFrame:
    """Draw ids, arms and covariates with exactly the printed counts of each arm before matching.

    Values that the protocol associates occur together more often than by chance: each covariate
    cuts a normal variable at its printed share, and the variables are correlated.

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
    latent = _latent(study, n, rng)
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
    return patients


def _latent(study: Study, n: int, rng: np.random.Generator) -> Floats:
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


def matching_goal(targets: Targets) -> Goal:
    """Printed counts after matching; the plan's caliper must be one of probabilities.

    Raises
    ------
    SynthesisError
        If the plan is not 1:1 in data order with a caliper between probabilities.
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
    pairs = targets.count("patients", "", "treated", "after")
    width = math.inf if plan.caliper is None else plan.caliper
    return Goal(np.array(wanted, dtype=np.int64), pairs, width, plan.caliper_inclusive)


@njit(cache=True)
def deviation(
    X: Floats,
    treated: Bools,
    wanted: Ints,
    pairs: int,
    width: float,
    inclusive: bool,
    coef: Floats,
) -> int:
    """Sum of absolute differences between the printed and the matched counts; large if no fit.

    `coef` are the coefficients to start the fit from, and are replaced by the fitted ones.
    """
    fitted, _, status, _ = newton(X, treated, coef)
    if status != 0:
        coef[:] = 0.0
        return 10**6
    coef[:] = fitted
    partner = match_rows(probability(linear_predictor(X, coef)), treated, width, inclusive)
    n, p = X.shape
    count = np.zeros((2, p))
    matched = 0
    for i in range(n):
        if treated[i] and partner[i] >= 0:
            matched += 1
            for j in range(p):
                count[0, j] += X[i, j]
                count[1, j] += X[partner[i], j]
    total = abs(matched - pairs)
    for a in range(2):
        for j in range(p):
            total += abs(round(count[a, j]) - wanted[a, j])
    return total


@njit(cache=True)
def _exchange(X: Floats, i: int, j: int, k: int) -> None:
    """Exchange covariate k of two patients, or all covariates if k is negative."""
    for m in range(X.shape[1]):
        if k in (m, -1):
            X[i, m], X[j, m] = X[j, m], X[i, m]


@njit(cache=True)
def _search(
    X: Floats,
    treated: Bools,
    wanted: Ints,
    pairs: int,
    width: float,
    inclusive: bool,
    temperatures: Floats,
    current: int,
    rng: np.random.Generator,
) -> int:
    """Exchange values of one covariate between two patients of an arm, one try a temperature."""
    n, p = X.shape
    coef = np.zeros(p + 1)
    for temperature in temperatures:
        if current == 0:
            break
        i = int(rng.integers(0, n))
        k = int(rng.integers(0, p))
        j = int(rng.integers(0, n))
        while treated[j] != treated[i]:
            j = int(rng.integers(0, n))
        renumber = rng.random() < _RENUMBER
        if renumber:
            while not (treated[i] and treated[j]):
                i, j = int(rng.integers(0, n)), int(rng.integers(0, n))
        elif X[i, k] == X[j, k]:
            continue
        _exchange(X, i, j, -1 if renumber else k)
        trial = deviation(X, treated, wanted, pairs, width, inclusive, coef)
        if trial == 0:
            # The analysis fits from zero: what counts is that it finds the same pairs.
            coef[:] = 0.0
            trial = deviation(X, treated, wanted, pairs, width, inclusive, coef)
        worse = trial - current
        if worse <= 0 or rng.random() < math.exp(-worse / temperature):
            current = trial
        else:
            _exchange(X, i, j, -1 if renumber else k)
    return current


def search_covariates(
    X: Floats,
    treated: Bools,
    goal: Goal,
    rng: np.random.Generator,
    *,
    evaluations: int,
    progress: Callable[[int, int], None],
) -> tuple[Floats, int]:
    """Exchange covariate values within arms until the matched counts are the printed ones.

    Parameters
    ----------
    X
        Contrasts of the matching covariates, shape (n, p), rows in the order of the ids.
    treated
        Arm of each row, shape (n,).
    goal
        What to reach.
    evaluations
        Most exchanges to try; the search ends as soon as all counts agree.
    progress
        Told the exchanges tried so far and the deviation left.

    Returns
    -------
    tuple
        The covariates found, and their deviation: 0 when every count is as printed.
    """
    X = X.copy()
    arguments = (treated, goal.wanted, goal.pairs, goal.width, goal.inclusive)
    current: int = int(deviation(X, *arguments, np.zeros(X.shape[1] + 1)))
    best, best_X = current, X.copy()
    temperatures = np.geomspace(_HOT, _COLD, max(evaluations, 2))
    for start in range(0, evaluations, _CHUNK):
        current = int(_search(X, *arguments, temperatures[start : start + _CHUNK], current, rng))
        if current < best:
            best, best_X = current, X.copy()
        progress(min(start + _CHUNK, evaluations), best)
        if best == 0:
            break
    return best_X, best


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
