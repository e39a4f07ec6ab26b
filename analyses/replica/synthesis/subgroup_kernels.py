"""What one small change to a few patients costs, as Numba kernels: Cox models of one exposure.

Patients stand in order of descending time without ties; nothing else is known about them here.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_REACH = 1.959963984540054


@njit(cache=True)
def binary_cox(  # noqa: C901 - one pass and one Newton loop, positional for Numba
    order: Integers, label: Integers, died: NDArray[np.bool_]
) -> tuple[float, float]:
    """Log hazard ratio of label 1 against 0, with its standard error; other labels are left out.

    `order` lists patients by descending time without ties. Without a maximum the ratio runs off
    and the error with it, which no target is near to.
    """
    n = order.shape[0]
    ones = np.empty(n)
    zeros = np.empty(n)
    exposed = 0.0
    events = 0
    n1 = 0.0
    n0 = 0.0
    for k in range(n):
        i = order[k]
        if label[i] == 1:
            n1 += 1.0
        elif label[i] == 0:
            n0 += 1.0
        else:
            continue
        if died[i]:
            ones[events] = n1
            zeros[events] = n0
            events += 1
            exposed += label[i]
    if events == 0:
        return 0.0, 1e3
    b = 0.0
    information = 0.0
    for _ in range(40):
        ratio = np.exp(b)
        score = exposed
        information = 0.0
        for k in range(events):
            share = ones[k] * ratio / (ones[k] * ratio + zeros[k])
            score -= share
            information += share * (1.0 - share)
        if information < 1e-9:
            return b, 1e3
        step = score / information
        step = min(1.0, max(-1.0, step))
        b += step
        if abs(step) < 1e-10:
            break
        if abs(b) > 12.0:
            return b, 1e3
    return b, 1.0 / np.sqrt(information)


@njit(cache=True)
def last_odds(X: Floats, y: NDArray[np.bool_]) -> tuple[float, float]:
    """Log odds ratio of the last column in a logistic model, with its standard error."""
    n, p = X.shape
    b = np.zeros(p)
    H = np.zeros((p, p))
    for _ in range(30):
        H[:] = 0.0
        g = np.zeros(p)
        for i in range(n):
            eta = 0.0
            for a in range(p):
                eta += X[i, a] * b[a]
            m = 1.0 / (1.0 + np.exp(-eta))
            for a in range(p):
                g[a] += X[i, a] * ((1.0 if y[i] else 0.0) - m)
                for c in range(p):
                    H[a, c] += m * (1.0 - m) * X[i, a] * X[i, c]
        for a in range(p):
            H[a, a] += 1e-9
        step = np.linalg.solve(H, g)
        b += step
        if np.abs(step).max() < 1e-10:
            break
    return b[p - 1], np.sqrt(np.linalg.inv(H)[p - 1, p - 1])


@njit(cache=True)
def miss(b: float, se: float, printed: Floats, unit: float) -> float:
    """How far a ratio and its interval are from being printed so.

    Each number costs a step when it is off at all, and more the further it is, up to a bound: rows
    that do not fit the others are given up rather than pulling on all of them.
    """
    total = 0.0
    for k in range(3):
        shift = _REACH * se * (0.0, -1.0, 1.0)[k]
        value = np.exp(min(20.0, max(-20.0, b + shift)))
        off = abs(value - printed[k]) - 0.96 * unit
        if off > 0:
            apart = min(off / printed[k], abs(np.log(value / printed[k])) + 1e-3)
            total += 0.25 + 1.0 - np.exp(-apart / 0.04) + apart
    return total


@njit(cache=True)
def part_cost(
    s: int,
    order: Integers,
    group: Integers,
    columns: Integers,
    died: NDArray[np.bool_],
    subgroups: Integers,
    ratios: Floats,
    weight: Floats,
    unit: float,
    wald: Floats,
) -> float:
    """Cost of one subgroup or, beyond these, of one comparison described in words."""
    n = group.shape[0]
    m = subgroups.shape[0]
    label = np.empty(n, dtype=np.int64)
    if s < m:
        column, code = subgroups[s, 0], subgroups[s, 1]
        for i in range(n):
            label[i] = (1 if group[i] > 0 else 0) if columns[i, column] == code else -1
        b, se = binary_cox(order, label, died)
        return float(weight[s] * miss(b, se, ratios[s], unit))
    first, second = wald[s - m, 0], wald[s - m, 1]
    for i in range(n):
        label[i] = -1
        if group[i] == second:
            label[i] = 0
        elif group[i] == first or (first < 0 and group[i] > 0):
            label[i] = 1
    b, se = binary_cox(order, label, died)
    z = b / se
    return float(5.0 * (max(0.0, wald[s - m, 2] - z) + max(0.0, z - wald[s - m, 3])))


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
def taken(time: Integers, own: int, day: int) -> bool:
    """Whether the follow-up of somebody else ends on that day."""
    return bool(np.count_nonzero(time == day) > (1 if time[own] == day else 0))
