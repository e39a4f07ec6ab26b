"""The command `replica sweep`: every combination of some choices, with a table and a plot."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from replica.commands.console import MapFile, StudyKey, plain
from replica.errors import ParameterError
from replica.figure_file import save_figure
from replica.paths import build_path, published_path
from replica.protocol import Study
from replica.published import load_published
from replica.studies import load_study
from replica.sweep.cluster import PATIENCE, each_on, local_cluster, scheduler_at
from replica.sweep.declared import specification_axes
from replica.sweep.figure_curve import specification_curve
from replica.sweep.grid import Grid, make_grid, read_grid
from replica.sweep.notebook_runs import check_grid, sweep_notebooks
from replica.sweep.patients import patients_of
from replica.sweep.printed import printed_ratio
from replica.sweep.store import parts_folder
from replica.sweep.sweeping import Sweep, sweep


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        name="sweep",
        short_help="Run a study under every combination of some choices.",
        epilog="Example: replica sweep sclc_second_line --grid caliper=0.01,0.02,0.05,0.1 "
        "--grid order=largest,random --seeds 50",
    )(run_sweep)


def run_sweep(
    study: StudyKey,
    *,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,VALUE",
            help="Values of one choice; may be repeated. Without it: the choices of the study's "
            "specification curve. An unknown name lists those there are.",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Repeat with this many seeds, for what is random.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(exists=True, help="Your own patients instead of synthetic.")
    ] = None,
    data_map: MapFile = None,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Parquet file to write [build/sweeps/STUDY.parquet]."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on this machine [one for each core].")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler that runs, as tcp://HOST:PORT."),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(min=1, help="Seconds to wait for a worker when the scheduler has lost all."),
    ] = PATIENCE,
    notebooks: Annotated[
        bool, typer.Option("--notebooks", help="Execute the whole notebook for each (slow).")
    ] = False,
    min_cell: Annotated[
        int,
        typer.Option(min=0, help="Leave out results with a group of fewer patients than this."),
    ] = 0,
    plot: Annotated[
        bool, typer.Option(help="Draw the hazard ratios of each outcome beside the table.")
    ] = True,
) -> None:
    """Run a study under every combination of some choices: one row each, and a plot.

    Names and values are checked before anything runs. A combination that is impossible is kept with
    its reason. A sweep that was stopped goes on where it stood when started again.
    """
    described = load_study(study)
    wanted = _grid(described, grid or [], seeds)
    if workers is not None and scheduler is not None:
        raise ParameterError("workers: a scheduler has its own workers; give one of the options.")
    if data_map is not None and data is None:
        raise ParameterError("map: a mapping file belongs to your own patients; give --data, too.")
    if notebooks:
        if min_cell:
            raise ParameterError("min-cell: notebooks mask by themselves; leave it out.")
        check_grid(wanted)
    cohort = patients_of(described, data, data_map=data_map, min_cell=min_cell)
    path = (out or build_path() / "sweeps" / f"{study}.parquet").resolve()
    say = plain().print
    names = ", ".join(wanted.varied) or "nothing"
    say(f"{len(wanted)} runs of {study}; they differ in {names}.")
    where = (
        scheduler_at(scheduler)
        if scheduler is not None
        else local_cluster(workers or os.cpu_count() or 1)
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, TextColumn("runs"), TimeElapsedColumn()) as bar, where as client:
            task = bar.add_task("sweeping", total=len(wanted))
            update = lambda done, total: bar.update(task, completed=done, total=total)  # noqa: E731 - as short as it gets

            def waiting(seconds: float) -> None:
                told = f"no worker for {seconds:.0f} of {patience:.0f} s" if seconds else "sweeping"
                bar.update(task, description=told)

            engine = partial(each_on, client, patience=patience, waiting=waiting)
            made = (
                sweep_notebooks(
                    *(cohort, data, wanted, path),
                    engine=engine,
                    data_map=data_map,
                    progress=update,
                )
                if notebooks
                else sweep(cohort, wanted, path, engine=engine, progress=update)
            )
    except KeyboardInterrupt:
        say(f"Stopped. Finished runs are kept in {parts_folder(path)}; the same command goes on.")
        raise typer.Exit(130) from None
    _report(described, made, plot=plot)


def _grid(study: Study, texts: list[str], seeds: int | None) -> Grid:
    if texts or seeds is not None:
        return read_grid(study, texts, seeds=seeds)
    return make_grid(study, specification_axes(study))


def _report(study: Study, made: Sweep, *, plot: bool) -> None:
    say = plain().print
    kept = made.runs - made.made
    before = f", {kept} of them before" if kept else ""
    say(f"{made.runs} runs{before}; {made.failed} without an estimate, with their reason.")
    say(f"The table: {made.path}")
    if not plot:
        return
    frame = made.frame()
    published = load_published(study.key) if published_path(study.key).is_file() else ()
    for outcome in study.outcomes:
        rows = frame[frame["outcome"] == outcome.key]
        if rows["hazard_ratio"].notna().sum() < 2:
            continue
        figure = specification_curve(
            rows,
            study,
            title=f"{outcome.short}: hazard ratio under every combination of choices",
            printed=printed_ratio(published, outcome.key),
        )
        stem = re.sub(r"[^a-z0-9_-]+", "_", made.path.stem.lower()).strip("_-") or study.key
        name = f"{stem}_{outcome.key}"
        svg, _ = save_figure(figure, made.path.parent, name)
        say(f"The plot: {svg}")
