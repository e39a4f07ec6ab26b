"""Printed rows as what a search holds: fits, counts and quartiles, each with its bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replica.agreement import Verdict
from replica.cohort import Cohort
from replica.convention import Convention
from replica.errors import SynthesisError
from replica.events.facts import rules_of
from replica.protocol import Study
from replica.published import PublishedValue
from replica.ranges.held import AMONG_EVENTS, EVENTS, EVENTS_BY, FOLLOWED, SINCE
from replica.second_primary import is_second_primary
from replica.synthesis.fits import Compiled, compile_fits, signature
from replica.synthesis.targets import Targets, compile_targets

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

SHARES = {"q1": 0.25, "median": 0.5, "q3": 0.75}

INSIDE = 1e-7
"""How far inside the values that are printed alike a held row stays, of a unit of its last digit:
kernels and estimators agree to many more digits."""


@dataclass(frozen=True)
class Summary:
    """A printed row that is no fit: see `replica.ranges.held.Summaries`.

    `low` and `high` bound the value; with `exact` it stays what it is at the beginning.
    """

    id: str
    kind: int
    outcome: str
    share: float
    arm: str
    stage: str
    low: float
    high: float
    unit: float
    exact: bool = False


def held_rows(
    published: Sequence[PublishedValue], begun: Mapping[str, Verdict]
) -> tuple[PublishedValue, ...]:
    """Return the printed rows that the cohort at the beginning was compared with."""
    return tuple(row for row in published if row.id in begun)


def fits_of(
    study: Study, rows: Sequence[PublishedValue], profile: Convention
) -> tuple[Targets, Compiled]:
    """Compile the rows that are results of curves, comparisons and models.

    Raises
    ------
    SynthesisError
        If a row is about a subgroup or covariate of more than two levels, or gives an interval of
        a median that the kernels do not know.
    """
    targets = compile_targets(study, rows)
    if is_second_primary(study):
        # follow-up within a window is a summary of its own
        kept = tuple(one for one in targets.survival if one.spec.kind != "follow_up")
        targets = replace(targets, survival=kept)
    two = {covariate.key for covariate in study.covariates if len(covariate.levels) == 2} | {"arm"}
    for one in targets.survival:
        about = {*one.spec.covariates, *filter(None, [one.spec.subgroup.partition("=")[0]])}
        if not about <= two:
            raise SynthesisError(f"{one.id}: found a covariate of more than two levels; not known.")
    ends = any(t.spec.kind == "curve" and "ci" in t.statistic for t in targets.survival)
    # how the interval of a median is made matters only where one is printed
    used = profile if ends else replace(profile, median_interval="spss")
    return targets, compile_fits(targets, used)


def codes_of(compiled: Compiled, pattern: Ints) -> Ints:
    """How each patient enters each fit, shape (fits, n): regressors as bits, -1 for not at all."""
    fits = range(len(compiled.specs))
    codes = [[signature(compiled.system, s, int(p)) for p in pattern] for s in fits]
    return np.array(codes, dtype=np.int64).reshape(len(compiled.specs), pattern.size)


def patterns_of(cohort: Cohort, matched: Bools) -> Ints:
    """Each patient as bits: covariates of two levels at their contrast, treated, matched."""
    covariates = cohort.study.covariates
    columns = [
        (cohort.column(c.key) == c.contrast).to_numpy()
        if len(c.levels) == 2
        else np.zeros(len(cohort), dtype=np.bool_)
        for c in covariates
    ]
    bits = np.column_stack([*columns, cohort.treated, matched]).astype(np.int64)
    return np.asarray(bits @ (1 << np.arange(bits.shape[1])), dtype=np.int64)


def summaries_of(study: Study, rows: Sequence[PublishedValue]) -> tuple[Summary, ...]:
    """Read the rows that are counts of events, or quartiles of times and of follow-up."""
    if not is_second_primary(study):
        return ()
    last = study.outcomes[-1].key
    kinds = {
        "time_to_event": AMONG_EVENTS,
        "follow_up": FOLLOWED,
        "time_ici_to_second_primary": SINCE,
    }
    found = [
        Summary(
            row.id,
            kinds[row.item],
            last if row.item == "follow_up" else row.outcome,
            SHARES[row.statistic],
            row.arm,
            row.stage,
            *_bounds(row),
        )
        for row in rows
        if row.statistic in SHARES and row.item in kinds
    ]
    counted = {*(o.key for o in study.outcomes), "incidence", "risk_difference"}
    for row in rows:
        if row.item in counted:
            arms = ("treated", "control") if row.arm == "all" or row.comparator else (row.arm,)
            for arm in arms:
                found += _counts(row, arm, study.outcome(row.outcome).rate_times)
    # a quantity that is printed in several places is held once
    unique = {replace(one, id=""): one for one in found}
    return tuple(unique.values())


def _counts(row: PublishedValue, arm: str, times: Sequence[int]) -> list[Summary]:
    """Return the number of events in all and by each time, which stay as they are."""
    ends = (0.0, 0.0, 1.0)
    return [
        Summary(row.id, EVENTS, row.outcome, 0.0, arm, row.stage, *ends, exact=True),
        *(
            Summary(row.id, EVENTS_BY, row.outcome, float(time), arm, row.stage, *ends, exact=True)
            for time in times
        ),
    ]


def _bounds(row: PublishedValue) -> tuple[float, float, float]:
    """Least and greatest value that is printed like a row, and a unit of its last digit."""
    if row.value.not_reached:
        return math.inf, math.inf, 1.0
    low, high = row.value.bounds()
    return low, high, float(row.value.unit)


def window_of(study: Study) -> float:
    """Longest follow-up that counts, in the outcomes' unit; infinite without one."""
    return float(rules_of(study).window_months) if is_second_primary(study) else math.inf


def bounded(
    value: float, low: float, high: float, unit: float, *, met: bool, id_: str
) -> tuple[float, float]:
    """Bounds within which a row is held, from where it begins.

    A row that is met stays within the values that are printed alike; another gets no farther off
    at the printed precision.

    Raises
    ------
    SynthesisError
        If a row is met by the estimators and not by the kernels: they mean different quantities.
    """
    margin = INSIDE * unit
    if math.isnan(value):
        raise SynthesisError(f"{id_}: not estimable in the cohort that the search begins with.")
    if met and not low - margin <= value <= high + margin:
        raise SynthesisError(
            f"{id_}: found {value} by the search's kernels, which is not between {low} and {high}; "
            "the row is met by the estimators. The search does not know this quantity."
        )
    low, high = low + margin, high - margin
    if met or not math.isfinite(value):
        return min(low, value), max(high, value)
    shown = math.floor(value / unit + 0.5) * unit
    if value < low:
        low = min(value, shown - unit / 2 + margin)
    if value > high:
        high = max(value, shown + unit / 2 - margin)
    return low, high
