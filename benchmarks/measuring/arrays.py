"""Patients drawn at random, as arrays in a folder that Python and R both read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COVARIATES = 10
TREATED = 0.24
# of the standard deviation of the logit, as Austin recommends
CALIPER = 0.2


@dataclass(frozen=True)
class Arrays:
    """Covariates (n, p), survival times in whole days with ties, and a score with arms.

    `event` and `treated` are 0 or 1; `score` is the logit of treatment; `width` is the caliper.
    """

    X: Floats
    time: Floats
    event: Floats
    score: Floats
    treated: Floats

    @property
    def n(self) -> int:
        """Count the patients."""
        return int(self.time.size)

    @property
    def width(self) -> float:
        """Caliper in units of the score."""
        return float(CALIPER * self.score.std())

    def head(self, n: int) -> Arrays:
        """Cut off all but the first patients; the rows are in random order."""
        parts = (self.X, self.time, self.event, self.score, self.treated)
        return Arrays(*(np.ascontiguousarray(part[:n]) for part in parts))


def draw(n: int, seed: int) -> Arrays:
    """Draw patients.

    Five covariates are normal, five are indicators. Times are exponential given the covariates,
    rounded up to whole days, censored at random; treatment depends on the covariates.
    """
    rng = np.random.default_rng([seed, n])
    X = rng.standard_normal((n, COVARIATES))
    X[:, COVARIATES // 2 :] = X[:, COVARIATES // 2 :] > 0.3  # a share of 0.38
    death = rng.exponential(900.0, n) * np.exp(-X @ np.linspace(-0.3, 0.3, COVARIATES))
    censored = rng.uniform(100.0, 2500.0, n)
    score = X @ np.linspace(-0.4, 0.5, COVARIATES)
    score += _intercept(score)
    treated = rng.random(n) < 1.0 / (1.0 + np.exp(-score))
    return Arrays(
        X=X,
        time=np.ceil(np.minimum(death, censored)),
        event=(death <= censored).astype(np.float64),
        score=score,
        treated=treated.astype(np.float64),
    )


def _intercept(score: Floats) -> float:
    """Find what must be added to the logits so that the wanted share is treated (bisection)."""
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2.0
        share = float(np.mean(1.0 / (1.0 + np.exp(-score - middle))))
        low, high = (middle, high) if share < TREATED else (low, middle)
    return low


def save(arrays: Arrays, folder: Path) -> Path:
    """Write the arrays as raw float64, matrices by column as R wants them; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("X", "time", "event", "score", "treated"):
        getattr(arrays, name).ravel(order="F").tofile(folder / f"{name}.bin")
    np.array([arrays.n, arrays.X.shape[1], arrays.width]).tofile(folder / "size.bin")
    return folder


def load(folder: Path) -> Arrays:
    """Read what `save` wrote; the very bytes that R reads."""
    n, p = (int(value) for value in np.fromfile(folder / "size.bin")[:2])
    columns = {name: np.fromfile(folder / f"{name}.bin") for name in ("time", "event", "score")}
    X = np.ascontiguousarray(np.fromfile(folder / "X.bin").reshape((p, n)).T)
    return Arrays(X=X, treated=np.fromfile(folder / "treated.bin"), **columns)
