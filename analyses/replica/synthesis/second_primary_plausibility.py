"""Do synthetic patients of a study of second primaries look like patients? Rules, in numbers."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.cohort import Cohort
from replica.events.facts import DAYS_PER_MONTH, Rules, rules_of
from replica.protocol import ARM_KEYS, ArmKey, Calendar
from replica.risk_sets import cohort_times
from replica.second_primary import EITHER, EVENT, WAIT

BANDS = ((6, 9), (9, 12), (12, 18), (18, 24), (24, 36), (36, 60))
"""Months between which a hazard is counted: events by months at risk."""

RECENT = timedelta(days=120)
"""Who is free of events and was seen so shortly before the extraction is still followed."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NONE = "·"


def plausibility(cohort: Cohort) -> pd.DataFrame:
    """Hold a cohort against the rules by which synthetic patients should look like patients.

    Returns
    -------
    DataFrame
        One row per rule: `rule`, and a column by each arm's key with what was found.
    """
    rows = {
        arm: _found(cohort.within(arm), arm, cohort.study.calendar, rules_of(cohort.study))
        for arm in ARM_KEYS
    }
    return pd.DataFrame(rows).rename_axis("rule").reset_index()


def _found(group: Cohort, arm: ArmKey, calendar: Calendar | None, rules: Rules) -> dict[str, str]:
    age = group.column("age_years").to_numpy()
    duration, had_event = cohort_times(group, EITHER)
    event = had_event == 1
    bands = ", ".join(f"{low}–{high}" for low, high in BANDS)  # noqa: RUF001 - en dash
    hazards = [_hazard(duration, event, low, high) for low, high in BANDS]
    found = {
        "Age in years: youngest, median, oldest": f"{age.min()}, {np.median(age):g}, {age.max()}",
        "Largest share of one age, %": f"{100 * np.bincount(age).max() / len(age):.1f}",
        f"Hazard of an event, % per month, falls smoothly: months {bands}": ", ".join(
            f"{100 * hazard:.1f}" for hazard in hazards
        ),
        f"First event, month, at least {rules.latency_months}": f"{duration[event].min():.2f}",
        "Most events on one day": f"{np.unique(duration[event], return_counts=True)[1].max()}",
    }
    found |= _found_waits(group, duration) if arm == "treated" else dict.fromkeys(_WAITS, NONE)
    if calendar is None:
        return found
    start = pd.to_datetime(group.column(calendar.start_column))
    end = start + pd.to_timedelta(np.floor(duration * DAYS_PER_MONTH), unit="D")
    free = ~event & (duration < rules.window_months)
    recent = end >= pd.Timestamp(rules.extraction - RECENT)
    return found | {
        "First and last diagnosis of metastasis": f"{start.min():%Y-%m-%d}, {start.max():%Y-%m-%d}",
        "Followed beyond the extraction, none": f"{(end > pd.Timestamp(rules.extraction)).sum()}",
        f"Seen within {RECENT.days} days of the extraction, % of those whose follow-up ends "
        "without an event": f"{100 * (free & recent).sum() / free.sum():.0f}",
        f"Without an event for {rules.window_months} months, %": (
            f"{100 * (~event & (duration >= rules.window_months)).mean():.0f}"
        ),
    }


_WAITS = (
    "Wait for the inhibitor, days: shortest, median, longest",
    "Median wait of those with a second primary and of the others, days",
    "First inhibitor after the end of follow-up, none",
)


def _found_waits(group: Cohort, duration: Floats) -> dict[str, str]:
    wait = group.column(WAIT).to_numpy(dtype=float)
    second = cohort_times(group, EVENT)[1] == 1
    late = int((wait > duration * DAYS_PER_MONTH).sum())
    medians = ", ".join(f"{np.median(wait[who]):.0f}" for who in (second, ~second))
    return dict(
        zip(
            _WAITS,
            (f"{wait.min():.0f}, {np.median(wait):.0f}, {wait.max():.0f}", medians, f"{late}"),
            strict=True,
        )
    )


def _hazard(duration: Floats, event: Bools, low: float, high: float) -> float:
    lived = np.clip(duration, low, high) - low
    return float((event & (duration > low) & (duration <= high)).sum() / lived.sum())
