"""Which controls are in reach of a treated unit: near on the score, near on covariates too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from replica.arrays import arms, number, numbers
from replica.errors import ParameterError
from replica.greedy import Line, _find, _line
from replica.matching_input import check_units, rank_keys, stratum_codes

__all__ = ["Reach", "Units", "allowed", "count_edges", "fill_edges", "start", "step", "units_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Reach(NamedTuple):
    """Units in line by score with what makes two of them comparable, as the kernels need it.

    `width` bounds the distance on the score (infinity for none) and `widths`, shape (m,), the
    differences of the covariates in `values`, shape (n, m). A difference of exactly the bound is
    in reach when `inclusive`.
    """

    line: Line
    width: float
    inclusive: bool
    values: Floats
    widths: Floats


@njit(cache=True)
def _within(gap: float, width: float, inclusive: bool) -> bool:
    return bool(gap < width or (inclusive and gap == width))


@njit(cache=True)
def allowed(row: int, control: int, reach: Reach) -> bool:
    """Whether two rows differ by no more than the calipers on covariates allow."""
    for j in range(reach.widths.shape[0]):
        gap = abs(reach.values[row, j] - reach.values[control, j])
        if not _within(gap, reach.widths[j], reach.inclusive):
            return False
    return True


@njit(cache=True)
def start(row: int, reach: Reach) -> tuple[int, int]:
    """Places of the free controls next below and next above a row, where its walk begins."""
    line = reach.line
    return _find(line.below, line.place[row]) - 1, _find(line.above, line.place[row])


@njit(cache=True)
def step(row: int, reach: Reach, left: int, right: int) -> tuple[int, float, int, int]:
    """Next free control by distance on the score, its distance, and where the walk stands then.

    At equal distance the one below comes first, as in `replica.greedy`. The place is -1 when no
    control of the row's stratum is left within the caliper.
    """
    line = reach.line
    down, up = np.inf, np.inf
    if left >= 0 and line.stratum[line.controls[left]] == line.stratum[row]:
        down = abs(line.score[row] - line.score[line.controls[left]])
    if right < line.controls.shape[0] and line.stratum[line.controls[right]] == line.stratum[row]:
        up = abs(line.score[row] - line.score[line.controls[right]])
    distance = min(down, up)
    if distance == np.inf or not _within(distance, reach.width, reach.inclusive):
        return -1, distance, left, right
    if up < down:
        return right, distance, left, _find(line.above, right + 1)
    return left, distance, _find(line.below, left) - 1, right


@njit(cache=True)
def count_edges(reach: Reach, rows: Ints) -> Ints:
    """Count the free controls in reach of each row, shape (rows,)."""
    counts = np.zeros(rows.shape[0], dtype=np.int64)
    for i, row in enumerate(rows):
        left, right = start(row, reach)
        while True:
            k, _distance, left, right = step(row, reach, left, right)
            if k < 0:
                break
            counts[i] += allowed(row, reach.line.controls[k], reach)
    return counts


@njit(cache=True)
def fill_edges(reach: Reach, rows: Ints, counts: Ints) -> tuple[Ints, Ints, Floats]:
    """List the controls in reach of each row by distance.

    Returns
    -------
    tuple
        Where each row's list begins (and, last, where the lists end), the places in line of the
        controls, and their distances on the score.
    """
    begins = np.zeros(rows.shape[0] + 1, dtype=np.int64)
    begins[1:] = np.cumsum(counts)
    places = np.empty(begins[-1], dtype=np.int64)
    distances = np.empty(begins[-1], dtype=np.float64)
    at = 0
    for row in rows:
        left, right = start(row, reach)
        while True:
            k, distance, left, right = step(row, reach, left, right)
            if k < 0:
                break
            if allowed(row, reach.line.controls[k], reach):
                places[at] = k
                distances[at] = distance
                at += 1
    return begins, places, distances


class Units(NamedTuple):
    """Checked units: who is in reach of whom, their scores, arms and the ranks of their keys."""

    reach: Reach
    score: Floats
    treated: Bools
    rank: Ints

    @property
    def by_key(self) -> Ints:
        """Rows of the treated in the order of their keys."""
        rows = np.flatnonzero(self.treated)
        return rows[np.argsort(self.rank[rows])]


def units_of(
    distance: ArrayLike,
    treated: ArrayLike,
    key: ArrayLike,
    *,
    caliper: float | None,
    exact: ArrayLike | None,
    inclusive: bool,
    covariates: ArrayLike | None,
    covariate_calipers: ArrayLike,
) -> Units:
    """Check units and put them in line.

    Parameters as in `replica.pairing.pair_units`.

    Raises
    ------
    ParameterError
        If shapes disagree, a score or covariate is not finite, a key occurs twice, or a caliper is
        impossible.
    MatchingError
        If there is no treated or no control unit.
    """
    score = np.ascontiguousarray(numbers(distance, "distance", ParameterError))
    arm = arms(treated)
    rank = rank_keys(np.asarray(key))
    check_units(score, arm, rank)
    if caliper is not None and not number(caliper, "caliper") >= 0:
        raise ParameterError(f"caliper: found {caliper}; it must not be negative.")
    widths = numbers(covariate_calipers, "covariate_calipers", ParameterError)
    widths = np.ascontiguousarray(widths)
    values = np.zeros((score.size, 0))
    if covariates is not None:
        values = np.ascontiguousarray(numbers(covariates, "covariates", ParameterError))
    if values.shape != (score.size, widths.size) or widths.ndim != 1:
        raise ParameterError(
            f"covariates: found the shape {values.shape}; allowed: {score.size} units by "
            f"{widths.size} columns, one for each caliper on a covariate."
        )
    if not np.isfinite(values).all():
        raise ParameterError(
            f"covariates: found {int((~np.isfinite(values)).sum())} missing or infinite values; a "
            "covariate with a caliper must be known for every unit."
        )
    if not (widths >= 0).all():
        raise ParameterError(
            f"covariate_calipers: found {widths.tolist()}; none may be negative or missing."
        )
    stratum = stratum_codes(exact, score.size)
    line = _line(score, arm, stratum, np.lexsort((rank, score, stratum)))
    width = np.inf if caliper is None else float(caliper)
    return Units(Reach(line, width, bool(inclusive), values, widths), score, arm, rank)
