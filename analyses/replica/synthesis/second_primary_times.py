"""Follow-up of `mlc_second_primary`: days that return the printed incidences and hazard ratios.

Everybody is followed for at least six months, as the eligibility asks. Times of events are laid out
by their printed quartiles; numbers of events follow from the hazard ratio and its interval; ends of
follow-up are laid out by the printed reverse Kaplan-Meier quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replica.cox import fit_cox
from replica.errors import SynthesisError
from replica.product_limit import product_limit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MONTH = 30.4375
WINDOW = 120.0
FIRST = 6.05

# Second primaries of the matched treated, in months from the metastasis and from the inhibitor:
# quartiles 7, 13.9, 22 and 1.4, 9, 15.1 as printed.
TREATED_SECOND = (6.2, 6.5, 6.8, 7.6, 12.4, 15.4, 20.5, 22.5, 27.0, 33.0)
SINCE_INHIBITOR = (0.6, 1.0, 1.2, 2.0, 6.4, 11.6, 14.2, 15.4, 26.0, 32.0)
# And of the matched controls, 29 of them: quartiles 9, 17.8, 28.
CONTROL_SECOND = (
    *(6.3, 6.9, 7.4, 7.9, 8.3, 8.6, 8.8, 9.0, 11.6, 13.9, 15.2, 16.3, 17.0, 17.5, 17.8),
    *(21.0, 23.2, 24.6, 25.8, 26.7, 27.5, 28.0, 33.1, 38.4, 43.2, 47.5, 51.8, 55.3, 58.9),
)


@dataclass(frozen=True)
class _Plan:
    """How one arm's follow-up is laid out, in months.

    `quartiles` are those of the time to second primary or death among those who have either: the
    second and third as printed, the first free, since the printed ones (4 and 5 months) lie within
    the six months that eligibility asks to live. `knots` are quantiles of the time to the end of
    follow-up: those between the first and last are the printed reverse Kaplan-Meier quantiles;
    beyond the last, people are followed for the whole window.
    """

    second: tuple[float, ...]
    quartiles: tuple[float, float, float]
    latest: float
    knots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class FollowUp:
    """Follow-up of one group, one entry per patient: days, and what ended it.

    `event` is 0 for the end of follow-up, 1 for a second primary, 2 for death. `BEYOND` days stand
    for follow-up beyond the window.
    """

    days: Integers
    event: Integers

    @property
    def months(self) -> Floats:
        """Months within the window, with two decimals."""
        months = np.minimum(self.days.astype(np.float64) / MONTH, WINDOW)
        return np.asarray(np.round(months, 2), dtype=np.float64)


BEYOND = 99_999


def matched_follow_up(
    rng: np.random.Generator, n: int, *, tries: int = 2000
) -> tuple[FollowUp, FollowUp]:
    """Follow-up of the matched treated and the matched controls, n each.

    Raises
    ------
    SynthesisError
        If no try returns both printed hazard ratios with their intervals.
    """
    nearest, best = (np.inf, ""), np.array([0.33, 1.7, 180.0, 336.0])
    reach = np.array([0.04, 0.3, 6.0, 10.0])
    for _ in range(tries):
        tried = best + reach * rng.uniform(-1, 1, 4)
        tail, shape, deaths, others = (float(value) for value in tried)
        knots = ((0.0, 6.02), (0.5, 20.2), (1 - tail, 70.0))
        plan = _Plan(TREATED_SECOND, (7.4, 9.6, 20.0), 75.0, knots)
        treated = _laid_out(rng, n, round(deaths), plan, shape)
        control = _laid_out(rng, n, round(others), _CONTROL_PLAN, 1.0)
        off, said = _distance(treated, control)
        if off == 0:
            return treated, control
        if off < nearest[0]:
            nearest, best = (off, said), tried
    raise SynthesisError(
        f"mlc_second_primary: no follow-up returned the printed ratios in {tries} tries; the "
        f"nearest gave {nearest[1]}. Try another seed."
    )


_CONTROL_PLAN = _Plan(
    CONTROL_SECOND,
    (8.2, 11.2, 25.0),
    100.0,
    ((0, 6.02), (0.25, 36.0), (0.5, 68.4), (0.68, 119.0)),
)


def other_follow_up(rng: np.random.Generator, n: int, *, second: int) -> FollowUp:
    """Follow-up of patients who are never matched, like that of the matched controls."""
    times = np.sort(rng.choice(CONTROL_SECOND, second)) + np.linspace(0, 2, second)
    plan = replace(_CONTROL_PLAN, second=tuple(times.tolist()))
    return _laid_out(rng, n, int(0.45 * n), plan, 1.0)


def _events(count: int, plan: _Plan) -> tuple[Floats, Integers]:
    """Times of the events in order, and their kinds: the second primaries among deaths."""
    first, middle, third = plan.quartiles
    shares = [0, 0.25, 0.5, 0.75, 0.93, 1]
    times = np.interp(
        np.linspace(0, 1, count), shares, [FIRST, first, middle, third, 2 * third, plan.latest]
    )
    kind = np.full(count, 2)
    for second in plan.second:
        nearest = int(np.argmin(np.where(kind == 2, np.abs(times - second), np.inf)))
        times[nearest], kind[nearest] = second, 1
    order = np.argsort(times, kind="stable")
    times, kind = times[order], kind[order]
    # the quartiles themselves, whatever the second primaries have moved
    for share, value in ((0.5, middle), (0.75, third)):
        at = share * (count - 1)
        for place in {int(np.floor(at)), int(np.ceil(at))}:
            if kind[place] == 2:
                times[place] = value
    return times, kind


def _laid_out(rng: np.random.Generator, n: int, events: int, plan: _Plan, shape: float) -> FollowUp:
    """Give n patients ends of follow-up and draw who of those at risk has each event."""
    times, kinds = _events(events, plan)
    shares, ends = zip(*plan.knots, strict=True)
    spread = (np.arange(n) + 0.5) / n
    early = spread < shares[1]
    bent = np.where(early, shares[1] * (spread / shares[1]) ** shape, spread)
    months = np.where(spread < shares[-1], np.interp(bent, shares, ends), np.inf)
    event = np.zeros(n, dtype=np.int64)
    for time, kind in zip(times, kinds, strict=True):
        chosen = int(rng.choice(np.flatnonzero((event == 0) & (months > time))))
        months[chosen], event[chosen] = time, kind
    goals = plan.knots[1:-1]
    for _ in range(30):
        found = [_reverse_quantile(months, event, share) for share, _ in goals]
        if all(abs(at - goal) < 0.02 for at, (_, goal) in zip(found, goals, strict=True)):
            break
        censored = (event == 0) & np.isfinite(months)
        wanted = [6.0, *(goal for _, goal in goals), 119.5]
        months[censored] = np.interp(months[censored], [6.0, *found, 119.5], wanted)
    shuffled = rng.permutation(n)
    days = np.where(np.isfinite(months), np.rint(np.minimum(months, 1e3) * MONTH), BEYOND)
    return FollowUp(days.astype(np.int64)[shuffled], event[shuffled])


def _reverse_quantile(months: Floats, event: Integers, share: float) -> float:
    """Time by which a share of follow-up has ended, by the reverse Kaplan-Meier method."""
    within = np.minimum(months, WINDOW)
    curve = product_limit(within, (event == 0) & (within < WINDOW))
    below = curve.loc[curve["survival"] <= 1 - share + 1e-12, "time"]
    return float(below.iloc[0]) if len(below) else WINDOW


# Hazard ratio with both ends of its interval, as printed: events of kind 1, and of any kind.
_PRINTED = (
    ((0.49, 0.005), (0.24, 0.005), (1.01, 0.005)),
    ((0.74, 0.005), (0.62, 0.005), (0.89, 0.005)),
)


def _distance(treated: FollowUp, control: FollowUp) -> tuple[float, str]:
    """How far both ratios and their intervals are from the printed ones; 0 if they round so."""
    arm = np.repeat([1.0, 0.0], [len(treated.days), len(control.days)])[:, None]
    months = np.concatenate([treated.months, control.months])
    event = np.concatenate([treated.event, control.event])
    off, said = 0.0, []
    for found, printed in zip((event == 1, event > 0), _PRINTED, strict=True):
        row = fit_cox(arm, months, found, names=["arm"], ties="efron").summary().iloc[0]
        values = [float(row[name]) for name in ("hazard_ratio", "ci_low", "ci_high")]
        said.append(" ".join(f"{value:.3f}" for value in values))
        for value, (centre, half) in zip(values, printed, strict=True):
            off += max(0.0, abs(value - centre) - 0.97 * half)
    return off, "; ".join(said)
