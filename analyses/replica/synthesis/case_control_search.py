"""The search over cases and controls: its phases, what it reports, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replica.group_counts import categorical
from replica.protocol import Study
from replica.synthesis.case_control_patients import CaseControlSearch, annealed_keys
from replica.synthesis.snapshots import Keep, Snapshot, state_of
from replica.synthesis.subgroup_kernels import COUNTED, SHARED
from replica.synthesis.subgroup_times import (
    Phase,
    SubgroupProblem,
    SubgroupStanding,
    first_standing,
    misses,
    search,
    standing_of,
)

Progress = Callable[[str, int, int, str], None]
"""Told the stage, changes done, changes planned and how far the search has come."""

# Everything pulls on everything else at first; then what is met counts.
PHASES = (Phase(0.4, 4.0, 0.3, shape=SHARED), Phase(0.6, 0.5, 0.01, shape=COUNTED))
STAGES = ("together", "one by one")


def anneal(
    begun: CaseControlSearch,
    study: Study,
    *,
    steps: int,
    seed: int,
    progress: Progress,
    keep: Keep | None = None,
    resume: Snapshot | None = None,
) -> CaseControlSearch:
    """Anneal covariates and times, first over everything, then near the best found.

    Parameters
    ----------
    begun
        What `begin` returned for the same seed.
    study
        Its study.
    steps
        Changes to try in all.
    seed
        Of every random choice.
    progress
        Told the stage, changes done, changes planned and how far the search has come.
    keep
        Called with a snapshot after every chunk of the search.
    resume
        A snapshot to go on from, to the same result.
    """
    rng = np.random.default_rng([seed, 2])
    standing = first_standing(begun.state)
    if resume is not None:
        standing = standing_of(resume.numbers, resume.arrays)
        resume.restore(rng)
    best = standing.best
    for now in search(begun.problem, standing, PHASES, rng, steps=steps):
        before = sum(round(phase.share * steps) for phase in PHASES[: now.phase])
        said = _said(study, begun.problem, now)
        progress(STAGES[now.phase], min(steps, before + now.done), steps, said)
        if keep is not None:
            keep(Snapshot("subgroups", now.numbers(), now.arrays(), state_of(rng)))
        best = now.best
    return CaseControlSearch(begun.sets, begun.problem, best)


def _said(study: Study, problem: SubgroupProblem, standing: SubgroupStanding) -> str:
    """How many printed ratios and ends of intervals are met, and which are furthest off."""
    off = misses(problem, standing.best)
    places = problem.weight[:, None] * np.ones(3)
    keys = annealed_keys(study)
    worst = []
    for s in np.argsort(-off.max(axis=1), kind="stable")[:2]:
        if off[s].max() > 0:
            column, code = problem.subgroups[s]
            level = categorical(study, keys[column]).level_keys[code]
            worst.append(f"{keys[column]}={level} {off[s].max():.1%}")
    met = f"{int(places[off == 0].sum())} of {int(places.sum())} rows met"
    return f"{met}; worst: {', '.join(worst)}" if worst else met
