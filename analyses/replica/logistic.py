"""Logistic regression by maximum likelihood, refusing data that have no finite estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replica.arrays import arms, numbers
from replica.errors import EstimationError, ParameterError
from replica.large_logistic import maximise
from replica.logistic_kernel import CONVERGED, linear_predictor, newton, probability

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Above this many rows the likelihood is summed in blocks of them, which saves time and memory
LARGE = 50_000


@dataclass(frozen=True)
class LogisticFit:
    """A fitted logistic regression; the intercept stands first in `names`, `coef` and `se`.

    `se` are from the inverse of the observed information, as `glm` in R prints them.
    """

    names: tuple[str, ...]
    coef: Floats
    se: Floats
    log_likelihood: float
    iterations: int

    def linear_predictor(self, matrix: Floats) -> Floats:
        """Logit of the fitted probability for each row of covariates (without intercept).

        Raises
        ------
        ParameterError
            If the matrix does not have one column per covariate of the fit.
        """
        checked = np.ascontiguousarray(numbers(matrix, "matrix", ParameterError))
        if checked.ndim != 2 or checked.shape[1] != self.coef.size - 1:
            raise ParameterError(
                f"matrix: found shape {checked.shape}; allowed: (rows, {self.coef.size - 1}), one "
                f"column for each of {', '.join(self.names[1:])}."
            )
        logit: Floats = linear_predictor(checked, self.coef)
        return logit

    def probability(self, matrix: Floats) -> Floats:
        """Fitted probability of treatment for each row of covariates (without intercept)."""
        fitted: Floats = probability(self.linear_predictor(matrix))
        return fitted


def fit_logistic(
    matrix: Floats, treated: Bools, *, names: Sequence[str] | None = None
) -> LogisticFit:
    """Fit a logistic regression of treatment on covariates by maximum likelihood.

    Parameters
    ----------
    matrix
        Covariates in any units, shape (n, p), without a column for the intercept.
    treated
        Arm of each row, shape (n,).
    names
        Column names, used in results and messages; default `x1`, `x2`, ...

    Raises
    ------
    ParameterError
        If shapes disagree or a value is missing or infinite.
    EstimationError
        If there is one arm only, a column is constant or a combination of others, or a column
        (or several together) separates the arms, so that no finite estimate exists.

    Notes
    -----
    Newton's method on centred and scaled columns; the same estimates as R's
    `glm(family = binomial)`. McCullagh and Nelder, Generalized Linear Models (1989), section 4.4.
    Above `LARGE` rows the sums are those of `replica.large_logistic`, whose last digits differ.
    """
    x = np.ascontiguousarray(numbers(matrix, "matrix", ParameterError))
    arm = arms(treated)
    labels = _check(x, arm, names)
    if len(x) > LARGE:
        return _fit_large(x, arm, labels)
    coef, iterations, status, column = newton(x, arm, np.zeros(x.shape[1] + 1))
    if status != CONVERGED:
        raise EstimationError(_diagnosis(x, arm, labels, column))
    fitted = probability(linear_predictor(x, coef))
    se = _standard_errors(x, fitted)
    if not np.all(np.isfinite(se)):
        raise EstimationError(_diagnosis(x, arm, labels, column))
    logit = linear_predictor(x, coef)
    log_likelihood = -float(np.logaddexp(0.0, np.where(arm, -logit, logit)).sum())
    return LogisticFit(("intercept", *labels), coef, se, log_likelihood, int(iterations))


def _fit_large(x: Floats, arm: Bools, labels: tuple[str, ...]) -> LogisticFit:
    found = maximise(x, arm)
    # rounding may leave a variance of nearly separated arms negative
    with np.errstate(invalid="ignore"):
        se = np.sqrt(found.covariance.diagonal())
    if found.status != CONVERGED or not np.all(np.isfinite(se)):
        raise EstimationError(_diagnosis(x, arm, labels, found.column))
    names = ("intercept", *labels)
    return LogisticFit(names, found.coef, se, found.log_likelihood, found.iterations)


def _check(x: Floats, arm: Bools, names: Sequence[str] | None) -> tuple[str, ...]:
    if x.ndim != 2 or x.shape[1] == 0 or arm.shape != (x.shape[0],):
        raise ParameterError(
            f"found covariates of shape {x.shape} and arms of shape {arm.shape}; allowed: (n, p) "
            "and (n,) with at least one column."
        )
    labels = tuple(names) if names is not None else tuple(f"x{j + 1}" for j in range(x.shape[1]))
    if len(labels) != x.shape[1]:
        raise ParameterError(f"found {len(labels)} names for {x.shape[1]} columns; name each once.")
    bad = []
    # a finite sum has finite terms only, and costs no array
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(x.sum()):
            finite = [bool(np.isfinite(column).all()) for column in x.T]
            bad = [label for label, ok in zip(labels, finite, strict=True) if not ok]
    if bad:
        raise ParameterError(
            f"found missing or infinite values in {', '.join(bad)}; a propensity model needs every "
            "covariate of every patient. Complete or exclude those patients first."
        )
    if arm.all() or not arm.any():
        raise EstimationError(
            f"found {int(arm.sum())} treated and {int((~arm).sum())} control patients; a "
            "propensity model needs both arms."
        )
    return labels


def _standard_errors(x: Floats, fitted: Floats) -> Floats:
    """Square roots of the diagonal of the inverse information, computed on scaled columns."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    z = np.column_stack([np.ones(len(x)), (x - mean) / scale])
    covariance = np.linalg.inv(z.T @ (z * (fitted * (1.0 - fitted))[:, None]))
    back = np.diag(np.r_[1.0, 1.0 / scale])
    back[0, 1:] = -mean / scale
    return np.asarray(np.sqrt(np.diag(back @ covariance @ back.T)), dtype=np.float64)


def _diagnosis(x: Floats, arm: Bools, labels: tuple[str, ...], column: int) -> str:
    """Say which columns make the likelihood flat or unbounded."""
    constant = [labels[j] for j in range(x.shape[1]) if np.ptp(x[:, j]) == 0.0]
    if constant:
        return (
            f"no estimate: {', '.join(constant)} has the same value for all {len(x)} patients. "
            "Leave it out, or merge or drop the empty level."
        )
    z = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)])
    for j in range(1, z.shape[1]):
        others, *_ = np.linalg.lstsq(z[:, :j], z[:, j], rcond=None)
        if np.allclose(z[:, :j] @ others, z[:, j], rtol=0.0, atol=1e-7):
            parts = [labels[m - 1] for m in range(1, j) if abs(others[m]) > 1e-7]
            return (
                f"no estimate: {labels[j - 1]} is a combination of {', '.join(parts)} "
                "(collinear). Leave one of them out."
            )
    separating = [labels[j] for j in range(x.shape[1]) if _separates(x[:, j], arm)]
    if separating:
        return (
            f"no finite estimate: {', '.join(separating)} separates the arms (a value or range "
            "occurs in one arm only). Merge levels, or leave the covariate out."
        )
    suspect = f"; the information is exhausted at {labels[column - 1]}" if column > 0 else ""
    return (
        f"no finite estimate: a combination of "
        f"{', '.join(labels)} separates the arms{suspect}. Use fewer covariates or merge levels."
    )


def _separates(values: Floats, arm: Bools) -> bool:
    """Whether one arm's values all lie at or beyond the end of the other arm's values."""
    treated, control = values[arm], values[~arm]
    return bool(treated.min() >= control.max() or control.min() >= treated.max())
