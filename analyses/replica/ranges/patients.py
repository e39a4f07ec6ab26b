"""Patients of a search for extremes: what may change, and the rules that hold for every change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

DAYS_PER_MONTH = 30.4375


class Patients(NamedTuple):
    """Patients that a search changes in place.

    `duration`, `event` and `order` (patients by ascending duration) have shape (outcomes, n).
    `record` (n,) says whose follow-up a patient has: dates, waits and what else follows from it go
    along when two patients exchange it.
    """

    duration: Floats
    event: Bools
    order: Ints
    record: Ints


class Rules(NamedTuple):
    """What holds for every patient, whatever moves.

    Outcomes: `column` (the first outcome that shares its duration), `before` (the outcome that it
    may not follow, or -1), `within` (the outcome that has happened wherever this one has, or -1),
    `first` and `last` (events lie between). Records: `earliest`, `latest` (n,). Patients: `arm`,
    `group` (exchanging follow-up within a group leaves every held row as it is), `kin` (the same
    arm and matching). `most` (outcomes, 2): events of an arm at one time. `days`: whether times are
    whole days written in months with two decimals, else they are on the grid of 0.01.
    """

    column: Ints
    before: Ints
    within: Ints
    first: Floats
    last: Floats
    earliest: Floats
    latest: Floats
    arm: Ints
    group: Ints
    kin: Ints
    most: Ints
    days: bool


@njit(cache=True)
def on_grid(time: float, days: bool) -> float:
    """Write a time as the patients' table does: a whole day or a hundredth, two decimals."""
    if days:
        time = np.round(time * DAYS_PER_MONTH) / DAYS_PER_MONTH
    return float(np.round(time * 100.0) / 100.0)


@njit(cache=True)
def allowed(patients: Patients, rules: Rules, i: int) -> bool:
    """Whether a patient's times lie within bounds and in order."""
    record = patients.record[i]
    for o in range(rules.column.size):
        time, event = patients.duration[o, i], patients.event[o, i]
        if not rules.earliest[record] <= time <= rules.latest[record]:
            return False
        if event and not rules.first[o] <= time <= rules.last[o]:
            return False
        late, whole = rules.before[o], rules.within[o]
        if late >= 0 and (
            time > patients.duration[late, i] or (patients.event[late, i] and not event)
        ):
            return False
        if whole >= 0 and event and not patients.event[whole, i]:
            return False
    return True


@njit(cache=True)
def piled(patients: Patients, rules: Rules, o: int, i: int) -> bool:
    """Whether more events of the patient's arm than at first lie at the patient's time."""
    if not patients.event[o, i]:
        return False
    order, duration = patients.order[o], patients.duration[o]
    at, end = 0, order.size
    while at < end:
        half = (at + end) // 2
        if duration[order[half]] < duration[i]:
            at = half + 1
        else:
            end = half
    count = 0
    while at < order.size and duration[order[at]] == duration[i]:
        j = order[at]
        count += patients.event[o, j] and rules.arm[j] == rules.arm[i]
        at += 1
    return bool(count > rules.most[o, rules.arm[i]])
