"""Simulated annealing over patients: small moves, judged by the distance to printed rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.fits import System, evaluate, signature, width
from replica.synthesis.moves import (
    COVARIATE,
    EXCHANGE_ALL,
    EXCHANGE_NEIGHBOURS,
    FLIP,
    State,
    exchange_bit,
    move_times,
    other,
    possible,
    update_order,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

NOT_ESTIMABLE = 1000.0
"""Cost of a row whose fit gives no number: worse than any that it may give."""

FARTHEST_OUT = 900.0
"""Distances are cut here, in units times softness."""

EDGE = 0.02
"""Share of a printed unit at each end of its interval where a value counts as barely met."""


class Schedule(NamedTuple):
    """How to search: which fits count, which moves are tried, how strictly, how warm.

    `moves` are cumulative probabilities of shifting one time, shifting all times of a patient,
    exchanging all times of two patients, the same of two who are alike, exchanging one outcome of
    two patients, the same of two whose times are neighbours, flipping an event (where the number
    of events is held, together with another one the other way); what is left of 1 exchanges the
    values of one of the covariates `free` between two patients of a group. Patients who are not
    `mobile` only exchange all their times. One move is tried for each of
    `temperatures`.
    """

    active: Bools
    mobile: Bools
    free: Ints
    moves: Floats
    softness: float
    temperatures: Floats


class Room(NamedTuple):
    """What the search writes while it judges moves.

    `values` of one fit; `costs` of all fits now, and in `trial` after a move; which fits a move has
    `touched` and which outcomes it `changed`; `codes` (s, n) with everybody's signatures; `start`
    (s, k) with the last coefficients; `sets` for the counts at risk.
    """

    values: Floats
    costs: Floats
    trial: Floats
    touched: Bools
    changed: Bools
    codes: Ints
    start: Floats
    sets: Ints


@njit(cache=True)
def row_cost(value: float, low: float, high: float, unit: float, softness: float) -> float:
    """Distance of a value from its printed interval: 0 inside.

    As long as the search is coarse (`softness` above 1, in printed units) the cost grows with the
    square of the distance and from about the softness on in proportion to it: every row pulls, and
    where rows cannot be met together, few give way rather than all a little. An exact search
    counts rows: any distance costs, and little more if it is large.

    Notes
    -----
    Huber's error in its smooth form: Charbonnier et al., IEEE Trans Image Process 1997;6:298-311.
    """
    if math.isnan(value):
        return NOT_ESTIMABLE
    outside = max(low - value, value - high, 0.0) / unit / softness
    if softness > 1.0:
        return math.sqrt(1.0 + min(outside, FARTHEST_OUT) ** 2) - 1.0
    if outside > 0.0:
        return 0.3 / softness + math.log1p(outside)
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
def _kind(schedule: Schedule, i: int, draw: float) -> int:
    if not schedule.mobile[i]:
        return EXCHANGE_ALL
    kind = 0
    while kind < schedule.moves.size and draw >= schedule.moves[kind]:
        kind += 1
    return kind


@njit(cache=True)
def _touch(
    system: System, schedule: Schedule, room: Room, i: int, j: int, exchanged: bool
) -> float:
    """Mark the fits that a move of patients i and j changes; return what these cost now.

    An exchange changes nothing where both count as the same.
    """
    hope = 0.0
    for s in range(system.kind.size):
        room.touched[s] = False
        if schedule.active[s] and room.changed[system.outcome[s]]:
            codes = room.codes[s]
            room.touched[s] = codes[i] != codes[j] if exchanged else codes[i] >= 0 or codes[j] >= 0
            hope += room.costs[s] * room.touched[s]
    return hope


@njit(cache=True)
def _recode(system: System, state: State, schedule: Schedule, room: Room, i: int, j: int) -> float:
    """Renew two patients' signatures and mark the fits where they change; return as `_touch`."""
    hope = 0.0
    for s in range(system.kind.size):
        room.touched[s] = False
        if schedule.active[s]:
            codes = room.codes[s]
            new_i = signature(system, s, state.pattern[i])
            new_j = signature(system, s, state.pattern[j])
            room.touched[s] = codes[i] != new_i or codes[j] != new_j
            codes[i], codes[j] = new_i, new_j
            hope += room.costs[s] * room.touched[s]
    return hope


@njit(cache=True)
def _judge(
    system: System, state: State, schedule: Schedule, room: Room, hope: float, limit: float
) -> bool:
    """Whether the fits that a move touched cost at most `limit` more than before.

    Their new costs go to `room.trial`. The fits still to come can at best become free (`hope` is
    what they cost now), so that most bad moves are known as such after a few fits.
    """
    room.trial[:] = room.costs
    worse = 0.0
    for s in range(system.kind.size):
        if room.touched[s]:
            _renew(system, state, schedule, room, s)
            worse += room.trial[s] - room.costs[s]
            hope -= room.costs[s]
            if worse - hope > limit:
                return False
    return True


@njit(cache=True)
def _renew(system: System, state: State, schedule: Schedule, room: Room, s: int) -> None:
    """Write the cost of a fit into `room.trial`."""
    o = system.outcome[s]
    evaluate(
        system,
        s,
        room.codes[s],
        state.duration[o],
        state.event[o],
        state.order[o],
        room.start[s],
        room.sets,
        room.values,
    )
    room.trial[s] = fit_cost(system, s, room.values, schedule.softness)


@njit(cache=True)
def _room(system: System, state: State, schedule: Schedule) -> Room:
    """Make room, with everybody's signatures and the costs of all fits that count."""
    outcomes, n = state.duration.shape
    fits = system.kind.size
    room = Room(
        np.empty(width(system)),
        np.zeros(fits),
        np.zeros(fits),
        np.zeros(fits, dtype=np.bool_),
        np.ones(outcomes, dtype=np.bool_),
        np.empty((fits, n), dtype=np.int64),
        np.zeros((fits, system.columns.shape[1])),
        np.empty((4, n), dtype=np.int64),
    )
    for s in range(fits):
        for i in range(n):
            room.codes[s, i] = signature(system, s, state.pattern[i])
        if schedule.active[s]:
            _renew(system, state, schedule, room, s)
    room.costs[:] = room.trial
    return room


@njit(cache=True)
def _try_times(
    system: System,
    state: State,
    schedule: Schedule,
    room: Room,
    kind: int,
    i: int,
    temperature: float,
    rng: np.random.Generator,
) -> bool:
    """Try a move of times or events; whether it was kept."""
    one = int(rng.integers(0, room.changed.size))
    j = other(state, kind, one, i, rng)
    alone = kind < EXCHANGE_ALL or (kind == FLIP and not state.held[one, i])
    if i == j and not alone:
        return False
    old_i, old_j = state.duration[:, i].copy(), state.duration[:, j].copy()
    event_i, event_j = state.event[:, i].copy(), state.event[:, j].copy()
    move_times(state, kind, one, i, j, room.changed, rng)
    ordered = possible(state, i) and possible(state, j)
    if ordered:
        if kind != FLIP:
            update_order(state, room.changed, i, j)
        limit = -temperature * math.log(1.0 - rng.random())
        hope = _touch(system, schedule, room, i, j, i != j and kind != FLIP)
        if _judge(system, state, schedule, room, hope, limit):
            return True
    state.duration[:, i], state.event[:, i] = old_i, event_i
    state.duration[:, j], state.event[:, j] = old_j, event_j
    if ordered and kind != FLIP:
        update_order(state, room.changed, i, j)
    return False


@njit(cache=True)
def _try_covariate(
    system: System,
    state: State,
    schedule: Schedule,
    room: Room,
    i: int,
    temperature: float,
    rng: np.random.Generator,
) -> bool:
    """Try to exchange the values of a covariate between two patients; whether it was kept."""
    bit = schedule.free[int(rng.integers(0, schedule.free.size))]
    one = int(rng.integers(0, room.changed.size))
    kind = EXCHANGE_NEIGHBOURS if rng.random() < 0.7 else COVARIATE
    j = other(state, kind, one, i, rng)
    if (state.pattern[i] ^ state.pattern[j]) >> bit & 1 == 0:
        return False
    exchange_bit(state.pattern, bit, i, j)
    limit = -temperature * math.log(1.0 - rng.random())
    hope = _recode(system, state, schedule, room, i, j)
    if _judge(system, state, schedule, room, hope, limit):
        return True
    exchange_bit(state.pattern, bit, i, j)
    _recode(system, state, schedule, room, i, j)
    return False


@njit(cache=True)
def anneal(
    system: System, state: State, schedule: Schedule, rng: np.random.Generator
) -> tuple[float, Floats, Bools, Ints]:
    """Try one move per temperature; return the lowest cost met with its times and patterns.

    A worse state is accepted with probability exp(-increase / temperature).

    Returns
    -------
    tuple
        Cost; durations and events, shape (outcomes, n); patterns, shape (n,).

    Notes
    -----
    Kirkpatrick, Gelatt and Vecchi, Science 1983;220:671-680.
    """
    room = _room(system, state, schedule)
    best = room.costs.sum()
    found = state.duration.copy(), state.event.copy(), state.pattern.copy()
    for temperature in schedule.temperatures:
        i = int(rng.integers(0, state.pattern.size))
        kind = _kind(schedule, i, rng.random())
        if kind == COVARIATE:
            kept = _try_covariate(system, state, schedule, room, i, temperature, rng)
        else:
            kept = _try_times(system, state, schedule, room, kind, i, temperature, rng)
        if kept:
            room.costs[:] = room.trial
            if room.costs.sum() < best - 1e-12:
                best = room.costs.sum()
                found[0][:] = state.duration
                found[1][:] = state.event
                found[2][:] = state.pattern
    return best, found[0], found[1], found[2]
