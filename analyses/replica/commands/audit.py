"""The command `replica audit`: the printed numbers of a paper held against each other."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from replica.audit.finding import Finding
from replica.audit.markdown import SECTIONS, markdown
from replica.audit.paper import Paper, PaperAudit, audit_paper, read_paper, study_paper
from replica.audit.records import records
from replica.audit.wording import (
    claims_of,
    how_to_read,
    message,
    places,
    plain,
    printed_rows,
    slip,
    summary,
    title,
)
from replica.errors import PublishedTableError

WIDTH = 100
"""Columns of the output where there is no screen to ask."""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        short_help="Hold the numbers that a paper prints against each other.",
        epilog="Example: replica audit myeloma_second_primary --report report.md",
    )(audit)


def audit(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|STUDY", help="A table of printed numbers (.csv), or the key of a study."
        ),
    ],
    claims: Annotated[
        Path | None,
        typer.Option(help="What the paper says in words about its numbers (.csv)."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a Markdown summary to this file.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, help="Write the findings as JSON.")
    ] = None,
    *,
    explain: Annotated[
        bool, typer.Option(help="Search the single slip behind each clash (the slow part).")
    ] = True,
) -> None:
    """Hold the numbers that a paper prints against each other; headline findings come first.

    Needs no patients. data/README.md describes the table. Findings are no error: exit code 0.
    """
    paper = _paper(source, claims)
    found = _audited(paper, explain=explain)
    screen = Console(
        width=None if sys.stdout.isatty() else WIDTH, markup=False, highlight=False, emoji=False
    )
    _show(screen, found)
    for path, text in (
        (report, markdown(found)),
        (json_file, json.dumps(records(found.findings), indent=1, ensure_ascii=False) + "\n"),
    ):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            screen.print(f"written: {path}", soft_wrap=True)


def _paper(source: str, claims: Path | None) -> Paper:
    path = Path(source)
    # A key is one word; whatever looks like a file is taken for one, so that its error names it.
    if path.suffix or path.is_file() or len(path.parts) > 1:
        return read_paper(path, claims)
    if claims is not None:
        raise PublishedTableError(
            f"--claims: {source} is a study with claims of its own; give --claims with a file of "
            "printed numbers."
        )
    return study_paper(source)


def _audited(paper: Paper, *, explain: bool) -> PaperAudit:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    errors = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=errors, transient=True) as bar:
        task = bar.add_task("checking", total=None)
        return audit_paper(
            paper,
            explain=explain,
            progress=lambda done, total: bar.update(
                task, description="searching slips", completed=done, total=total
            ),
        )


def _show(screen: Console, found: PaperAudit) -> None:
    screen.print(Text(f"{plain(found.paper.name)}: printed numbers against each other", "bold"))
    for name, number in summary(found):
        screen.print(f"  {number:>6}  {name}")
    for severity, heading, about in SECTIONS:
        listed = found.exact(severity)
        _section(screen, found, f"{heading} ({len(listed)}): {about}, exact", listed)
    asked = f"Questions ({len(found.questions)}): each rests on an assumption, none contradicts"
    _section(screen, found, asked, found.questions)


def _section(screen: Console, found: PaperAudit, heading: str, findings: Iterable[Finding]) -> None:
    screen.print()
    screen.print(Text(heading, "bold"))
    for finding in findings:
        heading = f"{title(finding, found.paper)} ({places(found.paper, finding)})"
        screen.print()
        _print(screen, f"{found.number(finding):>3}. {heading}", "     ")
        for name, text in _lines(found, finding):
            _print(screen, f"     {name}: {text}" if name else f"     {text}", "       ")


def _print(screen: Console, text: str, indent: str) -> None:
    lines = textwrap.wrap(text, screen.width, subsequent_indent=indent, break_on_hyphens=False)
    screen.print("\n".join(lines), soft_wrap=True)


def _lines(found: PaperAudit, finding: Finding) -> Iterable[tuple[str, str]]:
    yield "", message(finding)
    if finding.severity == "headline":
        for where, words, printed in printed_rows(found.paper, finding):
            yield "Printed", f"{printed or 'nothing'} as {words} ({where})"
    for where, claim in claims_of(found.paper, finding):
        yield "In words", f"{claim} ({where})"
    yield from slip(found, finding)
    if finding.certainty == "model_based":
        yield "How to read it", how_to_read(found, finding)
