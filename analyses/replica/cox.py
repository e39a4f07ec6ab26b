"""Cox proportional hazards regression, with model-based and robust standard errors.

Rows are sorted by the values they hold, so their order in a file cannot change a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

from replica.cohort import Cohort, design
from replica.errors import DataError, EstimationError, ParameterError, one_of
from replica.partial_likelihood import (
    CONVERGED,
    DIVERGING,
    SINGULAR,
    maximise,
    partial_likelihood,
    sandwich,
    score_residuals,
)
from replica.protocol import TIES, Ties
from replica.risk_sets import Floats, Integers, check_times, cohort_times, label_codes

__all__ = ["CoxFit", "cox", "fit_cox", "maximise", "partial_likelihood"]


@dataclass(frozen=True)
class CoxFit:
    """A fitted Cox model: coefficients are log hazard ratios, one per column of the design.

    `se` and `covariance` are model-based; `robust_se` is the sandwich's (Lin and Wei 1989) when
    it was asked for. `clusters` counts the clusters of a clustered sandwich. `n` and `n_events`
    count the patients used, `n_missing` those left out because a covariate was missing.
    """

    names: tuple[str, ...]
    coef: Floats
    se: Floats
    robust_se: Floats | None
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    n: int
    n_events: int
    ties: Ties
    iterations: int
    clusters: int | None
    n_missing: int = 0

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Hazard ratios with Wald intervals and p values, one row per coefficient.

        Returns
        -------
        DataFrame
            `covariate`, `hazard_ratio`, `ci_low`, `ci_high`, `p`, `se` (model-based, of the log
            hazard ratio) and, with a robust error, `robust_ci_low`, `robust_ci_high`, `robust_p`,
            `robust_se`.

        Raises
        ------
        ParameterError
            If the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ParameterError(f"level: found {level}; it must lie between 0 and 1.")
        z = ndtri((1 + level) / 2)
        columns: dict[str, object] = {
            "covariate": list(self.names),
            "hazard_ratio": np.exp(self.coef),
        }
        for prefix, se in (("", self.se), ("robust_", self.robust_se)):
            if se is not None:
                columns[f"{prefix}ci_low"] = np.exp(self.coef - z * se)
                columns[f"{prefix}ci_high"] = np.exp(self.coef + z * se)
                columns[f"{prefix}p"] = 2 * ndtr(-np.abs(self.coef / se))
                columns[f"{prefix}se"] = se
        return pd.DataFrame(columns)

    def wald_p(self) -> float:
        """P value of the joint Wald test (model-based) that every coefficient is zero."""
        statistic = float(self.coef @ np.linalg.solve(self.covariance, self.coef))
        return float(chi2.sf(statistic, len(self.names)))


def fit_cox(
    matrix: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str],
    ties: Ties = "efron",
    cluster: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    robust: bool = False,
) -> CoxFit:
    """Fit a Cox model by maximum partial likelihood.

    Parameters
    ----------
    matrix
        Shape (n, p), finite numbers; `names` names its columns.
    duration, event
        Shape (n,), in any unit and order; see `replica.survival.check_times`.
    ties
        `efron` (R's default) or `breslow` (SPSS).
    cluster, strata
        Shape (n,), labels. A cluster shares one entry of the sandwich; a stratum has its own
        baseline hazard.
    weights
        Shape (n,), above 0.
    robust
        Add the sandwich error; implied by `cluster` and by `weights`.

    Raises
    ------
    DataError
        If a value, label or weight is missing or impossible.
    EstimationError
        If there are no events, a covariate does not vary, covariates are collinear, the likelihood
        has no maximum (separation) or Newton's method does not converge.

    Notes
    -----
    R: `coxph`, with `robust_se` its dfbeta sandwich (Lin and Wei 1989; no small-sample factor).
    """
    if ties not in TIES:
        raise ParameterError(f"ties: {one_of(ties, TIES)}")
    times, events = check_times(duration, event)
    X = _matrix(matrix, times.size, names)
    weight = _weights(weights, times.size)
    stratum, _ = _labels(strata, times.size, "strata")
    group, clusters = _labels(cluster, times.size, "cluster")
    if not events.any():
        raise EstimationError(
            f"Cox model: found no event among {times.size} patients; at least 1 is needed."
        )
    # Sorting by everything a row holds leaves only identical rows in a tie.
    order = np.lexsort((group, weight, *X.T, events, -times, stratum))
    X, times, events, weight = X[order], times[order], events[order], weight[order]
    stratum, group = stratum[order], group[order]
    centre, scale = X.mean(axis=0), X.std(axis=0)
    Z = np.ascontiguousarray((X - centre) / scale)
    efron = ties == "efron"
    beta, covariance, value, null, iterations, status, column = maximise(
        Z, times, events, weight, stratum, efron
    )
    _refuse(status, column, names, beta / scale)
    robust_se = None
    if robust or cluster is not None or weights is not None:
        if cluster is None:
            group, clusters = np.arange(times.size, dtype=np.int64), times.size
        elif clusters < 2:
            raise EstimationError("Cox model: found 1 cluster; a robust error needs at least 2.")
        residuals = score_residuals(Z, times, events, weight, stratum, beta, efron)
        robust_se = np.sqrt(np.diag(sandwich(residuals, weight, group, clusters, covariance)))
        robust_se = robust_se / scale
    return CoxFit(
        names=tuple(names),
        coef=beta / scale,
        se=np.sqrt(np.diag(covariance)) / scale,
        robust_se=robust_se,
        covariance=covariance / np.outer(scale, scale),
        log_likelihood=float(value),
        log_likelihood_null=float(null),
        n=int(times.size),
        n_events=int(events.sum()),
        ties=ties,
        iterations=int(iterations),
        clusters=clusters if cluster is not None else None,
    )


def _matrix(matrix: ArrayLike, n: int, names: Sequence[str]) -> Floats:
    X = np.asarray(matrix, dtype=np.float64)
    if X.ndim != 2 or X.shape != (n, len(names)) or X.shape[1] == 0:
        raise DataError(
            f"matrix: found the shape {X.shape}; needed: {n} patients by {len(names)} named "
            "columns, at least 1."
        )
    for name, column in zip(names, X.T, strict=True):
        if not np.isfinite(column).all():
            raise DataError(
                f"{name}: found missing or infinite values; exclude those patients first."
            )
        if column.min() == column.max():
            raise EstimationError(
                f"Cox model: {name} has the same value ({column[0]:g}) for all {n} patients; at "
                "least 2 groups are needed. Leave it out."
            )
    return X


def _weights(weights: ArrayLike | None, n: int) -> Floats:
    if weights is None:
        return np.ones(n)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight > 0)).all():
        raise DataError(
            f"weights: needed are {n} finite numbers above 0; found the shape {weight.shape} or "
            "other values. Exclude patients of weight 0 first."
        )
    return weight


def _labels(labels: ArrayLike | None, n: int, what: str) -> tuple[Integers, int]:
    if labels is None:
        return np.zeros(n, dtype=np.int64), 1
    codes, uniques = label_codes(labels, n, what)
    return codes, len(uniques)


def _refuse(status: int, column: int, names: Sequence[str], coef: Floats) -> None:
    """Turn a failed maximisation into an error that names the covariate."""
    if status == CONVERGED:
        return
    name = names[column]
    if status == SINGULAR:
        raise EstimationError(
            f"Cox model: {name} is a linear combination of other covariates, or does not vary "
            "among those at risk at any event. Leave it out, or a covariate it duplicates."
        )
    if status == DIVERGING:
        raise EstimationError(
            f"Cox model: the likelihood has no maximum; the coefficient of {name} diverges "
            f"(stopped at {coef[column]:.3g}). One of its groups has no events, or all of them "
            "first. Merge levels or leave it out."
        )
    raise EstimationError(
        f"Cox model: not converged (last at {name}, coefficient {coef[column]:.3g}). Look for "
        "extreme values, rescale the covariate or leave it out."
    )


def cox(
    cohort: Cohort,
    outcome: str,
    covariates: Sequence[str],
    *,
    ties: Ties,
    cluster: str | None = None,
    strata: str | None = None,
    robust: bool = False,
) -> CoxFit:
    """Fit a Cox model of one outcome to a cohort.

    Parameters
    ----------
    cohort
        Validated patients; those with a missing covariate, cluster or stratum are left out and
        counted (complete cases, as R and SPSS do).
    outcome
        Key of an outcome of the study.
    covariates
        As in `replica.cohort.design`: covariates, measures or `arm` (1 for treated).
    cluster, strata
        Columns of the patient table, such as `pair`.

    Raises
    ------
    ParameterError
        If a column is unknown.
    DataError, EstimationError
        As in `fit_cox`; a missing duration or event is an error, not a missing covariate.
    """
    columns = [*covariates, *(c for c in (cluster, strata) if c is not None)]
    for name in columns:
        if name not in cohort.patients.columns:
            raise ParameterError(f"unknown column, {one_of(name, cohort.patients.columns)}")
    cohort_times(cohort, outcome)
    complete = cohort.patients[columns].notna().all(axis=1).to_numpy()
    if not complete.any():
        raise EstimationError(
            f"Cox model: found no patient with all of {', '.join(columns)} known; leave out the "
            "column that is empty."
        )
    used = cohort.where(complete)
    duration, event = cohort_times(used, outcome)
    coded = design(used, covariates)
    fit = fit_cox(
        coded.matrix,
        duration,
        event,
        names=coded.names,
        ties=ties,
        cluster=None if cluster is None else used.patients[cluster].to_numpy(),
        strata=None if strata is None else used.patients[strata].to_numpy(),
        robust=robust,
    )
    missing = int(np.count_nonzero(~complete))
    return replace(fit, n_missing=missing)
