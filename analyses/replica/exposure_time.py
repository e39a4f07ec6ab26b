"""Readings of a treatment that begins after time zero, and of death beside the event, side by side.

Patients who are called treated from time zero must live until their treatment: that time cannot
end in the event, and counting it as treated flatters the treatment. A covariate that changes when
treatment begins, or a landmark, does not. Nor is an event free of death: a model of the event's
hazard censors the dead, one of its subdistribution keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.competing import fine_gray
from replica.cox import cox, fit_cox
from replica.errors import EstimationError, ParameterError
from replica.event_summaries import CAUSE, first_events
from replica.landmark import landmark
from replica.protocol import Ties
from replica.risk_sets import cohort_times

Floats = NDArray[np.float64]
DAYS_PER_MONTH = 30.4375

EVER = "Ever treated, from the diagnosis"
LATE = "Ever treated, at risk from {entry:g} months"
VARYING = "Treated from the first dose on"
LANDMARK = "Treated by {time:g} months, followed from there"
SUBDISTRIBUTION = "Ever treated, death competing (Fine-Gray)"


@dataclass(frozen=True)
class Intervals:
    """Follow-up cut where exposure begins: one row per stretch (start, stop] of a patient.

    `event` is 1 where the stretch ends in the event, `exposed` 1 where it is treated time.
    """

    start: Floats
    stop: Floats
    event: NDArray[np.int64]
    exposed: Floats
    patient: NDArray[np.object_]


def waits(cohort: Cohort, wait: str) -> Floats:
    """Months from time zero to the first dose by a measure in days; infinite if there is none."""
    days = cohort.column(wait).to_numpy(dtype=np.float64)
    return np.where(np.isnan(days), np.inf, days / DAYS_PER_MONTH)


def exposure_intervals(cohort: Cohort, outcome: str, wait: str, *, entry: float = 0) -> Intervals:
    """Cut each patient's follow-up at the first dose.

    Parameters
    ----------
    outcome
        Key of the outcome, with a duration in months.
    wait
        Measure of the days from time zero to the first dose, blank for the never treated.
    entry
        Months after time zero from which patients are at risk (left truncation).

    Raises
    ------
    ParameterError
        If somebody's follow-up ends by the time of entry: such patients were not eligible.
    """
    duration, event = cohort_times(cohort, outcome)
    early = int((duration <= entry).sum())
    if early:
        raise ParameterError(
            f"entry: found {early} patients whose follow-up ends by {entry:g} months; those at "
            "risk from then on are followed longer. Choose an earlier entry."
        )
    begun = waits(cohort, wait)
    ids = cohort.column("patient_id").to_numpy(dtype=object)
    unexposed, exposed = begun > entry, begun < duration
    first = np.full(int(unexposed.sum()), float(entry))
    return Intervals(
        np.concatenate([first, np.maximum(begun, entry)[exposed]]),
        np.concatenate([np.minimum(begun, duration)[unexposed], duration[exposed]]),
        np.concatenate([np.where(exposed, 0, event)[unexposed], event[exposed]]).astype(np.int64),
        np.repeat([0.0, 1.0], [int(unexposed.sum()), int(exposed.sum())]),
        np.concatenate([ids[unexposed], ids[exposed]]),
    )


def by_landmark(cohort: Cohort, outcome: str, wait: str, time: float) -> Cohort:
    """Return who is at risk at a landmark, in the arm of their treatment until then.

    The treated whose first dose comes later count as controls, whatever happens afterwards.
    """
    kept = landmark(cohort, outcome, time)
    arm = np.where(waits(kept, wait) <= time, "treated", "control")
    return replace(kept, patients=kept.patients.assign(arm=arm))


def exposure_readings(
    cohort: Cohort,
    event: str,
    either: str,
    wait: str,
    *,
    ties: Ties,
    entry: float,
    landmarks: tuple[float, ...],
) -> pd.DataFrame:
    """Hazard ratio of treatment under each reading of when exposure and risk begin.

    Parameters
    ----------
    event, either
        Outcome of the event, and the outcome of that event or death.
    wait, entry
        See `exposure_intervals`.
    landmarks
        Months at which landmark analyses begin.

    Returns
    -------
    DataFrame
        `outcome`, `reading`, `n` (patients), `events`, `hazard_ratio` (of the subdistribution in
        the Fine-Gray row), `ci_low`, `ci_high`, `p`, `reason` (why there is none; empty).

    Notes
    -----
    Suissa, American Journal of Epidemiology 2008;167:492-499; Anderson, Cain and Gelber, Journal of
    Clinical Oncology 1983;1:710-719; Fine and Gray, JASA 1999;94:496-509.
    """
    rows = []
    for outcome in (event, either):
        for reading, n, fit in _fits(cohort, outcome, wait, ties, entry, landmarks):
            rows.append({"outcome": outcome, "reading": reading, "n": n, **fit})
    rows.insert(len(rows) // 2, {"outcome": event, **_subdistribution(cohort, event, either)})
    return pd.DataFrame(rows)


def _fits(
    cohort: Cohort,
    outcome: str,
    wait: str,
    ties: Ties,
    entry: float,
    landmarks: tuple[float, ...],
) -> Iterator[tuple[str, int, dict[str, object]]]:
    yield EVER, len(cohort), _arm(cohort, outcome, ties)
    late = replace(cohort, patients=cohort.patients.assign(entry=float(entry)))
    yield LATE.format(entry=entry), len(cohort), _arm(late, outcome, ties, start="entry")
    data = exposure_intervals(cohort, outcome, wait, entry=entry)
    yield VARYING, len(cohort), _varying(data, ties)
    for time in landmarks:
        kept = by_landmark(cohort, outcome, wait, time)
        yield LANDMARK.format(time=time), len(kept), _arm(kept, outcome, ties)


def _arm(cohort: Cohort, outcome: str, ties: Ties, start: str | None = None) -> dict[str, object]:
    _, event = cohort_times(cohort, outcome)
    try:
        row = cox(cohort, outcome, ["arm"], ties=ties, start=start).summary().iloc[0]
    except EstimationError as error:
        return _none(int(event.sum()), str(error))
    return _found(row, int(event.sum()), "hazard_ratio")


def _varying(data: Intervals, ties: Ties) -> dict[str, object]:
    try:
        fit = fit_cox(
            data.exposed[:, None],
            data.stop,
            data.event,
            names=["exposed"],
            ties=ties,
            start=data.start,
            patient=data.patient,
        )
    except EstimationError as error:
        return _none(int(data.event.sum()), str(error))
    return _found(fit.summary().iloc[0], fit.n_events, "hazard_ratio")


def _subdistribution(cohort: Cohort, event: str, either: str) -> dict[str, object]:
    named = {"reading": SUBDISTRIBUTION, "n": len(cohort)}
    _, had = cohort_times(cohort, event)
    try:
        fit = fine_gray(first_events(cohort, event, either), either, ["arm"], cause=CAUSE)
    except EstimationError as error:
        return {**named, **_none(int(had.sum()), str(error))}
    return {
        **named,
        **_found(fit.summary().iloc[0], fit.n_events, "subdistribution_hazard_ratio"),
    }


def _found(row: pd.Series[float], events: int, ratio: str) -> dict[str, object]:
    values = {"hazard_ratio": float(row[ratio])}
    values |= {name: float(row[name]) for name in ("ci_low", "ci_high", "p")}
    return {"events": events, **values, "reason": ""}


def _none(events: int, reason: str) -> dict[str, object]:
    missing = dict.fromkeys(("hazard_ratio", "ci_low", "ci_high", "p"), float("nan"))
    return {"events": events, **missing, "reason": reason}
