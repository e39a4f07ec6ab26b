"""Printed rows that cannot hold together, and which of them give way, as a table of a study.

The audit finds rows that contradict each other by rules that hold for any paper. Where several
relations meet (a percentage, a matched count and two tests of it, say), a study may list the groups
of rows with the whole argument, and which smallest set gives way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from replica.audit import contradictions
from replica.audit.paper import Paper
from replica.errors import PublishedTableError
from replica.paths import conflicts_path
from replica.published import PublishedValue
from replica.text_table import read_rows

COLUMNS = ("conflict", "gives_way", "beside", "why")


@dataclass(frozen=True)
class Conflict:
    """Printed rows that give way, by id, those that they cannot hold beside, and the argument."""

    name: str
    gives_way: tuple[str, ...]
    beside: tuple[str, ...]
    why: str


def read_conflicts(path: Path, published: Iterable[PublishedValue]) -> tuple[Conflict, ...]:
    """Read a table of conflicts and check what it speaks of.

    Raises
    ------
    PublishedTableError
        If the header differs, a conflict has no name, no row on either side or no argument, a row
        is not printed, or a row gives way twice or both gives way and stands.
    """
    found = tuple(
        Conflict(row["conflict"], _ids(row["gives_way"]), _ids(row["beside"]), row["why"])
        for row in read_rows(path, COLUMNS)
    )
    known = {row.id for row in published}
    away = [name for conflict in found for name in conflict.gives_way]
    for line, conflict in enumerate(found, start=2):
        place = f"{path.name}, line {line} ({conflict.name})"
        if not (conflict.name and conflict.gives_way and conflict.beside and conflict.why):
            raise PublishedTableError(
                f"{place}: found an empty cell; name the conflict, the rows on both sides and the "
                "argument."
            )
        strange = [name for name in (*conflict.gives_way, *conflict.beside) if name not in known]
        if strange:
            raise PublishedTableError(
                f"{place}: found {', '.join(strange)}, which the paper's table does not hold; "
                "copy ids from it."
            )
        twice = [name for name in conflict.gives_way if away.count(name) > 1]
        standing = [name for name in conflict.beside if name in away]
        if twice or standing:
            raise PublishedTableError(
                f"{place}: {', '.join(twice + standing)} gives way in another place; a row gives "
                "way once, and the rows beside it stand."
            )
    return found


def _ids(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def study_conflicts(key: str, published: Iterable[PublishedValue]) -> tuple[Conflict, ...]:
    """Return the conflicts that a study lists; none if it has no such table."""
    path = conflicts_path(key)
    return read_conflicts(path, published) if path.is_file() else ()


def give_way(conflicts: Iterable[Conflict]) -> dict[str, str]:
    """Return the printed rows that give way, each with the argument."""
    return {name: conflict.why for conflict in conflicts for name in conflict.gives_way}


def excluded(paper: Paper, conflicts: Sequence[Conflict]) -> dict[str, str]:
    """Return every printed row that cannot hold beside others, each with the evidence.

    They are the rows that give way by a study's list and, of the rest of the paper, those that the
    audit finds contradicted: without a list, what the audit finds.

    Parameters
    ----------
    paper
        What is printed, with the words about it.
    conflicts
        The study's list, as `study_conflicts` reads it.
    """
    evidence = {
        name: f"{conflict.name}: {conflict.why}"
        for conflict in conflicts
        for name in conflict.gives_way
    }
    kept = tuple(row for row in paper.published if row.id not in evidence)
    estimates = {row.estimate_id for row in kept}
    claims = tuple(claim for claim in paper.claims if set(claim.estimates) <= estimates)
    return evidence | contradictions(kept, paper.study, claims)
