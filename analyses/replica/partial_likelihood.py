"""The Cox partial likelihood, its maximum and the score residuals, as Numba kernels.

Every kernel takes rows sorted by stratum and, within a stratum, by *descending* time, so that the
sums over those at risk grow by each row in turn. Sums are sequential: equal input, equal bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from replica.risk_sets import Floats, Integers

CONVERGED = 0
SINGULAR = 1
DIVERGING = 2
NOT_CONVERGED = 3

_MAX_ITERATIONS = 60
# Converged when the next step of Newton's method would be this small; it is not taken, so that the
# estimate is the iterate at which R's coxph stops as well.
_STEP_TOLERANCE = 1e-9
# A likelihood that no longer grows while the coefficients still move has no maximum.
_FLAT = 1e-12
_MOVING = 1e-3
# Share of a covariate's information that may be explained by those before it.
_COLLINEAR = 1e-10


@njit(cache=True, error_model="numpy")
def partial_likelihood(  # noqa: C901, PLR0912, PLR0915 - one loop, positional for Numba
    X: Floats,
    time: Floats,
    event: Integers,
    weight: Floats,
    stratum: Integers,
    beta: Floats,
    efron: bool,
) -> tuple[float, Floats, Floats]:
    """Log partial likelihood with its gradient and information matrix at `beta`.

    Parameters
    ----------
    X
        Shape (n, p), rows sorted by stratum and then by *descending* time.
    time, event, weight, stratum
        Shape (n,), in the same order; weights are positive (1 for everybody if unweighted).
    beta
        Shape (p,).
    efron
        Efron's handling of tied events, else Breslow's.

    Returns
    -------
    tuple
        Log likelihood; score, shape (p,); observed information, shape (p, p).
    """
    n, p = X.shape
    log_likelihood = 0.0
    score = np.zeros(p)
    information = np.zeros((p, p))
    s0 = 0.0
    s1 = np.zeros(p)
    s2 = np.zeros((p, p))
    d1 = np.zeros(p)
    d2 = np.zeros((p, p))
    mean = np.zeros(p)
    start = 0
    while start < n:
        if start == 0 or stratum[start] != stratum[start - 1]:
            s0 = 0.0
            s1[:] = 0.0
            s2[:, :] = 0.0
        deaths = 0
        death_weight = 0.0
        d0 = 0.0
        d1[:] = 0.0
        d2[:, :] = 0.0
        end = start
        while end < n and stratum[end] == stratum[start] and time[end] == time[start]:
            eta = 0.0
            for a in range(p):
                eta += X[end, a] * beta[a]
            risk = weight[end] * np.exp(eta)
            s0 += risk
            for a in range(p):
                s1[a] += risk * X[end, a]
                for b in range(a + 1):
                    s2[a, b] += risk * X[end, a] * X[end, b]
            if event[end] != 0:
                deaths += 1
                death_weight += weight[end]
                log_likelihood += weight[end] * eta
                d0 += risk
                for a in range(p):
                    score[a] += weight[end] * X[end, a]
                    d1[a] += risk * X[end, a]
                    for b in range(a + 1):
                        d2[a, b] += risk * X[end, a] * X[end, b]
            end += 1
        if deaths > 0:
            steps = deaths if efron else 1
            share = death_weight / steps
            for step in range(steps):
                gone = step / steps
                total = s0 - gone * d0
                log_likelihood -= share * np.log(total)
                for a in range(p):
                    mean[a] = (s1[a] - gone * d1[a]) / total
                    score[a] -= share * mean[a]
                    for b in range(a + 1):
                        second = (s2[a, b] - gone * d2[a, b]) / total
                        information[a, b] += share * (second - mean[a] * mean[b])
        start = end
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return log_likelihood, score, information


@njit(cache=True, error_model="numpy")
def invert(  # noqa: C901, PLR0912 - one algorithm
    matrix: Floats, tolerance: float
) -> tuple[int, Floats]:
    """Invert a symmetric positive definite matrix by Cholesky's decomposition.

    Returns
    -------
    tuple
        -1 and the inverse; or the column whose pivot falls to `tolerance` times its diagonal
        (explained by the columns before it, or without any variation) and a matrix of NaN.
    """
    p = matrix.shape[0]
    inverse = np.full((p, p), np.nan)
    root = np.zeros((p, p))
    for a in range(p):
        for b in range(a + 1):
            total = matrix[a, b]
            for k in range(b):
                total -= root[a, k] * root[b, k]
            if a == b:
                if not (total > tolerance * matrix[a, a] and total > 0.0):
                    return a, inverse
                root[a, a] = np.sqrt(total)
            else:
                root[a, b] = total / root[b, b]
    column = np.zeros(p)
    for c in range(p):
        for a in range(p):
            total = 1.0 if a == c else 0.0
            for k in range(a):
                total -= root[a, k] * column[k]
            column[a] = total / root[a, a]
        for a in range(p - 1, -1, -1):
            total = column[a]
            for k in range(a + 1, p):
                total -= root[k, a] * inverse[k, c]
            inverse[a, c] = total / root[a, a]
    for a in range(p):
        for b in range(a):
            inverse[b, a] = inverse[a, b]
    return -1, inverse


@njit(cache=True, error_model="numpy")
def maximise(  # noqa: C901, PLR0911, PLR0912 - one loop, positional for Numba
    X: Floats,
    time: Floats,
    event: Integers,
    weight: Floats,
    stratum: Integers,
    efron: bool,
    max_iterations: int = _MAX_ITERATIONS,
) -> tuple[Floats, Floats, float, float, int, int, int]:
    """Maximise the partial likelihood by Newton's method from zero, halving steps that overshoot.

    Arguments as in `partial_likelihood`; columns of `X` should be of order 1 (0/1 indicators,
    or standardised: `replica.cox.fit_cox` does so).

    Returns
    -------
    tuple
        Coefficients, shape (p,); covariance, shape (p, p); log likelihood; log likelihood at zero;
        iterations; status (`CONVERGED`, `SINGULAR`, `DIVERGING`, `NOT_CONVERGED`); the column at
        fault, or -1.
    """
    p = X.shape[1]
    beta = np.zeros(p)
    value, score, information = partial_likelihood(X, time, event, weight, stratum, beta, efron)
    null = value
    total = 0.0
    for i in range(weight.size):
        if event[i] != 0:
            total += weight[i]
    first = np.empty(p)
    step = np.zeros(p)
    for a in range(p):
        first[a] = information[a, a]
        # never two different values at risk together at an event
        if not first[a] > 1e-12 * total:
            return beta, np.full((p, p), np.nan), value, null, 0, SINGULAR, a
    for iteration in range(max_iterations):
        bad, covariance = invert(information, _COLLINEAR)
        if bad >= 0:
            status = SINGULAR if iteration == 0 else DIVERGING
            return beta, covariance, value, null, iteration, status, bad
        largest = 0.0
        worst = 0
        for a in range(p):
            step[a] = 0.0
            for b in range(p):
                step[a] += covariance[a, b] * score[b]
            move = abs(step[a]) / (1.0 + abs(beta[a]))
            if move > largest:
                largest = move
                worst = a
        if largest <= _STEP_TOLERANCE:
            return beta, covariance, value, null, iteration, CONVERGED, -1
        fraction = 1.0
        slack = _FLAT * (1.0 + abs(value))
        candidate = beta + step
        tried, score, information = partial_likelihood(
            X, time, event, weight, stratum, candidate, efron
        )
        while not (np.isfinite(tried) and tried >= value - slack):
            fraction /= 2.0
            if fraction < 1e-9:
                return beta, covariance, value, null, iteration, NOT_CONVERGED, worst
            candidate = beta + fraction * step
            tried, score, information = partial_likelihood(
                X, time, event, weight, stratum, candidate, efron
            )
        gained = tried - value
        beta = candidate
        value = tried
        if gained <= slack and largest > _MOVING:
            return beta, covariance, value, null, iteration + 1, DIVERGING, worst
        for a in range(p):
            if information[a, a] < _COLLINEAR * first[a]:
                return beta, covariance, value, null, iteration + 1, DIVERGING, a
    return beta, np.full((p, p), np.nan), value, null, max_iterations, NOT_CONVERGED, worst


@njit(cache=True, error_model="numpy")
def score_residuals(  # noqa: C901, PLR0912, PLR0915 - one loop, positional for Numba
    X: Floats,
    time: Floats,
    event: Integers,
    weight: Floats,
    stratum: Integers,
    beta: Floats,
    efron: bool,
) -> Floats:
    """Each patient's contribution to the score, shape (n, p); arguments as `partial_likelihood`.

    R: `residuals(coxph, "score")`, with Efron's or Breslow's weights at tied events.
    """
    n, p = X.shape
    risk = np.empty(n)
    first = np.empty(n, dtype=np.int64)
    # per distinct time: hazard and hazard x mean, as those who survive it and those who die see it
    hazard = np.zeros((n, 2))
    moment = np.zeros((n, 2, p))
    centre = np.zeros((n, p))
    s0 = 0.0
    s1 = np.zeros(p)
    blocks = 0
    start = 0
    while start < n:
        if start == 0 or stratum[start] != stratum[start - 1]:
            s0 = 0.0
            s1[:] = 0.0
        deaths = 0
        death_weight = 0.0
        d0 = 0.0
        d1 = np.zeros(p)
        end = start
        while end < n and stratum[end] == stratum[start] and time[end] == time[start]:
            eta = 0.0
            for a in range(p):
                eta += X[end, a] * beta[a]
            risk[end] = np.exp(eta)
            s0 += weight[end] * risk[end]
            for a in range(p):
                s1[a] += weight[end] * risk[end] * X[end, a]
            if event[end] != 0:
                deaths += 1
                death_weight += weight[end]
                d0 += weight[end] * risk[end]
                for a in range(p):
                    d1[a] += weight[end] * risk[end] * X[end, a]
            end += 1
        first[blocks] = start
        if deaths > 0:
            steps = deaths if efron else 1
            for step in range(steps):
                gone = step / steps
                total = s0 - gone * d0
                rate = death_weight / steps / total
                hazard[blocks, 0] += rate
                hazard[blocks, 1] += (1.0 - gone) * rate
                for a in range(p):
                    mean = (s1[a] - gone * d1[a]) / total
                    centre[blocks, a] += mean / steps
                    moment[blocks, 0, a] += rate * mean
                    moment[blocks, 1, a] += (1.0 - gone) * rate * mean
        blocks += 1
        start = end
    residuals = np.zeros((n, p))
    so_far = 0.0
    moved = np.zeros(p)
    end = n
    for block in range(blocks - 1, -1, -1):
        start = first[block]
        if end == n or stratum[start] != stratum[end]:
            so_far = 0.0
            moved[:] = 0.0
        for i in range(start, end):
            died = 1 if event[i] != 0 else 0
            for a in range(p):
                seen = X[i, a] * (so_far + hazard[block, died]) - moved[a] - moment[block, died, a]
                residuals[i, a] = died * (X[i, a] - centre[block, a]) - risk[i] * seen
        so_far += hazard[block, 0]
        for a in range(p):
            moved[a] += moment[block, 0, a]
        end = start
    return residuals


@njit(cache=True, error_model="numpy")
def sandwich(
    residuals: Floats, weight: Floats, cluster: Integers, clusters: int, covariance: Floats
) -> Floats:
    """Robust covariance, shape (p, p), from score residuals summed within clusters."""
    n, p = residuals.shape
    influence = np.zeros((clusters, p))
    for i in range(n):
        for a in range(p):
            for b in range(p):
                influence[cluster[i], a] += weight[i] * residuals[i, b] * covariance[b, a]
    robust = np.zeros((p, p))
    for c in range(clusters):
        for a in range(p):
            for b in range(p):
                robust[a, b] += influence[c, a] * influence[c, b]
    return robust
