"""Two weighted samples compared as distributions: moments and empirical distribution functions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replica.arrays import numbers
from replica.errors import ParameterError

__all__ = ["Distances", "ecdf_distances", "weighted_mean", "weighted_variance"]

Floats = NDArray[np.float64]


class Distances(NamedTuple):
    """Mean and largest absolute difference of two empirical distribution functions.

    The largest is the two-sample Kolmogorov-Smirnov statistic.
    """

    mean: float
    maximum: float


def weighted_mean(values: Floats, weights: Floats) -> float:
    """Mean of values, each counted as often as its weight says."""
    return float(np.average(values, weights=weights))


def weighted_variance(values: Floats, weights: Floats) -> float:
    """Variance of a weighted sample: p(1 - p) if all values are 0 or 1, else unbiased.

    The divisor W - sum(w^2) / W, with W the sum of weights, is n - 1 for weights of 1, and does not
    change when all weights are multiplied. Missing when there is no such divisor (one patient).

    Notes
    -----
    R's MatchIt and cobalt; for weights of 1 as in `replica.balance.variance`.
    """
    mean = weighted_mean(values, weights)
    if np.isin(values, (0.0, 1.0)).all():
        return mean * (1.0 - mean)
    share = weights / weights.sum()
    divisor = 1.0 - float(share @ share)
    # The share of a single patient is 1 up to rounding.
    if values.size < 2 or divisor <= 1e-12:
        return float("nan")
    return float(share @ (values - mean) ** 2) / divisor


def ecdf_distances(
    treated: ArrayLike,
    control: ArrayLike,
    treated_weights: ArrayLike | None = None,
    control_weights: ArrayLike | None = None,
    *,
    at: ArrayLike | None = None,
) -> Distances:
    """Compare the empirical distribution functions of a covariate in two weighted samples.

    Parameters
    ----------
    treated, control
        Values, shapes (n,) and (m,).
    treated_weights, control_weights
        Weights, none negative, of the same shapes; default: all equal. Each arm's are scaled to
        the sum 1.
    at
        Where the mean is taken: its distinct values, which must hold all of the samples'; default:
        those of both samples. After matching pass the values before it.

    Returns
    -------
    Distances
        Mean absolute difference over the distinct values, and the largest.

    Raises
    ------
    ParameterError
        If an arm is empty, a value is missing, weights do not fit, or `at` lacks a value.

    Notes
    -----
    The definitions of R's MatchIt (`eCDF Mean`, `eCDF Max`), where a covariate of 0 and 1 has the
    absolute difference of proportions for both; so it has here.
    """
    arms = [_sample(treated, treated_weights), _sample(control, control_weights)]
    values = np.concatenate([arms[0][0], arms[1][0]])
    grid = np.unique(values if at is None else numbers(at, "at", ParameterError))
    if not np.isin(values, grid).all():
        raise ParameterError("at: it lacks values of the samples; pass all values before matching.")
    if np.isin(grid, (0.0, 1.0)).all():
        gap = abs(weighted_mean(*arms[0]) - weighted_mean(*arms[1]))
        return Distances(gap, gap)
    steps = [
        np.cumsum(np.bincount(np.searchsorted(grid, x), w / w.sum(), minlength=grid.size))
        for x, w in arms
    ]
    gaps = np.abs(steps[0] - steps[1])
    # Both functions end at 1; what is left there is rounding.
    gaps[-1] = 0.0
    return Distances(float(gaps.mean()), float(gaps.max()))


def _sample(values: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats]:
    x = numbers(values, "values", ParameterError)
    w = np.ones(x.shape) if weights is None else numbers(weights, "weights", ParameterError)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise ParameterError(
            f"found {x.size} values of which {int((~np.isfinite(x)).sum())} missing or infinite; "
            "each arm needs at least one value, and none may be missing."
        )
    if w.shape != x.shape or not (np.isfinite(w) & (w >= 0)).all() or not w.any():
        raise ParameterError(
            f"weights: found the shape {w.shape} for {x.size} values, or weights that are "
            "negative, missing or all 0; needed: one for each value."
        )
    return x, w
