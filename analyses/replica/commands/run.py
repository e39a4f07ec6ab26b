"""The command `replica run`: one study's notebook with other parameters or other patients."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from replica.commands.console import MapFile, PairedOptions, StudyKey, notebook_of, pairs, plain
from replica.runs.folder import RECORD
from replica.runs.perform import Planned, Run, perform, plan_run


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        cls=PairedOptions,
        short_help="Run a study with other parameters or on your patients.",
        epilog="Example: replica run sclc_second_line -p caliper 0.05 -p order random -p seed 7",
    )(run)


def run(
    study: StudyKey,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--parameter",
            metavar="NAME VALUE",
            help="A parameter of the notebook and its value; may be repeated.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, help="Your own patients instead of the synthetic ones."),
    ] = None,
    data_map: MapFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Folder to write to; by default one under build/runs/STUDY, named after the "
            "patients and the parameters.",
        ),
    ] = None,
    *,
    show: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser when the run has ended.")
    ] = False,
) -> None:
    """Run a study's notebook with other parameters or with your own patients.

    Writes the executed notebook, a page that needs no other file, every table as CSV, every figure
    as SVG and PNG, and run.json, which says what was run with what. Files of an earlier run in the
    same folder are replaced; anything else there stops the run before it starts. Ends with exit
    code 1 if the notebook fails.
    """
    notebook_of(study)
    planned = plan_run(study, pairs(parameter or []), data, out, data_map=data_map)
    done = _with_progress(planned)
    _tell(done)
    if show:
        webbrowser.open(done.page.as_uri())
    if done.failure is not None:
        plain(sys.stderr).print(f"Error: {done.failure}")
        raise typer.Exit(1)


def _with_progress(planned: Planned) -> Run:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("cells"), TimeElapsedColumn()) as bar:
        task = bar.add_task(f"running {planned.notebook.name}")
        return perform(
            planned,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _tell(done: Run) -> None:
    out = plain()
    files = sorted(path.suffix for path in done.folder.rglob("*") if path.is_file())
    if done.replaced:
        out.print("The files of the earlier run in this folder were replaced.")
    counted = ", ".join(
        f"{files.count(ending)} {name}"
        for ending, name in ((".csv", "CSV"), (".svg", "SVG"), (".png", "PNG"))
    )
    out.print(f"The run's folder: {done.folder}")
    out.print(f"  page      {done.page.name}")
    out.print(f"  notebook  {done.notebook.name}")
    out.print(f"  tables and figures: {counted}")
    out.print(f"  record    {RECORD}")
