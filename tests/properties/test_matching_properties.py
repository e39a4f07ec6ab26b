"""What matching must do on any data: random scores with heavy ties, any order of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replica.matching import Pairs, nearest_neighbour

DETERMINISTIC = ("data", "largest", "smallest", "closest")

# the first call compiles a kernel, which no deadline should count
COMPILED = settings(deadline=None)


@dataclass(frozen=True)
class Units:
    """Scores on a coarse exact grid, so that equal distances abound, with arms and strata."""

    score: np.ndarray
    treated: np.ndarray
    stratum: np.ndarray
    caliper: float | None
    ratio: int
    inclusive: bool

    def match(self, order: str, rows: np.ndarray | None = None, **changes: object) -> Pairs:
        """Match these units, with the rows rearranged if asked; keys stay with their units."""
        rows = np.arange(len(self.score)) if rows is None else rows
        given_settings = {
            "caliper": self.caliper,
            "ratio": self.ratio,
            "inclusive": self.inclusive,
            "exact": self.stratum[rows],
            "order": order,
        }
        return nearest_neighbour(
            self.score[rows], self.treated[rows], rows, **(given_settings | changes)
        )


@st.composite
def units(draw: st.DrawFn) -> Units:
    """Draw between 2 and 40 units with at least one in each arm."""
    n = draw(st.integers(2, 40))
    grid = draw(st.sampled_from([3, 8, 64]))
    score = draw(st.lists(st.integers(0, grid), min_size=n, max_size=n))
    treated = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    strata = draw(st.sampled_from([1, 1, 3]))
    stratum = draw(st.lists(st.integers(1, strata), min_size=n, max_size=n))
    return Units(
        np.array(score) / 64,
        np.array([True, False, *treated[2:]]),
        np.array(stratum),
        draw(st.sampled_from([None, 1 / 64, 2 / 64, 5 / 64])),
        draw(st.sampled_from([1, 1, 2, 3])),
        draw(st.booleans()),
    )


def nearest_by_search(data: Units, free: set[int], row: int) -> int | None:
    """Find a treated row's control by looking at every free one: the rule in its plainest words.

    Below are those that stand before the treated row by (score, row), above those after it. The
    nearest below is the last of its kind, the nearest above the first.
    """
    width = np.inf if data.caliper is None else data.caliper
    best = None
    for control in free:
        gap = abs(data.score[control] - data.score[row])
        if data.stratum[control] != data.stratum[row] or gap > width:
            continue
        if gap == width and not data.inclusive:
            continue
        is_above = (data.score[control], control) > (data.score[row], row)
        candidate = (gap, is_above, control if is_above else -control, control)
        best = candidate if best is None else min(best, candidate)
    return None if best is None else best[3]


def match_by_search(data: Units, order: str) -> list[tuple[int, int]]:
    """Match in quadratic time, straight from the definition of the orders."""
    free = set(np.flatnonzero(~data.treated).tolist())
    turn = np.flatnonzero(data.treated).tolist()
    if order in ("largest", "smallest"):
        sign = -1 if order == "largest" else 1
        turn.sort(key=lambda row: (sign * data.score[row], row))
    made = []
    for _ in range(data.ratio):
        if order != "closest":
            for row in turn:
                control = nearest_by_search(data, free, row)
                if control is not None:
                    free.remove(control)
                    made.append((row, control))
        else:
            made += closest_by_search(data, free, turn)
    return made


def closest_by_search(data: Units, free: set[int], turn: list[int]) -> list[tuple[int, int]]:
    """Keep a list sorted by distance; who has to choose again enters before its equals."""

    def gap(pair: tuple[int, int]) -> float:
        return float(abs(data.score[pair[0]] - data.score[pair[1]]))

    choices = [(row, nearest_by_search(data, free, row)) for row in turn]
    waiting = sorted(((row, c) for row, c in choices if c is not None), key=gap)
    made = []
    while waiting:
        row, control = waiting.pop(0)
        if control in free:
            free.remove(control)
            made.append((row, control))
            continue
        again = nearest_by_search(data, free, row)
        if again is not None:
            nearer = sum(gap(pair) < gap((row, again)) for pair in waiting)
            waiting.insert(nearer, (row, again))
    return made


@pytest.mark.parametrize("order", DETERMINISTIC)
@COMPILED
@given(data=units())
def test_kernel_agrees_with_a_search_of_all_controls(order: str, data: Units) -> None:
    """The linear walk makes the same pairs in the same order as looking at everybody."""
    found = data.match(order)
    made = list(zip(found.treated.tolist(), found.control.tolist(), strict=True))
    assert made == match_by_search(data, order)


@pytest.mark.parametrize("order", DETERMINISTIC)
@COMPILED
@given(data=units(), seed=st.integers(0, 2**16))
def test_order_of_rows_does_not_matter(order: str, data: Units, seed: int) -> None:
    """Rearranged rows give the same pairs of keys."""
    rows = np.random.default_rng(seed).permutation(len(data.score))
    first, second = data.match(order), data.match(order, rows)
    assert np.array_equal(first.treated, rows[second.treated])
    assert np.array_equal(first.control, rows[second.control])


@pytest.mark.parametrize("order", [*DETERMINISTIC, "random"])
@COMPILED
@given(data=units(), seed=st.integers(0, 2**16))
def test_rules_hold(order: str, data: Units, seed: int) -> None:
    """No control is used twice, arms, strata, ratio and caliper are kept, distances are true."""
    found = data.match(order, rng=np.random.default_rng(seed))
    assert data.treated[found.treated].all()
    assert not data.treated[found.control].any()
    assert len(set(found.control.tolist())) == len(found)
    assert np.bincount(found.treated, minlength=1).max() <= data.ratio
    assert np.array_equal(data.stratum[found.treated], data.stratum[found.control])
    gaps = np.abs(data.score[found.treated] - data.score[found.control])
    assert np.array_equal(found.distance, gaps)
    if data.caliper is not None:
        assert (gaps <= data.caliper).all()
        assert data.inclusive or (gaps < data.caliper).all()


@pytest.mark.parametrize("order", [*DETERMINISTIC, "random"])
@COMPILED
@given(data=units(), seed=st.integers(0, 2**16))
def test_nobody_is_left_beside_a_free_control(order: str, data: Units, seed: int) -> None:
    """At ratio 1 no unmatched treated unit has a free control in its stratum within the caliper."""
    found = data.match(order, ratio=1, rng=np.random.default_rng(seed))
    used = {*found.treated.tolist(), *found.control.tolist()}
    free = {row for row in range(len(data.score)) if row not in used and not data.treated[row]}
    for row in np.flatnonzero(data.treated):
        if row not in used:
            assert nearest_by_search(data, free, row) is None


@COMPILED
@given(data=units(), wider=st.sampled_from([3 / 64, 5 / 64, None]))
def test_closest_keeps_its_pairs_when_the_caliper_widens(data: Units, wider: float | None) -> None:
    """Order `closest` makes the near pairs first, so a wider caliper only adds pairs (ratio 1)."""
    narrow = data.match("closest", ratio=1, caliper=2 / 64)
    wide = data.match("closest", ratio=1, caliper=wider)
    first = list(zip(narrow.treated, narrow.control, strict=True))
    assert first == list(zip(wide.treated, wide.control, strict=True))[: len(first)]


@COMPILED
@given(data=units())
def test_closest_makes_pairs_of_rising_distance(data: Units) -> None:
    """Within the one round of ratio 1, distances never fall."""
    assert (np.diff(data.match("closest", ratio=1).distance) >= 0).all()


@pytest.mark.parametrize("order", DETERMINISTIC)
@COMPILED
@given(data=units())
def test_first_round_does_not_know_of_later_ones(order: str, data: Units) -> None:
    """A higher ratio keeps every pair of ratio 1."""
    one, more = data.match(order, ratio=1), data.match(order, ratio=3)
    assert np.array_equal(one.treated, more.treated[: len(one)])
    assert np.array_equal(one.control, more.control[: len(one)])


@pytest.mark.parametrize("order", DETERMINISTIC)
@COMPILED
@given(data=units())
def test_strata_are_matched_one_by_one(order: str, data: Units) -> None:
    """Exact strata give the pairs of matching each stratum alone."""
    found = data.match(order)
    pairs = set(zip(found.treated.tolist(), found.control.tolist(), strict=True))
    alone = set()
    for stratum in np.unique(data.stratum):
        rows = np.flatnonzero(data.stratum == stratum)
        if len(set(data.treated[rows].tolist())) == 2:
            part = data.match(order, rows)
            keys = rows[part.treated].tolist(), rows[part.control].tolist()
            alone |= set(zip(*keys, strict=True))
    assert pairs == alone
