"""Balance of covariates between the arms before and after matching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from replica.arrays import numbers
from replica.cohort import Cohort
from replica.convention import SmdDenominator
from replica.errors import EstimationError, ParameterError, one_of
from replica.matching import Matched

Floats = NDArray[np.float64]

COLUMNS = (
    "covariate",
    "level",
    "stage",
    "mean_treated",
    "mean_control",
    "smd",
    "denominator",
    "variance_ratio",
)


def variance(values: Floats, weights: Floats | None = None) -> float:
    """Variance of a sample: p(1 - p) if all values are 0 or 1, else with n - 1 below.

    Parameters
    ----------
    values
        Finite numbers, shape (n,).
    weights
        Frequency-free weights, shape (n,); default: all equal. The weighted variance divides by
        W - sum(w^2) / W with W the sum of weights, which is n - 1 for equal weights of 1.

    Raises
    ------
    EstimationError
        If there are too few values for a variance.
    """
    w = np.ones(values.size) if weights is None else weights
    indicator = bool(np.isin(values, (0.0, 1.0)).all())
    if values.size < (1 if indicator else 2):
        raise EstimationError(f"no variance: found {values.size} values; at least 2 are needed.")
    mean = float(np.average(values, weights=w))
    if indicator:
        return mean * (1.0 - mean)
    total = float(w.sum())
    return float(w @ (values - mean) ** 2) / (total - float(w @ w) / total)


def smd(
    treated: ArrayLike,
    control: ArrayLike,
    *,
    denominator: SmdDenominator = "pooled",
    before: tuple[ArrayLike, ArrayLike] | None = None,
    control_weights: ArrayLike | None = None,
) -> float:
    """Standardized mean difference of a covariate, treated minus control.

    ``(mean of treated - mean of control) / s``, where s is the standard deviation of the treated,
    of the controls, or ``sqrt((variance of treated + variance of control) / 2)`` (pooled). The
    variance of a 0/1 covariate is p(1 - p), of any other the one with n - 1.

    Parameters
    ----------
    treated, control
        Values in the two arms, shapes (n,) and (m,).
    denominator
        Whose standard deviation divides: `treated`, `control` or `pooled`.
    before
        Values in the two arms from which s is taken; default: `treated` and `control`. After
        matching pass the values before it, so that a difference does not shrink or grow because
        the spread did.
    control_weights
        Weights of the controls, shape (m,), for matched sets of unequal size; default: equal.

    Raises
    ------
    ParameterError
        If the denominator is unknown, an arm is empty or a value is missing.
    EstimationError
        If s is 0 while the means differ, so that the difference is unbounded.

    Notes
    -----
    Austin, Stat Med 2009;28:3083-3107; the denominator from before matching as in Stuart, Stat Sci
    2010;25:1-21, and in R's MatchIt and cobalt.
    """
    if denominator not in get_args(SmdDenominator):
        raise ParameterError(f"denominator: {one_of(denominator, get_args(SmdDenominator))}")
    x, y = _values(treated), _values(control)
    weights = None if control_weights is None else _values(control_weights)
    difference = float(x.mean() - np.average(y, weights=weights))
    x0, y0 = (x, y) if before is None else (_values(before[0]), _values(before[1]))
    spread = _spread(x0, y0, denominator)
    if spread > 0.0:
        return difference / spread
    if difference == 0.0:
        return 0.0
    raise EstimationError(
        f"no standardized mean difference: the means differ by {difference:.6g} and the standard "
        f"deviation ({denominator}) is 0. Choose another denominator, or report the means."
    )


def _values(values: ArrayLike) -> Floats:
    checked = numbers(values, "values", ParameterError)
    if checked.ndim != 1 or checked.size == 0 or not np.isfinite(checked).all():
        raise ParameterError(
            f"found {checked.size} values of which {int((~np.isfinite(checked)).sum())} missing or "
            "infinite; each arm needs at least one value, and none may be missing."
        )
    return checked


def _spread(treated: Floats, control: Floats, denominator: SmdDenominator) -> float:
    arms = {"treated": [treated], "control": [control], "pooled": [treated, control]}[denominator]
    return float(np.sqrt(np.mean([variance(arm) for arm in arms])))


@dataclass(frozen=True)
class _Column:
    """One number per patient to be compared between the arms, before and after matching."""

    covariate: str
    level: str
    before: Floats
    after: Floats


def balance(
    matched: Matched,
    *,
    denominator: SmdDenominator = "pooled",
    covariates: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Compare covariates and the propensity score between the arms before and after matching.

    Parameters
    ----------
    matched
        A matched cohort.
    denominator
        Whose standard deviation *before* matching divides the differences of both stages.
    covariates
        Keys of covariates or measures of the study; default: all covariates, matched on or not,
        and the measures matched on.

    Returns
    -------
    DataFrame
        `covariate`, `level`, `stage` (`before` or `after`), `mean_treated`, `mean_control` (a
        share for a level), `smd` (treated minus control; see `smd`), `denominator`,
        `variance_ratio` (treated over control; missing for a level, whose variance follows from
        its mean). A covariate of two levels has a row for its contrast, one of more levels a row
        for each; the last rows, with an empty level, are those of `propensity_score`. A number
        that does not exist (no spread in the denominator) is missing. In matched sets with several
        controls each control counts 1 / controls.

    Raises
    ------
    ParameterError
        If the denominator or a covariate is unknown or a measure has missing values.
    """
    if denominator not in get_args(SmdDenominator):
        raise ParameterError(f"denominator: {one_of(denominator, get_args(SmdDenominator))}")
    study = matched.before.study
    every = [*(c.key for c in study.covariates), *matched.plan.covariates]
    keys = list(dict.fromkeys(every)) if covariates is None else list(covariates)
    rows = [
        row
        for key in (*keys, "propensity_score")
        for column in _columns(matched, key)
        for row in _compared(matched, column, denominator)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _columns(matched: Matched, key: str) -> Iterator[_Column]:
    if key == "propensity_score":
        score = matched.propensity_score
        before, after = (
            np.asarray(score.reindex(cohort.patients["patient_id"]), dtype=np.float64)
            for cohort in (matched.before, matched.after)
        )
        yield _Column(key, "", before, after)
        return
    study = matched.before.study
    if key in [measure.key for measure in study.measures]:
        yield _Column(key, "", _numbers(matched.before, key), _numbers(matched.after, key))
        return
    covariate = study.covariate(key)
    levels = covariate.level_keys if len(covariate.levels) > 2 else (covariate.contrast,)
    for level in levels:
        before, after = (
            np.asarray(cohort.patients[key] == level, dtype=np.float64)
            for cohort in (matched.before, matched.after)
        )
        yield _Column(key, level, before, after)


def _numbers(cohort: Cohort, key: str) -> Floats:
    return cohort.patients[key].to_numpy(dtype=np.float64)


def _compared(
    matched: Matched, column: _Column, denominator: SmdDenominator
) -> Iterator[dict[str, object]]:
    reference = _arms(matched.before, column.before)
    ones = np.ones(len(matched.before), dtype=np.float64)
    weights: Floats = np.asarray(matched.weights, dtype=np.float64)
    stages: tuple[tuple[str, Cohort, Floats, Floats], ...] = (
        ("before", matched.before, column.before, ones),
        ("after", matched.after, column.after, weights),
    )
    for stage, cohort, values, weight in stages:
        x, y = _arms(cohort, values)
        _, share = _arms(cohort, weight)
        continuous = column.level == ""
        yield {
            "covariate": column.covariate,
            "level": column.level,
            "stage": stage,
            "mean_treated": float(_values(x).mean()),
            "mean_control": float(np.average(_values(y), weights=share)),
            "smd": _or_missing(x, y, denominator, reference, share),
            "denominator": denominator,
            "variance_ratio": _variance_ratio(x, y, share) if continuous else float("nan"),
        }


def _arms(cohort: Cohort, values: Floats) -> tuple[Floats, Floats]:
    return values[cohort.treated], values[~cohort.treated]


def _or_missing(
    x: Floats,
    y: Floats,
    denominator: SmdDenominator,
    reference: tuple[Floats, Floats],
    share: Floats,
) -> float:
    try:
        return smd(x, y, denominator=denominator, before=reference, control_weights=share)
    except EstimationError:
        return float("nan")


def _variance_ratio(x: Floats, y: Floats, share: Floats) -> float:
    if min(x.size, y.size) < 2:
        return float("nan")
    below = variance(y, share)
    return variance(x) / below if below > 0.0 else float("nan")
