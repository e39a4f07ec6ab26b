"""Times and covariates of a few patients whose Cox models in subgroups return printed ratios.

Patients are annealed one small change at a time: a death moves, becomes a survival or the other
way round, or two patients of one group swap a covariate, which leaves every count as it is. Each
change is judged by the Cox models themselves (one binary exposure, no tied times).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.subgroup_kernels import last_odds, miss, part_cost, reorder, taken

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SubgroupProblem:
    """What is to be met, and what may move.

    Attributes
    ----------
    group
        Shape (n,): 0 for controls, 1, 2, ... for the kinds of exposed patients.
    fixed
        How many of the first columns of covariates never move.
    subgroups
        Shape (m, 2): column and code of each subgroup.
    ratios
        Shape (m, 3): hazard ratio and both ends of its interval, as printed.
    weight
        Shape (m,): how often each is printed.
    unit
        Half a unit of the last printed digit.
    earliest, end
        Shape (n,), whole days: no death or end of follow-up before the first, none after the last.
    lost
        What a patient lost to follow-up before the end costs.
    wald
        Shape (k, 4): first group, second group (-1: all exposed), least and greatest z statistic.
    logistic
        Columns of the joint logistic model of exposure; the last one's odds ratio is printed.
    above
        Shape (number of logistic columns,): a covariate counts as 1 from this code up.
    odds
        Odds ratio of the last logistic column and both ends of its interval, as printed.
    """

    group: Integers
    fixed: int
    subgroups: Integers
    ratios: Floats
    weight: Floats
    unit: float
    earliest: Integers
    end: Integers
    lost: float
    wald: Floats
    logistic: Integers
    above: Integers
    odds: Floats


@dataclass(frozen=True)
class SubgroupState:
    """One answer: covariates, last days, who died on them, and how far it all is off."""

    columns: Integers
    time: Integers
    died: NDArray[np.bool_]
    energy: float


@njit(cache=True)
def _anneal(  # noqa: C901, PLR0912, PLR0915 - one loop, positional for Numba
    group: Integers,
    columns: Integers,
    fixed: int,
    subgroups: Integers,
    ratios: Floats,
    weight: Floats,
    unit: float,
    earliest: Integers,
    end: Integers,
    lost: float,
    wald: Floats,
    logistic: Integers,
    above: Integers,
    odds: Floats,
    time: Integers,
    died: NDArray[np.bool_],
    steps: int,
    hot: float,
    cold: float,
    rng: np.random.Generator,
) -> tuple[Integers, Integers, NDArray[np.bool_], float]:
    n, c = columns.shape
    order = np.argsort(-time)
    exposed = group > 0
    X = np.ones((n, logistic.shape[0] + 1))
    for k in range(logistic.shape[0]):
        for i in range(n):
            X[i, k + 1] = 1.0 if columns[i, logistic[k]] >= above[k] else 0.0
    b, se = last_odds(X, exposed)
    joint = 2.0 * miss(b, se, odds, unit)
    losses = lost * np.sum((time < end) & ~died)
    m = subgroups.shape[0]
    parts = np.empty(m + wald.shape[0])
    for s in range(parts.size):
        parts[s] = part_cost(s, order, group, columns, died, subgroups, ratios, weight, unit, wald)
    new_parts = parts.copy()
    energy = joint + losses + parts.sum()
    best = energy
    best_columns, best_time, best_died = columns.copy(), time.copy(), died.copy()
    for step in range(steps):
        heat = hot * (cold / hot) ** (step / steps)
        kind = rng.random()
        if kind < 0.3:
            column = fixed + int(rng.integers(0, c - fixed))
            i, j = int(rng.integers(0, n)), int(rng.integers(0, n))
            if group[i] != group[j] or columns[i, column] == columns[j, column]:
                continue
            columns[i, column], columns[j, column] = columns[j, column], columns[i, column]
            new_joint = joint
            touched = -1
            for k in range(logistic.shape[0]):
                if logistic[k] == column:
                    touched = k
            if touched >= 0:
                X[i, touched + 1], X[j, touched + 1] = X[j, touched + 1], X[i, touched + 1]
                b, se = last_odds(X, exposed)
                new_joint = 2.0 * miss(b, se, odds, unit)
            for s in range(m):
                if subgroups[s, 0] == column:
                    new_parts[s] = part_cost(
                        s, order, group, columns, died, subgroups, ratios, weight, unit, wald
                    )
            found = new_joint + losses + new_parts.sum()
            if found <= energy or rng.random() < np.exp((energy - found) / heat):
                energy, joint = found, new_joint
                parts[:] = new_parts
            else:
                new_parts[:] = parts
                columns[i, column], columns[j, column] = columns[j, column], columns[i, column]
                if touched >= 0:
                    X[i, touched + 1], X[j, touched + 1] = X[j, touched + 1], X[i, touched + 1]
        else:
            i = int(rng.integers(0, n))
            was, was_time = died[i], time[i]
            low, high = earliest[i], end[i]
            now, now_time = was, was_time
            if kind < 0.37:
                now = not was
                if now_time == high:
                    now_time = int(rng.integers(low, high))
            elif kind < 0.42:
                now, now_time = False, high
            elif kind < 0.55:
                now_time = int(rng.integers(low, high))
            else:
                now_time = was_time + int(np.round(rng.normal() * 60.0))
            if now_time < low or now_time > high or (now and now_time == high):
                continue
            if (now == was and now_time == was_time) or taken(time, i, now_time):
                continue
            new_losses = losses
            new_losses += lost * ((not now and now_time < high) - (not was and was_time < high))
            time[i], died[i] = now_time, now
            reorder(order, time, i)
            for s in range(parts.size):
                if s >= m or columns[i, subgroups[s, 0]] == subgroups[s, 1]:
                    new_parts[s] = part_cost(
                        s, order, group, columns, died, subgroups, ratios, weight, unit, wald
                    )
            found = joint + new_losses + new_parts.sum()
            if found <= energy or rng.random() < np.exp((energy - found) / heat):
                energy, losses = found, new_losses
                parts[:] = new_parts
            else:
                new_parts[:] = parts
                time[i], died[i] = was_time, was
                reorder(order, time, i)
        if energy < best:
            best = energy
            best_columns[:] = columns
            best_time[:] = time
            best_died[:] = died
            if best == 0.0:
                break
    return best_columns, best_time, best_died, best


def search(
    problem: SubgroupProblem,
    start: SubgroupState,
    *,
    steps: int,
    seed: int,
    heat: tuple[float, float] = (2.0, 0.02),
) -> SubgroupState:
    """Anneal from a state; the same seed gives the same answer.

    Parameters
    ----------
    problem
        Targets and bounds.
    start
        Where to start; no two patients with the same time.
    steps
        Moves tried.
    seed
        Of every random choice.
    heat
        First and last temperature.
    """
    found = _anneal(
        problem.group,
        start.columns.copy(),
        problem.fixed,
        problem.subgroups,
        problem.ratios,
        problem.weight,
        problem.unit,
        problem.earliest,
        problem.end,
        problem.lost,
        problem.wald,
        problem.logistic,
        problem.above,
        problem.odds,
        start.time.copy(),
        start.died.copy(),
        steps,
        heat[0],
        heat[1],
        np.random.default_rng(seed),
    )
    return SubgroupState(*found)
