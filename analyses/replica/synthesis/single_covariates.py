"""A covariate that enters no joint model: its values are handed out when the times stand.

With the times given, the printed rows of such a covariate (ratio, interval and p of each outcome)
concern nothing else, and depend on who has it only through two sums for each outcome, the score and
the information of its model. An exchange of two values between patients shifts these sums by nearly
the same amounts whatever else is exchanged. So the one exchange, or the two, that lead from where
the sums are to where the rows ask for are looked up among all exchanges as nearest neighbours, and
judged by the estimators themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial import cKDTree
from scipy.special import ndtri

from replica.synthesis.fits import System, Z, evaluate, signature, width
from replica.synthesis.rank_sums import Ranks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

ROUNDS = 60
"""Rounds of looking up one exchange or two, before a new draw of values."""

SINGLE_ROUNDS = 25
"""Of these, the first ones look for one exchange only."""

CANDIDATES = 60
"""How many of the nearest neighbours are judged by the estimators."""

TINY = 1e-12
"""Stands for a p value of which only the upper end is known."""

POOL = 40_000
"""Exchanges that are drawn at most to look for two among them."""


@dataclass(frozen=True)
class Aim:
    """What the rows of one fit ask for: log hazard ratio and standard error, and how closely."""

    fit: int
    log_ratio: float
    std_error: float
    ratio_unit: float
    error_unit: float


def aim_of(system: System, fit: int) -> Aim | None:
    """Find the middle of what the printed rows of a one-covariate model leave possible.

    Ratio, ends and p bound the log ratio and its standard error by straight lines; the middle is
    that of the largest circle between them. None if nothing is possible.
    """
    lines: list[tuple[float, float, float]] = []
    rows = range(int(system.first[fit]), int(system.first[fit + 1]))
    middles = {int(system.slot[r]): (system.low[r] + system.high[r]) / 2 for r in rows}
    for r in rows:
        slot, low, high = int(system.slot[r]), float(system.low[r]), float(system.high[r])
        if slot < 3:
            steep = (0.0, -Z, Z)[slot]
            lines.append((1.0, steep, math.log(high)))
            lines.append((-1.0, -steep, -math.log(low)))
        elif slot == 3:
            # |log ratio| / error lies between two normal quantiles.
            side = math.copysign(1.0, math.log(middles[0]))
            lines.append((side, -float(ndtri(1 - max(low, TINY) / 2)), 0.0))
            lines.append((-side, float(ndtri(1 - min(high, 1.0) / 2)), 0.0))
    middle = math.log(middles[0])
    spread = (math.log(middles[2]) - math.log(middles[1])) / (2 * Z)
    norms = [math.hypot(a, b) for a, b, _ in lines]
    solved = linprog(
        [0.0, 0.0, -1.0],
        A_ub=[[a, b, norm] for (a, b, _), norm in zip(lines, norms, strict=True)],
        b_ub=[c for _, _, c in lines],
        bounds=[(None, None), (0.0, None), (0.0, None)],
    )
    if not solved.success or solved.x is None:
        return None
    unit = system.unit[rows[0]]
    return Aim(
        fit,
        float(solved.x[0]),
        float(solved.x[1]),
        unit / 2 / math.exp(middle),
        unit / 2 / (Z * math.exp(middle + Z * spread)),
    )


@dataclass(frozen=True)
class _Task:
    """One covariate: where its values are, who may exchange them, and what they must give."""

    system: System
    ranks: Ranks
    bit: int
    stratum: Ints
    aims: tuple[Aim, ...]


def hand_out_values(
    system: System,
    ranks: Ranks,
    bit: int,
    fits: Sequence[int],
    stratum: Ints,
    rng: np.random.Generator,
    *,
    draws: int = 20,
) -> tuple[Ints, int]:
    """Exchange the values of one covariate until its printed rows come back, or nearly.

    Parameters
    ----------
    system, ranks
        The fits, and the arm's patients in the order of their times; nothing is changed in place.
    bit
        Which covariate.
    fits
        Its fits, one for each outcome that has one.
    stratum
        Shape (n,): values are exchanged within a stratum only; a negative one keeps its values.
    rng
        Draws the exchanges to look among.
    draws
        So many times values are dealt anew within strata when the exchanges lead nowhere.

    Returns
    -------
    tuple
        Patterns with the values that miss the fewest rows, shape (n,), and how many they miss.
    """
    aims = tuple(aim for s in fits if (aim := aim_of(system, s)) is not None)
    task = _Task(system, ranks, bit, stratum, aims)
    pattern = ranks.pattern.copy()
    best, fewest = pattern, _misses(task, pattern)[0]
    for draw in range(draws):
        if draw:
            pattern = _dealt_anew(pattern, bit, stratum, rng)
        for attempt in range(ROUNDS):
            if fewest == 0:
                return best, 0
            pattern, misses = _improve(task, pattern, attempt >= SINGLE_ROUNDS, rng)
            if misses < fewest:
                best, fewest = pattern, misses
    return best, fewest


def _dealt_anew(pattern: Ints, bit: int, stratum: Ints, rng: np.random.Generator) -> Ints:
    """Half the values within each stratum change hands at random."""
    dealt = pattern.copy()
    for code in np.unique(stratum[stratum >= 0]):
        rows = np.flatnonzero(stratum == code)
        rows = rows[rng.random(rows.size) < 0.5]
        values = rng.permutation(dealt[rows] >> bit & 1)
        dealt[rows] = dealt[rows] & ~(1 << bit) | values << bit
    return dealt


def _misses(task: _Task, pattern: Ints) -> tuple[int, float]:
    """How many rows the estimators miss, and the sum of the distances in units."""
    values = np.empty(width(task.system))
    missed, off = 0, 0.0
    for aim in task.aims:
        _values(task, aim.fit, pattern, values)
        for r in range(int(task.system.first[aim.fit]), int(task.system.first[aim.fit + 1])):
            value = values[task.system.slot[r]]
            outside = max(task.system.low[r] - value, value - task.system.high[r], 0.0)
            missed += outside != 0.0
            off += outside / task.system.unit[r]
    return missed, off


def _values(task: _Task, fit: int, pattern: Ints, out: Floats) -> None:
    ranks, o = task.ranks, int(task.system.outcome[fit])
    duration, event = np.empty(pattern.size), np.empty(pattern.size, dtype=np.bool_)
    duration[ranks.who[o]], event[ranks.who[o]] = ranks.time[o], ranks.event[o]
    codes = np.array([signature(task.system, fit, each) for each in pattern], dtype=np.int64)
    room = np.empty((4, pattern.size), dtype=np.int64)
    evaluate(task.system, fit, codes, duration, event, ranks.who[o], np.zeros(1), room, out)


def _shifts(task: _Task, pattern: Ints) -> tuple[Floats, Floats]:
    """Where the sums are from the aims, in units, and how having the covariate moves each there.

    Returns distances (2 a,) and effects (n, 2 a): those of a patient who comes to have it.
    """
    ranks, n = task.ranks, pattern.size
    off, effects = [], []
    for aim in task.aims:
        o = int(task.system.outcome[aim.fit])
        has = (pattern[ranks.who[o]] >> task.bit & 1).astype(np.float64)
        at_risk = np.arange(n, 0, -1.0)
        having = np.cumsum(has[::-1])[::-1]
        event = ranks.event[o].astype(np.float64)
        ratio = math.exp(aim.log_ratio)

        def sums(
            count: Floats, at: Floats, flag: Floats, r: float = ratio
        ) -> tuple[Floats, Floats]:
            share = count * r / (count * r + at - count)
            return flag * share, flag * share * (1 - share)

        share, spread = sums(having, at_risk, event)
        more_share, more_spread = sums(np.minimum(having + 1, at_risk), at_risk, event)
        fewer_share, fewer_spread = sums(np.maximum(having - 1, 0.0), at_risk, event)
        step_share = np.cumsum((more_share - fewer_share) / 2)
        step_spread = np.cumsum((more_spread - fewer_spread) / 2)
        information = float(spread.sum())
        score = float((event * has).sum() - share.sum())
        error = 1 / math.sqrt(information)
        per_log_ratio = 1 / information / aim.ratio_unit
        per_error = -0.5 * error / information / aim.error_unit
        off.append(score * per_log_ratio)
        off.append((error - aim.std_error) / aim.error_unit)
        by_place = np.column_stack([(event - step_share) * per_log_ratio, step_spread * per_error])
        effect = np.empty_like(by_place)
        effect[ranks.who[o]] = by_place
        effects.append(effect)
    return np.array(off), np.concatenate(effects, axis=1)


def _exchanges(task: _Task, pattern: Ints, rng: np.random.Generator) -> Ints:
    """All exchanges of the value within strata, or a draw of them: who has it, and who gets it."""
    pairs = []
    for code in np.unique(task.stratum[task.stratum >= 0]):
        rows = np.flatnonzero(task.stratum == code)
        has = pattern[rows] >> task.bit & 1 == 1
        having, others = rows[has], rows[~has]
        if having.size and others.size:
            pairs.append(
                np.column_stack([np.repeat(having, others.size), np.tile(others, having.size)])
            )
    every = np.concatenate(pairs) if pairs else np.empty((0, 2), dtype=np.int64)
    if len(every) > POOL:
        every = every[np.sort(rng.choice(len(every), POOL, replace=False))]
    return np.asarray(every, dtype=np.int64)


def _improve(task: _Task, pattern: Ints, two: bool, rng: np.random.Generator) -> tuple[Ints, int]:
    """Carry out the exchange, or the two, that the estimators like best among the nearest."""
    off, effects = _shifts(task, pattern)
    exchanges = _exchanges(task, pattern, rng)
    if not len(exchanges):
        return pattern, _misses(task, pattern)[0]
    moved = effects[exchanges[:, 1]] - effects[exchanges[:, 0]]
    tree = cKDTree(moved)
    if two:
        found = tree.query(-off - moved)
        distance, second = np.asarray(found[0]), np.asarray(found[1])
        nearest = np.argsort(distance, kind="stable")[: 4 * CANDIDATES]
        options = [[a, int(second[a])] for a in nearest.tolist()]
    else:
        found = tree.query(-off, k=min(CANDIDATES, len(exchanges)))
        options = [[a] for a in np.atleast_1d(found[1]).tolist()]
    best, standing = pattern, (math.inf, math.inf)
    tried = 0
    for option in options:
        who = exchanges[option]
        if len(np.unique(who)) < who.size:
            continue
        changed = pattern.copy()
        changed[who.ravel()] ^= 1 << task.bit
        reached = _misses(task, changed)
        tried += 1
        if reached[1] < standing[1]:
            best, standing = changed, reached
        if standing[0] == 0 or tried >= CANDIDATES:
            break
    return best, int(standing[0]) if tried else _misses(task, pattern)[0]
