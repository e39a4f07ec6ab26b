"""The errors this package raises: each says what was found, what is allowed and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ReplicaError(ValueError):
    """Base of every error that this package raises on purpose."""


class ProtocolError(ReplicaError):
    """A study's description contradicts itself or names something that does not exist."""


class DataError(ReplicaError):
    """The patients do not fit the study's dictionary: a column, level, date or time is wrong."""


class ParameterError(ReplicaError):
    """An analysis was asked for with an impossible or unknown setting."""


class MatchingError(ReplicaError):
    """Matching is impossible as asked, or a matched set violates its own rules."""


class EstimationError(ReplicaError):
    """A model cannot be estimated: separated, collinear, unconverged or without events."""


class PublishedTableError(ReplicaError):
    """A table of printed numbers does not have the documented shape."""


class SynthesisError(ReplicaError):
    """No synthetic cohort can be made from the targets given."""


class NotebookError(ReplicaError):
    """A notebook is missing, was given a parameter it does not have, or failed while running."""


class ReplicaWarning(UserWarning):
    """Something worth knowing that does not stop an analysis."""


def one_of(found: object, allowed: Iterable[object]) -> str:
    """Say what was found, what is allowed and which allowed spelling comes nearest."""
    choices = [str(choice) for choice in allowed]
    nearest = difflib.get_close_matches(str(found), choices, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"found {found!r}; allowed: {', '.join(repr(c) for c in choices)}.{hint}"
