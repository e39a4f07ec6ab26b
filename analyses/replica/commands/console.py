"""What all commands share: plain output, errors as one message, options, progress bars."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from replica.errors import NotebookError, ReplicaError, one_of
from replica.paths import notebook_path

WIDTH = 120
"""Columns of a table where there is no screen to ask."""

StudyKey = Annotated[str, typer.Argument(help="Key of a study; `replica studies` lists them.")]

MapFile = Annotated[
    Path | None,
    typer.Option(
        "--map",
        exists=True,
        dir_okay=False,
        help="Mapping file for other names and codes in your file (see `replica data check`).",
    ),
]


class CleanErrors(TyperGroup):
    """Shows an error of this package as one message and ends with exit code 2."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer keeps the type to itself
        """Run the command; an error of this package becomes its message."""
        try:
            return super().invoke(ctx)
        except ReplicaError as error:
            plain(sys.stderr).print(f"Error: {error}")
            raise typer.Exit(2) from None


class PairedOptions(TyperCommand):
    """Lets `-p` take a name and a value, as papermill's does; typer has no such option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        """Join names and values, then parse as usual."""
        return super().parse_args(ctx, list(_joined(args)))


def _joined(args: list[str]) -> list[str]:
    joined: list[str] = []
    rest = iter(args)
    for arg in rest:
        joined.append(arg)
        if arg in {"-p", "--parameter"}:
            name = next(rest, None)
            if name is None:
                break
            # `-p name=value` is understood too
            value = None if "=" in name else next(rest, None)
            joined.append(name if value is None else f"{name}={value}")
    return joined


def pairs(given: list[str]) -> list[tuple[str, str]]:
    """Split what `PairedOptions` joined into names and values.

    Raises
    ------
    NotebookError
        If a name has no value.
    """
    found = []
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise NotebookError(f"-p {name}: found no value; write -p NAME VALUE.")
        found.append((name, value))
    return found


def plain(stream: Any = None) -> Console:  # noqa: ANN401 - any text stream
    """A console that prints paths and ids as they are, neither styled nor broken over lines."""
    return Console(file=stream, markup=False, highlight=False, soft_wrap=True, emoji=False)


def screen() -> Console:
    """A console for tables: as wide as the screen, or a fixed width where there is none."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def notebook_of(study: str) -> Path:
    """Find a study's notebook.

    Raises
    ------
    NotebookError
        If there is none; the message names those there are.
    """
    path = notebook_path(study)
    if not path.is_file():
        there = sorted(found.stem for found in path.parent.glob("*.ipynb"))
        raise NotebookError(f"no notebook for this study, {one_of(study, there)}")
    return path
