"""What a check gives: rows that fit, or a finding that shows where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from replica.errors import PublishedTableError

Certainty = Literal["exact", "model_based"]
Severity = Literal["headline", "table", "rounding"]

CLAIM_PREFIX = "claim:"


@dataclass(frozen=True)
class Explanation:
    """A single slip that would make the printed numbers agree.

    `would_be` is the value that makes the set coherent, `tried` how many edits were searched and
    `chance` how often a random table fits as well.
    """

    kind: str
    text: str
    would_be: str
    tried: int
    chance: float


@dataclass(frozen=True)
class Finding:
    """Printed numbers that do not follow from each other, with the arithmetic in `message`.

    `exact` rests on nothing beyond rounding; `model_based` also on what the message names
    (proportional hazards, Wald's interval, a denominator that the table does not state), so it is
    a question. `clashes` are sets of ids that cannot all be right together; a finding without one
    states a relation and excludes nothing. Ids of claims in words carry the prefix `claim:`.
    """

    rule: str
    ids: tuple[str, ...]
    certainty: Certainty
    severity: Severity
    message: str
    clashes: tuple[tuple[str, ...], ...] = ()
    explanation: Explanation | None = None
    study: str = ""

    def __post_init__(self) -> None:
        """Refuse a finding about nothing, and a contradiction that rests on a model."""
        if not self.ids or len(set(self.ids)) != len(self.ids):
            raise PublishedTableError(
                f"{self.rule}: found the ids {self.ids}; a finding names each of its rows once."
            )
        if self.clashes and self.certainty != "exact":
            raise PublishedTableError(
                f"{self.rule}: found a model-based contradiction; only exact findings exclude rows."
            )
        for clash in self.clashes:
            if not clash or not set(clash) <= set(self.ids):
                raise PublishedTableError(
                    f"{self.rule}: found the clash {clash}; its ids must be among the finding's."
                )

    @property
    def rows(self) -> tuple[str, ...]:
        """The ids of printed numbers, without those of claims in words."""
        return tuple(name for name in self.ids if not name.startswith(CLAIM_PREFIX))


@dataclass(frozen=True)
class Checked:
    """The outcome of one check on some rows: they fit (`finding` is None), or they do not.

    `ids` are the rows that the check vouches for if they fit: the value printed there follows from
    other printed numbers, or is possible beside them. `note` is the arithmetic in short.
    """

    rule: str
    ids: tuple[str, ...]
    note: str
    finding: Finding | None = None

    @property
    def fits(self) -> bool:
        """Whether the rows were found to agree."""
        return self.finding is None
