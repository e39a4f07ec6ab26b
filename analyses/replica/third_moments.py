"""The Cox partial likelihood with the derivative of its information, as a Numba kernel.

The derivative of the information is a sum of third central moments of those at risk; Firth's
penalty needs it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from replica.risk_sets import Floats, Integers


@njit(cache=True, error_model="numpy")
def third_order_likelihood(  # noqa: C901, PLR0912, PLR0915 - one loop, positional for Numba
    X: Floats,
    time: Floats,
    event: Integers,
    stratum: Integers,
    beta: Floats,
    efron: bool,
) -> tuple[float, Floats, Floats, Floats]:
    """Log partial likelihood with three derivatives at `beta`.

    Parameters
    ----------
    X
        Shape (n, p), rows sorted by stratum and then by *descending* time.
    time, event, stratum
        Shape (n,), in the same order.
    beta
        Shape (p,).
    efron
        Efron's handling of tied events, else Breslow's.

    Returns
    -------
    tuple
        Log likelihood; score, shape (p,); information, shape (p, p); its derivatives, shape
        (p, p, p), by the coefficient of the last index.
    """
    n, p = X.shape
    log_likelihood = 0.0
    score = np.zeros(p)
    information = np.zeros((p, p))
    slope = np.zeros((p, p, p))
    # sums over those at risk, and over those who die at one time, of risk times 1, x, xx', xxx'
    s0 = np.zeros(2)
    s1 = np.zeros((2, p))
    s2 = np.zeros((2, p, p))
    s3 = np.zeros((2, p, p, p))
    mean = np.zeros(p)
    square = np.zeros((p, p))
    first = 0
    while first < n:
        kept = 0 if first > 0 and stratum[first] == stratum[first - 1] else 1
        for who in range(1 - kept, 2):
            s0[who] = 0.0
            s1[who] = 0.0
            s2[who] = 0.0
            s3[who] = 0.0
        deaths = 0
        end = first
        while end < n and stratum[end] == stratum[first] and time[end] == time[first]:
            eta = 0.0
            for a in range(p):
                eta += X[end, a] * beta[a]
            risk = np.exp(eta)
            died = event[end] != 0
            if died:
                deaths += 1
                log_likelihood += eta
                for a in range(p):
                    score[a] += X[end, a]
            for who in range(2 if died else 1):
                s0[who] += risk
                for a in range(p):
                    one = risk * X[end, a]
                    s1[who, a] += one
                    for b in range(a + 1):
                        two = one * X[end, b]
                        s2[who, a, b] += two
                        for c in range(b + 1):
                            s3[who, a, b, c] += two * X[end, c]
            end += 1
        if deaths > 0:
            steps = deaths if efron else 1
            share = deaths / steps
            for step in range(steps):
                gone = step / steps
                total = s0[0] - gone * s0[1]
                log_likelihood -= share * np.log(total)
                for a in range(p):
                    mean[a] = (s1[0, a] - gone * s1[1, a]) / total
                    score[a] -= share * mean[a]
                    for b in range(a + 1):
                        square[a, b] = (s2[0, a, b] - gone * s2[1, a, b]) / total
                        information[a, b] += share * (square[a, b] - mean[a] * mean[b])
                        for c in range(b + 1):
                            cube = (s3[0, a, b, c] - gone * s3[1, a, b, c]) / total
                            cube -= mean[a] * square[b, c]
                            cube -= mean[b] * square[a, c]
                            cube -= mean[c] * square[a, b]
                            cube += 2.0 * mean[a] * mean[b] * mean[c]
                            slope[a, b, c] += share * cube
        first = end
    for a in range(p):
        for b in range(a + 1):
            information[b, a] = information[a, b]
            for c in range(b + 1):
                value = slope[a, b, c]
                slope[a, c, b] = value
                slope[b, a, c] = value
                slope[b, c, a] = value
                slope[c, a, b] = value
                slope[c, b, a] = value
    return log_likelihood, score, information, slope
