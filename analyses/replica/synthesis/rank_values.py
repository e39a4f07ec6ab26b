"""What the fits of one arm give, from its order of times: curves, and models from their sums."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.synthesis.fits import COMPARISON, CURVE, JOINT, System, Z
from replica.synthesis.joint_step import joint_step
from replica.synthesis.rank_sums import Ranks, Sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 1e-12
"""A curve at one half within this has reached its median, as in `replica.risk_sets`."""


@njit(cache=True, error_model="numpy")
def curve_values(  # noqa: C901 - one pass, as Numba likes it
    system: System, s: int, ranks: Ranks, out: Floats
) -> None:
    """Write median, its ends (SPSS) and rates of a curve into `out`; NaN where not estimable.

    As `replica.risk_sets.greenwood` and `spss_median`, for distinct times.
    """
    out[:] = np.nan
    o = system.outcome[s]
    mask, value = system.mask[s], system.value[s]
    left = 0
    for i in range(ranks.pattern.size):
        left += ranks.pattern[i] & mask == value
    survival, spread = 1.0, 0.0
    median = error = upper = above = lower = below = last = math.nan
    rate, rates = 0, system.times.shape[1]
    for place in range(ranks.who.shape[1]):
        if ranks.pattern[ranks.who[o, place]] & mask != value:
            continue
        last = ranks.time[o, place]
        while rate < rates and system.times[s, rate] < last:
            out[3 + rate] = survival
            rate += 1
        if ranks.event[o, place]:
            spread += 1.0 / (left * (left - 1.0)) if left > 1 else math.nan
            survival *= (left - 1.0) / left
            if survival >= 0.55 - TOLERANCE:
                upper, above = last, survival
            if math.isnan(median) and survival <= 0.5 + TOLERANCE:
                median, error = last, survival * math.sqrt(spread)
            if math.isnan(lower) and survival <= 0.45 + TOLERANCE:
                lower, below = last, survival
        left -= 1
    while rate < rates:
        # Beyond the last time, with survivors left, a rate is not estimable.
        if system.times[s, rate] == last or survival == 0.0:
            out[3 + rate] = survival
        rate += 1
    out[0] = median
    half = Z * error * (lower - upper) / (above - below)
    out[1] = median - half
    out[2] = median + half


@njit(cache=True, error_model="numpy")
def _ratio(log_ratio: float, std_error: float, at: int, out: Floats) -> None:
    out[at] = math.exp(log_ratio)
    out[at + 1] = math.exp(log_ratio - Z * std_error)
    out[at + 2] = math.exp(log_ratio + Z * std_error)
    out[at + 3] = math.erfc(abs(log_ratio / std_error) / math.sqrt(2.0))


@njit(cache=True, error_model="numpy")
def fit_values(
    system: System, single: Ints, joint: Ints, s: int, ranks: Ranks, sums: Sums, out: Floats
) -> None:
    """Write the values of a fit into `out`, a model's by one step from its expansion point."""
    if system.kind[s] == CURVE:
        curve_values(system, s, ranks, out)
        return
    out[:] = np.nan
    if system.kind[s] == COMPARISON:
        f = single[s]
        score, information, third = sums.total[f, 0], sums.total[f, 1], sums.total[f, 2]
        step = score / information
        step -= 0.5 * third / information * step * step
        _ratio(sums.beta[f] + step, 1.0 / math.sqrt(information + third * step), 0, out)
        chi_square = sums.total[f, 3] * sums.total[f, 3] / sums.total[f, 4]
        out[4] = math.erfc(math.sqrt(chi_square / 2.0))
    elif system.kind[s] == JOINT:
        j = joint[s]
        k = sums.point.shape[1]
        step, variance = np.empty(k), np.empty(k)
        if joint_step(sums.joint_total[j], step, variance):
            for a in range(k):
                _ratio(sums.point[j, a] + step[a], math.sqrt(variance[a]), 4 * a, out)
