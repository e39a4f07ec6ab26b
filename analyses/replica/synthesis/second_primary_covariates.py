"""Covariates of `mlc_second_primary`: patients whose matching returns the printed counts.

Most treated patients get a twin: a control with the very same covariates, so at distance 0. The
printed counts of matched controls differ a little from those of the treated. A few pairs make up
for that: their propensity scores lie within one caliper of each other in a band in which, and one
caliper around which, nobody else's does. So the same controls are matched whatever the order of the
treated. Two treated patients score so high that no control is within the caliper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from replica.errors import SynthesisError
from replica.logistic import fit_logistic

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]
Score = Callable[[Integers], Floats]

# Columns of a pattern; type 0 lung, 1 melanoma, 2 kidney, 3 other.
AGE, FEMALE, INDEX, AUTOIMMUNE, TRANSPLANT, TYPE = range(6)
PAIRS = 685

# Counts of Table 1: the matched treated, the matched controls, and all controls.
_TREATED = (251, 36, 5)
_CONTROL = (252, 32, 4)
_CONTROL_BEFORE = (868, 132, 41)
_TREATED_TYPES = (250, 110, 61, 264)
_CONTROL_TYPES = (248, 115, 60, 262)
_CONTROL_TYPES_BEFORE = (643, 271, 177, 1066)
# p .64 of ages and .58 of indices by the t test: matched controls are younger and sicker in sum by
# as much as this. With these signs the two differences offset each other in the score.
_AGE_SUM, _INDEX_SUM = -171, 40

# Shares of the index 0, 1, 2, ...: quartiles 1, 2, 4 of the matched and 2, 3, 5 of all controls.
_INDEX_TREATED = (14, 17, 23, 13, 15, 9, 6, 2, 1)
_INDEX_CONTROL = (11, 13, 21, 14, 14, 13, 8, 4, 2)
# Score in the middle of the band.
_MIDDLE = 0.236
# Young, male, without other disease: the likeliest of all to be treated.
_LONERS = np.array([[19, 0, 0, 0, 0, 0], [18, 0, 0, 0, 0, 3]])


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
        room = 1.2 * self.width
        near = (score > self.low - room) & (score < self.high + room)
        return ~near & (score < self.top)


def make_patterns(rng: np.random.Generator, *, rounds: int = 40) -> Patterns:
    """Make the covariates of all 2,844 patients.

    Raises
    ------
    SynthesisError
        If no round ends with everybody where they should be; another seed may do.
    """
    index = _spread(_INDEX_TREATED, PAIRS)
    treated = _assigned(rng, _treated_ages(rng), index, _TREATED, _TREATED_TYPES)
    odd = _odd_pairs(treated)
    control = treated.copy()
    rest = _rest(rng, treated)
    for _ in range(rounds):
        score, width = _fitted(treated, control, rest)
        top = float(score(_LONERS).min()) - 1.2 * width
        zones = _Zones(_MIDDLE - 0.45 * width, _MIDDLE + 0.45 * width, width, top)
        moved = _place(rng, treated, score, zones, odd=odd)
        control = treated.copy()
        control[odd], off = _partners(treated, odd, score, zones)
        moved += _place(rng, rest, score, zones, twins=treated)
        if not moved and off <= 3:
            return Patterns(treated, control, _LONERS.copy(), rest)
    raise SynthesisError(
        f"mlc_second_primary: found no covariates that match as printed in {rounds} rounds; try "
        "another seed."
    )


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
    for kind in range(4):
        here = plain & (treated[:, TYPE] == kind)
        odd[np.flatnonzero(here & (treated[:, AUTOIMMUNE] == 1))[: 2 if kind < 3 else 0]] = True
        odd[np.flatnonzero(here & (treated[:, AUTOIMMUNE] == 0))[: (12, 8, 10, 22)[kind]]] = True
    return odd


def design_columns(patterns: Integers) -> Floats:
    """Code patterns as the propensity model does, with the last cancer type as reference."""
    types = [patterns[:, TYPE] == kind for kind in range(3)]
    return np.column_stack([patterns[:, :TYPE], *types]).astype(np.float64)


def _fitted(treated: Integers, control: Integers, rest: Integers) -> tuple[Score, float]:
    """Fit the propensity model to everybody; return the score and the caliper's width."""
    arms = (np.vstack([treated, _LONERS]), np.vstack([control, rest]))
    marks = np.repeat([True, False], [len(arm) for arm in arms])
    fit = fit_logistic(design_columns(np.vstack(arms)), marks)

    def score(patterns: Integers) -> Floats:
        return fit.probability(design_columns(patterns))

    spread = np.mean([score(arm).var(ddof=1) for arm in arms])
    return score, 0.1 * float(np.sqrt(spread))


def _treated_ages(rng: np.random.Generator) -> Integers:
    """Ages with quartiles 58, 66, 73, mean 66.8 and standard deviation 9.7 to the last digit."""
    heap = 12
    quarters = [
        np.concatenate(
            [rng.integers(31, 45, 12), rng.integers(45, 58, 138), np.full(22 + heap, 58)]
        ),
        np.concatenate([rng.integers(59, 66, 171 - 2 * heap), np.full(2 * heap, 66)]),
        np.concatenate([rng.integers(67, 73, 171 - 2 * heap), np.full(2 * heap, 73)]),
        rng.integers(74, 90, PAIRS - 172 - 2 * 171 - heap),
    ]
    ages = np.concatenate(quarters)
    limits = np.concatenate(
        [
            np.tile(pair, (len(quarter), 1))
            for quarter, pair in zip(
                quarters, ((30, 58), (59, 66), (67, 73), (74, 94)), strict=True
            )
        ]
    )
    free = ~np.isin(ages, (58, 66, 73))
    for _ in range(200_000):
        mean, sd = ages.mean(), ages.std(ddof=1)
        if abs(mean - 66.8) < 0.02 and abs(sd - 9.7) < 0.03:
            return rng.permutation(ages)
        row = int(rng.choice(np.flatnonzero(free)))
        new = ages[row] + int(rng.choice([-1, 1]))
        if not limits[row, 0] <= new <= limits[row, 1] or new in (58, 66, 73):
            continue
        old = ages[row]
        before = abs(mean - 66.8) + abs(sd - 9.7)
        ages[row] = new
        if abs(ages.mean() - 66.8) + abs(ages.std(ddof=1) - 9.7) > before:
            ages[row] = old
    raise SynthesisError("mlc_second_primary: found no ages with the printed mean and SD.")


def _spread(shares: Sequence[int], n: int) -> Integers:
    """Values 0, 1, ... in the given shares, n of them, by largest remainder."""
    exact = np.array(shares) * n / sum(shares)
    counts = np.floor(exact).astype(np.int64)
    for value in np.argsort(counts - exact, kind="stable")[: n - int(counts.sum())]:
        counts[value] += 1
    return np.repeat(np.arange(len(shares)), counts)


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
    kind = rng.permutation(np.repeat(np.arange(4), types))
    return np.column_stack(
        [rng.permutation(ages), female, rng.permutation(index), autoimmune, transplant, kind]
    )


def _rest(rng: np.random.Generator, matched: Integers) -> Integers:
    """Make the controls that are never matched: what is left of all controls."""
    n = 2157 - PAIRS
    ages: list[int] = []
    # how many of all controls are at most so old: the quartiles 60, 68, 76 with some to spare
    for (low, high), total, power in zip(
        ((40, 60), (60, 68), (68, 76), (76, 95)),
        (548, 1088, 1628, 2157),
        (0.4, 1, 1, 0.85),
        strict=True,
    ):
        size = total - int((matched[:, AGE] <= high).sum()) - len(ages)
        heap = 15 if high < 95 else 0
        part = (np.arange(size - heap) + 0.5) / (size - heap)
        spread = np.minimum(low + 1 + np.floor((high - low) * part**power), high)
        ages += [high] * heap + spread.astype(int).tolist()
    left = np.array(ages)
    index = _less(_spread(_INDEX_CONTROL, 2157), matched[:, INDEX], rng, n)
    counts = [all_ - some for all_, some in zip(_CONTROL_BEFORE, _CONTROL, strict=True)]
    types = [a - b for a, b in zip(_CONTROL_TYPES_BEFORE, _CONTROL_TYPES, strict=True)]
    return _assigned(rng, left, index, counts, types)


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


_GRID = np.array(
    [
        (age, female, index, autoimmune, transplant, kind)
        for age in range(40, 90)
        for female in (0, 1)
        for index in range(9)
        for autoimmune, transplant in ((0, 0), (1, 0), (0, 1))
        for kind in range(4)
    ]
)


def _partners(treated: Integers, odd: Bools, score: Score, zones: _Zones) -> tuple[Integers, int]:
    """Controls of the odd pairs: in the band, and in sum as far from the treated as printed.

    Also returns how far they are off, 0 if not at all. Patterns are counted by an integer
    program.
    """
    pool = _GRID[zones.inside(score(_GRID))]
    shift = [c - t for c, t in zip(_CONTROL, _TREATED, strict=True)]
    kinds = [c - t for c, t in zip(_CONTROL_TYPES[:3], _TREATED_TYPES[:3], strict=True)]
    wanted = _sums(treated[odd]) + np.array([_AGE_SUM, _INDEX_SUM, *shift, *kinds])
    model = cp_model.CpModel()
    counts = [model.new_int_var(0, 3, f"pattern_{i}") for i in range(len(pool))]
    model.add(sum(counts) == int(odd.sum()))
    contents = [pool[:, column] for column in (AGE, INDEX, FEMALE, AUTOIMMUNE, TRANSPLANT)]
    contents += [(pool[:, TYPE] == kind).astype(np.int64) for kind in range(3)]
    weights = (1, 4, 20, 20, 20, 20, 20, 20)
    cost = []
    for values, total, weight in zip(contents, wanted, weights, strict=True):
        over, under = (model.new_int_var(0, 1000, "") for _ in range(2))
        held = sum(int(value) * count for value, count in zip(values, counts, strict=True))
        model.add(held - over + under == int(total))
        cost.append(weight * (over + under))
    _hold_quartiles(model, counts, pool, treated[~odd])
    model.minimize(sum(cost))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = 6.0
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return treated[odd].copy(), 10_000
    chosen = np.repeat(pool, [solver.value(count) for count in counts], axis=0)
    return chosen, round(solver.objective_value)


def _hold_quartiles(
    model: cp_model.CpModel, counts: list[cp_model.IntVar], pool: Integers, others: Integers
) -> None:
    """Keep the quartiles of age and index of all matched controls where they are printed."""
    # of 685 sorted values those at 171, 342 and 513 are the quartiles
    for column, values in ((AGE, (58, 66, 73)), (INDEX, (1, 2, 4))):
        for value, place in zip(values, (171, 342, 513), strict=True):
            below = [c for c, p in zip(counts, pool[:, column], strict=True) if p < value]
            up_to = [c for c, p in zip(counts, pool[:, column], strict=True) if p <= value]
            model.add(sum(below) + int((others[:, column] < value).sum()) <= place)
            model.add(sum(up_to) + int((others[:, column] <= value).sum()) >= place + 1)


def _sums(patterns: Integers) -> Integers:
    types = [int((patterns[:, TYPE] == kind).sum()) for kind in range(3)]
    columns = (AGE, INDEX, FEMALE, AUTOIMMUNE, TRANSPLANT)
    return np.array([*(int(patterns[:, column].sum()) for column in columns), *types])
