"""What a search for extremes begins with: a cohort as arrays, its rules, and what it must keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.agreement import Verdict
from replica.cohort import Cohort
from replica.matching import Matched
from replica.protocol import ARM_KEYS, Study
from replica.published import PublishedValue
from replica.ranges.climb import work_room
from replica.ranges.held import Held, Summaries, fit, summary
from replica.ranges.judging import paper_settings
from replica.ranges.patients import DAYS_PER_MONTH, Patients, Rules, on_grid
from replica.ranges.rows import (
    Summary,
    bounded,
    codes_of,
    fits_of,
    held_rows,
    patterns_of,
    summaries_of,
    window_of,
)
from replica.ranges.scores import (
    HAZARDS,
    INTERACTION,
    RESTRICTED,
    SUBDISTRIBUTION,
    SUBGROUP,
    Wanted,
)
from replica.risk_sets import cohort_times
from replica.second_primary import EITHER, WAIT, is_second_primary
from replica.synthesis.fits import Compiled
from replica.unprinted import Asked

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

KINDS = {
    "hazards": HAZARDS,
    "restricted": RESTRICTED,
    "subdistribution": SUBDISTRIBUTION,
    "interaction": INTERACTION,
    "subgroup": SUBGROUP,
}


@dataclass(frozen=True)
class Problem:
    """The patients whom held rows or quantities concern, as arrays, with rules and held rows.

    `rows` are their places in the cohort's table; `wanted` the quantities by key.
    """

    cohort: Cohort
    rows: Ints
    patients: Patients
    rules: Rules
    held: Held
    wanted: Mapping[str, Wanted]
    held_ids: tuple[str, ...]

    def begun(self) -> Patients:
        """Return the patients of the beginning, to be changed."""
        at = self.patients
        return Patients(at.duration.copy(), at.event.copy(), at.order.copy(), at.record.copy())


def problem_of(
    matched: Matched,
    published: Sequence[PublishedValue],
    begun: Mapping[str, Verdict],
    asked: Sequence[Asked],
) -> Problem:
    """Compile a matched cohort, the printed rows that it was compared with, and quantities.

    Parameters
    ----------
    matched
        The cohort that the search begins with, and its pairs.
    published, begun
        Printed rows, and the verdicts on them of this cohort, as `verdicts_on` gives them.
    asked
        Quantities of unprinted results.

    Raises
    ------
    SynthesisError
        If a row is one that the kernels do not know.
    """
    cohort, study = matched.before, matched.before.study
    profile = paper_settings(study).choices.convention
    rows = held_rows(published, begun)
    targets, compiled = fits_of(study, rows, profile)
    chosen = cohort.column("patient_id").isin(matched.after.patients["patient_id"]).to_numpy()
    pattern = patterns_of(cohort, chosen)
    codes = codes_of(compiled, pattern)
    summaries = summaries_of(study, rows)
    member = np.array([_member(one.arm, one.stage, cohort, chosen) for one in summaries])
    member = member.reshape(len(summaries), len(cohort)).astype(np.bool_)
    efron = paper_settings(study).choices.ties == "efron"
    wanted = {one.key: _wanted(one, cohort, chosen, efron=efron) for one in asked}
    concerned = (codes >= 0).any(axis=0) | member.any(axis=0)
    for one in wanted.values():
        concerned |= one.code >= 0
    at = np.flatnonzero(concerned)
    patients = _patients(cohort, at)
    kin = (2 * cohort.treated + chosen)[at]
    alike = np.vstack([codes[:, at], member[:, at], kin])
    _, group = np.unique(alike, axis=1, return_inverse=True)
    held = Held(
        compiled.system,
        np.ascontiguousarray(codes[:, at]),
        _summaries(summaries, member[:, at], cohort, at),
    )
    return Problem(
        cohort,
        at,
        patients,
        _rules(cohort, at, kin.astype(np.int64), group.astype(np.int64).ravel()),
        _with_bounds(held, patients, compiled, summaries, begun),
        {
            key: one._replace(code=one.code[at].copy(), bit=one.bit[at].copy())
            for key, one in wanted.items()
        },
        tuple(dict.fromkeys([*(t.id for t in targets.survival), *(s.id for s in summaries)])),
    )


def table_of(problem: Problem, patients: Patients, text: pd.DataFrame) -> pd.DataFrame:
    """Write patients as the table of text that the cohort's file holds.

    Times, events and what goes along with a record are renewed; nothing else is.
    """
    study, table = problem.cohort.study, text.copy()
    rows = problem.rows
    for column in along(study):
        cells = text[column].to_numpy()
        table.loc[rows, column] = cells[rows[patients.record]]
    for o, outcome in enumerate(study.outcomes):
        table.loc[rows, outcome.duration] = [f"{time:.2f}" for time in patients.duration[o]]
        table.loc[rows, outcome.event] = patients.event[o].astype(np.int64).astype(str)
    return table


def along(study: Study) -> tuple[str, ...]:
    """Columns that belong to a patient's follow-up and go along when two exchange it."""
    follow = [one.key for one in study.characteristics if one.follows]
    follow += [one.key for one in study.measures if one.follows]
    dates = [study.calendar.start_column] if study.calendar else []
    waits = [WAIT] if is_second_primary(study) else []
    return (*dates, *waits, *follow)


def _member(arm: str, stage: str, cohort: Cohort, matched: Bools) -> Bools:
    of_arm = np.ones(len(cohort), dtype=np.bool_)
    if arm in ARM_KEYS:
        of_arm = cohort.treated == (arm == "treated")
    return of_arm & matched if stage == "after" else of_arm


def _wanted(asked: Asked, cohort: Cohort, matched: Bools, *, efron: bool) -> Wanted:
    keys = [outcome.key for outcome in cohort.study.outcomes]
    member = _member("", asked.stage, cohort, matched)
    bit = np.zeros(len(cohort), dtype=np.int64)
    if asked.covariate:
        values, covariate = cohort.column(asked.covariate), cohort.study.covariate(asked.covariate)
        bit = (values == covariate.contrast).to_numpy().astype(np.int64)
        if asked.level:
            member = member & (values == asked.level).to_numpy()
    code = np.where(member, cohort.treated.astype(np.int64), -1)
    outcome = keys.index(asked.outcome)
    either = keys.index(EITHER) if asked.kind == "subdistribution" else outcome
    return Wanted(KINDS[asked.kind], outcome, either, float(asked.time), efron, code, bit)


def _patients(cohort: Cohort, at: Ints) -> Patients:
    times = [cohort_times(cohort, outcome.key) for outcome in cohort.study.outcomes]
    duration = np.array([duration[at] for duration, _ in times])
    event = np.array([event[at] == 1 for _, event in times])
    order = np.argsort(duration, axis=1, kind="stable")
    return Patients(duration, event, order.astype(np.int64), np.arange(at.size))


def _rules(cohort: Cohort, at: Ints, kin: Ints, group: Ints) -> Rules:
    """Rules that the cohort itself keeps; bounds are its own earliest and latest times."""
    study, patients = cohort.study, _patients(cohort, at)
    durations = [outcome.duration for outcome in study.outcomes]
    keys = [outcome.key for outcome in study.outcomes]
    event = patients.event
    places = range(len(keys))
    within = np.full(len(keys), -1)
    for o in places:
        for other in places:
            same = o != other and durations[o] == durations[other]
            if same and (event[other] | ~event[o]).all() and event[o].sum() < event[other].sum():
                within[o] = other
    happened = [patients.duration[o][event[o]] for o in places]
    earliest, latest = _limits(cohort, at, patients)
    return Rules(
        column=np.array([durations.index(name) for name in durations]),
        before=np.array(
            [keys.index(o.no_later_than) if o.no_later_than else -1 for o in study.outcomes]
        ),
        within=within,
        first=np.array([times.min() if times.size else np.inf for times in happened]),
        last=np.array([times.max() if times.size else -np.inf for times in happened]),
        earliest=earliest,
        latest=latest,
        arm=cohort.treated[at].astype(np.int64),
        group=group,
        kin=kin,
        most=_most(patients, cohort.treated[at]),
        days=_whole_days(patients.duration),
    )


def _most(patients: Patients, treated: Bools) -> Ints:
    """Events at the commonest time, by outcome and arm (controls first)."""
    most = np.zeros((len(patients.duration), 2), dtype=np.int64)
    for o, (duration, event) in enumerate(zip(patients.duration, patients.event, strict=True)):
        for arm in (0, 1):
            _, counts = np.unique(duration[event & (treated == arm)], return_counts=True)
            most[o, arm] = counts.max(initial=0)
    return most


def _whole_days(duration: Floats) -> bool:
    """Whether all times but the longest are whole days written in months."""
    times = np.unique(duration)[:-1]
    return bool(all(abs(on_grid(time, True) - time) < 1e-9 for time in times))


def _limits(cohort: Cohort, at: Ints, patients: Patients) -> tuple[Floats, Floats]:
    """Earliest and latest time of each record: the cohort's own, its wait, and the cut-off."""
    earliest = np.full(at.size, patients.duration.min())
    latest = np.full(at.size, patients.duration.max())
    calendar = cohort.study.calendar
    if calendar is not None:
        started = pd.to_datetime(cohort.column(calendar.start_column))
        room = (pd.Timestamp(calendar.data_cutoff) - started).dt.days.to_numpy()[at]
        latest = np.minimum(latest, np.floor(room / DAYS_PER_MONTH * 100) / 100)
    waits = _waits(cohort, at) / DAYS_PER_MONTH
    # a cohort that is beyond a limit of its own keeps what it has
    earliest = np.minimum(np.maximum(earliest, waits), patients.duration.min(axis=0))
    return earliest, np.maximum(latest, patients.duration.max(axis=0))


def _waits(cohort: Cohort, at: Ints) -> Floats:
    if not is_second_primary(cohort.study):
        return np.zeros(at.size)
    waits = pd.to_numeric(cohort.column(WAIT), errors="coerce").fillna(0.0)
    return np.asarray(waits.to_numpy(dtype=np.float64)[at])


def _summaries(summaries: Sequence[Summary], member: Bools, cohort: Cohort, at: Ints) -> Summaries:
    keys = [outcome.key for outcome in cohort.study.outcomes]
    return Summaries(
        np.array([one.kind for one in summaries], dtype=np.int64),
        np.array([keys.index(one.outcome) for one in summaries], dtype=np.int64),
        np.array([one.share for one in summaries], dtype=np.float64),
        np.ascontiguousarray(member),
        np.array([one.low for one in summaries], dtype=np.float64),
        np.array([one.high for one in summaries], dtype=np.float64),
        _waits(cohort, at),
        window_of(cohort.study),
    )


def _with_bounds(
    held: Held,
    patients: Patients,
    compiled: Compiled,
    summaries: Sequence[Summary],
    begun: Mapping[str, Verdict],
) -> Held:
    """Widen the bounds of rows that are not met to where they are; counts stay as they are."""
    work = work_room(held, patients.record.size)
    system = held.system
    low, high = system.low.copy(), system.high.copy()
    for s in range(system.kind.size):
        fit(held, s, patients, work)
        for r in range(system.first[s], system.first[s + 1]):
            value, id_ = float(work.found[system.slot[r]]), compiled.ids[r]
            low[r], high[r] = bounded(
                *(value, low[r], high[r], system.unit[r]),
                met=begun[id_].outcome == "reproduced",
                id_=id_,
            )
    less, more = held.summaries.low.copy(), held.summaries.high.copy()
    for r, one in enumerate(summaries):
        value = summary(held.summaries, r, patients)
        if one.exact or value == one.low == one.high:
            less[r] = more[r] = value
        else:
            met = begun[one.id].outcome == "reproduced"
            less[r], more[r] = bounded(value, one.low, one.high, one.unit, met=met, id_=one.id)
    return Held(
        system._replace(low=low, high=high),
        held.codes,
        held.summaries._replace(low=less, high=more),
    )
