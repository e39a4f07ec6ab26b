"""The command `replica book`: every notebook run and every page rendered."""

from __future__ import annotations

import typer

from replica import book
from replica.commands.console import plain
from replica.paths import repository


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(name="book", epilog="Example: replica book")(make_book)


def make_book() -> None:
    """Run every notebook and build the book; any warning stops it."""
    out = plain()
    page = book.make(repository(), report=out.print)
    out.print(f"The book is at {page}\nOpen {page.as_uri()}")
