"""Controls of the odd pairs of `mlc_second_primary`: an integer program counts their patterns.

Everybody else's control is a twin. The odd ones together make up for what the printed matched
controls differ from the matched treated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from replica.synthesis.second_primary_margins import SHARES
from replica.synthesis.second_primary_targets import Quartiles

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Columns of a pattern; the type is the level's place among the cancer types.
AGE, FEMALE, INDEX, AUTOIMMUNE, TRANSPLANT, TYPE = range(6)
# Cancer types beside the last, which is the rest.
KINDS = 3

COUNTED = 20
"""What a patient too many or too few costs; less is a matter of ages and indices alone."""

# Free choices: patients with the same pattern, what a unit of each sum weighs beside a year of age,
# and when the solver may stop: its own deterministic time, and how near the optimum.
_SAME, _WEIGHTS, _EFFORT, _GAP = 3, (1, 4, *[COUNTED] * (3 + KINDS)), 1.0, 2
GRID = np.array(
    [
        (age, female, index, autoimmune, transplant, kind)
        for age in range(40, 90)
        for female in (0, 1)
        for index in range(9)
        for autoimmune, transplant in ((0, 0), (1, 0), (0, 1))
        for kind in range(KINDS + 1)
    ]
)


@dataclass(frozen=True)
class Goal:
    """What the matched controls have more than the treated, as sums of columns, and quartiles."""

    more: Integers
    age: Quartiles
    index: Quartiles


def sums(patterns: Integers) -> Integers:
    """Sums of age, index, female, autoimmune and transplant, and counts of the first types."""
    return np.array([int(column.sum()) for column in _contents(patterns)])


def find_partners(
    treated: Integers, odd: Bools, pool: Integers, goal: Goal
) -> tuple[Integers, int]:
    """Find the controls of the odd pairs.

    Parameters
    ----------
    treated
        All matched treated, shape (pairs, 6).
    odd
        Which of them have a control who is no twin.
    pool
        Patterns whose score is where odd pairs are matched.
    goal
        What is wanted of all matched controls.

    Returns
    -------
    patterns
        One per odd pair.
    int
        How far the sums are off, weighted; 0 if not at all.
    """
    wanted = sums(treated[odd]) + goal.more
    model = cp_model.CpModel()
    counts = [model.new_int_var(0, _SAME, f"pattern_{i}") for i in range(len(pool))]
    model.add(sum(counts) == int(odd.sum()))
    cost = []
    for values, total, weight in zip(_contents(pool), wanted, _WEIGHTS, strict=True):
        over, under = (model.new_int_var(0, 1000, "") for _ in range(2))
        held = sum(int(value) * count for value, count in zip(values, counts, strict=True))
        model.add(held - over + under == int(total))
        cost.append(weight * (over + under))
    twins = treated[~odd]
    last = len(treated) - 1
    for column, quartiles in ((AGE, goal.age), (INDEX, goal.index)):
        for share, value in zip(SHARES, quartiles.each, strict=True):
            # the quartile is that very value: few are smaller, enough are up to it
            below, up_to = pool[:, column] < value, pool[:, column] <= value
            few = int((twins[:, column] < value).sum()) + _sum(counts, below)
            many = int((twins[:, column] <= value).sum()) + _sum(counts, up_to)
            model.add(few <= int(np.floor(share * last)))
            model.add(many >= int(np.ceil(share * last)) + 1)
    model.minimize(sum(cost))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = _EFFORT
    solver.parameters.absolute_gap_limit = _GAP
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return treated[odd].copy(), 10_000
    chosen = np.repeat(pool, [solver.value(count) for count in counts], axis=0)
    return chosen, round(solver.objective_value)


def _sum(counts: list[cp_model.IntVar], of: Bools) -> cp_model.LinearExprT:
    return sum(count for count, is_one in zip(counts, of.tolist(), strict=True) if is_one)


def _contents(patterns: Integers) -> list[Integers]:
    columns = [patterns[:, column] for column in (AGE, INDEX, FEMALE, AUTOIMMUNE, TRANSPLANT)]
    return columns + [(patterns[:, TYPE] == kind).astype(np.int64) for kind in range(KINDS)]
