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


LONG = 90
"""Rows above which a table scrolls in a window of its own."""

WRAPS = 28
"""Characters above which a cell may break into lines; shorter ones, numbers among them, may not."""

INDENT = "\u2003"
"""What a row's label begins with if it belongs to the one above: shown as an indent."""

PHRASE = 16
"""The same of words in a table of words."""

BROAD = 4
"""Columns of words from which a row does not fit a phone."""

SENTENCE = 60
"""Characters above which a cell is a sentence, which two columns of a phone would crush."""


def html_table(frame: pd.DataFrame, caption: str, *, words: bool = False) -> HTML:
    """Write a table with a caption, grouped column headings and marked cells as plain HTML.

    Numbers stand flush right, and columns that hold nothing but words flush left; with `words` all
    cells stand flush left. Sentences side by side do not fit a phone: there such a table is read
    row by row, each cell under its heading (class `stacks`).
    """
    two_rows = isinstance(frame.columns, pd.MultiIndex)
    rows = list(frame.astype(str).itertuples(index=False, name=None))
    stacks = words and not two_rows and len(rows) <= LONG and _is_broad(rows)
    holds = {"words": words, "stacks": stacks, "long": len(frame) > LONG}
    kind = " ".join(["replica-table", *(name for name, true in holds.items() if true)])
    worded = [_worded(cells) for cells in zip(*rows, strict=True)] or [False] * frame.shape[1]
    names = [c[1] for c in frame.columns] if two_rows else list(frame.columns)
    head = (_upper_head(frame) if two_rows else "") + _head(names, worded)
    labels = [str(name) for name in names] if stacks else [""] * len(names)
    body = "".join(_body_row(row, worded, labels, words=words) for row in rows)
    return HTML(  # type: ignore[no-untyped-call]  # IPython has no types here
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption><span>{escape(caption)}</span></caption><thead>{head}</thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def under_headings(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Turn a column that repeats itself into headings, with its rows indented below.

    Parameters
    ----------
    frame
        A table of texts. Rows of one heading come together, in the order of their first.
    column
        What becomes headings; the first of the others is the one that is indented.
    """
    label, *others = (str(name) for name in frame.columns if name != column)
    rows: list[dict[str, str]] = []
    for heading, group in frame.groupby(column, sort=False):
        rows.append({label: str(heading)} | dict.fromkeys(others, ""))
        for indented, *cells in group[[label, *others]].itertuples(index=False, name=None):
            rows.append({label: f"{INDENT}{indented}"} | dict(zip(others, cells, strict=True)))
    return pd.DataFrame(rows, columns=[label, *others])


def _is_broad(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows hold more than a phone shows side by side: many cells, or a sentence."""
    return any(len(row) >= BROAD or max(map(len, row)) > SENTENCE for row in rows)


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


def _body_row(
    cells: Sequence[str], worded: Sequence[bool], labels: Sequence[str], *, words: bool
) -> str:
    label, *values = cells
    if not any(values):
        span = f' scope="rowgroup" colspan="{len(cells)}"'
        kind = "heading told" if label.endswith(".") else "heading"
        return f'<tr class="{kind}"><th{span}><span>{escape(label)}</span></th></tr>'
    named = _classes(indented=label.startswith(INDENT))
    inner = f'<th scope="row"{named}>{escape(label.lstrip(INDENT))}</th>'
    for value, is_text, name in zip(values, worded[1:], labels[1:], strict=True):
        differs = any(mark and value.endswith(mark) for mark in MARKS.values())
        wraps = len(value) > (PHRASE if words and value[:1].isalpha() else WRAPS)
        named = _classes(differs=differs, text=is_text, wraps=wraps)
        about = f' data-label="{escape(name)}"' if name and value else ""
        inner += f"<td{named}{about}>{escape(value)}</td>"
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
