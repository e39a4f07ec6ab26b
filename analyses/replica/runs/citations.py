"""Citations of a page: who and when in the text, and the works cited at its end."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from pybtex.database import parse_file  # type: ignore[import-untyped]
from pybtex.plugin import find_plugin  # type: ignore[import-untyped]

_TWO = 2


class Citations:
    """The works of a BibTeX file, and which of them a page has cited so far, in that order."""

    def __init__(self, bibliography: Path) -> None:
        """Read nothing yet: a page without citations needs no file."""
        self._bibliography = bibliography
        self._cited: dict[str, None] = {}

    @cached_property
    def _works(self) -> dict[str, Any]:
        if not self._bibliography.is_file():
            return {}
        return dict(parse_file(str(self._bibliography)).entries)

    def cite(self, keys: str, *, in_text: bool) -> str:
        """Write a citation as HTML: "(Cox, 1972)", or within a sentence "Cox (1972)".

        A key that the bibliography does not have stands there as it is.
        """
        parts = [self._part(key.strip(), in_text=in_text) for key in keys.split(",")]
        joined = ", ".join(parts) if in_text else "; ".join(parts)
        return joined if in_text else f"({joined})"

    def _part(self, key: str, *, in_text: bool) -> str:
        work = self._works.get(key)
        if work is None:
            return escape(key)
        self._cited[key] = None
        year = str(work.fields.get("year", "no year"))
        who = _names(work)
        text = f"{who} ({year})" if in_text else f"{who}, {year}"
        return f'<a href="#cited-{escape(key)}">{escape(text)}</a>'

    def works(self) -> list[tuple[str, str]]:
        """List the works cited, in order of citation: key and full reference as HTML."""
        style = find_plugin("pybtex.style.formatting", "plain")()
        backend = find_plugin("pybtex.backends", "html")()
        works = [self._works[key] for key in self._cited]
        formatted = style.format_entries(works)
        return [(entry.key, entry.text.render(backend)) for entry in formatted]


def _names(work: Any) -> str:  # noqa: ANN401 - pybtex has no types
    people: Iterable[Any] = work.persons.get("author") or work.persons.get("editor") or ()
    last = [" ".join(person.prelast_names + person.last_names).strip("{}") for person in people]
    if not last:
        return str(work.key)
    if len(last) > _TWO:
        return f"{last[0]} et al."
    return " and ".join(last)
