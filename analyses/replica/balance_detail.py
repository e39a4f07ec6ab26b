"""Balance in every way it is reported: all denominators, distributions, effective sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.distribution import ecdf_distances, weighted_mean, weighted_variance
from replica.errors import ParameterError, one_of
from replica.matched import Matched
from replica.protocol import ARM_KEYS
from replica.weighting import Weighted
from replica.weights import effective_sample_size

__all__ = ["SMD_RULES", "Adjusted", "SmdRule", "balance_statistics", "sample_sizes", "smd_table"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SmdRule = Literal["treated", "control", "pooled", "all", "pooled_within_stage", "matchit", "cobalt"]

SMD_RULES: dict[SmdRule, str] = {
    "treated": "SD of the treated, before matching",
    "control": "SD of the controls, before matching",
    "pooled": "square root of the mean of the arms' variances, before matching",
    "all": "SD of all patients, before matching",
    "pooled_within_stage": "square root of the mean of the arms' variances, of the same stage",
    "matchit": "MatchIt: SD of the treated (ATT) or pooled (ATE), before matching",
    "cobalt": "cobalt: as MatchIt for a number, raw difference in proportion for a level",
}


class Adjusted(Protocol):
    """What matching, case-control matching and weighting have in common.

    `before` and `after` are cohorts, `weights` those of the patients of `after`, by patient id.
    """

    @property
    def before(self) -> Cohort:
        """The cohort before adjustment."""

    @property
    def after(self) -> Cohort:
        """The patients after adjustment."""

    @property
    def weights(self) -> pd.Series[float]:
        """Weight of each patient of `after`."""


@dataclass(frozen=True)
class _Stage:
    """One column of numbers in one stage: values, arms and weights."""

    name: str
    of_all: Floats
    treated: Bools
    weights: Floats

    def arm(self, treated: bool) -> tuple[Floats, Floats]:
        of = self.treated if treated else ~self.treated
        return self.of_all[of], self.weights[of]

    def mean(self, treated: bool) -> float:
        return weighted_mean(*self.arm(treated))

    def variance(self, treated: bool) -> float:
        return weighted_variance(*self.arm(treated))


@dataclass(frozen=True)
class _Column:
    """A covariate, or one level of it, before and after."""

    covariate: str
    level: str
    stages: tuple[_Stage, _Stage]

    @property
    def before(self) -> Floats:
        return self.stages[0].of_all


def smd_table(
    adjusted: Adjusted,
    *,
    rules: Sequence[SmdRule] = tuple(SMD_RULES),
    covariates: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Standardized mean differences before and after, by every denominator in use.

    Parameters
    ----------
    adjusted
        A matched or weighted cohort.
    rules
        Names of denominators (see `SMD_RULES`); default: all. All but `pooled_within_stage` take
        the standard deviation from before matching for both stages, so that a difference does not
        shrink or grow because the spread did.
    covariates
        Keys of covariates or measures; default: all covariates of the study, and the measures that
        both arms have and nobody misses.

    Returns
    -------
    DataFrame
        `covariate`, `level`, `stage`, `mean_treated`, `mean_control`, `smd` (treated minus
        control), `denominator` (the rule), `divisor` (its value; 1 for a raw difference) and
        `states` (the rule in words). `smd` is missing when the divisor is 0 and the means differ.
        The last rows are those of `propensity_score`, if there is one. The variance of a level is
        p(1 - p).

    Raises
    ------
    ParameterError
        If a rule or covariate is unknown, a value is missing, or `matchit` or `cobalt` is asked of
        overlap weights, for which MatchIt has no rule.

    Notes
    -----
    Austin, Stat Med 2009;28:3083-3107 (pooled, within the stage); Stuart, Stat Sci 2010;25:1-21
    (before matching); R's MatchIt 4.7 and cobalt 4.5 for the rules named after them.
    """
    for rule in rules:
        if rule not in SMD_RULES:
            raise ParameterError(f"rules: {one_of(rule, SMD_RULES)}")
    estimand = _estimand(adjusted)
    if estimand == "ato" and {"matchit", "cobalt"} & set(rules):
        raise ParameterError(
            "rules: found 'matchit' or 'cobalt' for overlap weights; these rules are for the "
            "estimands ATT and ATE. Choose 'pooled', or another of "
            + ", ".join(repr(rule) for rule in SMD_RULES)
            + "."
        )
    rows = []
    for column in _columns(adjusted, covariates):
        for stage in column.stages:
            difference = stage.mean(True) - stage.mean(False)
            for rule in rules:
                divisor = _divisor(rule, column, stage, estimand)
                rows.append(
                    {
                        "covariate": column.covariate,
                        "level": column.level,
                        "stage": stage.name,
                        "mean_treated": stage.mean(True),
                        "mean_control": stage.mean(False),
                        "smd": _ratio(difference, divisor),
                        "denominator": rule,
                        "divisor": divisor,
                        "states": SMD_RULES[rule],
                    }
                )
    return pd.DataFrame(rows)


def _estimand(adjusted: Adjusted) -> str:
    return adjusted.plan.estimand if isinstance(adjusted, Weighted) else "att"


def _ratio(difference: float, divisor: float) -> float:
    if divisor > 0.0:
        return difference / divisor
    return 0.0 if difference == 0.0 else float("nan")


def _divisor(rule: SmdRule, column: _Column, stage: _Stage, estimand: str) -> float:
    before = column.stages[0]
    if rule == "cobalt" and column.level:
        return 1.0
    if rule in ("matchit", "cobalt"):
        rule = "treated" if estimand == "att" else "pooled"
    if rule == "all":
        return float(np.sqrt(weighted_variance(before.of_all, before.weights)))
    if rule in ("treated", "control"):
        return float(np.sqrt(before.variance(rule == "treated")))
    source = stage if rule == "pooled_within_stage" else before
    return float(np.sqrt((source.variance(True) + source.variance(False)) / 2.0))


def balance_statistics(
    adjusted: Adjusted, *, covariates: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare whole distributions between the arms before and after matching or weighting.

    Parameters
    ----------
    adjusted, covariates
        As in `smd_table`.

    Returns
    -------
    DataFrame
        `covariate`, `level`, `stage`, `mean_treated`, `mean_control`, `variance_ratio` (treated
        over control; missing for a level, whose variance follows from its share, and where there
        is no variance), `ecdf_mean`, `ecdf_max` (mean and largest difference of the weighted
        distribution functions, at the values before matching) and `ks`, the Kolmogorov-Smirnov
        statistic, which is `ecdf_max` by another name.

    Raises
    ------
    ParameterError
        As in `smd_table`.

    Notes
    -----
    R's MatchIt (`summary`) and cobalt; Austin and Stuart, Stat Med 2015;34:3661-3679.
    """
    rows = []
    for column in _columns(adjusted, covariates):
        for stage in column.stages:
            (x, x_weights), (y, y_weights) = stage.arm(True), stage.arm(False)
            distances = ecdf_distances(x, y, x_weights, y_weights, at=column.before)
            below = stage.variance(False)
            defined = not column.level and below > 0.0
            rows.append(
                {
                    "covariate": column.covariate,
                    "level": column.level,
                    "stage": stage.name,
                    "mean_treated": stage.mean(True),
                    "mean_control": stage.mean(False),
                    "variance_ratio": stage.variance(True) / below if defined else float("nan"),
                    "ecdf_mean": distances.mean,
                    "ecdf_max": distances.maximum,
                    "ks": distances.maximum,
                }
            )
    return pd.DataFrame(rows)


def sample_sizes(adjusted: Adjusted) -> pd.DataFrame:
    """Patients and effective sample size of each arm before and after.

    Returns
    -------
    DataFrame
        `stage`, `arm`, `n`, `sum_of_weights`, `effective_n` (Kish: (sum w)^2 / sum w^2).
    """
    rows = []
    ones = np.ones(len(adjusted.before))
    after = adjusted.weights.to_numpy(dtype=np.float64)
    for stage, cohort, w in (("before", adjusted.before, ones), ("after", adjusted.after, after)):
        for arm, of in zip(ARM_KEYS, (cohort.treated, ~cohort.treated), strict=True):
            size = effective_sample_size(w[of])
            rows.append((stage, arm, int(of.sum()), float(w[of].sum()), size))
    return pd.DataFrame(rows, columns=["stage", "arm", "n", "sum_of_weights", "effective_n"])


def _columns(adjusted: Adjusted, covariates: Sequence[str] | None) -> Iterator[_Column]:
    study = adjusted.before.study
    for key in _keys(adjusted, covariates):
        if key in [measure.key for measure in study.measures]:
            yield _column(adjusted, key, "")
            continue
        covariate = study.covariate(key)
        levels = covariate.level_keys if len(covariate.levels) > 2 else (covariate.contrast,)
        for level in levels:
            yield _column(adjusted, key, level)
    if isinstance(adjusted, Matched | Weighted):
        yield _column(adjusted, "propensity_score", "", adjusted.propensity_score)


def _keys(adjusted: Adjusted, covariates: Sequence[str] | None) -> list[str]:
    study, patients = adjusted.before.study, adjusted.before.patients
    if covariates is not None:
        allowed = [*(c.key for c in study.covariates), *(m.key for m in study.measures)]
        for key in covariates:
            if key not in allowed:
                raise ParameterError(f"covariates: {one_of(key, allowed)}")
        return list(covariates)
    both = [measure.key for measure in study.measures if set(measure.arms) == set(ARM_KEYS)]
    known = [key for key in both if key in patients and patients[key].notna().all()]
    return [*(covariate.key for covariate in study.covariates), *known]


def _column(
    adjusted: Adjusted, key: str, level: str, score: pd.Series[float] | None = None
) -> _Column:
    def values(cohort: Cohort) -> Floats:
        if score is not None:
            known = score.reindex(cohort.patients["patient_id"])
            return np.asarray(known, dtype=np.float64)
        column = cohort.patients[key]
        if column.isna().any():
            raise ParameterError(
                f"{key}: found {int(column.isna().sum())} missing values; balance needs them all. "
                "Name the covariates to compare."
            )
        return np.asarray(column == level if level else column, dtype=np.float64)

    before, after = adjusted.before, adjusted.after
    weights = np.asarray(adjusted.weights.reindex(after.patients["patient_id"]), dtype=np.float64)
    return _Column(
        key,
        level,
        (
            _Stage("before", values(before), before.treated, np.ones(len(before))),
            _Stage("after", values(after), after.treated, weights),
        ),
    )
