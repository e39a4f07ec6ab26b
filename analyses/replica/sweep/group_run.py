"""One run of a study of cases and matched controls: choices in, a record out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from replica.balance import smd
from replica.case_control import CaseControl, match_case_control
from replica.cohort import Cohort
from replica.convention import SmdDenominator
from replica.cox import fit_cox
from replica.errors import EstimationError, MatchingError, ParameterError
from replica.group_analysis import CaseControlSettings, case_control_settings
from replica.protocol import Study
from replica.risk_sets import cohort_times
from replica.sweep.record import Record, Values, differences, refused, wald

_ERRORS = {
    "crude": "model-based",
    "clustered": "clustered on sets",
    "stratified": "model-based, stratified by set",
}


@dataclass
class Memory:
    """The last matching, for runs in a row that share it."""

    key: object = None
    found: CaseControl | MatchingError | None = None


def chosen_settings(study: Study, values: Values) -> CaseControlSettings:
    """Put the values of a run into the words of the protocol.

    Raises
    ------
    ParameterError
        If they contradict each other.
    """
    given = cast("dict[str, Any]", dict(values))
    return case_control_settings(
        study,
        source="synthetic",
        **{
            name: given[name]
            for name in (
                *("ratio", "age_window", "year_window"),
                *("same_sex", "order", "convention", "ties"),
            )
        },
    )


def run(cohort: Cohort, values: Values, memory: Memory | None = None) -> Record:
    """Match controls to cases and compare their survival as the values say.

    The hazard ratio compares matched cases with their controls in a Cox model with the exposure
    alone. `largest_smd` and `mean_smd` are over what controls were matched on.

    Parameters
    ----------
    cohort
        Validated patients.
    values
        A value for each of `replica.sweep.parameters.parameters`.
    memory
        Shares a matching with the run before; the record is the same without it.
    """
    memory = Memory() if memory is None else memory
    try:
        chosen = chosen_settings(cohort.study, values)
    except ParameterError as error:
        return {**values, **refused(str(error))}
    full: Record = {**values, "ties": chosen.choices.ties}
    if memory.key != chosen.case_control:
        memory.key = chosen.case_control
        try:
            memory.found = match_case_control(cohort, chosen.case_control)
        except MatchingError as error:
            memory.found = error
    if not isinstance(memory.found, CaseControl):
        return {**full, **refused(str(memory.found))}
    matched = memory.found
    duration, event = cohort_times(matched.after, str(values["outcome"]))
    treated = matched.after.treated
    denominator = chosen.choices.convention.smd_denominator
    sizes: Record = {
        "pairs": len(matched.pairs),
        "treated": int(treated.sum()),
        "control": int((~treated).sum()),
        **differences(_standardized(matched, denominator)),
        "events": int(event.sum()),
    }
    adjustment = str(values["adjustment"])
    sets = matched.after.column("pair").to_numpy()
    try:
        fit = fit_cox(
            treated.astype(np.float64)[:, None],
            duration,
            event,
            names=("case",),
            ties=chosen.choices.ties,
            cluster=sets if adjustment == "clustered" else None,
            strata=sets if adjustment == "stratified" else None,
        )
    except EstimationError as error:
        return {**full, **refused(str(error)), **sizes}
    errors = fit.se if fit.robust_se is None else fit.robust_se
    effect = wald(float(fit.coef[0]), float(errors[0]))
    return {**full, **sizes, **effect, "errors": _ERRORS[adjustment], "reason": ""}


def _standardized(matched: CaseControl, denominator: SmdDenominator) -> Mapping[str, float]:
    """Differences of what controls were matched on, controls sharing a case's weight."""
    study, own = matched.before.study, matched.before.study.groups
    keys = [] if own is None else [key for key, _ in own.case_control.within]
    calendar = study.calendar
    values: dict[str, tuple[pd.Series[float], pd.Series[float]]] = {}
    for key in keys:
        both = [cohort.column(key) for cohort in (matched.before, matched.after)]
        if calendar is not None and key == calendar.start_column:
            both = [pd.to_datetime(column, format="ISO8601").dt.year for column in both]
        values[key] = (both[0].astype(np.float64), both[1].astype(np.float64))
    for key in () if own is None else own.case_control.exact:
        contrast = study.covariate(key).contrast
        before, after = (
            (cohort.column(key) == contrast).astype(np.float64)
            for cohort in (matched.before, matched.after)
        )
        values[key] = (before, after)
    arm, before_arm = matched.after.treated, matched.before.treated
    weights = matched.weights.to_numpy(dtype=np.float64)[~arm]
    found = {}
    for key, (before, after) in values.items():
        try:
            found[key] = smd(
                after[arm],
                after[~arm],
                denominator=denominator,
                before=(before[before_arm].to_numpy(), before[~before_arm].to_numpy()),
                control_weights=weights,
            )
        except EstimationError:
            found[key] = float("nan")
    return found
