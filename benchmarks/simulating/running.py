"""Draw every scenario many times; the answer does not depend on who draws what."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from replica.errors import ReplicaError
from simulating.estimating import Floats
from simulating.scenarios import SCENARIOS, Scenario

Progress = Callable[[int, int], None]

# Replications in one piece of work: some seconds.
_PIECE = 100


@dataclass(frozen=True)
class Drawn:
    """Replications of one scenario at one planted value.

    `intervals`, shape (replications, estimators, 4), holds estimate, standard error and both ends;
    a replication that failed is NaN, and `failures` has the messages.
    """

    scenario: Scenario
    value: float
    intervals: Floats
    failures: tuple[str, ...]


def generator(seed: int, key: str, value: int, replication: int) -> np.random.Generator:
    """Make the generator of one replication: it depends on nothing but these four."""
    sequence = np.random.SeedSequence(seed, spawn_key=(crc32(key.encode()), value, replication))
    return np.random.default_rng(sequence)


def draw(scenario: Scenario, value: int, seed: int, replications: range) -> Drawn:
    """Draw and estimate some replications of a scenario at the value with this number."""
    planted = scenario.values[value]
    found = np.full((len(replications), len(scenario.estimators), 4), math.nan)
    failures = []
    for row, replication in enumerate(replications):
        rng = generator(seed, scenario.key, value, replication)
        try:
            intervals = scenario.estimate(planted, rng)
        except ReplicaError as error:
            failures.append(str(error))
            continue
        found[row] = [intervals[name] for name in scenario.estimators]
    return Drawn(scenario, planted, found, tuple(failures))


@dataclass(frozen=True)
class _Piece:
    """A part of the work, small enough to be sent to another process."""

    scenario: int
    value: int
    seed: int
    replications: range


def _draw_listed(piece: _Piece) -> tuple[Floats, tuple[str, ...]]:
    drawn = draw(SCENARIOS[piece.scenario], piece.value, piece.seed, piece.replications)
    return drawn.intervals, drawn.failures


def simulate(
    keys: Sequence[str],
    *,
    replications: int,
    seed: int,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Drawn]:
    """Draw the scenarios with these keys, in their order in `SCENARIOS`.

    Parameters
    ----------
    keys
        Keys of scenarios; those that are unknown are refused.
    replications
        Of each scenario at each planted value.
    seed
        Of everything.
    workers
        Processes.
    progress
        Called with the replications done and to do, after each piece of work.
    """
    unknown = set(keys) - {scenario.key for scenario in SCENARIOS}
    if unknown:
        allowed = ", ".join(scenario.key for scenario in SCENARIOS)
        message = f"scenarios: found {', '.join(sorted(unknown))}; allowed: {allowed}."
        raise ValueError(message)
    pieces = [
        _Piece(i, value, seed, range(first, min(first + _PIECE, replications)))
        for i, scenario in enumerate(SCENARIOS)
        if scenario.key in keys
        for value in range(len(scenario.values))
        for first in range(0, replications, _PIECE)
    ]
    done, total = 0, sum(len(piece.replications) for piece in pieces)
    parts: dict[tuple[int, int], list[tuple[Floats, tuple[str, ...]]]] = {}
    for piece, part in zip(pieces, _mapped(pieces, workers), strict=True):
        parts.setdefault((piece.scenario, piece.value), []).append(part)
        done += len(piece.replications)
        if progress is not None:
            progress(done, total)
    return [
        Drawn(
            SCENARIOS[i],
            SCENARIOS[i].values[value],
            np.concatenate([intervals for intervals, _ in found]),
            tuple(message for _, messages in found for message in messages),
        )
        for (i, value), found in parts.items()
    ]


def _mapped(pieces: Sequence[_Piece], workers: int) -> Iterator[tuple[Floats, tuple[str, ...]]]:
    if workers == 1:
        yield from map(_draw_listed, pieces)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_draw_listed, pieces)
