"""The command `replica codecheck`: a bundle per study, its outputs against committed hashes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from replica import book, notebooks
from replica.commands.console import notebook_of, plain
from replica.errors import NotebookError, one_of
from replica.paths import build_path, repository
from replica.review.bundle import describe_outputs, write_bundle
from replica.review.codecheck import (
    OUTPUTS,
    Comparison,
    compare,
    hash_lines,
    manifest_path,
    read_hashes,
)
from replica.runs.parameters import FOLDER
from replica.studies import load_study, study_keys


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(
        short_help="Compare every output of a study with committed hashes.",
        epilog="Example: replica codecheck sclc_second_line --run",
    )(codecheck)


def codecheck(
    study: Annotated[
        list[str] | None,
        typer.Argument(help="Keys of studies; all of them if left out."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to write to [build/codecheck].")
    ] = None,
    *,
    run: Annotated[
        bool, typer.Option("--run", help="Run the notebooks even if the book is up to date.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Commit the hashes of this run: data/codecheck/.")
    ] = False,
) -> None:
    """Write a CODECHECK bundle per study and compare its outputs with the committed hashes.

    Takes the outputs of the book if it was made from the files as they are, else runs the
    notebooks. Ends with exit code 1 if an output changed, is missing or is new.
    """
    keys = study or [key for key in study_keys() if notebook_of(key)]
    for key in keys:
        if key not in study_keys():
            raise NotebookError(f"codecheck: {one_of(key, study_keys())}")
    fresh = run or not book.is_current(repository())
    screen = plain()
    agree = True
    for key in keys:
        bundle = (out or build_path() / "codecheck") / key
        made = _bundle(key, bundle, fresh=fresh)
        if update:
            path = manifest_path(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(hash_lines(made), encoding="utf-8")
            screen.print(f"{key}: {len(made)} hashes written to {path}")
            continue
        found = compare(read_hashes(manifest_path(key)), made)
        agree &= found.agrees
        for line in _told(key, found, describe_outputs(load_study(key), bundle / OUTPUTS)):
            screen.print(line)
        screen.print(f"  the bundle: {bundle}")
    if not agree:
        screen.print(
            "The same files, lock and processor family give the same bytes. Elsewhere last digits "
            "may differ: `replica verify` tells whether a verdict does. If the change is meant, "
            "commit it with `replica codecheck --update`."
        )
        raise typer.Exit(1)


def _bundle(key: str, bundle: Path, *, fresh: bool) -> dict[str, str]:
    """Write a bundle from the book's outputs or from a run of the notebook of its own."""
    chosen = load_study(key)
    if not fresh:
        return write_bundle(chosen, build_path() / "results" / key, bundle)
    notebook = notebook_of(key)
    with tempfile.TemporaryDirectory() as made:
        outputs = Path(made) / OUTPUTS
        notebooks.execute(
            notebook,
            Path(made) / notebook.name,
            {FOLDER: str(outputs)},
            cwd=notebook.parent,
        )
        return write_bundle(chosen, outputs, bundle)


def _told(key: str, found: Comparison, described: dict[str, str]) -> list[str]:
    total = len(found.same) + len(found.changed) + len(found.missing)
    lines = [f"{key}: {len(found.same)} of {total} committed outputs are the same, byte for byte"]
    for word, names in (
        ("changed", found.changed),
        ("missing", found.missing),
        ("new", found.new),
    ):
        for name in names:
            about = f" ({described[name]})" if name in described else ""
            lines.append(f"  {word}: {name}{about}")
    return lines
