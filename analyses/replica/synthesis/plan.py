"""What all stages of a search for patients share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.synthesis.snapshots import Keep, Snapshot, state_of
from replica.synthesis.targets import Targets

ARM, TWINS, COVARIATES, TIMES = "arm", "twins", "covariates", "times"

Progress = Callable[[str, int, int, str], None]
"""Told the stage, evaluations done, evaluations planned and how far the stage has come."""


@dataclass(frozen=True)
class Plan:
    """What all stages of a search share."""

    targets: Targets
    rng: np.random.Generator
    evaluations: int
    progress: Progress
    keep: Keep | None
    resume: Snapshot | None

    def stood(self, *stages: str) -> Snapshot | None:
        """The snapshot to go on from, if it is of one of these stages."""
        return self.resume if self.resume is not None and self.resume.stage in stages else None

    def snapshot(
        self, stage: str, numbers: Mapping[str, float], arrays: Mapping[str, NDArray[Any]]
    ) -> None:
        """Keep where a stage stands."""
        if self.keep is not None:
            self.keep(Snapshot(stage, numbers, arrays, state_of(self.rng)))
