"""A study in plain words, at the top of its page: its numbers are the paper's own rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from replica.errors import PublishedTableError, one_of
from replica.paths import summary_path
from replica.protocol import Study
from replica.published import PublishedValue, load_published

PARTS: Mapping[str, str] = {
    "asked": "What was asked",
    "who": "Who took part",
    "compared": "What was compared",
    "printed": "What the paper prints",
    "shows": "What this page can show",
    "limits": "What it cannot show",
}
"""Parts of a summary and their headings, in the order of the page."""

_SHOWS = {
    "synthetic": (
        "Whether the printed numbers can hold together. The patients here are invented, so that "
        "the paper's own analysis gives back what it prints, as far as that is possible. Each of "
        "{count:,} printed numbers is compared; where they agree, it is by construction."
    ),
    "supplied": (
        "What the same analysis gives on the patients that you supplied, beside {count:,} numbers "
        "that the paper prints of others."
    ),
}
_ROW = re.compile(r"\[([^\[\]]+)\]")


def read_summary(path: Path, published: Sequence[PublishedValue]) -> dict[str, str]:
    """Read a summary and put printed numbers in the place of their ids, `[id]`.

    Raises
    ------
    PublishedTableError
        If a part is missing, unknown or there twice, or an id names no printed number.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    written = [part for part in PARTS if part != "shows"]
    if list(frame.columns) != ["part", "text"] or list(frame["part"]) != written:
        raise PublishedTableError(
            f"{path.name}: found the parts {', '.join(frame.iloc[:, 0])}; expected the columns "
            f"part and text, and the parts {', '.join(written)}, once each and in this order."
        )
    printed = {row.id: row.printed for row in published if row.printed}

    def number(match: re.Match[str]) -> str:
        if match[1] not in printed:
            raise PublishedTableError(f"{path.name}: [{match[1]}] names no printed number.")
        return printed[match[1]]

    return {part: _ROW.sub(number, text) for part, text in frame.itertuples(index=False)}


def plain_language(study: Study, source: str) -> HTML:
    """Say in plain words what a study asked and printed, and what its page can and cannot show.

    Parameters
    ----------
    study
        Its sentences stand in `data/summary/<study>.csv`, with the ids of printed numbers in
        brackets.
    source
        `synthetic` or `supplied`: what the page can show depends on it.

    Raises
    ------
    PublishedTableError
        If the summary has another shape or names a number that is not printed.
    """
    if source not in _SHOWS:
        raise PublishedTableError(f"source of patients: {one_of(source, _SHOWS)}")
    published = load_published(study.key)
    told = read_summary(summary_path(study.key), published)
    told["shows"] = _SHOWS[source].format(count=len(published))
    entries = "".join(
        f"<dt>{heading}</dt><dd>{escape(told[part])}</dd>" for part, heading in PARTS.items()
    )
    return HTML(  # type: ignore[no-untyped-call]  # IPython has no types here
        '<div class="admonition plain-language"><p class="admonition-title">In plain language</p>'
        f"<dl>{entries}</dl></div>"
    )
