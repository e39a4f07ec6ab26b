"""Checklists and target trials on their pages, each table also as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.figure_style import DASH
from replica.html_table import keep_csv
from replica.paths import build_path
from replica.review.checklists import GUIDELINES, STATUSES, checklist, items
from replica.review.prose import prose_table
from replica.review.target_trials import target_trial
from replica.studies import load_study


def results_folder(page: str) -> Path:
    """Return the folder that a page's downloads come from."""
    return build_path() / "results" / page


def status_counts(study_keys: Sequence[str]) -> HTML:
    """Count items by guideline, study and status: how much is said, not how well."""
    rows: list[tuple[str, ...]] = []
    for guideline in GUIDELINES:
        asked = sum(item.guideline == guideline for item in items())
        rows.append((f"{guideline}: {asked} items", *[""] * len(STATUSES)))
        for key in study_keys:
            found = [a.status for a in checklist(key) if a.item.guideline == guideline]
            rows.append((load_study(key).title, *(str(found.count(s)) for s in STATUSES)))
    columns = ["Guideline and study", *(status.capitalize() for status in STATUSES)]
    return prose_table(pd.DataFrame(rows, columns=columns), "Items by status")


def checklist_table(study_key: str, guideline: str) -> HTML:
    """Show what a paper reports of one guideline's items; `<key>.csv` holds all guidelines."""
    found = checklist(study_key)
    frame = pd.DataFrame(
        [
            (a.item.guideline, a.item.item, a.item.section, a.item.asks, a.status, a.place, a.fact)
            for a in found
        ],
        columns=["guideline", "item", "section", "asks", "status", "place", "fact"],
    )
    keep_csv(frame, results_folder("review_checklists"), study_key)
    rows: list[tuple[str, ...]] = []
    section = ""
    for answer in found:
        if answer.item.guideline != guideline:
            continue
        if answer.item.section != section:
            section = answer.item.section
            rows.append((section, "", "", ""))
        asked = f"{answer.item.item}  {answer.item.asks}"
        rows.append((asked, answer.status, answer.place or DASH, answer.fact or DASH))
    columns = ["Item", "Status", "Place", "What is stated"]
    caption = f"{guideline}: {load_study(study_key).title}"
    return prose_table(pd.DataFrame(rows, columns=columns), caption, words=True)


def target_trial_table(study_key: str) -> HTML:
    """Show the target trial of a study's paper; `<key>.csv` has place and text in two columns."""
    found = target_trial(study_key)
    keep_csv(
        pd.DataFrame([vars(element) for element in found]),
        results_folder("review_target_trial"),
        study_key,
    )
    rows = [
        (
            e.element.capitalize(),
            f"{e.stated} ({e.stated_at})",
            f"{e.analysed} ({e.analysed_at})",
            e.note,
        )
        for e in found
    ]
    columns = ["Element", "As stated", "As analysed", "To note"]
    caption = f"Target trial: {load_study(study_key).title}"
    return prose_table(pd.DataFrame(rows, columns=columns), caption, words=True)
