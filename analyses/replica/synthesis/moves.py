"""The moves of the search over patients: what may change, and how it is undone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.times import GRID

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

SHORTEST = 0.1
"""No time is shorter than this, in months."""

PARTNERS = 12
"""How many patients are looked at for one who is alike."""

SHIFT_ONE, SHIFT_ALL = 0, 1
EXCHANGE_ALL, EXCHANGE_ALIKE, EXCHANGE_ONE, EXCHANGE_NEIGHBOURS = 2, 3, 4, 5
FLIP, COVARIATE = 6, 7


class State(NamedTuple):
    """Patients that the search changes in place, with what holds for them.

    `duration`, `event` and `order` (patients by ascending duration) have shape (outcomes, n),
    `pattern` (n,) holds covariates, arm and matching as bits (`fits.patterns`). `group` codes who
    may exchange times with whom. `held` (outcomes, n) marks those among whom the number of events
    stays as it is. `before` holds for each outcome the index of the one it may not follow, or -1.
    `longest` bounds every duration.
    """

    duration: Floats
    event: Bools
    order: Ints
    pattern: Ints
    group: Ints
    held: Bools
    before: Ints
    longest: float


@njit(cache=True)
def reinsert(order: Ints, duration: Floats, i: int) -> None:
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
def update_order(state: State, changed: Bools, i: int, j: int) -> None:
    """Sort the order of the changed outcomes again, in which only patients i and j moved."""
    for o in range(changed.size):
        if changed[o] and i == j:
            reinsert(state.order[o], state.duration[o], i)
        elif changed[o]:
            _exchange(state.order[o], i, j)


@njit(cache=True)
def possible(state: State, i: int) -> bool:
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
    """Another patient of the same group; the patient itself if a few draws find none."""
    for _ in range(50):
        j = int(rng.integers(0, state.group.size))
        if j != i and state.group[j] == state.group[i]:
            return j
    return i


@njit(cache=True)
def _alike(state: State, i: int, rng: np.random.Generator) -> int:
    """Of several partners, the one who differs in the fewest covariates, but not in none."""
    closest, fewest = i, 64
    for _ in range(PARTNERS):
        j = _partner(state, i, rng)
        differing = state.pattern[i] ^ state.pattern[j]
        count = 0
        while differing > 0:
            count += differing & 1
            differing >>= 1
        if 0 < count < fewest:
            closest, fewest = j, count
    return closest


@njit(cache=True)
def _neighbour(state: State, o: int, i: int, rng: np.random.Generator) -> int:
    """A patient of the same group whose time of this outcome comes soon before or after."""
    order = state.order[o]
    at = 0
    while order[at] != i:
        at += 1
    step = 1 if rng.random() < 0.5 else -1
    skip = int(rng.integers(0, 3))
    at += step
    while 0 <= at < order.size:
        if state.group[order[at]] == state.group[i]:
            if skip == 0:
                return int(order[at])
            skip -= 1
        at += step
    return i


@njit(cache=True)
def _opposite(state: State, o: int, i: int, rng: np.random.Generator) -> int:
    """Of the held patients with the other event status, one whose time comes soon before or after.

    The patient itself if there is none on the side that is drawn.
    """
    order = state.order[o]
    at = 0
    while order[at] != i:
        at += 1
    step = 1 if rng.random() < 0.5 else -1
    skip = int(rng.integers(0, 3))
    at += step
    while 0 <= at < order.size:
        j = order[at]
        if state.held[o, j] and state.event[o, j] != state.event[o, i]:
            if skip == 0:
                return int(j)
            skip -= 1
        at += step
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
def other(state: State, kind: int, o: int, i: int, rng: np.random.Generator) -> int:
    """Find the second patient of a move, or i itself if there is none or none is needed."""
    if kind in (EXCHANGE_ALL, EXCHANGE_ONE, COVARIATE):
        return _partner(state, i, rng)
    if kind == EXCHANGE_ALIKE:
        return _alike(state, i, rng)
    if kind == EXCHANGE_NEIGHBOURS:
        return _neighbour(state, o, i, rng)
    if kind == FLIP and state.held[o, i]:
        return _opposite(state, o, i, rng)
    return i


@njit(cache=True)
def move_times(
    state: State, kind: int, one: int, i: int, j: int, changed: Bools, rng: np.random.Generator
) -> None:
    """Move the times or events of patient i (and j), marking the outcomes it touches."""
    step = _step(rng)
    for o in range(changed.size):
        changed[o] = o == one or kind in (SHIFT_ALL, EXCHANGE_ALL, EXCHANGE_ALIKE)
        if not changed[o]:
            continue
        if kind <= SHIFT_ALL:
            state.duration[o, i] = _on_grid(state.duration[o, i] + step)
        elif kind == FLIP:
            state.event[o, i] = not state.event[o, i]
            if j != i:
                state.event[o, j] = not state.event[o, j]
        else:
            time, event = state.duration[o, i], state.event[o, i]
            state.duration[o, i], state.event[o, i] = state.duration[o, j], state.event[o, j]
            state.duration[o, j], state.event[o, j] = time, event


@njit(cache=True)
def exchange_bit(pattern: Ints, bit: int, i: int, j: int) -> None:
    """Exchange the values of one covariate between two patients who differ in it."""
    pattern[i] ^= 1 << bit
    pattern[j] ^= 1 << bit
