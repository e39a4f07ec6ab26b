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
from replica.synthesis.fits import CURVE, System, width
from replica.synthesis.rank_moves import (
    COVARIATE,
    EVENT,
    MATCHED,
    PATIENTS,
    SHIFT,
    SLIDE,
    RankSchedule,
    do_move,
    draw_move,
    possible_order,
    shifted_time,
    undo_move,
)
from replica.synthesis.rank_sums import Models, Ranks, Sums, recentre
from replica.synthesis.rank_values import fit_values

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Touched(NamedTuple):
    """What a move changed: outcomes, and for curves who entered, left or moved.

    `outcomes` (o,) marks orders that changed; `models` whether models may have changed; `curves`
    (s,) marks the curves that did.
    """

    outcomes: Bools
    models: Bools
    curves: Bools


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
                fit_values(system, schedule.single, schedule.joint, s, ranks, sums, values)
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
        kind, o, p, q, bit = draw_move(ranks, schedule, rng)
        if kind < 0:
            continue
        i, j = ranks.who[o, p], ranks.who[o, q]
        time = ranks.time[o, p]
        old[0], old[1] = ranks.pattern[i], ranks.pattern[j]
        total[:] = sums.total
        joint_total[:] = sums.joint_total
        if kind == SHIFT:
            ranks.time[o, p] = shifted_time(ranks, o, p, rng)
        else:
            do_move(ranks, models, sums, kind, o, p, q, bit)
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
            undo_move(ranks, models, sums, kind, o, p, q, i, j, bit)
        sums.total[:] = total
        sums.joint_total[:] = joint_total
    return costs.sum(), best, found
