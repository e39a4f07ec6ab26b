"""Plant slips in clean tables of public data sets and count what the audit finds and explains.

Run by `make audit-benchmark`; the tables go to the book. Ends with an error if a clean table has a
finding above rounding, a headline names no changed number, or a goal is missed.
"""  # noqa: INP001 - a script, no package

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from auditing.clean import clean_papers
from auditing.reporting import kind_rows, table_rows, write, write_run
from auditing.running import TWO, run
from auditing.slips import KINDS
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SEED = 20250418
EACH = 32
BOOK = Path(__file__).resolve().parents[1] / "book" / "benchmarks"
# Percent of the slips detectable in principle to be found, and of these explained first.
FOUND, FIRST = 95.0, 80.0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=EACH, help="slips of each kind")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=BOOK, help="folder of the tables")
    parser.add_argument("--only", nargs="+", default=[*KINDS, TWO], metavar="KIND")
    return parser.parse_args()


def main() -> int:
    """Audit the clean tables, plant the slips, write the tables and hold them to the goals."""
    asked = arguments()
    tables = table_rows(clean_papers(asked.seed))
    columns = (TextColumn("planting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("planting", total=None)
        outcomes = run(
            each=asked.each,
            seed=asked.seed,
            kinds=asked.only,
            workers=asked.workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    rows = kind_rows(outcomes)
    asked.out.mkdir(parents=True, exist_ok=True)
    write(rows, asked.out / "audit_kinds.csv")
    write(tables, asked.out / "audit_tables.csv")
    write(outcomes, asked.out / "audit_slips.csv")
    write_run(asked.out / "audit_run.csv", seed=asked.seed, each=asked.each, rows=rows)
    for row in rows:
        sys.stdout.write(
            f"{row.kind}: {row.detectable_found} of {row.detectable} found ({row.found}%), "
            f"{row.explained_first} explained first ({row.first}%)\n"
        )
    false = sum(row.above_rounding for row in tables) + sum(o.false_headlines for o in outcomes)
    sys.stdout.write(f"{len(tables)} clean tables; false headlines and findings: {false}\n")
    total = rows[-1]
    missed = float(total.found or 0) < FOUND or float(total.first or 0) < FIRST
    return int(missed or false > 0)


if __name__ == "__main__":
    sys.exit(main())
