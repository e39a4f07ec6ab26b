"""The command line: a thin friendly layer over the package, put together from `commands`."""

from __future__ import annotations

import typer

from replica.commands import (
    audit,
    codecheck,
    compare,
    data,
    make_book,
    make_pdf,
    ranges,
    run,
    studies,
    sweep,
    synthesis,
    verification,
)
from replica.commands.console import CleanErrors

app = typer.Typer(
    cls=CleanErrors,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Re-run and check published observational oncology studies.",
    epilog="Example: replica studies, then replica run sclc_second_line --open",
)

# A new command is a module with `register`, named here; `--help` lists them in this order.
for module in (
    studies,
    run,
    compare,
    sweep,
    data,
    verification,
    audit,
    codecheck,
    synthesis,
    ranges,
    make_book,
    make_pdf,
):
    module.register(app)
