"""Writing the synthetic patients of `mlc_second_primary`: event tables, table and report.

Run as `python -m replica.synthesis.second_primary_files`; the same seed and versions give the same
files.
"""

from __future__ import annotations

from pathlib import Path

from replica.agreement import Verdict, agreement
from replica.audit import study_paper
from replica.cohort import Cohort
from replica.events.build import cohort_from_events
from replica.events.codes import load_codes
from replica.events.facts import rules_of
from replica.events.tables import read_events
from replica.matching import match
from replica.paths import synthetic_path
from replica.published import load_published
from replica.second_primary import second_primary_estimates
from replica.settings import Settings, settings
from replica.studies import load_study
from replica.synthesis.second_primary_events import EXCLUDED, event_frames, write_event_tables
from replica.synthesis.second_primary_table import SEED, make_patients
from replica.synthetic import origin, write_synthetic

KEY = "mlc_second_primary"


def paper_settings() -> Settings:
    """Return the settings of the study as described."""
    study = load_study(KEY)
    plan = study.matching
    return settings(
        study,
        source="synthetic",
        caliper=plan.caliper,
        ratio=plan.ratio,
        entry_p=1.0,
        seed=1,
    )


def verdicts_on(cohort: Cohort) -> tuple[Verdict, ...]:
    """Match, compute and compare with the paper, at its own settings."""
    chosen = paper_settings()
    matched = match(cohort, chosen.plan, rng=chosen.generator())
    rules = rules_of(cohort.study)
    window = float(rules.window_months)
    computed = second_primary_estimates(matched, chosen.choices, window=window)
    return agreement(
        computed,
        load_published(KEY),
        settings={**chosen.as_printed(), **rules.as_printed()},
        contradicted=study_paper(KEY).contradictions(),
    )


def write_all(folder: Path, seed: int = SEED) -> Cohort:
    """Make patients and events, build the cohort from the events, and write everything.

    Parameters
    ----------
    folder
        Holds the table and the report; the event tables go into a folder of the study's name.

    Returns
    -------
    Cohort
        As built from the event tables that were written.
    """
    patients = make_patients(seed)
    events = folder / KEY
    write_event_tables(events, event_frames(patients, seed))
    study = load_study(KEY)
    cohort = cohort_from_events(study, read_events(events), load_codes(), "synthetic")
    found = [verdict for verdict in verdicts_on(cohort) if verdict.role != "input"]
    counted = [verdict for verdict in found if verdict.outcome != "contradicted"]
    report = {
        **origin(seed, 0),
        "study": KEY,
        "patients": len(cohort),
        "excluded_patients": dict(EXCLUDED),
        "targets": {
            "aimed_at": len(counted),
            **{
                kind: sum(verdict.outcome == kind for verdict in counted)
                for kind in ("reproduced", "rounding", "different")
            },
        },
        "values": [
            {
                "id": verdict.published.id,
                "printed": verdict.published.printed,
                "reproduced": verdict.reproduced,
                "verdict": verdict.outcome,
            }
            for verdict in counted
            if verdict.published.statistic != "p"
        ],
    }
    write_synthetic(folder, KEY, cohort.patients, report)
    return cohort


if __name__ == "__main__":
    write_all(synthetic_path(KEY).parent)
