"""Controls for an arm that was found first: twins of its matched patients, and the others.

Where both members of a pair have the same covariates their scores are equal, whatever the fitted
coefficients: such pairs stand firm in the matching, and changing somebody else does not draw them
anew. The printed counts after matching differ a little between the arms, though. A few pairs take
these differences, each several that nearly cancel in the score, and they are chosen among those
whose scores lie above the reach of all controls who shall stay unmatched: wherever such a treated
patient turns within the caliper, only another twin can be found, so that the counts hold. The
treated who shall find nobody come last and lie above that reach as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.protocol import ARM_KEYS, Study
from replica.synthesis.arm_search import ArmFound
from replica.synthesis.covariates import latent_values
from replica.synthesis.matching_search import Goal
from replica.synthesis.targets import Targets
from replica.synthesis.twin_kernels import (
    Rows,
    Scratch,
    balance,
    deviation,
    fit,
    spread_flips,
    write_scores,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

ROUNDS = 60
"""How often the differences are shared out anew before another draw of controls."""

WITHOUT_ROOM = 5
"""If not all differences found a pair in any of so many rounds, a draw is given up."""

ORDERS = 200
"""So many orders of the pairs that differ are tried in every round."""

BALANCE_TRIES = 6000
SPREAD_TRIES = 400_000
HOT, COLD = 2.0, 0.02

CANDIDATES = 30
"""How many treated patients are looked at for a difference that no pair above reach can take."""

TOGETHER = 5
"""At most so many further covariates cancel such a difference."""

NEAR = 0.02
"""A difference of log odds within a pair that costs as much as two more differences elsewhere."""


@dataclass(frozen=True)
class TwinStanding:
    """Where a draw stands: rounds done, the least deviation so far, and the rows if it is 0."""

    done: int
    closest: float
    found: tuple[Floats, Ints] | None


def search_twins(
    targets: Targets, arm: ArmFound, goal: Goal, rng: np.random.Generator
) -> Iterator[TwinStanding]:
    """Draw controls and share out the differences between the matched arms until all counts hold.

    Yields after every round; ends early where too few pairs can take the differences. What was
    found are covariates (n, p) of the treated in the order of
    matching and of the controls, and which patient of the arm each treated row is.
    """
    study = targets.study
    p = len(study.covariates)
    if len(arm.pattern) < goal.pairs:
        return
    X = ((arm.pattern[:, None] >> np.arange(p)) & 1).astype(np.float64)
    matched = arm.pattern >> (p + 1) & 1 == 1
    who = np.concatenate(
        [rng.permutation(np.flatnonzero(matched)), rng.permutation(np.flatnonzero(~matched))]
    )
    rows = _rows(targets, X[who], goal, rng)
    room = Scratch(np.empty(len(rows.X)), np.zeros(len(rows.X), dtype=np.bool_), np.empty(p))
    wanted = (goal.wanted[1] - goal.wanted[0]).astype(np.int64)
    beta = fit(rows.X, rows.treated, np.zeros(p + 1))
    closest = np.inf
    for done in range(1, ROUNDS + 1):
        beta = balance(rows, beta, room, BALANCE_TRIES, rng)
        twins = _twins(rows, beta, room, wanted, rng)
        placed = ((twins - rows.X[: rows.pairs]).sum(axis=0) == wanted).all()
        if not placed and np.isinf(closest) and done >= WITHOUT_ROOM:
            return
        rows.X[rows.arm : rows.arm + rows.pairs] = twins
        beta = fit(rows.X, rows.treated, beta)
        if placed:
            off = _ordered(rows, who, beta, room, rng)
            closest = min(closest, off)
        found = (rows.X.copy(), who.copy()) if closest == 0.0 else None
        yield TwinStanding(done, closest, found)
        if found is not None:
            return


def _ordered(rows: Rows, who: Ints, beta: Floats, room: Scratch, rng: np.random.Generator) -> float:
    """Order the matched treated so that the counts come nearest; return how far they are off.

    Pairs that differ come after those who find an equal, in the best of several random orders.
    """
    X, twins = rows.X[: rows.pairs].copy(), rows.X[rows.arm : rows.arm + rows.pairs].copy()
    ids = who[: rows.pairs].copy()
    differs = (twins != X).any(axis=1)
    alike, rest = np.flatnonzero(~differs), np.flatnonzero(differs)
    best, least = np.concatenate([alike, rest]), np.inf
    for _ in range(ORDERS):
        order = np.concatenate([alike, rng.permutation(rest)])
        _put(rows, who, X, twins, ids, order)
        off = deviation(rows, beta, room)
        if off < least:
            best, least = order, off
        if off == 0.0:
            break
    _put(rows, who, X, twins, ids, best)
    return float(least)


def _put(rows: Rows, who: Ints, X: Floats, twins: Floats, ids: Ints, order: Ints) -> None:
    rows.X[: rows.pairs] = X[order]
    rows.X[rows.arm : rows.arm + rows.pairs] = twins[order]
    who[: rows.pairs] = ids[order]


def _rows(targets: Targets, X: Floats, goal: Goal, rng: np.random.Generator) -> Rows:
    """Put the treated, equal twins of the matched ones, and drawn other controls together."""
    study = targets.study
    before = np.array(
        [targets.count(c.key, c.contrast, "control", "before") for c in study.covariates]
    )
    others = targets.count("patients", "", "control", "before") - goal.pairs
    latent = latent_values(study, others, rng)
    U = np.zeros((others, X.shape[1]))
    for k, count in enumerate(before - goal.wanted[1]):
        U[np.argsort(-latent[:, k], kind="stable")[: max(0, int(count))], k] = 1.0
    every = np.ascontiguousarray(np.vstack([X, X[: goal.pairs], U]))
    treated = (np.arange(len(every)) < len(X)).astype(np.float64)
    return Rows(
        every,
        treated,
        goal.pairs,
        len(X),
        goal.wanted.astype(np.float64),
        goal.width,
        goal.inclusive,
    )


def _twins(
    rows: Rows, beta: Floats, room: Scratch, wanted: Ints, rng: np.random.Generator
) -> Floats:
    """Give every matched treated row a twin, with the differences where they do least harm."""
    X = rows.X[: rows.pairs].copy()
    write_scores(rows.X, beta, room.score)
    score = room.score[: rows.pairs].copy()
    others = room.score[rows.arm + rows.pairs :]
    above = score > (others.max() if others.size else 0.0) + rows.width
    twins, rest = X.copy(), wanted.copy()
    taken: list[int] = []
    for k in range(X.shape[1]):
        suited = X[:, k] != (wanted[k] > 0)
        for _ in range(max(0, abs(int(wanted[k])) - int((suited & above).sum()))):
            found = _cancelled(X, beta, k, rest, _by_score(suited, score, taken))
            if found is None:
                break
            i, change = found
            twins[i] += change
            rest = rest - change.astype(np.int64)
            taken.append(i)
    able = np.repeat(above[:, None], X.shape[1], axis=1)
    able[taken] = False
    temperatures = np.geomspace(HOT, COLD, SPREAD_TRIES)
    spread = spread_flips(X, beta, rest, able, temperatures, rng)
    spread[taken] = twins[taken]
    return np.asarray(spread, dtype=np.float64)


def _by_score(suited: Bools, score: Floats, taken: list[int]) -> Ints:
    """Rows that suit and were not taken yet, the highest scores first."""
    rows = np.flatnonzero(suited)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    return np.asarray([i for i in rows.tolist() if i not in taken][:CANDIDATES], dtype=np.int64)


def _cancelled(
    X: Floats, beta: Floats, k: int, rest: Ints, rows: Ints
) -> tuple[int, Floats] | None:
    """A row and a change of its twin that holds covariate k and hardly moves the score.

    Of the changes with the score within `NEAR`, the one after which the fewest differences are left
    to share out.
    """
    p = X.shape[1]
    others = [m for m in range(p) if m != k]
    sets = [(k, *chosen) for size in range(TOGETHER + 1) for chosen in combinations(others, size)]
    flips = np.zeros((len(sets), p))
    for row, chosen in enumerate(sets):
        flips[row, list(chosen)] = 1.0
    best: tuple[float, int, Floats] | None = None
    for i in rows.tolist():
        changes = flips * (1.0 - 2.0 * X[i])
        moved = np.abs(changes @ beta[1:])
        cost = moved / NEAR + np.abs(rest - changes).sum(axis=1) / 2
        cost[moved > NEAR] = np.inf
        at = int(np.argmin(cost))
        if np.isfinite(cost[at]) and (best is None or cost[at] < best[0]):
            best = float(cost[at]), i, changes[at]
    return None if best is None else (best[1], best[2])


def twin_table(
    study: Study, rows: Floats, treated: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, Ints]:
    """Write the rows as a table of patients whose arms alternate at random, in the same order.

    Returns the table and which row each patient is.
    """
    n = len(rows)
    in_arm = np.isin(np.arange(n), rng.permutation(n)[:treated])
    row = np.empty(n, dtype=np.int64)
    row[in_arm], row[~in_arm] = np.arange(treated), np.arange(treated, n)
    digits = max(4, len(str(n)))
    patients = pd.DataFrame(
        {
            "patient_id": [f"S{i + 1:0{digits}d}" for i in range(n)],
            "arm": np.where(in_arm, *ARM_KEYS),
        }
    )
    for k, covariate in enumerate(study.covariates):
        patients[covariate.key] = np.where(
            rows[row, k] == 1.0, covariate.contrast, covariate.reference
        )
    return patients, row
