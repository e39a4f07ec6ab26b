"""Findings as records, in the shape of `build/audit.json`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from replica.audit.finding import Finding


def record(finding: Finding) -> dict[str, Any]:
    """Return one finding as a record: study, rule, ids, certainty, severity, message, explanation.

    `explanation` is None or `{kind, text, would_be, tried, chance}`.
    """
    return {
        "study": finding.study,
        "rule": finding.rule,
        "ids": list(finding.ids),
        "certainty": finding.certainty,
        "severity": finding.severity,
        "message": finding.message,
        "explanation": None if finding.explanation is None else asdict(finding.explanation),
    }


def records(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return findings as the list that `build/audit.json` holds."""
    return [record(finding) for finding in findings]
