"""Where on a study's page a printed number is dealt with, found in its notebook's own headings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docutils.nodes import make_id

from replica.published import PublishedValue

ALL_NUMBERS = "agreement"
"""The section of a study's page that lists every printed number."""

_HEADING = re.compile(r"#{2,4}\s+(.+)")
_EXHIBIT = re.compile(r"(?:Supplementary )?(?:Table|Figure) S?\d+[A-Z]?")


@dataclass(frozen=True)
class Section:
    """A heading of a page, its anchor, and what the cells below it are captioned."""

    heading: str
    anchor: str
    captions: str


def sections(notebook: Path) -> tuple[Section, ...]:
    """Read the headings of a study's notebook, with the code and the captions below each."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    found: list[tuple[str, list[str]]] = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines = (_HEADING.match(line) for line in source.splitlines())
            found += [(match[1].strip(), []) for match in lines if match]
        elif found:
            figure = cell["metadata"].get("mystnb", {}).get("figure", {})
            found[-1][1].append(f"{source}\n{figure.get('caption', '')}")
    return tuple(Section(head, make_id(head), "\n".join(under)) for head, under in found)


def anchors(published: Sequence[PublishedValue], found: Sequence[Section]) -> Mapping[str, str]:
    """Return the anchor of each printed number, by its id.

    A number of a table or figure leads to the section whose heading names it, or, failing that,
    whose captions do; another number to where the same quantity is printed in a table or figure;
    what is left to the list of all numbers.
    """
    by_place = {row.where: _anchor(row.where, found) for row in published}
    by_quantity = {row.key: by_place[row.where] for row in published if by_place[row.where]}
    return {
        row.id: by_place[row.where] or by_quantity.get(row.key, "") or ALL_NUMBERS
        for row in published
    }


def _anchor(where: str, found: Sequence[Section]) -> str:
    match = _EXHIBIT.match(where)
    if match is None:
        return ""
    names = (match[0], match[0].rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    for name in dict.fromkeys(names):
        exact = re.compile(rf"{re.escape(name)}(?![\dA-Za-z])")
        for text in ("heading", "captions"):
            for section in found:
                if exact.search(getattr(section, text)):
                    return section.anchor
    return ""
