"""Landmark analysis: who is still at risk at a time, followed from there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from replica.arrays import number
from replica.cohort import AttritionStep, Cohort
from replica.errors import EstimationError, ParameterError
from replica.risk_sets import cohort_times


def landmark(cohort: Cohort, outcome: str, time: float) -> Cohort:
    """Return the patients still at risk of an outcome at a landmark, with time counted from it.

    Whoever had the event or was censored at the landmark or before is left out, so that a group
    formed by what happened until then (a response, a later treatment) has no guaranteed survival.

    Parameters
    ----------
    cohort
        Validated patients.
    outcome
        Key of the outcome whose duration is re-set. Durations and events of the study's other
        outcomes become missing, so that no analysis takes them for times from the landmark: make
        a landmark cohort for each outcome.
    time
        The landmark, above 0, in the outcome's unit.

    Returns
    -------
    Cohort
        With one more step of attrition.

    Raises
    ------
    ParameterError
        If the time is not a number above 0.
    EstimationError
        If nobody is at risk after the landmark.
    DataError
        If the times are refused by `replica.risk_sets.check_times`.

    Notes
    -----
    Anderson, Cain and Gelber (1983). The strict limit (duration > landmark) is that of
    van Houwelingen (2007).
    """
    if not 0 < number(time, "landmark") < np.inf:
        raise ParameterError(
            f"landmark: found {time}; a number above 0 is needed, in the unit of the outcome."
        )
    described = cohort.study.outcome(outcome)
    duration, _ = cohort_times(cohort, outcome)
    at_risk = duration > time
    if not at_risk.any():
        raise EstimationError(
            f"landmark: found nobody at risk of {outcome} after {time:g} {described.unit}; the "
            f"longest duration is {duration.max():g}. Choose an earlier landmark."
        )
    kept = cohort.where(at_risk)
    patients = kept.patients.copy()
    for other in cohort.study.outcomes:
        for column in {other.duration, other.event} - {described.duration, described.event}:
            patients[column] = np.nan
    patients[described.duration] = duration[at_risk] - time
    step = AttritionStep(
        label=f"At risk at {time:g} {described.unit}",
        remaining=len(kept),
        excluded=len(cohort) - len(kept),
        reason=f"{described.label}: event or end of follow-up by the landmark",
    )
    return replace(kept, patients=patients, attrition=(*cohort.attrition, step))
