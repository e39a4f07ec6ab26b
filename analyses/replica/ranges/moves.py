"""The moves of a search for extremes, each in place; `undo` takes the last one back.

Some leave printed rows as they are by construction: exchanging the whole follow-up of two patients
whom every held row takes alike, and shifts that pass nobody, which keep all ranks. The others are
small and are checked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.ranges.patients import Patients, Rules, allowed, on_grid, piled
from replica.synthesis.moves import reinsert

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

EXCHANGE_ALIKE, EXCHANGE_KIN, EXCHANGE_TIMES, SHIFT, SHIFT_ALL, FLIP, STRETCH = range(7)
KINDS = 7

NEAR = 6
"""How many places away, at most, a patient is who exchanges times or flags with another."""

MORE = 0.35
"""Chance that a move is followed by another before anything is checked."""

DRAWS = 50
"""How often a partner of the same group is drawn before a move is given up."""


class Kept(NamedTuple):
    """Patients as they were before a move, and who and what it touched."""

    duration: Floats
    event: Bools
    order: Ints
    record: Ints
    touched: Bools
    outcomes: Bools


@njit(cache=True)
def room(patients: Patients) -> Kept:
    """Room for what a move changes."""
    return Kept(
        patients.duration.copy(),
        patients.event.copy(),
        patients.order.copy(),
        patients.record.copy(),
        np.zeros(patients.record.size, dtype=np.bool_),
        np.zeros(patients.duration.shape[0], dtype=np.bool_),
    )


@njit(cache=True)
def copy_into(kept: Kept, patients: Patients) -> None:
    """Keep patients as they are, untouched so far."""
    kept.touched[:] = False
    kept.outcomes[:] = False
    kept.duration[:] = patients.duration
    kept.event[:] = patients.event
    kept.order[:] = patients.order
    kept.record[:] = patients.record


@njit(cache=True)
def undo(patients: Patients, kept: Kept) -> None:
    """Take back what was changed since patients were kept."""
    patients.duration[:] = kept.duration
    patients.event[:] = kept.event
    patients.order[:] = kept.order
    patients.record[:] = kept.record


@njit(cache=True)
def exchange(patients: Patients, rules: Rules, kept: Kept, i: int, j: int) -> bool:
    """Exchange the whole follow-up of two patients; whether both are allowed to have it."""
    for o in range(kept.outcomes.size):
        kept.outcomes[o] = True
        _swap_row(patients, o, i, j)
    patients.record[i], patients.record[j] = patients.record[j], patients.record[i]
    kept.touched[i] = kept.touched[j] = True
    return allowed(patients, rules, i) and allowed(patients, rules, j)


@njit(cache=True)
def exchange_times(
    patients: Patients, rules: Rules, kept: Kept, column: int, i: int, j: int
) -> bool:
    """Exchange one time, with its events, between two patients of an arm."""
    for o in range(kept.outcomes.size):
        if rules.column[o] == column:
            kept.outcomes[o] = True
            _swap_row(patients, o, i, j)
    kept.touched[i] = kept.touched[j] = True
    return allowed(patients, rules, i) and allowed(patients, rules, j)


@njit(cache=True)
def shift(patients: Patients, rules: Rules, kept: Kept, column: int, i: int, step: float) -> bool:
    """Move one time of a patient, or all with a column of -1, by a step on the grid."""
    for o in range(kept.outcomes.size):
        if column in (-1, rules.column[o]):
            kept.outcomes[o] = True
            moved = on_grid(patients.duration[o, i] + step, rules.days)
            patients.duration[o, i] = moved
            reinsert(patients.order[o], patients.duration[o], i)
    kept.touched[i] = True
    return _stands(patients, rules, i)


@njit(cache=True)
def flip(patients: Patients, rules: Rules, kept: Kept, o: int, i: int, j: int) -> bool:
    """Turn an event into the end of follow-up or back; with another patient, both of them."""
    kept.outcomes[o] = True
    patients.event[o, i] = not patients.event[o, i]
    kept.touched[i] = True
    if j != i:
        patients.event[o, j] = not patients.event[o, j]
        kept.touched[j] = True
    return _stands(patients, rules, i) and _stands(patients, rules, j)


@njit(cache=True)
def stretch(
    patients: Patients,
    rules: Rules,
    kept: Kept,
    arm: int,
    low: float,
    high: float,
    power: float,
) -> bool:
    """Bend all times between two ends alike, of one arm or, with -1, of both: ranks stay.

    A time that lies a share x of the way from `low` to `high` moves to the share x ** power.
    """
    kept.outcomes[:] = True
    for o in range(kept.outcomes.size):
        for i in range(patients.record.size):
            share = (patients.duration[o, i] - low) / (high - low)
            if 0.0 < share < 1.0 and arm in (-1, rules.arm[i]):
                moved = on_grid(low + share**power * (high - low), rules.days)
                kept.touched[i] |= moved != patients.duration[o, i]
                patients.duration[o, i] = moved
        patients.order[o, :] = np.argsort(patients.duration[o], kind="mergesort")
    for i in range(patients.record.size):
        if kept.touched[i] and not _stands(patients, rules, i):
            return False
    return True


@njit(cache=True)
def _stands(patients: Patients, rules: Rules, i: int) -> bool:
    """Whether a patient's times are allowed and lie on no pile of events."""
    if not allowed(patients, rules, i):
        return False
    for o in range(rules.column.size):  # noqa: SIM110 - Numba knows no all() of a generator
        if piled(patients, rules, o, i):
            return False
    return True


@njit(cache=True)
def _place(order: Ints, i: int) -> int:
    at = 0
    while order[at] != i:
        at += 1
    return at


@njit(cache=True)
def _swap_row(patients: Patients, o: int, i: int, j: int) -> None:
    """Exchange duration, event and place of two patients in one outcome."""
    duration, event, order = patients.duration[o], patients.event[o], patients.order[o]
    duration[i], duration[j] = duration[j], duration[i]
    event[i], event[j] = event[j], event[i]
    one, other = _place(order, i), _place(order, j)
    order[one], order[other] = j, i


@njit(cache=True)
def partner(of: Ints, i: int, rng: np.random.Generator) -> int:
    """Another patient with the same entry; the patient itself if a few draws find none."""
    for _ in range(DRAWS):
        j = int(rng.integers(0, of.size))
        if j != i and of[j] == of[i]:
            return j
    return i


@njit(cache=True)
def neighbour(
    patients: Patients, rules: Rules, o: int, i: int, opposite: bool, rng: np.random.Generator
) -> int:
    """A patient of the same arm and matching whose time comes soon before or after.

    With `opposite`, one with the other event status. The patient itself if there is none.
    """
    order = patients.order[o]
    at = _place(order, i)
    step = 1 if rng.random() < 0.5 else -1
    skip = int(rng.integers(0, NEAR))
    at += step
    while 0 <= at < order.size:
        j = order[at]
        differs = patients.event[o, j] != patients.event[o, i]
        if rules.kin[j] == rules.kin[i] and (differs or not opposite):
            if skip == 0:
                return int(j)
            skip -= 1
        at += step
    return i


@njit(cache=True)
def move(patients: Patients, rules: Rules, kept: Kept, kind: int, rng: np.random.Generator) -> bool:
    """Draw and make a move of a kind; whether there is one and what it made is allowed.

    Whom and what it touches is added to what `kept` marks already.
    """
    n = patients.record.size
    i = int(rng.integers(0, n))
    o = int(rng.integers(0, rules.column.size))
    step = rng.normal() * 0.02 * 10.0 ** (rng.random() * 2.5)
    if kind in (EXCHANGE_ALIKE, EXCHANGE_KIN):
        j = partner(rules.group if kind == EXCHANGE_ALIKE else rules.kin, i, rng)
        return j != i and exchange(patients, rules, kept, i, j)
    if kind == EXCHANGE_TIMES:
        j = neighbour(patients, rules, o, i, False, rng)
        return j != i and exchange_times(patients, rules, kept, rules.column[o], i, j)
    if kind == FLIP:
        j = i if rng.random() < 0.5 else neighbour(patients, rules, o, i, True, rng)
        return flip(patients, rules, kept, o, i, j)
    if kind == STRETCH:
        low, high = _ends(patients, o, rng)
        arm = int(rng.integers(-1, 2))
        power = np.exp(0.3 * rng.normal())
        return low < high and stretch(patients, rules, kept, arm, low, high, power)
    return shift(patients, rules, kept, -1 if kind == SHIFT_ALL else rules.column[o], i, step)


@njit(cache=True)
def moves(
    patients: Patients,
    rules: Rules,
    kept: Kept,
    kind: int,
    others: Floats,
    rng: np.random.Generator,
) -> int:
    """Make a move of a kind and, now and then, one or two more, so that effects can cancel.

    `others` are the weights by which further kinds are drawn. Returns what kind of change they are
    together, as `replica.ranges.held` tells kinds apart, or -1 if one of them is not allowed.
    """
    together = kind
    if not move(patients, rules, kept, kind, rng):
        return -1
    while rng.random() < MORE:
        further = choose(others, rng.random())
        if not move(patients, rules, kept, further, rng):
            return -1
        ranked = min(together, further) >= SHIFT and FLIP not in (together, further)
        together = SHIFT if ranked else FLIP
    return together


@njit(cache=True)
def choose(weights: Floats, draw: float) -> int:
    """Choose a kind of move in proportion to its weight, by a draw between 0 and 1."""
    left = draw * weights.sum()
    for kind in range(KINDS):
        left -= weights[kind]
        if left < 0.0:
            return kind
    return KINDS - 1


@njit(cache=True)
def _ends(patients: Patients, o: int, rng: np.random.Generator) -> tuple[float, float]:
    """Two times of patients, in order."""
    order, duration = patients.order[o], patients.duration[o]
    one = duration[order[int(rng.integers(0, order.size))]]
    other = duration[order[int(rng.integers(0, order.size))]]
    return min(one, other), max(one, other)
