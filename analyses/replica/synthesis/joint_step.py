"""One step of Newton's method for a joint model, from its score and information."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def joint_step(  # noqa: C901 - one algorithm
    total: Floats, step: Floats, variance: Floats
) -> bool:
    """Newton step and variances of a joint model by Cholesky's method; False if singular.

    `total` (k + 1, k) holds the score in its first row and the lower half of the information below;
    `step` and `variance` (k,) are written.
    """
    k = step.size
    root = np.zeros((k, k))
    for a in range(k):
        for b in range(a + 1):
            left = total[1 + a, b]
            for c in range(b):
                left -= root[a, c] * root[b, c]
            if a == b:
                if not left > 1e-9:
                    return False
                root[a, a] = math.sqrt(left)
            else:
                root[a, b] = left / root[b, b]
    # The inverse of the root, column by column; variances are its columns' squared lengths.
    step[:] = 0.0
    variance[:] = 0.0
    column = np.empty(k)
    forward = np.zeros(k)
    for a in range(k):
        left = total[0, a]
        for c in range(a):
            left -= root[a, c] * forward[c]
        forward[a] = left / root[a, a]
    for a in range(k):
        column[:] = 0.0
        column[a] = 1.0 / root[a, a]
        for b in range(a + 1, k):
            left = 0.0
            for c in range(a, b):
                left -= root[b, c] * column[c]
            column[b] = left / root[b, b]
        for b in range(a, k):
            variance[a] += column[b] * column[b]
            step[a] += column[b] * forward[b]
    return True
