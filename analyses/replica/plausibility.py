"""Whether made-up patients look like patients: pile-ups of times, hazards, correlations.

Nothing here decides: each function gives numbers that a table or a figure shows.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from replica.cohort import Cohort
from replica.protocol import ARM_KEYS
from replica.risk_sets import cohort_times

BANDS = 8
"""Stretches of follow-up with about as many events each, in which a hazard is counted."""


def pile_ups(cohort: Cohort) -> pd.DataFrame:
    """Count how many events fall on one and the same time.

    Returns
    -------
    DataFrame
        By outcome and arm: `outcome`, `arm`, `events`, `times` (different ones), `most` (events at
        the commonest time).
    """
    rows = []
    for outcome in cohort.study.outcomes:
        for arm in ARM_KEYS:
            duration, event = cohort_times(cohort.within(arm), outcome.key)
            _, counts = np.unique(duration[event == 1], return_counts=True)
            most = int(counts.max()) if len(counts) else 0
            rows.append((outcome.key, arm, int(counts.sum()), len(counts), most))
    return pd.DataFrame(rows, columns=["outcome", "arm", "events", "times", "most"])


def hazards(cohort: Cohort, outcome: str, bands: int = BANDS) -> pd.DataFrame:
    """Count the hazard of an event in stretches of follow-up with about as many events each.

    Parameters
    ----------
    bands
        Stretches, at most; fewer where an arm has fewer than four events for each.

    Returns
    -------
    DataFrame
        By arm: `arm`, `low`, `high` (ends of the stretch), `events`, `hazard` (events per time at
        risk, in the outcome's unit).
    """
    rows = []
    for arm in ARM_KEYS:
        duration, had = cohort_times(cohort.within(arm), outcome)
        times = np.sort(duration[had == 1])
        if not len(times):
            continue
        number = max(1, min(bands, len(times) // 4))
        inner = np.quantile(times, np.linspace(0, 1, number + 1)[1:-1])
        # nobody has an event before the first one: a stretch of certain life is no part of it
        ends = np.unique([np.nextafter(times[0], 0), *inner, times[-1]])
        for low, high in pairwise(ends):
            lived = float((np.clip(duration, low, high) - low).sum())
            events = int(((times > low) & (times <= high)).sum())
            rows.append((arm, float(low), float(high), events, events / lived))
    return pd.DataFrame(rows, columns=["arm", "low", "high", "events", "hazard"])


def correlations(cohort: Cohort) -> pd.DataFrame:
    """Correlate the columns of covariates and measures that everybody has, over both arms.

    A covariate of two levels is one column, of more levels one per level; columns of the same
    covariate are not held against each other.

    Returns
    -------
    DataFrame
        `first`, `second` (labels), `correlation` (Pearson's), the largest first.
    """
    columns: list[tuple[str, str, pd.Series[float]]] = []
    for measure in cohort.study.measures:
        values = pd.to_numeric(cohort.column(measure.key), errors="coerce")
        if values.notna().all() and values.min() < values.max():
            columns.append((measure.key, measure.label, values.astype(float)))
    for covariate in cohort.study.covariates:
        cells = cohort.column(covariate.key)
        shown = covariate.levels[:1] if len(covariate.levels) == 2 else covariate.levels
        for level in shown:
            values = (cells == level.key).astype(float)
            if values.min() < values.max():
                name = f"{covariate.label}: {level.label}"
                columns.append((covariate.key, name, values))
    rows = [
        (one[1], other[1], float(np.corrcoef(one[2], other[2])[0, 1]))
        for one, other in combinations(columns, 2)
        if one[0] != other[0]
    ]
    frame = pd.DataFrame(rows, columns=["first", "second", "correlation"])
    order = frame["correlation"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)
