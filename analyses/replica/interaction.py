"""Whether the treatment effect differs between the levels of a covariate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from replica.cohort import Cohort, check_levels
from replica.cox import CoxFit, cohort_design, fit_cox
from replica.errors import EstimationError
from replica.protocol import SubgroupPlan, Ties
from replica.risk_sets import cohort_times

__all__ = ["interaction_tests"]

_COLUMNS = (
    "covariate",
    "n",
    "events",
    "df",
    "wald_statistic",
    "wald_p",
    "lr_statistic",
    "lr_p",
    "reason",
)


def interaction_tests(cohort: Cohort, plan: SubgroupPlan, *, ties: Ties) -> pd.DataFrame:
    """Test treatment x covariate for each covariate of a subgroup plan.

    Each test compares a Cox model with treatment, the covariate and their products with the one
    without the products, in the patients whose covariate is known. Of a covariate with k levels
    k - 1 products are tested together.

    Parameters
    ----------
    cohort, plan, ties
        As in `replica.selection.subgroup_effects`. Its rows are joined with these by `covariate`:
        `effects.merge(tests, on="covariate", suffixes=("", "_test"))`.

    Returns
    -------
    DataFrame
        `covariate`, `n`, `events`, `df`, `wald_statistic`, `wald_p`, `lr_statistic`, `lr_p`,
        `reason`: one row per covariate in the plan's order. Where a model cannot be estimated the
        tests are NaN and `reason` says why; elsewhere it is empty.

    Raises
    ------
    DataError
        If a duration or event is refused.

    Notes
    -----
    R: the Wald and likelihood-ratio tests of `arm:covariate` in `coxph(... ~ arm * covariate)`.
    The subgroups' own models each have a baseline hazard of their own; this one is shared.
    """
    cohort_times(cohort, plan.outcome)
    rows = [_tested(cohort, plan.outcome, key, ties) for key in plan.covariates]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _tested(cohort: Cohort, outcome: str, key: str, ties: Ties) -> dict[str, Any]:
    levels = cohort.study.covariate(key).level_keys
    check_levels(cohort, cohort.study.covariate(key))
    known = cohort.column(key).notna()
    events = cohort.patients.loc[known, cohort.study.outcome(outcome).event]
    row: dict[str, Any] = {
        "covariate": key,
        "n": int(known.sum()),
        "events": int(events.sum()),
        "df": len(levels) - 1,
        **dict.fromkeys(("wald_statistic", "wald_p", "lr_statistic", "lr_p"), np.nan),
    }
    empty = [level for level in levels if not (cohort.patients[key] == level).any()]
    if empty:
        return {**row, "reason": f"no patient has the level {', '.join(empty)}"}
    try:
        without, joint = _models(cohort, outcome, key, ties)
    except EstimationError as error:
        return {**row, "reason": str(error)}
    df = len(levels) - 1
    coef, covariance = joint.coef[-df:], joint.covariance[-df:, -df:]
    wald = float(coef @ np.linalg.solve(covariance, coef))
    ratio = max(0.0, 2 * (joint.log_likelihood - without.log_likelihood))
    found = {"wald_statistic": wald, "lr_statistic": ratio}
    p = {"wald_p": float(chi2.sf(wald, df)), "lr_p": float(chi2.sf(ratio, df))}
    return {**row, **found, **p, "reason": ""}


def _models(cohort: Cohort, outcome: str, key: str, ties: Ties) -> tuple[CoxFit, CoxFit]:
    """Fit the models without and with the products, to the same patients."""
    used, coded, _ = cohort_design(cohort, outcome, ["arm", key])
    duration, event = cohort_times(used, outcome)
    products = coded.matrix[:, [0]] * coded.matrix[:, 1:]
    names = (*coded.names, *(f"arm:{name}" for name in coded.names[1:]))
    without = fit_cox(coded.matrix, duration, event, names=coded.names, ties=ties)
    both = np.column_stack([coded.matrix, products])
    return without, fit_cox(both, duration, event, names=names, ties=ties)
