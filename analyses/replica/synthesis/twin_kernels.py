"""Controls made as twins of the matched treated: the fit, the greedy matching and what both cost.

Rows are the matched treated, the other treated, the matched treated's twins in the same order, and
the controls that nobody shall be matched to. The treated are matched in the order of the rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

STEPS = 20
"""Most steps of Newton's method."""

SETTLED = 1e-10
"""A step as small as this is the last one."""

CLOSE = 0.002
"""A difference of probabilities within a pair costs as much as one more pair that differs."""

SLACK = 0.01
"""Distances between probabilities are counted in this unit."""

ROOM = 0.03
"""How much farther than a caliper the unmatched controls stay from the unmatched treated."""

BALANCED = 0.2
"""A cost of `balance` below this is low enough."""


class Rows(NamedTuple):
    """Covariates as 0/1 (n, p), changed in place, and what the matching shall give.

    `treated` (n,) is 1.0 or 0.0; the first `pairs` of `arm` treated rows are to be matched.
    `wanted` (2, p) counts covariates among the matched treated and controls; `width` is the
    caliper.
    """

    X: Floats
    treated: Floats
    pairs: int
    arm: int
    wanted: Floats
    width: float
    inclusive: bool


class Scratch(NamedTuple):
    """Room to work in: scores (n,), who is free (n,) and gaps (p,)."""

    score: Floats
    free: Bools
    gap: Floats


@njit(cache=True)
def fit(  # noqa: C901 - one loop
    X: Floats, treated: Floats, start: Floats
) -> Floats:
    """Coefficients of the logistic regression, intercept first, by Newton's method from a start."""
    n, p = X.shape
    beta = start.copy()
    for _ in range(STEPS):
        gradient = np.zeros(p + 1)
        information = np.zeros((p + 1, p + 1))
        for i in range(n):
            logit = beta[0]
            for k in range(p):
                logit += beta[k + 1] * X[i, k]
            probability = 1.0 / (1.0 + math.exp(-logit))
            weight = probability * (1.0 - probability)
            residual = treated[i] - probability
            gradient[0] += residual
            information[0, 0] += weight
            for k in range(p):
                if X[i, k] != 0.0:
                    gradient[k + 1] += residual
                    information[k + 1, 0] += weight
                    for m in range(k + 1):
                        if X[i, m] != 0.0:
                            information[k + 1, m + 1] += weight
        for k in range(p + 1):
            for m in range(k):
                information[m, k] = information[k, m]
        step = np.linalg.solve(information, gradient)
        beta = beta + step
        if np.abs(step).max() < SETTLED:
            break
    return beta


@njit(cache=True)
def write_scores(X: Floats, beta: Floats, score: Floats) -> None:
    """Write the fitted probabilities."""
    for i in range(X.shape[0]):
        logit = beta[0]
        for k in range(X.shape[1]):
            logit += beta[k + 1] * X[i, k]
        score[i] = 1.0 / (1.0 + math.exp(-logit))


@njit(cache=True)
def _nearest(rows: Rows, room: Scratch, i: int) -> int:
    """The free control nearest to a treated row, the first of equals; -1 if all are too far."""
    at, closest = -1, math.inf
    for c in range(rows.arm, rows.X.shape[0]):
        if room.free[c]:
            apart = abs(room.score[c] - room.score[i])
            if apart < closest:
                at, closest = c, apart
    within = closest < rows.width or (rows.inclusive and closest == rows.width)
    return at if within else -1


@njit(cache=True)
def deviation(rows: Rows, beta: Floats, room: Scratch) -> float:
    """How far the greedy matching in the order of the rows is from the printed counts.

    Sum of absolute differences of the controls' counts; a treated row that is matched and should
    not be, or the other way round, counts twice.
    """
    write_scores(rows.X, beta, room.score)
    room.free[:] = True
    room.gap[:] = -rows.wanted[1]
    wrong = 0
    for i in range(rows.arm):
        at = _nearest(rows, room, i)
        wrong += (at >= 0) != (i < rows.pairs)
        if at >= 0:
            room.free[at] = False
            for k in range(rows.X.shape[1]):
                room.gap[k] += rows.X[at, k]
    return float(2.0 * wrong + np.abs(room.gap).sum())


@njit(cache=True)
def balance(
    rows: Rows, beta: Floats, room: Scratch, tries: int, rng: np.random.Generator
) -> Floats:
    """Exchange values among those who shall stay unmatched until the score suits the twins.

    The differences between the matched arms cost nothing in the score if they cancel at the fitted
    coefficients; and the unmatched treated need scores above all others' reach.
    """
    n, p = rows.X.shape
    first = rows.arm + rows.pairs
    cost = math.inf
    for attempt in range(tries + 1):
        k, i, j = 0, first, first
        if attempt > 0:
            k = int(rng.integers(0, p))
            i, j = int(rng.integers(first, n)), int(rng.integers(first, n))
            if rows.X[i, k] == rows.X[j, k]:
                continue
            rows.X[i, k], rows.X[j, k] = rows.X[j, k], rows.X[i, k]
        fitted = fit(rows.X, rows.treated, beta)
        write_scores(rows.X, fitted, room.score)
        balance_of = 0.0
        for m in range(p):
            balance_of += fitted[m + 1] * (rows.wanted[1, m] - rows.wanted[0, m])
        lowest = math.inf
        for a in range(rows.pairs, rows.arm):
            lowest = min(lowest, room.score[a])
        reach = 0.0
        for c in range(first, n):
            reach += max(0.0, room.score[c] - lowest + rows.width + ROOM)
        trial = abs(balance_of) / (5.0 * SLACK) + reach / (2.0 * SLACK)
        if trial <= cost:
            cost, beta = trial, fitted
        elif attempt > 0:
            rows.X[i, k], rows.X[j, k] = rows.X[j, k], rows.X[i, k]
        if cost < BALANCED:
            break
    return beta


@njit(cache=True)
def _pair_cost(flips: int, treated: float, control: float) -> float:
    if flips == 0:
        return 0.0
    apart = 1.0 / (1.0 + math.exp(-control)) - 1.0 / (1.0 + math.exp(-treated))
    return 1.0 + (apart / CLOSE) ** 2


@njit(cache=True)
def spread_flips(
    X: Floats,
    beta: Floats,
    wanted: Ints,
    able: Bools,
    temperatures: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Give each row a twin, so that the twins' counts exceed the rows' by `wanted` (p,).

    Only the twins of rows `able` (pairs, p) to change a covariate may do so.

    Few twins differ from their row, each in several covariates at once that cancel in the score of
    these coefficients (intercept first).
    """
    pairs, p = X.shape
    logit = X @ beta[1:] + beta[0]
    twin, score = X.copy(), logit.copy()
    flips = np.zeros(pairs, dtype=np.int64)
    total = int(np.abs(wanted).sum())
    who, what = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int64)
    at = 0
    for k in range(p):
        for i in rng.permutation(pairs):
            if abs(int((twin[:, k] - X[:, k]).sum())) == abs(wanted[k]):
                break
            if able[i, k] and (X[i, k] == 1.0) == (wanted[k] < 0):
                twin[i, k] = 1.0 - X[i, k]
                score[i] += beta[k + 1] * (twin[i, k] - X[i, k])
                flips[i] += 1
                who[at], what[at] = i, k
                at += 1
    for temperature in temperatures:
        if at == 0:
            break
        f = int(rng.integers(0, at))
        i, k = who[f], what[f]
        j = who[int(rng.integers(0, at))] if rng.random() < 0.5 else int(rng.integers(0, pairs))
        if i == j or not able[j, k] or twin[j, k] != X[j, k]:
            continue
        if (X[j, k] == 1.0) != (wanted[k] < 0):
            continue
        change = beta[k + 1] * (1.0 if wanted[k] > 0 else -1.0)
        now = _pair_cost(flips[i], logit[i], score[i]) + _pair_cost(flips[j], logit[j], score[j])
        then = _pair_cost(flips[i] - 1, logit[i], score[i] - change)
        then += _pair_cost(flips[j] + 1, logit[j], score[j] + change)
        if then - now <= -temperature * math.log(1.0 - rng.random()):
            twin[i, k], twin[j, k] = X[i, k], 1.0 - X[j, k]
            score[i] -= change
            score[j] += change
            flips[i] -= 1
            flips[j] += 1
            who[f] = j
    return twin
