"""The search over one arm in the order of its times: curves first, then models, coarse to exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.protocol import Study
from replica.synthesis.fits import COMPARISON, CURVE, JOINT, Compiled
from replica.synthesis.rank_annealing import anneal_ranks
from replica.synthesis.rank_moves import RankSchedule
from replica.synthesis.rank_sums import Models, Ranks, empty_sums
from replica.synthesis.targets import calendar_of
from replica.synthesis.times import DAYS_PER_MONTH, GRID, Times

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 20_000
"""Moves between two reports of progress; the models' expansion points move as often."""

Moves = tuple[float, float, float, float, float, float, float]


class RankPhase(NamedTuple):
    """One pass of the search.

    `curves_only` leaves the models out; `moves` are the probabilities of the kinds of move,
    `softness` that of models and `curve_softness` that of curves, whose rows weigh `curve_weight`;
    `share` is the part of all moves that it takes.
    """

    name: str
    curves_only: bool
    moves: Moves
    softness: float
    curve_softness: float
    curve_weight: float
    hot: float
    cold: float
    share: float


_CURVES: Moves = (0.35, 0.1, 0.02, 0.05, 0.3, 0.05, 0.13)
_MODELS: Moves = (0.55, 0.12, 0.05, 0.05, 0.1, 0.03, 0.1)
_EXACT: Moves = (0.45, 0.1, 0.05, 0.07, 0.2, 0.03, 0.1)

# A curve is a matter of few patients at certain times, which small steps cannot bring about: it is
# met first and held from then on, while the models are searched for among all that leave it.
RANK_PHASES = (
    RankPhase("curves of an arm, coarse", True, _CURVES, 1.0, 40.0, 1.0, 0.2, 0.05, 0.03),
    RankPhase("curves of an arm, fine", True, _CURVES, 1.0, 8.0, 1.0, 0.2, 0.05, 0.04),
    RankPhase("curves of an arm, close", True, _CURVES, 1.0, 2.0, 1.0, 0.2, 0.03, 0.05),
    RankPhase("curves of an arm, exact", True, _CURVES, 1.0, 1.0, 1.0, 0.3, 0.03, 0.05),
    RankPhase("models of an arm, coarse", False, _MODELS, 200.0, 1.0, 4.0, 0.3, 0.03, 0.06),
    RankPhase("models of an arm, medium", False, _MODELS, 60.0, 1.0, 4.0, 0.25, 0.05, 0.08),
    RankPhase("models of an arm, fine", False, _MODELS, 20.0, 1.0, 4.0, 0.25, 0.05, 0.13),
    RankPhase("models of an arm, finer", False, _MODELS, 6.0, 1.0, 4.0, 0.25, 0.05, 0.18),
    RankPhase("models of an arm, close", False, _MODELS, 2.0, 1.0, 3.0, 0.25, 0.04, 0.18),
    RankPhase("models of an arm, exact", False, _EXACT, 1.0, 1.0, 1.0, 0.3, 0.03, 0.2),
)


@dataclass(frozen=True)
class RankLayout:
    """What the search over one arm does not change.

    `active` (s,) marks the fits that concern it; `models`, `single` and `joint` tell which of them
    are Cox models of the whole arm, as `RankSchedule` takes them; `free` are the covariates (bits)
    of its joint models, and `matched_bit` tells who is matched.
    """

    compiled: Compiled
    study: Study
    active: Bools
    models: Models
    single: Ints
    joint: Ints
    free: Ints
    matched_bit: int

    @property
    def longest(self) -> float:
        """Longest possible time in months."""
        calendar = calendar_of(self.study)
        return (calendar.data_cutoff - calendar.enrolment_start).days / DAYS_PER_MONTH - 0.1


def rank_layout(compiled: Compiled, study: Study, active: Bools, free: Ints) -> RankLayout:
    """Lay out the search over one arm from the fits that concern it."""
    system = compiled.system
    single = np.full(active.size, -1, dtype=np.int64)
    joint = np.full(active.size, -1, dtype=np.int64)
    alone = np.flatnonzero(active & (system.kind == COMPARISON))
    together = np.flatnonzero(active & (system.kind == JOINT))
    single[alone] = np.arange(alone.size)
    joint[together] = np.arange(together.size)
    models = Models(
        system.outcome[alone],
        system.columns[alone, 0],
        system.outcome[together],
        np.ascontiguousarray(system.columns[together][:, : free.size]),
    )
    return RankLayout(
        compiled, study, active, models, single, joint, free, len(study.covariates) + 1
    )


@dataclass(frozen=True)
class RankStanding:
    """Where a search stands: phase, moves done in it, patients now and the best so far.

    `cost` is that of the best of the phase.
    """

    phase: int
    start: int
    ranks: Ranks
    cost: float
    best: Ranks

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays for a snapshot."""
        return {
            f"{side}_{name}": array
            for side, ranks in (("now", self.ranks), ("best", self.best))
            for name, array in ranks._asdict().items()
        }

    def numbers(self) -> dict[str, float]:
        """Numbers for a snapshot."""
        return {"phase": self.phase, "start": self.start, "cost": self.cost}


def rank_standing_of(
    numbers: Mapping[str, float], arrays: Mapping[str, NDArray[Any]]
) -> RankStanding:
    """Read a standing back from a snapshot."""
    now, best = (
        Ranks(**{name: arrays[f"{side}_{name}"] for name in Ranks._fields})
        for side in ("now", "best")
    )
    return RankStanding(
        int(numbers["phase"]), int(numbers["start"]), now, float(numbers["cost"]), best
    )


def first_ranks(times: Times, pattern: Ints, study: Study) -> RankStanding:
    """Stand at the beginning: patients in the order of their times, none of which is tied."""
    keys = [outcome.key for outcome in study.outcomes]
    before = [keys.index(o.no_later_than) if o.no_later_than else -1 for o in study.outcomes]
    duration = _untied(times.duration, before)
    who = np.argsort(duration, axis=1, kind="stable")
    ranks = Ranks(
        np.take_along_axis(duration, who, axis=1),
        np.take_along_axis(times.event, who, axis=1),
        who,
        np.argsort(who, axis=1, kind="stable"),
        pattern.copy(),
        np.array(before, dtype=np.int64),
    )
    return RankStanding(0, 0, ranks, np.inf, _copy(ranks))


def _untied(duration: Floats, before: list[int]) -> Floats:
    """Move times up on the grid until no two of an outcome are equal, later outcomes first."""
    steps = np.round(duration / GRID).astype(np.int64)
    for o in sorted(range(len(before)), key=lambda o: before[o] >= 0):
        taken: set[int] = set()
        late = before[o]
        # The longest first where a later outcome bounds them: down if need be, else up.
        for i in np.argsort(steps[o], kind="stable").tolist():
            step = int(steps[o, i])
            bound = int(steps[late, i]) if late >= 0 else None
            up = step
            while up in taken:
                up += 1
            if bound is not None and up > bound:
                up = min(step, bound)
                while up in taken:
                    up -= 1
            taken.add(up)
            steps[o, i] = up
    return np.asarray(steps * GRID, dtype=np.float64)


def times_of(ranks: Ranks) -> Times:
    """Durations and events by patient."""
    return Times(
        np.take_along_axis(ranks.time, ranks.place, axis=1),
        np.take_along_axis(ranks.event, ranks.place, axis=1),
    )


def _copy(ranks: Ranks) -> Ranks:
    return Ranks(**{name: array.copy() for name, array in ranks._asdict().items()})


def search_ranks(
    layout: RankLayout, standing: RankStanding, rng: np.random.Generator, planned: int
) -> Iterator[tuple[RankStanding, str, int]]:
    """Anneal from where the search stands to the end of the last phase.

    Yields after every chunk where the search stands, the phase's name and the moves done in all.
    The last standing holds the result as its `best`. The rest of the search depends on the standing
    and the generator alone.
    """
    system = layout.compiled.system
    curves = layout.active & (system.kind == CURVE)
    mask = int(sum(1 << int(bit) for bit in layout.free))
    sums = empty_sums(layout.models, standing.ranks.pattern.size)
    lengths = [int(planned * phase.share) for phase in RANK_PHASES]
    while standing.phase < len(RANK_PHASES):
        phase, length = RANK_PHASES[standing.phase], lengths[standing.phase]
        if standing.start >= length:
            best = standing.best
            standing = RankStanding(standing.phase + 1, 0, _copy(best), np.inf, best)
            continue
        temperatures = np.geomspace(phase.hot, phase.cold, length)
        schedule = RankSchedule(
            curves if phase.curves_only else layout.active,
            layout.single,
            layout.joint,
            layout.free,
            mask,
            layout.matched_bit,
            np.cumsum(phase.moves),
            phase.softness,
            phase.curve_softness,
            phase.curve_weight,
            temperatures[standing.start : standing.start + CHUNK],
            layout.longest,
        )
        ranks = _copy(standing.ranks)
        # Expansion points start from no effect, so that a search taken up again finds the same.
        sums.beta[:] = 0.0
        sums.point[:] = 0.0
        _, cost, found = anneal_ranks(system, layout.models, ranks, sums, schedule, rng)
        better = cost < standing.cost
        standing = RankStanding(
            standing.phase,
            standing.start + schedule.temperatures.size,
            ranks,
            min(cost, standing.cost),
            found if better else standing.best,
        )
        yield standing, phase.name, sum(lengths[: standing.phase]) + standing.start
