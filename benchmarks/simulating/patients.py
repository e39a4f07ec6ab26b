"""Patients drawn from models whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Followed:
    """Follow-up: duration in months and event (0 or 1; or the cause of the first event)."""

    duration: Floats
    event: Ints


def observe(failure: Floats, censored: Floats) -> Followed:
    """Follow everybody to the earlier of failure and censoring."""
    return Followed(np.minimum(failure, censored), (failure <= censored).astype(np.int64))


def weibull(
    rng: np.random.Generator,
    log_risk: NDArray[np.floating[Any]],
    shape: float = 1.0,
    scale: float | Floats = 12.0,
) -> Floats:
    """Draw times with the cumulative hazard exp(log_risk) (t / scale) ** shape."""
    drawn = rng.exponential(size=log_risk.size)
    times: Floats = scale * (drawn * np.exp(-log_risk)) ** (1 / shape)
    return times


def two_arms(rng: np.random.Generator, n: int) -> Bools:
    """Randomise n patients, half to each arm."""
    arms = np.arange(n) % 2 == 0
    return rng.permutation(arms)


@dataclass(frozen=True)
class Confounded:
    """Patients whose covariates decide treatment, with both of their possible failure times."""

    matrix: Floats
    propensity: Floats
    treated: Bools
    if_treated: Floats
    if_control: Floats
    censored: Floats

    @property
    def followed(self) -> Followed:
        """What is seen of them."""
        return observe(np.where(self.treated, self.if_treated, self.if_control), self.censored)


def confounded(rng: np.random.Generator, n: int, log_ratio: float, prognostic: float) -> Confounded:
    """Draw patients with two covariates behind treatment and, if `prognostic`, behind survival.

    The hazard ratio given the covariates is `exp(log_ratio)`; with prognostic covariates that of
    the population differs from it, because hazard ratios do not average.
    """
    matrix = np.column_stack([rng.normal(size=n), (rng.random(n) < 0.4).astype(np.float64)])
    propensity = expit(matrix @ np.array([0.6, 0.5]) - 0.9)
    risk = prognostic * (matrix @ np.array([0.5, 0.4]))
    # one draw behind both possible times: a patient at risk is at risk in either arm
    drawn = rng.exponential(size=n)
    return Confounded(
        matrix=matrix,
        propensity=propensity,
        treated=rng.random(n) < propensity,
        if_treated=12 * drawn * np.exp(-risk - log_ratio),
        if_control=12 * drawn * np.exp(-risk),
        censored=rng.uniform(6, 36, n),
    )


def grouped(
    rng: np.random.Generator, n: int, log_ratio: float, width: float
) -> tuple[Bools, Followed]:
    """Draw continuous times that are recorded at visits, every `width` months, for up to 24."""
    arm = two_arms(rng, n)
    failure = np.ceil(weibull(rng, log_ratio * arm) / width) * width
    visits = round(24 / width)
    censored = width * rng.integers(visits // 4, visits + 1, n)
    return arm, observe(failure, censored.astype(np.float64))


def discrete(rng: np.random.Generator, n: int, log_odds_ratio: float) -> tuple[Bools, Followed]:
    """Draw times 1, 2, ... 12 with the odds of failing at each multiplied in the treated."""
    arm = two_arms(rng, n)
    chance = expit(np.log(0.15 / 0.85) + log_odds_ratio * arm)
    failure = rng.geometric(chance).astype(np.float64)
    return arm, observe(failure, rng.integers(3, 13, n).astype(np.float64))


def late_entry(
    rng: np.random.Generator, n: int, log_ratio: float
) -> tuple[Bools, Floats, Followed]:
    """Draw n patients who entered after their time zero, those who failed before never seen."""
    arm, entry, failure = two_arms(rng, n), np.full(n, np.inf), np.zeros(n)
    wanting = np.arange(n)
    while wanting.size:
        entry[wanting] = rng.uniform(0, 12, wanting.size)
        failure[wanting] = weibull(rng, log_ratio * arm[wanting], shape=1.4)
        wanting = wanting[failure[wanting] <= entry[wanting]]
    return arm, entry, observe(failure, entry + rng.uniform(3, 24, n))


@dataclass(frozen=True)
class Pieces:
    """Intervals of follow-up (start, stop], each with the covariates that hold in it."""

    matrix: Floats
    start: Floats
    followed: Followed


def switching(rng: np.random.Generator, n: int, log_ratio: float) -> Pieces:
    """Draw patients whose hazard is multiplied from a time of their own on, with a covariate."""
    covariate = rng.normal(size=n)
    switch = rng.exponential(6.0, n)
    rate = np.exp(0.5 * covariate) / 12
    target = rng.exponential(size=n)
    later = switch + (target - rate * switch) / (rate * np.exp(log_ratio))
    seen = observe(np.where(target < rate * switch, target / rate, later), rng.uniform(6, 36, n))
    cut = switch < seen.duration
    first = np.column_stack([np.zeros(n), covariate])
    second = np.column_stack([np.ones(n), covariate])[cut]
    stop = np.where(cut, switch, seen.duration)
    return Pieces(
        matrix=np.vstack([first, second]),
        start=np.r_[np.zeros(n), switch[cut]],
        followed=Followed(
            np.r_[stop, seen.duration[cut]], np.r_[np.where(cut, 0, seen.event), seen.event[cut]]
        ),
    )


def competing(rng: np.random.Generator, n: int, rate: float, other: float) -> Followed:
    """Draw first events of two causes with constant hazards."""
    seen = observe(rng.exponential(1 / (rate + other), n), rng.uniform(6, 36, n))
    cause = np.where(rng.random(n) < rate / (rate + other), 1, 2)
    return Followed(seen.duration, seen.event * cause)


def subdistribution(rng: np.random.Generator, n: int, log_ratio: float) -> tuple[Floats, Followed]:
    """Draw events of two causes, proportional in the subdistribution hazard of the first.

    P(T <= t, cause 1 | x) = 1 - (1 - p (1 - exp(-t / 12))) ** exp(x b), as Fine and Gray (1999)
    simulate, section 5, with p = 0.5.
    """
    matrix = np.column_stack([two_arms(rng, n).astype(np.float64), rng.normal(size=n)])
    ratio = np.exp(matrix @ np.array([log_ratio, 0.3]))
    share = 0.5
    first = rng.random(n) < 1 - (1 - share) ** ratio
    uniform = rng.random(n) * (1 - (1 - share) ** ratio)
    of_first = -12 * np.log(1 - (1 - (1 - uniform) ** (1 / ratio)) / share)
    of_second = 12 * rng.exponential(size=n) * np.exp(-0.3 * matrix[:, 1])
    seen = observe(np.where(first, of_first, of_second), rng.uniform(6, 36, n))
    return matrix, Followed(seen.duration, seen.event * np.where(first, 1, 2))
