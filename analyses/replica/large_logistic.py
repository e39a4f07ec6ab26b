"""Logistic regression of large samples: the same estimate by a dense pass, in less time and memory.

Rows are standardised in blocks that stay in the processor's cache, so that nothing as long as the
sample is stored. Sums are taken over groups of rows, by their place: the same rows in the same
order give the same bits, in another order the last digits may differ. `replica.logistic_kernel`
stays the kernel of small samples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.logistic_kernel import (
    CONVERGED,
    MAX_ITERATIONS,
    NOT_CONVERGED,
    SINGULAR,
    _solve,
    _standardise,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_ROWS = 256


class Maximum(NamedTuple):
    """Where Newton's method ended; all but `status` and `column` count only if it converged.

    `coef` and `covariance` are in the units of the covariates, the intercept first. `status` and
    `column` are those of `replica.logistic_kernel.newton`.
    """

    coef: Floats
    covariance: Floats
    log_likelihood: float
    iterations: int
    status: int
    column: int


@njit(cache=True, error_model="numpy")
def derivatives(
    matrix: Floats, treated: Bools, mean: Floats, scale: Floats, beta: Floats
) -> tuple[float, Floats, Floats]:
    """Log-likelihood, score vector and information matrix at `beta`.

    Parameters
    ----------
    matrix
        Covariates, shape (n, p), without a column for the intercept.
    treated
        Arm of each row, shape (n,).
    mean, scale
        What is taken from each column and what it is divided by, shape (p,).
    beta
        Coefficients of the standardised columns, shape (p + 1,), intercept first.
    """
    n, p = matrix.shape
    k = p + 1
    factor = 1.0 / scale
    log_likelihood = 0.0
    score = np.zeros(k)
    information = np.zeros((k, k))
    # of one block: its rows, residuals and weights, and its own sums, so that small is added to
    # small
    z = np.ones((_ROWS, k))
    residual = np.empty(_ROWS)
    weight = np.empty(_ROWS)
    part_score = np.empty(k)
    part = np.empty((k, k))
    for first in range(0, n, _ROWS):
        size = min(_ROWS, n - first)
        product = 1.0
        for i in range(size):
            logit = beta[0]
            for j in range(p):
                value = (matrix[first + i, j] - mean[j]) * factor[j]
                z[i, j + 1] = value
                logit += beta[j + 1] * value
            e = np.exp(-abs(logit))
            fitted = (1.0 if logit >= 0.0 else e) / (1.0 + e)
            residual[i] = 1.0 - fitted if treated[first + i] else -fitted
            weight[i] = e / ((1.0 + e) * (1.0 + e))
            log_likelihood -= max(-logit if treated[first + i] else logit, 0.0)
            # at most 2 ** 256 in a block: one logarithm for all its rows
            product *= 1.0 + e
        log_likelihood -= np.log(product)
        # a block that is not full is filled with rows that weigh nothing
        for i in range(size, _ROWS):
            residual[i] = 0.0
            weight[i] = 0.0
        part_score[:] = 0.0
        part[:] = 0.0
        for i in range(0, size, 4):
            for a in range(k):
                w0 = weight[i] * z[i, a]
                w1 = weight[i + 1] * z[i + 1, a]
                w2 = weight[i + 2] * z[i + 2, a]
                w3 = weight[i + 3] * z[i + 3, a]
                part_score[a] += (residual[i] * z[i, a] + residual[i + 1] * z[i + 1, a]) + (
                    residual[i + 2] * z[i + 2, a] + residual[i + 3] * z[i + 3, a]
                )
                for b in range(k):
                    part[a, b] += (w0 * z[i, b] + w1 * z[i + 1, b]) + (
                        w2 * z[i + 2, b] + w3 * z[i + 3, b]
                    )
        score += part_score
        information += part
    return log_likelihood, score, information


def maximise(matrix: Floats, treated: Bools) -> Maximum:
    """Maximise the logistic likelihood by Newton's method from zero.

    Standardisation, singularity, halving of steps and convergence are ruled as in
    `replica.logistic_kernel.newton`.

    Parameters
    ----------
    matrix
        Covariates, finite, shape (n, p), C-contiguous, without a column for the intercept.
    treated
        Arm of each row, shape (n,).
    """
    mean, scale = _standardise(matrix)
    k = scale.size + 1
    beta = np.zeros(k)
    here, score, information = derivatives(matrix, treated, mean, scale, beta)
    # at zero every weight is 1/4, the largest that there is
    most = information.diagonal().copy()
    status, column, iterations, previous = NOT_CONVERGED, -1, 0, np.inf
    while iterations < MAX_ITERATIONS and status == NOT_CONVERGED:
        iterations += 1
        step, column = _solve(information, score, most)
        if column >= 0:
            status = SINGULAR
            break
        size = float(np.max(np.abs(step)))
        there, score, information = derivatives(matrix, treated, mean, scale, beta + step)
        halvings = 0
        while size > previous and halvings < 30 and there < here:
            step *= 0.5
            halvings += 1
            there, score, information = derivatives(matrix, treated, mean, scale, beta + step)
        beta, here, previous = beta + step, there, size
        if size <= 1e-9 * (1.0 + float(np.max(np.abs(beta)))):
            status = CONVERGED
    if status != CONVERGED:
        empty = np.full((k, k), np.nan)
        return Maximum(empty[0], empty, np.nan, iterations, status, int(column))
    back = np.diag(np.r_[1.0, 1.0 / scale])
    back[0, 1:] = -mean / scale
    covariance = back @ np.linalg.inv(information) @ back.T
    return Maximum(back @ beta, covariance, float(here), iterations, status, int(column))
