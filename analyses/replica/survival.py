"""Kaplan-Meier curves, and the numbers read off them (the log-rank test: `replica.log_rank`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from replica.arrays import number
from replica.cohort import Cohort
from replica.convention import MedianInterval, SurvivalInterval
from replica.errors import ParameterError, one_of
from replica.log_rank import LogRank, log_rank, log_rank_counts, log_rank_test
from replica.product_limit import CURVE_COLUMNS, band, one_curve, product_limit, read_at
from replica.risk_sets import (
    TOLERANCE,
    Floats,
    Integers,
    check_times,
    cohort_times,
    greenwood,
    group_labels,
    risk_table,
    spss_median,
)

__all__ = [
    "CURVE_COLUMNS",
    "LogRank",
    "MedianSurvival",
    "SurvivalAt",
    "check_times",
    "cohort_times",
    "greenwood",
    "kaplan_meier",
    "log_rank",
    "log_rank_counts",
    "log_rank_test",
    "median_follow_up",
    "median_survival",
    "numbers_at_risk",
    "product_limit",
    "restricted_mean",
    "reverse_kaplan_meier",
    "risk_table",
    "spss_median",
    "survival_at",
]


_NORMAL_975 = 1.959963984540054


@dataclass(frozen=True)
class SurvivalAt:
    """Survival at one time, with Greenwood's standard error and the curve's interval.

    Everything except `at_risk` is NaN where follow-up has ended with survivors left.
    """

    time: float
    survival: float
    std_error: float
    ci_low: float
    ci_high: float
    at_risk: int


@dataclass(frozen=True)
class MedianSurvival:
    """A median time and its interval; None stands for "not estimable", never a number.

    `std_error` is the standard error of the median itself, which only the `spss` method has.
    """

    median: float | None
    ci_low: float | None
    ci_high: float | None
    method: MedianInterval
    std_error: float | None = None


def kaplan_meier(
    cohort: Cohort,
    outcome_key: str,
    by: str | None = "arm",
    *,
    interval: SurvivalInterval = "plain",
    level: float = 0.95,
) -> pd.DataFrame:
    """Kaplan-Meier curves of one outcome by group, as one tidy frame.

    Parameters
    ----------
    cohort, outcome_key
        Validated patients and the key of an outcome of their study.
    by
        `arm`, a covariate or a characteristic; None pools everybody as the group `all`. Groups
        stand in the study's order of levels; a level without patients is left out.

    Returns
    -------
    DataFrame
        `group` (level key), then the columns of `product_limit`.

    Raises
    ------
    DataError
        If the times are refused, or a patient belongs to none of the groups.
    """
    duration, event = cohort_times(cohort, outcome_key)
    return _curves(cohort, duration, event, by, interval=interval, level=level)


def reverse_kaplan_meier(
    cohort: Cohort,
    outcome_key: str,
    by: str | None = None,
    *,
    interval: SurvivalInterval = "log",
    level: float = 0.95,
) -> pd.DataFrame:
    """Curves of follow-up: Kaplan-Meier with the event reversed (censoring is the event).

    Same frame as `kaplan_meier`. R: `survfit(Surv(time, 1 - status))`, which keeps those who died
    at a time at risk for the censorings of that time (Schemper and Smith 1996).
    """
    duration, event = cohort_times(cohort, outcome_key)
    return _curves(cohort, duration, 1 - event, by, interval=interval, level=level)


def median_follow_up(
    cohort: Cohort, outcome_key: str, *, interval: MedianInterval = "log"
) -> MedianSurvival:
    """Median follow-up of all patients by the reverse Kaplan-Meier method."""
    return median_survival(reverse_kaplan_meier(cohort, outcome_key), interval=interval)


def _curves(
    cohort: Cohort,
    duration: Floats,
    event: Integers,
    by: str | None,
    *,
    interval: SurvivalInterval,
    level: float,
) -> pd.DataFrame:
    labels, keys = group_labels(cohort, by)
    frames = []
    for key in keys:
        rows = labels == key
        if rows.any():
            curve = product_limit(duration[rows], event[rows], interval=interval, level=level)
            curve.insert(0, "group", key)
            frames.append(curve)
    return pd.concat(frames, ignore_index=True)


def survival_at(curve: pd.DataFrame, time: float) -> SurvivalAt:
    """Read one curve at a time.

    Beyond the last time: 0 when survival has reached 0, else NaN (R: `summary.survfit` with
    `extend = FALSE`); nobody is at risk there.

    Parameters
    ----------
    curve
        The rows of one group, from `product_limit` or `kaplan_meier`.
    time
        At least 0, in the curve's unit.

    Raises
    ------
    ParameterError
        If the time is negative or not a number, or the curve holds several groups.
    """
    curve = one_curve(curve)
    time = read_at(time)
    times = curve["time"].to_numpy()
    at_risk = _at_risk(curve, time)
    last = curve.iloc[int(np.searchsorted(times, time, side="right")) - 1]
    if time > times[-1] and last["survival"] > 0:
        return SurvivalAt(time, np.nan, np.nan, np.nan, np.nan, at_risk)
    survival, std_error, low, high = (
        float(last[name]) for name in ("survival", "std_error", "ci_low", "ci_high")
    )
    return SurvivalAt(time, survival, std_error, low, high, at_risk)


def _at_risk(curve: pd.DataFrame, time: float) -> int:
    later = int(np.searchsorted(curve["time"].to_numpy(), time, side="left"))
    return int(curve["at_risk"].iloc[later]) if later < len(curve) else 0


def numbers_at_risk(curve: pd.DataFrame, times: Sequence[float]) -> pd.DataFrame:
    """Count those still followed just before each time, per group.

    Returns
    -------
    DataFrame
        `group` (`all` for a curve without groups), `time`, `at_risk`; groups in the curve's order.

    Raises
    ------
    ParameterError
        If a time is negative or not a number, or the frame is not a curve's.
    """
    groups = dict(iter(curve.groupby("group", sort=False))) if "group" in curve else {"all": curve}
    curves = {key: one_curve(rows) for key, rows in groups.items()}
    rows = [(key, t, _at_risk(rows, read_at(t))) for key, rows in curves.items() for t in times]
    return pd.DataFrame(rows, columns=["group", "time", "at_risk"])


def median_survival(
    curve: pd.DataFrame, *, interval: MedianInterval, level: float = 0.95
) -> MedianSurvival:
    """Median survival of one curve with the interval named.

    Parameters
    ----------
    curve
        The rows of one group; whichever interval it was made with, the one asked for is used.
    interval
        `plain`, `log`, `log-log`: Brookmeyer and Crowley's, where that pointwise band crosses
        0.5; on a plateau at exactly 0.5 the midpoint, as R's `survfit` prints it. `spss`: see
        `spss_median`; median -/+ 1.96 standard errors, 95% only. That formula may give a lower
        end below 0, which is left as it is.

    Returns
    -------
    MedianSurvival
        None for a median or an end that the data do not reach.

    Raises
    ------
    ParameterError
        If the interval or level is unknown or the curve holds several groups.
    """
    curve = one_curve(curve)
    time, survival, std_error = (
        curve[name].to_numpy(dtype=np.float64) for name in ("time", "survival", "std_error")
    )
    if interval == "spss":
        if level != 0.95:
            raise ParameterError(
                f"level: found {level}; the spss interval exists for 0.95 only. Choose 'plain', "
                "'log' or 'log-log' for another level."
            )
        median, se = spss_median(time, survival, std_error)
        half = _NORMAL_975 * se
        ends = (_known(median), _known(median - half), _known(median + half))
        return MedianSurvival(*ends, method=interval, std_error=_known(se))
    if interval not in get_args(SurvivalInterval):
        raise ParameterError(f"interval: {one_of(interval, get_args(MedianInterval))}")
    low, high = band(survival, std_error, interval, level)
    ends = (_crossing(time, survival), _crossing(time, low), _crossing(time, high))
    return MedianSurvival(*ends, method=interval)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _crossing(time: Floats, curve: Floats) -> float | None:
    """Return the time at which a curve crosses 0.5 (R: `minmin` inside `survmean`)."""
    below = np.flatnonzero(curve < 0.5 + TOLERANCE)
    if below.size == 0:
        return None
    first = below[0]
    lower = below[curve[below] < curve[first]]
    if abs(curve[first] - 0.5) < TOLERANCE and lower.size:
        return float((time[first] + time[lower[0]]) / 2)
    return float(time[first])


def restricted_mean(curve: pd.DataFrame, tau: float) -> tuple[float, float]:
    """Restricted mean survival time up to `tau`, and its standard error.

    Parameters
    ----------
    curve
        The rows of one group.
    tau
        Horizon, in the curve's unit, above 0.

    Raises
    ------
    ParameterError
        If `tau` is not above 0 or lies beyond the last time while survivors are left: the area
        under an unknown curve is not estimated.

    Notes
    -----
    R: `survfit(...)` printed with `rmean = tau` (variance without n / (n - 1)).
    """
    curve = one_curve(curve)
    time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
    if not 0 < number(tau, "tau") < np.inf or (tau > time[-1] and survival[-1] > 0):
        raise ParameterError(
            f"tau: found {tau}; allowed: above 0 and at most {time[-1]}, the end of follow-up. "
            "Take an earlier tau, before follow-up ends in any group."
        )
    kept = time <= tau
    at_risk, events = curve["at_risk"].to_numpy()[kept], curve["events"].to_numpy()[kept]
    pieces = np.diff(np.append(time[kept], tau)) * survival[kept]
    # the area to the right of each event time; behind a drop to zero there is none
    area = np.cumsum(pieces[::-1])[::-1]
    left = at_risk - events
    hazard = np.divide(events, at_risk * left, out=np.zeros(left.size), where=left > 0)
    return float(pieces.sum()), float(np.sqrt(np.sum(area**2 * hazard)))
