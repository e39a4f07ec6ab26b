"""The command `replica pdf`: the built book as one PDF."""

from __future__ import annotations

import typer

from replica import book
from replica.book_pages.printing import chromium, print_book
from replica.commands.console import plain
from replica.paths import repository


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command(name="pdf", epilog="Example: replica pdf")(make_pdf)


def make_pdf() -> None:
    """Print the whole book as build/html/book.pdf; needs Chromium. Builds the book if it is old."""
    out = plain()
    if chromium() is None:
        out.print("SKIPPED: no chromium on the PATH. The PDF was NOT made; install chromium.")
        return
    root = repository()
    if not book.is_current(root):
        book.make(root, report=out.print)
    made = print_book(root / "build" / "html", report=out.print)
    out.print(f"The PDF is at {made}")
