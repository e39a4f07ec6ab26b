"""Models of a study of cases and controls: odds ratios, and hazard ratios within subgroups."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.case_control import CaseControl
from replica.cohort import Cohort
from replica.contingency import pearson
from replica.cox import fit_cox
from replica.errors import EstimationError
from replica.estimate import Estimate, Quantity, estimates
from replica.firth import fit_cox_firth
from replica.group_counts import categorical, design_of, levels, members
from replica.groups import PEARSON, WALD
from replica.logistic_models import OddsRatioFit, fit_conditional, fit_unconditional
from replica.protocol import OddsRatioPlan, Ties
from replica.published import PublishedValue
from replica.risk_sets import cohort_times

Floats = NDArray[np.float64]

EXPOSURE = "exposure"
RATIO = {"or": "odds_ratio", "ci_low": "ci_low", "ci_high": "ci_high", "p": "p"}
HAZARD = {"hr": "hazard_ratio", "ci_low": "ci_low", "ci_high": "ci_high", "p": "p"}


def together(matched: CaseControl, first: str, second: str) -> tuple[Cohort, NDArray[np.bool_]]:
    """Return the patients of two groups, and which of them are in the first."""
    one, other = members(matched, first), members(matched, second)
    ids = one.patients["patient_id"]
    both = matched.after.where(
        matched.after.column("patient_id").isin([*ids, *other.patients["patient_id"]])
    )
    return both, both.column("patient_id").isin(ids).to_numpy(dtype=np.bool_)


def coded(cohort: Cohort, plan: OddsRatioPlan) -> Floats:
    """Return the column that an odds ratio's model has for its item."""
    values = levels(cohort, plan.item)
    if plan.trend:
        order = {
            level: k for k, level in enumerate(categorical(cohort.study, plan.item).level_keys)
        }
        return np.asarray(values.map(order), dtype=np.float64)
    return np.asarray(values.isin(plan.levels), dtype=np.float64)


def fit_odds_ratio(
    matched: CaseControl, plan: OddsRatioPlan, *, conditional: bool = False
) -> OddsRatioFit:
    """Fit the logistic regression of one planned odds ratio; its item is the last coefficient.

    Parameters
    ----------
    matched
        Cases and their controls.
    plan
        Which ratio.
    conditional
        Within matched sets instead of over all patients.

    Raises
    ------
    EstimationError
        As `fit_unconditional` and `fit_conditional`.
    """
    cohort, cases = together(matched, *plan.compared)
    peers = {
        other.item: other
        for other in design_of(cohort.study).odds_ratios
        if other.compared == plan.compared
    }
    used = [*(peers[item] for item in plan.adjusted_for), plan]
    matrix = np.column_stack([coded(cohort, one) for one in used])
    names = [one.item for one in used]
    if conditional:
        return fit_conditional(matrix, cases, cohort.column("pair"), names=names)
    return fit_unconditional(matrix, cases, names=names, profile=False)


def described(plan: OddsRatioPlan) -> str:
    """Say which model an odds ratio comes from."""
    kind = "trend over levels" if plan.trend else f"odds of {' or '.join(plan.levels)}"
    joint = f", joint with {', '.join(plan.adjusted_for)}" if plan.adjusted_for else ""
    cases = plan.cases or plan.first
    test = "Wald" if plan.p == WALD else "Wald; p of Pearson's chi-square"
    return f"logistic regression{joint}: {kind}, {cases} over {plan.second}, {test}"


def odds_ratio_estimates(matched: CaseControl) -> list[Estimate]:
    """Every planned odds ratio with its Wald interval and p value."""
    rows: list[Estimate] = []
    for plan in design_of(matched.before.study).odds_ratios:
        quantity = _odds_quantity(matched, plan)
        try:
            row = fit_odds_ratio(matched, plan).summary().iloc[-1]
        except EstimationError as error:
            rows += estimates(quantity, dict.fromkeys(RATIO), str(error))
            continue
        values = {name: float(row[column]) for name, column in RATIO.items()}
        if plan.p == PEARSON:
            values["p"] = _pearson_p(matched, plan)
        rows += estimates(quantity, values, described(plan))
    return rows


def _pearson_p(matched: CaseControl, plan: OddsRatioPlan) -> float:
    """P value of Pearson's chi-square of the counts that a crude ratio compares."""
    cohort, cases = together(matched, *plan.compared)
    at = coded(cohort, plan) == 1
    return pearson([[int((at & of).sum()), int((~at & of).sum())] for of in (cases, ~cases)]).p


def _odds_quantity(matched: CaseControl, plan: OddsRatioPlan) -> Quantity:
    outcome = design_of(matched.before.study).exposed
    return Quantity(plan.item, outcome=outcome, arm=plan.first, comparator=plan.second)


def odds_ratio_models(matched: CaseControl, published: Sequence[PublishedValue]) -> pd.DataFrame:
    """List each printed odds ratio with the ratios that other models give.

    Returns
    -------
    DataFrame
        `item`, `first`, `second`, `printed`, `plan` (the model that it is read as), `as_planned`,
        `crude`, `inverse` (the crude ratio the other way round), `joint` (with all items that are
        printed for the same groups), `conditional` (within matched sets), each as the ratio with
        its interval, and `agrees` (models whose ratio rounds to the printed one).
    """
    printed = {row.key: row for row in published}
    rows = []
    for plan in design_of(matched.before.study).odds_ratios:
        quantity = _odds_quantity(matched, plan)
        row = printed.get(Estimate(quantity, "or", None, "").key)
        alone = OddsRatioPlan(plan.item, plan.first, plan.second, plan.levels, plan.trend)
        fits = {
            "as_planned": _ratio(matched, plan),
            "crude": _ratio(matched, alone),
            "conditional": _ratio(matched, alone, conditional=True),
        }
        if fits["crude"] is not None:
            fits["inverse"] = tuple(1 / fits["crude"][k] for k in (0, 2, 1))
        agrees = [
            name
            for name, found in fits.items()
            if row is not None
            and found is not None
            and row.value.admits(Fraction(f"{found[0]:.12g}"))
        ]
        rows.append(
            {
                "item": plan.item,
                "first": plan.first,
                "second": plan.second,
                "printed": "" if row is None else row.printed,
                "plan": described(plan),
                **{name: _shown(found) for name, found in fits.items()},
                "agrees": ", ".join(agrees),
            }
        )
    return pd.DataFrame(rows)


def _ratio(
    matched: CaseControl, plan: OddsRatioPlan, *, conditional: bool = False
) -> tuple[float, ...] | None:
    try:
        row = fit_odds_ratio(matched, plan, conditional=conditional).summary().iloc[-1]
    except EstimationError:
        return None
    return tuple(float(row[name]) for name in ("odds_ratio", "ci_low", "ci_high"))


def _shown(found: tuple[float, ...] | None) -> str:
    if found is None:
        return "not estimable"
    return f"{found[0]:.2f} ({found[1]:.2f}–{found[2]:.2f})"  # noqa: RUF001 - en dash


def subgroup_hazards(matched: CaseControl, outcome: str, *, ties: Ties) -> pd.DataFrame:
    """Hazard ratio of the exposed within each subgroup, by a plain and by a Firth Cox model.

    Returns
    -------
    DataFrame
        `covariate`, `level`, `n`, `n_exposed`, `events`, `events_exposed`, `hazard_ratio`,
        `ci_low`, `ci_high`, `p`, and the same four of Firth's model as `firth_...`: its interval
        is that of the profile likelihood, which such small numbers need. `reason` says why a plain
        model is missing.
    """
    design = design_of(matched.before.study)
    both, exposed = together(matched, design.exposed, design.unexposed)
    rows = [_hazards(both, exposed, outcome, "", "", ties)]
    for column, of in design.subgroups:
        values = levels(both, column)
        for level in of:
            kept = (values == level).to_numpy(dtype=np.bool_)
            rows.append(_hazards(both.where(kept), exposed[kept], outcome, column, level, ties))
    return pd.DataFrame(rows)


def _hazards(
    cohort: Cohort, exposed: NDArray[np.bool_], outcome: str, column: str, level: str, ties: Ties
) -> dict[str, object]:
    duration, event = cohort_times(cohort, outcome)
    row: dict[str, object] = {
        "covariate": column,
        "level": level,
        "n": len(cohort),
        "n_exposed": int(exposed.sum()),
        "events": int(event.sum()),
        "events_exposed": int(event[exposed].sum()),
        **dict.fromkeys(HAZARD.values(), float("nan")),
        **{f"firth_{name}": float("nan") for name in HAZARD.values()},
        "reason": "",
    }
    matrix = exposed.astype(np.float64)[:, None]
    try:
        plain = fit_cox(matrix, duration, event, names=[EXPOSURE], ties=ties).summary().iloc[0]
        row |= {name: float(plain[name]) for name in HAZARD.values()}
    except EstimationError as error:
        row["reason"] = str(error)
    try:
        firth = fit_cox_firth(matrix, duration, event, names=[EXPOSURE], ties=ties)
        row |= {f"firth_{name}": float(firth.summary().iloc[0][name]) for name in HAZARD.values()}
    except EstimationError:
        pass
    return row


def subgroup_hazard_estimates(matched: CaseControl, ties: Ties) -> list[Estimate]:
    """The plain Cox models of `subgroup_hazards`, as estimates of printed numbers."""
    study = matched.before.study
    design = design_of(study)
    rows: list[Estimate] = []
    for outcome in study.outcomes:
        for _, row in subgroup_hazards(matched, outcome.key, ties=ties).iterrows():
            subgroup = f"{row['covariate']}={row['level']}" if row["covariate"] else ""
            quantity = Quantity(
                EXPOSURE,
                outcome=outcome.key,
                arm=design.exposed,
                comparator=design.unexposed,
                subgroup=subgroup,
            )
            values = {name: float(row[column]) for name, column in HAZARD.items()}
            method = str(row["reason"]) or f"Cox model, {ties} ties, Wald"
            rows += estimates(quantity, values, method)
    return rows
