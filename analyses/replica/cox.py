"""Cox proportional hazards regression, with model-based and robust standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from replica.cohort import Cohort, Design, check_names, design
from replica.counting_process import interval_likelihood, interval_residuals
from replica.cox_fit import COX_TIES, CoxFit, CoxTies, refuse_failure
from replica.cox_rows import CoxRows, check_patients, cox_rows
from replica.errors import EstimationError, ParameterError, one_of
from replica.exact_ties import exact_likelihood, most_tied
from replica.large_samples import large_likelihood
from replica.newton import Maximum, newton
from replica.partial_likelihood import maximise, partial_likelihood, sandwich, score_residuals
from replica.risk_sets import Floats, Integers, cohort_times

__all__ = ["CoxFit", "cohort_design", "cox", "fit_cox", "maximise", "maximum", "partial_likelihood"]

# The exact likelihood is refused beyond this many tied events, where its terms leave the range of
# a float, and beyond this many operations, some seconds for each step of Newton's method.
_MOST_TIED = 500
_MOST_WORK = 2e9


def fit_cox(
    matrix: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str],
    ties: CoxTies = "efron",
    start: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    robust: bool = False,
    patient: ArrayLike | None = None,
) -> CoxFit:
    """Fit a Cox model by maximum partial likelihood.

    Parameters
    ----------
    matrix
        Shape (n, p), finite numbers; `names` names its columns.
    duration, event
        Shape (n,), in any unit and order; see `replica.survival.check_times`.
    ties
        `efron` (R's default), `breslow` (SPSS) or `exact` (tied events are one draw among those at
        risk; for modest numbers of ties, without weights, robust errors or `start`).
    start
        Shape (n,), below `duration`: each row is then an interval (start, duration] of follow-up,
        for late entry or covariates that change between a patient's rows. A robust error then
        needs the patient as `cluster`.
    cluster, strata
        Shape (n,), labels. A cluster shares one entry of the sandwich; a stratum has its own
        baseline hazard.
    weights
        Shape (n,), above 0.
    robust
        Add the sandwich error; implied by `cluster` and by `weights`.
    patient
        Shape (n,), with `start`: whose follow-up each interval is. Intervals of one patient must
        not overlap; the patient is the `cluster` of a robust error, unless another is passed.

    Raises
    ------
    DataError
        If a value, label or weight is missing or impossible, an interval is empty, or two of one
        patient overlap.
    EstimationError
        If there are no events, a covariate does not vary, covariates are collinear, the likelihood
        has no maximum (separation), Newton's method does not converge, or there are too many tied
        events for the exact likelihood.
    ParameterError
        If the ties are unknown or an option does not exist with them.

    Notes
    -----
    R: `coxph`, with `robust_se` its dfbeta sandwich (Lin and Wei 1989; no small-sample factor).
    Above 50,000 rows the sums are formed in another order, for speed; estimates
    agree to 1e-8.
    """
    if ties not in COX_TIES:
        raise ParameterError(f"ties: {one_of(ties, COX_TIES)}")
    wants_robust = robust or cluster is not None or weights is not None
    if ties == "exact" and (wants_robust or start is not None):
        raise ParameterError(
            "ties: found 'exact' with weights, cluster, robust or start; the exact likelihood is "
            "defined here without them only. Leave them out, or choose 'efron'."
        )
    if patient is not None:
        if start is None:
            raise ParameterError(
                "patient: found without `start`; pass the start of each interval of follow-up too, "
                "or name the patients as `cluster`."
            )
        check_patients(patient, start, duration)
        cluster = patient if wants_robust and cluster is None else cluster
    if start is not None and wants_robust and cluster is None:
        raise ParameterError(
            "start: found a robust error or weights without `cluster`; pass the patient of each "
            "row as `cluster`, for the rows of one patient are not independent."
        )
    rows = cox_rows(
        matrix,
        duration,
        event,
        names=names,
        start=start,
        cluster=cluster,
        strata=strata,
        weights=weights,
    )
    found = maximum(rows, ties)
    scale = rows.scale
    refuse_failure(found.status, found.column, names, found.beta / scale)
    robust_covariance = None
    if wants_robust:
        scaled = _robust(rows, found, efron=ties == "efron")
        robust_covariance = scaled / np.outer(scale, scale)
    return CoxFit(
        names=tuple(names),
        coef=found.beta / scale,
        se=np.sqrt(np.diag(found.covariance)) / scale,
        robust_se=None if not wants_robust else np.sqrt(np.diag(scaled)) / scale,
        covariance=found.covariance / np.outer(scale, scale),
        log_likelihood=float(found.value),
        log_likelihood_null=float(found.null),
        n=int(rows.time.size),
        n_events=int(rows.event.sum()),
        ties=ties,
        iterations=int(found.iterations),
        clusters=rows.clusters,
        score_statistic=found.score_statistic,
        robust_covariance=robust_covariance,
    )


def maximum(rows: CoxRows, ties: CoxTies) -> Maximum:
    """Maximise the likelihood that fits the rows: small, large, of intervals, or exact."""
    Z, efron, p = rows.Z, ties == "efron", rows.Z.shape[1]
    weighted = float(rows.weight[rows.event != 0].sum())
    at = (Z, rows.time, rows.event, rows.weight, rows.stratum)
    if ties == "exact":
        most = _bounded(rows)

        def exact(beta: Floats) -> tuple[float, Floats, Floats]:
            found = exact_likelihood(Z, rows.time, rows.event, rows.stratum, most, beta)
            return float(found[0]), found[1], found[2]

        return newton(exact, p, weighted)
    if rows.start.size:
        none = np.empty(0)
        times = (Z, rows.start, rows.time, *at[2:], rows.by_start)

        def split(beta: Floats) -> tuple[float, Floats, Floats]:
            value, scores, information = interval_likelihood(*times, beta, efron, none)
            return float(value), scores[0], information[0]

        return newton(split, p, weighted)
    if rows.large:

        def many(beta: Floats) -> tuple[float, Floats, Floats]:
            found = large_likelihood(*at, beta, efron)
            return float(found[0]), found[1], found[2]

        return newton(many, p, weighted)
    beta, covariance, value, null, iterations, status, column = maximise(*at, efron)
    _, score, information = partial_likelihood(*at, np.zeros(p), efron)
    statistic = np.nan if status != 0 else float(score @ np.linalg.solve(information, score))
    return Maximum(beta, covariance, value, null, statistic, iterations, status, column)


def _bounded(rows: CoxRows) -> Integers:
    """Count the most tied events of each stratum; refuse what the exact likelihood cannot do."""
    most: Integers = most_tied(rows.time, rows.event, rows.stratum)
    p = rows.Z.shape[1]
    tied, work = int(most.max()), float(most.sum()) * (1 + p + p * (p + 1) / 2)
    if tied > _MOST_TIED or work > _MOST_WORK:
        raise EstimationError(
            f"exact ties: found up to {tied} events at one time among {rows.time.size} patients, "
            f"{work:.2g} operations a step; at most {_MOST_TIED} events and {_MOST_WORK:.0e} "
            "operations are allowed. Choose Efron's ties, which come close."
        )
    return most


def _robust(rows: CoxRows, found: Maximum, *, efron: bool) -> Floats:
    """Form the sandwich covariance of the standardised coefficients."""
    at = (rows.event, rows.weight, rows.stratum)
    if rows.start.size:
        residuals = interval_residuals(
            rows.Z, rows.start, rows.time, *at, rows.by_start, found.beta, efron
        )
    else:
        residuals = score_residuals(rows.Z, rows.time, *at, found.beta, efron)
    group, clusters = rows.group, rows.clusters
    if clusters is None:
        clusters = rows.time.size
        group = np.arange(clusters, dtype=np.int64)
    covariance: Floats = sandwich(residuals, rows.weight, group, clusters, found.covariance)
    return covariance


def cohort_design(
    cohort: Cohort, outcome: str, covariates: Sequence[str], others: Sequence[str] = ()
) -> tuple[Cohort, Design, int]:
    """Restrict a cohort to those with every column known, and code its covariates.

    Parameters
    ----------
    covariates, others
        Columns that must be known; the covariates are coded by `replica.cohort.design`.

    Returns
    -------
    tuple
        The complete cases, their design and how many patients were left out.

    Raises
    ------
    ParameterError
        If a column is unknown.
    DataError, EstimationError
        If a time or event is refused, or nobody is complete.
    """
    check_names(covariates)
    columns = [*covariates, *others]
    for name in columns:
        cohort.column(name)
    cohort_times(cohort, outcome)
    complete = cohort.patients[columns].notna().all(axis=1).to_numpy()
    if not complete.any():
        raise EstimationError(
            f"Cox model: found no patient with all of {', '.join(columns)} known; leave out the "
            "column that is empty."
        )
    used = cohort.where(complete)
    return used, design(used, covariates), int(np.count_nonzero(~complete))


def cox(
    cohort: Cohort,
    outcome: str,
    covariates: Sequence[str],
    *,
    ties: CoxTies,
    start: str | None = None,
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
    start, cluster, strata
        Columns of the patient table, such as the time of a late entry or `pair`. With `start` the
        rows of one `patient_id` must not overlap, and are the cluster of a robust error unless
        another is named.

    Raises
    ------
    ParameterError
        If a column is unknown.
    DataError, EstimationError
        As in `fit_cox`; a missing duration or event is an error, not a missing covariate.
    """
    others = [column for column in (start, cluster, strata) if column is not None]
    used, coded, missing = cohort_design(cohort, outcome, covariates, others)
    duration, event = cohort_times(used, outcome)
    fit = fit_cox(
        coded.matrix,
        duration,
        event,
        names=coded.names,
        ties=ties,
        start=None if start is None else used.patients[start].to_numpy(),
        patient=None if start is None else used.column("patient_id").to_numpy(),
        cluster=None if cluster is None else used.patients[cluster].to_numpy(),
        strata=None if strata is None else used.patients[strata].to_numpy(),
        robust=robust,
    )
    return replace(fit, n_missing=missing)
