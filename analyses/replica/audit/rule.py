"""What a rule is: a small class that reads one relation off a table's columns and checks it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

from replica.audit.finding import Certainty, Checked, Finding, Severity
from replica.audit.table import PrintedTable


class Rule(ABC):
    """One relation between printed numbers.

    `title` names it, `needs` says what must be printed for it, `how_to_read` what a finding of it
    means. A subclass in any module of `replica.audit.rules` takes part without being listed.
    `reads` are the statistics whose printed texts it looks at, so that a search for slips can leave
    out what an edit does not touch; empty for all of them. A rule that is not `weighed` takes part
    in that search only for its own findings.
    """

    title: ClassVar[str]
    reads: ClassVar[frozenset[str]] = frozenset()
    weighed: ClassVar[bool] = True
    needs: ClassVar[str]
    how_to_read: ClassVar[str]

    @abstractmethod
    def check(self, table: PrintedTable) -> Iterator[Checked]:
        """Check every set of rows to which the relation applies."""

    @property
    def name(self) -> str:
        """The rule's name in findings: its class in lower case with underscores."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def touched(self, statistics: Iterable[str]) -> bool:
        """Whether another text of these statistics could change what the rule finds."""
        return not self.reads or not self.reads.isdisjoint(statistics)

    def fits(self, ids: Iterable[str], note: str) -> Checked:
        """Report rows that agree."""
        return Checked(self.name, tuple(dict.fromkeys(ids)), note)

    def finds(
        self,
        ids: Iterable[str],
        message: str,
        *,
        certainty: Certainty,
        severity: Severity,
        clashes: Iterable[Iterable[str]] = (),
    ) -> Checked:
        """Report rows that do not agree."""
        rows = tuple(dict.fromkeys(ids))
        finding = Finding(
            rule=self.name,
            ids=rows,
            certainty=certainty,
            severity=severity,
            message=message,
            clashes=tuple(tuple(dict.fromkeys(clash)) for clash in clashes),
        )
        return Checked(self.name, rows, message, finding)
