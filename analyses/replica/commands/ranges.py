"""The command `replica ranges`: how far what a paper does not print can lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from replica.audit import study_paper
from replica.commands.console import StudyKey, plain
from replica.errors import DataError
from replica.paths import synthetic_path
from replica.ranges.files import read_text, write_ranges
from replica.ranges.finding import DEFAULT_EVALUATIONS, DEFAULT_SEED, find_ranges
from replica.studies import load_study


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        short_help="Search how far unprinted quantities can lie.",
        epilog="Example: replica ranges mlc_second_primary",
    )(ranges)


def ranges(
    study: StudyKey,
    evaluations: Annotated[
        int,
        typer.Option(
            min=1,
            help="Moves to try towards each end of a range, a tenth of them for subgroups; more "
            "make ranges wider.",
        ),
    ] = DEFAULT_EVALUATIONS,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all randomness.")] = DEFAULT_SEED,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to write to [data/synthetic].")
    ] = None,
) -> None:
    """Make what a study's paper does not print as small and as large as it can be.

    Begins with the study's synthetic patients and changes their follow-up in small steps; every
    printed number that they agree with stays so. The ranges, and the patients at both ends, go to
    the folder `ranges`. The same seed and number of evaluations give the same bytes.
    """
    chosen, file = load_study(study), synthetic_path(study)
    if not file.is_file():
        raise DataError(
            f"found no synthetic patients of {study}; make them with `replica synthesize {study}`."
        )
    table = read_text(file)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("starting")

        def progress(stage: str, done: int, total: int, _: str) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        found = find_ranges(
            study_paper(study), table, seed=seed, evaluations=evaluations, progress=progress
        )
    path = write_ranges(chosen, table, found, out or file.parent)
    plain().print(
        f"{len(found.ranges)} ranges among cohorts that agree with the {found.held} printed "
        f"results that the study's cohort agrees with: {path}"
    )
