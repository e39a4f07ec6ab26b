"""Covariates as a checked matrix of numbers, and the refusal of a fit that failed on one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from replica.arrays import numbers
from replica.errors import DataError, EstimationError
from replica.newton import Maximum
from replica.partial_likelihood import CONVERGED, DIVERGING, SINGULAR
from replica.risk_sets import Floats


def check_matrix(matrix: ArrayLike, n: int, names: Sequence[str], model: str) -> Floats:
    """Return the covariates of `n` patients as a matrix, or refuse them.

    Parameters
    ----------
    matrix
        Shape (n, p), finite numbers.
    names
        One name per column, for the messages.
    model
        What is being fitted, the first words of the messages.

    Raises
    ------
    DataError
        If the shape is another one or a value is missing or infinite.
    EstimationError
        If a column has one value only.
    """
    X = numbers(matrix, model)
    if X.ndim != 2 or X.shape != (n, len(names)) or X.shape[1] == 0:
        raise DataError(
            f"{model}: found covariates of shape {X.shape}; needed: {n} patients by {len(names)} "
            "named columns, at least 1."
        )
    for name, column in zip(names, X.T, strict=True):
        if not np.isfinite(column).all():
            raise DataError(
                f"{model}: found missing or infinite values of {name}; exclude those patients "
                "first."
            )
        if column.min() == column.max():
            raise EstimationError(
                f"{model}: {name} has the same value ({column[0]:g}) for all {n} patients; at "
                "least 2 groups are needed. Leave it out."
            )
    return X


def refuse_failed(found: Maximum, names: Sequence[str], scale: Floats, model: str) -> None:
    """Turn a failed maximisation into an error that names the covariate.

    Raises
    ------
    EstimationError
        If Newton's method did not converge; covariates were divided by `scale` before it.
    """
    if found.status == CONVERGED:
        return
    name, coef = names[found.column], found.beta[found.column] / scale[found.column]
    if found.status == SINGULAR:
        raise EstimationError(
            f"{model}: {name} is a linear combination of other covariates, or does not vary among "
            "those compared with each other. Leave it out, or a covariate it duplicates."
        )
    if found.status == DIVERGING:
        raise EstimationError(
            f"{model}: the likelihood has no maximum; the coefficient of {name} diverges (stopped "
            f"at {coef:.3g}). One of its groups has no events, or all of them. Merge levels or "
            "leave it out."
        )
    raise EstimationError(
        f"{model}: not converged (last at {name}, coefficient {coef:.3g}). Look for extreme "
        "values, rescale the covariate or leave it out."
    )
