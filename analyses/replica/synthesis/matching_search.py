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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

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
STRANGE = 0.25
"""Cost of a treated patient with a combination that is not wanted; a wrong count costs 1."""

TOLERATED = 16
"""So many patients too many or too few, over all combinations, cost nothing."""

_NOBODY = np.full(4, -1, dtype=np.int64)


@dataclass(frozen=True)
class Goal:
    """Printed counts after matching, in the form the search takes.

    `wanted` (2, p) counts contrasts among matched treated and matched controls; `pairs` is the
    number of matched pairs. `width` is the caliper on the probability scale. `joint` names some
    covariates by column, and `combinations` (2^k) counts the treated with each combination of these
    before matching (the first is the highest digit of the index): it need be met nearly only.
    """

    wanted: Ints
    pairs: int
    width: float
    inclusive: bool
    joint: Ints
    combinations: Ints


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
def _strangeness(candidate: Candidate, joint: Ints, combinations: Ints) -> float:
    """Cost of treated patients with other combinations than wanted; a few are free."""
    gap = -combinations
    for i in range(candidate.treated.size):
        if candidate.treated[i]:
            code = 0
            for k in joint:
                code = 2 * code + round(candidate.X[i, k])
            gap[code] += 1
    return float(STRANGE * max(0, np.abs(gap).sum() - TOLERATED))


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
    joint: Ints,
    combinations: Ints,
    temperatures: Floats,
    rng: np.random.Generator,
) -> float:
    """Try one change for each temperature; return the cost at the end."""
    now = _strangeness(candidate, joint, combinations)
    now += _deviation(candidate, wanted, pairs, width, inclusive)
    for temperature in temperatures:
        if now == 0.0:
            break
        if rng.random() < _RENUMBER:
            who, k = _draw_renumbering(candidate, rng)
        else:
            who, k = _draw_crosswise(candidate, rng)
        if who[0] < 0:
            continue
        _exchange(candidate, who, k)
        # Most bad changes are known as such before the matching is done.
        limit = now - temperature * math.log(1.0 - rng.random())
        trial = _strangeness(candidate, joint, combinations)
        if trial <= limit:
            trial += _deviation(candidate, wanted, pairs, width, inclusive)
        if trial <= limit:
            now = trial
        else:
            _exchange(candidate, who, k)
    return now


@dataclass(frozen=True)
class CovariateStanding:
    """Where the search over covariates stands: changes tried, covariates now, and the best so far.

    `X` and `best_x` have shape (n, p), `score` (n,). `best` is the cost of `best_x`: 0 when every
    count is as printed and the combinations are nearly as wanted.
    """

    done: int
    X: Floats
    score: Floats
    best: float
    best_x: Floats

    def arrays(self) -> dict[str, Floats]:
        """Arrays for a snapshot."""
        return {"X": self.X, "score": self.score, "best_x": self.best_x}

    def numbers(self) -> dict[str, float]:
        """Numbers for a snapshot."""
        return {"done": self.done, "best": self.best}


def covariates_of(
    numbers: Mapping[str, float], arrays: Mapping[str, NDArray[Any]]
) -> CovariateStanding:
    """Read a standing back from a snapshot."""
    return CovariateStanding(
        int(numbers["done"]), arrays["X"], arrays["score"], numbers["best"], arrays["best_x"]
    )


def _fit(candidate: Candidate, goal: Goal) -> float:
    """Fit the score anew, from zero as the analysis does, and return the cost."""
    X, treated = candidate.X, candidate.treated
    candidate.score[:] = fit_logistic(X, treated).probability(X)
    off = _deviation(candidate, goal.wanted, goal.pairs, goal.width, goal.inclusive)
    return float(off + _strangeness(candidate, goal.joint, goal.combinations))


def first_standing(X: Floats, treated: Bools, goal: Goal) -> CovariateStanding:
    """Stand at the beginning: contrasts of the matching covariates in the order of the ids."""
    candidate = _candidate(X.copy(), np.zeros(len(X)), treated)
    cost = _fit(candidate, goal)
    return CovariateStanding(0, candidate.X, candidate.score, cost, X.copy())


def _candidate(X: Floats, score: Floats, treated: Bools) -> Candidate:
    pattern = np.array([_pattern(row) for row in X], dtype=np.int64)
    return Candidate(X, score, treated, pattern)


def search_covariates(
    standing: CovariateStanding,
    treated: Bools,
    goal: Goal,
    rng: np.random.Generator,
    *,
    evaluations: int,
) -> Iterator[CovariateStanding]:
    """Exchange covariate values within arms until the matched counts are the printed ones.

    Yields where the search stands after every chunk of changes; the last one holds the result. The
    rest of the search depends on the standing and the generator alone.

    Parameters
    ----------
    standing
        Where to begin.
    treated
        Arm of each row, shape (n,).
    goal
        What to reach.
    evaluations
        Most changes to try; the search ends as soon as all counts agree.
    """
    temperatures = np.geomspace(_HOT, _COLD, max(evaluations, 1))
    candidate = _candidate(standing.X.copy(), standing.score.copy(), treated)
    best, best_X = standing.best, standing.best_x
    for done in range(standing.done, evaluations, _CHUNK):
        if best == 0.0:
            break
        chunk = temperatures[done : done + _CHUNK]
        current = _try(
            candidate,
            goal.wanted,
            goal.pairs,
            goal.width,
            goal.inclusive,
            goal.joint,
            goal.combinations,
            chunk,
            rng,
        )
        if current < best or current == 0.0:
            # What counts is what the analysis finds, which fits the changed table from zero.
            current = _fit(candidate, goal)
            if current < best:
                best, best_X = current, candidate.X.copy()
        X, score = candidate.X.copy(), candidate.score.copy()
        yield CovariateStanding(done + chunk.size, X, score, best, best_X)
