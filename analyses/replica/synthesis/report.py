"""What a synthetic cohort gives back, and what was assumed where the paper says nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from replica.agreement import agreement
from replica.analysis import Choices, reproduce
from replica.cohort import Cohort
from replica.convention import convention
from replica.matching import match
from replica.supplied import parse_cohort
from replica.synthesis.targets import Targets, calendar_of
from replica.synthesis.times import DAYS_PER_MONTH, LOST


def report(patients: pd.DataFrame, targets: Targets, aimed: Collection[str]) -> dict[str, Any]:
    """Analyse the finished table the way a notebook does, and list what it gives back."""
    study = targets.study
    cohort = parse_cohort(study, patients, "synthetic", name="synthetic cohort")
    profile = convention(study.convention)
    entry_p = study.models[0].entry_p if study.models else 1.0
    computed = reproduce(match(cohort), Choices(profile.ties, entry_p, profile))
    every = frozenset(aimed) | _counted(targets)
    verdicts = [v for v in agreement(computed, targets.rows, targets=every) if v.role == "target"]
    return {
        "study": study.key,
        "patients": len(patients),
        "targets": {
            "aimed_at": len(verdicts),
            "reproduced": sum(v.outcome == "reproduced" for v in verdicts),
            "rounding": sum(v.outcome == "rounding" for v in verdicts),
            "different": sum(v.outcome == "different" for v in verdicts),
        },
        "excluded": [{"id": id_, "why": why} for id_, why in sorted(targets.excluded.items())],
        "assumptions": _assumptions(cohort),
        "values": [
            {
                "id": v.published.id,
                "printed": v.published.printed,
                "attained": v.reproduced,
                "verdict": v.outcome,
            }
            for v in verdicts
        ],
    }


def _counted(targets: Targets) -> frozenset[str]:
    """Printed counts and summaries that were handed out, as opposed to what followed from them."""
    study = targets.study
    handed_out = {c.key for c in study.covariates} | {c.key for c in study.characteristics}
    summarised = {measure.key for measure in study.measures}
    return frozenset(
        row.id
        for row in targets.rows
        if (row.statistic == "n" and row.item in handed_out | {"patients"})
        or (row.item in summarised and row.statistic in {"median", "min", "max"})
    )


def _assumptions(cohort: Cohort) -> dict[str, Any]:
    """What the printed numbers leave open and was chosen, each with its figure in this cohort."""
    last = cohort.study.outcomes[-1]
    calendar = calendar_of(cohort.study)
    alive = cohort.patients[last.event] == 0
    started = pd.to_datetime(cohort.patients[calendar.start_column])
    room = (pd.Timestamp(calendar.data_cutoff) - started).dt.days / DAYS_PER_MONTH
    to_cutoff = alive & (room - cohort.patients[last.duration] < 0.1)
    return {
        "alive_at_last_contact": int(alive.sum()),
        "of_these_followed_to_the_cutoff": int(to_cutoff.sum()),
        "of_these_lost_to_follow_up": int((alive & ~to_cutoff).sum()),
        "share_drawn_as_lost_before_the_search": LOST,
        "grid_of_times_in_months": 0.01,
    }
