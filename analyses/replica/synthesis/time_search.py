"""The search over patients' times: phases of annealing from coarse to exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.protocol import Study
from replica.synthesis.annealing import Schedule, anneal
from replica.synthesis.fits import System
from replica.synthesis.moves import State
from replica.synthesis.targets import calendar_of
from replica.synthesis.times import DAYS_PER_MONTH, Times

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 5000
"""Moves between two reports of progress."""

Moves = tuple[float, float, float, float, float, float, float]


class Phase(NamedTuple):
    """One pass of the search.

    `fits` names the fits that count, `groups` who exchanges times with whom, `mobile` whose times
    may also change otherwise; `moves` are the probabilities of `Schedule`, `softness` and the
    temperatures say how strict it is, and `share` is the part of all moves that it takes.
    """

    name: str
    fits: Literal["arms", "shared curves", "shared", "all"]
    groups: Literal["combinations", "arms", "alone"]
    mobile: Literal["others", "all"]
    moves: Moves
    softness: float
    hot: float
    cold: float
    share: float


_SHIFT: Moves = (0.6, 0.7, 0.7, 0.7, 1.0, 1.0, 1.0)
_EXCHANGE: Moves = (0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0)
_ALL: Moves = (0.25, 0.3, 0.4, 0.65, 0.75, 0.95, 1.0)

# Everybody, with covariates that no longer change. Exchanges between patients with the same
# combination of the joint models' covariates leave these models as they were found.
PHASES = (
    Phase("curves, coarse", "arms", "combinations", "others", _SHIFT, 50.0, 0.1, 0.02, 0.03),
    Phase("curves, fine", "arms", "combinations", "others", _SHIFT, 5.0, 0.15, 0.02, 0.05),
    Phase("covariates, coarse", "all", "combinations", "others", _EXCHANGE, 200.0, 0.1, 0.02, 0.06),
    Phase("covariates, medium", "all", "combinations", "others", _EXCHANGE, 60.0, 0.1, 0.03, 0.08),
    Phase("covariates, fine", "all", "combinations", "others", _ALL, 20.0, 0.1, 0.03, 0.1),
    Phase("all, fine", "all", "arms", "all", _ALL, 6.0, 0.12, 0.03, 0.16),
    Phase("all, close", "all", "arms", "all", _ALL, 2.0, 0.12, 0.03, 0.2),
    Phase("all, exact", "all", "arms", "all", _ALL, 1.0, 0.2, 0.02, 0.32),
)

# Everybody but those of an arm that was found with its covariates and times, which stay.
OTHERS_PHASES = (
    Phase("curves, coarse", "shared curves", "alone", "others", _SHIFT, 50.0, 0.1, 0.02, 0.1),
    Phase("curves, fine", "shared curves", "alone", "others", _SHIFT, 5.0, 0.15, 0.02, 0.15),
    Phase("others, coarse", "shared", "alone", "others", _ALL, 20.0, 0.1, 0.03, 0.15),
    Phase("others, fine", "shared", "alone", "others", _ALL, 5.0, 0.12, 0.03, 0.2),
    Phase("others, close", "shared", "alone", "others", _ALL, 2.0, 0.12, 0.03, 0.15),
    Phase("others, exact", "shared", "alone", "others", _ALL, 1.0, 0.2, 0.02, 0.25),
)


@dataclass(frozen=True)
class Layout:
    """What a search does not change: who counts as what, by the names that phases use.

    `fits` maps to marks of fits, shape (s,); `groups` to codes and `mobile` to marks of patients,
    shape (n,). `held`, shape (outcomes, n), marks those whose number of events stays as it is.
    `free` are the covariates (bits) that may still change hands.
    """

    system: System
    study: Study
    fits: Mapping[str, Bools]
    groups: Mapping[str, Ints]
    mobile: Mapping[str, Bools]
    held: Bools
    free: Ints


@dataclass(frozen=True)
class Standing:
    """Where a search stands: phase, moves done in it, patients now and the best so far.

    Arrays of times have shape (outcomes, n), patterns (n,). `cost` is that of the best of the
    phase.
    """

    phase: int
    start: int
    duration: Floats
    event: Bools
    order: Ints
    pattern: Ints
    cost: float
    best: Times
    best_pattern: Ints

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays for a snapshot."""
        return {
            "duration": self.duration,
            "event": self.event,
            "order": self.order,
            "pattern": self.pattern,
            "best_duration": self.best.duration,
            "best_event": self.best.event,
            "best_pattern": self.best_pattern,
        }

    def numbers(self) -> dict[str, float]:
        """Numbers for a snapshot."""
        return {"phase": self.phase, "start": self.start, "cost": self.cost}


def standing_of(numbers: Mapping[str, float], arrays: Mapping[str, NDArray[Any]]) -> Standing:
    """Read a standing back from a snapshot."""
    return Standing(
        int(numbers["phase"]),
        int(numbers["start"]),
        arrays["duration"],
        arrays["event"],
        arrays["order"],
        arrays["pattern"],
        float(numbers["cost"]),
        Times(arrays["best_duration"], arrays["best_event"]),
        arrays["best_pattern"],
    )


def first_standing(times: Times, pattern: Ints) -> Standing:
    """Stand at the beginning of the first phase."""
    return _begin(0, times, pattern)


def _begin(phase: int, times: Times, pattern: Ints) -> Standing:
    duration, event = times.duration.copy(), times.event.copy()
    order = np.argsort(duration, axis=1, kind="stable")
    return Standing(phase, 0, duration, event, order, pattern.copy(), np.inf, times, pattern)


def search_times(
    layout: Layout,
    phases: Sequence[Phase],
    standing: Standing,
    rng: np.random.Generator,
    planned: int,
) -> Iterator[tuple[Standing, str, int]]:
    """Anneal from where the search stands to the end of the last phase.

    Yields after every chunk where the search stands, the phase's name and the moves done in all.
    The last standing holds the result as its `best`. The rest of the search depends on the standing
    and the generator alone.
    """
    outcomes = layout.study.outcomes
    keys = [outcome.key for outcome in outcomes]
    before = [keys.index(o.no_later_than) if o.no_later_than else -1 for o in outcomes]
    calendar = calendar_of(layout.study)
    longest = (calendar.data_cutoff - calendar.enrolment_start).days / DAYS_PER_MONTH - 0.1
    lengths = [int(planned * phase.share) for phase in phases]
    while standing.phase < len(phases):
        phase, moves = phases[standing.phase], lengths[standing.phase]
        if standing.start >= moves:
            standing = _begin(standing.phase + 1, standing.best, standing.best_pattern)
            continue
        temperatures = np.geomspace(phase.hot, phase.cold, moves)
        schedule = Schedule(
            layout.fits[phase.fits],
            layout.mobile[phase.mobile],
            layout.free,
            np.array(phase.moves),
            phase.softness,
            temperatures[standing.start : standing.start + CHUNK],
        )
        state = State(
            standing.duration.copy(),
            standing.event.copy(),
            standing.order.copy(),
            standing.pattern.copy(),
            layout.groups[phase.groups],
            layout.held,
            np.array(before, dtype=np.int64),
            longest,
        )
        cost, duration, event, pattern = anneal(layout.system, state, schedule, rng)
        better = cost < standing.cost
        standing = Standing(
            standing.phase,
            standing.start + schedule.temperatures.size,
            state.duration,
            state.event,
            state.order,
            state.pattern,
            min(cost, standing.cost),
            Times(duration, event) if better else standing.best,
            pattern if better else standing.best_pattern,
        )
        yield standing, phase.name, sum(lengths[: standing.phase]) + standing.start
