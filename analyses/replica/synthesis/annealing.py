"""Simulated annealing over patients' times: small moves, judged by the distance to printed rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.fits import System, evaluate, width
from replica.synthesis.times import GRID

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

NOT_ESTIMABLE = 12.0
"""Cost of a row whose fit gives no number: as bad as a very distant one."""

EDGE = 0.02
"""Share of a printed unit at each end of its interval where a value counts as barely met."""

SHORTEST = 0.1
"""No time is shorter than this, in months."""


class State(NamedTuple):
    """Times that the search changes in place, with what holds for them.

    `duration`, `event` and `order` (patients by ascending duration) have shape (outcomes, n).
    `cell` codes arm and matching: patients exchange times only within one. `before` holds for each
    outcome the index of the one it may not follow, or -1. `longest` bounds every duration.
    """

    duration: Floats
    event: Bools
    order: Ints
    cell: Ints
    before: Ints
    longest: float


class Schedule(NamedTuple):
    """How to search: which fits count, which moves are tried, how strictly, how warm.

    `moves` are cumulative probabilities of shifting one time, shifting all times of a patient,
    exchanging all times of two patients, exchanging one outcome of two patients; what is left of
    1 flips an event. One move is tried for each of `temperatures`.
    """

    active: Bools
    moves: Floats
    softness: float
    temperatures: Floats


@njit(cache=True)
def row_cost(value: float, low: float, high: float, unit: float, softness: float) -> float:
    """Distance of a value from its printed interval: 0 inside, then growing slowly.

    The logarithm lets one distant row neither dominate nor block the many close ones; below
    `softness` units it is nearly linear, so that a search goes from coarse to fine.
    """
    if math.isnan(value):
        return NOT_ESTIMABLE
    outside = max(low - value, value - high, 0.0)
    if outside > 0.0:
        return 0.3 / softness + math.log1p(outside / unit / softness)
    barely = min(value - low, high - value) < EDGE * unit
    return 0.05 / softness if barely else 0.0


@njit(cache=True)
def fit_cost(system: System, s: int, values: Floats, softness: float) -> float:
    """Sum of the costs of the rows of one fit.

    As long as the search is coarse, a p value counts for nothing beside a printed ratio: it follows
    from the ratio and its interval, and is the same for a ratio and its inverse.
    """
    total = 0.0
    for r in range(system.first[s], system.first[s + 1]):
        if softness > 1.0 and system.echo[r]:
            continue
        value = values[system.slot[r]]
        total += row_cost(value, system.low[r], system.high[r], system.unit[r], softness)
    return float(total * system.weight[s])


@njit(cache=True)
def _reinsert(order: Ints, duration: Floats, i: int) -> None:
    """Move patient i, whose duration alone changed, to its place in an ascending order."""
    at = 0
    while order[at] != i:
        at += 1
    while at > 0 and duration[order[at - 1]] > duration[i]:
        order[at] = order[at - 1]
        at -= 1
        order[at] = i
    while at < order.size - 1 and duration[order[at + 1]] < duration[i]:
        order[at] = order[at + 1]
        at += 1
        order[at] = i


@njit(cache=True)
def _exchange(order: Ints, i: int, j: int) -> None:
    """Exchange the places of two patients who exchanged their durations."""
    for at in range(order.size):
        if order[at] == i:
            order[at] = j
        elif order[at] == j:
            order[at] = i


@njit(cache=True)
def _update_order(state: State, changed: Bools, i: int, j: int) -> None:
    for o in range(changed.size):
        if changed[o] and i == j:
            _reinsert(state.order[o], state.duration[o], i)
        elif changed[o]:
            _exchange(state.order[o], i, j)


@njit(cache=True)
def _possible(state: State, i: int) -> bool:
    """Whether the times of a patient are within bounds and come in order.

    An outcome that may not follow another is not later, and has happened if the other has.
    """
    for early in range(state.before.size):
        if not SHORTEST <= state.duration[early, i] <= state.longest:
            return False
        late = state.before[early]
        if late >= 0 and (
            state.duration[early, i] > state.duration[late, i]
            or (state.event[late, i] and not state.event[early, i])
        ):
            return False
    return True


@njit(cache=True)
def _partner(state: State, i: int, rng: np.random.Generator) -> int:
    """Another patient of the same cell; the patient itself if a few draws find none."""
    for _ in range(50):
        j = int(rng.integers(0, state.cell.size))
        if j != i and state.cell[j] == state.cell[i]:
            return j
    return i


@njit(cache=True)
def _step(rng: np.random.Generator) -> float:
    """Draw a shift on the grid, of a few days or a few months."""
    size = 0.02 * 10.0 ** (rng.random() * 2.2)
    return float(np.round(rng.normal() * size / GRID) * GRID)


@njit(cache=True)
def _on_grid(time: float) -> float:
    return float(np.round(time / GRID) * GRID)


@njit(cache=True)
def _move(
    state: State,
    moves: Floats,
    draw: float,
    i: int,
    j: int,
    changed: Bools,
    rng: np.random.Generator,
) -> None:
    """Make the move that `draw` selects on patient i (and j), marking the outcomes it touches."""
    outcomes = changed.size
    one = rng.integers(0, outcomes)
    changed[:] = False
    step = _step(rng)
    for o in range(outcomes):
        if draw < moves[0] and o != one:
            continue
        if draw < moves[1]:
            state.duration[o, i] = _on_grid(state.duration[o, i] + step)
        elif draw < moves[2] or (draw < moves[3] and o == one):
            time, event = state.duration[o, i], state.event[o, i]
            state.duration[o, i], state.event[o, i] = state.duration[o, j], state.event[o, j]
            state.duration[o, j], state.event[o, j] = time, event
        elif draw >= moves[3] and o == one:
            state.event[o, i] = not state.event[o, i]
        else:
            continue
        changed[o] = True


@njit(cache=True)
def _judge(
    system: System,
    state: State,
    schedule: Schedule,
    changed: Bools,
    i: int,
    j: int,
    values: Floats,
    costs: Floats,
) -> None:
    """Write the costs of the fits that a move touches into `costs`."""
    for s in range(system.kind.size):
        o = system.outcome[s]
        if not (schedule.active[s] and changed[o]):
            continue
        touched = (
            system.member[s, i] if i == j else system.signature[s, i] != system.signature[s, j]
        )
        if touched:
            evaluate(system, s, state.duration[o], state.event[o], state.order[o], values)
            costs[s] = fit_cost(system, s, values, schedule.softness)


@njit(cache=True)
def anneal(
    system: System, state: State, schedule: Schedule, rng: np.random.Generator
) -> tuple[float, Floats, Bools]:
    """Try one move per temperature; return the lowest cost met with its durations and events.

    A worse state is accepted with probability exp(-increase / temperature).

    Notes
    -----
    Kirkpatrick, Gelatt and Vecchi, Science 1983;220:671-680.
    """
    outcomes, n = state.duration.shape
    values = np.empty(width(system))
    costs = np.zeros(system.kind.size)
    changed = np.ones(outcomes, dtype=np.bool_)
    for s in range(costs.size):
        if schedule.active[s]:
            o = system.outcome[s]
            evaluate(system, s, state.duration[o], state.event[o], state.order[o], values)
            costs[s] = fit_cost(system, s, values, schedule.softness)
    best = costs.sum()
    best_duration, best_event = state.duration.copy(), state.event.copy()
    for temperature in schedule.temperatures:
        i = int(rng.integers(0, n))
        draw = rng.random()
        exchange = schedule.moves[1] <= draw < schedule.moves[3]
        j = _partner(state, i, rng) if exchange else i
        if exchange and i == j:
            continue
        old_i, old_j = state.duration[:, i].copy(), state.duration[:, j].copy()
        event_i, event_j = state.event[:, i].copy(), state.event[:, j].copy()
        _move(state, schedule.moves, draw, i, j, changed, rng)
        ordered = _possible(state, i) and _possible(state, j)
        trial = costs.copy()
        if ordered:
            _update_order(state, changed, i, j)
            _judge(system, state, schedule, changed, i, j, values, trial)
        worse = trial.sum() - costs.sum()
        if ordered and (worse <= 0.0 or rng.random() < math.exp(-worse / temperature)):
            costs = trial
            if costs.sum() < best - 1e-12:
                best = costs.sum()
                best_duration[:] = state.duration
                best_event[:] = state.event
            continue
        state.duration[:, i], state.event[:, i] = old_i, event_i
        state.duration[:, j], state.event[:, j] = old_j, event_j
        if ordered:
            _update_order(state, changed, i, j)
    return best, best_duration, best_event
