"""What one small change to a few patients costs, as Numba kernels: Cox models of one exposure.

Patients stand in order of descending time without ties; nothing else is known about them here. A
model is not fitted but opened at the printed ratio: the derivatives of the partial likelihood there
say how far off its maximum is, which is exact where it counts, near the printed numbers.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

SQUARED, SHARED, COUNTED = 0, 1, 2
"""How the cost of a number grows with its distance from the printed one."""

REACH = 1.959963984540054
_NOWHERE = 1e-3
_NEAR = 0.4
_FAR = 3.0


@njit(cache=True)
def derivatives(
    order: Integers, label: Integers, died: Bools, ratio: float
) -> tuple[float, float, float]:
    """First, negative second and negative third derivative of the log partial likelihood.

    By the log hazard ratio of label 1 against 0, at a hazard ratio; other labels are left out.
    `order` lists patients by descending time without ties.
    """
    ones = 0.0
    zeros = 0.0
    score = 0.0
    information = 0.0
    third = 0.0
    for k in range(order.shape[0]):
        i = order[k]
        if label[i] < 0:
            continue
        if label[i] == 1:
            ones += 1.0
        else:
            zeros += 1.0
        if died[i]:
            share = ones * ratio / (ones * ratio + zeros)
            spread = share * (1.0 - share)
            score += label[i] - share
            information += spread
            third += spread * (1.0 - 2.0 * share)
    return score, information, third


@njit(cache=True)
def around(order: Integers, label: Integers, died: Bools, log_ratio: float) -> tuple[float, float]:
    """Log hazard ratio of label 1 against 0 and its standard error, seen from a value near it.

    Of third order in the distance: 1e-4 wrong at 0.1 with a dozen events. Further off than 0.4
    only the direction counts. Without information the standard error is that of next to none.
    """
    score, information, third = derivatives(order, label, died, np.exp(log_ratio))
    if information < _NOWHERE:
        return log_ratio + np.sign(score) * _FAR, 1.0 / np.sqrt(_NOWHERE)
    step = score / information
    if abs(step) > _NEAR:
        return log_ratio + min(_FAR, max(-_FAR, step)), 1.0 / np.sqrt(information)
    step -= third * step * step / (2.0 * information)
    return log_ratio + step, 1.0 / np.sqrt(max(_NOWHERE, information + third * step))


@njit(cache=True)
def log_rank_z(order: Integers, label: Integers, died: Bools) -> float:
    """Log-rank z of label 1 against 0; other labels are left out; 0 without information."""
    score, information, _ = derivatives(order, label, died, 1.0)
    return score / np.sqrt(information) if information > _NOWHERE else 0.0


@njit(cache=True)
def grouped_odds(cases: Floats, totals: Floats, begin: Floats) -> tuple[Floats, float]:
    """Logistic model of cases on binary columns, by cell of these columns; Wald error of the last.

    Cell c has column k at bit k of c. `begin` is the intercept and one coefficient per column; the
    maximum is returned in its shape.
    """
    p = begin.shape[0]
    b = begin.copy()
    hessian = np.zeros((p, p))
    x = np.ones(p)
    for _ in range(30):
        hessian[:] = 0.0
        gradient = np.zeros(p)
        for c in range(totals.shape[0]):
            if totals[c] == 0.0:
                continue
            eta = b[0]
            for k in range(1, p):
                x[k] = (c >> (k - 1)) & 1
                eta += x[k] * b[k]
            m = 1.0 / (1.0 + np.exp(-eta))
            for k in range(p):
                gradient[k] += x[k] * (cases[c] - totals[c] * m)
                for j in range(p):
                    hessian[k, j] += totals[c] * m * (1.0 - m) * x[k] * x[j]
        for k in range(p):
            hessian[k, k] += 1e-9
        step = np.linalg.solve(hessian, gradient)
        b += np.minimum(2.0, np.maximum(-2.0, step))
        if np.abs(step).max() < 1e-9:
            break
    return b, np.sqrt(np.linalg.inv(hessian)[p - 1, p - 1])


@njit(cache=True)
def miss(log_ratio: float, se: float, bounds: Floats, shape: int) -> float:
    """How far a ratio and its interval are from being printed so.

    `bounds`, shape (3, 2), are the logarithms between which ratio and ends are printed so. Each
    costs by its distance: `SQUARED`, so that the furthest off pull most; `SHARED`, in proportion;
    `COUNTED`, a step for being off at all and little more the further it is, so that rows that do
    not fit the others are given up.
    """
    total = 0.0
    for k in range(3):
        value = log_ratio + REACH * se * (0.0, -1.0, 1.0)[k]
        off = max(bounds[k, 0] - value, value - bounds[k, 1])
        if off > 0.0:
            if shape == SQUARED:
                total += (off / 0.1) ** 2
            elif shape == SHARED:
                total += off / 0.05
            else:
                total += 1.25 - np.exp(-off / 0.04) + off
    return total


@njit(cache=True)
def reorder(order: Integers, time: Integers, moved: int) -> None:
    """Put one patient back in place in a list by descending time."""
    n = order.shape[0]
    k = 0
    while order[k] != moved:
        k += 1
    while k > 0 and time[order[k - 1]] < time[moved]:
        order[k] = order[k - 1]
        k -= 1
        order[k] = moved
    while k < n - 1 and time[order[k + 1]] > time[moved]:
        order[k] = order[k + 1]
        k += 1
        order[k] = moved


@njit(cache=True)
def exchange(order: Integers, i: int, j: int) -> None:
    """Let two patients change places in a list."""
    for k in range(order.shape[0]):
        if order[k] == i:
            order[k] = j
        elif order[k] == j:
            order[k] = i


@njit(cache=True)
def taken(time: Integers, own: int, day: int) -> bool:
    """Whether the follow-up of somebody else ends on that day."""
    return bool(np.count_nonzero(time == day) > (1 if time[own] == day else 0))
