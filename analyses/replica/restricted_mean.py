"""Difference of two restricted mean survival times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy.special import ndtr, ndtri

from replica.arrays import check_level
from replica.cohort import Cohort
from replica.errors import EstimationError, ParameterError
from replica.survival import kaplan_meier, restricted_mean


@dataclass(frozen=True)
class MeanDifference:
    """Restricted mean survival times of two groups up to `tau`, and the first less the second.

    All times are in the curve's unit; `std_errors` belong to `means`.
    """

    tau: float
    groups: tuple[str, str]
    means: tuple[float, float]
    std_errors: tuple[float, float]
    difference: float
    std_error: float
    ci_low: float
    ci_high: float
    p: float


def restricted_mean_difference(
    first: pd.DataFrame, second: pd.DataFrame, tau: float, *, level: float = 0.95
) -> MeanDifference:
    """Restricted mean survival time of one curve less that of another, of independent patients.

    Parameters
    ----------
    first, second
        The rows of one group each, from `replica.survival.kaplan_meier` or `product_limit`.
    tau
        Horizon, in the curves' unit, above 0 and no later than the end of either follow-up.
    level
        Coverage of the normal interval.

    Raises
    ------
    ParameterError
        If `tau` lies beyond a curve whose survivors are left, a curve holds several groups, or
        the level is not between 0 and 1.
    EstimationError
        If neither group has an event before `tau`: the difference then has no standard error.

    Notes
    -----
    Royston and Parmar (2013); R: `survRM2::rmst2`, unadjusted. Matched pairs are taken as
    independent patients.
    """
    check_level(level)
    (one, se_one), (two, se_two) = (restricted_mean(curve, tau) for curve in (first, second))
    std_error = math.hypot(se_one, se_two)
    if std_error == 0:
        raise EstimationError(
            f"restricted mean: found no spread in either group up to {tau}; the difference has no "
            "standard error. Take a later tau."
        )
    difference = one - two
    reach = float(ndtri((1 + level) / 2)) * std_error
    return MeanDifference(
        tau=float(tau),
        groups=(_name(first, "first"), _name(second, "second")),
        means=(one, two),
        std_errors=(se_one, se_two),
        difference=difference,
        std_error=std_error,
        ci_low=difference - reach,
        ci_high=difference + reach,
        p=float(2 * ndtr(-abs(difference) / std_error)),
    )


def _name(curve: pd.DataFrame, otherwise: str) -> str:
    return str(curve["group"].iloc[0]) if "group" in curve.columns else otherwise


def compare_restricted_means(
    cohort: Cohort, outcome: str, tau: float, by: str = "arm", *, level: float = 0.95
) -> MeanDifference:
    """Restricted mean survival time of one outcome: the first of two groups less the second.

    Parameters
    ----------
    cohort, outcome
        Validated patients and the key of an outcome of their study.
    by
        `arm` (treated less control), or a covariate or characteristic of which two levels occur,
        in the study's order.

    Raises
    ------
    ParameterError
        If there are not two groups; and as `restricted_mean_difference`.
    DataError, EstimationError
        As `replica.survival.kaplan_meier` and `restricted_mean_difference`.
    """
    curves = kaplan_meier(cohort, outcome, by)
    groups = [rows for _, rows in curves.groupby("group", sort=False)]
    if len(groups) != 2:
        raise ParameterError(
            f"{by}: found {len(groups)} groups with patients; a difference needs exactly 2. "
            "Restrict the cohort to two of them."
        )
    return restricted_mean_difference(groups[0], groups[1], tau, level=level)
