"""Weighting by the propensity score: the alternative to matching that discards nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.cohort import Cohort, check_names, design
from replica.cox import CoxFit, fit_cox
from replica.errors import DataError, EstimationError, ParameterError, one_of
from replica.propensity import propensity_model
from replica.protocol import ARM_KEYS, Ties
from replica.risk_sets import cohort_times
from replica.weights import (
    NOT_STABILISED,
    Estimand,
    balancing_weights,
    check_percentiles,
    effective_sample_size,
    truncate_weights,
)

__all__ = [
    "Estimand",
    "Weighted",
    "WeightingPlan",
    "balancing_weights",
    "effective_sample_size",
    "truncate_weights",
    "weight",
    "weighted_cox",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TruncatedWithin = Literal["all", "arm"]


@dataclass(frozen=True)
class WeightingPlan:
    """Which patients the weighted arms stand for, and how large weights are tamed.

    `estimand`: `ate`, all patients; `att`, the treated; `ato`, those in clinical equipoise (overlap
    weights). `stabilised` multiplies by the share of the arm (`ate`) or the odds of control
    (`att`). `truncate` names the two percentiles at which weights are cut, taken over all patients
    or within each arm (`truncate_within`). Empty `covariates` mean the study's matching covariates.
    """

    estimand: Estimand = "ate"
    covariates: tuple[str, ...] = ()
    stabilised: bool = False
    truncate: tuple[float, float] | None = None
    truncate_within: TruncatedWithin = "all"

    def __post_init__(self) -> None:
        """Refuse impossible settings."""
        if self.estimand not in get_args(Estimand):
            raise ParameterError(f"estimand: {one_of(self.estimand, get_args(Estimand))}")
        if self.truncate_within not in get_args(TruncatedWithin):
            allowed = get_args(TruncatedWithin)
            raise ParameterError(f"truncate_within: {one_of(self.truncate_within, allowed)}")
        if self.stabilised and self.estimand == "ato":
            raise ParameterError(NOT_STABILISED)
        if self.truncate is not None:
            if not isinstance(self.truncate, tuple | list) or len(self.truncate) != 2:
                raise ParameterError(
                    f"truncate: found {self.truncate!r}; allowed: two percentiles such as (1, 99), "
                    "or None."
                )
            check_percentiles(*self.truncate)


@dataclass(frozen=True)
class Weighted:
    """A cohort, by patient id, in which each patient has a weight.

    `weights` and `untruncated` are indexed by `patient_id`, in the cohort's row order; `before` and
    `after` are the same patients, because nobody is left out. `truncation` has a row per arm and
    end: `arm`, `end` (`low`, `high`), `percentile`, `value` (the weight at which it was cut) and
    `truncated` (the patients whose weight was changed); it is empty without truncation.

    Raises
    ------
    EstimationError
        When a weight is not a finite number above 0.
    """

    before: Cohort
    propensity_score: pd.Series[float]
    untruncated: pd.Series[float]
    weights: pd.Series[float]
    truncation: pd.DataFrame
    plan: WeightingPlan

    def __post_init__(self) -> None:
        """Check that weights belong to the patients and are usable."""
        for series in (self.propensity_score, self.untruncated, self.weights):
            if list(series.index) != list(self.before.patients["patient_id"]):
                raise ParameterError(
                    "weights: found weights that are not those of the cohort's patients; allowed: "
                    "one per patient, in the cohort's order. Make them with "
                    "replica.weighting.weight."
                )
        values = self.weights.to_numpy(dtype=np.float64)
        if not (np.isfinite(values) & (values > 0)).all():
            raise EstimationError(
                "weights: found values that are not finite and above 0, first "
                f"{values[~(np.isfinite(values) & (values > 0))][0]:g}. Make weights with "
                "replica.weighting.weight, or truncate them."
            )

    @property
    def after(self) -> Cohort:
        """The patients that are weighted: all of them."""
        return self.before

    def sample_sizes(self) -> pd.DataFrame:
        """Patients, sum of weights and effective sample size of each arm and of all.

        Returns
        -------
        DataFrame
            `arm`, `n`, `sum_of_weights`, `effective_n`, `smallest_weight`, `largest_weight`.
        """
        values, treated = self.weights.to_numpy(dtype=np.float64), self.before.treated
        rows = []
        for arm, of in ((ARM_KEYS[0], treated), (ARM_KEYS[1], ~treated), ("all", treated | True)):
            w = values[of]
            rows.append((arm, w.size, w.sum(), effective_sample_size(w), w.min(), w.max()))
        names = ["arm", "n", "sum_of_weights", "effective_n", "smallest_weight", "largest_weight"]
        return pd.DataFrame(rows, columns=names)


def weight(cohort: Cohort, plan: WeightingPlan | None = None) -> Weighted:
    """Estimate propensity scores and weight the patients of a cohort as the plan says.

    Parameters
    ----------
    cohort
        Validated patients; the order of their rows does not matter.
    plan
        Default: weights for the effect in all patients (`ate`), neither stabilised nor truncated.

    Raises
    ------
    ParameterError
        If a covariate is unknown.
    DataError
        If an id is missing or occurs twice, or a covariate is missing.
    EstimationError
        If the propensity model cannot be estimated or a score is 0 or 1.
    """
    chosen = WeightingPlan() if plan is None else plan
    before = cohort.by_id()
    twice = int(before.patients["patient_id"].duplicated().sum())
    if twice:
        raise DataError(
            f"patient_id: found {twice} rows whose id stands in another row too; allowed: one row "
            "per patient. Keep one, or give each its own id."
        )
    model = propensity_model(before, chosen.covariates or None)
    raw = balancing_weights(
        model.probability,
        before.treated,
        estimand=chosen.estimand,
        stabilised=chosen.stabilised,
    )
    cut, report = _truncated(raw, before.treated, chosen)
    index = model.probability.index
    return Weighted(
        before=before,
        propensity_score=model.probability,
        untruncated=pd.Series(raw, index=index, name="weight"),
        weights=pd.Series(cut, index=index, name="weight"),
        truncation=report,
        plan=chosen,
    )


def _truncated(raw: Floats, treated: Bools, plan: WeightingPlan) -> tuple[Floats, pd.DataFrame]:
    names = ["arm", "end", "percentile", "value", "truncated"]
    if plan.truncate is None:
        return raw, pd.DataFrame(columns=names)
    cut, rows = raw.copy(), []
    for arm, of in zip(ARM_KEYS, (treated, ~treated), strict=True):
        source = raw if plan.truncate_within == "all" else raw[of]
        _, bottom, top = truncate_weights(source, *plan.truncate)
        cut[of] = np.clip(raw[of], bottom, top)
        low, high = plan.truncate
        rows.append((arm, "low", low, bottom, int((raw[of] < bottom).sum())))
        rows.append((arm, "high", high, top, int((raw[of] > top).sum())))
    return cut, pd.DataFrame(rows, columns=names)


def weighted_cox(
    weighted: Weighted,
    outcome: str,
    covariates: Sequence[str] = ("arm",),
    *,
    ties: Ties,
) -> CoxFit:
    """Fit a Cox model of one outcome to weighted patients, with robust standard errors.

    Parameters
    ----------
    weighted
        A weighted cohort.
    outcome
        Key of an outcome of the study.
    covariates
        As in `replica.cohort.design`; default: treatment alone, a marginal hazard ratio. One that
        is missing for anybody is refused, because leaving patients out would unbalance the arms.

    Returns
    -------
    CoxFit
        Read its `robust_se` and the `robust_` columns of its summary: the model-based error takes
        weights for patients. The robust one takes the weights as known, which is conservative for
        the estimand `ate`.

    Raises
    ------
    ParameterError
        If a column is unknown or a covariate has missing values.
    DataError, EstimationError
        As in `replica.cox.fit_cox`.

    Notes
    -----
    Binder, Biometrika 1992;79:139-147; Austin, Stat Med 2016;35:5642-5655. R:
    `coxph(Surv(t, d) ~ arm, weights = w, robust = TRUE)`.
    """
    check_names(covariates)
    for name in covariates:
        column = weighted.before.column(name)
        if column.isna().any():
            raise ParameterError(
                f"{name}: found {int(column.isna().sum())} missing values; weights balance "
                "the whole cohort. Leave the covariate out, or exclude patients before weighting."
            )
    duration, event = cohort_times(weighted.before, outcome)
    coded = design(weighted.before, covariates)
    return fit_cox(
        coded.matrix,
        duration,
        event,
        names=coded.names,
        ties=ties,
        weights=weighted.weights.to_numpy(dtype=np.float64),
        robust=True,
    )
