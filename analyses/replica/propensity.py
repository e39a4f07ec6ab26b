"""Propensity score: the probability of treatment given covariates, by logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.arrays import arms
from replica.cohort import Cohort, check_ids, check_names, design
from replica.errors import ParameterError
from replica.logistic import LogisticFit, fit_logistic
from replica.logistic_kernel import linear_predictor, newton, probability

__all__ = [
    "LogisticFit",
    "PropensityModel",
    "fit_logistic",
    "linear_predictor",
    "newton",
    "probability",
    "propensity_model",
    "propensity_score",
]


@dataclass(frozen=True)
class PropensityModel:
    """A cohort's fitted propensity model with each patient's score, in the cohort's row order.

    `probability` and `logit` are indexed by `patient_id`.
    """

    covariates: tuple[str, ...]
    fit: LogisticFit
    probability: pd.Series[float]
    logit: pd.Series[float]


def propensity_model(
    cohort: Cohort,
    covariates: Sequence[str] | None = None,
    *,
    fit_to: NDArray[np.bool_] | None = None,
) -> PropensityModel:
    """Regress treatment on covariates and score every patient of the cohort.

    The regression is fitted to the patients sorted by id, so that neither coefficients nor scores
    depend on the order of the rows.

    Parameters
    ----------
    cohort
        Validated patients.
    covariates
        Keys of covariates; default: the ones of the study's matching plan.
    fit_to
        Patients to fit the regression to, shape (patients,); everybody is scored. Default: all.

    Raises
    ------
    ParameterError
        If a covariate is unknown, or a measure has missing values.
    DataError
        If a covariate is missing or at an unknown level for somebody.
    EstimationError
        If the model cannot be estimated (see `fit_logistic`).

    Notes
    -----
    Rosenbaum and Rubin, Biometrika 1983;70:41-55.
    """
    named = cohort.study.matching.covariates if covariates is None else covariates
    check_names(named)
    keys = tuple(named)
    ids = cohort.column("patient_id")
    check_ids(cohort)
    by_id = np.asarray(ids.reset_index(drop=True).sort_values(kind="stable").index)
    if fit_to is not None:
        fitted = arms(fit_to, "fit_to")
        if fitted.shape != (len(cohort),):
            raise ParameterError(
                f"fit_to: found {fitted.size} marks for {len(cohort)} patients; needed: true or "
                "false for each."
            )
        by_id = by_id[fitted[by_id]]
    coded = design(cohort, keys)
    fit = fit_logistic(coded.matrix[by_id], cohort.treated[by_id], names=coded.names)
    logit = fit.linear_predictor(coded.matrix)
    index = pd.Index(ids, name="patient_id")
    return PropensityModel(
        keys,
        fit,
        pd.Series(probability(logit), index=index, name="propensity_score"),
        pd.Series(logit, index=index, name="logit"),
    )


def propensity_score(cohort: Cohort, covariates: Sequence[str] | None = None) -> pd.Series[float]:
    """Probability of treatment given covariates for every patient, indexed by `patient_id`.

    Parameters, errors and source as for `propensity_model`.
    """
    return propensity_model(cohort, covariates).probability
