"""Cox models of one arm as sums over event times, renewed where two patients change places.

Every patient of the arm holds one place in the order of each outcome's times. An exchange of two
patients changes only the risk sets between their places, so the score, the information and the
log-rank sums of every model can be carried along in place of being computed anew. Estimates are one
step of Newton's method from the last expansion point, which is moved to the estimates themselves
every few thousand moves; the exact search and the report use the ordinary kernels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.joint_step import joint_step

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

STEPS = 12
"""Steps of Newton's method by which the expansion point is moved to the estimate."""


class Ranks(NamedTuple):
    """Patients of one arm in the order of their times, changed in place.

    `time` and `event` (outcomes, n) belong to the places, in ascending order of distinct times;
    `who` (outcomes, n) is the patient at each place and `place` its inverse; `pattern` (n,) holds
    covariates, arm and matching as bits (`fits.patterns`). `before` holds for each outcome the
    index of the one it may not follow, or -1.
    """

    time: Floats
    event: Bools
    who: Ints
    place: Ints
    pattern: Ints
    before: Ints


class Models(NamedTuple):
    """Cox models of the whole arm: of one covariate each (f), and of several together (j).

    `outcome` and `bit` (f,) belong to the first; `joint_outcome` (j,) and `joint_bits` (j, k) to
    the second, all with the same number k of covariates.
    """

    outcome: Ints
    bit: Ints
    joint_outcome: Ints
    joint_bits: Ints


class Sums(NamedTuple):
    """Risk sets of all models by place, and what they sum to over the events.

    `having` (f, n) counts who is at risk with the covariate; `beta` (f,) is the expansion point and
    `ratio` its exponential; `total` (f, 5) sums score, information, third derivative, and the
    log-rank test's observed minus expected and variance. For joint models `s0` (j, n), `s1`
    (j, n, k) and `s2` (j, n, k, k) are
    the weighted sums over the risk set, `point` (j, k) the expansion point, `weight` (j, 2^k) the
    hazard of each combination there, and `joint_total` (j, k + 1, k) score (first row) and
    information.
    """

    having: Floats
    beta: Floats
    ratio: Floats
    total: Floats
    s0: Floats
    s1: Floats
    s2: Floats
    point: Floats
    weight: Floats
    joint_total: Floats


def empty_sums(models: Models, n: int) -> Sums:
    """Make room for the sums of models over n patients, expanded at no effect."""
    single, (joint, k) = models.bit.size, models.joint_bits.shape
    return Sums(
        np.zeros((single, n)),
        np.zeros(single),
        np.ones(single),
        np.zeros((single, 5)),
        np.zeros((joint, n)),
        np.zeros((joint, n, k)),
        np.zeros((joint, n, k, k)),
        np.zeros((joint, k)),
        np.ones((joint, 1 << k)),
        np.zeros((joint, k + 1, k)),
    )


@njit(cache=True)
def joint_code(models: Models, j: int, pattern: int) -> int:
    """A patient's combination in a joint model, its first covariate as the lowest bit."""
    code = 0
    for m in range(models.joint_bits.shape[1]):
        code |= (pattern >> models.joint_bits[j, m] & 1) << m
    return code


@njit(cache=True, error_model="numpy")
def _count_single(sums: Sums, f: int, at_risk: int, having: float, sign: float) -> None:
    """Add (or take away) one event time in a model of one covariate, but for who has the event."""
    raised = having * sums.ratio[f]
    share = raised / (raised + at_risk - having)
    spread = share * (1.0 - share)
    sums.total[f, 0] -= sign * share
    sums.total[f, 1] += sign * spread
    sums.total[f, 2] += sign * spread * (1.0 - 2.0 * share)
    share = having / at_risk
    sums.total[f, 3] -= sign * share
    sums.total[f, 4] += sign * share * (1.0 - share)


@njit(cache=True, error_model="numpy")
def _count_joint(sums: Sums, j: int, place: int, sign: float) -> None:
    """Add (or take away) one event time in a joint model, but for who has the event."""
    k = sums.point.shape[1]
    inverse = 1.0 / sums.s0[j, place]
    for a in range(k):
        mean = sums.s1[j, place, a] * inverse
        sums.joint_total[j, 0, a] -= sign * mean
        for b in range(a + 1):
            product = sums.s2[j, place, a, b] * inverse
            covariance = product - mean * sums.s1[j, place, b] * inverse
            sums.joint_total[j, 1 + a, b] += sign * covariance


@njit(cache=True)
def _who_single(sums: Sums, f: int, value: float, sign: float) -> None:
    sums.total[f, 0] += sign * value
    sums.total[f, 3] += sign * value


@njit(cache=True)
def _who_joint(sums: Sums, j: int, code: int, sign: float) -> None:
    for a in range(sums.point.shape[1]):
        sums.joint_total[j, 0, a] += sign * (code >> a & 1)


@njit(cache=True)
def _in_risk_set(sums: Sums, j: int, place: int, code: int, sign: float) -> None:
    """Put a combination into a joint model's risk set, or take it out."""
    weight = sign * sums.weight[j, code]
    sums.s0[j, place] += weight
    for a in range(sums.point.shape[1]):
        if code >> a & 1:
            sums.s1[j, place, a] += weight
            for b in range(a + 1):
                if code >> b & 1:
                    sums.s2[j, place, a, b] += weight


@njit(cache=True)
def sum_up(ranks: Ranks, models: Models, sums: Sums) -> None:
    """Fill the sums from the patients, at the expansion points as they stand."""
    n = ranks.pattern.size
    sums.total[:] = 0.0
    sums.joint_total[:] = 0.0
    sums.s1[:] = 0.0
    sums.s2[:] = 0.0
    for f in range(models.bit.size):
        o = models.outcome[f]
        sums.ratio[f] = math.exp(sums.beta[f])
        having = 0.0
        for place in range(n - 1, -1, -1):
            value = ranks.pattern[ranks.who[o, place]] >> models.bit[f] & 1
            having += value
            sums.having[f, place] = having
            if ranks.event[o, place]:
                _who_single(sums, f, value, 1.0)
                _count_single(sums, f, n - place, having, 1.0)
    for j in range(models.joint_outcome.size):
        o = models.joint_outcome[j]
        for code in range(sums.weight.shape[1]):
            log_hazard = 0.0
            for a in range(sums.point.shape[1]):
                log_hazard += sums.point[j, a] * (code >> a & 1)
            sums.weight[j, code] = math.exp(log_hazard)
        for place in range(n - 1, -1, -1):
            sums.s0[j, place] = 0.0
            if place < n - 1:
                sums.s0[j, place] = sums.s0[j, place + 1]
                sums.s1[j, place] = sums.s1[j, place + 1]
                sums.s2[j, place] = sums.s2[j, place + 1]
            code = joint_code(models, j, ranks.pattern[ranks.who[o, place]])
            _in_risk_set(sums, j, place, code, 1.0)
            if ranks.event[o, place]:
                _who_joint(sums, j, code, 1.0)
                _count_joint(sums, j, place, 1.0)


@njit(cache=True)
def recentre(ranks: Ranks, models: Models, sums: Sums) -> None:
    """Move every expansion point to the estimates of the patients as they are."""
    k = models.joint_bits.shape[1]
    step, variance = np.empty(k), np.empty(k)
    for _ in range(STEPS):
        sum_up(ranks, models, sums)
        moved = 0.0
        for f in range(models.bit.size):
            if sums.total[f, 1] > 0.0:
                change = max(-1.0, min(1.0, sums.total[f, 0] / sums.total[f, 1]))
                sums.beta[f] += change
                moved = max(moved, abs(change))
        for j in range(models.joint_outcome.size):
            if joint_step(sums.joint_total[j], step, variance):
                for a in range(k):
                    change = max(-1.0, min(1.0, step[a]))
                    sums.point[j, a] += change
                    moved = max(moved, abs(change))
        if moved < 1e-9:
            break
    sum_up(ranks, models, sums)


@njit(cache=True)
def _recode(  # noqa: C901, PLR0912 - one loop, positional for Numba
    ranks: Ranks, models: Models, sums: Sums, o: int, first: int, last: int, old: int, new: int
) -> None:
    """In the risk sets of places `first` to `last`, one patient's pattern changes."""
    n, k = ranks.pattern.size, sums.point.shape[1]
    mean, product = np.empty(k), np.empty((k, k))
    for f in range(models.bit.size):
        change = float((new >> models.bit[f] & 1) - (old >> models.bit[f] & 1))
        if models.outcome[f] != o or change == 0.0:
            continue
        for place in range(first, last + 1):
            if ranks.event[o, place]:
                _count_single(sums, f, n - place, sums.having[f, place], -1.0)
                _count_single(sums, f, n - place, sums.having[f, place] + change, 1.0)
            sums.having[f, place] += change
    for j in range(models.joint_outcome.size):
        code, then = joint_code(models, j, old), joint_code(models, j, new)
        if models.joint_outcome[j] != o or code == then:
            continue
        before, after = sums.weight[j, code], sums.weight[j, then]
        for a in range(k):
            mean[a] = after * (then >> a & 1) - before * (code >> a & 1)
            for b in range(a + 1):
                having = after * (then >> a & then >> b & 1) - before * (code >> a & code >> b & 1)
                product[a, b] = having
        for place in range(first, last + 1):
            if ranks.event[o, place]:
                _count_joint(sums, j, place, -1.0)
            sums.s0[j, place] += after - before
            for a in range(k):
                sums.s1[j, place, a] += mean[a]
                for b in range(a + 1):
                    sums.s2[j, place, a, b] += product[a, b]
            if ranks.event[o, place]:
                _count_joint(sums, j, place, 1.0)


@njit(cache=True)
def _event_of(models: Models, sums: Sums, o: int, pattern: int, sign: float) -> None:
    """Count who has an event, or no longer has it."""
    for f in range(models.bit.size):
        if models.outcome[f] == o:
            _who_single(sums, f, float(pattern >> models.bit[f] & 1), sign)
    for j in range(models.joint_outcome.size):
        if models.joint_outcome[j] == o:
            _who_joint(sums, j, joint_code(models, j, pattern), sign)


@njit(cache=True)
def exchange_places(ranks: Ranks, models: Models, sums: Sums, o: int, p: int, q: int) -> None:
    """The patients at two places (p before q) of an outcome change places."""
    i, j = ranks.who[o, p], ranks.who[o, q]
    first, second = ranks.pattern[i], ranks.pattern[j]
    if first != second:
        if ranks.event[o, p]:
            _event_of(models, sums, o, first, -1.0)
            _event_of(models, sums, o, second, 1.0)
        if ranks.event[o, q]:
            _event_of(models, sums, o, second, -1.0)
            _event_of(models, sums, o, first, 1.0)
        _recode(ranks, models, sums, o, p + 1, q, second, first)
    ranks.who[o, p], ranks.who[o, q] = j, i
    ranks.place[o, i], ranks.place[o, j] = q, p


@njit(cache=True)
def change_pattern(ranks: Ranks, models: Models, sums: Sums, i: int, pattern: int) -> None:
    """A patient's covariates change, in all outcomes."""
    old = ranks.pattern[i]
    for o in range(ranks.time.shape[0]):
        place = ranks.place[o, i]
        if ranks.event[o, place]:
            _event_of(models, sums, o, old, -1.0)
            _event_of(models, sums, o, pattern, 1.0)
        _recode(ranks, models, sums, o, 0, place, old, pattern)
    ranks.pattern[i] = pattern


@njit(cache=True)
def flip_event(ranks: Ranks, models: Models, sums: Sums, o: int, place: int) -> None:
    """The event at a place becomes a censored time, or the other way round."""
    n = ranks.pattern.size
    sign = -1.0 if ranks.event[o, place] else 1.0
    for f in range(models.bit.size):
        if models.outcome[f] == o:
            _count_single(sums, f, n - place, sums.having[f, place], sign)
    for j in range(models.joint_outcome.size):
        if models.joint_outcome[j] == o:
            _count_joint(sums, j, place, sign)
    _event_of(models, sums, o, ranks.pattern[ranks.who[o, place]], sign)
    ranks.event[o, place] = not ranks.event[o, place]
