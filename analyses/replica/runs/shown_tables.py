"""The tables that a notebook shows, each as a CSV file, also those that it keeps no file of."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path

from replica.output_file import neutral

Rows = list[list[str]]


@dataclass
class _Table:
    caption: str = ""
    rows: Rows = field(default_factory=list)
    header_rows: int = 0


class _Tables(HTMLParser):
    """Collects captions and rows of HTML tables; a wide cell is followed by empty ones."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Table] = []
        self._into: list[str] | None = None
        self._span = 1
        self._in_header = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "thead":
            self._in_header = True
        elif tag == "table":
            self.found.append(_Table())
        elif self.found and tag == "tr":
            self.found[-1].rows.append([])
            self.found[-1].header_rows += self._in_header
        elif self.found and tag in {"td", "th", "caption"}:
            self._into = []
            self._span = int(dict(attrs).get("colspan") or 1)

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "thead":
            self._in_header = False
        if self._into is None or tag not in {"td", "th", "caption"}:
            return
        text = " ".join("".join(self._into).split())
        table = self.found[-1]
        if tag == "caption":
            table.caption = text
        elif table.rows:
            # a group's heading stands above each of its columns, a row's heading once
            further = text if self._in_header else ""
            table.rows[-1] += [text, *([further] * (self._span - 1))]
        self._into = None


def keep_shown_tables(notebook: Path, folder: Path) -> list[Path]:
    """Write each table that an executed notebook shows and no CSV file holds; return the files.

    A table is taken to be held by a file with the same labels in its first column. The file is
    named after the caption, or after the cell.

    Parameters
    ----------
    notebook
        The executed notebook.
    folder
        Where the notebook keeps its tables.
    """
    kept = {_labels(_read(path)) for path in sorted(folder.rglob("*.csv"))}
    written = []
    for name, table in _shown(notebook):
        flat = _one_header(table)
        labels = _labels(flat)
        if len(flat) < 2 or labels in kept:
            continue
        kept.add(labels)
        path = _free(folder, name)
        with path.open("w", encoding="utf-8", newline="") as stream:
            rows = [[neutral(cell) for cell in row] for row in flat]
            csv.writer(stream, lineterminator="\n").writerows(rows)
        written.append(path)
    return written


def _shown(notebook: Path) -> Iterator[tuple[str, _Table]]:
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            parser = _Tables()
            parser.feed("".join(output.get("data", {}).get("text/html", "")))
            for table in parser.found:
                name = re.sub(r"[^a-z0-9]+", "_", table.caption.lower()).strip("_")[:60]
                yield name or f"cell_{cell['id']}", table


def _one_header(table: _Table) -> Rows:
    """Join a header of two rows, such as the arms above "printed" and "reproduced"."""
    header, body = table.rows[: table.header_rows], table.rows[table.header_rows :]
    if len(header) < 2:
        return table.rows
    return [
        [" ".join(filter(None, column)) for column in zip_longest(*header, fillvalue="")],
        *body,
    ]


def _labels(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return tuple(" ".join(row[0].split()) if row else "" for row in rows[1:])


def _read(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def _free(folder: Path, name: str) -> Path:
    path, number = folder / f"{name}.csv", 2
    while path.exists():
        path, number = folder / f"{name}_{number}.csv", number + 1
    return path
