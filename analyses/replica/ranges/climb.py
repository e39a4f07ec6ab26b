"""The search for one extreme: moves that keep every held row and push a score one way."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.ranges.held import Held, Room, holds
from replica.ranges.moves import KINDS, choose, copy_into, moves, room, undo
from replica.ranges.patients import Patients, Rules
from replica.ranges.scores import Wanted, score
from replica.synthesis.fits import width

Floats = NDArray[np.float64]

NO_EFFECT = 1e-3
"""A deviate this near 0 has a p value that is 1 as far as anybody reads it."""

UP, DOWN, TO_ZERO = 1, -1, 0


@njit(cache=True)
def work_room(held: Held, n: int) -> Room:
    """Room for the fits of the held rows."""
    fits = held.codes.shape[0]
    wide = max(4, width(held.system))
    return Room(
        np.empty((4, n), dtype=np.int64),
        np.empty(wide),
        np.zeros((max(1, fits), max(1, held.system.columns.shape[1]))),
    )


@njit(cache=True)
def _goal(value: float, direction: int) -> float:
    return -abs(value) if direction == TO_ZERO else direction * value


@njit(cache=True)
def climb(
    patients: Patients,
    rules: Rules,
    held: Held,
    wanted: Wanted,
    direction: int,
    evaluations: int,
    rng: np.random.Generator,
) -> tuple[float, int]:
    """Search for an extreme of a score, every held row within its bounds all the way.

    A move that breaks a rule or a row is taken back. One that leads the wrong way is kept at times,
    less and less often: its chance falls with how far it leads, against the usual change.

    Parameters
    ----------
    patients
        Where the search begins; left as the best patients that were found.
    direction
        `UP` or `DOWN`, or `TO_ZERO` for the score nearest to 0.
    evaluations
        Moves to try.

    Returns
    -------
    tuple
        The score of the best patients, and how many moves were accepted.
    """
    n = patients.record.size
    kept, best, work = room(patients), room(patients), work_room(held, n)
    start = np.zeros(3)
    now = score(wanted, patients.duration, patients.event, patients.order, start, work.sets)
    found, accepted = now, 0
    gains, tried = np.ones(KINDS), np.full(KINDS, 2.0)
    usual, changes = 0.0, 0
    for step in range(evaluations):
        kind = choose(gains / tried, rng.random())
        tried[kind] += 1.0
        copy_into(kept, patients)
        change_kind = moves(patients, rules, kept, kind, gains / tried, rng)
        if change_kind < 0:
            undo(patients, kept)
            continue
        value = score(wanted, patients.duration, patients.event, patients.order, start, work.sets)
        change = _goal(value, direction) - _goal(now, direction)
        if math.isnan(change):
            undo(patients, kept)
            continue
        if change != 0.0:
            changes += 1
            usual += (abs(change) - usual) / changes
        heat = usual * (1.0 - step / evaluations)
        wrong = change < 0.0 and (heat == 0.0 or rng.random() >= math.exp(change / heat))
        if wrong or not holds(held, patients, kept, change_kind, work):
            undo(patients, kept)
            continue
        now = value
        accepted += 1
        gains[kind] += change > 0.0
        if _goal(now, direction) > _goal(found, direction):
            found = now
            copy_into(best, patients)
            if direction == TO_ZERO and abs(found) < NO_EFFECT:
                break
    undo(patients, best)
    return found, accepted
