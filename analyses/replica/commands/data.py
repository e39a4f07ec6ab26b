"""The commands `replica data ...`: a file for your own patients, and what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from replica.commands.console import StudyKey, plain, screen
from replica.errors import ReplicaError
from replica.output_file import csv_text
from replica.studies import load_study
from replica.supplied import (
    FORMATS,
    ColumnFinding,
    Problem,
    check,
    column_findings,
    dictionary,
    findings_json,
    map_template,
    read_map,
    read_table,
    suggested_map,
    template,
)

data_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Prepare and check your own patients' file."
)


def register(app: typer.Typer) -> None:
    """Add the group of commands to the app."""
    app.add_typer(data_app, name="data", epilog="Example: replica data template sclc_second_line")


@data_app.command(
    name="template",
    short_help="Write an empty table with its dictionary.",
    epilog="Example: replica data template sclc_second_line --out patients.csv",
)
def data_template(
    study: StudyKey,
    out: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="File to write, the other two beside it; if left out, only the header is printed.",
        ),
    ] = None,
) -> None:
    """Write an empty table, the dictionary of its columns and an example of a mapping file."""
    described = load_study(study)
    header = csv_text(template(described))
    if out is None:
        sys.stdout.write(header)
        return
    beside = {
        out: header,
        out.with_name(f"{out.stem}_dictionary.csv"): csv_text(dictionary(described)),
        out.with_name(f"{out.stem}_map.toml"): map_template(described),
    }
    for file in beside:
        _refuse_existing(file)
    for file, text in beside.items():
        _write(text, file)


@data_app.command(
    name="dictionary",
    short_help="Describe each column that a study needs.",
    epilog="Example: replica data dictionary sclc_second_line --out columns.csv",
)
def data_dictionary(
    study: StudyKey,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write; printed if left out.")
    ] = None,
) -> None:
    """Describe each column that a study needs: meaning, unit, allowed values."""
    text = csv_text(dictionary(load_study(study)))
    if out is None:
        sys.stdout.write(text)
        return
    _refuse_existing(out)
    _write(text, out)


@data_app.command(
    name="check",
    short_help="Say everything that is wrong with a file.",
    epilog="Example: replica data check sclc_second_line patients.xlsx --map map.toml",
)
def data_check(
    study: StudyKey,
    file: Annotated[Path, typer.Argument(help=f"Your patients: {FORMATS}.")],
    map_file: Annotated[
        Path | None,
        typer.Option("--map", dir_okay=False, help="Your file's other names and codes (TOML)."),
    ] = None,
    sheet: Annotated[str, typer.Option(help="Which sheet of an Excel file.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Say everything that is wrong with a file of patients, column by column.

    Exit code 0: the file fits; 1: something is to be corrected; 2: it could not be read.
    """
    described = load_study(study)
    by = read_map(described, map_file) if map_file else None
    raw = read_table(file, sheet or (by.sheet if by else ""))
    problems = check(described, raw, by)
    findings = column_findings(described, raw, problems, by)
    if as_json:
        made = findings_json(described, file.name, len(raw), findings)
        sys.stdout.write(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    else:
        _print(study, file, len(raw), findings, problems)
    if problems:
        raise typer.Exit(1)


def _print(
    study: str,
    file: Path,
    rows: int,
    findings: Sequence[ColumnFinding],
    problems: Sequence[Problem],
) -> None:
    screen().print(_table(findings))
    out = plain()
    if not problems:
        out.print(f"{file} fits the study {study}: {rows} patients.")
        return
    out.print("Rows count the header as row 1; in Parquet and Stata files the first patient is.")
    suggested = suggested_map(problems)
    if suggested:
        out.print("\nA mapping file for --map that answers the questions above with yes:\n")
        out.print(suggested)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    out.print(f"{file}: {count} to correct.")


def _table(findings: Sequence[ColumnFinding]) -> Table:
    table = Table(show_lines=True)
    for heading, share in (("Column", 2), ("Expected", 3), ("Found", 4), ("Rows", 2), ("To do", 4)):
        table.add_column(heading, ratio=share, overflow="fold")
    for finding in findings:
        for i, problem in enumerate(finding.problems):
            named = (finding.column, finding.expected) if i == 0 else ("", "")
            # What the column may hold stands beside it already.
            said = problem.allowed.replace(";", ", ") in finding.expected
            allowed = "" if said else f"Allowed: {problem.allowed}."
            table.add_row(
                *named,
                f"{problem.what}: {problem.found}",
                problem.where,
                f"{problem.hint} {allowed}".strip(),
            )
    fitting = [finding.column for finding in findings if finding.fits]
    if fitting:
        table.add_row(f"{len(fitting)} columns", "", ", ".join(fitting), "", "Nothing: they fit.")
    return table


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise ReplicaError(f"{file} exists; choose another name or remove it first.")


def _write(text: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    plain().print(f"written: {file}")
