"""Plant a truth, draw patients, estimate it again: bias and coverage of every 95% interval.

Run by `make simulate`; the tables go to the book. Ends with an error if an interval's coverage
lies outside the band without a reason given beforehand.
"""  # noqa: INP001 - a script, no package

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from simulating.reporting import Coverage, coverages, write_run, write_table
from simulating.running import simulate
from simulating.scenarios import SCENARIOS

SEED = 20250418
REPLICATIONS = 4000
BOOK = Path(__file__).resolve().parents[1] / "book"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=BOOK, help="folder of the two tables")
    parser.add_argument(
        "--only", nargs="+", default=[scenario.key for scenario in SCENARIOS], metavar="SCENARIO"
    )
    return parser.parse_args()


def main() -> int:
    """Simulate, write the tables and say what lies outside the band."""
    asked = arguments()
    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("simulating", total=None)
        drawn = simulate(
            asked.only,
            replications=asked.replications,
            seed=asked.seed,
            workers=asked.workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    rows = coverages(drawn)
    asked.out.mkdir(parents=True, exist_ok=True)
    write_table(rows, asked.out / "coverage.csv")
    write_run(
        asked.out / "coverage_run.csv", seed=asked.seed, replications=asked.replications, rows=rows
    )
    for row in rows:
        if row.verdict != "inside":
            sys.stdout.write(f"{_sentence(row)}\n")
    sys.stdout.write(f"{sum(r.verdict == 'inside' for r in rows)} of {len(rows)} rows inside\n")
    return int(any(row.unexplained for row in rows))


def _sentence(row: Coverage) -> str:
    name = f"{row.analysis}, {row.estimator}, truth {row.truth:.3f}"
    coverage = f"{100 * row.coverage:.1f}% ({100 * row.ci_low:.1f} to {100 * row.ci_high:.1f})"
    return f"{row.verdict}: {name}: {coverage}; expected: {row.note or 'no'}"


if __name__ == "__main__":
    sys.exit(main())
