"""Fine and Gray's regression of the subdistribution hazard of one cause, from arrays.

Patients who had a competing event stay at risk with a weight that falls as the estimated chance of
being still uncensored falls. Rows are sorted by the values they hold, so their order in a file
cannot change a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from replica.aalen_johansen import check_cause, check_causes
from replica.arrays import check_level
from replica.model_matrix import check_matrix, refuse_failed
from replica.newton import newton
from replica.risk_sets import Floats, Integers, greenwood, risk_table

_MODEL = "Fine-Gray model"


@dataclass(frozen=True)
class FineGrayFit:
    """A fitted subdistribution hazards model; `coef` are log subdistribution hazard ratios.

    `se` and `covariance` are Fine and Gray's sandwich, which counts the estimation of the
    censoring distribution. `n_events` counts the events of the cause, `n_competing` the others,
    `n_missing` the patients left out because a covariate was missing.
    """

    names: tuple[str, ...]
    cause: int
    coef: Floats
    se: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    n: int
    n_events: int
    n_competing: int
    iterations: int
    n_missing: int = 0

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Subdistribution hazard ratios with Wald intervals and p values, one row per coefficient.

        Returns
        -------
        DataFrame
            `covariate`, `subdistribution_hazard_ratio`, `ci_low`, `ci_high`, `p`, `se` (of the
            logarithm).

        Raises
        ------
        ParameterError
            If the level is not between 0 and 1.
        """
        reach = ndtri((1 + check_level(level)) / 2) * self.se
        return pd.DataFrame(
            {
                "covariate": list(self.names),
                "subdistribution_hazard_ratio": np.exp(self.coef),
                "ci_low": np.exp(self.coef - reach),
                "ci_high": np.exp(self.coef + reach),
                "p": 2 * ndtr(-np.abs(self.coef / self.se)),
                "se": self.se,
            }
        )


@dataclass(frozen=True)
class _Sorted:
    """Rows in order of time, and the times at which the cause of interest happened.

    `place` is, for each row, the number of those times up to its own; `kept` the estimated chance
    of being uncensored just before the row's own time, `kept_at` just before each event time.
    """

    Z: Floats
    times: Floats
    own: NDArray[np.bool_]
    competing: NDArray[np.bool_]
    event_times: Floats
    deaths: Floats
    place: Integers
    first: Integers
    kept: Floats
    kept_at: Floats


def fit_fine_gray(
    matrix: ArrayLike,
    duration: ArrayLike,
    cause: ArrayLike,
    *,
    names: Sequence[str],
    of: int = 1,
) -> FineGrayFit:
    """Fit proportional subdistribution hazards of one cause.

    Parameters
    ----------
    matrix
        Shape (n, p), finite numbers, constant in time; `names` names its columns.
    duration, cause
        Shape (n,); see `replica.aalen_johansen.check_causes`.
    of
        The cause of interest.

    Raises
    ------
    DataError
        If a value is missing or impossible.
    ParameterError
        If no event has the cause.
    EstimationError
        If a covariate does not vary, covariates are collinear, the likelihood has no maximum or
        Newton's method does not converge.

    Notes
    -----
    Fine and Gray (1999); R: `cmprsk::crr` (Breslow ties, one Kaplan-Meier estimate of the
    censoring for everybody, read just before each time; variance with the term for its
    estimation). `survival::finegray` followed by `coxph` lets events come before censorings of
    the same time and leaves that term out: where times are tied, it differs in the third digit.
    """
    times, causes = check_causes(duration, cause)
    check_cause(of, causes)
    X = check_matrix(matrix, times.size, names, _MODEL)
    order = np.lexsort((*X.T, causes, times))
    X, times, causes = X[order], times[order], causes[order]
    scale = X.std(axis=0)
    data = _prepare((X - X.mean(axis=0)) / scale, times, causes, of)
    found = newton(partial(_likelihood, data), len(names), float(data.deaths.sum()))
    refuse_failed(found, names, scale, _MODEL)
    residuals = _score_residuals(data, causes, found.beta)
    sandwich = found.covariance @ (residuals.T @ residuals) @ found.covariance
    covariance = sandwich / np.outer(scale, scale)
    return FineGrayFit(
        names=tuple(names),
        cause=of,
        coef=found.beta / scale,
        se=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        log_likelihood=found.value,
        log_likelihood_null=found.null,
        n=int(times.size),
        n_events=int(data.own.sum()),
        n_competing=int(data.competing.sum()),
        iterations=found.iterations,
    )


def _prepare(Z: Floats, times: Floats, causes: Integers, of: int) -> _Sorted:
    own = causes == of
    event_times, deaths = np.unique(times[own], return_counts=True)
    distinct, at_risk, censored, _ = risk_table(times, (causes == 0).astype(np.int64))
    uncensored, _ = greenwood(at_risk, censored)
    just_before = np.concatenate(([1.0], uncensored[:-1]))
    return _Sorted(
        Z=Z,
        times=times,
        own=own,
        competing=(causes > 0) & ~own,
        event_times=event_times,
        deaths=deaths.astype(np.float64),
        place=np.searchsorted(event_times, times, side="right"),
        first=np.searchsorted(times, event_times, side="left"),
        kept=just_before[np.searchsorted(distinct, times)],
        kept_at=just_before[np.searchsorted(distinct, event_times)],
    )


def _weighted_sums(data: _Sorted, values: Floats) -> Floats:
    """Sum `values` (shape (n,) or (n, p)) over the risk set of each event time, with weights."""
    past = _before(values * _column(data.competing / data.kept, values))[data.first]
    observed = _from(values)[data.first]
    return np.asarray(observed + past * _column(data.kept_at, values), dtype=np.float64)


def _over_risk(data: _Sorted, steps: Floats) -> Floats:
    """Sum `steps` (one per event time) over each row's time at risk, with the row's weights."""
    until = _before(steps)[data.place]
    after = _from(steps * _column(data.kept_at, steps))[data.place]
    return np.asarray(until + after * _column(data.competing / data.kept, after), dtype=np.float64)


def _column(factors: Floats, values: Floats) -> Floats:
    """Give factors, one per row, the dimensions of the values that they multiply."""
    return factors.reshape((-1,) + (1,) * (values.ndim - 1))


def _likelihood(data: _Sorted, beta: Floats) -> tuple[float, Floats, Floats]:
    eta = data.Z @ beta
    risk = np.exp(eta)
    total = _weighted_sums(data, risk)
    mean = _weighted_sums(data, risk[:, None] * data.Z) / total[:, None]
    expected = risk * _over_risk(data, data.deaths / total)
    value = float(eta[data.own].sum() - data.deaths @ np.log(total))
    score = data.Z.T @ (data.own - expected)
    # The second moments over all risk sets are one Gram matrix of the expected events.
    information = (data.Z * expected[:, None]).T @ data.Z - (mean * data.deaths[:, None]).T @ mean
    return value, score, information


def _score_residuals(data: _Sorted, causes: Integers, beta: Floats) -> Floats:
    """Each patient's part of the score, with that of estimating the censoring distribution.

    Fine and Gray (1999), equations 7 and 8: eta_i + psi_i, shape (n, p).
    """
    Z, n = data.Z, data.times.size
    risk = np.exp(Z @ beta)
    total = _weighted_sums(data, risk)
    mean = _weighted_sums(data, risk[:, None] * Z) / total[:, None]
    hazard = data.deaths / total
    expected = risk * _over_risk(data, hazard)
    expected_mean = risk[:, None] * _over_risk(data, hazard[:, None] * mean)
    eta = -(Z * expected[:, None] - expected_mean)
    at = data.place[data.own] - 1
    eta[data.own] += Z[data.own] - mean[at]

    # q(u): what those with a competing event before u have still to give, from u on
    distinct, start = np.unique(data.times, return_index=True)
    at_risk = (n - start).astype(np.float64)
    censored = np.add.reduceat((causes == 0).astype(np.float64), start)
    share = risk * data.competing / data.kept
    past, past_Z = _before(share)[start], _before(share[:, None] * Z)[start]
    later = np.searchsorted(data.event_times, distinct, side="left")
    to_come = _from(data.kept_at * hazard)[later]
    to_come_mean = _from((data.kept_at * hazard)[:, None] * mean)[later]
    rate = (past_Z * to_come[:, None] - past[:, None] * to_come_mean) / at_risk[:, None]
    drift = np.cumsum(rate * (censored / at_risk)[:, None], axis=0)
    row = np.searchsorted(distinct, data.times)
    psi = np.where((causes == 0)[:, None], rate[row], 0.0) - drift[row]
    return np.asarray(eta + psi, dtype=np.float64)


def _before(values: Floats) -> Floats:
    """Sums of the rows before each row, with that of all rows at the end."""
    return np.concatenate((np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)))


def _from(values: Floats) -> Floats:
    """Sums of each row and those after it, with 0 at the end."""
    return _before(values[::-1])[::-1]
