"""Weights from propensity scores, as arrays: balancing, truncated, and what they are worth."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replica.arrays import arms, number, numbers
from replica.errors import EstimationError, ParameterError, one_of

__all__ = [
    "NOT_STABILISED",
    "Estimand",
    "balancing_weights",
    "check_percentiles",
    "effective_sample_size",
    "truncate_weights",
]

Floats = NDArray[np.float64]
Estimand = Literal["ate", "att", "ato"]

# Its inverse squared is still far from the largest number.
_SMALLEST_SCORE = 1e-100

NOT_STABILISED = (
    "stabilised: found True for overlap weights, which lie between 0 and 1 already; allowed for "
    "the estimands 'ate' and 'att'."
)


def balancing_weights(
    score: ArrayLike, treated: ArrayLike, *, estimand: Estimand = "ate", stabilised: bool = False
) -> Floats:
    """Weights that balance the covariates behind a propensity score e between the arms.

    ========  ============  ================  =======================================
    estimand  treated       control           times, when stabilised (p share treated)
    ========  ============  ================  =======================================
    ate       1 / e         1 / (1 - e)       treated p, control 1 - p
    att       1             e / (1 - e)       control (1 - p) / p
    ato       1 - e         e                 (not offered)
    ========  ============  ================  =======================================

    Parameters
    ----------
    score
        Propensity scores, shape (n,).
    treated
        Arm of each patient, shape (n,).

    Raises
    ------
    ParameterError
        If shapes disagree, the estimand is unknown, or overlap weights are to be stabilised.
    EstimationError
        If an arm is empty, or a score is not strictly between 0 and 1 (no positivity).

    Notes
    -----
    Robins, Hernan and Brumback, Epidemiology 2000;11:550-560 (ATE, stabilised); Sato and Matsuyama,
    Epidemiology 2003;14:680-686 (ATT); Li, Morgan and Zaslavsky, J Am Stat Assoc 2018;113:390-400
    (overlap).
    """
    if estimand not in get_args(Estimand):
        raise ParameterError(f"estimand: {one_of(estimand, get_args(Estimand))}")
    if stabilised and estimand == "ato":
        raise ParameterError(NOT_STABILISED)
    e, arm = numbers(score, "score", ParameterError), arms(treated)
    if e.ndim != 1 or e.shape != arm.shape:
        raise ParameterError(
            f"found shapes {e.shape} (score) and {arm.shape} (treated); needed: one of each per "
            "patient."
        )
    if arm.all() or not arm.any():
        raise EstimationError(
            f"weights: found {int(arm.sum())} treated and {int((~arm).sum())} control patients; "
            "both arms are needed."
        )
    if not ((e > 0) & (e < 1)).all():
        raise EstimationError(
            f"weights: found {int((~((e > 0) & (e < 1))).sum())} propensity scores that are not "
            "strictly between 0 and 1; such patients could only be in one arm, and no weight "
            "makes up for that. Leave out the covariate that decides treatment, or those patients."
        )
    share = float(arm.mean())
    if min(float(e.min()), 1.0 - float(e.max())) < _SMALLEST_SCORE:
        raise EstimationError(
            f"weights: found propensity scores from {e.min():g} to {e.max():g}; their inverse is "
            "no usable weight. Leave out the covariate that decides treatment, or those patients."
        )
    if estimand == "ato":
        return np.where(arm, 1.0 - e, e)
    if estimand == "att":
        factor = (1.0 - share) / share if stabilised else 1.0
        return np.where(arm, 1.0, factor * e / (1.0 - e))
    of_treated, of_control = (share, 1.0 - share) if stabilised else (1.0, 1.0)
    return np.where(arm, of_treated / e, of_control / (1.0 - e))


def check_percentiles(low: float, high: float) -> None:
    """Refuse percentiles that are out of order or not between 0 and 100."""
    ends = [number(end, "truncate") for end in (low, high)]
    if not 0 <= ends[0] < ends[1] <= 100:
        raise ParameterError(
            f"truncate: found the percentiles {low} and {high}; needed: 0 <= low < high <= 100, "
            "such as (1, 99)."
        )


def truncate_weights(weights: ArrayLike, low: float, high: float) -> tuple[Floats, float, float]:
    """Cut weights at two of their percentiles (winsorise them).

    Parameters
    ----------
    weights
        Shape (n,).
    low, high
        Percentiles between 0 and 100, interpolated linearly (R's `quantile`, type 7).

    Returns
    -------
    tuple
        The weights cut, and the weights at the two percentiles.

    Raises
    ------
    ParameterError
        If the percentiles are out of order or there are no weights.

    Notes
    -----
    Cole and Hernan, Am J Epidemiol 2008;168:656-664.
    """
    check_percentiles(low, high)
    values = numbers(weights, "weights", ParameterError)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ParameterError(
            f"weights: found the shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} missing or infinite; needed: finite weights."
        )
    bottom, top = (float(end) for end in np.percentile(values, [low, high]))
    return np.clip(values, bottom, top), bottom, top


def effective_sample_size(weights: ArrayLike) -> float:
    """How many equally weighted patients are worth as much: `(sum w)^2 / sum w^2`.

    Raises
    ------
    ParameterError
        If there are no weights, or one is negative or not finite, or all are 0.

    Notes
    -----
    Kish, Survey Sampling, 1965.
    """
    w = numbers(weights, "weights", ParameterError)
    if w.ndim != 1 or not w.size or not (np.isfinite(w) & (w >= 0)).all() or not w.any():
        raise ParameterError(
            f"weights: found {w.size} values; needed: finite ones, none below 0 and not all 0."
        )
    # Division by the largest keeps the squares in range.
    w = w / w.max()
    return float(w.sum() ** 2 / (w @ w))
