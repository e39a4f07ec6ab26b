"""Everything about a synthetic patient besides covariates and times: response, safety, age, dates.

Counts and summaries are the printed ones; who has what follows the patient's times where the
protocol says so, and is random otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.errors import SynthesisError
from replica.protocol import Characteristic, Measure
from replica.synthesis.targets import Targets, calendar_of
from replica.synthesis.times import DAYS_PER_MONTH, Times

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

NOISE = 0.2
"""Standard deviation, on the log scale, between a time and the rank of what follows it."""

THIN_TAIL = 2.5
"""Power by which values thin out towards a printed extreme."""


@dataclass(frozen=True)
class Draft:
    """A patient table in the making: ids, arms and covariates, with times and pairs beside it."""

    patients: pd.DataFrame
    times: Times
    matched: Bools
    targets: Targets

    def outcome(self, key: str) -> int:
        """Row of an outcome in `times`."""
        return [outcome.key for outcome in self.targets.study.outcomes].index(key)

    def in_arm(self, arm: str) -> Bools:
        """Whether each patient is in an arm (`all`: everybody)."""
        if arm == "all":
            return np.ones(len(self.patients), dtype=np.bool_)
        return np.asarray(self.patients["arm"] == arm, dtype=np.bool_)


def complete(draft: Draft, rng: np.random.Generator) -> pd.DataFrame:
    """Add characteristics, measures, start dates, times and events to a patient table.

    Raises
    ------
    SynthesisError
        If printed counts do not add up, or a printed median and range cannot be met.
    """
    study = draft.targets.study
    patients = draft.patients.copy()
    for characteristic in study.characteristics:
        patients[characteristic.key] = _levels(draft, characteristic, patients, rng)
    for measure in study.measures:
        patients[measure.key] = _values(draft, measure, rng)
    patients[calendar_of(study).start_column] = _start_dates(draft, rng)
    for o, outcome in enumerate(study.outcomes):
        patients[outcome.duration] = [f"{value:.2f}" for value in draft.times.duration[o]]
        patients[outcome.event] = draft.times.event[o].astype(int)
    return patients


def _levels(
    draft: Draft, characteristic: Characteristic, patients: pd.DataFrame, rng: np.random.Generator
) -> NDArray[np.object_]:
    """Hand out the levels of a characteristic, by arm and, if printed so, by matching."""
    values = np.full(len(patients), "", dtype=object)
    for arm in characteristic.arms:
        rows = draft.in_arm(arm)
        total = _printed(draft, characteristic, arm, "before", rows)
        after = _printed(draft, characteristic, arm, "after", rows & draft.matched)
        if total is None:
            raise SynthesisError(f"{characteristic.key} ({arm}): found no printed counts.")
        groups = [(rows, total)]
        if after is not None:
            rest = {level: total[level] - after[level] for level in total}
            groups = [(rows & draft.matched, after), (rows & ~draft.matched, rest)]
        for group, counts in groups:
            if sum(counts.values()) != group.sum() or min(counts.values()) < 0:
                raise SynthesisError(
                    f"{characteristic.key} ({arm}): printed counts {counts} do not make up "
                    f"{int(group.sum())} patients."
                )
            ordered = _ranked(draft, characteristic, patients, np.flatnonzero(group), counts, rng)
            values[ordered] = np.repeat(list(counts), list(counts.values()))
    return values


def _printed(
    draft: Draft, characteristic: Characteristic, arm: str, stage: str, rows: Bools
) -> dict[str, int] | None:
    """Printed counts by level in protocol order; a level without a printed count has nobody."""
    targets, key = draft.targets, characteristic.key
    if characteristic.level_keys == ("yes", "no"):
        if not targets.counts(key, "", arm, stage):
            return None
        yes = targets.count(key, "", arm, stage)
        return {"yes": yes, "no": int(rows.sum()) - yes}
    found = {level: targets.counts(key, level, arm, stage) for level in characteristic.level_keys}
    if not any(found.values()):
        return None
    return {
        level: targets.count(key, level, arm, stage) if numbers else 0
        for level, numbers in found.items()
    }


def _ranked(
    draft: Draft,
    characteristic: Characteristic,
    patients: pd.DataFrame,
    rows: Ints,
    counts: dict[str, int],
    rng: np.random.Generator,
) -> Ints:
    """Order patients so that handing out the levels in turn gives each a plausible one."""
    rows = rng.permutation(rows)
    if characteristic.within:
        outside = np.asarray(patients[characteristic.within].iloc[rows] != "yes")
        if counts["yes"] > int((~outside).sum()):
            raise SynthesisError(
                f"{characteristic.key}: {counts['yes']} patients cannot lie within the "
                f"{int((~outside).sum())} of {characteristic.within}."
            )
        return rows[np.argsort(outside, kind="stable")]
    if not characteristic.follows:
        return rows
    o = draft.outcome(characteristic.follows)
    duration, event = draft.times.duration[o, rows], draft.times.event[o, rows]
    # The last level, progression as best response, belongs to the earliest events, without noise.
    last = list(counts.values())[-1]
    earliest = np.argsort(np.where(event, duration, np.inf), kind="stable")[:last]
    noisy = duration * np.exp(NOISE * rng.normal(size=rows.size))
    noisy[earliest] = -1.0
    return rows[np.argsort(-noisy, kind="stable")]


def _values(draft: Draft, measure: Measure, rng: np.random.Generator) -> NDArray[np.object_]:
    """Hand out values with the printed median and range, within each arm or over both."""
    values = np.full(len(draft.patients), np.nan)
    medians = [draft.targets.number(measure.key, arm, "before", "median") for arm in measure.arms]
    pooled = len(measure.arms) > 1 and medians.count(None) == len(medians)
    for arm in ("all",) if pooled else measure.arms:
        rows = np.flatnonzero(draft.in_arm(arm))
        low, middle, high = (
            draft.targets.number(measure.key, arm, "before", statistic)
            for statistic in ("min", "median", "max")
        )
        if low is None or middle is None or high is None:
            raise SynthesisError(f"{measure.key} ({arm}): found no printed median and range.")
        groups, edges = _bands(draft, measure, rows, rng)
        ordered = _sorted_values(rows.size, (low, middle, high), edges, measure)
        if measure.follows:
            duration = draft.times.duration[draft.outcome(measure.follows), rows]
            noisy = duration * np.exp(NOISE * rng.normal(size=rows.size))
            groups = rows[np.argsort(noisy, kind="stable")]
        values[groups] = ordered
    shown = [f"{value:.0f}" if measure.whole else f"{value:g}" for value in values]
    return np.where(np.isnan(values), "", np.array(shown, dtype=object))


def _bands(
    draft: Draft, measure: Measure, rows: Ints, rng: np.random.Generator
) -> tuple[Ints, dict[float, float]]:
    """Patients from the lowest band to the highest, and the values at the shares between them."""
    rows = rng.permutation(rows)
    if not measure.groups:
        return rows, {}
    level = np.asarray(draft.patients[measure.groups].iloc[rows])
    parts = [rows[level == band.level] for band in measure.bands]
    ends = np.cumsum([part.size for part in parts])[:-1] / rows.size
    starts = [band.minimum - 0.5 for band in measure.bands[1:]]
    return np.concatenate(parts), dict(zip(ends.tolist(), starts, strict=True))


def _sorted_values(
    n: int, summary: tuple[float, float, float], edges: dict[float, float], measure: Measure
) -> Floats:
    """Ascending values with exactly this minimum, median and maximum, thin towards the extremes.

    A printed minimum that is also the smallest possible value (one cycle) is common, not rare.
    """
    low, middle, high = summary
    points = {0.0: low, 0.5: middle, 1.0: high} | edges
    share = np.array(sorted(points))
    height = np.array([points[s] for s in share])
    at = (np.arange(n) + 0.5) / n
    part = np.clip(np.searchsorted(share, at, side="right") - 1, 0, share.size - 2)
    along = (at - share[part]) / (share[part + 1] - share[part])
    last = part == share.size - 2
    along[last] = along[last] ** THIN_TAIL
    if low > measure.minimum:
        first = part == 0
        along[first] = 1 - (1 - along[first]) ** THIN_TAIL
    values: Floats = height[part] + along * (height[part + 1] - height[part])
    values = np.round(values) if measure.whole else values
    values[0], values[-1] = low, high
    if float(np.median(values)) != middle or np.any(np.diff(values) < 0):
        raise SynthesisError(
            f"{measure.key}: the printed median {middle:g} and range {low:g} to {high:g} cannot be "
            f"met by {n} values" + (f" with bands from {edges}." if edges else ".")
        )
    return values


def _start_dates(draft: Draft, rng: np.random.Generator) -> list[str]:
    """Draw when treatment started, so that last contacts lie before the cut-off.

    Patients alive at last contact are taken as alive at the cut-off where the enrolment window
    allows it, and as lost to follow-up otherwise; the start of all others is uniform over the days
    that leave room for their follow-up.
    """
    calendar = calendar_of(draft.targets.study)
    window = (calendar.enrolment_end - calendar.enrolment_start).days
    followed = np.ceil(draft.times.duration.max(axis=0) * DAYS_PER_MONTH).astype(int)
    latest = np.minimum((calendar.data_cutoff - calendar.enrolment_start).days - followed, window)
    if latest.min() < 0:
        raise SynthesisError("a patient is followed for longer than the calendar allows.")
    uniform = rng.integers(0, latest + 1)
    alive = ~draft.times.event[-1] & (latest < window)
    offset = np.where(alive, latest, uniform)
    return [(calendar.enrolment_start + timedelta(days=int(day))).isoformat() for day in offset]
