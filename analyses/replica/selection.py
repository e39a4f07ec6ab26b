"""Which covariates enter a joint Cox model, and how treatment works within subgroups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from replica.arrays import number
from replica.cohort import Cohort, check_levels
from replica.cox import CoxFit, cox
from replica.errors import DataError, EstimationError, ParameterError, one_of
from replica.protocol import Covariate, ModelPlan, SubgroupPlan, Ties
from replica.risk_sets import cohort_times

__all__ = ["Entry", "Missing", "Selection", "subgroup_effects", "univariable_to_multivariable"]

Missing = Literal["available", "complete"]
Entry = Literal["global", "level"]

_MODEL_COLUMNS = ("covariate", "name", "hazard_ratio", "ci_low", "ci_high", "p", "n", "events")
_SUBGROUP_COLUMNS = (
    "covariate",
    "level",
    "n",
    "n_treated",
    "events",
    "hazard_ratio",
    "ci_low",
    "ci_high",
    "p",
    "reason",
)


@dataclass(frozen=True)
class Selection:
    """A univariable screen and the joint model of what passed it.

    `univariable` has one row per coefficient: `covariate`, `name`, `hazard_ratio`, `ci_low`,
    `ci_high`, `p`, `n`, `events`, and `entry_p` (the p value the screen looked at) and `reason`
    (why a model could not be estimated, else empty). `multivariable` has the first eight of these,
    and no row when nothing entered. `events_per_variable` is events over coefficients in the joint
    model, NaN without one.

    `missing` says who is in a model: `available`, everybody whose covariates of that model are
    known, or `complete`, only those with every covariate of the plan known. `entry` says which p
    value decides: `global`, Wald's joint over the levels of a covariate, or `level`, the smallest
    of its levels' own. `n_excluded` counts those whom `complete` leaves out of every model.
    """

    univariable: pd.DataFrame
    entered: tuple[str, ...]
    multivariable: pd.DataFrame
    rule: str
    events_per_variable: float
    missing: Missing = "available"
    entry: Entry = "global"
    n_excluded: int = 0


def univariable_to_multivariable(
    cohort: Cohort,
    plan: ModelPlan,
    *,
    ties: Ties,
    entry_p: float | None = None,
    missing: Missing = "available",
    entry: Entry = "global",
) -> Selection:
    """Test every covariate alone, then fit those below the entry threshold together.

    Parameters
    ----------
    cohort
        The whole cohort; the plan says which arm is analysed.
    plan
        Outcome, arm, covariates and entry threshold.
    ties
        `efron` or `breslow`.
    entry_p
        Replaces the plan's threshold; a covariate enters when its p value is *below* it.
    missing
        `available`: each model uses the patients who have its own covariates, so that models differ
        in size. `complete`: all models use those who have every covariate of the plan.
    entry
        `global`: the joint Wald test of a covariate's levels decides. `level`: the covariate
        enters, with all its levels, when any level's own Wald p value is below the threshold.

    Returns
    -------
    Selection
        A covariate whose univariable model cannot be estimated has NaN and a reason, and does not
        enter; an inestimable joint model is an error.

    Raises
    ------
    ParameterError
        If the threshold is not in (0, 1], or `missing` or `entry` is unknown.
    DataError
        If nobody is in the arm, or complete, or the times are refused.
    EstimationError
        If the joint model cannot be estimated.
    """
    threshold = plan.entry_p if entry_p is None else entry_p
    if not 0 < number(threshold, "entry_p") <= 1:
        raise ParameterError(f"entry_p: found {threshold}; it must lie in (0, 1], such as 0.05.")
    if missing not in get_args(Missing):
        raise ParameterError(f"missing: {one_of(missing, get_args(Missing))}")
    if entry not in get_args(Entry):
        raise ParameterError(f"entry: {one_of(entry, get_args(Entry))}")
    everybody = cohort.within(plan.arm)
    if len(everybody) == 0:
        raise DataError(f"{plan.exhibit}: found no patient in the {plan.arm} arm; check `arm`.")
    arm = everybody if missing == "available" else _complete(everybody, plan)
    screened = [_screen(arm, plan.outcome, key, ties, entry) for key in plan.covariates]
    univariable = pd.concat(screened, ignore_index=True)
    passed = univariable.loc[univariable["entry_p"] < threshold, "covariate"]
    entered = tuple(key for key in plan.covariates if key in set(passed))
    multivariable = pd.DataFrame(columns=list(_MODEL_COLUMNS))
    events_per_variable = float("nan")
    if entered:
        fit = cox(arm, plan.outcome, entered, ties=ties)
        multivariable = _rows(fit, entered)
        events_per_variable = fit.n_events / len(fit.names)
    return Selection(
        univariable=univariable,
        entered=entered,
        multivariable=multivariable,
        rule=_rule(plan, threshold, ties, entered, univariable, missing, entry),
        events_per_variable=events_per_variable,
        missing=missing,
        entry=entry,
        n_excluded=len(everybody) - len(arm),
    )


def _complete(arm: Cohort, plan: ModelPlan) -> Cohort:
    known = arm.where(arm.patients[list(plan.covariates)].notna().all(axis=1))
    if len(known) == 0:
        raise DataError(
            f"{plan.exhibit}: found no patient in the {plan.arm} arm with every covariate known; "
            "leave out a covariate or choose missing='available'."
        )
    return known


def _screen(arm: Cohort, outcome: str, key: str, ties: Ties, entry: Entry) -> pd.DataFrame:
    try:
        fit = cox(arm, outcome, [key], ties=ties)
    except EstimationError as error:
        empty = dict.fromkeys(("hazard_ratio", "ci_low", "ci_high", "p", "entry_p"), np.nan)
        n, events = _size(arm, outcome, key)
        row = {"covariate": key, "name": key, **empty, "n": n, "events": events}
        return pd.DataFrame([{**row, "reason": str(error)}])[[*_MODEL_COLUMNS, "entry_p", "reason"]]
    rows = _rows(fit, (key,))
    entry_p = fit.wald_p() if entry == "global" else float(rows["p"].min())
    return rows.assign(entry_p=entry_p, reason="")


def _size(arm: Cohort, outcome: str, key: str) -> tuple[int, int]:
    complete = arm.where(arm.patients[key].notna())
    return len(complete), int(complete.patients[arm.study.outcome(outcome).event].sum())


def _rows(fit: CoxFit, covariates: tuple[str, ...]) -> pd.DataFrame:
    frame = fit.summary().rename(columns={"covariate": "name"})
    # a column is named after its covariate, or covariate=level
    owners = [name.split("=", 1)[0] for name in fit.names]
    if not set(owners) <= set(covariates):
        raise ParameterError(f"coefficients {fit.names} do not belong to {covariates}.")
    frame = frame.assign(covariate=owners, n=fit.n, events=fit.n_events)
    return frame[list(_MODEL_COLUMNS)]


def _rule(
    plan: ModelPlan,
    threshold: float,
    ties: Ties,
    entered: tuple[str, ...],
    univariable: pd.DataFrame,
    missing: Missing,
    entry: Entry,
) -> str:
    outcome = (
        f"Entered: {', '.join(entered)}."
        if entered
        else "No covariate passed, so there is no multivariable model."
    )
    failed = univariable.loc[univariable["reason"] != "", "covariate"].tolist()
    skipped = f" Not estimable alone: {', '.join(failed)}." if failed else ""
    used = (
        "each on its complete cases"
        if missing == "available"
        else "all on the patients with every covariate known"
    )
    levels = (
        "joint over the levels of a covariate"
        if entry == "global"
        else "the smallest of a covariate's levels"
    )
    return (
        f"Cox models of {plan.outcome} in the {plan.arm} arm ({ties.capitalize()} ties), {used}. "
        f"Every covariate is tested alone; those with a Wald p value ({levels}) below "
        f"{threshold:g} enter one joint model, in which nothing is removed. {outcome}{skipped}"
    )


def subgroup_effects(cohort: Cohort, plan: SubgroupPlan, *, ties: Ties) -> pd.DataFrame:
    """Treatment effect within each level of each covariate.

    Each row is an unstratified Cox model with treatment as its only covariate, fitted to the
    patients of that level; hazard ratios compare treated with control.

    Parameters
    ----------
    cohort, plan, ties
        Validated patients, the outcome and covariates, and `efron` or `breslow`.

    Returns
    -------
    DataFrame
        `covariate`, `level`, `n`, `n_treated`, `events`, `hazard_ratio`, `ci_low`, `ci_high`, `p`,
        `reason`: one row per level in the study's order. Where the model cannot be estimated the
        four estimates are NaN and `reason` says why; elsewhere it is empty.

    Raises
    ------
    DataError
        If a duration or event is refused, or a covariate has a level that is not the study's.
    """
    covariates = [cohort.study.covariate(key) for key in plan.covariates]
    cohort_times(cohort, plan.outcome)
    for covariate in covariates:
        check_levels(cohort, covariate)
    rows = [
        _subgroup(cohort, plan.outcome, covariate, level, ties)
        for covariate in covariates
        for level in covariate.level_keys
    ]
    return pd.DataFrame(rows, columns=list(_SUBGROUP_COLUMNS))


def _subgroup(
    cohort: Cohort, outcome: str, covariate: Covariate, level: str, ties: Ties
) -> dict[str, object]:
    part = cohort.where(cohort.column(covariate.key) == level)
    events = part.patients[cohort.study.outcome(outcome).event]
    row: dict[str, object] = {
        "covariate": covariate.key,
        "level": level,
        "n": len(part),
        "n_treated": int(part.treated.sum()),
        "events": int(events.sum()),
        **dict.fromkeys(("hazard_ratio", "ci_low", "ci_high", "p"), np.nan),
    }
    if len(part) == 0:
        return {**row, "reason": "no patient has this level"}
    try:
        fit = cox(part, outcome, ["arm"], ties=ties)
    except EstimationError as error:
        return {**row, "reason": str(error)}
    estimate = fit.summary().iloc[0]
    found = {name: float(estimate[name]) for name in ("hazard_ratio", "ci_low", "ci_high", "p")}
    return {**row, **found, "reason": ""}
