"""Times that were found for one arm, handed to patients whose covariates were found otherwise.

Where no twins of the arm's patients give the printed matching, covariates are searched for by
exchanges between the arms, with the arm's combinations of joint covariates nearly kept: each
patient then takes the times that were found for somebody with the same combination.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.synthesis.arm_search import ArmFound, bits_of
from replica.synthesis.fits import patterns
from replica.synthesis.joint_patterns import JointPatterns
from replica.synthesis.targets import Targets
from replica.synthesis.times import Times

Ints = NDArray[np.int64]


def combinations_of(pattern: Ints, bits: Ints) -> Ints:
    """Code everybody's combination; the first covariate is the highest digit."""
    digits = (pattern[:, None] >> bits) & 1
    return np.asarray(digits @ (1 << np.arange(bits.size)[::-1]), dtype=np.int64)


def found_counts(targets: Targets, found: ArmFound) -> JointPatterns:
    """How many patients of an arm were found with each combination of its joint covariates."""
    asked = found.asked
    combination = combinations_of(found.pattern, bits_of(targets, asked))
    counts = np.bincount(combination, minlength=len(asked.patterns))
    return JointPatterns(asked.arm, asked.covariates, asked.patterns, counts.astype(np.int64))


def hand_out(
    targets: Targets, cohort: Cohort, found: ArmFound, times: Times, rng: np.random.Generator
) -> Times:
    """Give each patient of the arm the times of one who was found with the same combination.

    Where combinations differ in number, the times left over go to the patients left over.
    """
    bits = bits_of(targets, found.asked)
    rows = np.flatnonzero(cohort.treated == (found.asked.arm == "treated"))
    pattern = patterns(cohort, np.zeros(len(cohort), dtype=np.bool_))[rows]
    own, theirs = combinations_of(pattern, bits), combinations_of(found.pattern, bits)
    source = np.full(rows.size, -1, dtype=np.int64)
    left = np.ones(rows.size, dtype=np.bool_)
    for code in np.unique(theirs):
        givers = rng.permutation(np.flatnonzero(theirs == code))
        takers = np.flatnonzero(own == code)
        both = min(givers.size, takers.size)
        source[takers[:both]] = givers[:both]
        left[givers[:both]] = False
    source[source < 0] = np.flatnonzero(left)
    return with_times(times, rows, found.times, source)


def with_times(times: Times, rows: Ints, given: Times, source: Ints) -> Times:
    """Put times of `given` in the place of those at `rows`; `source` says whose."""
    duration, event = times.duration.copy(), times.event.copy()
    duration[:, rows] = given.duration[:, source]
    event[:, rows] = given.event[:, source]
    return Times(duration, event)
