"""Bias, standard error and coverage of each estimator, as the book shows them."""

from __future__ import annotations

import csv
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from simulating.running import Drawn

# The band that the coverage of a 95% interval is to lie in, and the failures allowed.
LOWEST, HIGHEST = 0.935, 0.965
MOST_FAILED = 0.01

PACKAGES = ("replica", "numpy", "scipy", "pandas", "numba")


@dataclass(frozen=True)
class Coverage:
    """How one estimator did at one planted value.

    `bias` is the mean estimate less the truth, with its Monte Carlo standard error; `se_ratio` the
    mean standard error divided by the standard deviation of the estimates (NaN for intervals that
    do not come from a standard error). `ci_low` and `ci_high` are the exact binomial 95% interval
    of the coverage. Replications that failed are left out of all and counted.
    """

    analysis: str
    sample: str
    estimator: str
    truth: float
    replications: int
    failed: int
    bias: float
    bias_error: float
    se_ratio: float
    coverage: float
    ci_low: float
    ci_high: float
    note: str

    @property
    def verdict(self) -> str:
        """`inside` or `outside` of the band, by the coverage itself; or failed too often."""
        if self.failed > MOST_FAILED * (self.failed + self.replications):
            return "fails too often"
        return "inside" if LOWEST <= self.coverage <= HIGHEST else "outside"

    @property
    def unexplained(self) -> bool:
        """Whether it lies outside although nothing was said to expect it."""
        return self.verdict != "inside" and not self.note


def coverages(drawn: Iterable[Drawn]) -> list[Coverage]:
    """Summarise replications, a row for each planted value and estimator."""
    return [
        _coverage(one, column, name)
        for one in drawn
        for column, name in enumerate(one.scenario.estimators)
    ]


def _coverage(drawn: Drawn, column: int, name: str) -> Coverage:
    scenario, truth = drawn.scenario, drawn.scenario.truths(drawn.value)[name]
    rows = drawn.intervals[:, column]
    rows = rows[~np.isnan(rows[:, 0])]
    estimate, std_error, low, high = rows.T
    covered = int(((low <= truth) & (truth <= high)).sum())
    spread = float(np.std(estimate, ddof=1))
    within = binomtest(covered, len(rows)).proportion_ci(0.95, method="exact")
    return Coverage(
        analysis=scenario.label,
        sample=scenario.sample,
        estimator=scenario.estimators[name],
        truth=truth,
        replications=len(rows),
        failed=len(drawn.intervals) - len(rows),
        bias=float(estimate.mean()) - truth,
        bias_error=spread / len(rows) ** 0.5,
        se_ratio=float(std_error.mean()) / spread,
        coverage=covered / len(rows),
        ci_low=float(within.low),
        ci_high=float(within.high),
        note=scenario.notes.get(name, ""),
    )


HEADER = (
    "Analysis",
    "Sample",
    "Interval",
    "Truth",
    "Bias",
    "SE / SD",
    "Coverage, %",
    "Exact 95% interval",
    "Failed",
    "Verdict",
    "Expected",
)


def write_table(rows: Sequence[Coverage], path: Path) -> None:
    """Write the table of the book's page."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(HEADER)
        table.writerows(_printed(row) for row in rows)


def _printed(row: Coverage) -> tuple[str, ...]:
    return (
        row.analysis,
        row.sample,
        row.estimator,
        f"{row.truth:.3f}",
        f"{row.bias:+.4f} ({row.bias_error:.4f})",
        "" if np.isnan(row.se_ratio) else f"{row.se_ratio:.3f}",
        f"{100 * row.coverage:.2f}",
        f"{100 * row.ci_low:.1f} to {100 * row.ci_high:.1f}",
        str(row.failed),
        row.verdict,
        row.note,
    )


def write_run(path: Path, *, seed: int, replications: int, rows: Sequence[Coverage]) -> None:
    """Write what the run was: seed, replications, versions and counts of verdicts."""
    inside = sum(row.verdict == "inside" for row in rows)
    lines = [
        ("Seed", str(seed)),
        ("Replications of each row", str(replications)),
        ("Rows inside the band", f"{inside} of {len(rows)}"),
        ("Rows outside without a reason given beforehand", str(sum(r.unexplained for r in rows))),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in PACKAGES),
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("Item", "Value"))
        table.writerows(lines)
