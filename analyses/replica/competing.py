"""Competing risks of a cohort: cumulative incidence, Gray's test, and the two kinds of regression.

The patients' table names the cause of the first event in a column of whole numbers: 0 for none, 1,
2, ... for the causes. The duration is that of the outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.aalen_johansen import (
    INCIDENCE_COLUMNS,
    IncidenceAt,
    IncidenceVariance,
    aalen_johansen,
    check_cause,
    check_causes,
    incidence_at,
)
from replica.cohort import Cohort, check_names, design
from replica.convention import SurvivalInterval
from replica.cox import CoxFit, fit_cox
from replica.errors import DataError, EstimationError
from replica.gray import GrayTest, gray
from replica.protocol import Ties
from replica.risk_sets import Floats, Integers, cohort_times, group_labels
from replica.subdistribution import FineGrayFit, fit_fine_gray

__all__ = [
    "INCIDENCE_COLUMNS",
    "FineGrayFit",
    "GrayTest",
    "IncidenceAt",
    "aalen_johansen",
    "cause_specific_cox",
    "cohort_causes",
    "cumulative_incidence",
    "fine_gray",
    "fit_fine_gray",
    "gray",
    "gray_test",
    "incidence_at",
]


def cohort_causes(cohort: Cohort, outcome: str, cause: str) -> tuple[Floats, Integers]:
    """Return the checked durations and causes of one outcome, in row order.

    Parameters
    ----------
    cohort, outcome
        Validated patients and the key of an outcome of their study.
    cause
        Column of the patients' table; 0 censored, 1, 2, ... the cause of the first event.

    Raises
    ------
    ParameterError
        If there is no such column.
    DataError
        If a time or cause is refused, or a patient with the outcome's event has cause 0.
    """
    codes = cohort.column(cause)
    _, event = cohort_times(cohort, outcome)
    times, causes = check_causes(cohort.column(cohort.study.outcome(outcome).duration), codes)
    contradicted = int(np.count_nonzero((event == 1) & (causes == 0)))
    if contradicted:
        raise DataError(
            f"{cause}: found {contradicted} patients with the event of {outcome!r} and cause 0; "
            "allowed: 1, 2, ... for every event. Complete the causes, or take the outcome whose "
            "duration they belong to."
        )
    return times, causes


def cumulative_incidence(
    cohort: Cohort,
    outcome: str,
    *,
    cause: str,
    by: str | None = "arm",
    interval: SurvivalInterval = "log-log",
    variance: IncidenceVariance = "aalen",
    level: float = 0.95,
) -> pd.DataFrame:
    """Cumulative incidence of every cause by group, as one tidy frame.

    Parameters
    ----------
    cohort, outcome, cause
        See `cohort_causes`.
    by
        `arm`, a covariate or a characteristic; None pools everybody as the group `all`. Groups
        stand in the study's order of levels; a level without patients is left out.
    interval, variance, level
        See `replica.aalen_johansen.aalen_johansen`.

    Returns
    -------
    DataFrame
        `group` (level key), then the columns `INCIDENCE_COLUMNS`. Every group has rows for every
        cause that anybody had; they stay at 0 where nobody of the group had it.

    Raises
    ------
    ParameterError, DataError
        As `cohort_causes`; or a patient belongs to none of the groups.
    """
    times, causes = cohort_causes(cohort, outcome, cause)
    labels, keys = group_labels(cohort, by)
    present = np.unique(causes[causes > 0]).tolist()
    frames = []
    for key in keys:
        rows = labels == key
        if rows.any():
            curve = aalen_johansen(
                times[rows],
                causes[rows],
                causes=present,
                interval=interval,
                variance=variance,
                level=level,
            )
            curve.insert(0, "group", key)
            frames.append(curve)
    return pd.concat(frames, ignore_index=True)


def gray_test(
    cohort: Cohort,
    outcome: str,
    *,
    cause: str,
    of: int = 1,
    by: str = "arm",
    strata: str | None = None,
) -> GrayTest:
    """Gray's test of one cause between the groups of a column, if asked within strata.

    Raises
    ------
    ParameterError, DataError, EstimationError
        As `cohort_causes`, `replica.risk_sets.group_labels` and `replica.gray.gray`.
    """
    times, causes = cohort_causes(cohort, outcome, cause)
    labels, _ = group_labels(cohort, by)
    within = None if strata is None else group_labels(cohort, strata)[0]
    return gray(times, causes, labels, of=of, strata=within)


def cause_specific_cox(
    cohort: Cohort,
    outcome: str,
    covariates: Sequence[str],
    *,
    cause: str,
    of: int = 1,
    ties: Ties,
    cluster: str | None = None,
    strata: str | None = None,
    robust: bool = False,
) -> CoxFit:
    """Fit a Cox model of one cause's hazard: events of other causes are censored.

    Parameters
    ----------
    cohort, outcome, cause
        See `cohort_causes`.
    of
        The cause of interest.
    covariates, ties, cluster, strata, robust
        See `replica.cox.cox`; patients with a missing covariate, cluster or stratum are left out
        and counted.

    Raises
    ------
    ParameterError, DataError, EstimationError
        As `cohort_causes` and `replica.cox.fit_cox`.

    Notes
    -----
    Prentice et al. (1978).
    """
    extra = [column for column in (cluster, strata) if column is not None]
    check_names(covariates)
    times, causes, complete = _complete(cohort, outcome, cause, [*covariates, *extra])
    check_cause(of, causes)
    used = cohort.where(complete)
    coded = design(used, covariates)
    fit = fit_cox(
        coded.matrix,
        times,
        causes == of,
        names=coded.names,
        ties=ties,
        cluster=None if cluster is None else used.patients[cluster].to_numpy(),
        strata=None if strata is None else used.patients[strata].to_numpy(),
        robust=robust,
    )
    return replace(fit, n_missing=int(np.count_nonzero(~complete)))


def fine_gray(
    cohort: Cohort, outcome: str, covariates: Sequence[str], *, cause: str, of: int = 1
) -> FineGrayFit:
    """Fit proportional subdistribution hazards of one cause to a cohort.

    Parameters
    ----------
    cohort, outcome, cause
        See `cohort_causes`.
    covariates
        As in `replica.cohort.design`; patients with a missing one are left out and counted.
    of
        The cause of interest.

    Raises
    ------
    ParameterError, DataError, EstimationError
        As `cohort_causes` and `replica.subdistribution.fit_fine_gray`.
    """
    check_names(covariates)
    times, causes, complete = _complete(cohort, outcome, cause, covariates)
    coded = design(cohort.where(complete), covariates)
    fit = fit_fine_gray(coded.matrix, times, causes, names=coded.names, of=of)
    return replace(fit, n_missing=int(np.count_nonzero(~complete)))


def _complete(
    cohort: Cohort, outcome: str, cause: str, columns: Sequence[str]
) -> tuple[Floats, Integers, NDArray[np.bool_]]:
    """Return times and causes of the patients whose columns are all known, and who they are."""
    times, causes = cohort_causes(cohort, outcome, cause)
    for name in columns:
        cohort.column(name)
    known = cohort.patients[list(columns)].notna().all(axis=1).to_numpy(dtype=np.bool_)
    if not known.any():
        raise EstimationError(
            f"competing risks: found no patient with all of {', '.join(columns)} known; leave out "
            "the column that is empty."
        )
    return times[known], causes[known], known
