"""What a paper says in words about its numbers, as a table of claims."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from replica.audit.finding import CLAIM_PREFIX
from replica.errors import PublishedTableError, one_of
from replica.published import PublishedValue

DIRECTIONS = (
    "higher",
    "lower",
    "none",
    "differs",
    "balanced",
    "half",
    "fourfold",
    "ranked",
    "at_least",
    "until_event",
    "all",
    "method",
    "not_available",
)
STRENGTHS = ("significant", "not_significant", "descriptive")


@dataclass(frozen=True)
class Claim:
    """One statement in words, in our own wording, and the estimates that it speaks of."""

    id: str
    where: str
    claim: str
    about: str
    direction: str
    strength: str

    @property
    def key(self) -> str:
        """The claim's id among those of printed numbers."""
        return f"{CLAIM_PREFIX}{self.id}"

    @property
    def estimates(self) -> tuple[str, ...]:
        """The `estimate_id`s that it speaks of, in order."""
        return tuple(part.strip() for part in self.about.split(";") if part.strip())


CLAIM_COLUMNS = tuple(field.name for field in fields(Claim))


def read_claims(path: Path, published: Iterable[PublishedValue]) -> tuple[Claim, ...]:
    """Read a table of claims and check its words and what it speaks of.

    Raises
    ------
    PublishedTableError
        If the file is missing, its header differs, an id stands twice, a word is unknown, or a
        claim speaks of an estimate that is not printed.
    """
    if not path.is_file():
        raise PublishedTableError(f"found no table of claims at {path}.")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if tuple(frame.columns) != CLAIM_COLUMNS:
        raise PublishedTableError(
            f"{path.name}: found the columns {', '.join(frame.columns)}; "
            f"expected exactly {', '.join(CLAIM_COLUMNS)}."
        )
    known = {row.estimate_id for row in published}
    claims = tuple(Claim(*row) for row in frame.itertuples(index=False, name=None))
    seen: set[str] = set()
    for line, claim in enumerate(claims, start=2):
        place = f"{path.name}, line {line} ({claim.id})"
        if claim.id in seen:
            raise PublishedTableError(f"{place}: this id stands twice; ids must be unique.")
        seen.add(claim.id)
        for value, allowed in ((claim.direction, DIRECTIONS), (claim.strength, STRENGTHS)):
            if value not in allowed:
                raise PublishedTableError(f"{place}: {one_of(value, allowed)}")
        for estimate in claim.estimates:
            if estimate not in known:
                raise PublishedTableError(f"{place}: {one_of(estimate, sorted(known))}")
    return claims
