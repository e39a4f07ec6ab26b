"""Whole columns laid out by their printed quartiles: ages, indices, waits, times of events.

Quartiles are R's type 7, as everywhere: of n sorted values those at rank share x (n - 1).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, root

from replica.errors import SynthesisError
from replica.synthesis.second_primary_targets import Quartiles

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SHARES = (0.25, 0.5, 0.75)

# How fast an index falls off beyond its upper quartile, and the greatest. Free choices.
INDEX_TAIL, INDEX_MOST = 0.55, 9
# How ages thin out towards the youngest and the oldest. Free choices, as `quartered` takes them.
AGE_POWERS = (1.6, 1.2, 1.0)


def ranks(n: int) -> Floats:
    """Rank shares of n sorted values: 0 for the first, 1 for the last."""
    return np.linspace(0, 1, n)


def quartered(
    n: int,
    quartiles: Quartiles,
    low: float,
    high: float,
    powers: tuple[float, float, float] = (1, 1, 1),
) -> Floats:
    """Return n sorted values with these quartiles, even between them.

    Parameters
    ----------
    low, high
        The least and the greatest value.
    powers
        How the values thin out towards the least, from the median to both quartiles, and towards
        the greatest: 1 evenly, more than 1 faster.
    """
    share, (q1, median, q3) = ranks(n), quartiles.each
    away = np.abs(4 * share - 2)
    side = np.where(share < SHARES[1], q1, q3) - median
    middle = median + side * np.minimum(away, 1) ** powers[1]
    below = q1 - (q1 - low) * np.clip(1 - 4 * share, 0, 1) ** powers[0]
    above = q3 + (high - q3) * np.clip(4 * share - 3, 0, 1) ** powers[2]
    return np.where(share < SHARES[0], below, np.where(share > SHARES[2], above, middle))


def ages_with(n: int, quartiles: Quartiles, *, mean: float, sd: float) -> Integers:
    """Return n sorted ages in years with these quartiles, mean and SD.

    The youngest and the oldest follow from mean and SD.

    Raises
    ------
    SynthesisError
        If no ages between 18 and 110 give them.
    """

    def made(ends: Floats) -> Floats:
        return quartered(n, quartiles, float(ends[0]), float(ends[1]), AGE_POWERS)

    def off(ends: Floats) -> Floats:
        values = made(ends)
        return np.array([values.mean() - mean, values.std(ddof=1) - sd])

    spread = quartiles.q3 - quartiles.q1
    found = root(off, np.array([quartiles.q1 - spread, quartiles.q3 + spread]))
    youngest, oldest = found.x
    if not (found.success and 18 <= youngest < quartiles.q1 and quartiles.q3 < oldest <= 110):
        raise SynthesisError(
            f"ages: found none between 18 and 110 years with the quartiles {quartiles.each}, mean "
            f"{mean:g} and standard deviation {sd:g}."
        )
    return np.rint(made(found.x)).astype(np.int64)


def index_with(n: int, quartiles: Quartiles, below: float, above: float) -> Integers:
    """Return n sorted values 0, 1, 2, ... with these whole quartiles.

    Parameters
    ----------
    below, above
        How far a quartile's share lies above the share of smaller values, and below the share of
        values up to it; small and large make small values, large and small make large ones.
    """
    at = [round(value) for value in quartiles.each]
    steps: dict[int, list[float]] = {}
    for share, value in zip(SHARES, at, strict=True):
        steps.setdefault(value - 1, []).append(share - below)
        steps.setdefault(value, []).append(share + above)
    known = sorted(steps)
    shares = [float(np.mean(steps[value])) for value in known]
    if known[0] < 0:
        shares[0] = 0.0
    else:
        known, shares = [-1, *known], [0.0, *shares]
    up_to = [float(share) for share in np.interp(np.arange(at[2] + 1), known, shares)]
    rest = 1 - up_to[-1]
    while len(up_to) <= INDEX_MOST:
        rest *= INDEX_TAIL
        up_to.append(1 - rest)
    counts = np.diff(np.rint(np.array([0.0, *up_to[:-1], 1.0]) * n)).astype(np.int64)
    return np.repeat(np.arange(len(counts)), counts)


def times_with(
    n: int,
    quartiles: Quartiles,
    first: float,
    last: float,
    powers: tuple[float, float, float] = (1, 1, 1),
) -> Floats:
    """Return n sorted times with these quartiles, few though they may be; `powers` as above."""
    times = quartered(n, quartiles, first, last, powers)
    for share, value in zip(SHARES, quartiles.each, strict=True):
        at = share * (n - 1)
        low, high, part = int(np.floor(at)), int(np.ceil(at)), at % 1
        off = value - (times[low] + part * (times[high] - times[low]))
        # a quartile between two values moves both, or one of them if both would leave the order
        moves = [(off, off)]
        if low != high:
            moves += [(0.0, off / part), (off / (1 - part), 0.0)]
        for by in moves:
            moved = times.copy()
            moved[[low, high]] = times[low] + by[0], times[high] + by[1]
            if (np.diff(moved) >= 0).all():
                times = moved
                break
        else:
            raise SynthesisError(
                f"times: {n} values are too few for the quartiles {quartiles.each}."
            )
    return times


def falling_times(n: int, median: float, q3: float, start: float, last: float) -> Floats:
    """Return n sorted times whose density falls smoothly from `start` to `last`.

    A Lomax (Pareto II) distribution from `start` on, cut at `last`: its two parameters follow from
    the median and the upper quartile.

    Raises
    ------
    SynthesisError
        If the quartiles are too close to the ends for any such distribution.
    """
    end = last - start
    shape, scale = _lomax(median - start, q3 - start, end)
    return start + _quantile((np.arange(n) + 0.5) / n, shape, scale, end)


def _quantile(share: Floats, shape: float, scale: float, end: float) -> Floats:
    """Quantiles of a Lomax distribution cut at `end`."""
    within = 1 - (1 + end / scale) ** -shape
    value: Floats = scale * ((1 - share * within) ** (-1 / shape) - 1)
    return value


@cache
def _lomax(median: float, q3: float, end: float) -> tuple[float, float]:
    """Shape and scale of the Lomax distribution, cut at `end`, with these quartiles."""

    def off(share: float, shape: float, scale: float, value: float) -> float:
        return float(_quantile(np.array(share), shape, scale, end)) - value

    def scale_for(shape: float) -> float:
        ends = (1e-3 * median, 1e3 * end)
        return float(brentq(lambda scale: off(0.5, shape, scale, median), *ends))

    try:
        shape = float(brentq(lambda shape: off(0.75, shape, scale_for(shape), q3), 0.05, 20.0))
    except ValueError:
        raise SynthesisError(
            f"times: found no falling density up to {end:g} with median {median:g} and upper "
            f"quartile {q3:g}, all from the beginning; move the end."
        ) from None
    return shape, scale_for(shape)
