"""Simulated annealing over one arm in the order of its times, judged by its printed rows.

The moves leave the printed counts as they are: patients change places in one outcome's order or in
all of them, two who are both matched or both not exchange a covariate, two alike in the joint
covariates exchange whether they are matched, a time moves between its neighbours, and an event and
a censored time change places, with their patients or without.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.annealing import fit_cost
from replica.synthesis.fits import COMPARISON, CURVE, JOINT, System, Z, width
from replica.synthesis.moves import SHORTEST
from replica.synthesis.rank_sums import (
    Models,
    Ranks,
    Sums,
    change_pattern,
    exchange_places,
    flip_event,
    recentre,
    solve_joint,
)
from replica.synthesis.times import GRID

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

PLACES, PATIENTS, COVARIATE, MATCHED, SHIFT, EVENT, SLIDE = 0, 1, 2, 3, 4, 5, 6

FAR, NEAR = 0.2, 12
"""Share of the exchanges that may go anywhere, and how many places the others go at most."""

TOLERANCE = 1e-12
"""A curve at one half within this has reached its median, as in `replica.risk_sets`."""


class RankSchedule(NamedTuple):
    """How to search: what counts, which moves, how strictly, how warm.

    `active` (s,) marks fits; `single` and `joint` (s,) are a fit's index among `Models`, or -1;
    `free` are the covariates (bits) that may change hands, `joint_mask` those of joint models,
    `matched_bit` tells who is matched. `moves` are cumulative probabilities of the seven kinds.
    Rows of curves have a softness and a weight of their own. One move is tried for each of
    `temperatures`; `longest` bounds every time.
    """

    active: Bools
    single: Ints
    joint: Ints
    free: Ints
    joint_mask: int
    matched_bit: int
    moves: Floats
    softness: float
    curve_softness: float
    curve_weight: float
    temperatures: Floats
    longest: float


class Touched(NamedTuple):
    """What a move changed: outcomes, and for curves who entered, left or moved.

    `outcomes` (o,) marks orders that changed; `models` whether models may have changed; `curves`
    (s,) marks the curves that did.
    """

    outcomes: Bools
    models: Bools
    curves: Bools


@njit(cache=True, error_model="numpy")
def curve_values(  # noqa: C901 - one pass, as Numba likes it
    system: System, s: int, ranks: Ranks, out: Floats
) -> None:
    """Write median, its ends (SPSS) and rates of a curve into `out`; NaN where not estimable.

    As `replica.risk_sets.greenwood` and `spss_median`, for distinct times.
    """
    out[:] = np.nan
    o = system.outcome[s]
    mask, value = system.mask[s], system.value[s]
    left = 0
    for i in range(ranks.pattern.size):
        left += ranks.pattern[i] & mask == value
    survival, spread = 1.0, 0.0
    median = error = upper = above = lower = below = last = math.nan
    rate, rates = 0, system.times.shape[1]
    for place in range(ranks.who.shape[1]):
        if ranks.pattern[ranks.who[o, place]] & mask != value:
            continue
        last = ranks.time[o, place]
        while rate < rates and system.times[s, rate] < last:
            out[3 + rate] = survival
            rate += 1
        if ranks.event[o, place]:
            spread += 1.0 / (left * (left - 1.0)) if left > 1 else math.nan
            survival *= (left - 1.0) / left
            if survival >= 0.55 - TOLERANCE:
                upper, above = last, survival
            if math.isnan(median) and survival <= 0.5 + TOLERANCE:
                median, error = last, survival * math.sqrt(spread)
            if math.isnan(lower) and survival <= 0.45 + TOLERANCE:
                lower, below = last, survival
        left -= 1
    while rate < rates:
        # Beyond the last time, with survivors left, a rate is not estimable.
        if system.times[s, rate] == last or survival == 0.0:
            out[3 + rate] = survival
        rate += 1
    out[0] = median
    half = Z * error * (lower - upper) / (above - below)
    out[1] = median - half
    out[2] = median + half


@njit(cache=True, error_model="numpy")
def _ratio(log_ratio: float, std_error: float, at: int, out: Floats) -> None:
    out[at] = math.exp(log_ratio)
    out[at + 1] = math.exp(log_ratio - Z * std_error)
    out[at + 2] = math.exp(log_ratio + Z * std_error)
    out[at + 3] = math.erfc(abs(log_ratio / std_error) / math.sqrt(2.0))


@njit(cache=True, error_model="numpy")
def fit_values(
    system: System, schedule: RankSchedule, s: int, ranks: Ranks, sums: Sums, out: Floats
) -> None:
    """Write the values of a fit into `out`, a model's by one step from its expansion point."""
    if system.kind[s] == CURVE:
        curve_values(system, s, ranks, out)
        return
    out[:] = np.nan
    if system.kind[s] == COMPARISON:
        f = schedule.single[s]
        score, information, third = sums.total[f, 0], sums.total[f, 1], sums.total[f, 2]
        step = score / information
        step -= 0.5 * third / information * step * step
        _ratio(sums.beta[f] + step, 1.0 / math.sqrt(information + third * step), 0, out)
        chi_square = sums.total[f, 3] * sums.total[f, 3] / sums.total[f, 4]
        out[4] = math.erfc(math.sqrt(chi_square / 2.0))
    elif system.kind[s] == JOINT:
        j = schedule.joint[s]
        k = sums.point.shape[1]
        step, variance = np.empty(k), np.empty(k)
        if solve_joint(sums, j, step, variance):
            for a in range(k):
                _ratio(sums.point[j, a] + step[a], math.sqrt(variance[a]), 4 * a, out)


@njit(cache=True)
def possible_order(ranks: Ranks, i: int, longest: float) -> bool:
    """Whether the times of a patient come in order, and an outcome has happened if a later has."""
    for early in range(ranks.before.size):
        at = ranks.place[early, i]
        if not SHORTEST <= ranks.time[early, at] <= longest:
            return False
        late = ranks.before[early]
        if late >= 0:
            then = ranks.place[late, i]
            if ranks.time[early, at] > ranks.time[late, then]:
                return False
            if ranks.event[late, then] and not ranks.event[early, at]:
                return False
    return True


@njit(cache=True)
def _near(place: int, n: int, rng: np.random.Generator) -> int:
    """Another place, mostly a near one; the same if that would be outside."""
    farthest = n if rng.random() < FAR else NEAR
    distance = int(math.exp(rng.random() * math.log(farthest)))
    there = place + (distance if rng.random() < 0.5 else -distance)
    return there if 0 <= there < n else place


@njit(cache=True)
def _do(
    ranks: Ranks, models: Models, sums: Sums, kind: int, o: int, p: int, q: int, argument: int
) -> None:
    """Carry a move out, or take it back: every kind but shifts is its own inverse."""
    i, j = ranks.who[o, p], ranks.who[o, q]
    if kind == PLACES:
        exchange_places(ranks, models, sums, o, min(p, q), max(p, q))
    elif kind == PATIENTS:
        for each in range(ranks.time.shape[0]):
            a, b = ranks.place[each, i], ranks.place[each, j]
            exchange_places(ranks, models, sums, each, min(a, b), max(a, b))
    elif kind in (COVARIATE, MATCHED):
        change_pattern(ranks, models, sums, i, ranks.pattern[i] ^ (1 << argument))
        change_pattern(ranks, models, sums, j, ranks.pattern[j] ^ (1 << argument))
    elif kind == SLIDE:
        exchange_places(ranks, models, sums, o, min(p, q), max(p, q))
        flip_event(ranks, models, sums, o, p)
        flip_event(ranks, models, sums, o, q)
    elif kind == EVENT:
        flip_event(ranks, models, sums, o, p)
        flip_event(ranks, models, sums, o, q)


@njit(cache=True)
def _touch(
    system: System, active: Bools, kind: int, o: int, old: Ints, new: Ints, touched: Touched
) -> None:
    """Mark what a move of two patients with these patterns, before and after it, may change."""
    every = kind in (PATIENTS, COVARIATE, MATCHED)
    touched.models[0] = kind not in (SHIFT, MATCHED)
    for each in range(touched.outcomes.size):
        touched.outcomes[each] = every or each == o
    for s in range(system.kind.size):
        touched.curves[s] = False
        if not active[s] or system.kind[s] != CURVE or not touched.outcomes[system.outcome[s]]:
            continue
        mask, value = system.mask[s], system.value[s]
        first, second = old[0] & mask == value, old[1] & mask == value
        if kind in (COVARIATE, MATCHED):
            then = new[0] & mask == value, new[1] & mask == value
            touched.curves[s] = (first, second) != then
        elif kind in (SHIFT, EVENT, SLIDE):
            touched.curves[s] = first or second
        else:
            touched.curves[s] = first != second


@njit(cache=True)
def _cost(
    system: System,
    schedule: RankSchedule,
    ranks: Ranks,
    sums: Sums,
    touched: Touched,
    costs: Floats,
    trial: Floats,
    values: Floats,
    limit: float,
) -> bool:
    """Write the new costs of touched fits into `trial`; whether they are within the limit.

    The fits still to come can at best become free, so most bad moves are known early.
    """
    hope = 0.0
    for s in range(system.kind.size):
        trial[s] = costs[s]
        if _counts(system, schedule, touched, s):
            hope += costs[s]
    worse = 0.0
    for curves in (False, True):
        for s in range(system.kind.size):
            is_curve = system.kind[s] == CURVE
            if is_curve == curves and _counts(system, schedule, touched, s):
                fit_values(system, schedule, s, ranks, sums, values)
                if is_curve:
                    trial[s] = fit_cost(system, s, values, schedule.curve_softness)
                    trial[s] *= schedule.curve_weight
                else:
                    trial[s] = fit_cost(system, s, values, schedule.softness)
                worse += trial[s] - costs[s]
                hope -= costs[s]
                if worse - hope > limit:
                    return False
    return True


@njit(cache=True)
def _counts(system: System, schedule: RankSchedule, touched: Touched, s: int) -> bool:
    if not schedule.active[s]:
        return False
    if system.kind[s] == CURVE:
        return bool(touched.curves[s])
    return bool(touched.models[0] and touched.outcomes[system.outcome[s]])


@njit(cache=True)
def _draw(
    ranks: Ranks, schedule: RankSchedule, rng: np.random.Generator
) -> tuple[int, int, int, int, int]:
    """Draw a move: kind, outcome, two places (of patients) and a bit; -1 if there is none."""
    outcomes, n = ranks.time.shape
    draw = rng.random()
    kind = 0
    while kind < 6 and draw >= schedule.moves[kind]:
        kind += 1
    o, p = int(rng.integers(0, outcomes)), int(rng.integers(0, n))
    if kind == SHIFT:
        return kind, o, p, p, -1
    q = _near(p, n, rng)
    if q == p or (kind >= EVENT and ranks.event[o, p] == ranks.event[o, q]):
        return -1, o, p, q, -1
    first, second = ranks.pattern[ranks.who[o, p]], ranks.pattern[ranks.who[o, q]]
    differing = first ^ second
    if kind == COVARIATE:
        bit = schedule.free[int(rng.integers(0, schedule.free.size))]
        alike = differing >> schedule.matched_bit & 1 == 0
        return (kind if alike and differing >> bit & 1 else -1), o, p, q, bit
    if kind == MATCHED:
        bit = schedule.matched_bit
        alike = differing & schedule.joint_mask == 0
        return (kind if alike and differing >> bit & 1 else -1), o, p, q, bit
    return kind, o, p, q, -1


@njit(cache=True)
def _shifted(ranks: Ranks, o: int, p: int, rng: np.random.Generator) -> float:
    """A new time on the grid between the neighbours of a place, or the old one."""
    low = ranks.time[o, p - 1] if p > 0 else SHORTEST - GRID
    high = ranks.time[o, p + 1] if p < ranks.time.shape[1] - 1 else ranks.time[o, p] + 1.0
    steps = round((high - low) / GRID) - 1
    if steps < 2:
        return float(ranks.time[o, p])
    return float(np.round(low / GRID + 1 + rng.integers(0, steps)) * GRID)


@njit(cache=True)
def anneal_ranks(
    system: System,
    models: Models,
    ranks: Ranks,
    sums: Sums,
    schedule: RankSchedule,
    rng: np.random.Generator,
) -> tuple[float, float, Ranks]:
    """Try one move per temperature; return the cost at the end, the lowest one, and its patients.

    A worse state is accepted with probability exp(-increase / temperature).
    """
    recentre(ranks, models, sums)
    fits = system.kind.size
    costs, trial, values = np.zeros(fits), np.zeros(fits), np.empty(width(system))
    touched = Touched(
        np.ones(ranks.time.shape[0], dtype=np.bool_),
        np.ones(1, dtype=np.bool_),
        np.ones(fits, dtype=np.bool_),
    )
    _cost(system, schedule, ranks, sums, touched, costs, trial, values, math.inf)
    costs[:] = trial
    best = costs.sum()
    found = Ranks(
        ranks.time.copy(),
        ranks.event.copy(),
        ranks.who.copy(),
        ranks.place.copy(),
        ranks.pattern.copy(),
        ranks.before,
    )
    total, joint_total = sums.total.copy(), sums.joint_total.copy()
    old, new = np.empty(2, dtype=np.int64), np.empty(2, dtype=np.int64)
    for temperature in schedule.temperatures:
        kind, o, p, q, bit = _draw(ranks, schedule, rng)
        if kind < 0:
            continue
        i, j = ranks.who[o, p], ranks.who[o, q]
        time = ranks.time[o, p]
        old[0], old[1] = ranks.pattern[i], ranks.pattern[j]
        total[:] = sums.total
        joint_total[:] = sums.joint_total
        if kind == SHIFT:
            ranks.time[o, p] = _shifted(ranks, o, p, rng)
        else:
            _do(ranks, models, sums, kind, o, p, q, bit)
        new[0], new[1] = ranks.pattern[i], ranks.pattern[j]
        kept = possible_order(ranks, i, schedule.longest) and possible_order(
            ranks, j, schedule.longest
        )
        if kept:
            _touch(system, schedule.active, kind, o, old, new, touched)
            limit = -temperature * math.log(1.0 - rng.random())
            kept = _cost(system, schedule, ranks, sums, touched, costs, trial, values, limit)
        if kept:
            costs[:] = trial
            now = costs.sum()
            if now < best - 1e-12:
                best = now
                found.time[:] = ranks.time
                found.event[:] = ranks.event
                found.who[:] = ranks.who
                found.place[:] = ranks.place
                found.pattern[:] = ranks.pattern
            continue
        if kind == SHIFT:
            ranks.time[o, p] = time
        else:
            _undo(ranks, models, sums, kind, o, p, q, i, j, bit)
        sums.total[:] = total
        sums.joint_total[:] = joint_total
    return costs.sum(), best, found


@njit(cache=True)
def _undo(
    ranks: Ranks,
    models: Models,
    sums: Sums,
    kind: int,
    o: int,
    p: int,
    q: int,
    i: int,
    j: int,
    bit: int,
) -> None:
    """Take a move back; patients i and j are those who stood at places p and q before it."""
    if kind in (COVARIATE, MATCHED, EVENT, PLACES, SLIDE):
        _do(ranks, models, sums, kind, o, p, q, bit)
    else:
        _do(ranks, models, sums, kind, o, ranks.place[o, i], ranks.place[o, j], bit)
