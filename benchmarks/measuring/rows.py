"""What a benchmark finds: measured rows, and requirements that are met or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from measuring.processes import Measured

OURS = "replica"
QUESTIONS = {
    "cox": "Cox model: Efron's ties, 10 covariates, times in whole days",
    "matching": "Matching 1:1 without replacement within 0.2 SD of the logit, 24% treated",
    "survival": "Kaplan-Meier curves of both arms with the log-rank test",
    "bootstrap": "Bootstrap of the whole matched analysis of 496 patients",
    "first_call": "First call in a fresh process",
}


@dataclass(frozen=True)
class Row:
    """One thing measured at one size.

    `ratio` is its shortest run over that of the thing named in `versus` (times a count, where one
    is named); `difference` the largest difference of its answers from those of replica, as a share
    of the largest of these.
    """

    question: str
    n: int
    what: str
    measured: Measured
    versus: str = ""
    ratio: float | None = None
    difference: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Requirement:
    """A limit and what was measured; None if it was not."""

    question: str
    text: str
    measured: float | None
    limit: float
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> str:
        """`yes`, `no` or `not measured`."""
        if self.measured is None:
            return "not measured"
        kept = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return "yes" if kept else "no"


@dataclass(frozen=True)
class Findings:
    """Everything of one run."""

    rows: tuple[Row, ...]
    requirements: tuple[Requirement, ...]

    def __add__(self, other: Findings) -> Findings:
        """Findings of two questions together."""
        return Findings(self.rows + other.rows, self.requirements + other.requirements)


def ratio(above: float | None, below: float | None, count: float = 1.0) -> float | None:
    """Divide, or say None if something was not measured."""
    return None if above is None or below is None else above / (count * below)


def difference(
    ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]
) -> float | None:
    """Largest difference of the answers that both gave, each as a share of the largest of ours."""
    shares = []
    for name in ours.keys() & theirs.keys():
        a, b = np.asarray(ours[name]), np.asarray(theirs[name])
        if a.shape != b.shape:
            raise ValueError(f"{name}: {a.size} and {b.size} answers cannot be compared.")
        shares.append(float(np.max(np.abs(a - b)) / np.max(np.abs(a))))
    return max(shares, default=None)


def compared(row: Row, ours: Measured) -> Row:
    """Add to a peer's row how many times as long as replica it took and how far answers differ."""
    return replace(
        row,
        versus=OURS,
        ratio=ratio(row.measured.least, ours.least),
        difference=difference(ours.answers, row.measured.answers),
    )


class Peers:
    """Peers are measured at growing sizes until one does not end in time."""

    def __init__(self) -> None:
        """Start with nobody stopped."""
        self._stopped: dict[str, str] = {}

    def measure(self, name: str, n: int, run: Callable[[], Measured]) -> Measured:
        """Measure a peer, unless it was stopped at a smaller size."""
        if name in self._stopped:
            return Measured(stopped=self._stopped[name])
        found = run()
        if not found.runs:
            self._stopped[name] = (
                f"not tried: {found.stopped} at {n:,}"
                if found.stopped.startswith("stopped")
                else found.stopped
            )
        return found
