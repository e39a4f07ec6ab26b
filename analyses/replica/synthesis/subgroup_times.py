"""Times and covariates of a few patients whose Cox models in subgroups return printed ratios.

Patients are annealed one small change at a time, in phases: the first lets every number pull in
proportion to its distance, so that none is given up early; the last counts what is met.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.synthesis.subgroup_annealing import stretch
from replica.synthesis.subgroup_kernels import REACH, around

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHUNK = 100_000
"""Changes between two reports."""

WITHIN = 0.97
"""A number counts as met this far into the range that rounds to the printed one."""


@dataclass(frozen=True)
class SubgroupProblem:
    """What is to be met, and what may move.

    Attributes
    ----------
    group
        Shape (n,): 0 for controls, 1, 2, ... for the kinds of exposed patients.
    fixed
        How many of the first columns of covariates never move.
    subgroups
        Shape (m, 2): column and code of each subgroup.
    ratios
        Shape (m, 3): hazard ratio and both ends of its interval, as printed.
    weight
        Shape (m,): how often each is printed.
    unit
        Half a unit of the last printed digit.
    earliest, end
        Shape (n,), whole days: no death or end of follow-up before the first, none after the last.
    lost
        What a patient lost to follow-up before the end costs.
    wald
        Shape (k, 4): first group, second group (-1: all exposed), least and greatest z statistic
        of the log-rank test.
    logistic
        Columns of the joint logistic model of exposure; the last one's odds ratio is printed.
    above
        Shape (number of logistic columns,): a covariate counts as 1 from this code up.
    odds
        Odds ratio of the last logistic column and both ends of its interval, as printed.
    """

    group: Integers
    fixed: int
    subgroups: Integers
    ratios: Floats
    weight: Floats
    unit: float
    earliest: Integers
    end: Integers
    lost: float
    wald: Floats
    logistic: Integers
    above: Integers
    odds: Floats


@dataclass(frozen=True)
class SubgroupState:
    """One answer: covariates, last days, who died on them, and how far it all is off."""

    columns: Integers
    time: Integers
    died: Bools
    energy: float

    def copy(self) -> SubgroupState:
        """A state that can be changed without changing this one."""
        return SubgroupState(
            self.columns.copy(), self.time.copy(), self.died.copy(), float(self.energy)
        )


@dataclass(frozen=True)
class Phase:
    """Part of a search: its share of all changes, temperatures, and how distances are counted."""

    share: float
    hot: float
    cold: float
    shape: int


@dataclass(frozen=True)
class SubgroupStanding:
    """Where a search stands: changes tried in a phase, the state at hand and the best of it."""

    phase: int
    done: int
    now: SubgroupState
    best: SubgroupState

    def numbers(self) -> Mapping[str, float]:
        """The part of it that is single numbers."""
        return {"phase": self.phase, "done": self.done, "energy": self.best.energy}

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The part of it that is arrays."""
        named = {"now": self.now, "best": self.best}
        return {
            f"{name}_{key}": getattr(state, key)
            for name, state in named.items()
            for key in ("columns", "time", "died")
        }


def standing_of(
    numbers: Mapping[str, float], arrays: Mapping[str, NDArray[Any]]
) -> SubgroupStanding:
    """Put together again what `SubgroupStanding` took apart."""

    def state(name: str) -> SubgroupState:
        columns, time, died = (arrays[f"{name}_{key}"] for key in ("columns", "time", "died"))
        return SubgroupState(columns, time, died, float(numbers["energy"])).copy()

    return SubgroupStanding(
        int(numbers["phase"]), int(numbers["done"]), state("now"), state("best")
    )


def first_standing(start: SubgroupState) -> SubgroupStanding:
    """The beginning of a search from a state with no two patients at the same time."""
    return SubgroupStanding(0, 0, start.copy(), start.copy())


def search(
    problem: SubgroupProblem,
    standing: SubgroupStanding,
    phases: tuple[Phase, ...],
    rng: np.random.Generator,
    *,
    steps: int,
) -> Iterator[SubgroupStanding]:
    """Anneal from where a search stands; each phase begins at the best state of the one before.

    Parameters
    ----------
    problem
        Targets and bounds.
    standing
        Where to go on from.
    phases
        What to do one after the other.
    rng
        All randomness; the same state gives the same answer.
    steps
        Changes to try in all phases together.

    Yields
    ------
    SubgroupStanding
        Where the search stands; the last one holds the answer.
    """
    targets = (
        problem.group,
        problem.fixed,
        problem.subgroups,
        np.log(problem.ratios[:, 0]),
        bounds_of(problem.ratios, problem.unit),
        problem.weight,
        problem.earliest,
        problem.end,
        problem.lost,
        problem.wald[:, :2].astype(np.int64),
        np.ascontiguousarray(problem.wald[:, 2:]),
        problem.logistic,
        problem.above,
        bounds_of(problem.odds, problem.unit),
    )
    for k in range(standing.phase, len(phases)):
        phase = phases[k]
        planned = max(1, round(phase.share * steps))
        begun = k == standing.phase and standing.done > 0
        now, done = (standing.now if begun else standing.best).copy(), standing.done * begun
        best = standing.best.copy()
        energy = best.energy if begun else np.inf
        while done < planned and energy > 0.0:
            until = min(planned, done + CHUNK)
            energy = stretch(
                *targets,
                *(now.columns, now.time, now.died),
                *(best.columns, best.time, best.died),
                energy,
                done,
                until,
                planned,
                phase.hot,
                phase.cold,
                phase.shape,
                rng,
            )
            done = until
            best = SubgroupState(best.columns, best.time, best.died, float(energy))
            # the search goes on in the same arrays
            standing = SubgroupStanding(k, done, now.copy(), best.copy())
            yield standing


def bounds_of(printed: Floats, unit: float) -> Floats:
    """Logarithms between which numbers are printed so, with a little to spare."""
    return np.log(np.stack([printed - WITHIN * unit, printed + WITHIN * unit], axis=-1))


def misses(problem: SubgroupProblem, state: SubgroupState) -> Floats:
    """How far hazard ratios and ends of intervals are off, as logarithms; 0 where they are met.

    Returns
    -------
    array
        Shape (m, 3), as `SubgroupProblem.ratios`.
    """
    order = np.argsort(-state.time)
    bounds = bounds_of(problem.ratios, problem.unit)
    found = np.empty(problem.ratios.shape)
    for s, (column, code) in enumerate(problem.subgroups):
        exposed = (problem.group > 0).astype(np.int64)
        label = np.where(state.columns[:, column] == code, exposed, -1)
        b, se = around(order, label, state.died, float(np.log(problem.ratios[s, 0])))
        values = b + REACH * se * np.array([0.0, -1.0, 1.0])
        low, high = bounds[s].T
        found[s] = np.maximum(0.0, np.maximum(low - values, values - high))
    return found
