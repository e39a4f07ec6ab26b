"""The moves of the search over one arm: how they are drawn, carried out and taken back."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.moves import SHORTEST
from replica.synthesis.rank_sums import (
    Models,
    Ranks,
    Sums,
    change_pattern,
    exchange_places,
    flip_event,
)
from replica.synthesis.times import GRID

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

PLACES, PATIENTS, COVARIATE, MATCHED, SHIFT, EVENT, SLIDE = 0, 1, 2, 3, 4, 5, 6

FAR, NEAR = 0.2, 12
"""Share of the exchanges that may go anywhere, and how many places the others go at most."""


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
def do_move(
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
def undo_move(
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
        do_move(ranks, models, sums, kind, o, p, q, bit)
    else:
        do_move(ranks, models, sums, kind, o, ranks.place[o, i], ranks.place[o, j], bit)


@njit(cache=True)
def draw_move(
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
def shifted_time(ranks: Ranks, o: int, p: int, rng: np.random.Generator) -> float:
    """A new time on the grid between the neighbours of a place, or the old one."""
    low = ranks.time[o, p - 1] if p > 0 else SHORTEST - GRID
    high = ranks.time[o, p + 1] if p < ranks.time.shape[1] - 1 else ranks.time[o, p] + 1.0
    steps = round((high - low) / GRID) - 1
    if steps < 2:
        return float(ranks.time[o, p])
    return float(np.round(low / GRID + 1 + rng.integers(0, steps)) * GRID)
