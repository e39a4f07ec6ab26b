"""Cumulative incidence of competing causes by Aalen and Johansen's estimator, from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from replica.arrays import plain_numbers
from replica.convention import SurvivalInterval
from replica.errors import DataError, ParameterError, one_of
from replica.product_limit import band, one_curve, read_at
from replica.risk_sets import Floats, Integers, check_times, risk_table

IncidenceVariance = Literal["aalen", "greenwood"]

# A code beyond it is a code for something else, such as a missing value.
_MOST_CAUSES = 1_000_000

INCIDENCE_COLUMNS = (
    "cause",
    "time",
    "at_risk",
    "events",
    "incidence",
    "std_error",
    "ci_low",
    "ci_high",
)


@dataclass(frozen=True)
class IncidenceAt:
    """Cumulative incidence of one cause at one time; NaN where follow-up has ended before."""

    time: float
    incidence: float
    std_error: float
    ci_low: float
    ci_high: float


def check_causes(duration: ArrayLike, cause: ArrayLike) -> tuple[Floats, Integers]:
    """Return durations and causes as arrays, or refuse them.

    Parameters
    ----------
    duration
        Shape (n,), as `replica.risk_sets.check_times` wants them.
    cause
        Shape (n,), whole numbers: 0 for censored, 1, 2, ... for the event that came first.

    Raises
    ------
    DataError
        If a duration is refused, or a cause is missing, negative or not a whole number.
    """
    found = plain_numbers(cause, "causes").ravel()
    with np.errstate(invalid="ignore"):
        bad = ~((found >= 0) & (found < _MOST_CAUSES) & (found % 1 == 0))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"causes: found {int(bad.sum())} that are missing, negative or not whole numbers "
            f"below {_MOST_CAUSES} (first: {found[first]} in row {first}); allowed: 0 censored, "
            "1, 2, ... for the cause of the first event. Recode the column."
        )
    times, _ = check_times(duration, (found > 0).astype(np.int64))
    return times, found.astype(np.int64)


def check_cause(of: int, causes: Integers) -> None:
    """Refuse a cause that nobody had.

    Raises
    ------
    ParameterError
        If no event has this cause; the message lists the causes there are.
    """
    present = np.unique(causes[causes > 0]).tolist()
    if of not in present:
        raise ParameterError(f"cause of interest: no event has it, {one_of(of, present)}")


def aalen_johansen(
    duration: ArrayLike,
    cause: ArrayLike,
    *,
    causes: Sequence[int] | None = None,
    interval: SurvivalInterval = "log-log",
    variance: IncidenceVariance = "aalen",
    level: float = 0.95,
) -> pd.DataFrame:
    """Cumulative incidence of each cause with its standard error and pointwise interval.

    Parameters
    ----------
    duration, cause
        Shape (n,); see `check_causes`.
    causes
        The causes to give; default those that occur. One that nobody had stays at 0.
    interval
        `log-log` (of the incidence itself, as R's `tidycmprsk::cuminc`), `log` or `plain`; cut off
        at 0 and 1.
    variance
        `aalen`: hypergeometric variance of each jump (R: `cmprsk::cuminc`). `greenwood`:
        multinomial variance of each jump; equal to the infinitesimal jackknife of R's multi-state
        `survfit`, and to Greenwood's formula where there is one cause.
    level
        Coverage of the interval.

    Returns
    -------
    DataFrame
        The columns `INCIDENCE_COLUMNS`: for each cause in turn one row per distinct time and one
        for time 0. `at_risk` counts everybody still under observation, `events` those of the
        cause. The interval is 0 to 0 before the cause's first event, and NaN where the incidence
        is 1.

    Raises
    ------
    DataError
        If the times or causes are refused by `check_causes`, or no cause occurs or is named.
    ParameterError
        If the interval, the variance or the level is unknown, or a cause named is not from 1.

    Notes
    -----
    Aalen and Johansen (1978); Gray (1988); Andersen, Borgan, Gill and Keiding (1993), section 4.4.
    """
    if variance not in get_args(IncidenceVariance):
        raise ParameterError(f"variance: {one_of(variance, get_args(IncidenceVariance))}")
    times, codes = check_causes(duration, cause)
    keys = np.unique(codes[codes > 0]).tolist() if causes is None else list(causes)
    if not keys:
        raise DataError("causes: found no event; name the causes whose incidence of 0 is meant.")
    whole = all(isinstance(key, int | np.integer) for key in keys)
    if not whole or len(set(keys)) < len(keys) or min(keys) < 1:
        raise ParameterError(
            f"causes: found {keys}; allowed: whole numbers from 1, each once. Name codes of the "
            "column of causes."
        )
    order = np.lexsort((codes, times))
    times, codes = times[order], codes[order]
    time, at_risk, events, _ = risk_table(times, (codes > 0).astype(np.int64))
    if time[0] > 0:
        time = np.concatenate(([0.0], time))
        at_risk = np.concatenate(([times.size], at_risk))
        events = np.concatenate(([0], events))
    frames = []
    for key in keys:
        rows = np.searchsorted(time, times[codes == key])
        of_cause = np.bincount(rows, minlength=time.size).astype(np.int64)
        incidence, std_error = incidence_steps(at_risk, of_cause, events - of_cause, variance)
        low, high = _interval(incidence, std_error, interval, level)
        columns = (key, time, at_risk, of_cause, incidence, std_error, low, high)
        frames.append(pd.DataFrame(dict(zip(INCIDENCE_COLUMNS, columns, strict=True))))
    return pd.concat(frames, ignore_index=True)


def incidence_steps(
    at_risk: Integers, events: Integers, competing: Integers, variance: IncidenceVariance
) -> tuple[Floats, Floats]:
    """Cumulative incidence and its standard error from the counts at each time.

    Parameters
    ----------
    at_risk, events, competing
        Shape (m,): those at risk just before each time, events of the cause, events of others.

    Returns
    -------
    tuple
        Incidence and standard error, shape (m,).
    """
    n = at_risk.astype(np.float64)
    left = n - events - competing
    survival = np.cumprod(left / n)
    before = np.concatenate(([1.0], survival[:-1]))
    incidence = np.cumsum(before * events / n)
    # A jump at u moves the incidence at t by `before` times this, less F(t) times `later`: what
    # the cause itself adds at u, less the share of what comes after u that is lost.
    later = np.divide(1.0, survival, out=np.zeros(n.size), where=survival > 0)
    other = incidence * later
    own = np.where(events > 0, 1.0, 0.0) + other
    if variance == "aalen":
        spread_own, spread_other = (before**2 * _hypergeometric(n, d) for d in (events, competing))
        spread_other = np.where(survival > 0, spread_other, 0.0)
        constant = spread_own * own**2 + spread_other * other**2
        linear = later * (spread_own * own + spread_other * other)
        square = later**2 * (spread_own + spread_other)
    else:
        p, q = events / n, competing / n
        scale = before**2 / n
        mean = p * own + q * other
        constant = scale * (p * own**2 + q * other**2 - mean**2)
        linear = scale * later * mean * (1 - p - q)
        square = scale * later**2 * (p + q) * (1 - p - q)
    total = (
        np.cumsum(constant) - 2 * incidence * np.cumsum(linear) + incidence**2 * np.cumsum(square)
    )
    return incidence, np.sqrt(np.maximum(total, 0.0))


def _hypergeometric(n: Floats, events: Integers) -> Floats:
    """Variance of the jump events / n, given that the number of events is fixed."""
    correction = np.ones(n.size)
    several = events > 1
    correction[several] = 1 - (events[several] - 1) / (n[several] - 1)
    return np.asarray(correction * events / n**2, dtype=np.float64)


def _interval(
    incidence: Floats, std_error: Floats, interval: SurvivalInterval, level: float
) -> tuple[Floats, Floats]:
    # the sums of steps may end a few ulp beside 1, where log(-log) does not exist
    capped = np.where(incidence > 1 - 1e-12, 1.0, incidence)
    low, high = band(capped, std_error, interval, level)
    low[capped == 1], high[capped == 1] = np.nan, np.nan
    low[capped == 0], high[capped == 0] = 0.0, 0.0
    return low, high


def incidence_at(curve: pd.DataFrame, time: float, *, cause: int = 1) -> IncidenceAt:
    """Read the cumulative incidence of one cause at a time.

    Beyond the last time: the last value when nobody is left without an event, else NaN.

    Parameters
    ----------
    curve
        The rows of one group, from `aalen_johansen` or `replica.competing.cumulative_incidence`.
    time
        At least 0, in the curve's unit.

    Raises
    ------
    ParameterError
        If the time is negative, the cause is unknown or the curve holds several groups.
    """
    curve = one_curve(curve, INCIDENCE_COLUMNS)
    time = read_at(time)
    check_cause(cause, curve["cause"].to_numpy(dtype=np.int64))
    rows = curve[curve["cause"] == cause]
    last = rows.iloc[int(np.searchsorted(rows["time"].to_numpy(), time, side="right")) - 1]
    final = curve[curve["time"] == curve["time"].max()]
    if time > final["time"].iloc[0] and final["incidence"].sum() < 1 - 1e-9:
        return IncidenceAt(time, np.nan, np.nan, np.nan, np.nan)
    read = (float(last[name]) for name in ("incidence", "std_error", "ci_low", "ci_high"))
    return IncidenceAt(time, *read)
