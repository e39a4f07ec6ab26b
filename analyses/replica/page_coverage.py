"""What the page on coverage shows: the committed table of the simulation, and the reasons in it."""

from __future__ import annotations

from string import ascii_lowercase

import pandas as pd
from IPython.display import HTML, Markdown

from replica.errors import PublishedTableError
from replica.html_table import html_table, under_headings
from replica.paths import repository

_SHOWN = (
    "Interval",
    "Truth",
    "Bias",
    "SE / SD",
    "Coverage, %",
    "Exact 95% interval",
    "Failed",
    "Verdict",
)


def read() -> pd.DataFrame:
    """Read the table that the simulation wrote, one row for each estimator and planted value.

    Raises
    ------
    PublishedTableError
        If the table is missing.
    """
    path = repository() / "book" / "coverage.csv"
    if not path.is_file():
        raise PublishedTableError(f"{path.name}: not found; `make simulate` writes it.")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def letters(frame: pd.DataFrame) -> dict[str, str]:
    """Give each reason of the table a letter, in the order in which they come."""
    said = [reason for reason in dict.fromkeys(frame["Expected"]) if reason]
    return dict(zip(said, ascii_lowercase, strict=False))


def table() -> HTML:
    """Lay out the rows below their analysis and sample; a letter stands for a reason."""
    frame = read()
    marks = letters(frame)
    signs = [f" ({marks[reason]})" if reason else "" for reason in frame["Expected"]]
    shown = frame[list(_SHOWN)].assign(
        Verdict=frame["Verdict"] + signs, Of=frame["Analysis"] + " (" + frame["Sample"] + ")"
    )
    return html_table(under_headings(shown, "Of"), "Bias and coverage of 95% intervals")


def reasons() -> Markdown:
    """List the reasons, each with its letter."""
    listed = (f"- ({letter}) {reason}" for reason, letter in letters(read()).items())
    return Markdown("\n".join(listed))  # type: ignore[no-untyped-call]  # IPython has no types here
