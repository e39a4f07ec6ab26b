"""How verdicts are called and marked wherever all studies stand side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from replica.page_tables import VERDICT_WORDS

NOT_RUN = "not_run"
"""Stands for a verdict where the book has no analysis of a paper."""


@dataclass(frozen=True)
class VerdictMark:
    """A verdict's key, the sign that tells it without colour, and its words."""

    key: str
    sign: str
    words: str


_SIGNS = {
    "reproduced": "✓",
    "rounding": "≈",
    "different": "≠",
    "contradicted": "✗",
    "not_computable": "–",  # noqa: RUF001 - en dash: there is no number
}

VERDICT_MARKS: tuple[VerdictMark, ...] = tuple(
    VerdictMark(kind, _SIGNS[kind], words) for kind, words in VERDICT_WORDS.items()
)
"""The verdicts in the order of every table and bar, the best first."""


def verdict_bar(counts: Mapping[str, int]) -> str:
    """Draw counts of verdicts as one bar of HTML: each part has a colour, a pattern and a place.

    Parts are as wide as their share; one that is not empty is never too narrow to be seen.
    """
    parts = "".join(
        f'<span class="verdict {mark.key}" style="flex-grow:{counts[mark.key]}"></span>'
        for mark in VERDICT_MARKS
        if counts[mark.key]
    )
    told = ", ".join(f"{counts[mark.key]} {mark.words}" for mark in VERDICT_MARKS)
    label = escape(f"Of {counts['results']} printed results: {told}.")
    return f'<div class="verdict-bar" role="img" aria-label="{label}">{parts}</div>'


def verdict_key(counts: Mapping[str, int], links: Mapping[str, str]) -> str:
    """List the counts under a bar, each with its pattern, its sign and a link to those numbers."""
    entries = "".join(
        f'<li><a href="{escape(links[mark.key])}">{swatch(mark)}'
        f"<strong>{counts[mark.key]}</strong> {escape(mark.words)}</a></li>"
        for mark in VERDICT_MARKS
    )
    return f'<ul class="verdict-key">{entries}</ul>'


def swatch(mark: VerdictMark) -> str:
    """Draw a small square in a verdict's colour and pattern, and its sign."""
    return (
        f'<span class="verdict swatch {mark.key}" aria-hidden="true"></span>'
        f'<span class="verdict-sign" aria-hidden="true">{mark.sign}</span> '
    )
