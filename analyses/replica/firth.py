"""Cox regression with Firth's penalty: finite estimates from separated or tiny samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2

from replica.arrays import check_level
from replica.cohort import Cohort
from replica.cox import cohort_design
from replica.cox_fit import refuse_failure
from replica.cox_rows import CoxRows, cox_rows
from replica.errors import ParameterError, one_of
from replica.partial_likelihood import SINGULAR, invert
from replica.penalised_likelihood import Penalised, Profile, climb
from replica.protocol import TIES, Ties
from replica.risk_sets import Floats, cohort_times
from replica.third_moments import third_order_likelihood

__all__ = ["FirthFit", "cox_firth", "fit_cox_firth"]


@dataclass(frozen=True)
class FirthFit:
    """A Cox model with Firth's penalty, its profile intervals and likelihood-ratio p values.

    `coef` are log hazard ratios; `ci_low` and `ci_high` bound them at `level` by the profile
    penalised likelihood, `p` is the penalised likelihood-ratio test's that one is zero. `se` and
    `covariance` come from the information at the estimate, without the penalty. `joint_p` tests
    all coefficients at once.
    """

    names: tuple[str, ...]
    coef: Floats
    ci_low: Floats
    ci_high: Floats
    p: Floats
    level: float
    se: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    n: int
    n_events: int
    ties: Ties
    n_missing: int = 0

    @property
    def joint_p(self) -> float:
        """P value of the joint penalised likelihood-ratio test that every coefficient is zero."""
        statistic = 2 * (self.log_likelihood - self.log_likelihood_null)
        return float(chi2.sf(statistic, len(self.names)))

    def summary(self) -> pd.DataFrame:
        """Hazard ratios with profile intervals and p values, one row per coefficient.

        Returns
        -------
        DataFrame
            `covariate`, `hazard_ratio`, `ci_low`, `ci_high`, `p`, `se` (of the log hazard ratio).
        """
        return pd.DataFrame(
            {
                "covariate": list(self.names),
                "hazard_ratio": np.exp(self.coef),
                "ci_low": np.exp(self.ci_low),
                "ci_high": np.exp(self.ci_high),
                "p": self.p,
                "se": self.se,
            }
        )


def fit_cox_firth(
    matrix: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str],
    ties: Ties = "breslow",
    strata: ArrayLike | None = None,
    level: float = 0.95,
) -> FirthFit:
    """Fit a Cox model by maximum penalised partial likelihood, log L + 1/2 log det I.

    Parameters
    ----------
    matrix, duration, event, names, strata
        As in `replica.cox.fit_cox`.
    ties
        `breslow` (as R's coxphf) or `efron`.
    level
        Of the profile penalised-likelihood intervals.

    Raises
    ------
    ParameterError
        If the ties or the level are impossible.
    DataError
        If a value or label is missing or impossible.
    EstimationError
        If there are no events, covariates do not vary or are collinear, the maximisation does not
        converge, or an end of an interval cannot be found.

    Notes
    -----
    Heinze and Schemper, Biometrics 2001;57:114-119; R: `coxphf::coxphf`. The other coefficients
    are maximised again along a profile, with the penalty of the whole information matrix.
    """
    if ties not in TIES:
        raise ParameterError(f"ties: {one_of(ties, TIES)}")
    check_level(level)
    rows = cox_rows(matrix, duration, event, names=names, strata=strata)
    penalised = _penalised(rows, efron=ties == "efron")
    p, scale = len(names), rows.scale
    zero = np.zeros(p)
    null, _, information = penalised(zero)
    _refuse_singular(information, int(rows.event.sum()), names)
    beta, value, information = climb(penalised, zero, np.arange(p))
    covariance: Floats = np.linalg.inv(information).astype(np.float64)
    se = np.sqrt(np.diag(covariance))
    drop = float(chi2.ppf(level, 1)) / 2
    ends = np.empty((2, p))
    p_values = np.empty(p)
    for column in range(p):
        profile = Profile(penalised, beta, covariance, column)
        p_values[column] = chi2.sf(2 * (value - profile.at(0.0)), 1)
        for side, sign in enumerate((-1, 1)):
            ends[side, column] = profile.end(sign * se[column], value - drop, names[column])
    # on the covariates' own scale the determinant of the information is another
    own = float(np.log(scale).sum())
    return FirthFit(
        names=tuple(names),
        coef=beta / scale,
        ci_low=ends[0] / scale,
        ci_high=ends[1] / scale,
        p=p_values,
        level=level,
        se=se / scale,
        covariance=covariance / np.outer(scale, scale),
        log_likelihood=value + own,
        log_likelihood_null=null + own,
        n=int(rows.time.size),
        n_events=int(rows.event.sum()),
        ties=ties,
    )


def _penalised(rows: CoxRows, *, efron: bool) -> Penalised:
    at = (rows.Z, rows.time, rows.event, rows.stratum)

    def penalised(beta: Floats) -> tuple[float, Floats, Floats]:
        value, score, information, slope = third_order_likelihood(*at, beta, efron)
        unknown = np.full_like(score, np.nan)
        if not (np.isfinite(value) and np.isfinite(information).all()):
            return -np.inf, unknown, information
        sign, log_det = np.linalg.slogdet(information)
        if sign <= 0 or np.linalg.cond(information) > 1e12:
            return -np.inf, unknown, information
        pull = 0.5 * np.einsum("ab,abc->c", np.linalg.inv(information), slope)
        return float(value) + 0.5 * float(log_det), score + pull, information

    return penalised


def _refuse_singular(information: Floats, events: int, names: Sequence[str]) -> None:
    """Refuse covariates that do not vary at any event, or that those before them explain."""
    flat = np.flatnonzero(~(information.diagonal() > 1e-12 * events))
    column = int(flat[0]) if flat.size else invert(information, 1e-10)[0]
    if column >= 0:
        refuse_failure(SINGULAR, column, names, np.zeros(len(names)))


def cox_firth(
    cohort: Cohort,
    outcome: str,
    covariates: Sequence[str],
    *,
    ties: Ties = "breslow",
    strata: str | None = None,
    level: float = 0.95,
) -> FirthFit:
    """Fit a Cox model with Firth's penalty to the complete cases of a cohort.

    Parameters
    ----------
    cohort, outcome, covariates, strata
        As in `replica.cox.cox`.
    ties, level
        As in `fit_cox_firth`.

    Raises
    ------
    ParameterError
        If a column is unknown.
    DataError, EstimationError
        As in `fit_cox_firth`.
    """
    others = [] if strata is None else [strata]
    used, coded, missing = cohort_design(cohort, outcome, covariates, others)
    duration, event = cohort_times(used, outcome)
    fit = fit_cox_firth(
        coded.matrix,
        duration,
        event,
        names=coded.names,
        ties=ties,
        strata=None if strata is None else used.patients[strata].to_numpy(),
        level=level,
    )
    return replace(fit, n_missing=missing)
