"""The Kaplan-Meier estimate of one group: survival, its standard error and pointwise interval."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from replica.arrays import check_level, number
from replica.convention import SurvivalInterval
from replica.errors import ParameterError, one_of
from replica.risk_sets import Floats, check_times, greenwood, risk_table

CURVE_COLUMNS = (
    "time",
    "at_risk",
    "events",
    "censored",
    "survival",
    "std_error",
    "ci_low",
    "ci_high",
)


def product_limit(
    duration: ArrayLike,
    event: ArrayLike,
    *,
    interval: SurvivalInterval = "plain",
    level: float = 0.95,
) -> pd.DataFrame:
    """Kaplan-Meier estimate with Greenwood's standard error and a pointwise interval.

    Parameters
    ----------
    duration, event
        Shape (n,), in any order and any unit of time; see `check_times`.
    interval
        `plain`, `log` or `log-log`, as R's `survfit(conf.type=)`.
    level
        Coverage of the interval.

    Returns
    -------
    DataFrame
        One row per distinct time and one for time 0 (merged when somebody has a duration of 0),
        with the columns `CURVE_COLUMNS`. Before the first event the interval is 1 to 1; where
        survival is 0 the standard error and interval are NaN, as in R.

    Raises
    ------
    DataError
        If the times are refused by `check_times`.
    ParameterError
        If the interval or level is unknown.
    """
    times, events = check_times(duration, event)
    order = np.argsort(times, kind="stable")
    time, at_risk, died, censored = risk_table(times[order], events[order])
    if time[0] > 0:
        time = np.concatenate(([0.0], time))
        at_risk = np.concatenate(([times.size], at_risk))
        died, censored = (np.concatenate(([0], counts)) for counts in (died, censored))
    survival, std_error = greenwood(at_risk, died)
    low, high = band(survival, std_error, interval, level)
    columns = (time, at_risk, died, censored, survival, std_error, low, high)
    return pd.DataFrame(dict(zip(CURVE_COLUMNS, columns, strict=True)))


def band(
    survival: Floats, std_error: Floats, interval: SurvivalInterval, level: float
) -> tuple[Floats, Floats]:
    """Pointwise interval of a survival curve, cut off at 0 and 1; NaN where survival is 0."""
    if interval not in get_args(SurvivalInterval):
        raise ParameterError(f"interval: {one_of(interval, get_args(SurvivalInterval))}")
    z = ndtri((1 + check_level(level)) / 2)
    low, high = np.full(survival.shape, np.nan), np.full(survival.shape, np.nan)
    low[survival == 1], high[survival == 1] = 1.0, 1.0
    inner = (survival > 0) & (survival < 1)
    s, se = survival[inner], std_error[inner]
    if interval == "plain":
        low[inner], high[inner] = s - z * se, s + z * se
    elif interval == "log":
        low[inner], high[inner] = s * np.exp(-z * se / s), s * np.exp(z * se / s)
    else:
        width = z * se / (s * np.log(s))
        low[inner], high[inner] = s ** np.exp(-width), s ** np.exp(width)
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def one_curve(curve: pd.DataFrame, columns: tuple[str, ...] = CURVE_COLUMNS) -> pd.DataFrame:
    """Return the rows of one group's curve, or refuse another frame.

    Raises
    ------
    ParameterError
        If a column is missing, there is no row or a time is missing, or the frame holds several
        groups.
    """
    if not isinstance(curve, pd.DataFrame) or len(curve) == 0:
        raise ParameterError(
            "curve: found no rows; give the frame that `kaplan_meier` or `product_limit` made."
        )
    for name in columns:
        if name not in curve.columns:
            raise ParameterError(
                f"curve: found no column {name!r} among {', '.join(map(str, curve.columns))}; give "
                "the frame that `kaplan_meier` or `product_limit` made, unchanged."
            )
    if "group" in curve.columns and len(curve["group"].unique()) != 1:
        raise ParameterError(
            f"curve: found {curve['group'].nunique()} groups; give the rows of one group, such as "
            "curve[curve['group'] == 'treated']."
        )
    if curve["time"].isna().any() or curve["at_risk"].isna().any():
        raise ParameterError(
            f"curve: found {int(curve['time'].isna().sum())} missing times; give the frame that "
            "`kaplan_meier` or `product_limit` made, unchanged."
        )
    return curve


def read_at(time: float) -> float:
    """Return a time at which a curve is read, or refuse a negative one and what is no number.

    Raises
    ------
    ParameterError
        If the time is not a number from 0.
    """
    if not number(time, "time") >= 0:
        raise ParameterError(
            f"time: found {time}; a number from 0 is needed, in the unit of the curve."
        )
    return time
