"""Greedy matching with replacement, with calipers on covariates, or by drawing at random."""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from replica.arrays import numbers
from replica.errors import ParameterError, one_of
from replica.greedy import Pairs, _take, nearest_neighbour
from replica.matching_input import check_settings, turns
from replica.protocol import DRAWS, Draw, Order
from replica.reach import Reach, allowed, start, step, units_of

__all__ = ["pair_units"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True)
def _nearest(row: int, reach: Reach) -> tuple[int, float]:
    """Nearest free control that the covariates allow (its place in line), or -1; its distance."""
    left, right = start(row, reach)
    while True:
        k, distance, left, right = step(row, reach, left, right)
        if k < 0 or allowed(row, reach.line.controls[k], reach):
            return k, distance


@njit(cache=True)
def _in_turn(reach: Reach, visit: Ints, ratio: int) -> tuple[Ints, Ints]:
    """Give each treated row in turn its nearest free control, in `ratio` rounds."""
    line = reach.line
    first = np.empty(line.controls.shape[0], dtype=np.int64)
    second = np.empty(line.controls.shape[0], dtype=np.int64)
    made = 0
    for _ in range(ratio):
        for row in visit:
            k, _distance = _nearest(row, reach)
            if k >= 0:
                _take(line, k)
                first[made] = row
                second[made] = line.controls[k]
                made += 1
    return first[:made], second[:made]


@njit(cache=True)
def _closest_first(reach: Reach, visit: Ints, ratio: int) -> tuple[Ints, Ints]:
    """Pair the closest that are left, over and over, with the tie rules of `replica.greedy`."""
    line = reach.line
    first = np.empty(line.controls.shape[0], dtype=np.int64)
    second = np.empty(line.controls.shape[0], dtype=np.int64)
    made = 0
    for _ in range(ratio):
        waiting = [(np.inf, 0, -1, -1)]
        for turn, row in enumerate(visit):
            k, distance = _nearest(row, reach)
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
            k, distance = _nearest(row, reach)
            if k >= 0:
                renewed -= 1
                heapq.heappush(waiting, (distance, renewed, row, k))
    return first[:made], second[:made]


@njit(cache=True)
def _with_replacement(reach: Reach, visit: Ints, ratio: int) -> tuple[Ints, Ints]:
    """Give each treated row its `ratio` nearest controls, whoever else has them."""
    line = reach.line
    most = visit.shape[0] * min(ratio, line.controls.shape[0])
    first = np.empty(most, dtype=np.int64)
    second = np.empty(most, dtype=np.int64)
    made = 0
    for row in visit:
        given = 0
        left, right = start(row, reach)
        while given < ratio:
            k, _distance, left, right = step(row, reach, left, right)
            if k < 0:
                break
            if allowed(row, line.controls[k], reach):
                first[made] = row
                second[made] = line.controls[k]
                made += 1
                given += 1
    return first[:made], second[:made]


@njit(cache=True)
def _identical(row: int, control: int, reach: Reach) -> bool:
    for j in range(reach.widths.shape[0]):
        if reach.values[row, j] != reach.values[control, j]:
            return False
    return bool(reach.line.score[row] == reach.line.score[control])


@njit(cache=True)
def _drawn(
    reach: Reach, visit: Ints, uniform: Floats, replace: bool, exact_first: bool
) -> tuple[Ints, Ints]:
    """Give each treated row in turn all its controls, drawn at random from those in reach.

    The pool of a row holds its controls in reach, identical ones in front; the draw takes the one
    at `floor(u * size)` of the pool, or of its front when identical ones go first.
    """
    line = reach.line
    most = visit.shape[0] * min(uniform.shape[1], line.controls.shape[0])
    first = np.empty(most, dtype=np.int64)
    second = np.empty(most, dtype=np.int64)
    pool = np.empty(line.controls.shape[0], dtype=np.int64)
    made = 0
    for turn, row in enumerate(visit):
        size, front = 0, 0
        left, right = start(row, reach)
        while True:
            k, _distance, left, right = step(row, reach, left, right)
            if k < 0:
                break
            if allowed(row, line.controls[k], reach):
                pool[size] = k
                size += 1
                if exact_first and _identical(row, line.controls[k], reach):
                    pool[size - 1] = pool[front]
                    pool[front] = k
                    front += 1
        for u in uniform[turn]:
            if size == 0:
                break
            i = int(u * (front if front > 0 else size))
            k = pool[i]
            if i < front:
                front -= 1
                pool[i] = pool[front]
                i = front
            size -= 1
            pool[i] = pool[size]
            if not replace:
                _take(line, k)
            first[made] = row
            second[made] = line.controls[k]
            made += 1
    return first[:made], second[:made]


def pair_units(
    distance: ArrayLike,
    treated: ArrayLike,
    key: ArrayLike,
    *,
    caliper: float | None = None,
    ratio: int = 1,
    order: Order = "data",
    exact: ArrayLike | None = None,
    inclusive: bool = True,
    replace: bool = False,
    draw: Draw = "nearest",
    covariates: ArrayLike | None = None,
    covariate_calipers: ArrayLike = (),
    rng: np.random.Generator | None = None,
) -> Pairs:
    """Match each treated unit to controls within its calipers, one treated unit after another.

    Without any of the four options `replace`, `draw`, `covariates` and `covariate_calipers` this
    is `replica.greedy.nearest_neighbour`, whose parameters, order of units and ties it shares.

    Parameters
    ----------
    distance, treated, key, caliper, ratio, order, exact, inclusive
        As in `replica.greedy.nearest_neighbour`.
    replace
        Whether a control may serve several treated units (never one unit twice). Each treated unit
        then has its `ratio` nearest controls in reach, and the order of the treated is immaterial.
    draw
        `nearest`; `random`, each control in reach equally likely; or `exact_then_random`, which
        draws among the controls of the very same score and covariates with a caliper, and only
        when there is none among all in reach.
    covariates, covariate_calipers
        Numbers, shape (n, m), and the largest difference allowed in each column, shape (m,), in
        the unit of the covariate. `inclusive` holds for them too.
    rng
        Source of the order `random` and of the draws. Events happen in this order: the permutation
        of the treated, if the order is random; then `ratio` uniform numbers for each treated unit,
        unit by unit in their turn, whether or not they will be needed; then the matching, in which
        a unit takes all its controls before the next one's turn (not in rounds).

    Raises
    ------
    ParameterError
        As in `nearest_neighbour`; if a draw at random comes without a generator or with order
        `closest`; if a covariate is missing, or the numbers of columns and calipers differ.
    MatchingError
        If there is no treated or no control unit.

    Notes
    -----
    `exact_then_random` and `random` are what IBM's FUZZY extension did before version 2.0.0 with
    EXACTPRIORITY true (its default) and false. With replacement FUZZY could draw one control twice
    for one unit; this does not. Replacement as in R's MatchIt (`replace = TRUE`).
    """
    if draw not in DRAWS:
        raise ParameterError(f"draw: {one_of(draw, DRAWS)}")
    widths = numbers(covariate_calipers, "covariate_calipers", ParameterError)
    if not replace and draw == "nearest" and covariates is None and not widths.size:
        return nearest_neighbour(
            distance,
            treated,
            key,
            caliper=caliper,
            ratio=ratio,
            order=order,
            exact=exact,
            inclusive=inclusive,
            rng=rng,
        )
    check_settings(caliper, ratio)
    if draw != "nearest" and (rng is None or order == "closest"):
        raise ParameterError(
            f"draw {draw!r}: found the order {order!r} and {'no' if rng is None else 'a'} "
            "generator; it needs an order other than 'closest' and a numpy Generator: pass "
            "rng=numpy.random.default_rng(seed)."
        )
    units = units_of(
        distance,
        treated,
        key,
        caliper=caliper,
        exact=exact,
        inclusive=inclusive,
        covariates=covariates,
        covariate_calipers=widths,
    )
    visit = turns(units.score, units.treated, units.rank, order, rng)
    if rng is not None and draw != "nearest":
        uniform = rng.random((visit.size, ratio))
        exact_first = draw == "exact_then_random"
        first, second = _drawn(units.reach, visit, uniform, bool(replace), exact_first)
    else:
        pair_up = _closest_first if order == "closest" else _in_turn
        first, second = (_with_replacement if replace else pair_up)(units.reach, visit, int(ratio))
    return Pairs(first, second, np.abs(units.score[first] - units.score[second]))
