"""The command `replica verify`: the verdicts of all studies held against the baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from replica import baseline, book
from replica.agreement import shares
from replica.commands.console import plain, screen
from replica.errors import NotebookError
from replica.paths import repository
from replica.runs.perform import perform, plan_run


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        short_help="Hold the verdicts of all studies against the baseline.",
        epilog="Example: replica verify --run",
    )(verify)


def verify(
    *,
    again: Annotated[
        bool,
        typer.Option("--run", help="Run every study's notebook now instead of reading the book."),
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Make this run the baseline that later ones must hold.")
    ] = False,
) -> None:
    """Count the verdicts of all studies and hold them against data/baseline.json.

    Verdicts are those of the last book, or of runs made now. Ends with exit code 1 if a printed
    number's verdict is worse than the baseline's.
    """
    root = repository()
    out = plain()
    if again:
        _run_all(root)
    elif not book.is_current(root):
        raise NotebookError(
            "the book was not made from the files as they are; run `replica book`, or the studies "
            "alone with `replica verify --run`."
        )
    made = baseline.read_json(root / "build" / "verification.json", "make it with `replica book`")
    now = baseline.summarise(made)
    kinds = (verdict.replace("_", " ") for verdict in baseline.RANKING)
    table = Table()
    table.add_column("Study", no_wrap=True)
    for heading in (*kinds, "All", "Of attainable", "Of all results"):
        table.add_column("\n".join(heading.rsplit(" ", 1)), justify="right")
    for key, verdicts in now.items():
        counts = baseline.counts(verdicts)
        number = made["studies"][key].get("counts")
        share = shares(number).values() if number else ()
        table.add_row(key, *map(str, counts.values()), str(len(verdicts)), *share)
    screen().print(table)
    committed = root / "data" / "baseline.json"
    if update:
        baseline.write_baseline(now, committed)
        out.print(f"The baseline is now this run: {committed}")
        return
    remedy = "write the first one with `replica verify --update`"
    fallen = baseline.worse(baseline.read_json(committed, remedy), now)
    for line in fallen:
        out.print(line)
    if fallen:
        out.print(f"{len(fallen)} verdicts are worse than the baseline's.")
        raise typer.Exit(1)
    out.print("No verdict is worse than the baseline's.")


def _run_all(root: Path) -> None:
    """Run every study at its paper's settings, which writes its verdicts anew."""
    keys = sorted(path.stem for path in (root / "analyses").glob("*.ipynb"))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("cells"), TimeElapsedColumn()) as bar:
        for key in keys:
            # What an earlier run left must not pass for the verdicts of this one
            (root / "build" / "verification" / f"{key}.json").unlink(missing_ok=True)
            task = bar.add_task(f"running {key}.ipynb")
            done = perform(
                plan_run(key, [], None, root / "build" / "verify" / key),
                progress=lambda n, total, task=task: bar.update(  # type: ignore[misc]  # a default binds the loop's value
                    task, completed=n, total=total
                ),
            )
            if done.failure is not None:
                raise NotebookError(done.failure)
    book.merge_verification(root, keys)
