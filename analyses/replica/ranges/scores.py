"""Unprinted quantities as scores that a search moves up or down: kernels on sorted arrays.

The score of a p value is its signed normal deviate, of a ratio its logarithm, of a difference
itself. The tests hold every score to the public estimator of its quantity.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.partial_likelihood import invert, partial_likelihood
from replica.synthesis.two_groups import FARTHEST, SETTLED, STEPS, compare, two_risk_sets

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

HAZARDS, RESTRICTED, SUBDISTRIBUTION, INTERACTION, SUBGROUP = 0, 1, 2, 3, 4

COLLINEAR = 1e-10
"""Share of a covariate's information that may be explained by the others."""


class Wanted(NamedTuple):
    """A quantity as a kernel takes it.

    `code` (n,) is 1 for the treated, 0 for controls and -1 for whom the quantity does not concern;
    `bit` (n,) is 1 at the covariate's contrast. `outcome` is the outcome's place, `either` that of
    the outcome which competing events belong to, `time` a horizon.
    """

    kind: int
    outcome: int
    either: int
    time: float
    efron: bool
    code: Ints
    bit: Ints


@njit(cache=True, error_model="numpy")
def score(
    wanted: Wanted, duration: Floats, event: Bools, order: Ints, start: Floats, sets: Ints
) -> float:
    """Score of a quantity; NaN where it is not estimable.

    Parameters
    ----------
    duration, event, order
        Shape (outcomes, n); `order` sorts the patients of each outcome by ascending duration.
    start
        Shape (3,); coefficients of the last fit, from which Newton's method sets out; renewed.
    sets
        Room to work in, shape (4, at least n).
    """
    o = wanted.outcome
    n = order.shape[1]
    time = np.empty(n)
    flag = np.empty(n, dtype=np.int64)
    group = np.empty(n, dtype=np.int64)
    bit = np.empty(n, dtype=np.int64)
    size = 0
    for i in order[o]:
        if wanted.code[i] >= 0:
            time[size] = duration[o, i]
            flag[size] = event[o, i]
            group[size] = wanted.code[i]
            bit[size] = wanted.bit[i]
            if wanted.kind == SUBDISTRIBUTION and event[wanted.either, i] and not event[o, i]:
                flag[size] = 2
            size += 1
    time, flag, group, bit = time[:size], flag[:size], group[:size], bit[:size]
    if wanted.kind == RESTRICTED:
        areas = [_area(time, flag, group, arm, wanted.time) for arm in (0, 1)]
        return float(areas[1] - areas[0])
    if wanted.kind == SUBDISTRIBUTION:
        return _subdistribution(time, flag, group)
    if wanted.kind == INTERACTION:
        return _interaction(time, flag, group, bit, wanted.efron, start)
    log_ratio, _, _ = compare(time, flag, group, wanted.efron, start[0], sets)
    start[0] = 0.0 if math.isnan(log_ratio) else log_ratio
    if wanted.kind == SUBGROUP or math.isnan(log_ratio):
        return log_ratio
    return _hazards(time, flag, group, wanted.efron, math.exp(log_ratio), sets)


@njit(cache=True, error_model="numpy")
def _hazards(time: Floats, flag: Ints, group: Ints, efron: bool, ratio: float, sets: Ints) -> float:
    """Signed deviate of the score test that the ratio does not change with 1 - Kaplan-Meier."""
    size, total, _ = two_risk_sets(time, flag, group, sets)
    of_time = np.empty(size)
    survival = 1.0
    middle = 0.0
    for at in range(size):
        of_time[at] = 1.0 - survival
        middle += sets[2, at] * of_time[at] / total
        survival *= 1.0 - sets[2, at] / sets[0, at]
    up = plain = mixed = squared = 0.0
    for at in range(size):
        deaths, ones_gone = sets[2, at], sets[3, at]
        ones, zeros = float(sets[1, at]), float(sets[0, at] - sets[1, at])
        expected = variance = 0.0
        for death in range(deaths):
            gone = death / deaths if efron else 0.0
            part = ratio * (ones - gone * ones_gone)
            share = part / (part + zeros - gone * (deaths - ones_gone))
            expected += share
            variance += share * (1.0 - share)
        g = of_time[at] - middle
        up += g * (ones_gone - expected)
        plain += variance
        mixed += g * variance
        squared += g * g * variance
    left = squared - mixed * mixed / plain
    return up / math.sqrt(left) if left > COLLINEAR * squared else math.nan


@njit(cache=True)
def _area(time: Floats, flag: Ints, group: Ints, arm: int, until: float) -> float:
    """Area under the Kaplan-Meier curve of one arm up to a time; NaN if it is not known so far."""
    left = 0
    for i in range(time.size):
        left += group[i] == arm
    survival, area, before, last = 1.0, 0.0, 0.0, 0.0
    start = 0
    while start < time.size:
        deaths = gone = 0
        end = start
        while end < time.size and time[end] == time[start]:
            if group[end] == arm:
                gone += 1
                deaths += flag[end]
            end += 1
        if gone:
            last = time[start]
        if deaths:
            at = min(time[start], until)
            area += survival * (at - before)
            before = at
            survival *= 1.0 - deaths / left
        left -= gone
        start = end
    if survival > 0.0 and until > last:
        return math.nan
    return area + survival * (until - before)


@njit(cache=True, error_model="numpy")
def _weighted_sets(time: Floats, cause: Ints, group: Ints, sets: Floats) -> int:
    """Fill `sets` with at risk in groups 1 and 0, events, and events in group 1; return how many.

    Those with cause 2 stay at risk, by the chance of not being censored since.
    """
    n = time.size
    left = np.array([n - group.sum(), group.sum()])
    past = np.zeros(2)
    kept = 1.0  # chance of not being censored just before the time
    size = start = 0
    while start < n:
        own, other = np.zeros(2), np.zeros(2)
        gone = np.zeros(2, dtype=np.int64)
        end = start
        while end < n and time[end] == time[start]:
            gone[group[end]] += 1
            own[group[end]] += cause[end] == 1
            other[group[end]] += cause[end] == 2
            end += 1
        if own.sum() > 0:
            sets[0, size], sets[1, size] = left[1] + kept * past[1], left[0] + kept * past[0]
            sets[2, size], sets[3, size] = own.sum(), own[1]
            size += 1
        past += other / kept
        kept *= 1.0 - (end - start - own.sum() - other.sum()) / left.sum()
        left -= gone
        start = end
    return size


@njit(cache=True, error_model="numpy")
def _subdistribution(time: Floats, cause: Ints, group: Ints) -> float:
    """Log subdistribution hazard ratio of cause 1, cause 2 competing."""
    room = np.empty((4, time.size))
    size = _weighted_sets(time, cause, group, room)
    sets = room[:, :size]
    total_ones = sets[3].sum()
    if total_ones in (0.0, sets[2].sum()):
        return math.nan
    beta = 0.0
    for _ in range(STEPS):
        part = math.exp(beta) * sets[0]
        share = part / (part + sets[1])
        information = (sets[2] * share * (1.0 - share)).sum()
        step = (total_ones - (sets[2] * share).sum()) / information
        beta += max(-1.0, min(1.0, step))
        if abs(step) <= SETTLED:
            return float(beta)
        if not abs(beta) <= FARTHEST:
            break
    return math.nan


@njit(cache=True)
def _interaction(
    time: Floats, flag: Ints, group: Ints, bit: Ints, efron: bool, start: Floats
) -> float:
    """Wald deviate of the product of treatment and covariate, beside both."""
    n = time.size
    X = np.empty((n, 3))
    for i in range(n):
        X[n - 1 - i, 0] = group[i]
        X[n - 1 - i, 1] = bit[i]
        X[n - 1 - i, 2] = group[i] * bit[i]
    weight = np.ones(n)
    stratum = np.zeros(n, dtype=np.int64)
    beta = start.copy()
    for _ in range(STEPS):
        _, up, information = partial_likelihood(
            X, time[::-1], flag[::-1], weight, stratum, beta, efron
        )
        bad, covariance = invert(information, COLLINEAR)
        if bad >= 0:
            break
        step = covariance @ up
        beta += np.minimum(1.0, np.maximum(-1.0, step))
        if np.abs(step).max() <= SETTLED:
            start[:] = beta
            return float(beta[2] / math.sqrt(covariance[2, 2]))
        if not np.abs(beta).max() <= FARTHEST:
            break
    start[:] = 0.0
    return math.nan
