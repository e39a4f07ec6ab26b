"""Covariates of `mlc_second_primary`: patients whose matching returns the printed counts.

Most treated patients get a twin: a control with the very same covariates, so at distance 0. The
printed counts of matched controls differ a little from those of the treated. A few pairs make up
for that: their propensity scores lie within one caliper of each other in a band in which, and one
caliper around which, nobody else's does. So the same controls are matched whatever the order of the
treated. Two treated patients score so high that no control is within the caliper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from replica.errors import SynthesisError
from replica.logistic import fit_logistic
from replica.protocol import ArmKey
from replica.published import Printed
from replica.synthesis.second_primary_margins import (
    AGE_POWERS,
    ages_with,
    index_with,
    quartered,
)
from replica.synthesis.second_primary_partners import (
    AGE,
    AUTOIMMUNE,
    COUNTED,
    FEMALE,
    GRID,
    INDEX,
    KINDS,
    TRANSPLANT,
    TYPE,
    Goal,
    find_partners,
)
from replica.synthesis.second_primary_targets import PrintedStudy
from replica.two_samples import student_t

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Score = Callable[[Integers], Floats]

# Free choices. The band lies where scores are many; half its width is less than half a caliper, so
# that whoever is in it is within a caliper of everybody else in it.
MIDDLE, HALF_BAND, ROOM = 0.236, 0.45, 1.2
# Controls that are never matched: their youngest and oldest.
YOUNGEST, OLDEST = 44, 95
# Treated whose controls are no twins, by cancer type: some with and some without autoimmune
# disease, so that every count that differs can be made up for.
ODD_AUTOIMMUNE, ODD_OTHERS = (2, 2, 2, 0), (12, 8, 10, 22)
# Shares by which quartiles of the index clear its steps, as `index_with` takes them: with these the
# arms differ little, so that pairs may differ in index within a caliper.
INDEX_TREATED, INDEX_CONTROL = (0.10, 0.04), (0.03, 0.10)
# Treated patients without a control: the youngest and healthiest, so the likeliest to be treated.
LONER_AGES = (36, 38, 40, 42)
BEGINNINGS, ROUNDS = 8, 7


@dataclass(frozen=True)
class Patterns:
    """Covariates of everybody, one row each, by group; rows of `treated` and `control` are pairs.

    Each array has shape (patients, 6), whole numbers.
    """

    treated: Integers
    control: Integers
    unmatched_treated: Integers
    unmatched_control: Integers


@dataclass(frozen=True)
class _Zones:
    """Where scores may lie: the band of the odd pairs, the empty space around it, and the top."""

    low: float
    high: float
    width: float
    top: float

    def inside(self, score: Floats) -> Bools:
        """Whether scores lie in the band."""
        return (score >= self.low) & (score <= self.high)

    def allowed(self, score: Floats) -> Bools:
        """Whether scores lie clear of the band and of the top."""
        room = ROOM * self.width
        near = (score > self.low - room) & (score < self.high + room)
        return ~near & (score < self.top)


def make_patterns(rng: np.random.Generator, printed: PrintedStudy) -> Patterns:
    """Make the covariates of all patients.

    Raises
    ------
    SynthesisError
        If no beginning ends with everybody where they should be; another seed may do.
    """
    loners = _loners(printed)
    for _ in range(BEGINNINGS):
        found = _search(rng, printed, loners)
        if found is not None:
            return found
    raise SynthesisError(
        f"{printed.study.key}: found no covariates that match as printed in {BEGINNINGS} times "
        f"{ROUNDS} rounds; try another seed."
    )


def _search(rng: np.random.Generator, printed: PrintedStudy, loners: Integers) -> Patterns | None:
    """Put columns together at random and move patients until all lie where they should."""
    treated = _matched_treated(rng, printed)
    odd = _odd_pairs(treated)
    control, rest = treated.copy(), _rest(rng, printed, treated)
    caliper = printed.study.matching.caliper
    if caliper is None:
        raise SynthesisError(f"{printed.study.key}: found no caliper; patients are made for one.")
    for _ in range(ROUNDS):
        score, width = _fitted(treated, control, rest, loners, caliper)
        top = float(score(loners).min()) - ROOM * width
        zones = _Zones(MIDDLE - HALF_BAND * width, MIDDLE + HALF_BAND * width, width, top)
        moved = _place(rng, treated, score, zones, odd=odd)
        goal = _goal(printed, treated, control)
        control = treated.copy()
        pool = GRID[zones.inside(score(GRID))]
        control[odd], off = find_partners(treated, odd, pool, goal)
        moved += _place(rng, rest, score, zones, twins=treated)
        if not moved and off < COUNTED and _tests_as_printed(printed, treated, control):
            return Patterns(treated, control, loners, rest)
    return None


def _matched_treated(rng: np.random.Generator, printed: PrintedStudy) -> Integers:
    """The matched treated, their columns put together at random."""
    counts = printed.counts["treated", "after"]
    n = counts.patients
    ages = ages_with(n, counts.age, mean=printed.age_mean, sd=printed.age_sd)
    return _assigned(
        rng,
        ages,
        index_with(n, counts.index, *INDEX_TREATED),
        _yes(printed, "treated", "after"),
        counts.types,
    )


def _yes(printed: PrintedStudy, arm: ArmKey, stage: str) -> tuple[int, int, int]:
    counts = printed.counts[arm, stage]
    return (counts.female, counts.yes["autoimmune_disease"], counts.yes["organ_transplant"])


def _loners(printed: PrintedStudy) -> Integers:
    """The treated whom matching leaves out: they have what is printed less after it."""
    before, after = printed.counts["treated", "before"], printed.counts["treated", "after"]
    n = before.patients - after.patients
    less = np.subtract(_yes(printed, "treated", "before"), _yes(printed, "treated", "after"))
    types = np.subtract(before.types, after.types)
    if not 0 < n <= len(LONER_AGES) or less.any() or (types < 0).any():
        raise SynthesisError(
            f"{printed.study.key}: {n} treated patients are left out at matching, with {less} "
            f"female, autoimmune and transplanted and {types} by cancer type; patients can be made "
            f"for 1 to {len(LONER_AGES)} who are none of these."
        )
    loners = np.zeros((n, TYPE + 1), dtype=np.int64)
    loners[:, AGE], loners[:, TYPE] = LONER_AGES[:n], np.repeat(np.arange(KINDS + 1), types)
    return loners


def _goal(printed: PrintedStudy, treated: Integers, control: Integers) -> Goal:
    """What matched controls have more: as counted, and in age and index as the t tests say.

    The matched controls are younger and sicker in sum by as much as the printed p values ask for at
    the spread of the controls made last; with these signs the two offset each other in the score.
    """
    n, after = len(treated), printed.counts["control", "after"]

    def shift(column: int, p: Printed) -> int:
        t = float(stats.t.isf(float(p.value) / 2, 2 * n - 2))
        variances = float(treated[:, column].var(ddof=1)), float(control[:, column].var(ddof=1))
        return round(t * math.sqrt(n * sum(variances)))

    yes = np.subtract(_yes(printed, "control", "after"), _yes(printed, "treated", "after"))
    types = np.subtract(after.types, printed.counts["treated", "after"].types)[:KINDS]
    more = [-shift(AGE, printed.age_p), shift(INDEX, printed.index_p), *yes, *types]
    return Goal(np.array(more, dtype=np.int64), after.age, after.index)


def _tests_as_printed(printed: PrintedStudy, treated: Integers, control: Integers) -> bool:
    """Whether the t tests of age and index between the pairs give the printed p values."""
    wanted = ((AGE, printed.age_p), (INDEX, printed.index_p))
    found = (
        (student_t(*(arm[:, column].astype(float) for arm in (treated, control))).p, p)
        for column, p in wanted
    )
    return all(p.admits(Fraction(value)) for value, p in found)


def _odd_pairs(treated: Integers) -> Bools:
    """Choose treated patients whose controls are no twins: enough of every kind that differs.

    Changes who has what, within the columns.
    """
    odd = np.zeros(len(treated), dtype=np.bool_)
    transplanted = np.flatnonzero(treated[:, TRANSPLANT] == 1)[0]
    odd[transplanted] = True
    # a transplant lowers the score: only the young, healthy and likely come near the band
    for column, value in ((AGE, 38), (FEMALE, 0), (INDEX, 0), (AUTOIMMUNE, 0), (TYPE, 1)):
        other = int(np.argmin(np.abs(treated[:, column] - value)))
        rows = [transplanted, other]
        treated[rows, column] = treated[rows[::-1], column]
    plain = (treated[:, TRANSPLANT] == 0) & (treated[:, INDEX] <= 5)
    for kind in range(KINDS + 1):
        here = plain & (treated[:, TYPE] == kind)
        for ill, numbers in ((1, ODD_AUTOIMMUNE), (0, ODD_OTHERS)):
            odd[np.flatnonzero(here & (treated[:, AUTOIMMUNE] == ill))[: numbers[kind]]] = True
    return odd


def design_columns(patterns: Integers) -> Floats:
    """Code patterns as the propensity model does, with the last cancer type as reference."""
    types = [patterns[:, TYPE] == kind for kind in range(KINDS)]
    return np.column_stack([patterns[:, :TYPE], *types]).astype(np.float64)


def _fitted(
    treated: Integers, control: Integers, rest: Integers, loners: Integers, caliper: float
) -> tuple[Score, float]:
    """Fit the propensity model to everybody; return the score and the caliper's width."""
    arms = (np.vstack([treated, loners]), np.vstack([control, rest]))
    marks = np.repeat([True, False], [len(arm) for arm in arms])
    fit = fit_logistic(design_columns(np.vstack(arms)), marks)

    def score(patterns: Integers) -> Floats:
        return fit.probability(design_columns(patterns))

    spread = np.mean([score(arm).var(ddof=1) for arm in arms])
    return score, caliper * float(np.sqrt(spread))


def _marks(rng: np.random.Generator, count: int, n: int) -> Integers:
    return rng.permutation(np.repeat([1, 0], [count, n - count]))


def _assigned(
    rng: np.random.Generator,
    ages: Integers,
    index: Integers,
    counts: Sequence[int],
    types: Sequence[int],
) -> Integers:
    """Put columns with these exact contents together at random."""
    n = len(ages)
    female, autoimmune, transplant = (_marks(rng, count, n) for count in counts)
    kind = rng.permutation(np.repeat(np.arange(KINDS + 1), types))
    return np.column_stack(
        [rng.permutation(ages), female, rng.permutation(index), autoimmune, transplant, kind]
    )


def _rest(rng: np.random.Generator, printed: PrintedStudy, matched: Integers) -> Integers:
    """Make the controls that are never matched: what is left of all controls."""
    before, after = printed.counts["control", "before"], printed.counts["control", "after"]
    every, n = before.patients, before.patients - after.patients
    ages = np.rint(quartered(every, before.age, YOUNGEST, OLDEST, AGE_POWERS)).astype(np.int64)
    left = _less(ages, matched[:, AGE], rng, n)
    index = _less(index_with(every, before.index, *INDEX_CONTROL), matched[:, INDEX], rng, n)
    yes = np.subtract(_yes(printed, "control", "before"), _yes(printed, "control", "after"))
    types = np.subtract(before.types, after.types)
    return _assigned(rng, left, index, yes.tolist(), types.tolist())


def _less(everybody: Integers, some: Integers, rng: np.random.Generator, n: int) -> Integers:
    """Take some values away from everybody's, as far as they are there, and keep n of the rest."""
    size = int(max(everybody.max(), some.max())) + 1
    counts = np.bincount(everybody, minlength=size) - np.bincount(some, minlength=size)
    left = np.repeat(np.arange(size), np.maximum(counts, 0))
    return np.sort(rng.choice(left, n, replace=False))


def _place(
    rng: np.random.Generator,
    patterns: Integers,
    score: Score,
    zones: _Zones,
    *,
    odd: Bools | None = None,
    twins: Integers | None = None,
) -> int:
    """Swap ages and indices until all lie where they should; return how many had to be moved."""
    taken = {tuple(row) for row in twins.tolist()} if twins is not None else set()
    in_band = np.zeros(len(patterns), dtype=np.bool_) if odd is None else odd

    def fits(rows: Integers, wanted: Bools) -> Bools:
        scores = score(rows)
        found = np.where(wanted, zones.inside(scores), zones.allowed(scores))
        if taken:
            found &= np.array([tuple(row) not in taken for row in rows.tolist()], dtype=np.bool_)
        return found

    wrong = np.flatnonzero(~fits(patterns, in_band))
    for row in wrong:
        if fits(patterns[[row]], in_band[[row]])[0]:
            continue
        others = rng.permutation(np.flatnonzero(~in_band))[:600]
        for columns in ([AGE], [AGE, INDEX], [INDEX], [AGE, FEMALE, INDEX, TYPE]):
            here, there = np.repeat(patterns[[row]], len(others), axis=0), patterns[others]
            swapped = there.copy()
            here[:, columns], swapped[:, columns] = there[:, columns], patterns[row, columns]
            good = np.flatnonzero(
                fits(here, np.repeat(in_band[row], len(others))) & fits(swapped, in_band[others])
            )
            if good.size:
                patterns[row], patterns[others[good[0]]] = here[good[0]], swapped[good[0]]
                break
    return len(wrong)
