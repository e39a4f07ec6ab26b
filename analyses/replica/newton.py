"""Newton's method for a log likelihood given as a function, with halved steps.

The same rules of convergence and failure as `replica.partial_likelihood.maximise`, for the
likelihoods that are not compiled into one kernel with their maximisation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from replica.partial_likelihood import CONVERGED, DIVERGING, NOT_CONVERGED, SINGULAR, invert
from replica.risk_sets import Floats

Likelihood = Callable[[Floats], tuple[float, Floats, Floats]]
"""Log likelihood, score of shape (p,) and information of shape (p, p) at some coefficients."""

_MAX_ITERATIONS = 60
_STEP_TOLERANCE = 1e-9
# A likelihood that no longer grows while the coefficients still move has no maximum.
_FLAT = 1e-12
_MOVING = 1e-3
# Share of a covariate's information that may be explained by those before it.
_COLLINEAR = 1e-10


@dataclass(frozen=True)
class Maximum:
    """Where Newton's method ended, and whether it may be believed (`status`).

    `column` is the covariate at fault, or -1. `score_statistic` is the score test's at zero.
    """

    beta: Floats
    covariance: Floats
    value: float
    null: float
    score_statistic: float
    iterations: int
    status: int
    column: int


def newton(likelihood: Likelihood, p: int, events: float) -> Maximum:
    """Maximise a log likelihood from zero.

    Parameters
    ----------
    likelihood
        Function of the coefficients; covariates should be of order 1 (standardised).
    p
        Count of coefficients.
    events
        Sum of the weights of all events: the scale of the information.

    Returns
    -------
    Maximum
        The last step (of at most 1e-9) is taken, so that the estimate is exact to rounding.
    """
    beta = np.zeros(p)
    value, score, information = likelihood(beta)
    null, first = value, np.diag(information).copy()
    nan = np.full((p, p), np.nan)
    if not (first > 1e-12 * events).all():
        column = int(np.argmin(first > 1e-12 * events))
        return Maximum(beta, nan, value, null, np.nan, 0, SINGULAR, column)
    statistic = np.nan
    worst = -1
    for iteration in range(_MAX_ITERATIONS):
        bad, covariance = invert(information, _COLLINEAR)
        if bad >= 0:
            status = SINGULAR if iteration == 0 else DIVERGING
            return Maximum(beta, nan, value, null, statistic, iteration, status, int(bad))
        step = covariance @ score
        if iteration == 0:
            statistic = float(score @ step)
        moves = np.abs(step) / (1.0 + np.abs(beta))
        worst = int(np.argmax(moves))
        slack = _FLAT * (1.0 + abs(value))
        fraction = 1.0
        tried, next_score, next_information = likelihood(beta + step)
        while not (np.isfinite(tried) and tried >= value - slack):
            fraction /= 2.0
            if fraction < 1e-9:
                return Maximum(beta, nan, value, null, statistic, iteration, NOT_CONVERGED, worst)
            tried, next_score, next_information = likelihood(beta + fraction * step)
        gained, value = tried - value, tried
        beta, score, information = beta + fraction * step, next_score, next_information
        if moves[worst] <= _STEP_TOLERANCE:
            bad, covariance = invert(information, _COLLINEAR)
            status = CONVERGED if bad < 0 else DIVERGING
            return Maximum(beta, covariance, value, null, statistic, iteration, status, int(bad))
        faded = information.diagonal() < _COLLINEAR * first
        if (gained <= slack and moves[worst] > _MOVING) or faded.any():
            column = int(np.argmax(faded)) if faded.any() else worst
            return Maximum(beta, nan, value, null, statistic, iteration + 1, DIVERGING, column)
    return Maximum(beta, nan, value, null, statistic, _MAX_ITERATIONS, NOT_CONVERGED, worst)
