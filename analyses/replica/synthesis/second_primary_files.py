"""From the printed numbers of a study of second primaries to the files of its synthetic patients.

Event tables are made first; the table that is analysed is built from them by the paper's rules, as
a reader's own would be, and judged by the estimators of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from replica.agreement import Verdict, agreement
from replica.cohort import Cohort
from replica.events.build import cohort_from_events
from replica.events.codes import load_codes
from replica.events.facts import rules_of
from replica.events.tables import events_of
from replica.matching import Matched, match
from replica.protocol import Study
from replica.published import PublishedValue
from replica.second_primary import second_primary_estimates
from replica.settings import Settings, settings
from replica.synthesis.second_primary_events import EXCLUDED, event_frames, write_event_tables
from replica.synthesis.second_primary_plausibility import plausibility
from replica.synthesis.second_primary_table import make_patients


@dataclass(frozen=True)
class SyntheticEvents:
    """Patients made of printed numbers: event tables, the cohort built from them, the report."""

    frames: Mapping[str, pd.DataFrame]
    cohort: Cohort
    report: Mapping[str, Any]

    def write_events(self, folder: Path) -> None:
        """Write the event tables; the same tables give the same bytes with the same pyarrow."""
        write_event_tables(folder, self.frames)


def paper_settings(study: Study) -> Settings:
    """Return the settings of a study as described."""
    plan = study.matching
    return settings(
        study, source="synthetic", caliper=plan.caliper, ratio=plan.ratio, entry_p=1.0, seed=1
    )


def matched_as_printed(cohort: Cohort) -> Matched:
    """Match a cohort by the settings of its study."""
    chosen = paper_settings(cohort.study)
    return match(cohort, chosen.plan, rng=chosen.generator())


def verdicts_on(
    cohort: Cohort, published: Sequence[PublishedValue], contradicted: Mapping[str, str]
) -> tuple[Verdict, ...]:
    """Match, compute and compare with the paper, at its own settings.

    Parameters
    ----------
    contradicted
        Printed rows that cannot hold beside others, each with the evidence: the patients are not
        made to meet these.
    """
    chosen, rules = paper_settings(cohort.study), rules_of(cohort.study)
    matched = match(cohort, chosen.plan, rng=chosen.generator())
    computed = second_primary_estimates(matched, chosen.choices, window=float(rules.window_months))
    return agreement(
        computed,
        published,
        targets=frozenset(
            row.id
            for row in published
            if row.id not in contradicted and _aimed_at(cohort.study, row)
        ),
        settings={**chosen.as_printed(), **rules.as_printed()},
        contradicted=contradicted,
    )


def _aimed_at(study: Study, row: PublishedValue) -> bool:
    """Whether patients are made to meet a row; a p value of counts follows from them."""
    follows = row.statistic == "p" and row.item not in {one.key for one in study.measures}
    return not follows


def synthesize_second_primary(
    study: Study,
    published: Sequence[PublishedValue],
    *,
    contradicted: Mapping[str, str],
    seed: int,
    progress: Callable[[str, int, int, str], None] = lambda *_: None,
) -> SyntheticEvents:
    """Make patients and their events, build the cohort from the events, and say what it gives back.

    Parameters
    ----------
    study, published
        A study of second primaries under a treatment that begins after time zero, and what its
        paper prints.
    contradicted
        Printed rows that cannot hold beside others, each with the evidence; they give way.
    seed
        Of every random choice; the same seed gives the same patients.
    progress
        Told of each step: its name, how many are done, of how many, and a remark.

    Raises
    ------
    SynthesisError
        If a number is missing, or the seed leads to no patients that match as printed.
    """
    steps = ("covariates and follow-up", "events", "cohort from events", "analysis")

    def step(number: int) -> None:
        progress(steps[number], number, len(steps), "")

    step(0)
    patients = make_patients(study, published, contradicted, seed)
    step(1)
    frames = event_frames(patients, seed)
    step(2)
    cohort = cohort_from_events(study, events_of(frames), load_codes(), "synthetic")
    step(3)
    found = [
        verdict
        for verdict in verdicts_on(cohort, published, contradicted)
        if verdict.role == "target"
    ]
    report = {
        # nothing here is counted in evaluations: the search ends when all is met
        "evaluations": 0,
        "further_versions": {name: version(name) for name in ("duckdb", "ortools", "pyarrow")},
        "study": study.key,
        "patients": len(cohort),
        "excluded_patients": dict(EXCLUDED),
        "targets": {
            "aimed_at": len(found),
            **{
                kind: sum(verdict.outcome == kind for verdict in found)
                for kind in ("reproduced", "rounding", "different")
            },
        },
        "excluded": [
            {"id": row.id, "why": contradicted[row.id]}
            for row in published
            if row.id in contradicted and row.statistic != "setting"
        ],
        "plausibility": plausibility(matched_as_printed(cohort).after).to_dict("records"),
        "values": [
            {
                "id": verdict.published.id,
                "printed": verdict.published.printed,
                "attained": verdict.reproduced,
                "verdict": verdict.outcome,
            }
            for verdict in found
        ],
    }
    return SyntheticEvents(frames, cohort, report)
