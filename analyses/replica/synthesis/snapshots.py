"""Where a search stands, so that it can be stopped and taken up again to the same result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Snapshot:
    """Everything that the rest of a search depends on, at the border between two chunks of it.

    `stage` is `covariates` or `times`, `numbers` and `arrays` hold where it stands, and `rng` is
    the state of the generator.
    """

    stage: str
    numbers: Mapping[str, float]
    arrays: Mapping[str, NDArray[Any]]
    rng: Mapping[str, Any]

    def restore(self, rng: np.random.Generator) -> None:
        """Put a generator into the state it had then."""
        rng.bit_generator.state = dict(self.rng)


Keep = Callable[[Snapshot], None]


def state_of(rng: np.random.Generator) -> Mapping[str, Any]:
    """Read the state of a generator."""
    return dict(rng.bit_generator.state)


def write_snapshot(path: Path, snapshot: Snapshot, plan: Mapping[str, Any]) -> None:
    """Keep where a search stands; `plan` says which search it is. No file is left half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "plan": plan,
        "stage": snapshot.stage,
        "numbers": dict(snapshot.numbers),
        "rng": dict(snapshot.rng),
    }
    unfinished = path.with_suffix(".part")
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about)), **snapshot.arrays}
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)
    unfinished.replace(path)


def read_snapshot(path: Path, plan: Mapping[str, Any]) -> Snapshot | None:
    """Read where a search stood; None if there is no file, or one of another search."""
    if not path.is_file():
        return None
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files if name != "about"}
        about = json.loads(str(kept["about"]))
    if about["plan"] != json.loads(json.dumps(plan)):
        return None
    return Snapshot(about["stage"], about["numbers"], arrays, about["rng"])


def every_so_often(keep: Keep, seconds: float = 10.0) -> Keep:
    """Keep only one snapshot in so many seconds; which ones does not change any result."""
    last = time.monotonic()

    def keep_some(snapshot: Snapshot) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            keep(snapshot)
            last = time.monotonic()

    return keep_some
