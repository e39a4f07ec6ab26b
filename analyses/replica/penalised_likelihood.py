"""The maximum of a penalised likelihood, and its profile along one coefficient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from replica.errors import EstimationError
from replica.risk_sets import Floats, Integers

_MAX_ITERATIONS = 200
_STEP_TOLERANCE = 1e-9
_GAIN = 1e-11
# Step of the difference quotients, on standardised covariates.
_DIFFERENCE = 1e-5
# Newton's step is taken where the curvature is at least this share of the information.
_FLATTEST = 1e-3
# No step moves a standardised coefficient further: the penalty makes long steps overshoot.
_LONGEST_STEP = 5.0
_WIDEST = 1e4

Penalised = Callable[[Floats], tuple[float, Floats, Floats]]
"""Penalised log likelihood, its gradient and the information at some coefficients."""


def climb(penalised: Penalised, start: Floats, free: Integers) -> tuple[Floats, float, Floats]:
    """Maximise over the free coefficients by Newton's method, halving steps that overshoot."""
    beta = start.copy()
    value, score, information = penalised(beta)
    if value == -np.inf or free.size == 0:
        return beta, value, information
    for _ in range(_MAX_ITERATIONS):
        step = np.zeros_like(beta)
        curvature = _curvature(penalised, beta, free, information)
        step[free] = np.linalg.solve(curvature, score[free])
        length = float(np.abs(step).max())
        full = step
        step = full * min(1.0, _LONGEST_STEP / max(length, _STEP_TOLERANCE))
        slack = 1e-13 * (1.0 + abs(value))
        tried = penalised(beta + step)
        while tried[0] < value - slack and np.abs(step).max() > _STEP_TOLERANCE:
            step = step / 2.0
            tried = penalised(beta + step)
        if tried[0] < value - slack:
            # rounding alone is left to gain
            if abs(float(score @ full)) < _GAIN:
                return beta, value, information
            break
        beta = beta + step
        value, score, information = tried
        if length <= _STEP_TOLERANCE:
            return beta, value, information
    worst = float(np.abs(score[free]).max())
    raise EstimationError(
        f"Firth's penalised Cox model: not converged (score {worst:.3g}). Look for extreme values "
        "or leave covariates out."
    )


def _curvature(penalised: Penalised, beta: Floats, free: Integers, information: Floats) -> Floats:
    """Minus the second derivative by the free coefficients, or the information far from the top.

    Differences of the gradient: the penalty bends the likelihood of a tiny sample as much as the
    data do, so that steps by the information alone can take thousands.
    """
    known = information[np.ix_(free, free)]
    columns = []
    for k in free:
        ahead, behind = beta.copy(), beta.copy()
        ahead[k] += _DIFFERENCE
        behind[k] -= _DIFFERENCE
        columns.append((penalised(behind)[1] - penalised(ahead)[1])[free] / (2 * _DIFFERENCE))
    found = np.array(columns)
    if not np.isfinite(found).all():
        return known
    found = (found + found.T) / 2
    size = np.sqrt(np.outer(known.diagonal(), known.diagonal()))
    return found if np.linalg.eigvalsh(found / size).min() > _FLATTEST else known


@dataclass(frozen=True)
class Profile:
    """The penalised likelihood along one coefficient, the others at their best."""

    penalised: Penalised
    beta: Floats
    covariance: Floats
    column: int

    def at(self, coef: float) -> float:
        """Maximise over the others, from where the quadratic approximation puts them."""
        line = self.covariance[:, self.column] / self.covariance[self.column, self.column]
        start = self.beta + line * (coef - self.beta[self.column])
        start[self.column] = coef
        free = np.delete(np.arange(self.beta.size), self.column)
        return climb(self.penalised, start, free)[1]

    def end(self, step: float, height: float, name: str) -> float:
        """Find where the profile falls to `height`, on the side that `step` points to."""
        inside = self.beta[self.column]
        outside = inside + step
        while self.at(outside) > height:
            inside, step = outside, 2 * step
            outside = inside + step
            if abs(outside) > _WIDEST:
                raise EstimationError(
                    f"Firth's penalised Cox model: the profile interval of {name} has no end "
                    "within reach. Merge levels or leave the covariate out."
                )

        def above(coef: float) -> float:
            # beyond the range of a float the profile is far below any height
            return max(self.at(coef) - height, -1e3)

        low, high = sorted((inside, outside))
        return float(brentq(above, low, high, xtol=1e-12, rtol=1e-13))
