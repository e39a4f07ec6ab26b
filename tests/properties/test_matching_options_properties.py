"""What the options of matching must do on any data: replacement, covariates, draws, optimum."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replica.greedy import Pairs, nearest_neighbour
from replica.optimal import optimal_pairs
from replica.pairing import pair_units

DETERMINISTIC = ("data", "largest", "smallest", "closest")
DRAWS = ("random", "exact_then_random")
# The first call of a kernel may compile it.
UNTIMED = settings(deadline=None)


@dataclass(frozen=True)
class Units:
    """Scores and two covariates on coarse exact grids, so that equal distances abound."""

    score: np.ndarray
    treated: np.ndarray
    stratum: np.ndarray
    covariates: np.ndarray
    widths: tuple[float, float]
    caliper: float | None
    ratio: int
    inclusive: bool

    def settings(self, rows: np.ndarray) -> dict[str, object]:
        """Settings that every way of matching shares."""
        return {
            "caliper": self.caliper,
            "exact": self.stratum[rows],
            "inclusive": self.inclusive,
            "covariates": self.covariates[rows],
            "covariate_calipers": self.widths,
        }

    def match(self, rows: np.ndarray | None = None, **options: object) -> Pairs:
        """Match greedily, with the rows rearranged if asked; keys stay with their units."""
        rows = np.arange(len(self.score)) if rows is None else rows
        arrays = (self.score[rows], self.treated[rows], rows)
        return pair_units(*arrays, **(self.settings(rows) | {"ratio": self.ratio} | options))

    def optimum(self, rows: np.ndarray | None = None) -> Pairs:
        """Match optimally, with the rows rearranged if asked."""
        rows = np.arange(len(self.score)) if rows is None else rows
        return optimal_pairs(self.score[rows], self.treated[rows], rows, **self.settings(rows))

    def near(self, gap: float, width: float | None) -> bool:
        """Whether a difference keeps a caliper."""
        return width is None or gap < width or (self.inclusive and gap == width)

    def comparable(self, row: int, control: int) -> bool:
        """Whether two units may be paired: the definition, one pair at a time."""
        gaps = np.abs(self.covariates[row] - self.covariates[control])
        return (
            self.stratum[row] == self.stratum[control]
            and self.near(abs(self.score[row] - self.score[control]), self.caliper)
            and all(self.near(gap, width) for gap, width in zip(gaps, self.widths, strict=True))
        )

    def preference(self, row: int, control: int) -> tuple[float, bool, int]:
        """Nearness of a control: distance, below before above, ties by the walk outward."""
        above = (self.score[control], control) > (self.score[row], row)
        gap = abs(self.score[row] - self.score[control])
        return gap, above, control if above else -control

    def eligible(self, row: int) -> list[int]:
        """Controls that a treated unit may have, nearest first."""
        found = [int(c) for c in np.flatnonzero(~self.treated) if self.comparable(row, c)]
        return sorted(found, key=lambda control: self.preference(row, control))


def units(largest: int = 30, ratios: tuple[int, ...] = (1, 1, 2, 3)) -> st.SearchStrategy[Units]:
    """Draw between 2 and `largest` units with at least one in each arm."""

    @st.composite
    def draw_units(draw: st.DrawFn) -> Units:
        n = draw(st.integers(2, largest))

        def numbers(top: int) -> list[int]:
            return draw(st.lists(st.integers(0, top), min_size=n, max_size=n))

        treated = draw(st.lists(st.booleans(), min_size=n, max_size=n))
        return Units(
            np.array(numbers(draw(st.sampled_from([3, 8, 32])))) / 64,
            np.array([True, False, *treated[2:]]),
            np.array(numbers(draw(st.sampled_from([0, 2])))),
            np.array([numbers(6), numbers(3)], dtype=float).T,
            draw(st.sampled_from([(2.0, 9.0), (9.0, 1.0), (3.0, 2.0)])),
            draw(st.sampled_from([None, 1 / 64, 2 / 64, 5 / 64])),
            draw(st.sampled_from(ratios)),
            draw(st.booleans()),
        )

    return draw_units()


def as_pairs(found: Pairs) -> list[tuple[int, int]]:
    """Pairs as tuples of rows, in the order made."""
    return list(zip(found.treated.tolist(), found.control.tolist(), strict=True))


def in_turn_by_search(data: Units, order: str) -> list[tuple[int, int]]:
    """Match in quadratic time: each treated unit's first free eligible control, in rounds."""
    turn = np.flatnonzero(data.treated).tolist()
    if order in ("largest", "smallest"):
        sign = -1 if order == "largest" else 1
        turn.sort(key=lambda row: (sign * data.score[row], row))
    used: set[int] = set()
    made = []
    for _ in range(data.ratio):
        for row in turn:
            free = [control for control in data.eligible(row) if control not in used]
            if free:
                used.add(free[0])
                made.append((row, free[0]))
    return made


@pytest.mark.parametrize("order", ["data", "largest", "smallest"])
@UNTIMED
@given(data=units())
def test_covariate_calipers_agree_with_a_search_of_all_controls(order: str, data: Units) -> None:
    """The walk past controls that a covariate forbids makes the pairs of looking at everybody."""
    assert as_pairs(data.match(order=order)) == in_turn_by_search(data, order)


@pytest.mark.parametrize("order", DETERMINISTIC)
@UNTIMED
@given(data=units())
def test_wide_covariate_calipers_change_nothing(order: str, data: Units) -> None:
    """Calipers on covariates that allow everything give the plain matching, pair by pair."""
    found = data.match(order=order, covariate_calipers=(99.0, 99.0))
    arrays = (data.score, data.treated, np.arange(len(data.score)))
    settings = {"caliper": data.caliper, "exact": data.stratum, "inclusive": data.inclusive}
    plain = nearest_neighbour(*arrays, ratio=data.ratio, order=order, **settings)
    assert as_pairs(found) == as_pairs(plain)
    assert np.array_equal(found.distance, plain.distance)


@UNTIMED
@given(data=units())
def test_closest_first_leaves_no_pair_that_both_would_prefer(data: Units) -> None:
    """Order `closest` at ratio 1 is stable: no eligible pair is nearer than both their matches."""
    found = data.match(order="closest", ratio=1)
    gap = np.full(len(data.score), np.inf)
    gap[found.treated] = gap[found.control] = found.distance
    for row in np.flatnonzero(data.treated):
        for control in data.eligible(int(row)):
            assert abs(data.score[row] - data.score[control]) >= min(gap[row], gap[control])


@UNTIMED
@given(data=units())
def test_replacement_gives_everyone_the_nearest_there_are(data: Units) -> None:
    """With replacement each treated unit has its nearest eligible controls, whoever else does."""
    found = data.match(replace=True)
    wanted = [
        (int(row), control)
        for row in np.flatnonzero(data.treated)
        for control in data.eligible(int(row))[: data.ratio]
    ]
    assert as_pairs(found) == wanted


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("draw", DRAWS)
@UNTIMED
@given(data=units(), seed=st.integers(0, 2**16))
def test_draws_keep_the_rules(draw: str, replace: bool, data: Units, seed: int) -> None:
    """Who is drawn is eligible, never twice in a set, never twice at all without replacement."""
    found = data.match(draw=draw, replace=replace, rng=np.random.default_rng(seed))
    pairs = as_pairs(found)
    assert all(data.comparable(row, control) for row, control in pairs)
    assert len(set(pairs)) == len(pairs)
    assert replace or len(set(found.control.tolist())) == len(pairs)
    counts = {row: sum(first == row for first, _ in pairs) for row, _ in pairs}
    used: set[int] = set()
    for row in np.flatnonzero(data.treated).tolist():
        free = [c for c in data.eligible(row) if replace or c not in used]
        assert counts.get(row, 0) == min(data.ratio, len(free))
        mine = {control for first, control in pairs if first == row}
        same = {c for c in free if data.score[c] == data.score[row]}
        same = {c for c in same if (data.covariates[c] == data.covariates[row]).all()}
        if draw == "exact_then_random":
            assert len(mine & same) == min(len(same), len(mine))
        used |= mine


@pytest.mark.parametrize("draw", DRAWS)
@UNTIMED
@given(data=units(), seed=st.integers(0, 2**16))
def test_draws_do_not_depend_on_the_order_of_rows(draw: str, data: Units, seed: int) -> None:
    """One seed draws the same keys whatever the order of the rows."""
    rows = np.random.default_rng(seed).permutation(len(data.score))
    first = data.match(draw=draw, order="random", rng=np.random.default_rng(seed))
    second = data.match(rows, draw=draw, order="random", rng=np.random.default_rng(seed))
    assert np.array_equal(first.treated, rows[second.treated])
    assert np.array_equal(first.control, rows[second.control])


def best_by_search(data: Units) -> tuple[int, float]:
    """Try every assignment of controls (or none) to the treated: most pairs, least distance."""
    treated, controls = np.flatnonzero(data.treated), np.flatnonzero(~data.treated).tolist()
    places = [*controls, *(-1 - i for i in range(len(treated)))]
    best = (0, 0.0)
    for chosen in set(permutations(places, len(treated))):
        made = [(r, c) for r, c in zip(treated, chosen, strict=True) if c >= 0]
        if all(data.comparable(r, c) for r, c in made):
            total = sum(abs(data.score[r] - data.score[c]) for r, c in made)
            best = min(best, (-len(made), total))
    return -best[0], best[1]


@UNTIMED
@given(data=units(largest=7, ratios=(1,)))
def test_optimum_is_that_of_trying_everything(data: Units) -> None:
    """Among all sets of pairs the optimum has most pairs and then the least total distance."""
    found = data.optimum()
    pairs, total = best_by_search(data)
    assert len(found) == pairs
    # Grid distances are multiples of 1/64, so sums are exact.
    assert found.distance.sum() == total


@UNTIMED
@given(data=units(ratios=(1,)), seed=st.integers(0, 2**16))
def test_optimum_keeps_the_rules_and_beats_greedy(data: Units, seed: int) -> None:
    """No fewer pairs than any greedy order, at equal number no greater total; rows immaterial."""
    found = data.optimum()
    assert all(data.comparable(row, control) for row, control in as_pairs(found))
    assert len(set(found.control.tolist())) == len(set(found.treated.tolist())) == len(found)
    for order in DETERMINISTIC:
        greedy = data.match(order=order)
        assert len(found) >= len(greedy)
        if len(found) == len(greedy):
            assert found.distance.sum() <= greedy.distance.sum()
    rows = np.random.default_rng(seed).permutation(len(data.score))
    again = data.optimum(rows)
    assert np.array_equal(found.treated, rows[again.treated])
    assert np.array_equal(found.control, rows[again.control])
