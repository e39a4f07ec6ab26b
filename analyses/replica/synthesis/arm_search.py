"""One arm by itself: the covariates and times that its printed curves and models ask for.

The covariates of a joint model tie its rows together, and the matching ties covariates to the
other arm. So these rows come first: times, the joint covariates and who is matched are searched for
together, with the printed counts held. The covariates that enter no joint model are handed out
afterwards, one by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.protocol import ARM_KEYS
from replica.synthesis.fits import COMPARISON, Compiled, patterns
from replica.synthesis.joint_patterns import JointPatterns
from replica.synthesis.rank_search import (
    RankLayout,
    RankStanding,
    first_ranks,
    rank_layout,
    times_of,
)
from replica.synthesis.single_covariates import hand_out_values
from replica.synthesis.targets import Spec, Targets
from replica.synthesis.times import Times, initial_times

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ArmFound:
    """Patients of one arm as they were found: their patterns (`fits.patterns`) and times."""

    asked: JointPatterns
    pattern: Ints
    times: Times


def bits_of(targets: Targets, asked: JointPatterns) -> Ints:
    """The bits of patterns that code the covariates of a joint model."""
    keys = [covariate.key for covariate in targets.study.covariates]
    return np.array([keys.index(key) for key in asked.covariates], dtype=np.int64)


def arm_layout(targets: Targets, compiled: Compiled, asked: JointPatterns) -> RankLayout:
    """Which fits concern this arm and its joint covariates only."""
    active = np.array([_inside(spec, asked) for spec in compiled.specs], dtype=np.bool_)
    return rank_layout(compiled, targets.study, active, bits_of(targets, asked))


def _inside(spec: Spec, asked: JointPatterns) -> bool:
    known = set(asked.covariates)
    subgroup = spec.subgroup.partition("=")[0]
    return (
        spec.arm == asked.arm
        and (spec.stage == "before" or spec.kind == "curve")
        and spec.kind in {"curve", "comparison", "joint"}
        and set(spec.covariates) <= known
        and (spec.kind != "joint" or spec.covariates == asked.covariates)
        and (not subgroup or (spec.kind == "curve" and subgroup in known))
    )


def begin_arm(
    targets: Targets, cohort: Cohort, asked: JointPatterns, rng: np.random.Generator
) -> RankStanding:
    """Draw times and who is matched for drawn covariates, and stand at the beginning."""
    rows = np.flatnonzero(cohort.treated == (asked.arm == "treated"))
    times = initial_times(targets, cohort.treated, rng)
    pattern = patterns(cohort, np.zeros(len(cohort), dtype=np.bool_))[rows]
    study = targets.study
    total = targets.count("patients", "", asked.arm, "after")
    chosen = np.isin(np.arange(rows.size), rng.permutation(rows.size)[:total])
    for bit, covariate in enumerate(study.covariates):
        wanted = targets.count(covariate.key, covariate.contrast, asked.arm, "after")
        _share_out(pattern, bit, chosen, wanted, rng.permutation(rows.size))
    pattern |= chosen.astype(np.int64) << (len(study.covariates) + 1)
    mine = Times(times.duration[:, rows], times.event[:, rows])
    return first_ranks(mine, pattern, study)


def _share_out(pattern: Ints, bit: int, chosen: Bools, wanted: int, order: Ints) -> None:
    """Exchange a covariate's values, in an order, until `wanted` of the chosen have it."""
    has = pattern >> bit & 1 == 1
    surplus = int(has[chosen].sum()) - wanted
    give = [i for i in order if chosen[i] and has[i] == (surplus > 0)][: abs(surplus)]
    take = [i for i in order if not chosen[i] and has[i] != (surplus > 0)][: abs(surplus)]
    for i, j in zip(give, take, strict=False):
        pattern[i] ^= 1 << bit
        pattern[j] ^= 1 << bit


def arm_found(
    targets: Targets,
    compiled: Compiled,
    asked: JointPatterns,
    standing: RankStanding,
    rng: np.random.Generator,
) -> ArmFound:
    """Hand out the covariates that enter no joint model to the patients of a finished search.

    Values change hands within the matched and within the others. Among the latter, those with the
    fewest covariates that the arm has more often than the other begin with more of the rest: who
    finds no partner has a score out of the others' reach.
    """
    study, ranks = targets.study, standing.best
    keys = [covariate.key for covariate in study.covariates]
    joint = bits_of(targets, asked).tolist()
    matched = ranks.pattern >> (len(keys) + 1) & 1
    pull = np.array([_pull(targets, key, asked.arm) for key in keys])
    risk = np.zeros(matched.size)
    for bit in joint:
        risk += (ranks.pattern >> bit & 1) * pull[bit]
    rest = [bit for bit in np.argsort(-np.abs(pull), kind="stable").tolist() if bit not in joint]
    for bit in rest:
        pattern = ranks.pattern.copy()
        # Who is matched has changed hands since the values were shared out.
        wanted = targets.count(keys[bit], study.covariates[bit].contrast, asked.arm, "after")
        _share_out(pattern, bit, matched == 1, wanted, rng.permutation(matched.size))
        others = np.flatnonzero(matched == 0)
        having = int((pattern[others] >> bit & 1).sum())
        order = others[np.argsort(np.sign(pull[bit]) * risk[others], kind="stable")]
        pattern[others] &= ~(1 << bit)
        pattern[order[:having]] |= 1 << bit
        fits = [
            s
            for s, spec in enumerate(compiled.specs)
            if compiled.system.kind[s] == COMPARISON
            and (spec.arm, spec.stage, spec.subgroup) == (asked.arm, "before", "")
            and spec.covariates == (keys[bit],)
        ]
        ranks = ranks._replace(pattern=pattern)
        if fits:
            pattern, _ = hand_out_values(compiled.system, ranks, bit, fits, matched, rng)
            ranks = ranks._replace(pattern=pattern)
        risk += (ranks.pattern >> bit & 1) * pull[bit]
    return ArmFound(asked, ranks.pattern, times_of(ranks))


def _pull(targets: Targets, key: str, arm: str) -> float:
    """Log odds ratio of having a covariate in this arm against the other, before matching."""
    odds = []
    for each in (arm, *(other for other in ARM_KEYS if other != arm)):
        having = targets.count(key, targets.study.covariate(key).contrast, each, "before")
        total = targets.count("patients", "", each, "before")
        odds.append((having + 0.5) / (total - having + 0.5))
    return math.log(odds[0] / odds[1])


def to_arrays(found: tuple[ArmFound, ...]) -> dict[str, NDArray[Any]]:
    """Arrays for a snapshot."""
    arrays: dict[str, NDArray[Any]] = {}
    for k, arm in enumerate(found):
        arrays[f"arm{k}_pattern"] = arm.pattern
        arrays[f"arm{k}_duration"] = arm.times.duration
        arrays[f"arm{k}_event"] = arm.times.event
    return arrays


def from_arrays(
    asked: tuple[JointPatterns, ...], arrays: Mapping[str, NDArray[Any]]
) -> tuple[ArmFound, ...]:
    """Read the arms whose search had ended back from a snapshot."""
    return tuple(
        ArmFound(
            joint,
            arrays[f"arm{k}_pattern"],
            Times(arrays[f"arm{k}_duration"], arrays[f"arm{k}_event"]),
        )
        for k, joint in enumerate(asked)
        if f"arm{k}_pattern" in arrays
    )
