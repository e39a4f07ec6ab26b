"""The same rows given to lifelines: our estimates beside those of an independent program."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter

from replica.cohort import Cohort, design
from replica.cox import cox
from replica.survival import cohort_times, kaplan_meier, median_survival

Model = tuple[Cohort, Sequence[str]]
"""A cohort without missing covariates, and the covariates of a Cox model of it."""

MOST_DIGITS = 15

# lifelines stops at six digits or so unless told to go on
_TO_THE_END = {"precision": 1e-20, "r_precision": 1e-16}


def cox_against_lifelines(models: Mapping[str, Model], outcome: str) -> pd.DataFrame:
    """Fit Cox models here and by lifelines, both with Efron's ties (lifelines has no others).

    Parameters
    ----------
    models
        Cohorts and covariates by the name of the model.
    outcome
        Key of an outcome of the study.

    Returns
    -------
    DataFrame
        One row per coefficient: `model`, `covariate`, `coef`, `coef_lifelines`, `se`,
        `se_lifelines` (model-based), `digits` (significant digits in which both pairs agree).

    Raises
    ------
    ParameterError, DataError, EstimationError
        As in `replica.cox.cox`.

    Notes
    -----
    Davidson-Pilon, Journal of Open Source Software 2019;4:1317.
    """
    rows = []
    for name, (cohort, covariates) in models.items():
        fit = cox(cohort, outcome, covariates, ties="efron")
        coded = design(cohort, covariates)
        duration, event = cohort_times(cohort, outcome)
        table = pd.DataFrame(coded.matrix, columns=list(coded.names))
        table = table.assign(_duration=duration, _event=event)
        fitted = CoxPHFitter().fit(table, "_duration", "_event", fit_options=_TO_THE_END)
        theirs = fitted.summary
        for i, covariate in enumerate(fit.names):
            pairs = [
                (float(fit.coef[i]), float(theirs.loc[covariate, "coef"])),
                (float(fit.se[i]), float(theirs.loc[covariate, "se(coef)"])),
            ]
            rows.append(
                {
                    "model": name,
                    "covariate": covariate,
                    "coef": pairs[0][0],
                    "coef_lifelines": pairs[0][1],
                    "se": pairs[1][0],
                    "se_lifelines": pairs[1][1],
                    "digits": min(equal_digits(*pair) for pair in pairs),
                }
            )
    return pd.DataFrame(rows)


def curves_against_lifelines(cohorts: Mapping[str, Cohort], outcome: str) -> pd.DataFrame:
    """Estimate the Kaplan-Meier curve of each arm here and by lifelines.

    Returns
    -------
    DataFrame
        One row per cohort and arm: `stage` (its name), `group`, `times` (how many distinct times),
        `median`, `median_lifelines` (NaN where not reached), `largest_difference` of the survival
        probability over all times.
    """
    rows = []
    for name, cohort in cohorts.items():
        duration, event = cohort_times(cohort, outcome)
        for group, curve in kaplan_meier(cohort, outcome).groupby("group", sort=False):
            chosen = np.asarray(cohort.patients["arm"] == group)
            theirs = KaplanMeierFitter().fit(duration[chosen], event[chosen])
            survival = theirs.survival_function_at_times(curve["time"]).to_numpy()
            median = median_survival(curve, interval="log").median
            reached = math.isfinite(theirs.median_survival_time_)
            rows.append(
                {
                    "stage": name,
                    "group": group,
                    "times": len(curve),
                    "median": math.nan if median is None else median,
                    "median_lifelines": theirs.median_survival_time_ if reached else math.nan,
                    "largest_difference": float(np.abs(survival - curve["survival"]).max()),
                }
            )
    return pd.DataFrame(rows)


def equal_digits(ours: float, theirs: float) -> int:
    """Count the significant digits in which two numbers agree, 15 at most.

    Numbers missing on both sides agree; one that is missing or infinite on one side only does not.
    """
    if ours == theirs or (math.isnan(ours) and math.isnan(theirs)):
        return MOST_DIGITS
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return 0
    apart = abs(ours - theirs) / max(abs(ours), abs(theirs))
    return max(0, min(MOST_DIGITS, math.floor(-math.log10(apart))))
