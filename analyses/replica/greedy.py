"""Greedy nearest-neighbour matching of units on one score, without replacement."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import ArrayLike, NDArray

from replica.arrays import arms, labels, number, numbers, whole_number
from replica.errors import MatchingError, ParameterError, one_of
from replica.protocol import ORDERS, Order

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@njit(cache=True)
def _find(parent: Ints, node: int) -> int:
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
    means none. A used control points to its neighbour.
    """

    score: Floats
    stratum: Ints
    controls: Ints
    place: Ints
    below: Ints
    above: Ints


@njit(cache=True)
def _line(score: Floats, treated: Bools, stratum: Ints, sequence: Ints) -> Line:
    n = sequence.shape[0]
    controls = np.empty(n - np.sum(treated), dtype=np.int64)
    place = np.full(n, -1, dtype=np.int64)
    seen = 0
    for row in sequence:
        if treated[row]:
            place[row] = seen
        else:
            controls[seen] = row
            seen += 1
    return Line(score, stratum, controls, place, np.arange(seen + 1), np.arange(seen + 1))


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
    first = np.empty(line.controls.shape[0], dtype=np.int64)
    second = np.empty(line.controls.shape[0], dtype=np.int64)
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
    first = np.empty(line.controls.shape[0], dtype=np.int64)
    second = np.empty(line.controls.shape[0], dtype=np.int64)
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
    rank = _rank(np.asarray(key))
    _check_units(score, arm, rank)
    check_settings(caliper, ratio)
    stratum = _strata(exact, score.size)
    visit = _visit(score, arm, rank, order, rng)
    sequence = np.lexsort((rank, score, stratum))
    pair_up = _closest_first if order == "closest" else _in_turn
    width = np.inf if caliper is None else float(caliper)
    line = _line(score, arm, stratum, sequence)
    first, second = pair_up(line, visit, width, bool(inclusive), int(ratio))
    return Pairs(first, second, np.abs(score[first] - score[second]))


def check_settings(caliper: float | None, ratio: int) -> None:
    """Refuse a caliper that is not above 0, or a ratio that is not a whole number from 1."""
    if caliper is not None and not number(caliper, "caliper") > 0:
        raise ParameterError(f"caliper: found {caliper}; it must be above 0, or None for no limit.")
    whole_number(ratio, "ratio", " control per treated unit")


def _rank(key: NDArray[np.generic]) -> Ints:
    if key.dtype.kind == "O" and pd.isna(key).any():
        raise ParameterError(
            f"key: found {int(pd.isna(key).sum())} missing; allowed: one key per unit, because "
            "ties are broken by it. Give every patient an id."
        )
    try:
        values, rank = np.unique(key, return_inverse=True)
    except TypeError:
        raise ParameterError(
            "key: found values of several types, which have no order; allowed: one sortable type, "
            "because ties are broken by it. Turn the ids into text."
        ) from None
    if values.size < key.size:
        counts = np.bincount(rank)
        raise ParameterError(
            f"key: found {values[counts.argmax()]!s} more than once; allowed: one key per unit, "
            "because ties are broken by it."
        )
    return np.asarray(rank, dtype=np.int64)


def _check_units(score: Floats, arm: Bools, rank: Ints) -> None:
    if score.ndim != 1 or arm.shape != score.shape or rank.shape != score.shape:
        raise ParameterError(
            f"found shapes {score.shape} (distance), {arm.shape} (treated) and {rank.shape} (key); "
            "allowed: one value per unit in each."
        )
    if not np.isfinite(score).all():
        raise ParameterError(
            f"distance: found {int((~np.isfinite(score)).sum())} missing or infinite scores; every "
            "unit needs a finite one."
        )
    if arm.all() or not arm.any():
        raise MatchingError(
            f"found {int(arm.sum())} treated and {int((~arm).sum())} control units; matching needs "
            "both."
        )


def _strata(exact: ArrayLike | None, n: int) -> Ints:
    if exact is None:
        return np.zeros(n, dtype=np.int64)
    codes, _ = labels(exact, n, "exact", ParameterError, "units")
    return codes


def _visit(
    score: Floats, arm: Bools, rank: Ints, order: Order, rng: np.random.Generator | None
) -> Ints:
    rows = np.flatnonzero(arm)
    rows = rows[np.argsort(rank[rows])]
    if order in ("data", "closest"):
        return rows
    if order in ("largest", "smallest"):
        sign = -1.0 if order == "largest" else 1.0
        return rows[np.argsort(sign * score[rows], kind="stable")]
    if order == "random":
        if rng is None:
            raise ParameterError(
                "order 'random' needs a numpy Generator: pass rng=numpy.random.default_rng(seed)."
            )
        return rng.permutation(rows)
    raise ParameterError(f"order: {one_of(order, ORDERS)}")
