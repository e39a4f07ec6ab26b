"""The range of every unprinted quantity among cohorts that agree with what is printed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from replica.agreement import Verdict
from replica.audit.paper import Paper
from replica.errors import SynthesisError
from replica.matching import Matched
from replica.ranges.climb import DOWN, TO_ZERO, UP, climb
from replica.ranges.judging import (
    contradicted_rows,
    lost,
    matched_as_printed,
    paper_settings,
    verdicts_on,
    with_follow_up,
)
from replica.ranges.patients import Patients
from replica.ranges.problem import Problem, problem_of, table_of
from replica.ranges.scores import score
from replica.supplied import parse_cohort
from replica.unprinted import Asked, asked_for, value_of

DEFAULT_EVALUATIONS = 60_000
DEFAULT_SEED = 1

OF_SUBGROUPS = 10
"""Quantities of subgroups are searched for with this part of the moves: the printed rows say little
of them, and there are many."""

AGREES = 1e-6
"""How near, relatively, a score must be to the estimator's own value; to p values, absolutely."""

ENDS = ("smallest", "largest")

Told = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Range:
    """A quantity: its value in the cohort of the study's page, the smallest and largest found.

    `evaluations` counts the moves that were tried in each direction.
    """

    asked: Asked
    committed: float
    smallest: float
    largest: float
    evaluations: int


@dataclass(frozen=True)
class Found:
    """The ranges of a study, with the tables of the cohorts at either end, by quantity and end.

    `held` and `missed` count the printed results that every cohort of the ranges agrees with, and
    those that the cohort at the beginning does not agree with either.
    """

    ranges: tuple[Range, ...]
    extremes: Mapping[tuple[str, str], pd.DataFrame]
    held: int
    missed: int
    seed: int
    evaluations: int
    cohort_sha256: str


def sha256_of(table: pd.DataFrame) -> str:
    """Digest of a cohort's table of text."""
    return hashlib.sha256(table.to_csv(index=False, lineterminator="\n").encode()).hexdigest()


def shown(asked: Asked, value: float) -> float:
    """Return the quantity that a score stands for."""
    if asked.is_p:
        return float(2 * ndtr(-abs(value)))
    return math.exp(value) if asked.is_ratio else value


def find_ranges(
    paper: Paper,
    table: pd.DataFrame,
    *,
    asked: Sequence[Asked] | None = None,
    seed: int = DEFAULT_SEED,
    evaluations: int = DEFAULT_EVALUATIONS,
    progress: Told = lambda *_: None,
) -> Found:
    """Search for the smallest and the largest value of every unprinted quantity of a study.

    Every cohort of a range has the covariates, and so the pairs, of the one it begins with; it
    meets every printed row that one meets, and comes no less near to the others. Both ends are
    judged by the public estimators.

    Parameters
    ----------
    paper
        What a study prints, with its protocol.
    table
        The cohort at the beginning, as text, as its file holds it.
    asked
        Quantities to search for; those that `asked_for` lists if None.
    seed, evaluations
        Of all random choices; and moves to try in each direction, a tenth of them for quantities
        of subgroups. Both decide the result, no clock does.
    progress
        Told of each quantity: its name, how many are done, of how many, and a remark.

    Raises
    ------
    SynthesisError
        If the study has no such quantity, a printed row is one that the search does not know, or
        an end is not confirmed by the estimators.
    """
    study = paper.study
    if study is not None and asked is None:
        asked = asked_for(study, paper.published)
    if study is None or not asked:
        raise SynthesisError(
            f"{paper.name}: found no unprinted quantity to search for; needed: curves by arm or "
            "subgroups in the protocol."
        )
    cohort = parse_cohort(study, table, "synthetic", name="synthetic cohort")
    matched = matched_as_printed(cohort)
    contradicted = contradicted_rows(paper)
    begun = verdicts_on(matched, paper.published, contradicted)
    problem = problem_of(matched, paper.published, begun, asked)
    judge = _Judge(paper, matched, begun, contradicted)
    ranges: list[Range] = []
    extremes: dict[tuple[str, str], pd.DataFrame] = {}
    for place, one in enumerate(asked):
        progress(f"{one.outcome}, {one.words(study)}", place, len(asked), "")
        moves = evaluations
        if one.covariate:
            moves = max(1, evaluations // OF_SUBGROUPS)
        ends = _ends(problem, one, moves, seed, place)
        tables = [table_of(problem, patients, table) for _, patients in ends]
        values = [judge(one, *end) for end in zip(tables, (v for v, _ in ends), strict=True)]
        committed = value_of(one, matched, paper_settings(study).choices.ties)
        ranges.append(Range(one, committed, values[0], values[1], moves))
        extremes |= {(one.key, end): made for end, made in zip(ENDS, tables, strict=True)}
    progress("done", len(asked), len(asked), "")
    met = sum(verdict.outcome == "reproduced" for verdict in begun.values())
    return Found(
        tuple(ranges), extremes, met, len(begun) - met, seed, evaluations, sha256_of(table)
    )


def _ends(
    problem: Problem, asked: Asked, moves: int, seed: int, place: int
) -> list[tuple[float, Patients]]:
    """Patients at the smallest and at the largest value, each with the value."""
    wanted = problem.wanted[asked.key]
    begun = problem.begun()
    sets = np.empty((4, begun.record.size), dtype=np.int64)
    first = score(wanted, begun.duration, begun.event, begun.order, np.zeros(3), sets)
    if math.isnan(first):
        raise SynthesisError(f"{asked.key}: not estimable in the cohort at the beginning.")
    found = [(shown(asked, first), begun)]
    # a p value is largest where its deviate is nearest to 0, and smallest far out on either side
    for direction in (DOWN, UP, TO_ZERO) if asked.is_p else (DOWN, UP):
        patients = problem.begun()
        rng = np.random.default_rng([seed, place, direction + 1])
        value, _ = climb(patients, problem.rules, problem.held, wanted, direction, moves, rng)
        found.append((shown(asked, value), patients))
    # of equal values the first: the beginning itself, if nothing lies beyond it
    return [min(found, key=lambda one: one[0]), max(found, key=lambda one: one[0])]


@dataclass(frozen=True)
class _Judge:
    """Holds a cohort of a range against the estimators, and returns its quantity's value."""

    paper: Paper
    matched: Matched
    begun: Mapping[str, Verdict]
    contradicted: Mapping[str, str]

    def __call__(self, asked: Asked, table: pd.DataFrame, expected: float) -> float:
        study = self.matched.before.study
        cohort = parse_cohort(study, table, "synthetic", name="cohort of a range")
        matched = with_follow_up(self.matched, cohort)
        value = value_of(asked, matched, paper_settings(study).choices.ties)
        if not abs(value - expected) <= AGREES * (1.0 if asked.is_p else max(1.0, abs(value))):
            raise SynthesisError(
                f"{asked.key}: found {value} by the estimators and {expected} by the search."
            )
        found = verdicts_on(matched, self.paper.published, self.contradicted)
        gone = lost(self.begun, found)
        if gone:
            raise SynthesisError(
                f"{asked.key}: found printed rows that the search does not hold: "
                f"{', '.join(gone[:5])}."
            )
        return value
