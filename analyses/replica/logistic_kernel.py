"""The logistic likelihood and its maximum, as kernels that other kernels may call."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CONVERGED, SINGULAR, NOT_CONVERGED = 0, 1, 2

MAX_ITERATIONS = 40


@njit(cache=True)
def _standardise(matrix: Floats) -> tuple[Floats, Floats]:
    """Means and scales that put columns on one footing; columns of 0 and 1 stay as they are.

    Indicators need no scaling, and left alone their zeros cost nothing.
    """
    n, p = matrix.shape
    total = np.zeros(p)
    squares = np.zeros(p)
    indicator = np.ones(p, dtype=np.bool_)
    for i in range(n):
        for j in range(p):
            value = matrix[i, j]
            total[j] += value
            if value not in (0.0, 1.0):
                indicator[j] = False
    mean = np.where(indicator, 0.0, total / n)
    for i in range(n):
        for j in range(p):
            squares[j] += (matrix[i, j] - mean[j]) ** 2
    return mean, np.where(indicator | (squares == 0.0), 1.0, np.sqrt(squares / n))


@njit(cache=True)
def _sparse(matrix: Floats, mean: Floats, scale: Floats) -> tuple[Ints, Ints, Floats]:
    """Rows as the columns and values that are not 0, the intercept first (column 0, value 1)."""
    n, p = matrix.shape
    start = np.empty(n + 1, dtype=np.int64)
    column = np.empty(n * (p + 1), dtype=np.int64)
    value = np.empty(n * (p + 1))
    filled = 0
    for i in range(n):
        start[i] = filled
        column[filled] = 0
        value[filled] = 1.0
        filled += 1
        for j in range(p):
            standard = (matrix[i, j] - mean[j]) / scale[j]
            if standard != 0.0:
                column[filled] = j + 1
                value[filled] = standard
                filled += 1
    start[n] = filled
    return start, column, value


@njit(cache=True)
def _solve(information: Floats, score: Floats, most: Floats) -> tuple[Floats, int]:
    """Solve by Cholesky; the second value is the first column that adds nothing, or -1.

    A column adds nothing if the others leave it a vanishing share of the most information that it
    could hold (`most`): it is collinear, or separation has driven its weights to 0.
    """
    k = score.shape[0]
    lower = np.zeros((k, k))
    step = np.empty(k)
    for j in range(k):
        pivot = information[j, j]
        for m in range(j):
            pivot -= lower[j, m] * lower[j, m]
        if not pivot > 1e-11 * most[j]:
            return step, j
        lower[j, j] = np.sqrt(pivot)
        for i in range(j + 1, k):
            value = information[i, j]
            for m in range(j):
                value -= lower[i, m] * lower[j, m]
            lower[i, j] = value / lower[j, j]
    for j in range(k):
        value = score[j]
        for m in range(j):
            value -= lower[j, m] * step[m]
        step[j] = value / lower[j, j]
    for j in range(k - 1, -1, -1):
        value = step[j]
        for m in range(j + 1, k):
            value -= lower[m, j] * step[m]
        step[j] = value / lower[j, j]
    return step, -1


@njit(cache=True)
def probability(linear_predictor: Floats) -> Floats:
    """Inverse logit of each value, without overflow.

    Parameters
    ----------
    linear_predictor
        Logits, shape (n,).
    """
    out = np.empty(linear_predictor.shape[0])
    for i in range(linear_predictor.shape[0]):
        value = linear_predictor[i]
        e = np.exp(-abs(value))
        out[i] = 1.0 / (1.0 + e) if value >= 0.0 else e / (1.0 + e)
    return out


@njit(cache=True)
def linear_predictor(matrix: Floats, coef: Floats) -> Floats:
    """Intercept plus covariates times coefficients, summed in column order within each row.

    A matrix product may sum a row differently by its position; here equal rows give equal bits,
    so that patients with the same covariates tie exactly.

    Parameters
    ----------
    matrix
        Covariates, shape (n, p), without a column for the intercept.
    coef
        Coefficients, shape (p + 1,), intercept first.
    """
    n, p = matrix.shape
    out = np.empty(n)
    for i in range(n):
        value = coef[0]
        for j in range(p):
            value += coef[j + 1] * matrix[i, j]
        out[i] = value
    return out


@njit(cache=True)
def _derivatives(
    rows: tuple[Ints, Ints, Floats], treated: Bools, beta: Floats
) -> tuple[Floats, Floats]:
    """Score vector and lower triangle of the information at `beta`."""
    start, column, value = rows
    score = np.zeros(beta.shape[0])
    information = np.zeros((beta.shape[0], beta.shape[0]))
    for i in range(treated.shape[0]):
        logit = 0.0
        for m in range(start[i], start[i + 1]):
            logit += beta[column[m]] * value[m]
        e = np.exp(-abs(logit))
        fitted = (1.0 if logit >= 0.0 else e) / (1.0 + e)
        residual = 1.0 - fitted if treated[i] else -fitted
        weight = e / ((1.0 + e) * (1.0 + e))
        for m in range(start[i], start[i + 1]):
            a = column[m]
            score[a] += residual * value[m]
            weighted = weight * value[m]
            for q in range(start[i], m + 1):
                information[a, column[q]] += weighted * value[q]
    return score, information


@njit(cache=True)
def _log_likelihood(rows: tuple[Ints, Ints, Floats], treated: Bools, beta: Floats) -> float:
    start, column, value = rows
    total = 0.0
    for i in range(treated.shape[0]):
        logit = 0.0
        for m in range(start[i], start[i + 1]):
            logit += beta[column[m]] * value[m]
        signed = -logit if treated[i] else logit
        total -= max(signed, 0.0) + np.log1p(np.exp(-abs(signed)))
    return total


@njit(cache=True)
def newton(matrix: Floats, treated: Bools, start: Floats) -> tuple[Floats, int, int, int]:
    """Maximise the logistic likelihood by Newton's method (callable from other kernels).

    Parameters
    ----------
    matrix
        Covariates, shape (n, p), without a column for the intercept.
    treated
        Arm of each row, shape (n,).
    start
        Coefficients to start from, shape (p + 1,), intercept first; zeros if nothing is known. A
        caller that fits many similar tables saves iterations by passing its last coefficients.

    Returns
    -------
    tuple
        Coefficients (intercept first), iterations, status (0 converged, 1 singular information,
        2 not converged) and, when singular, the index of the column that adds nothing (0 is the
        intercept). Coefficients are meaningful only with status 0.
    """
    mean, scale = _standardise(matrix)
    rows = _sparse(matrix, mean, scale)
    beta = start.copy()
    beta[0] += np.sum(start[1:] * mean)
    beta[1:] *= scale
    most = np.empty(beta.shape[0])
    most[0] = 0.25 * matrix.shape[0]
    for j in range(matrix.shape[1]):
        most[j + 1] = 0.25 * np.sum(((matrix[:, j] - mean[j]) / scale[j]) ** 2)
    status, column, iterations, previous = NOT_CONVERGED, -1, 0, np.inf
    while iterations < MAX_ITERATIONS and status == NOT_CONVERGED:
        iterations += 1
        score, information = _derivatives(rows, treated, beta)
        step, column = _solve(information, score, most)
        if column >= 0:
            status = SINGULAR
            break
        size = np.max(np.abs(step))
        if size > previous:
            # Newton overshoots when its steps grow: halve until the likelihood rises.
            before = _log_likelihood(rows, treated, beta)
            halvings = 0
            while halvings < 30 and _log_likelihood(rows, treated, beta + step) < before:
                step *= 0.5
                halvings += 1
        beta += step
        previous = size
        # Newton's error after a full step is of the order of its square: far below 1e-14.
        if size <= 1e-9 * (1.0 + np.max(np.abs(beta))):
            status = CONVERGED
    coef = beta.copy()
    for j in range(scale.shape[0]):
        coef[j + 1] /= scale[j]
        coef[0] -= coef[j + 1] * mean[j]
    return coef, iterations, status, column
