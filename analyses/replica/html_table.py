"""A data frame as a plain HTML table that reads well with and without colour, and aloud."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.comparison import MARKS
from replica.output_file import csv_text, output_path


def keep_csv(frame: pd.DataFrame, folder: Path, name: str) -> None:
    """Keep a table as `<name>.csv` in a folder, made if need be.

    Raises
    ------
    ParameterError
        If the name cannot be a file's, or a link in the folder leads out of it.
    """
    output_path(folder, name, ".csv").write_text(csv_text(frame), encoding="utf-8")


LONG = 60
"""Rows above which a table scrolls in a window of its own."""

WRAPS = 28
"""Characters above which a cell may break into lines; shorter ones, numbers among them, may not."""


def html_table(frame: pd.DataFrame, caption: str, *, words: bool = False) -> HTML:
    """Write a table with a caption, grouped column headings and marked cells as plain HTML.

    Numbers stand flush right, and columns that hold nothing but words flush left; with `words` all
    cells stand flush left.
    """
    kind = f"replica-table{' words' if words else ''}{' long' if len(frame) > LONG else ''}"
    two_rows = isinstance(frame.columns, pd.MultiIndex)
    rows = list(frame.astype(str).itertuples(index=False, name=None))
    worded = [_worded(cells) for cells in zip(*rows, strict=True)] or [False] * frame.shape[1]
    names = [c[1] for c in frame.columns] if two_rows else list(frame.columns)
    head = (_upper_head(frame) if two_rows else "") + _head(names, worded)
    body = "".join(_body_row(row, worded) for row in rows)
    return HTML(  # type: ignore[no-untyped-call]  # IPython has no types here
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption><span>{escape(caption)}</span></caption><thead>{head}</thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _worded(cells: Sequence[str]) -> bool:
    """Whether a column holds words alone: each cell that is filled begins with a letter."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(cell[0].isalpha() for cell in filled)


def _head(names: Sequence[object], worded: Sequence[bool]) -> str:
    cells = zip(names, worded, strict=True)
    inner = "".join(
        f'<th scope="col"{_classes(text=words)}>{escape(str(name))}</th>' for name, words in cells
    )
    return f"<tr>{inner}</tr>"


def _upper_head(frame: pd.DataFrame) -> str:
    top = [str(column[0]) for column in frame.columns]
    spans: list[tuple[str, int]] = []
    for name in top:
        if spans and spans[-1][0] == name:
            spans[-1] = (name, spans[-1][1] + 1)
        else:
            spans.append((name, 1))
    upper = "".join(
        f'<th scope="colgroup" colspan="{width}">{escape(name)}</th>' for name, width in spans
    )
    return f"<tr>{upper}</tr>"


def _body_row(cells: Sequence[str], worded: Sequence[bool]) -> str:
    label, *values = cells
    if not any(values):
        span = f' scope="rowgroup" colspan="{len(cells)}"'
        return f'<tr class="heading"><th{span}><span>{escape(label)}</span></th></tr>'
    inner = f'<th scope="row">{escape(label)}</th>'
    for value, words in zip(values, worded[1:], strict=True):
        differs = any(mark and value.endswith(mark) for mark in MARKS.values())
        named = _classes(differs=differs, text=words, wraps=len(value) > WRAPS)
        inner += f"<td{named}>{escape(value)}</td>"
    return f"<tr>{inner}</tr>"


def _classes(**holds: bool) -> str:
    names = " ".join(name for name, true in holds.items() if true)
    return f' class="{names}"' if names else ""


def too_few(min_cell: int) -> HTML:
    """Say that a figure is not shown because it would be of few patients."""
    return note(
        "Masked", f"Not shown: a group, or all its events, are fewer than {min_cell} patients."
    )


def note(title: str, text: str) -> HTML:
    """Set a short text apart from the page, with a title."""
    return HTML(  # type: ignore[no-untyped-call]  # IPython has no types here
        f'<div class="admonition important"><p class="admonition-title">{escape(title)}</p>'
        f"<p>{escape(text)}</p></div>"
    )
