"""The score test of proportional hazards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2, rankdata

from replica.cohort import Cohort
from replica.counting_process import interval_likelihood
from replica.cox import cohort_design, maximum
from replica.cox_fit import refuse_failure
from replica.cox_rows import CoxRows, cox_rows, intervals
from replica.errors import DataError, EstimationError, ParameterError, one_of
from replica.protocol import TIES, Ties
from replica.risk_sets import Floats, cohort_times

__all__ = ["TimeTransform", "proportional_hazards", "proportional_hazards_test"]

TimeTransform = Literal["km", "identity", "rank", "log"]
# Larger times overflow when they are squared and summed.
_LARGEST = 1e140
TIME_TRANSFORMS: tuple[TimeTransform, ...] = get_args(TimeTransform)


def proportional_hazards_test(
    matrix: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str],
    terms: Sequence[str] | None = None,
    transform: TimeTransform = "km",
    ties: Ties = "efron",
    start: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> pd.DataFrame:
    """Test that no hazard ratio changes with time: the score test of covariate x g(time).

    Parameters
    ----------
    matrix, duration, event, names, ties, start, strata, weights
        As in `replica.cox.fit_cox`.
    terms
        The covariate that each column belongs to; its columns are tested together. Each column is
        its own term if None.
    transform
        g: `km` (one minus the Kaplan-Meier estimate just before the time, of all strata together),
        `identity`, `rank` or `log`.

    Returns
    -------
    DataFrame
        `term`, `statistic`, `df`, `p`: one row per term and `GLOBAL`, for all together.

    Raises
    ------
    ParameterError
        If the transform is unknown, or logarithms of a time of zero are asked for.
    DataError, EstimationError
        As in `fit_cox`; also if covariate and covariate x g(time) cannot be told apart, as with
        all events at one time.

    Notes
    -----
    Grambsch and Therneau, Biometrika 1994;81:515-526, as the exact score test of R's `cox.zph`
    since survival 3.0, not the approximation before it.
    """
    if transform not in TIME_TRANSFORMS:
        raise ParameterError(f"transform: {one_of(transform, TIME_TRANSFORMS)}")
    if ties not in TIES:
        raise ParameterError(f"ties: {one_of(ties, TIES)}")
    owners = tuple(names if terms is None else terms)
    if len(owners) != len(names):
        raise DataError(f"terms: found {len(owners)} for {len(names)} columns; one each is needed.")
    rows = cox_rows(
        matrix, duration, event, names=names, start=start, strata=strata, weights=weights
    )
    fit = maximum(rows, ties)
    refuse_failure(fit.status, fit.column, names, fit.beta / rows.scale)
    of_time = _transformed(rows, transform)
    of_time = of_time - of_time[rows.event != 0].mean()
    entry, by_start = intervals(rows)
    _, scores, information = interval_likelihood(
        rows.Z,
        entry,
        rows.time,
        rows.event,
        rows.weight,
        rows.stratum,
        by_start,
        fit.beta,
        ties == "efron",
        of_time,
    )
    plain, mixed, squared = information
    # what the covariate explains is taken out of covariate x g(time)
    left = squared - mixed @ np.linalg.solve(plain, mixed)
    size = np.diag(squared)
    found = []
    for term in [*dict.fromkeys(owners), None]:
        columns = [i for i, owner in enumerate(owners) if term in (owner, None)]
        part = left[np.ix_(columns, columns)]
        if not _definite(part, size[columns]):
            raise EstimationError(
                f"proportional hazards, {term or 'all covariates'}: the effect of time cannot be "
                "told from the covariate's own, for the events lie at too few times. Test fewer "
                "covariates."
            )
        score = scores[1, columns]
        statistic = float(score @ np.linalg.solve(part, score))
        row = {"term": term or "GLOBAL", "statistic": statistic, "df": len(columns)}
        found.append({**row, "p": float(chi2.sf(statistic, len(columns)))})
    return pd.DataFrame(found)


def _definite(part: Floats, size: Floats) -> bool:
    """Whether a block of information is regular, next to what it was before others explained it."""
    if not (np.isfinite(part).all() and (size > 0).all()):
        return False
    relative = part / np.sqrt(np.outer(size, size))
    return bool(np.linalg.eigvalsh(relative).min() >= 1e-10)


def _transformed(rows: CoxRows, transform: TimeTransform) -> Floats:
    """Return g of each row's time."""
    time = rows.time
    if transform == "identity":
        if time.max() > _LARGEST:
            raise DataError(
                f"durations: found {time.max():g}; allowed with 'identity': up to {_LARGEST:g}. "
                "Take another unit, or choose 'rank'."
            )
        return time
    if transform == "rank":
        return np.asarray(rankdata(time), dtype=np.float64)
    if transform == "log":
        if time.min() <= 0:
            raise ParameterError("transform: found 'log' and a time of 0; choose 'km' or 'rank'.")
        return np.log(time)
    distinct, deaths = np.unique(time[rows.event != 0], return_counts=True)
    at_risk = time.size - np.searchsorted(np.sort(time), distinct)
    if rows.start.size:
        at_risk = at_risk - (time.size - np.searchsorted(np.sort(rows.start), distinct))
    survival = np.concatenate([[1.0], np.cumprod(1 - deaths / at_risk)])
    return np.asarray(1 - survival[np.searchsorted(distinct, time)], dtype=np.float64)


def proportional_hazards(
    cohort: Cohort,
    outcome: str,
    covariates: Sequence[str],
    *,
    transform: TimeTransform = "km",
    ties: Ties,
    strata: str | None = None,
) -> pd.DataFrame:
    """Test proportional hazards of a Cox model of a cohort, one row per covariate and `GLOBAL`.

    Parameters
    ----------
    cohort, outcome, covariates, strata
        As in `replica.cox.cox`; the levels of a covariate are tested together.
    transform, ties
        As in `proportional_hazards_test`.

    Returns
    -------
    DataFrame
        `term`, `statistic`, `df`, `p`.

    Raises
    ------
    ParameterError, DataError, EstimationError
        As in `replica.cox.cox` and `proportional_hazards_test`.
    """
    others = [] if strata is None else [strata]
    used, coded, _ = cohort_design(cohort, outcome, covariates, others)
    duration, event = cohort_times(used, outcome)
    return proportional_hazards_test(
        coded.matrix,
        duration,
        event,
        names=coded.names,
        terms=coded.covariates,
        transform=transform,
        ties=ties,
        strata=None if strata is None else used.patients[strata].to_numpy(),
    )
