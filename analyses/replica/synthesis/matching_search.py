"""The search for covariates whose real score and real matching give the printed counts.

Exchanging a covariate's values between two patients of an arm keeps the counts before matching,
but moves every coefficient a little, and with it every close decision of the matching: the matched
counts are drawn anew. Two kinds of change leave the fitted coefficients exactly as they are, and
so change the matching only near the patients concerned:

- two treated patients change places in the order of matching;
- crosswise exchange: a treated and a control patient who differ in one covariate only exchange
  its value, and so do another such pair the other way round. Both arms keep their counts, and both
  together keep the same patients, which is all that the likelihood equations see.

The search makes these changes only. They leave the correlations between covariates as drawn, so
that not every goal can be reached from every draw.
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
from replica.logistic import fit_logistic

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_CHUNK = 2000
_HOT, _COLD = 3.0, 0.15
# Share of the tries that renumber.
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
    """Covariates (n, p) as 0/1 with the score they give, changed in place; arms stay.

    `pattern` codes each patient's covariates as the bits of a number.
    """

    X: Floats
    score: Floats
    treated: Bools
    pattern: Ints


@njit(cache=True)
def _pattern(values: Floats) -> int:
    """Covariates of a patient as the bits of a number."""
    code = 0
    for m in range(values.size):
        if values[m] == 1.0:
            code |= 1 << m
    return code


@njit(cache=True)
def _deviation(
    candidate: Candidate, wanted: Ints, pairs: int, width: float, inclusive: bool
) -> int:
    """Sum of absolute differences between the printed and the matched counts."""
    X, score, treated, _ = candidate
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
def _twin(candidate: Candidate, i: int, k: int, rng: np.random.Generator) -> int:
    """A patient of the other arm who differs from patient i in covariate k only, or -1."""
    n = candidate.pattern.size
    wanted = candidate.pattern[i] ^ (1 << k)
    start = int(rng.integers(0, n))
    for step in range(n):
        j = (start + step) % n
        if candidate.pattern[j] == wanted and candidate.treated[j] != candidate.treated[i]:
            return int(j)
    return -1


@njit(cache=True)
def _draw_crosswise(candidate: Candidate, rng: np.random.Generator) -> tuple[Ints, int]:
    """Two treated patients, with and without a covariate, each with a twin among the controls."""
    X, _, treated, _ = candidate
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
def _exchange(candidate: Candidate, who: Ints, k: int) -> None:
    """Exchange covariate k (all if negative) between the first two, and between the last two.

    Patients who differ in nothing else exchange their scores with it.
    """
    for side in range(2):
        i, j = who[2 * side], who[2 * side + 1]
        if i < 0:
            continue
        for m in range(candidate.X.shape[1]):
            if k in (m, -1):
                candidate.X[i, m], candidate.X[j, m] = candidate.X[j, m], candidate.X[i, m]
        candidate.pattern[i], candidate.pattern[j] = candidate.pattern[j], candidate.pattern[i]
        candidate.score[i], candidate.score[j] = candidate.score[j], candidate.score[i]


@njit(cache=True)
def _try(
    candidate: Candidate,
    wanted: Ints,
    pairs: int,
    width: float,
    inclusive: bool,
    temperatures: Floats,
    rng: np.random.Generator,
) -> int:
    """Try one change for each temperature; return the deviation at the end."""
    now = _deviation(candidate, wanted, pairs, width, inclusive)
    for temperature in temperatures:
        if now == 0:
            break
        if rng.random() < _RENUMBER:
            who, k = _draw_renumbering(candidate, rng)
        else:
            who, k = _draw_crosswise(candidate, rng)
        if who[0] < 0:
            continue
        _exchange(candidate, who, k)
        trial = _deviation(candidate, wanted, pairs, width, inclusive)
        worse = trial - now
        if worse <= 0 or rng.random() < math.exp(-worse / temperature):
            now = trial
        else:
            _exchange(candidate, who, k)
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
    pattern = np.array([_pattern(row) for row in X], dtype=np.int64)
    candidate = Candidate(X.copy(), np.zeros(len(X)), treated, pattern)
    arguments = (goal.wanted, goal.pairs, goal.width, goal.inclusive)

    def refit() -> int:
        candidate.score[:] = fit_logistic(candidate.X, treated).probability(candidate.X)
        return int(_deviation(candidate, *arguments))

    best, best_X = refit(), X.copy()
    temperatures = np.geomspace(_HOT, _COLD, max(evaluations, 1))
    for done in range(0, evaluations, _CHUNK):
        if best == 0:
            break
        chunk = temperatures[done : done + _CHUNK]
        current = int(_try(candidate, *arguments, chunk, rng))
        if current < best or current == 0:
            # What counts is what the analysis finds, which fits the changed table from zero.
            current = refit()
            if current < best:
                best, best_X = current, candidate.X.copy()
        progress(done + chunk.size, best)
    return best_X, best
