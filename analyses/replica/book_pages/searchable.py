"""The searchable table: numbers and program as scripts beside the page, which stays small."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

import itables
import pandas as pd
from IPython.display import HTML

from replica.book_pages.words import NOT_RUN, VERDICT_MARKS
from replica.errors import NotebookError
from replica.paths import build_path

ASSETS = "page_assets"
"""Under `build/results`; an extension of the book publishes it as `_static/page_assets`."""

PROGRAM, NUMBERS = "datatables.js", "verification-numbers.js"
SHARED = ("study", "where", "statistic", "kind", "verdict", "evidence", "page", "finding")
"""Columns whose values repeat: each row holds their places in a list."""

_EXPORT = re.compile(r"export\s*\{([^}]*)\}\s*;?")
_FILTERS = (
    ("study", "Paper"),
    ("where", "Place"),
    ("statistic", "Statistic"),
    ("verdict", "Verdict"),
    ("kind", "Kind"),
)
_HEADS = ("Paper", "Place", "Quantity", "Statistic", "Printed", "Reproduced", "Verdict", "Evidence")


def searchable_table(frame: pd.DataFrame) -> HTML:
    """Return the table's place in the page, its filters, and the scripts that fill it.

    The scripts are written under `build/results`. Without JavaScript the reader is led to the
    downloads.

    Raises
    ------
    NotebookError
        If the bundled program is not as expected.
    """
    folder = build_path() / "results" / ASSETS
    folder.mkdir(parents=True, exist_ok=True)
    bundle = Path(itables.__file__).parent / "html" / "dt_bundle.js"
    (folder / PROGRAM).write_text(
        classic_script(bundle.read_text(encoding="utf-8")), encoding="utf-8"
    )
    (folder / NUMBERS).write_text(numbers_script(frame), encoding="utf-8")
    scripts = "".join(
        f'<script src="../_static/{ASSETS}/{name}"></script>' for name in (PROGRAM, NUMBERS)
    )
    filters = "".join(_filter(frame, column, label) for column, label in _FILTERS)
    heads = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)
    return HTML(  # type: ignore[no-untyped-call]  # IPython has no types here
        '<p id="number-finder-note">The searchable table needs JavaScript; the files below hold '
        "the same numbers.</p>"
        '<div id="number-finder" hidden>'
        f'<form class="verification-filters" aria-label="Filters">{filters}'
        '<button type="reset">Show all</button></form>'
        '<table id="number-table"><caption><span>Every printed number with its '
        f"verdict</span></caption><thead><tr>{heads}</tr></thead><tbody></tbody></table>"
        f"</div>{scripts}"
    )


def _filter(frame: pd.DataFrame, column: str, label: str) -> str:
    options = "".join(
        f'<option value="{escape(value)}">{escape(words)}</option>'
        for value, words in _choices(frame, column)
    )
    return (
        f'<label for="filter-{column}">{label}'
        f'<select id="filter-{column}" name="{column}"><option value="">all</option>{options}'
        "</select></label>"
    )


def _choices(frame: pd.DataFrame, column: str) -> Sequence[tuple[str, str]]:
    found = list(dict.fromkeys(frame[column]))
    if column == "verdict":
        words = _verdict_words()
        return [(key, " ".join(words[key])) for key in words if key in found]
    if column == "study":
        names = dict(zip(frame["study"], frame["paper"], strict=True))
        return [(key, names[key]) for key in found]
    if column == "kind":
        words_of = {"result": "results", "setting": "settings and sizes, not counted"}
        return [(key, words_of[key]) for key in words_of if key in found]
    return [(value, value) for value in sorted(found, key=_natural)]


def _natural(text: str) -> list[tuple[int, int | str]]:
    """Order places as a reader does: Table 2 before Table 10."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def _verdict_words() -> dict[str, tuple[str, str]]:
    return {mark.key: (mark.sign, mark.words) for mark in VERDICT_MARKS} | {
        NOT_RUN: ("·", "not run")
    }


def numbers_script(frame: pd.DataFrame) -> str:
    """Write the numbers as a script that sets `window.verificationNumbers`.

    A file opened from a folder may not fetch another one, but it may run it.
    """
    lists = {name: list(dict.fromkeys(frame[name])) for name in SHARED}
    place = {name: {value: i for i, value in enumerate(lists[name])} for name in SHARED}
    columns = [*SHARED, "quantity", "printed", "reproduced"]
    rows = [
        [
            place[name][value] if name in place else value
            for name, value in zip(columns, row, strict=True)
        ]
        for row in frame[columns].itertuples(index=False, name=None)
    ]
    written = {
        "columns": columns,
        "lists": lists,
        "papers": dict(zip(frame["study"], frame["paper"], strict=True)),
        "verdicts": _verdict_words(),
    }
    head = json.dumps(written, ensure_ascii=False)
    body = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return f"window.verificationNumbers = {{...{head},\nrows: [\n{body}\n]}};\n"


def classic_script(module: str) -> str:
    """Turn the bundled module, which a page opened from a folder may not import, into a script.

    The program becomes `window.BundledDataTable`. Its licences stay where they are, in comments.

    Raises
    ------
    NotebookError
        If the text does not end in one list of exports that holds a default.
    """
    found = list(_EXPORT.finditer(module))
    pairs = (
        part.strip().partition(" as ")
        for part in (found[0][1].split(",") if len(found) == 1 else ())
    )
    names = {outside: inside for inside, _, outside in pairs if outside}
    if "default" not in names:
        raise NotebookError(
            f"itables' bundle: found {len(found)} lists of exports and "
            f"{', '.join(names) or 'no name'} in them; needed: one with a default. Install the "
            "version of requirements.lock."
        )
    start, end = found[0].span()
    body = f"{module[:start]}window.BundledDataTable={names['default']};{module[end:]}"
    return f"(() => {{\n{body}\n}})();\n"
