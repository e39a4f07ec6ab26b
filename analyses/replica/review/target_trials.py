"""The trial that a paper's question names beside what was analysed, element by element.

Elements after Hernán and Robins, American Journal of Epidemiology 2016;183:758-764.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from replica.errors import PublishedTableError
from replica.paths import review_path
from replica.text_table import read_rows

ELEMENTS = (
    "eligibility",
    "treatment strategies",
    "assignment",
    "time zero",
    "follow-up",
    "outcome",
    "causal contrast",
    "analysis",
)
COLUMNS = ("element", "stated", "stated_at", "analysed", "analysed_at", "note")


@dataclass(frozen=True)
class Element:
    """One element of the target trial: as stated, as analysed, where, and what to note."""

    element: str
    stated: str
    stated_at: str
    analysed: str
    analysed_at: str
    note: str


def target_trial(study_key: str, path: Path | None = None) -> tuple[Element, ...]:
    """Read the target trial of a study's paper, one entry per element, in their order.

    Raises
    ------
    PublishedTableError
        If an element is missing, unknown or out of order, or a cell is empty.
    """
    file = path or review_path(f"target_trial_{study_key}")
    found = tuple(Element(**row) for row in read_rows(file, COLUMNS))
    if tuple(element.element for element in found) != ELEMENTS:
        raise PublishedTableError(
            f"{file.name}: found the elements {', '.join(e.element for e in found)}; expected "
            f"exactly, in this order, {', '.join(ELEMENTS)}."
        )
    for element in found:
        empty = [name for name in COLUMNS if not getattr(element, name).strip()]
        if empty:
            raise PublishedTableError(
                f"{file.name}, {element.element}: found nothing under {', '.join(empty)}; if the "
                "paper does not state it, say so in words."
            )
    return found
