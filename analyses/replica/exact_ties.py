"""The exact partial likelihood of tied events, as a Numba kernel.

Tied events are one draw of d patients out of those at risk, all draws of d being possible; the sum
over all draws is an elementary symmetric function, built up row by row (Gail, Lubin and Rubinstein
1981). Those at risk at an earlier time include those at a later one, so one pass serves all times.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from replica.risk_sets import Floats, Integers


@njit(cache=True)
def most_tied(time: Floats, event: Integers, stratum: Integers) -> Integers:
    """Largest number of events at one time of each row's stratum, shape (n,).

    Rows are sorted by stratum and time.
    """
    n = time.size
    most = np.zeros(n, dtype=np.int64)
    opening = 0
    largest = 0
    deaths = 0
    for i in range(n):
        if i > 0 and stratum[i] != stratum[i - 1]:
            most[opening:i] = largest
            opening = i
            largest = 0
            deaths = 0
        elif i > 0 and time[i] != time[i - 1]:
            deaths = 0
        if event[i] != 0:
            deaths += 1
            largest = max(largest, deaths)
    most[opening:] = largest
    return most


@njit(cache=True, error_model="numpy")
def exact_likelihood(  # noqa: C901, PLR0912, PLR0915 - one loop, positional for Numba
    X: Floats,
    time: Floats,
    event: Integers,
    stratum: Integers,
    most: Integers,
    beta: Floats,
) -> tuple[float, Floats, Floats]:
    """Log exact partial likelihood with its gradient and information at `beta`.

    Parameters
    ----------
    X
        Shape (n, p), rows sorted by stratum and then by *descending* time.
    time, event, stratum
        Shape (n,), in the same order.
    most
        From `most_tied`.
    beta
        Shape (p,).

    Returns
    -------
    tuple
        Log likelihood; score, shape (p,); observed information, shape (p, p).

    Notes
    -----
    R: `coxph(..., ties = "exact")`. Gail, Lubin and Rubinstein, Biometrika 1981;68:703-707.
    """
    n, p = X.shape
    log_likelihood = 0.0
    score = np.zeros(p)
    information = np.zeros((p, p))
    depth = most.max() + 1
    # symmetric functions of degree 0, 1, ... of the risks so far, divided by scale^degree, and
    # their first and second derivatives
    value = np.zeros(depth)
    slope = np.zeros((depth, p))
    bend = np.zeros((depth, p, p))
    scale = 1.0
    total = 0.0
    first = 0
    while first < n:
        degrees = most[first]
        if first == 0 or stratum[first] != stratum[first - 1]:
            value[:] = 0.0
            slope[:, :] = 0.0
            bend[:, :, :] = 0.0
            value[0] = 1.0
            scale = 0.0
            total = 0.0
        deaths = 0
        end = first
        while end < n and stratum[end] == stratum[first] and time[end] == time[first]:
            eta = 0.0
            for a in range(p):
                eta += X[end, a] * beta[a]
            risk = np.exp(eta)
            total += risk
            # the sum of k-fold products is at most total^k / k!: this keeps it in range
            if degrees > 0 and total * 2.718281828 / degrees > 1.5 * scale:
                wider = total * 2.718281828 / degrees
                ratio = scale / wider
                factor = 1.0
                for k in range(1, degrees + 1):
                    factor *= ratio
                    value[k] *= factor
                    for a in range(p):
                        slope[k, a] *= factor
                        for b in range(a + 1):
                            bend[k, a, b] *= factor
                scale = wider
            part = risk / scale
            for k in range(degrees, 0, -1):
                for a in range(p):
                    x = X[end, a]
                    for b in range(a + 1):
                        y = X[end, b]
                        bend[k, a, b] += part * (
                            bend[k - 1, a, b]
                            + x * slope[k - 1, b]
                            + y * slope[k - 1, a]
                            + x * y * value[k - 1]
                        )
                for a in range(p):
                    slope[k, a] += part * (slope[k - 1, a] + X[end, a] * value[k - 1])
                value[k] += part * value[k - 1]
            if event[end] != 0:
                deaths += 1
                log_likelihood += eta
                for a in range(p):
                    score[a] += X[end, a]
            end += 1
        if deaths > 0:
            log_likelihood -= np.log(value[deaths]) + deaths * np.log(scale)
            for a in range(p):
                mean = slope[deaths, a] / value[deaths]
                score[a] -= mean
                for b in range(a + 1):
                    other = slope[deaths, b] / value[deaths]
                    information[a, b] += bend[deaths, a, b] / value[deaths] - mean * other
        first = end
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return log_likelihood, score, information
