"""The printed rows that a search holds, as kernels check them after every move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.ranges.moves import EXCHANGE_ALIKE, EXCHANGE_TIMES, FLIP, Kept
from replica.ranges.patients import DAYS_PER_MONTH, Patients
from replica.survival import greenwood, risk_table
from replica.synthesis.fits import COMPARISON, JOINT, System, evaluate

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

EVENTS, EVENTS_BY, AMONG_EVENTS, FOLLOWED, SINCE = range(5)

REACHED = 1e-9
"""How far above a share a survival curve may be and count as having reached it."""


class Summaries(NamedTuple):
    """Printed rows that are no fits: counts of events, and quartiles of times.

    Each has its `kind`, the place of its `outcome`, a `share` (of quartiles; for events by a time
    the time), those it is about (`member`, (rows, n)) and its bounds. `wait` (n,) is the wait for
    treatment of each record in days; follow-up that lasts for `window` has not ended.
    """

    kind: Ints
    outcome: Ints
    share: Floats
    member: Bools
    low: Floats
    high: Floats
    wait: Floats
    window: float


class Held(NamedTuple):
    """Fits with the bounds of their rows, everybody's place in them (`codes`), and summaries."""

    system: System
    codes: Ints
    summaries: Summaries


class Room(NamedTuple):
    """Room to work in: counts at risk, values of a fit, and where Newton's method sets out."""

    sets: Ints
    found: Floats
    start: Floats


@njit(cache=True)
def summary(summaries: Summaries, r: int, patients: Patients) -> float:
    """Value of a summary; infinite where a quartile of follow-up is not reached."""
    o = summaries.outcome[r]
    order, kind = patients.order[o], summaries.kind[r]
    duration, event, member = patients.duration[o], patients.event[o], summaries.member[r]
    if kind == FOLLOWED:
        return _followed(duration, event, order, member, summaries.share[r], summaries.window)
    times = np.empty(order.size)
    size = 0
    for i in order:
        if member[i] and event[i]:
            times[size] = duration[i]
            if kind == SINCE:
                times[size] -= summaries.wait[patients.record[i]] / DAYS_PER_MONTH
            size += 1
    if kind == EVENTS:
        return float(size)
    if kind == EVENTS_BY:
        return float(np.searchsorted(times[:size], summaries.share[r], side="right"))
    if size == 0:
        return np.nan
    if kind == SINCE:
        times[:size] = np.sort(times[:size])
    # linear between order statistics, as R's quantile does by default
    place = summaries.share[r] * (size - 1)
    below = int(np.floor(place))
    above = min(below + 1, size - 1)
    return float(times[below] + (place - below) * (times[above] - times[below]))


@njit(cache=True)
def _followed(
    duration: Floats, event: Bools, order: Ints, member: Bools, share: float, window: float
) -> float:
    """Time by which a share of follow-up has ended, by the reverse Kaplan-Meier method."""
    time = np.empty(order.size)
    ended = np.empty(order.size, dtype=np.int64)
    size = 0
    for i in order:
        if member[i]:
            time[size] = duration[i]
            ended[size] = not event[i] and duration[i] < window
            size += 1
    at, at_risk, events, _ = risk_table(time[:size], ended[:size])
    survival, _ = greenwood(at_risk, events)
    for k in range(at.size):
        if survival[k] <= 1.0 - share + REACHED:
            return float(at[k])
    return np.inf


@njit(cache=True)
def ranks_kept(codes: Ints, patients: Patients, kept: Kept, o: int) -> bool:
    """Whether those of a fit come in the same order as before, with the same ties."""
    old, new = kept.duration[o], patients.duration[o]
    before = -1
    for i in kept.order[o]:
        if codes[i] < 0:
            continue
        if before >= 0:
            tied = old[i] == old[before]
            if (new[i] == new[before]) != tied or new[i] < new[before]:
                return False
        before = i
    return True


@njit(cache=True)
def _any(touched: Bools, member: Bools) -> bool:
    """Whether one of those who were touched is a member."""
    for i in range(touched.size):  # noqa: SIM110 - Numba knows no any() of a generator
        if touched[i] and member[i]:
            return True
    return False


@njit(cache=True)
def touches(system: System, codes: Ints, s: int, patients: Patients, kept: Kept, kind: int) -> bool:
    """Whether a move may have changed a fit; what it cannot change need not be fitted again.

    Two patients whom a fit takes alike can exchange their follow-up, and a Cox model or log-rank
    test sees ranks and events only.
    """
    o = system.outcome[s]
    if not kept.outcomes[o]:
        return False
    if kind <= EXCHANGE_TIMES:
        first = -2
        for i in range(kept.touched.size):
            if kept.touched[i]:
                if first == -2:
                    first = codes[i]
                elif codes[i] != first:
                    return True
        return False
    concerned = _any(kept.touched, codes >= 0)
    if concerned and kind != FLIP and system.kind[s] in (COMPARISON, JOINT):
        return not ranks_kept(codes, patients, kept, o)
    return concerned


@njit(cache=True)
def _summaries_hold(summaries: Summaries, patients: Patients, kept: Kept) -> bool:
    for r in range(summaries.kind.size):
        if kept.outcomes[summaries.outcome[r]] and _any(kept.touched, summaries.member[r]):
            value = summary(summaries, r, patients)
            if not summaries.low[r] <= value <= summaries.high[r]:
                return False
    return True


@njit(cache=True)
def holds(held: Held, patients: Patients, kept: Kept, kind: int, room: Room) -> bool:
    """Whether every held row that the last move may have changed is within its bounds."""
    if kind == EXCHANGE_ALIKE:
        return True
    if not _summaries_hold(held.summaries, patients, kept):
        return False
    system = held.system
    for s in range(system.kind.size):
        if not touches(system, held.codes[s], s, patients, kept, kind):
            continue
        fit(held, s, patients, room)
        for r in range(system.first[s], system.first[s + 1]):
            if not system.low[r] <= room.found[system.slot[r]] <= system.high[r]:
                return False
    return True


@njit(cache=True)
def fit(held: Held, s: int, patients: Patients, room: Room) -> None:
    """Write the values of a fit into the room for values."""
    o = held.system.outcome[s]
    evaluate(
        held.system,
        s,
        held.codes[s],
        patients.duration[o],
        patients.event[o],
        patients.order[o],
        room.start[s],
        room.sets,
        room.found,
    )
