"""The audit of a paper as Markdown that a reviewer can paste into a report."""

from __future__ import annotations

import re
from collections.abc import Iterator

from replica.audit.finding import Finding, Severity
from replica.audit.paper import PaperAudit
from replica.audit.wording import (
    WHAT_IT_IS,
    claims_of,
    grade,
    how_to_read,
    message,
    places,
    plain,
    printed_rows,
    slip,
    summary,
    title,
)

SECTIONS: tuple[tuple[Severity, str, str], ...] = (
    ("headline", "Headline findings", "a number of the abstract, or a direction or significance"),
    ("table", "Findings in tables", "other cells"),
    ("rounding", "Rounding", "a unit of the last printed digit"),
)
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def markdown(audit: PaperAudit) -> str:
    """Write an audit as Markdown: counts, findings by severity, then questions apart.

    Every text from the paper's table is escaped, so that it is shown as it stands.
    """
    return "\n".join(_lines(audit)) + "\n"


def _lines(audit: PaperAudit) -> Iterator[str]:
    yield f"# Printed numbers against each other: {_text(plain(audit.paper.name))}"
    yield ""
    yield WHAT_IT_IS
    yield ""
    yield "| Counted | Number |"
    yield "|---|---:|"
    yield from (f"| {_text(name)} | {number} |" for name, number in summary(audit))
    for severity, heading, about in SECTIONS:
        found = audit.exact(severity)
        yield from ("", f"## {heading} ({len(found)})", "")
        yield f"Exact: {about}." if found else "None."
        for finding in found:
            yield from _finding(audit, finding)
    yield from ("", f"## Questions ({len(audit.questions)})", "")
    if audit.questions:
        yield "Each rests on an assumption beyond rounding; none contradicts a number."
    else:
        yield "None."
    for finding in audit.questions:
        yield from _finding(audit, finding)


def _finding(audit: PaperAudit, finding: Finding) -> Iterator[str]:
    yield ""
    heading = _text(title(finding, audit.paper))
    yield f"{audit.number(finding)}. **{heading}** ({_text(_where(audit, finding))})"
    yield f"   - Arithmetic: {_text(message(finding))}"
    for where, words, printed in printed_rows(audit.paper, finding):
        yield f"   - Printed: {_text(printed or 'nothing')} as {_text(words)} ({_text(where)})"
    for where, claim in claims_of(audit.paper, finding):
        yield f"   - In words: {_text(claim)} ({_text(where)})"
    for name, text in slip(audit, finding):
        yield f"   - {name}: {_text(text)}"
    if finding.certainty == "model_based":
        yield f"   - How to read it: {_text(how_to_read(audit, finding))}"


def _where(audit: PaperAudit, finding: Finding) -> str:
    return f"{places(audit.paper, finding)}; {grade(finding)}"


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
