"""One arm by itself: combinations of covariates and times that its printed models ask for.

The covariates of a joint model tie its rows together, and the matching ties covariates to the
other arm. So these rows come first: times and combinations are searched for together, with the
arm's covariates free. Matching then keeps the combinations, and each patient takes the times that
were found for somebody with the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.synthesis.fits import Compiled, patterns
from replica.synthesis.joint_patterns import JointPatterns
from replica.synthesis.targets import Spec, Targets
from replica.synthesis.time_search import Layout, Standing, first_standing
from replica.synthesis.times import Times, counted_events, initial_times

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ArmFound:
    """Patients of one arm: their combinations, coded as in `JointPatterns`, and their times."""

    asked: JointPatterns
    combination: Ints
    times: Times

    @property
    def counts(self) -> JointPatterns:
        """How many patients have each combination."""
        asked = self.asked
        counts = np.bincount(self.combination, minlength=len(asked.patterns))
        return JointPatterns(asked.arm, asked.covariates, asked.patterns, counts.astype(np.int64))


def bits_of(targets: Targets, asked: JointPatterns) -> Ints:
    """The bits of patterns that code the covariates of a joint model."""
    keys = [covariate.key for covariate in targets.study.covariates]
    return np.array([keys.index(key) for key in asked.covariates], dtype=np.int64)


def combinations_of(pattern: Ints, bits: Ints) -> Ints:
    """Code everybody's combination; the first covariate is the highest digit."""
    digits = (pattern[:, None] >> bits) & 1
    return np.asarray(digits @ (1 << np.arange(bits.size)[::-1]), dtype=np.int64)


def arm_layout(targets: Targets, compiled: Compiled, asked: JointPatterns) -> Layout:
    """Which fits concern this arm and its joint covariates only; all its patients may change."""
    n = targets.count("patients", "", asked.arm, "before")
    inside = np.array([_inside(spec, asked) for spec in compiled.specs], dtype=np.bool_)
    curves = inside & np.array([not s.subgroup and not s.covariates for s in compiled.specs])
    everybody = np.ones(n, dtype=np.bool_)
    return Layout(
        compiled.system,
        targets.study,
        {"arms": curves, "all": inside},
        {"arms": np.zeros(n, dtype=np.int64)},
        {"all": everybody},
        counted_events(targets, np.full(n, asked.arm == "treated")),
        bits_of(targets, asked),
    )


def _inside(spec: Spec, asked: JointPatterns) -> bool:
    known = set(asked.covariates)
    subgroup = spec.subgroup.partition("=")[0]
    return (
        (spec.arm, spec.stage) == (asked.arm, "before")
        and set(spec.covariates) <= known
        and (not subgroup or subgroup in known)
    )


def begin_arm(
    targets: Targets, cohort: Cohort, asked: JointPatterns, rng: np.random.Generator
) -> Standing:
    """Draw times for drawn covariates, and stand at the beginning of the search for an arm."""
    rows = _rows(cohort, asked.arm)
    times = initial_times(targets, cohort.treated, rng)
    pattern = patterns(cohort, np.zeros(len(cohort), dtype=np.bool_))[rows]
    return first_standing(Times(times.duration[:, rows], times.event[:, rows]), pattern)


def _rows(cohort: Cohort, arm: str) -> Ints:
    return np.flatnonzero(cohort.treated == (arm == "treated"))


def arm_found(targets: Targets, asked: JointPatterns, standing: Standing) -> ArmFound:
    """Read the result of a finished search."""
    combination = combinations_of(standing.best_pattern, bits_of(targets, asked))
    return ArmFound(asked, combination, standing.best)


def hand_out(
    targets: Targets, cohort: Cohort, found: ArmFound, times: Times, rng: np.random.Generator
) -> Times:
    """Give each patient of the arm the times of one who was found with the same combination.

    Where combinations differ in number, the times left over go to the patients left over.
    """
    rows = _rows(cohort, found.asked.arm)
    pattern = patterns(cohort, np.zeros(len(cohort), dtype=np.bool_))[rows]
    own = combinations_of(pattern, bits_of(targets, found.asked))
    source = np.full(rows.size, -1, dtype=np.int64)
    left = np.ones(rows.size, dtype=np.bool_)
    for code in np.unique(found.combination):
        givers = rng.permutation(np.flatnonzero(found.combination == code))
        takers = np.flatnonzero(own == code)
        both = min(givers.size, takers.size)
        source[takers[:both]] = givers[:both]
        left[givers[:both]] = False
    source[source < 0] = np.flatnonzero(left)
    duration, event = times.duration.copy(), times.event.copy()
    duration[:, rows] = found.times.duration[:, source]
    event[:, rows] = found.times.event[:, source]
    return Times(duration, event)


def to_arrays(found: tuple[ArmFound, ...]) -> dict[str, NDArray[Any]]:
    """Arrays for a snapshot."""
    arrays: dict[str, NDArray[Any]] = {}
    for k, arm in enumerate(found):
        arrays[f"arm{k}_combination"] = arm.combination
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
            arrays[f"arm{k}_combination"],
            Times(arrays[f"arm{k}_duration"], arrays[f"arm{k}_event"]),
        )
        for k, joint in enumerate(asked)
        if f"arm{k}_combination" in arrays
    )
