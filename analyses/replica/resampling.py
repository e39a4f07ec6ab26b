"""Replications of the matched analysis on resampled patients or sets, failures counted."""

from __future__ import annotations

import math
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from replica.errors import ParameterError
from replica.matched_hazard import (
    AnalysisFailedError,
    Columns,
    Effect,
    Reason,
    analyse,
    treatment_effect,
)
from replica.protocol import MatchingPlan, Ties

__all__ = [
    "NOTHING",
    "Attempt",
    "Failures",
    "Progress",
    "Repeat",
    "count_failures",
    "replicate",
    "resample_patients",
    "resample_sets",
    "spawn",
]

Ints = NDArray[np.int64]
Attempt = Effect | tuple[Reason, str]
Repeat = Callable[[np.random.Generator], Effect]
Progress = Callable[[int, int], None]

# What stands in the place of a replication that failed.
NOTHING = Effect(math.nan, math.nan, 0)

# Pieces of work: many enough that a progress bar moves and no process waits long for another.
_CHUNKS = 40


@dataclass(frozen=True)
class Failures:
    """Replications without an estimate, counted by reason, with the message of the first."""

    reason: Reason
    count: int
    first_replication: int
    first_message: str


def resample_patients(
    columns: Columns, plan: MatchingPlan, ties: Ties, rng: np.random.Generator
) -> Effect:
    """Analyse as many patients as there are, drawn with replacement.

    The rows drawn are sorted: copies of a patient stand together, in the place of its id.

    Raises
    ------
    AnalysisFailedError
        If the resample has no estimate.
    """
    rows = np.sort(rng.integers(0, len(columns), len(columns)))
    return analyse(columns.take(rows), plan, ties=ties, rng=rng)


def resample_sets(after: Columns, number: Ints, ties: Ties, rng: np.random.Generator) -> Effect:
    """Analyse as many matched sets as there are, drawn with replacement.

    Parameters
    ----------
    after, number
        Matched patients and the numbers of their sets, 1 to the count of sets.

    Raises
    ------
    AnalysisFailedError
        If the resample has no estimate.
    """
    sizes = np.bincount(number)[1:]
    by_set = np.argsort(number, kind="stable")
    begin = np.cumsum(sizes) - sizes
    drawn = np.sort(rng.integers(0, sizes.size, sizes.size))
    cluster = np.repeat(np.arange(drawn.size), sizes[drawn])
    within = np.arange(cluster.size) - np.repeat(
        np.cumsum(sizes[drawn]) - sizes[drawn], sizes[drawn]
    )
    rows = by_set[np.repeat(begin[drawn], sizes[drawn]) + within]
    return treatment_effect(after.take(rows), cluster, ties=ties)


def spawn(rng: np.random.Generator, count: int) -> list[np.random.Generator]:
    """Split a generator into independent ones, or refuse one that cannot be split."""
    try:
        return rng.spawn(count)
    except (AttributeError, TypeError) as error:
        raise ParameterError(
            f"rng: found {rng!r}, which cannot be split into independent generators. Pass "
            "numpy.random.default_rng(seed)."
        ) from error


def replicate(
    repeat: Repeat,
    generators: Sequence[np.random.Generator],
    workers: int,
    progress: Progress | None,
) -> list[Attempt]:
    """Make every replication, in order, and say how far it is after each piece of work."""
    size = math.ceil(len(generators) / _CHUNKS)
    chunks = [generators[i : i + size] for i in range(0, len(generators), size)]
    tries: list[Attempt] = []
    with _mapping(workers) as run:
        for piece in run(partial(_some, repeat), chunks):
            tries += piece
            if progress is not None:
                progress(len(tries), len(generators))
    return tries


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterator[list[Attempt]]]]:
    """Give the built-in `map`, or that of processes."""
    if workers == 1:
        yield map
        return
    # Fresh processes, not forks: the caller may have threads (a notebook has).
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield pool.map


def _some(repeat: Repeat, generators: Sequence[np.random.Generator]) -> list[Attempt]:
    return [_one(repeat, rng) for rng in generators]


def _one(repeat: Repeat, rng: np.random.Generator) -> Attempt:
    try:
        return repeat(rng)
    except AnalysisFailedError as error:
        return error.reason, str(error)


def count_failures(tries: Sequence[Attempt]) -> tuple[Failures, ...]:
    """Count the failures by reason, the most frequent first, then in order of appearance."""
    failed = [(i, *one) for i, one in enumerate(tries) if not isinstance(one, Effect)]
    counts = Counter(reason for _, reason, _ in failed)
    firsts = {reason: (i, message) for i, reason, message in reversed(failed)}
    return tuple(Failures(reason, count, *firsts[reason]) for reason, count in counts.most_common())
