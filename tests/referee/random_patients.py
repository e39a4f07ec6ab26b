"""Random data sets for R and for the package: tied, stratified, weighted, clustered, truncated.

Every number has at most four decimals: R and pandas then read the same double from its text.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

DATA_SETS = 204
TABLES = 120
SEED = 20240229
COVARIATES = ("x1", "x2", "x3")
CLOCKS = ("exact", "days", "quarters", "coarse")
# Every so many data sets a covariate is spoilt: no finite or no unique estimate exists.
SPOILT_EVERY = 12


def make_patients() -> pd.DataFrame:
    """Make all data sets as one frame, with the number of the data set in `data`."""
    return pd.concat([make_data_set(i) for i in range(DATA_SETS)], ignore_index=True)


def make_data_set(number: int) -> pd.DataFrame:
    """Make one data set: size, clock, hazards, groups and weights all follow from its number.

    `used` is how many of the covariates the models of this data set have; `tau` a time within the
    follow-up of every group.
    """
    rng = np.random.default_rng([SEED, number])
    n = int(rng.choice([24, 40, 60, 90, 150]))
    groups = int(rng.integers(2, 5))
    group = rng.permutation(np.arange(n) % groups + 1)
    arm = (group == 1).astype(int)
    x1 = (rng.random(n) < 0.3 + 0.3 * arm).astype(float)
    x2 = np.round(rng.normal(60, 10, n))
    x3 = np.round(rng.lognormal(3, 1, n), 4)
    effect = rng.normal(0, [0.8, 0.03, 0.01])
    hazard = np.exp(np.column_stack([x1, x2 - 60, x3 - 30]) @ effect + rng.normal(0, 0.4) * arm)
    event_time = rng.exponential(12 / hazard)
    censoring = rng.exponential(rng.choice([10, 25, 200]), n)
    event = (event_time <= censoring).astype(int)
    event[:3] = 1
    time = read_clock(np.minimum(event_time, censoring), CLOCKS[number % len(CLOCKS)])
    if number % 8 == 2:
        time = time - 0.25  # somebody's follow-up ends the day it begins
    clusters = n // 2 if number % 2 else max(3, n // 6)
    frame = pd.DataFrame(
        {
            "data": number,
            "used": 1 + number % 3,
            "tau": 0.0,
            "start": entries(time, rng),
            "time": time,
            "event": event,
            "cause": event * rng.choice([1, 1, 2], n),
            "group": group,
            "arm": arm,
            "stratum": rng.integers(1, rng.integers(3, 5), n),
            "cluster": rng.permutation(np.arange(n) % clusters),
            "weight": np.round(rng.uniform(0.2, 3, n), 2) if number % 3 else rng.integers(1, 4, n),
            "x1": x1,
            "x2": x2,
            "x3": x3,
        }
    )
    if number % SPOILT_EVERY == SPOILT_EVERY - 1:
        frame["x1"] = spoil(frame, number // SPOILT_EVERY % 3)
    frame["tau"] = horizon(frame)
    return frame


def horizon(frame: pd.DataFrame) -> float:
    """Choose a time that every group's follow-up reaches, and not before anybody's first time."""
    ends = frame.groupby("group")["time"].agg(["min", "max"])
    last = float(ends["max"].min())
    early = round(0.8 * last, 4)
    return early if early > ends["min"].max() else last


def read_clock(time: np.ndarray, clock: str) -> np.ndarray:
    """Read times off a clock: four decimals, or whole, quarter or very coarse units (ties)."""
    if clock == "exact":
        return np.round(np.maximum(time, 0.0001), 4)
    if clock == "days":
        return np.ceil(time)
    if clock == "quarters":
        return np.floor(time * 4) / 4 + 0.25
    return np.ceil(time / 4)


def entries(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw times of late entry: zero for half of the patients, else before their own time."""
    late = np.floor(time * rng.uniform(0, 0.9, time.size) * 2) / 2
    entered = np.where(rng.random(time.size) < 0.5, 0.0, late)
    return np.where(entered < time, entered, 0.0)


def spoil(frame: pd.DataFrame, how: int) -> np.ndarray:
    """Make a covariate without a finite estimate (0, 1) or one that repeats another (2)."""
    if how == 0:
        return frame["event"].to_numpy(dtype=float)
    if how == 1:
        return (frame["arm"] * frame["event"]).to_numpy(dtype=float)
    return 0.5 * frame["x2"].to_numpy() + 3


def make_tables() -> pd.DataFrame:
    """Make tables of counts as one long frame: `data`, `row`, `column`, `count`; 2 x 2 to 5 x 3."""
    rows = []
    for number in range(TABLES):
        rng = np.random.default_rng([SEED, 1, number])
        shape = (2, 2) if number % 2 == 0 else (int(rng.integers(3, 6)), 2 + number % 4 // 3)
        most = 60 if shape == (2, 2) else 10 if shape[1] == 2 else 5
        counts = rng.integers(0, most, shape)
        counts[0] += counts.sum(axis=0) == 0
        counts[:, 0] += counts.sum(axis=1) == 0
        rows += [(number, r, c, int(count)) for (r, c), count in np.ndenumerate(counts)]
    return pd.DataFrame(rows, columns=["data", "row", "column", "count"])
