"""Greedy nearest-neighbour matching of units on one score, without replacement."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from replica.arrays import arms, numbers
from replica.errors import ParameterError
from replica.matching_input import (
    Places,
    ascending,
    check_settings,
    check_units,
    line_up,
    place_kind,
    rank_keys,
    stratum_codes,
    turns,
)
from replica.protocol import Order

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@njit(cache=True)
def _find(parent: Places, node: int) -> int:
    """Root of a node, halving the path on the way, so that used controls are skipped for free."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


class Line(NamedTuple):
    """Units in line by score, as the kernels need them; one line serves one matching.

    `controls` are the rows of the controls in sequence and `place` says, for each treated row, how
    many of them stand before it. `below` and `above` are union-finds over the controls: node k + 1
    of `below` is control k and node 0 means none; node k of `above` is control k and the last node
    means none. A used control points to its neighbour. These four count in the integers of the
    sequence that the line was made from; the stratum is of any kind of integer.
    """

    score: Floats
    stratum: Places
    controls: Places
    place: Places
    below: Places
    above: Places


@njit(cache=True)
def _line(score: Floats, treated: Bools, stratum: Places, sequence: Places) -> Line:
    n = sequence.shape[0]
    controls = np.empty(n - np.sum(treated), dtype=sequence.dtype)
    place = np.empty(n, dtype=sequence.dtype)
    seen = 0
    for row in sequence:
        if treated[row]:
            place[row] = seen
        else:
            place[row] = -1
            controls[seen] = row
            seen += 1
    below = np.empty(seen + 1, dtype=sequence.dtype)
    for node in range(seen + 1):
        below[node] = node
    return Line(score, stratum, controls, place, below, below.copy())


@njit(cache=True)
def _nearest(row: int, line: Line, width: float, inclusive: bool) -> tuple[int, float]:
    """Nearest free control (its place in line) and its distance; -1 if none is near.

    The nearest free one below and the nearest above compete; at equal distance the one below wins.
    """
    score, stratum, controls = line.score, line.stratum, line.controls
    chosen = -1
    distance = np.inf
    left = _find(line.below, line.place[row]) - 1
    if left >= 0 and stratum[controls[left]] == stratum[row]:
        chosen = left
        distance = abs(score[row] - score[controls[left]])
    right = _find(line.above, line.place[row])
    if right < controls.shape[0] and stratum[controls[right]] == stratum[row]:
        other = abs(score[row] - score[controls[right]])
        if other < distance:
            chosen = right
            distance = other
    if distance < width or (inclusive and distance == width):
        return chosen, distance
    return -1, distance


@njit(cache=True)
def _take(line: Line, k: int) -> None:
    line.below[k + 1] = k
    line.above[k] = k + 1


@njit(cache=True)
def _in_turn(
    line: Line, visit: Ints, width: float, inclusive: bool, ratio: int
) -> tuple[Ints, Ints]:
    """Give each treated row in turn its nearest free control, in `ratio` rounds."""
    most = min(line.controls.shape[0], visit.shape[0] * min(ratio, line.controls.shape[0]))
    first = np.empty(most, dtype=np.int64)
    second = np.empty(most, dtype=np.int64)
    made = 0
    for _ in range(ratio):
        for row in visit:
            k, _distance = _nearest(row, line, width, inclusive)
            if k >= 0:
                _take(line, k)
                first[made] = row
                second[made] = line.controls[k]
                made += 1
    return first[:made], second[:made]


@njit(cache=True)
def _closest_first(
    line: Line, visit: Ints, width: float, inclusive: bool, ratio: int
) -> tuple[Ints, Ints]:
    """Pair the closest treated and control that are left, over and over, in `ratio` rounds.

    Each treated row waits with its nearest control. A row whose control was taken in the meantime
    is given its next nearest and waits again, before the rows at the same new distance; rows that
    tie without that stand in the order of `visit`. This is MatchIt's rule.
    """
    most = min(line.controls.shape[0], visit.shape[0] * min(ratio, line.controls.shape[0]))
    first = np.empty(most, dtype=np.int64)
    second = np.empty(most, dtype=np.int64)
    made = 0
    for _ in range(ratio):
        # The sentinel at infinity ends a round and gives the list its type.
        waiting = [(np.inf, 0, -1, -1)]
        for turn, row in enumerate(visit):
            k, distance = _nearest(row, line, width, inclusive)
            if k >= 0:
                heapq.heappush(waiting, (distance, turn, row, k))
        renewed = 0
        while len(waiting) > 1:
            _distance, _turn, row, k = heapq.heappop(waiting)
            if line.below[k + 1] == k + 1:
                _take(line, k)
                first[made] = row
                second[made] = line.controls[k]
                made += 1
                continue
            k, distance = _nearest(row, line, width, inclusive)
            if k >= 0:
                renewed -= 1
                heapq.heappush(waiting, (distance, renewed, row, k))
    return first[:made], second[:made]


@njit(cache=True)
def match_rows(score: Floats, treated: Bools, width: float, inclusive: bool) -> Ints:
    """Match 1:1 in row order; rows are also the tie key (callable from other kernels).

    The common case of `nearest_neighbour` without its checks: order `data`, no exact strata.

    Parameters
    ----------
    score
        Score on which distance is measured, finite, shape (n,).
    treated
        Arm of each row, shape (n,).
    width
        Caliper in units of the score; infinity for none.
    inclusive
        Whether a distance of exactly `width` is accepted.

    Returns
    -------
    array
        For each row the row that it is matched to, or -1, shape (n,).
    """
    sequence = np.argsort(score, kind="mergesort")
    line = _line(score, treated, np.zeros(score.shape[0], dtype=np.int64), sequence)
    first, second = _in_turn(line, np.flatnonzero(treated), width, inclusive, 1)
    partner = np.full(score.shape[0], -1, dtype=np.int64)
    for i in range(first.shape[0]):
        partner[first[i]] = second[i]
        partner[second[i]] = first[i]
    return partner


@dataclass(frozen=True)
class Pairs:
    """Matched rows, pair by pair in the order in which they were made, and their distances."""

    treated: Ints
    control: Ints
    distance: Floats

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.treated)


def nearest_neighbour(
    distance: ArrayLike,
    treated: ArrayLike,
    key: ArrayLike,
    *,
    caliper: float | None = None,
    ratio: int = 1,
    order: Order = "data",
    exact: ArrayLike | None = None,
    inclusive: bool = True,
    rng: np.random.Generator | None = None,
) -> Pairs:
    """Match each treated unit to its nearest free controls on a score, without replacement.

    Units stand sorted by (score, key). From a treated unit the nearest free control below and the
    nearest above compete: the nearer wins, at equal distance the one below. So the result does not
    depend on the order of the rows, only on scores and keys.

    Parameters
    ----------
    distance
        Score of each unit, shape (n,); the distance of two units is the difference of theirs.
    treated
        Whether each unit is treated, shape (n,).
    key
        A different sortable value for each unit, shape (n,), such as the patient id.
    caliper
        Largest distance allowed, in units of the score; None for no limit.
    ratio
        Controls per treated unit. They are given in rounds: each treated unit gets its first
        control before any gets a second.
    order
        Turn of the treated units: `data` (by key), `largest` or `smallest` score first (ties by
        key), `random` (a permutation drawn from `rng`), or `closest` (always the closest pair that
        is left; at equal distance a unit that lost its nearest control to another goes first, the
        latest such first, then by key).
    exact
        Stratum of each unit, shape (n,); only units of one stratum are paired.
    inclusive
        Whether a distance of exactly the caliper is allowed. Distances are compared as computed,
        in double precision: the scores 0.30 and 0.32 are 0.020000000000000018 apart.
    rng
        Source of the permutation of order `random`.

    Raises
    ------
    ParameterError
        If shapes disagree, a score is not finite, a key occurs twice, the caliper or ratio is not
        positive, the order is unknown, or order `random` comes without a generator.
    MatchingError
        If there is no treated or no control unit.

    Notes
    -----
    Greedy matching as in Austin, Stat Med 2014;33:1057-1069, with the tie rules of R's MatchIt
    4.7.2 (`method = "nearest"`), where the key is the row.
    """
    score = np.ascontiguousarray(numbers(distance, "distance", ParameterError))
    arm = arms(treated)
    keys = np.asarray(key)
    rank = None if ascending(keys) else rank_keys(keys)
    check_units(score, arm, keys if rank is None else rank)
    check_settings(caliper, ratio)
    kind = place_kind(score.size)
    stratum = stratum_codes(exact, score.size, kind)
    visit = turns(score, arm, rank, order, rng)
    # of one stratum no sorting is needed, of keys in order no ranks: each is as long as the sample
    sequence = line_up(score, rank, None if exact is None else stratum, kind)
    line = _line(score, arm, stratum, sequence)
    del sequence, rank
    pair_up = _closest_first if order == "closest" else _in_turn
    width = np.inf if caliper is None else float(caliper)
    first, second = pair_up(line, visit, width, bool(inclusive), int(ratio))
    del line, visit
    gap = score[first]
    gap -= score[second]
    return Pairs(first, second, np.abs(gap, out=gap))
