"""Follow-up of `mlc_second_primary`: days that return the printed incidences and hazard ratios.

Everybody is followed for at least the months that eligibility asks to live. Times of events have
the printed quartiles and thin out smoothly; ends of follow-up have the printed reverse Kaplan-Meier
quantiles. How many die, and how long those are followed who stay free of events, is searched for
until both hazard ratios and their intervals come out as printed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from replica.cox import fit_cox
from replica.errors import SynthesisError
from replica.events.facts import DAYS_PER_MONTH, rules_of
from replica.protocol import ARM_KEYS, ArmKey
from replica.risk_sets import greenwood, risk_table
from replica.second_primary import EITHER, EVENT
from replica.synthesis.second_primary_follow_up import FollowUp
from replica.synthesis.second_primary_margins import SHARES, falling_times, times_with
from replica.synthesis.second_primary_targets import PrintedStudy, Ratio

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BEYOND = 99_999
"""Days that stand for follow-up beyond the window."""

PAST = 27
"""Days that somebody followed beyond the window is followed beyond it."""

# Free choices, in months: how long after the months that must be lived the first second primary
# comes and the first follow-up ends; the months between those of treated patients who are never
# matched.
FIRST_SECOND, FIRST_END = 0.2, 0.02
LONER_MONTHS = 20.0
# What the paper leaves open is drawn anew for every beginning, evenly between two ends: when the
# last events of each arm come and the last ends of follow-up within the window, in months; when the
# last second primary comes, as a share of the time by which all of them have come; how second
# primaries thin out towards the last, as `quartered` takes it.
LAST_EVENT = {"treated": (70.0, 110.0), "control": (80.0, 115.0)}
LAST_END = {"treated": (90.0, 118.0), "control": (100.0, 119.0)}
LAST_SECOND = {"treated": (0.5, 0.98), "control": (0.65, 0.98)}
LATE_POWER = (0.6, 2.0)
# The same of the controls' follow-up: the share beyond the window, and how ends of follow-up thin
# out before the median.
CONTROL_BEYOND, CONTROL_BEND = (0.27, 0.42), (0.7, 1.6)
# What the search begins with, its first steps and its limits: the share of the treated who are
# followed beyond the window (more than a quarter: the upper quartile is not reached), how their
# ends of follow-up thin out before the median, and the events of either kind by arm.
START, REACH = (0.29, 1.8, 188.0, 343.0), (0.03, 0.3, 6.0, 10.0)
BOUNDS = ((0.255, 0.45), (0.7, 3.0), (150, 240), (280, 420))
BEGINNINGS, TRIES = 40, 60
# If no beginning ends there, so many that came nearest go on from where they stood, each with its
# draws and so many further tries; first steps are then this share of the ones above.
AGAIN, FURTHER, SMALLER = 10, 240, 0.25
# How near a searched number comes to the end of what is printed so: of half its last digit.
WITHIN = 0.97
# Patients who are never matched: the share with a second primary and with any event.
OTHER_SECOND, OTHER_EITHER = 0.035, 0.485
# How often ends of follow-up are moved towards the printed quantiles, and how near is enough.
CORRECTIONS, NEAR = 30, 0.02


@dataclass(frozen=True)
class Shape:
    """What the paper leaves open about follow-up, as drawn: see the free choices above."""

    last_event: Mapping[str, float]
    last_end: Mapping[str, float]
    last_second: Mapping[str, float]
    late_power: Mapping[str, float]
    control_beyond: float
    control_bend: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Shape:
        """Draw evenly between the ends of every choice."""

        def each(ends: Mapping[str, tuple[float, float]]) -> dict[str, float]:
            return {arm: float(rng.uniform(*ends[arm])) for arm in ARM_KEYS}

        return cls(
            each(LAST_EVENT),
            each(LAST_END),
            each(LAST_SECOND),
            each(dict.fromkeys(ARM_KEYS, LATE_POWER)),
            float(rng.uniform(*CONTROL_BEYOND)),
            float(rng.uniform(*CONTROL_BEND)),
        )


@dataclass(frozen=True)
class _Ends:
    """How follow-up would end in an arm without events: knots (share ended, months) in order.

    Beyond the last share, follow-up is longer than the window. `bend` above 1 moves ends before the
    second knot towards the first.
    """

    knots: tuple[tuple[float, float], ...]
    bend: float

    def drawn(self, n: int) -> Floats:
        """Months of n patients in order, infinite beyond the window."""
        shares, months = zip(*self.knots, strict=True)
        spread = (np.arange(n) + 0.5) / n
        bent = shares[1] * (spread / shares[1]) ** self.bend
        within = np.interp(np.where(spread < shares[1], bent, spread), shares, months)
        return np.where(spread < shares[-1], within, np.inf)


def matched_follow_up(
    rng: np.random.Generator, printed: PrintedStudy
) -> tuple[FollowUp, FollowUp, Shape]:
    """Follow-up of the matched treated and the matched controls, and the shape it was drawn with.

    Raises
    ------
    SynthesisError
        If no try returns both printed hazard ratios with their intervals.
    """
    begun = []
    for _ in range(BEGINNINGS):
        shape = Shape.drawn(rng)
        # the same draws in every try, so that small steps have small effects
        luck = rng.random((len(ARM_KEYS), printed.pairs))
        best = _search(printed, shape, luck)
        if best.off == 0:
            return best.shuffled(rng, shape)
        begun.append((best, shape, luck))
    for best, shape, luck in sorted(begun, key=lambda one: one[0].off)[:AGAIN]:
        further = _search(printed, shape, luck, best.values, tries=FURTHER, share=SMALLER)
        if further.off == 0:
            return further.shuffled(rng, shape)
    nearest = min((best for best, _, _ in begun), key=lambda one: one.off)
    raise SynthesisError(
        f"{printed.study.key}: no follow-up returned the printed ratios in {BEGINNINGS} times "
        f"{TRIES} tries, nor in {FURTHER} more of the nearest {AGAIN}; the nearest of the first "
        f"gave {nearest.said}. Try another seed."
    )


@dataclass(frozen=True)
class _Tried:
    """Follow-up of both arms made from four values, how far off it is, and its ratios in words."""

    off: float
    said: str
    values: tuple[float, ...]
    treated: FollowUp
    control: FollowUp

    def shuffled(self, rng: np.random.Generator, shape: Shape) -> tuple[FollowUp, FollowUp, Shape]:
        """Return the patients of each arm in random order, and the shape they were drawn with."""
        return self.treated.shuffled(rng), self.control.shuffled(rng), shape


def _search(
    printed: PrintedStudy,
    shape: Shape,
    luck: Floats,
    start: Sequence[float] = START,
    *,
    tries: int = TRIES,
    share: float = 1.0,
) -> _Tried:
    """Move towards the printed ratios from one set of draws; return the best that was tried."""
    found: dict[tuple[float, ...], _Tried] = {}

    def off(values: Floats) -> float:
        return found.setdefault(tuple(values.tolist()), _try(printed, shape, luck, values)).off

    def stop(intermediate_result: OptimizeResult[Any]) -> None:
        if intermediate_result.fun == 0:
            raise StopIteration

    first = np.array(start)
    simplex = first + np.vstack([np.zeros(len(REACH)), share * np.diag(REACH)])
    minimize(
        off,
        first,
        method="Nelder-Mead",
        bounds=BOUNDS,
        callback=stop,
        options={"initial_simplex": simplex, "maxfev": tries},
    )
    return min(found.values(), key=lambda one: (one.off, one.said))


def _try(printed: PrintedStudy, shape: Shape, luck: Floats, tried: Floats) -> _Tried:
    beyond, bend, *numbers = (float(value) for value in tried)
    tails = {"treated": (beyond, bend), "control": (shape.control_beyond, shape.control_bend)}
    treated, control = (
        _laid_out(
            printed,
            draws,
            _events(printed, shape, arm, round(number)),
            _ends(printed, shape, arm, *tails[arm]),
        )
        for arm, draws, number in zip(ARM_KEYS, luck, numbers, strict=True)
    )
    off, said = _distance(treated, control, printed.ratios)
    off += _late(treated, printed.follow_up["treated"])
    off += _late(control, printed.follow_up["control"])
    return _Tried(off, said, tuple(tried.tolist()), treated, control)


def other_follow_up(
    rng: np.random.Generator, printed: PrintedStudy, shape: Shape, n: int
) -> FollowUp:
    """Follow-up of controls who are never matched, like that of the matched ones."""
    numbers = round(OTHER_EITHER * n), round(OTHER_SECOND * n)
    times, kinds = _events(printed, shape, "control", *numbers)
    ends = _ends(printed, shape, "control", shape.control_beyond, shape.control_bend)
    return _laid_out(printed, rng.random(n), (times, kinds), ends).shuffled(rng)


def loner_follow_up(printed: PrintedStudy, n: int) -> FollowUp:
    """Follow-up of treated patients who are never matched: seen for some years, without events."""
    window = float(rules_of(printed.study).window_months)
    days = np.rint(DAYS_PER_MONTH * LONER_MONTHS * (1 + np.arange(n)))
    return FollowUp(days.astype(np.int64), np.zeros(n, dtype=np.int64), window)


def _ends(printed: PrintedStudy, shape: Shape, arm: ArmKey, beyond: float, bend: float) -> _Ends:
    lived = rules_of(printed.study).latency_months
    knots = ((0.0, lived + FIRST_END), *printed.follow_up[arm], (1 - beyond, shape.last_end[arm]))
    return _Ends(knots, bend)


def _events(
    printed: PrintedStudy, shape: Shape, arm: ArmKey, count: int, second: int | None = None
) -> tuple[Floats, Integers]:
    """Times of the events in order, and their kinds: the second primaries among deaths."""
    start = float(rules_of(printed.study).latency_months)
    median, q3 = printed.time_to_either[arm]
    times = falling_times(count, median, q3, start, shape.last_event[arm])
    kind = np.full(count, 2)
    seconds = times_with(
        second or printed.second[arm],
        printed.time_to_second[arm],
        start + FIRST_SECOND,
        shape.last_second[arm] * printed.rate_time,
        (1.0, 1.0, shape.late_power[arm]),
    )
    for time in seconds:
        # each takes the place of the death next to it
        nearest = int(np.argmin(np.where(kind == 2, np.abs(times - time), np.inf)))
        times[nearest], kind[nearest] = time, 1
    order = np.argsort(times, kind="stable")
    times, kind = times[order], kind[order]
    for share, value in zip(SHARES[1:], (median, q3), strict=True):
        around = share * (count - 1)
        for place in {int(np.floor(around)), int(np.ceil(around))}:
            if kind[place] == 2:
                times[place] = value
    return times, kind


def _laid_out(
    printed: PrintedStudy, draws: Floats, events: tuple[Floats, Integers], ends: _Ends
) -> FollowUp:
    """Give patients ends of follow-up; one draw each says who of those at risk has which event."""
    n, window = len(draws), float(rules_of(printed.study).window_months)
    months, event = ends.drawn(n), np.zeros(n, dtype=np.int64)
    # nobody's end is earlier than that of who stands before
    standing, until = list(range(n)), months.tolist()
    for time, kind, draw in zip(*events, draws, strict=False):
        gone = bisect_right(until, time)
        place = gone + int(draw * (len(until) - gone))
        chosen = standing.pop(place)
        until.pop(place)
        months[chosen], event[chosen] = time, kind
    goals = ends.knots[1:-1]
    first, last = ends.knots[0][1], window - 0.5
    for _ in range(CORRECTIONS):
        found = _ended_by(months, event, [share for share, _ in goals], window)
        if all(abs(at - goal) < NEAR for at, (_, goal) in zip(found, goals, strict=True)):
            break
        censored = (event == 0) & np.isfinite(months)
        wanted = [first, *(goal for _, goal in goals), last]
        months[censored] = np.interp(months[censored], [first, *found, last], wanted)
    days = np.where(np.isfinite(months), np.rint(np.minimum(months, 1e3) * DAYS_PER_MONTH), BEYOND)
    return FollowUp(days.astype(np.int64), event, window)


def _ended_by(
    months: Floats, event: Integers, shares: Sequence[float], window: float
) -> list[float]:
    """Times by which shares of follow-up have ended, by the reverse Kaplan-Meier method."""
    within = np.minimum(months, window)
    ended = ((event == 0) & (within < window)).astype(np.int64)
    order = np.argsort(within, kind="stable")
    time, at_risk, number, _ = risk_table(within[order], ended[order])
    followed, _ = greenwood(at_risk, number)
    below = [followed <= 1 - share + 1e-12 for share in shares]
    return [float(time[which][0]) if which.any() else window for which in below]


def _late(group: FollowUp, knots: Sequence[tuple[float, float]]) -> float:
    """How many months the quartiles of follow-up are off, beyond what is near enough.

    A quartile above those among the knots is not reached within the window.
    """
    goals = dict(knots)
    goals |= dict.fromkeys((share for share in SHARES if share > max(goals)), group.window)
    found = _ended_by(group.months, group.event, list(goals), group.window)
    return sum(
        max(0.0, abs(at - goal) - 2 * NEAR) for at, goal in zip(found, goals.values(), strict=True)
    )


def _distance(
    treated: FollowUp, control: FollowUp, ratios: Mapping[str, Ratio]
) -> tuple[float, str]:
    """How far both ratios and their intervals are from the printed ones; 0 if they round so."""
    arm = np.repeat([1.0, 0.0], [len(treated.days), len(control.days)])[:, None]
    months = np.concatenate([treated.months, control.months])
    event = np.concatenate([treated.event, control.event])
    off, said = 0.0, []
    for outcome, found in ((EVENT, event == 1), (EITHER, event > 0)):
        row = fit_cox(arm, months, found, names=["arm"], ties="efron").summary().iloc[0]
        values = [float(row[name]) for name in ("hazard_ratio", "ci_low", "ci_high")]
        said.append(" ".join(f"{value:.3f}" for value in values))
        for value, number in zip(values, ratios[outcome].each, strict=True):
            low, high = number.bounds()
            off += max(0.0, abs(value - (low + high) / 2) - WITHIN * (high - low) / 2)
    return off, "; ".join(said)
