"""The verification page: every printed number of every paper with its verdict, in one table."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from IPython.display import HTML

from replica.agreement import shares
from replica.audit.paper import PaperAudit, audit_paper, study_paper
from replica.audit.wording import STATISTIC_WORDS, row_words
from replica.book_pages.papers import BookPaper, book_papers
from replica.book_pages.places import anchors, sections
from replica.book_pages.words import NOT_RUN, VERDICT_MARKS
from replica.conflicts import give_way, study_conflicts
from replica.html_table import html_table, keep_csv
from replica.paths import build_path, notebook_path

COLUMNS = (
    *("study", "paper", "id", "where", "quantity", "statistic", "kind", "verdict"),
    *("printed", "reproduced", "evidence", "page", "finding"),
)
"""Of the downloads: `kind` is result or setting, `page` and `finding` lead into the book."""

OWN_LIST = "what-differs-and-why"
"""Section of a study's page with the numbers that give way by the study's own list."""

FOLDER = "verification"
"""Under `build/results`, where the downloads are."""


def all_numbers() -> pd.DataFrame:
    """List every printed number of every paper, in the order of the papers.

    Returns
    -------
    frame
        Columns as in `COLUMNS`. The verdict is `not_run` where the book has no analysis; `finding`
        is empty unless the verdict is `contradicted`.
    """
    rows = [row for paper in book_papers() for row in _numbers(paper)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _numbers(paper: BookPaper) -> Iterator[dict[str, str]]:
    audit = audit_paper(study_paper(paper.key), explain=False)
    values = {v["id"]: v for v in paper.verification["values"]} if paper.verification else {}
    places = _places(paper)
    listed = give_way(study_conflicts(paper.key, paper.published))
    for row in paper.published:
        value = values.get(row.id, {})
        verdict = value.get("verdict", NOT_RUN)
        yield {
            "study": paper.key,
            "paper": paper.short,
            "id": row.id,
            "where": row.where,
            "quantity": row_words(audit.paper, replace(row, statistic="")),
            "statistic": STATISTIC_WORDS.get(row.statistic, row.statistic),
            "kind": "setting" if value.get("role") == "input" else "result",
            "verdict": verdict,
            "printed": row.printed,
            "reproduced": value.get("reproduced", ""),
            "evidence": value.get("evidence", ""),
            "page": f"{paper.page}.html#{places[row.id]}" if paper.page else "",
            "finding": _finding(paper, audit, listed, row.id) if verdict == "contradicted" else "",
        }


def _places(paper: BookPaper) -> Mapping[str, str]:
    return anchors(paper.published, sections(notebook_path(paper.key))) if paper.page else {}


def _finding(paper: BookPaper, audit: PaperAudit, listed: Collection[str], row: str) -> str:
    """Return the address of what excludes a number.

    It is the finding on the paper's audit page or, for a number that gives way by an argument of
    the study's own list, the section of the study's page that shows the list.
    """
    if not paper.audit_page:
        return ""
    evidence = audit.contradicted.get(row, "")
    for finding in audit.shown:
        if f"{finding.rule}: {finding.message}" == evidence:
            return f"{paper.audit_page}.html#finding-{audit.number(finding)}"
    if paper.page and row in listed:
        return f"{paper.page}.html#{OWN_LIST}"
    return f"{paper.audit_page}.html"


def keep(frame: pd.DataFrame) -> None:
    """Write the downloads, and the script that carries the numbers into the page's table."""
    folder = build_path() / "results" / FOLDER
    keep_csv(frame, folder, "verification")
    records = json.dumps(frame.to_dict(orient="records"), indent=1, ensure_ascii=False)
    (folder / "verification.json").write_text(records + "\n", encoding="utf-8")


def summary(frame: pd.DataFrame) -> HTML:
    """Count the verdicts by paper: what the page says without a script."""
    columns: dict[str, dict[str, str]] = {}
    for paper in book_papers():
        own = frame[frame["study"] == paper.key]
        counts = paper.verification["counts"] if paper.verification else None
        columns[paper.short] = {"Printed numbers": str(len(own))} | _counted(counts)
    table = pd.DataFrame(columns)
    keep_csv(
        table.reset_index(names="count"), build_path() / "results" / FOLDER, "verdicts_by_paper"
    )
    return html_table(table.reset_index(names="Count"), "Verdicts by paper")


def _counted(counts: Mapping[str, Any] | None) -> dict[str, str]:
    heads = {mark.key: f"{mark.sign} {mark.words}" for mark in VERDICT_MARKS}
    if counts is None:
        keys = [*heads.values(), "Share of the attainable results", "Share of all results"]
        return {"Settings and sizes, not counted": "not run"} | dict.fromkeys(keys, "not run")
    share = shares(counts)
    return {
        "Settings and sizes, not counted": str(counts["inputs"]),
        **{words: str(counts[key]) for key, words in heads.items()},
        "Share of the attainable results": share["attainable"],
        "Share of all results": share["results"],
    }
