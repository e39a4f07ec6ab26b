"""First guess of every patient's times: smooth curves through the printed medians and rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replica.errors import SynthesisError
from replica.protocol import ARM_KEYS, Study
from replica.synthesis.targets import SurvivalTarget, Targets, calendar_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GRID = 0.01
"""Months between neighbouring times: the precision to which the papers print them."""

DAYS_PER_MONTH = 30.4375

LITTLE = 0.3
"""A log hazard ratio up to this makes little difference to the numbers at risk."""

NORMAL_97_5 = 1.959963984540054
"""Normal quantile of a two-sided 95% interval."""

AHEAD = 0.01
"""Share of an arm that has had an outcome, such as progression, but not the one that bounds it."""

LOST = 0.06
"""Assumed share of patients lost to follow-up before the cut-off; the papers print none."""


@dataclass(frozen=True)
class Times:
    """Durations in months and event flags, shape (outcomes, patients), in protocol order."""

    duration: Floats
    event: Bools


def initial_times(targets: Targets, treated: Bools, rng: np.random.Generator) -> Times:
    """Draw times whose Kaplan-Meier curves pass near the printed medians and rates of each arm.

    Between printed points the hazard is constant, and it stays so after the last one. The draws
    are stratified (one in each of n equal shares of probability). The times of the outcomes of a
    patient are coupled by rank; an outcome that cannot be later than another is not. Follow-up
    ends at a time common to all outcomes, drawn from `follow_up_times`.

    Raises
    ------
    SynthesisError
        If an outcome of an arm has no printed median or rate.
    """
    study = targets.study
    n = len(treated)
    duration = np.empty((len(study.outcomes), n))
    for arm in ARM_KEYS:
        mask = treated if arm == "treated" else ~treated
        health = rng.normal(size=int(mask.sum()))
        for o, outcome in enumerate(study.outcomes):
            hazard_points = _anchors(targets, outcome.key, arm)
            drawn = _stratified(hazard_points, int(mask.sum()), rng)
            # Rank correlation of about 0.7 between the outcomes of a patient.
            own = health + rng.normal(size=health.size)
            duration[o, mask] = drawn[np.argsort(np.argsort(own))]
        duration[:, mask] = _ordered(duration[:, mask], study, rng)
    censored_at = follow_up_times(targets, n, rng)
    event = duration <= censored_at
    duration = np.where(event, duration, censored_at)
    for arm in ARM_KEYS:
        mask = treated if arm == "treated" else ~treated
        event[:, mask] = _with_counts(event[:, mask], event_counts(targets, arm), study, rng)
    return Times(np.maximum(np.round(duration / GRID), 10) * GRID, event)


def event_counts(targets: Targets, arm: str) -> dict[str, int]:
    """Number of events of each outcome that the printed intervals of an arm imply.

    The standard error of the log hazard ratio of a covariate that a share f of patients have, and
    that makes little difference, is about 1 / sqrt(events f (1 - f)); the median over covariates
    counts, and what thin risk sets lose is added (`_last_hazard`). Outcomes without such rows are
    left out.

    Notes
    -----
    Schoenfeld, Biometrics 1983;39:499-503.
    """
    study = targets.study
    patients = targets.count("patients", "", arm, "before")
    ends: dict[tuple[str, str], dict[str, float]] = {}
    for target in targets.survival:
        spec = target.spec
        if (spec.kind, spec.arm, spec.stage, spec.subgroup) == ("comparison", arm, "before", ""):
            ends.setdefault((spec.outcome, target.covariate), {})[target.statistic] = middle(target)
    implied: dict[str, list[float]] = {}
    for (outcome, key), rows in ends.items():
        if {"ci_low", "ci_high"} <= rows.keys():
            low, high = math.log(rows["ci_low"]), math.log(rows["ci_high"])
            if abs(low + high) / 2 < LITTLE:
                count = targets.count(key, study.covariate(key).contrast, arm, "before")
                share = count / patients
                information = (2 * NORMAL_97_5 / (high - low)) ** 2
                implied.setdefault(outcome, []).append(information / (share * (1 - share)))
    counts = {
        outcome: min(
            patients, round(float(np.median(values)) + _last_hazard(targets, outcome, arm))
        )
        for outcome, values in implied.items()
    }
    for early in study.outcomes:
        late = counts.get(early.no_later_than or "", 0)
        if early.key in counts and late:
            least = min(patients, late + math.ceil(AHEAD * patients))
            counts[early.key] = max(counts[early.key], least)
    return counts


def compared_events(targets: Targets, arm: str) -> dict[str, int]:
    """Number of events of each outcome in an arm that the interval of the treatment implies.

    The inverse numbers of events of both arms add up to the square of the standard error of the log
    hazard ratio between them; those of the other arm are `event_counts`, and what thin risk sets
    lose is added. Empty for an arm whose own models imply its events, and for outcomes without
    such an interval or with one too narrow for the patients.

    Notes
    -----
    Schoenfeld, Biometrics 1983;39:499-503.
    """
    if event_counts(targets, arm):
        return {}
    (other,) = (key for key in ARM_KEYS if key != arm)
    patients = targets.count("patients", "", arm, "before")
    ends: dict[str, dict[str, float]] = {}
    for target in targets.survival:
        spec = target.spec
        if (spec.kind, spec.arm, spec.stage, spec.subgroup) == ("comparison", "all", "before", ""):
            ends.setdefault(spec.outcome, {})[target.statistic] = middle(target)
    found = {}
    for outcome, events in event_counts(targets, other).items():
        rows = ends.get(outcome, {})
        if {"ci_low", "ci_high"} <= rows.keys():
            error = math.log(rows["ci_high"] / rows["ci_low"]) / (2 * NORMAL_97_5)
            left = error**2 - 1 / events
            count = round(1 / left + _last_hazard(targets, outcome, arm)) if left > 0 else patients
            if count < patients:
                found[outcome] = count
    return found


def with_compared_events(
    targets: Targets, treated: Bools, times: Times, rng: np.random.Generator
) -> Times:
    """Turn events into censored times, or back, until they are those of `compared_events`."""
    event = times.event.copy()
    for arm in ARM_KEYS:
        mask = treated if arm == "treated" else ~treated
        wanted = compared_events(targets, arm)
        if wanted:
            event[:, mask] = _with_counts(event[:, mask], wanted, targets.study, rng)
    return Times(times.duration, event)


def _last_hazard(targets: Targets, outcome: str, arm: str) -> float:
    """Cumulative hazard of an arm at its last printed rate or median.

    A risk set of n patients gives (n - 1) / n of the information that the share of a covariate in
    the arm would give; summed over the events this loses as much as the cumulative hazard.
    """
    return float(_anchors(targets, outcome, arm)[1][-1])


def counted_events(targets: Targets, treated: Bools, *, compared: bool) -> Bools:
    """Mark the outcomes and patients whose number of events is implied, shape (outcomes, n).

    With `compared`, also where only the interval of the treatment implies it.
    """
    implied = {arm: event_counts(targets, arm) for arm in ARM_KEYS}
    if compared:
        implied = {arm: implied[arm] or compared_events(targets, arm) for arm in ARM_KEYS}
    arms = np.where(treated, "treated", "control")
    return np.array(
        [[outcome.key in implied[arm] for arm in arms] for outcome in targets.study.outcomes]
    )


def _with_counts(
    event: Bools, wanted: dict[str, int], study: Study, rng: np.random.Generator
) -> Bools:
    """Turn events into censored times, or back, until each outcome has the wanted number.

    An outcome that may not follow another has happened wherever the other has: the later ones come
    first.
    """
    event = event.copy()
    keys = [outcome.key for outcome in study.outcomes]
    for o, outcome in reversed(list(enumerate(study.outcomes))):
        later = event[keys.index(outcome.no_later_than)] if outcome.no_later_than else None
        if later is not None:
            event[o] |= later
        surplus = int(event[o].sum()) - wanted.get(outcome.key, int(event[o].sum()))
        able = event[o] & ~later if surplus > 0 and later is not None else event[o] == (surplus > 0)
        chosen = rng.permutation(np.flatnonzero(able))[: abs(surplus)]
        event[o, chosen] = surplus < 0
    return event


def _anchors(targets: Targets, outcome: str, arm: str) -> tuple[Floats, Floats]:
    """Times and cumulative hazards through which the curve of an arm passes."""
    points = {0.0: 0.0}
    for target in targets.survival:
        spec = target.spec
        if (spec.kind, spec.outcome, spec.arm, spec.stage, spec.subgroup) == (
            "curve",
            outcome,
            arm,
            "before",
            "",
        ):
            if target.statistic == "median":
                points[middle(target)] = float(np.log(2))
            elif target.statistic == "rate":
                points[target.time] = -float(np.log(middle(target)))
    if len(points) == 1:
        raise SynthesisError(
            f"{outcome}, {arm}: found no printed median or rate before matching; times cannot be "
            "drawn without one."
        )
    times = np.array(sorted(points))
    return times, np.maximum.accumulate([points[t] for t in times])


def middle(target: SurvivalTarget) -> float:
    """Centre of the interval of values that would be printed the same."""
    return (target.low + target.high) / 2


def _stratified(anchors: tuple[Floats, Floats], n: int, rng: np.random.Generator) -> Floats:
    times, hazards = anchors
    wanted = -np.log((np.arange(n) + rng.uniform(size=n)) / n)
    drawn = np.interp(wanted, hazards, times)
    late = wanted > hazards[-1]
    slope = (hazards[-1] - hazards[-2]) / (times[-1] - times[-2])
    # Behind a flat last interval nothing happens any more: follow-up will end these times.
    drawn[late] = times[-1] + (wanted[late] - hazards[-1]) / slope if slope > 0 else np.inf
    return np.sort(drawn)


def _ordered(duration: Floats, study: Study, rng: np.random.Generator) -> Floats:
    """Exchange later times between patients until no outcome comes after one it must precede."""
    keys = [outcome.key for outcome in study.outcomes]
    for early, outcome in enumerate(study.outcomes):
        if not outcome.no_later_than:
            continue
        late = keys.index(outcome.no_later_than)
        # A patient whose times are out of order exchanges the later one with a random patient, if
        # that puts both in order: each exchange mends at least one and spoils none. When nobody can
        # help, the patient's own earlier time gives way.
        for i in np.flatnonzero(duration[early] > duration[late]).tolist():
            if duration[early, i] <= duration[late, i]:
                continue
            able = np.flatnonzero(
                (duration[late] >= duration[early, i]) & (duration[late, i] >= duration[early])
            )
            if able.size:
                j = int(rng.choice(able))
                duration[late, [i, j]] = duration[late, [j, i]]
            else:
                duration[early, i] = duration[late, i]
    return duration


def follow_up_times(targets: Targets, n: int, rng: np.random.Generator) -> Floats:
    """Draw when each patient would leave follow-up if nothing happened, in months.

    Nobody enrolled on the last day is followed for longer than until the cut-off; beyond that the
    hazard of leaving is constant, with the printed median follow-up (by reverse Kaplan-Meier). A
    small share, `LOST`, is lost at an earlier, uniform time.
    """
    calendar = calendar_of(targets.study)
    shortest = (calendar.data_cutoff - calendar.enrolment_end).days / DAYS_PER_MONTH
    longest = (calendar.data_cutoff - calendar.enrolment_start).days / DAYS_PER_MONTH
    printed = [t for t in targets.survival if t.spec.kind == "follow_up"]
    median = middle(printed[0]) if printed else (shortest + longest) / 2
    scale = max(median - shortest, 1.0) / np.log(2)
    until = shortest + scale * -np.log(1 - rng.uniform(size=n))
    lost = rng.uniform(size=n) < LOST
    until[lost] = rng.uniform(0.5, shortest, size=int(lost.sum()))
    return np.asarray(np.minimum(until, longest - 0.5))
