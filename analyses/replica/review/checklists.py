"""What each paper reports of the items that reporting guidelines ask for, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from replica.errors import PublishedTableError, one_of
from replica.paths import review_path
from replica.text_table import read_rows

GUIDELINES = ("STROBE", "RECORD", "RECORD-PE")
STATUSES = ("reported", "in part", "not reported", "not applicable", "not seen")
"""`in part`: the fact says what is stated and what is not; `not seen`: not in the text at hand."""

ITEM_COLUMNS = ("guideline", "item", "section", "asks")
ANSWER_COLUMNS = ("guideline", "item", "status", "place", "fact")


@dataclass(frozen=True)
class Item:
    """One item of a guideline, in our own words."""

    guideline: str
    item: str
    section: str
    asks: str


@dataclass(frozen=True)
class Answer:
    """What a paper reports of an item: a status, the place, and a fact."""

    item: Item
    status: str
    place: str
    fact: str


def items(path: Path | None = None) -> tuple[Item, ...]:
    """Read the items of all guidelines, in their order.

    Raises
    ------
    PublishedTableError
        If the file has another shape, a guideline is unknown or an item stands twice.
    """
    file = path or review_path("checklist_items")
    found = tuple(Item(**row) for row in read_rows(file, ITEM_COLUMNS))
    seen: set[tuple[str, str]] = set()
    for item in found:
        if item.guideline not in GUIDELINES:
            raise PublishedTableError(f"{file.name}: {one_of(item.guideline, GUIDELINES)}")
        if (item.guideline, item.item) in seen:
            raise PublishedTableError(f"{file.name}: {item.guideline} {item.item} stands twice.")
        seen.add((item.guideline, item.item))
    return found


def checklist(study_key: str, path: Path | None = None) -> tuple[Answer, ...]:
    """Read what a study's paper reports, one answer per item, in the order of the items.

    Parameters
    ----------
    study_key
        Names the file `data/review/strobe_<study>.csv`.
    path
        Another file of the same shape.

    Raises
    ------
    PublishedTableError
        If an item is missing, unknown or answered twice, a status is unknown, something reported
        has no place, or something reported in part has no fact.
    """
    file = path or review_path(f"strobe_{study_key}")
    asked = {(item.guideline, item.item): item for item in items()}
    found: dict[tuple[str, str], Answer] = {}
    for row in read_rows(file, ANSWER_COLUMNS):
        key = (row["guideline"], row["item"])
        name = f"{file.name}, {' '.join(key)}"
        if key not in asked or key in found:
            told = "answered twice" if key in found else "no item of a guideline"
            raise PublishedTableError(f"{name}: {told}; checklist_items.csv lists each once.")
        answer = Answer(asked[key], row["status"], row["place"], row["fact"])
        _check(answer, name)
        found[key] = answer
    missing = [" ".join(key) for key in asked if key not in found]
    if missing:
        raise PublishedTableError(f"{file.name}: no answer to {', '.join(missing)}.")
    return tuple(found[key] for key in asked)


def _check(answer: Answer, name: str) -> None:
    if answer.status not in STATUSES:
        raise PublishedTableError(f"{name}, status: {one_of(answer.status, STATUSES)}")
    if answer.status in {"reported", "in part"} and not answer.place:
        raise PublishedTableError(f"{name}: {answer.status}, but no place; say where it stands.")
    if answer.status in {"not reported", "not applicable"} and answer.place:
        raise PublishedTableError(
            f"{name}: {answer.status}, but found the place {answer.place!r}; leave it empty."
        )
    if answer.status in {"in part", "not applicable", "not seen"} and not answer.fact:
        raise PublishedTableError(f"{name}: {answer.status} needs a fact that says why.")
