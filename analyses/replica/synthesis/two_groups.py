"""Cox model and log-rank test of two groups from counts alone, as the search over times needs them.

A single 0/1 covariate makes the partial likelihood a function of the numbers at risk and of events
in each group: no matrices, and a tenth of the time. The tests hold every value to `replica.cox`
and `replica.log_rank`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEPS = 30
"""Most steps of Newton's method."""

SETTLED = 1e-10
"""A step as small as this is the last one."""

FARTHEST = 15.0
"""A log hazard ratio beyond this is one without a maximum."""


class Comparison(NamedTuple):
    """Log hazard ratio of group 1 against 0, its standard error, and the log-rank chi-square.

    All are NaN where not estimable.
    """

    log_ratio: float
    std_error: float
    chi_square: float


@njit(cache=True, error_model="numpy")
def two_risk_sets(time: Floats, flag: Ints, group: Ints, sets: Ints) -> tuple[int, int, int]:
    """Fill `sets` with at risk, at risk in group 1, events, events in group 1 at each event time.

    Returns how many event times there are, and the events in all and in group 1.
    """
    n = time.size
    ones = 0
    for i in range(n):
        ones += group[i]
    at = 0
    start = 0
    total = 0
    total_ones = 0
    while start < n:
        risk = n - start
        risk_ones = ones
        deaths = 0
        deaths_ones = 0
        end = start
        while end < n and time[end] == time[start]:
            ones -= group[end]
            deaths += flag[end]
            deaths_ones += flag[end] * group[end]
            end += 1
        if deaths > 0:
            sets[0, at] = risk
            sets[1, at] = risk_ones
            sets[2, at] = deaths
            sets[3, at] = deaths_ones
            at += 1
            total += deaths
            total_ones += deaths_ones
        start = end
    return at, total, total_ones


@njit(cache=True, error_model="numpy")
def _score(
    sets: Ints, size: int, total_ones: int, ratio: float, efron: bool
) -> tuple[float, float]:
    """Derivative of the log partial likelihood at a hazard ratio, and minus the second."""
    score = float(total_ones)
    information = 0.0
    for at in range(size):
        ones = sets[1, at] * ratio
        zeros = float(sets[0, at] - sets[1, at])
        deaths = sets[2, at]
        if efron and deaths > 1:
            gone_ones = sets[3, at] * ratio
            gone_zeros = float(deaths - sets[3, at])
            for step in range(deaths):
                gone = step / deaths
                part = ones - gone * gone_ones
                share = part / (part + zeros - gone * gone_zeros)
                score -= share
                information += share * (1.0 - share)
        else:
            share = ones / (ones + zeros)
            score -= deaths * share
            information += deaths * share * (1.0 - share)
    return score, information


@njit(cache=True, error_model="numpy")
def compare(
    time: Floats, flag: Ints, group: Ints, efron: bool, start: float, sets: Ints
) -> Comparison:
    """Fit the Cox model of one 0/1 covariate and test the two groups by log-rank.

    Parameters
    ----------
    time, flag, group
        Shape (n,), by ascending time; flag and group are 0 or 1.
    efron
        Efron's handling of tied events, else Breslow's.
    start
        Log hazard ratio from which Newton's method sets out.
    sets
        Room to work in, shape (4, at least n).
    """
    size, total, total_ones = two_risk_sets(time, flag, group, sets)
    observed = float(total_ones)
    variance = 0.0
    for at in range(size):
        risk = float(sets[0, at])
        share = sets[1, at] / risk
        deaths = sets[2, at]
        observed -= deaths * share
        if risk > 1.0:
            variance += deaths * share * (1.0 - share) * (risk - deaths) / (risk - 1.0)
    missing = Comparison(math.nan, math.nan, math.nan)
    if total_ones in (0, total) or variance <= 0.0:
        return missing
    chi_square = observed * observed / variance
    beta = start
    for _ in range(STEPS):
        score, information = _score(sets, size, total_ones, math.exp(beta), efron)
        if not information > 0.0:
            return missing
        step = score / information
        if abs(step) <= SETTLED:
            return Comparison(beta + step, 1.0 / math.sqrt(information), chi_square)
        # The likelihood is concave: a bounded step cannot leave the only maximum behind for good.
        beta += max(-1.0, min(1.0, step))
        if abs(beta) > FARTHEST:
            return missing
    return missing
