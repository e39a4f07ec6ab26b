"""What a protocol adds where a paper leaves room: readings, assumptions, and rows set aside."""

from __future__ import annotations

from dataclasses import dataclass

from replica.errors import ProtocolError
from replica.vocabulary import check_key


@dataclass(frozen=True)
class Association:
    """Two covariates whose contrasts tend to occur together, as clinicians expect.

    Only synthetic patients use it; `strength` is the correlation of the normal variables behind
    the two.
    """

    first: str
    second: str
    strength: float

    def __post_init__(self) -> None:
        """Refuse a correlation outside (-1, 1)."""
        if not -1 < self.strength < 1:
            raise ProtocolError(f"Association: strength {self.strength} is no correlation.")


@dataclass(frozen=True)
class SetAside:
    """Printed rows that no synthetic patients were found to give back beside the others.

    They are not aimed at, but count as any other row: their verdict is what the patients give.
    """

    ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class CovariateSet:
    """One of several readings of what a paper matched on, by which a reader can ask for it."""

    key: str
    label: str
    covariates: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a key that cannot stand in a file or an id."""
        check_key(self.key, "CovariateSet")
