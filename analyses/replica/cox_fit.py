"""A fitted Cox model, and how a failed fit is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtr, ndtri

from replica.arrays import check_level, numbers
from replica.errors import DataError, EstimationError
from replica.partial_likelihood import CONVERGED, DIVERGING, SINGULAR
from replica.protocol import TIES, Ties
from replica.risk_sets import Floats

CoxTies = Ties | Literal["exact"]
COX_TIES: tuple[CoxTies, ...] = (*TIES, "exact")


@dataclass(frozen=True)
class CoxFit:
    """A fitted Cox model: coefficients are log hazard ratios, one per column of the design.

    `se` and `covariance` are model-based; `robust_se` and `robust_covariance` are the sandwich's
    (Lin and Wei 1989) when it was asked for. `clusters` counts the clusters of a clustered
    sandwich. `n` counts the rows used (patients, or intervals of follow-up), `n_events` their
    events and `n_missing` the rows left out because a covariate was missing. `score_statistic` is
    the model-based score test's that every coefficient is zero.
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
    ties: CoxTies
    iterations: int
    clusters: int | None
    n_missing: int = 0
    score_statistic: float = float("nan")
    robust_covariance: Floats | None = None

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
        z = ndtri((1 + check_level(level)) / 2)
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
        return float(chdtrc(len(self.names), max(statistic, 0.0)))

    def tests(self) -> pd.DataFrame:
        """Joint tests that every coefficient is zero: likelihood ratio, Wald and score.

        The first three are model-based: with weights or clusters only `robust_wald`, a fourth row
        when a robust error was asked for, holds.

        Returns
        -------
        DataFrame
            `test` (`likelihood_ratio`, `wald`, `score`, `robust_wald`), `statistic`, `df`, `p`.

        Raises
        ------
        EstimationError
            If there are fewer clusters than coefficients: the robust Wald test does not exist.

        Notes
        -----
        R: `summary(coxph(...))`, its `logtest`, `waldtest` and `sctest`.
        """
        df = len(self.names)
        statistics = {
            "likelihood_ratio": 2 * (self.log_likelihood - self.log_likelihood_null),
            "wald": float(self.coef @ np.linalg.solve(self.covariance, self.coef)),
            "score": self.score_statistic,
        }
        if self.robust_covariance is not None:
            if np.linalg.matrix_rank(self.robust_covariance, hermitian=True) < df:
                raise EstimationError(
                    f"robust Wald test: {df} coefficients but a robust covariance of lower rank "
                    f"({self.clusters} clusters). Test fewer coefficients or use more clusters."
                )
            solved = np.linalg.solve(self.robust_covariance, self.coef)
            statistics["robust_wald"] = float(self.coef @ solved)
        return pd.DataFrame(
            {
                "test": list(statistics),
                "statistic": list(statistics.values()),
                "df": df,
                "p": [float(chdtrc(df, max(statistic, 0.0))) for statistic in statistics.values()],
            }
        )

    def log_hazard(self, matrix: ArrayLike) -> Floats:
        """Log relative hazard of each row of a matrix with this model's columns, shape (n,).

        Raises
        ------
        DataError
            If the columns do not fit the model or a value is missing.
        """
        X = numbers(matrix, "matrix")
        if X.ndim != 2 or X.shape[1] != len(self.names) or not np.isfinite(X).all():
            raise DataError(
                f"matrix: found the shape {X.shape}; needed: finite numbers in {len(self.names)} "
                f"columns ({', '.join(self.names)})."
            )
        return np.asarray(X @ self.coef, dtype=np.float64)


def refuse_failure(status: int, column: int, names: Sequence[str], coef: Floats) -> None:
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
            "first. Merge levels, leave it out or use Firth's penalty (`replica.firth`)."
        )
    raise EstimationError(
        f"Cox model: not converged (last at {name}, coefficient {coef[column]:.3g}). Look for "
        "extreme values, rescale the covariate or leave it out."
    )
