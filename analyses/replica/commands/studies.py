"""The command `replica studies`: which studies there are and what their notebooks take."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from replica import notebooks
from replica.commands.console import notebook_of, screen
from replica.paths import notebook_path
from replica.runs.parameters import allowed
from replica.studies import load_study, study_keys


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(epilog="Example: replica studies")(studies)


def studies() -> None:
    """List the studies and the parameters that their notebooks take.

    A parameter is given to `replica run` as `-p NAME VALUE`.
    """
    out = screen()
    with_notebook = {path.stem for path in notebook_path("any").parent.glob("*.ipynb")}
    for key in sorted(with_notebook | set(study_keys())):
        out.print(key, style="bold")
        if key in study_keys():
            study = load_study(key)
            out.print(f"{study.title}\n{study.question}")
        if key in with_notebook:
            _parameters(out, key)
        else:
            out.print("no notebook")
        out.print()


def _parameters(out: Console, key: str) -> None:
    known = notebooks.inspect(notebook_of(key))
    permitted = allowed(key, known)
    table = Table(show_lines=True)
    table.add_column("Parameter", no_wrap=True)
    table.add_column("Type", no_wrap=True)
    for heading in ("Default", "Meaning", "Allowed"):
        table.add_column(heading, overflow="fold")
    for parameter in known:
        table.add_row(
            parameter.name,
            parameter.type,
            repr(parameter.default),
            parameter.help,
            permitted[parameter.name],
        )
    out.print(table)
