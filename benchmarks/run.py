"""Measure replica beside its peers: `python benchmarks/run.py`, or `make bench`."""  # noqa: INP001 - a script

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from measuring import machine, processes, questions, report
from measuring.plan import Plan
from measuring.processes import Effort
from measuring.rows import Findings
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (200, 400)


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(questions.ALL)}; may be repeated.")
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny sizes, to see that it runs.")
    ] = False,
    without_r: Annotated[bool, typer.Option("--without-r", help="Leave R out.")] = False,
    date: Annotated[str | None, typer.Option(help="Printed in the results; else none is.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results; default: benchmarks and book/benchmarks for a whole run "
            "with R, else build/benchmarks."
        ),
    ] = None,
) -> None:
    """Time replica, R and Python packages side by side and write what was found."""
    console = Console()
    chosen = only or list(questions.ALL)
    unknown = sorted(set(chosen) - set(questions.ALL))
    if unknown:
        raise typer.BadParameter(
            f"unknown: {', '.join(unknown)}; known: {', '.join(questions.ALL)}"
        )
    with_r = not without_r and processes.has_r()
    if not with_r:
        why = "left out" if without_r else "not installed, or lacks its package survival"
        console.print(f"[yellow]R is {why}:[/] its rows will say so, the rest is measured.")
    whole = with_r and not quick and not only
    results = out or (HERE if whole else ROOT / "build" / "benchmarks")
    pages = out or (ROOT / "book" / "benchmarks" if whole else results)
    described = machine.describe(with_r=with_r, date=date)
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        plan = Plan(
            folder=Path(folder),
            sizes=QUICK_SIZES if quick else SIZES,
            effort=Effort(1, 5.0, 60.0, here=True) if quick else Effort(),
            with_r=with_r,
            replications=40 if quick else 1000,
            replications_in_r=10 if quick else 100,
            workers=1 if quick else min(2, os.cpu_count() or 1),
            cold=not quick,
            step=_announcing(console),
        )
        findings = Findings((), ())
        for question in chosen:
            findings += questions.ALL[question](plan)
    described["load at the end"] = machine.load()
    report.write(findings, described, results=results, pages=pages, quick=quick)
    console.print(_overview(findings))
    console.print(f"written: {results / 'results.md'}")


def _announcing(console: Console) -> Callable[[str], AbstractContextManager[object]]:
    @contextmanager
    def step(what: str) -> Iterator[None]:
        with console.status(what):
            yield
        console.print(f"[dim]done: {what}[/]")

    return step


def _overview(findings: Findings) -> Table:
    table = Table("requirement", "measured", "limit", "met")
    for need in findings.requirements:
        measured = "" if need.measured is None else f"{need.measured:.3g}"
        sign = "≥" if need.at_least else "≤"
        table.add_row(need.text, measured, f"{sign} {need.limit:g}", need.met)
    return table


if __name__ == "__main__":
    typer.run(main)
