"""What the page of an audit says: counts, findings with their arithmetic, questions apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.audit.finding import Finding, Severity
from replica.audit.markdown import markdown
from replica.audit.paper import PaperAudit, audit_paper, study_paper
from replica.audit.records import records
from replica.audit.rules import all_rules
from replica.audit.wording import (
    WHAT_IT_IS,
    claims_of,
    how_to_read,
    message,
    places,
    printed_rows,
    slip,
    summary,
    title,
)
from replica.html_table import html_table, keep_csv, note
from replica.paths import build_path

_NONE = "There is none."


def audited(study_key: str) -> PaperAudit:
    """Audit a study's printed numbers and keep findings, marks and a report for the book.

    Writes `build/audit/<key>.json` (findings) and, under `build/results/audit_<key>/`, the findings
    as JSON and as Markdown and the mark of each number as CSV.
    """
    audit = audit_paper(study_paper(study_key))
    keep(audit, build_path())
    return audit


def keep(audit: PaperAudit, build: Path) -> None:
    """Write what an audit found into a build folder, where the book looks."""
    name = audit.paper.name
    found = json.dumps(records(audit.findings), indent=1, ensure_ascii=False, allow_nan=False)
    folder = build / "results" / f"audit_{name}"
    for path in (build / "audit" / f"{name}.json", folder / "findings.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(audit), encoding="utf-8")
    by_id = {row.id: row for row in audit.paper.published}
    marked = [(n, by_id[n].where, by_id[n].printed, mark) for n, mark in audit.marks.items()]
    keep_csv(pd.DataFrame(marked, columns=["id", "where", "printed", "mark"]), folder, "marks")


def what_it_is() -> HTML:
    """Say what an audit is and what it is not."""
    return note("What an audit is, and is not", WHAT_IT_IS)


def counts_table(audit: PaperAudit) -> HTML:
    """Count numbers, checks, findings and marks."""
    frame = pd.DataFrame(summary(audit), columns=["Counted", "Number"])
    return html_table(frame, "What was held against each other, and what was found")


def rules_table() -> HTML:
    """List every rule: the relation, what it needs, how to read a finding of it."""
    rows = [(rule.title, _sentence(rule.needs), rule.how_to_read) for rule in all_rules()]
    frame = pd.DataFrame(sorted(rows), columns=["Relation", "Needs", "How to read a finding"])
    return html_table(frame, "Relations between printed numbers that are checked", words=True)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].replace("`", "")


def findings_list(audit: PaperAudit, severity: Severity) -> HTML:
    """List the exact findings of a severity, each with arithmetic, printed rows and slip."""
    return _list(audit, audit.exact(severity))


def questions_list(audit: PaperAudit) -> HTML:
    """List the findings that rest on an assumption, each with what could explain it."""
    return _list(audit, audit.questions)


def _list(audit: PaperAudit, findings: Iterable[Finding]) -> HTML:
    entries = "".join(_entry(audit, finding) for finding in findings)
    return _html(f'<dl class="audit-findings">{entries}</dl>' if entries else f"<p>{_NONE}</p>")


def _entry(audit: PaperAudit, finding: Finding) -> str:
    number = audit.number(finding)
    parts = "".join(
        f"<li><strong>{escape(name)}:</strong> {escape(text)}</li>"
        for name, text in _told(audit, finding)
    )
    rows = "".join(
        f"<li>{escape(where)}: {escape(words)}: "
        f"<strong>{escape(printed or 'nothing')}</strong></li>"
        for where, words, printed in printed_rows(audit.paper, finding)
    )
    words = "".join(
        f"<li>{escape(where)}, in words: {escape(claim)}</li>"
        for where, claim in claims_of(audit.paper, finding)
    )
    held = len(finding.ids)
    return (
        f'<dt id="finding-{number}"><span class="audit-number">{number}</span> '
        f"{escape(title(finding, audit.paper))} "
        f'<span class="audit-where">{escape(places(audit.paper, finding))}</span></dt>'
        f"<dd><p>{escape(message(finding))}</p><ul>{parts}</ul>"
        f"<details><summary>What is printed ({held} place{'s' if held > 1 else ''})</summary>"
        f"<ul>{rows}{words}</ul></details></dd>"
    )


def _told(audit: PaperAudit, finding: Finding) -> Iterator[tuple[str, str]]:
    yield from slip(audit, finding)
    if finding.certainty == "model_based":
        yield "How to read it", how_to_read(audit, finding)


def _html(text: str) -> HTML:
    return HTML(text)  # type: ignore[no-untyped-call]  # IPython has no types here
