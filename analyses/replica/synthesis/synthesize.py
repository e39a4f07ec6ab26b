"""From printed numbers to a table of patients, and a report of what the patients give back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.convention import convention
from replica.matching import match
from replica.protocol import Study
from replica.published import PublishedValue
from replica.synthesis.arm_search import (
    ArmFound,
    arm_found,
    arm_layout,
    begin_arm,
    bits_of,
    from_arrays,
    to_arrays,
)
from replica.synthesis.covariate_stage import Table, find_covariates
from replica.synthesis.covariates import draw_covariates
from replica.synthesis.details import Draft, complete
from replica.synthesis.fits import Compiled, compile_fits, patterns
from replica.synthesis.handing_out import combinations_of, hand_out, with_times
from replica.synthesis.joint_patterns import JointPatterns, joint_patterns
from replica.synthesis.plan import ARM, TIMES, Plan, Progress
from replica.synthesis.rank_search import rank_standing_of, search_ranks
from replica.synthesis.report import report
from replica.synthesis.snapshots import Keep, Snapshot
from replica.synthesis.targets import Targets, calendar_of, compile_targets
from replica.synthesis.time_search import (
    OTHERS_PHASES,
    PHASES,
    Layout,
    first_standing,
    search_times,
    standing_of,
)
from replica.synthesis.times import (
    Times,
    counted_events,
    initial_times,
    with_compared_events,
)

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

DEFAULT_SEED = 13
DEFAULT_EVALUATIONS = 30_000_000
"""Changes to try in the search over times."""

ARM_SHARE = 0.8
"""Part of all changes that goes to the arms with joint models by themselves."""


@dataclass(frozen=True)
class Synthesis:
    """A finished cohort: the patients as text, ready for a file, and the report about them."""

    patients: pd.DataFrame
    report: dict[str, Any]


def synthesize(
    study: Study,
    published: Sequence[PublishedValue],
    rng: np.random.Generator,
    *,
    evaluations: int = DEFAULT_EVALUATIONS,
    excluded: Mapping[str, str] | None = None,
    progress: Progress,
    keep: Keep | None = None,
    resume: Snapshot | None = None,
) -> Synthesis:
    """Make patients whose analysis by the package's own estimators returns the printed numbers.

    Parameters
    ----------
    study
        Protocol of the study.
    published
        Its printed numbers: the only source of targets.
    rng
        All randomness; the same generator state and evaluations give the same patients.
    evaluations
        Changes of times to try; before them, up to a fifth as many of covariates from each of at
        most ten draws, until all counts agree. Never a clock.
    excluded
        Printed rows not to aim at, with the reason: those that cannot hold beside the others.
    progress
        Called as the search goes on.
    keep
        Called with a snapshot after every chunk of the search.
    resume
        A snapshot to go on from; everything before it is skipped. The result is the same.

    Raises
    ------
    SynthesisError
        If the printed numbers cannot specify a cohort.
    """
    plan = Plan(
        compile_targets(study, published, excluded), rng, evaluations, progress, keep, resume
    )
    asked = joint_patterns(plan.targets)
    compiled = compile_fits(plan.targets, convention(study.convention))
    arms = _arms(plan, asked, compiled)
    table = find_covariates(plan, arms)
    cohort = Cohort(study, table.patients, "synthetic")
    matched = _matched(cohort)
    times = _times(plan, _Everybody(cohort, matched, table.source, arms), compiled)
    finished = complete(Draft(table.patients, times, matched, plan.targets), rng)
    finished = finished[_column_order(study)]
    return Synthesis(finished, report(finished, plan.targets, compiled.ids))


@dataclass(frozen=True)
class _Everybody:
    """All patients before they have times: who is matched, and the arms that were found first."""

    cohort: Cohort
    matched: Bools
    source: Ints | None
    arms: tuple[ArmFound, ...]


def _arms(plan: Plan, asked: tuple[JointPatterns, ...], compiled: Compiled) -> tuple[ArmFound, ...]:
    """Search for each arm with joint models by itself."""
    study, rng = plan.targets.study, plan.rng
    stood = plan.resume
    found = from_arrays(asked, stood.arrays) if stood is not None else ()
    planned = int(plan.evaluations * ARM_SHARE / max(1, len(asked)))
    for k in range(len(found), len(asked)):
        joint = asked[k]
        stood = plan.stood(ARM)
        if stood is not None and stood.numbers["arm"] == k:
            standing = rank_standing_of(stood.numbers, stood.arrays)
            stood.restore(rng)
        else:
            drawn = Cohort(study, draw_covariates(plan.targets, rng, asked), "synthetic")
            standing = begin_arm(plan.targets, drawn, joint, rng)
        layout = arm_layout(plan.targets, compiled, joint)
        search = search_ranks(layout, standing, rng, planned)
        for standing, name, done in search:
            plan.progress(name, done, planned, f"distance {standing.cost:.1f}")
            arrays = standing.arrays() | to_arrays(found)
            plan.snapshot(ARM, standing.numbers() | {"arm": k}, arrays)
        found = (*found, arm_found(plan.targets, compiled, joint, standing, rng))
    return found


def _times(plan: Plan, everybody: _Everybody, compiled: Compiled) -> Times:
    """Search for everybody's times; those of treated found first with their covariates stay."""
    targets, rng, cohort = plan.targets, plan.rng, everybody.cohort
    pattern = patterns(cohort, everybody.matched)
    if (stood := plan.stood(TIMES)) is not None:
        standing = standing_of(stood.numbers, stood.arrays)
        stood.restore(rng)
    else:
        times = initial_times(targets, cohort.treated, rng)
        if everybody.source is not None:
            rows = np.flatnonzero(cohort.treated)
            times = with_times(times, rows, everybody.arms[0].times, everybody.source)
            times = with_compared_events(targets, cohort.treated, times, rng)
        else:
            for arm in everybody.arms:
                times = hand_out(targets, cohort, arm, times, rng)
        standing = first_standing(times, pattern)
    layout = _layout(targets, everybody, pattern, compiled)
    planned = plan.evaluations - int(plan.evaluations * ARM_SHARE) * bool(everybody.arms)
    table = Table(cohort.patients, everybody.source)
    phases = PHASES if everybody.source is None else OTHERS_PHASES
    search = search_times(layout, phases, standing, rng, planned)
    for standing, name, done in search:
        plan.progress(name, done, planned, f"distance {standing.cost:.1f}")
        arrays = {**table.arrays(), **standing.arrays(), **to_arrays(everybody.arms)}
        plan.snapshot(TIMES, standing.numbers(), arrays)
    return standing.best


def _layout(
    targets: Targets, everybody: _Everybody, pattern: NDArray[np.int64], compiled: Compiled
) -> Layout:
    """Everybody: patients of a searched arm exchange times within their combination at first."""
    cohort, arms = everybody.cohort, everybody.arms
    arm_code = cohort.treated.astype(np.int64)
    combination = arm_code.copy()
    others = np.ones(len(cohort), dtype=np.bool_)
    for arm in arms:
        rows = cohort.treated == (arm.asked.arm == "treated")
        codes = combinations_of(pattern, bits_of(targets, arm.asked))
        combination[rows] = 2 + 2 * codes[rows] + arm_code[rows]
        others[rows] = False
    # Who was found with covariates and times exchanges them with nobody, events included.
    found = everybody.source is not None
    held = counted_events(targets, cohort.treated, compared=found)
    alone = np.where(others, 0, 1 + np.arange(len(cohort)))
    shared = np.array([spec.arm != "treated" for spec in compiled.specs], dtype=np.bool_)
    return Layout(
        compiled.system,
        targets.study,
        {
            "arms": compiled.by_arm,
            "shared curves": compiled.by_arm & shared,
            "shared": shared,
            "all": np.ones_like(compiled.by_arm),
        },
        {"combinations": combination, "arms": arm_code, "alone": alone},
        {"others": others, "all": np.ones(len(cohort), dtype=np.bool_)},
        held & others if found else held,
        np.empty(0, dtype=np.int64),
    )


def _matched(cohort: Cohort) -> Bools:
    paired = match(cohort).after.patients["patient_id"]
    return np.asarray(cohort.patients["patient_id"].isin(paired), dtype=np.bool_)


def _column_order(study: Study) -> list[str]:
    measured = [m.key for m in study.measures]
    times = [column for o in study.outcomes for column in (o.duration, o.event)]
    return [
        "patient_id",
        "arm",
        *(c.key for c in study.covariates),
        *measured,
        *(c.key for c in study.characteristics),
        calendar_of(study).start_column,
        *times,
    ]


def better(new: dict[str, Any], old: dict[str, Any] | None) -> bool:
    """Whether a report meets at least as many printed rows as another one."""
    if old is None:
        return True

    def met(report: dict[str, Any]) -> tuple[int, int]:
        return report["targets"]["reproduced"], report["targets"]["rounding"]

    return met(new) >= met(old)
