"""What synthetic cases and controls give back, and the whole way from printed numbers to them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pandas as pd

from replica.agreement import agreement
from replica.case_control import match_case_control
from replica.group_analysis import reproduce_groups
from replica.group_counts import design_of
from replica.protocol import Study
from replica.published import PublishedValue
from replica.settings import default_choices
from replica.supplied import parse_cohort
from replica.synthesis.case_control_patients import (
    MONTHS_AFTER,
    MONTHS_BEFORE,
    begin,
    whole_table,
)
from replica.synthesis.case_control_search import Progress, anneal
from replica.synthesis.snapshots import Keep, Snapshot


def report(
    study: Study, published: tuple[PublishedValue, ...], patients: pd.DataFrame
) -> dict[str, Any]:
    """Analyse the finished table the way a notebook does, and list what it gives back."""
    # as text, the way a file of patients is read
    raw = pd.read_csv(StringIO(patients.to_csv(index=False)), dtype=str, na_filter=False)
    cohort = parse_cohort(study, raw, "synthetic", name="synthetic cohort")
    matched = match_case_control(cohort, design_of(study).case_control)
    computed = reproduce_groups(matched, default_choices(study))
    aimed = frozenset(row.id for row in published if _aimed_at(row))
    verdicts = [v for v in agreement(computed, published, targets=aimed) if v.role == "target"]
    alive = cohort.patients["os_event"] == 0
    return {
        "study": study.key,
        "patients": len(patients),
        "targets": {
            "aimed_at": len(verdicts),
            **{
                kind: sum(v.outcome == kind for v in verdicts)
                for kind in ("reproduced", "rounding", "different")
            },
        },
        "assumptions": {
            "alive_at_last_contact": int(alive.sum()),
            "patients_outside_the_matched_sets": len(patients) - len(matched.after),
            "months_between_the_cancers_after_myeloma": list(MONTHS_AFTER),
            "months_between_the_cancers_before_myeloma": list(MONTHS_BEFORE),
        },
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


def _aimed_at(row: PublishedValue) -> bool:
    """Whether the search was given a printed number, as opposed to what follows from others."""
    if row.statistic in {"n", "median"}:
        return row.value.kind == "number"
    joint = row.item == "beta2_mg" and row.arm == "second_cancer"
    ratio = row.statistic in {"hr", "ci_low", "ci_high"} and row.item == "exposure"
    return ratio or (joint and row.statistic in {"or", "ci_low", "ci_high"})


def synthesize_case_control(
    study: Study,
    published: tuple[PublishedValue, ...],
    *,
    seed: int,
    steps: int,
    progress: Progress,
    keep: Keep | None = None,
    resume: Snapshot | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Make everybody enrolled, and say what the analysis of them gives back.

    Parameters
    ----------
    study, published
        A study of cases and controls, and what its paper prints.
    seed
        Of every random choice; the same seed and number of steps give the same patients.
    steps
        Changes that the search tries.
    progress, keep, resume
        As in `replica.synthesis.synthesize.synthesize`.
    """
    begun = begin(study, published, seed)
    found = anneal(
        begun, study, steps=steps, seed=seed, progress=progress, keep=keep, resume=resume
    )
    patients = whole_table(study, published, found, seed)
    return patients, report(study, published, patients)
