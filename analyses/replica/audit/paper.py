"""The audit of one whole paper: read, checked, explained and weighed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pandas as pd

from replica.audit.claims import Claim, read_claims
from replica.audit.engine import check_all, contradictions, findings
from replica.audit.explanation import explained
from replica.audit.finding import Checked, Finding, Severity
from replica.audit.marks import Mark, marks
from replica.audit.naming import Names
from replica.audit.removal import contradicted
from replica.errors import PublishedTableError, one_of
from replica.paths import claims_path, published_path
from replica.protocol import Study
from replica.published import COLUMNS, PublishedValue, read_published
from replica.studies import load_study, study_keys

Row = TypeVar("Row")


@dataclass(frozen=True)
class Paper:
    """What is audited: the printed numbers, the words about them and the protocol, if any."""

    name: str
    published: tuple[PublishedValue, ...]
    claims: tuple[Claim, ...] = ()
    study: Study | None = None

    @cached_property
    def names(self) -> Names:
        """What keys mean in words, by the protocol."""
        return Names(self.study)

    def contradictions(self) -> dict[str, str]:
        """Return the printed numbers that cannot hold beside the others, with their evidence."""
        return contradictions(self.published, self.study, self.claims)


@dataclass(frozen=True)
class PaperAudit:
    """The outcome of an audit.

    `findings` are ordered as by `audit`; `marks` and `contradicted` are by id of a printed number.
    `searched` tells whether slips were looked for, for every finding above rounding.
    """

    paper: Paper
    checks: tuple[Checked, ...]
    findings: tuple[Finding, ...]
    marks: Mapping[str, Mark]
    contradicted: Mapping[str, str]
    searched: bool

    def exact(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of a severity that rest on arithmetic alone."""
        return tuple(f for f in self.findings if (f.certainty, f.severity) == ("exact", severity))

    @property
    def questions(self) -> tuple[Finding, ...]:
        """The findings that rest on an assumption, so that they ask and contradict nothing."""
        return tuple(f for f in self.findings if f.certainty == "model_based")

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings in the order of pages and reports: exact ones, then questions."""
        return (
            *self.exact("headline"),
            *self.exact("table"),
            *self.exact("rounding"),
            *self.questions,
        )

    def number(self, finding: Finding) -> int:
        """Return a finding's place among those shown, counted from 1."""
        return self.shown.index(finding) + 1


def audit_paper(
    paper: Paper,
    *,
    explain: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> PaperAudit:
    """Check a paper's numbers and search the slips that could stand behind what does not fit.

    Parameters
    ----------
    paper
        As `read_paper` or `study_paper` give it.
    explain
        Whether to search slips, which takes most of the time. Findings of a unit of the last
        digit are left out: their message says what rounding gives.
    progress
        Called with how many findings have been searched, and how many there are.
    """
    checks = check_all(paper.published, paper.study, paper.claims)
    found = findings(checks, paper.published)
    excluded = contradicted(checks, paper.published)
    standing = marks(paper.published, checks)
    if explain:
        worth = [finding for finding in found if finding.severity != "rounding"]
        searched = explained(worth, paper.published, paper.study, paper.claims, progress=progress)
        known = dict(zip(worth, searched, strict=True))
        found = tuple(known.get(finding, finding) for finding in found)
    # A finding made without a protocol is named after the paper's table.
    found = tuple(replace(finding, study=finding.study or paper.name) for finding in found)
    return PaperAudit(paper, checks, found, standing, excluded, explain)


def study_paper(key: str) -> Paper:
    """Read one of the package's studies: its printed numbers, its claims and its protocol, if any.

    Raises
    ------
    PublishedTableError
        If there is no table of printed numbers with this name.
    """
    path = published_path(key)
    if not path.is_file():
        there = sorted(found.stem for found in path.parent.glob("*.csv"))
        raise PublishedTableError(
            f"no table of printed numbers, {one_of(key, there)} Or give the path of a CSV file."
        )
    claims = claims_path(key)
    study = load_study(key) if key in study_keys() else None
    return read_paper(path, claims if claims.is_file() else None, study)


def read_paper(path: Path, claims: Path | None = None, study: Study | None = None) -> Paper:
    """Read a table of printed numbers, and one of claims if given, and check their shape.

    Raises
    ------
    PublishedTableError
        If a file is missing, is no CSV table in UTF-8, or breaks the documented shape; the message
        names the line and what is allowed.
    """
    published = _read(path, lambda: read_published(path))
    if not published:
        raise PublishedTableError(f"{path.name}: found no rows; there is nothing to audit.")
    said = _read(claims, lambda: read_claims(claims, published)) if claims is not None else ()
    return Paper(path.stem, tuple(published), tuple(said), study)


def _read(path: Path, read: Callable[[], Iterable[Row]]) -> tuple[Row, ...]:
    try:
        return tuple(read())
    except UnicodeDecodeError as error:
        raise PublishedTableError(
            f"{path.name}: found bytes that are no UTF-8 at position {error.start}; save the table "
            "as CSV in UTF-8."
        ) from None
    except pd.errors.EmptyDataError:
        raise PublishedTableError(
            f"{path.name}: found an empty file; its first line must be {','.join(COLUMNS)}."
        ) from None
    except pd.errors.ParserError as error:
        raise PublishedTableError(
            f"{path.name}: found a line that does not fit the header: {error}. Put cells that hold "
            "a comma in double quotes."
        ) from None
