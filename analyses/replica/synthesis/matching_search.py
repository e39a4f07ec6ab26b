"""The search for covariates whose real score and real matching give the printed counts.

Exchanging a covariate's values between two patients of an arm keeps the counts before matching,
but moves every coefficient a little, and with it every close decision of the matching: the matched
counts are drawn anew. Two kinds of change leave the fitted coefficients exactly as they are, and
so change the matching only near the patients concerned:

- two treated patients change places in the order of matching;
- crosswise exchange: a treated and a control patient who differ in one covariate only exchange
  its value, and so do another such pair the other way round. Both arms keep their counts, and both
  together keep the same patients, which is all that the likelihood equations see.

The search starts with the first, rough kind and goes on with the quiet ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replica.greedy import match_rows
from replica.logistic_kernel import linear_predictor, newton, probability

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_CHUNK = 2000
# Share of the evaluations spent on rough exchanges, and the temperatures at both ends of each part.
_ROUGH = 0.05
_ROUGH_HOT, _ROUGH_COLD = 2.0, 0.5
_QUIET_HOT, _QUIET_COLD = 1.5, 0.15
# Share of the quiet tries that renumber.
_RENUMBER = 0.3
_NOBODY = np.full(4, -1, dtype=np.int64)


@dataclass(frozen=True)
class Goal:
    """Printed counts after matching, in the form the search takes.

    `wanted` (2, p) counts contrasts among matched treated and matched controls; `pairs` is the
    number of matched pairs. `width` is the caliper on the probability scale.
    """

    wanted: Ints
    pairs: int
    width: float
    inclusive: bool


class Candidate(NamedTuple):
    """Covariates (n, p) as 0/1 with the score they give, changed in place; arms stay."""

    X: Floats
    score: Floats
    treated: Bools


@njit(cache=True)
def _fitted_score(candidate: Candidate, coef: Floats) -> tuple[Floats, bool]:
    """Score by the analysis's own fit, started from `coef`, and whether there is one."""
    fitted, _, status, _ = newton(candidate.X, candidate.treated, coef)
    return probability(linear_predictor(candidate.X, fitted)), status == 0


@njit(cache=True)
def _deviation(
    candidate: Candidate, wanted: Ints, pairs: int, width: float, inclusive: bool
) -> int:
    """Sum of absolute differences between the printed and the matched counts."""
    X, score, treated = candidate
    partner = match_rows(score, treated, width, inclusive)
    gap = -wanted
    matched = 0
    for i in range(X.shape[0]):
        if treated[i] and partner[i] >= 0:
            matched += 1
            for j in range(X.shape[1]):
                gap[0, j] += round(X[i, j])
                gap[1, j] += round(X[partner[i], j])
    return int(abs(matched - pairs) + np.abs(gap).sum())


@njit(cache=True)
def _draw_rough(candidate: Candidate, rng: np.random.Generator) -> tuple[Ints, int]:
    """Two patients of an arm who differ in a covariate."""
    X, _, treated = candidate
    k = int(rng.integers(0, X.shape[1]))
    who = _NOBODY.copy()
    for _ in range(100):
        i, j = int(rng.integers(0, X.shape[0])), int(rng.integers(0, X.shape[0]))
        if treated[i] == treated[j] and X[i, k] != X[j, k]:
            who[0], who[1] = i, j
            break
    return who, k


@njit(cache=True)
def _twin(candidate: Candidate, i: int, k: int, rng: np.random.Generator) -> int:
    """A patient of the other arm who differs from patient i in covariate k only, or -1."""
    X, _, treated = candidate
    n = X.shape[0]
    start = int(rng.integers(0, n))
    for step in range(n):
        j = (start + step) % n
        if treated[j] == treated[i] or X[j, k] == X[i, k]:
            continue
        same = True
        for m in range(X.shape[1]):
            if m != k and X[j, m] != X[i, m]:
                same = False
                break
        if same:
            return int(j)
    return -1


@njit(cache=True)
def _draw_crosswise(candidate: Candidate, rng: np.random.Generator) -> tuple[Ints, int]:
    """Two treated patients, with and without a covariate, each with a twin among the controls."""
    X, _, treated = candidate
    n = X.shape[0]
    k = int(rng.integers(0, X.shape[1]))
    who = _NOBODY.copy()
    for side in range(2):
        for _ in range(100):
            i = int(rng.integers(0, n))
            if treated[i] and X[i, k] == 1.0 - side:
                j = _twin(candidate, i, k, rng)
                if j >= 0:
                    who[2 * side], who[2 * side + 1] = i, j
                    break
    return (who, k) if who[0] >= 0 and who[2] >= 0 else (_NOBODY.copy(), k)


@njit(cache=True)
def _draw_renumbering(candidate: Candidate, rng: np.random.Generator) -> tuple[Ints, int]:
    """Two treated patients; covariate -1 stands for all of them."""
    who = _NOBODY.copy()
    while who[0] < 0 or who[1] < 0:
        i = int(rng.integers(0, candidate.treated.size))
        if candidate.treated[i]:
            who[1] = who[0]
            who[0] = i
    return who, -1


@njit(cache=True)
def _exchange(candidate: Candidate, who: Ints, k: int, with_score: bool) -> None:
    """Exchange covariate k (all if negative) between the first two, and between the last two."""
    for side in range(2):
        i, j = who[2 * side], who[2 * side + 1]
        if i < 0:
            continue
        for m in range(candidate.X.shape[1]):
            if k in (m, -1):
                candidate.X[i, m], candidate.X[j, m] = candidate.X[j, m], candidate.X[i, m]
        if with_score:
            score = candidate.score[i]
            candidate.score[i] = candidate.score[j]
            candidate.score[j] = score


@njit(cache=True)
def _try(
    candidate: Candidate,
    wanted: Ints,
    pairs: int,
    width: float,
    inclusive: bool,
    rough: bool,
    temperatures: Floats,
    rng: np.random.Generator,
) -> int:
    """Try one change for each temperature; return the deviation at the end."""
    zero = np.zeros(candidate.X.shape[1] + 1)
    now = _deviation(candidate, wanted, pairs, width, inclusive)
    for temperature in temperatures:
        if now == 0:
            break
        if rough:
            who, k = _draw_rough(candidate, rng)
        elif rng.random() < _RENUMBER:
            who, k = _draw_renumbering(candidate, rng)
        else:
            who, k = _draw_crosswise(candidate, rng)
        if who[0] < 0:
            continue
        before = candidate.score.copy() if rough else candidate.score
        _exchange(candidate, who, k, not rough)
        possible = True
        if rough:
            score, possible = _fitted_score(candidate, zero)
            candidate.score[:] = score
        trial = _deviation(candidate, wanted, pairs, width, inclusive)
        worse = trial - now
        if possible and (worse <= 0 or rng.random() < math.exp(-worse / temperature)):
            now = trial
        else:
            _exchange(candidate, who, k, not rough)
            if rough:
                candidate.score[:] = before
    return now


def search_covariates(
    X: Floats,
    treated: Bools,
    goal: Goal,
    rng: np.random.Generator,
    *,
    evaluations: int,
    progress: Callable[[int, int], None],
) -> tuple[Floats, int]:
    """Exchange covariate values within arms until the matched counts are the printed ones.

    Parameters
    ----------
    X
        Contrasts of the matching covariates, shape (n, p), rows in the order of the ids.
    treated
        Arm of each row, shape (n,).
    goal
        What to reach.
    evaluations
        Most changes to try; the search ends as soon as all counts agree.
    progress
        Told the changes tried so far and the smallest deviation met.

    Returns
    -------
    tuple
        The covariates found, and their deviation: 0 when every count is as printed.
    """
    candidate = Candidate(X.copy(), np.zeros(len(X)), treated)
    arguments = (goal.wanted, goal.pairs, goal.width, goal.inclusive)

    def refit() -> int:
        candidate.score[:] = _fitted_score(candidate, np.zeros(X.shape[1] + 1))[0]
        return int(_deviation(candidate, *arguments))

    best, best_X = refit(), X.copy()
    rough_end = int(evaluations * _ROUGH)
    temperatures = np.concatenate(
        [
            np.geomspace(_ROUGH_HOT, _ROUGH_COLD, max(rough_end, 1)),
            np.geomspace(_QUIET_HOT, _QUIET_COLD, max(evaluations - rough_end, 1)),
        ]
    )
    for start in range(0, evaluations, _CHUNK):
        if best == 0:
            break
        rough = start < rough_end
        current = int(_try(candidate, *arguments, rough, temperatures[start : start + _CHUNK], rng))
        if current < best or current == 0:
            # What counts is what the analysis finds, which fits the changed table from zero.
            current = refit()
            if current < best:
                best, best_X = current, candidate.X.copy()
        progress(min(start + _CHUNK, evaluations), best)
    return best_X, best
