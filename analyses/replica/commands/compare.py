"""The command `replica compare`: what changed between two runs, number by number."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from replica.commands.console import plain, screen
from replica.runs.compare import Change, Comparison, compare_runs, write_changes

SHOWN = 25
"""Differences of one table on the screen; a file has them all."""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        epilog="Example: replica compare build/runs/sclc_second_line/synthetic "
        "build/runs/sclc_second_line/synthetic-caliper-0.05 --out changes.csv"
    )(compare)


def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="Folder of the first run.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Folder of the second run.")],
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write everything that differs as a CSV table."),
    ] = None,
) -> None:
    """Say what changed between two runs, number by number.

    First the parameters that differ, then every cell of every table: both values and, of numbers,
    the second minus the first. That there are changes is no error: exit code 0.
    """
    found = compare_runs(run_a, run_b)
    shown = screen()
    _show(shown, "What was run differently", ("Setting", "A", "B"), found.parameters)
    _show_tables(shown, found)
    if out is not None:
        write_changes(found, out)
        plain().print(f"written: {out}")


def _show(shown: Console, title: str, headings: Sequence[str], changes: Sequence[Change]) -> None:
    if not changes:
        shown.print("Both were run with the same parameters, data, versions and code.")
        return
    table = Table(*headings, title=title, title_justify="left")
    for change in changes:
        table.add_row(change.row, change.a, change.b)
    shown.print(table)


_DIGITS = 6
"""Significant digits of an unrounded number on the screen."""


def short_number(text: str) -> str:
    """Round a number of more digits than a screen needs; `--out` writes it whole."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if len(number.as_tuple().digits) <= _DIGITS or not number.is_finite():
        return text
    return f"{number:{'+' if text.startswith('+') else ''}.{_DIGITS}g}"


def _show_tables(shown: Console, found: Comparison) -> None:
    for names, run in ((found.only_a, "A"), (found.only_b, "B")):
        if names:
            shown.print(f"Tables of {run} only: {', '.join(names)}")
    for name in dict.fromkeys(change.table for change in found.changes):
        table = Table(title=name, title_justify="left")
        for heading in ("Row", "Column", "Number"):
            table.add_column(heading, overflow="fold")
        for heading in ("A", "B", "B - A"):
            table.add_column(heading, justify="right", overflow="fold")
        changes = [change for change in found.changes if change.table == name]
        for change in changes[:SHOWN]:
            numbers = (short_number(text) for text in (change.a, change.b, change.difference))
            table.add_row(change.row, change.column, change.part, *numbers)
        shown.print(table)
        if len(changes) > SHOWN:
            shown.print(f"and {len(changes) - SHOWN} more; --out FILE writes them all.")
    changed = len({change.table for change in found.changes})
    shown.print(
        f"{len(found.changes)} differences in {changed} of the {found.tables} tables that both "
        "runs have."
    )
