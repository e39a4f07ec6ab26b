"""One stretch of a search over few patients, which changes times, deaths and covariates a little.

A death moves, becomes a survival or the other way round, two patients exchange how they were
followed, or two of one group swap a covariate, which leaves every count as it is.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.subgroup_kernels import (
    around,
    exchange,
    grouped_odds,
    log_rank_z,
    miss,
    reorder,
    taken,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

# What a word about a comparison costs for each unit of z that it is off.
_WORD = 5.0
_ODDS = 2.0


@njit(cache=True)
def labels_of(
    group: Integers, columns: Integers, subgroups: Integers, compared: Integers
) -> Integers:
    """Exposed 1, others 0, left out -1: a row for each subgroup and for each comparison."""
    m, n = subgroups.shape[0], group.shape[0]
    label = np.full((m + compared.shape[0], n), -1, dtype=np.int64)
    for s in range(m):
        for i in range(n):
            if columns[i, subgroups[s, 0]] == subgroups[s, 1]:
                label[s, i] = 1 if group[i] > 0 else 0
    for s in range(compared.shape[0]):
        first, second = compared[s]
        for i in range(n):
            if group[i] == second:
                label[m + s, i] = 0
            elif group[i] == first or (first < 0 and group[i] > 0):
                label[m + s, i] = 1
    return label


@njit(cache=True)
def _cell(columns: Integers, i: int, logistic: Integers, above: Integers) -> int:
    cell = 0
    for k in range(logistic.shape[0]):
        cell += (1 << k) if columns[i, logistic[k]] >= above[k] else 0
    return cell


@njit(cache=True)
def _part(
    s: int,
    order: Integers,
    label: Integers,
    died: Bools,
    centre: Floats,
    bounds: Floats,
    weight: Floats,
    z: Floats,
    shape: int,
) -> float:
    """Cost of one subgroup or, beyond these, of one comparison described in words."""
    m = centre.shape[0]
    if s < m:
        b, se = around(order, label[s], died, centre[s])
        return float(weight[s] * miss(b, se, bounds[s], shape))
    found = log_rank_z(order, label[s], died)
    return float(_WORD * (max(0.0, z[s - m, 0] - found) + max(0.0, found - z[s - m, 1])))


@njit(cache=True)
def stretch(  # noqa: C901, PLR0912, PLR0915 - one loop, positional for Numba
    group: Integers,
    fixed: int,
    subgroups: Integers,
    centre: Floats,
    bounds: Floats,
    weight: Floats,
    earliest: Integers,
    end: Integers,
    lost: float,
    compared: Integers,
    z: Floats,
    logistic: Integers,
    above: Integers,
    odds: Floats,
    columns: Integers,
    time: Integers,
    died: Bools,
    best_columns: Integers,
    best_time: Integers,
    best_died: Bools,
    best: float,
    first: int,
    last: int,
    steps: int,
    hot: float,
    cold: float,
    shape: int,
    rng: np.random.Generator,
) -> float:
    """Try changes `first` to `last` of `steps`, in place; the cost of the best state is returned.

    Costs are computed anew from the state at the start, so a search can be taken up again between
    two stretches.
    """
    n, c = columns.shape
    m = subgroups.shape[0]
    order = np.argsort(-time)
    label = labels_of(group, columns, subgroups, compared)
    size = label.shape[0]
    parts = np.empty(size)
    for s in range(size):
        parts[s] = _part(s, order, label, died, centre, bounds, weight, z, shape)
    totals = np.zeros(1 << logistic.shape[0])
    cases = np.zeros(1 << logistic.shape[0])
    for i in range(n):
        cell = _cell(columns, i, logistic, above)
        totals[cell] += 1.0
        cases[cell] += 1.0 if group[i] > 0 else 0.0
    start = np.zeros(logistic.shape[0] + 1)
    b, se = grouped_odds(cases, totals, start)
    joint = _ODDS * miss(b[-1], se, odds, shape)
    losses = lost * np.sum((time < end) & ~died)
    new_parts = parts.copy()
    energy = joint + losses + parts.sum()
    if energy < best:
        best = energy
        best_columns[:], best_time[:], best_died[:] = columns, time, died
    for step in range(first, last):
        heat = hot * (cold / hot) ** (step / steps)
        kind = rng.random()
        i = int(rng.random() * n)
        j = int(rng.random() * n)
        if kind < 0.3:
            column = fixed + int(rng.random() * (c - fixed))
            if group[i] != group[j] or columns[i, column] == columns[j, column]:
                continue
            was_i = _cell(columns, i, logistic, above)
            was_j = _cell(columns, j, logistic, above)
            columns[i, column], columns[j, column] = columns[j, column], columns[i, column]
            new_joint = joint
            now_i = _cell(columns, i, logistic, above)
            now_j = _cell(columns, j, logistic, above)
            if was_i != now_i and (now_i != was_j or now_j != was_i):
                one = 1.0 if group[i] > 0 else 0.0
                for cell, sign in ((was_i, -1.0), (was_j, -1.0), (now_i, 1.0), (now_j, 1.0)):
                    totals[cell] += sign
                    cases[cell] += sign * one
                b, se = grouped_odds(cases, totals, start)
                new_joint = _ODDS * miss(b[-1], se, odds, shape)
            for s in range(m):
                if subgroups[s, 0] == column and label[s, i] != label[s, j]:
                    label[s, i], label[s, j] = label[s, j], label[s, i]
                    new_parts[s] = _part(s, order, label, died, centre, bounds, weight, z, shape)
            found = new_joint + losses + new_parts.sum()
            if found <= energy or rng.random() < np.exp((energy - found) / heat):
                energy, joint = found, new_joint
                parts[:] = new_parts
            else:
                new_parts[:] = parts
                for s in range(m):
                    if subgroups[s, 0] == column and label[s, i] != label[s, j]:
                        label[s, i], label[s, j] = label[s, j], label[s, i]
                columns[i, column], columns[j, column] = columns[j, column], columns[i, column]
                if was_i != now_i and (now_i != was_j or now_j != was_i):
                    for cell, sign in ((was_i, 1.0), (was_j, 1.0), (now_i, -1.0), (now_j, -1.0)):
                        totals[cell] += sign
                        cases[cell] += sign * one
        else:
            two = kind < 0.4
            was, was_time = died[i], time[i]
            now, now_time = was, was_time
            was_j, was_time_j = died[j], time[j]
            if two:
                now, now_time = was_j, was_time_j
                if i == j or was_time < earliest[j] or was_time > end[j]:
                    continue
                if was and was_time == end[j]:
                    continue
            elif kind < 0.46:
                now = not was
                if now_time == end[i]:
                    now_time = earliest[i] + int(rng.random() * (end[i] - earliest[i]))
            elif kind < 0.52:
                now, now_time = False, end[i]
            elif kind < 0.65:
                now_time = earliest[i] + int(rng.random() * (end[i] - earliest[i]))
            else:
                spread = np.exp(1.0 + 4.0 * rng.random())
                now_time = was_time + int(np.round(rng.normal() * spread))
            if now_time < earliest[i] or now_time > end[i] or (now and now_time == end[i]):
                continue
            if now == was and now_time == was_time:
                continue
            if not two and taken(time, i, now_time):
                continue
            new_losses = losses
            new_losses += lost * ((not now and now_time < end[i]) - (not was and was_time < end[i]))
            time[i], died[i] = now_time, now
            if two:
                new_losses += lost * (not was and was_time < end[j])
                new_losses -= lost * (not was_j and was_time_j < end[j])
                time[j], died[j] = was_time, was
                exchange(order, i, j)
            else:
                reorder(order, time, i)
            for s in range(size):
                if label[s, i] >= 0 or (two and label[s, j] >= 0):
                    new_parts[s] = _part(s, order, label, died, centre, bounds, weight, z, shape)
            found = joint + new_losses + new_parts.sum()
            if found <= energy or rng.random() < np.exp((energy - found) / heat):
                energy, losses = found, new_losses
                parts[:] = new_parts
            else:
                new_parts[:] = parts
                time[i], died[i] = was_time, was
                if two:
                    time[j], died[j] = was_time_j, was_j
                    exchange(order, i, j)
                else:
                    reorder(order, time, i)
        if energy < best:
            best = energy
            best_columns[:], best_time[:], best_died[:] = columns, time, died
            if best <= 0.0:
                break
    return best
