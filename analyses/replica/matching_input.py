"""Units to be matched, checked: their scores, arms, keys and strata."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from replica.arrays import labels, number, whole_number
from replica.errors import MatchingError, ParameterError, one_of
from replica.protocol import ORDERS, Order

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
# Rows and places in a line of units; 4 bytes do for all but the largest samples
Place = type[np.int32] | type[np.int64]
Places = NDArray[np.signedinteger]


def place_kind(n: int) -> Place:
    """Return the smallest kind of integer that numbers the places of `n` units."""
    return np.int32 if n < np.iinfo(np.int32).max else np.int64


def check_settings(caliper: float | None, ratio: int) -> None:
    """Refuse a caliper that is not above 0, or a ratio that is not a whole number from 1."""
    if caliper is not None and not number(caliper, "caliper") > 0:
        raise ParameterError(f"caliper: found {caliper}; it must be above 0, or None for no limit.")
    whole_number(ratio, "ratio", " control per treated unit")


def ascending(key: NDArray[np.generic]) -> bool:
    """Whether every key is above the one before: then rows are in the order of their keys."""
    try:
        return key.ndim == 1 and key.size > 1 and bool(np.all(key[1:] > key[:-1]))  # type: ignore[operator]
    except TypeError:
        # no order, or something missing: `rank_keys` says which of the two
        return False


def rank_keys(key: NDArray[np.generic]) -> Ints:
    """Rank the keys, or refuse one that is missing, has no order or is there twice."""
    if key.dtype.kind == "O" and pd.isna(key).any():
        raise ParameterError(
            f"key: found {int(pd.isna(key).sum())} missing; allowed: one key per unit, because "
            "ties are broken by it. Give every patient an id."
        )
    try:
        values, rank = np.unique(key, return_inverse=True)
    except TypeError:
        raise ParameterError(
            "key: found values of several types, which have no order; allowed: one sortable type, "
            "because ties are broken by it. Turn the ids into text."
        ) from None
    if values.size < key.size:
        counts = np.bincount(rank)
        raise ParameterError(
            f"key: found {values[counts.argmax()]!s} more than once; allowed: one key per unit, "
            "because ties are broken by it."
        )
    return np.asarray(rank, dtype=np.int64)


def line_up(score: Floats, rank: Ints | None, stratum: Places | None, kind: Place) -> Places:
    """List the rows by stratum (None: there is one), score and rank (None: they are in order)."""
    if stratum is None and rank is None:
        rows = np.argsort(score, kind="stable")
    else:
        # the last key counts first
        rows = np.lexsort([part for part in (rank, score, stratum) if part is not None])
    return np.asarray(rows, dtype=kind)


def check_units(score: Floats, arm: Bools, key: NDArray[np.generic]) -> None:
    """Refuse shapes that differ, a score that is not finite, and an arm without units."""
    if score.ndim != 1 or arm.shape != score.shape or key.shape != score.shape:
        raise ParameterError(
            f"found shapes {score.shape} (distance), {arm.shape} (treated) and {key.shape} (key); "
            "allowed: one value per unit in each."
        )
    if not np.isfinite(score).all():
        raise ParameterError(
            f"distance: found {int((~np.isfinite(score)).sum())} missing or infinite scores; every "
            "unit needs a finite one."
        )
    if arm.all() or not arm.any():
        raise MatchingError(
            f"found {int(arm.sum())} treated and {int((~arm).sum())} control units; matching needs "
            "both."
        )


def stratum_codes(exact: ArrayLike | None, n: int, kind: Place = np.int64) -> Places:
    """Read strata as codes; None is one stratum."""
    if exact is None:
        return np.zeros(n, dtype=kind)
    codes, _ = labels(exact, n, "exact", ParameterError, "units")
    return np.asarray(codes, dtype=kind)


def turns(
    score: Floats, arm: Bools, rank: Ints | None, order: Order, rng: np.random.Generator | None
) -> Ints:
    """List the treated rows in the order in which they have their turn; see `nearest_neighbour`."""
    rows = np.flatnonzero(arm)
    if rank is not None:
        rows = rows[np.argsort(rank[rows])]
    if order in ("data", "closest"):
        return rows
    if order in ("largest", "smallest"):
        sign = -1.0 if order == "largest" else 1.0
        return rows[np.argsort(sign * score[rows], kind="stable")]
    if order == "random":
        if rng is None:
            raise ParameterError(
                "order 'random' needs a numpy Generator: pass rng=numpy.random.default_rng(seed)."
            )
        return rng.permutation(rows)
    raise ParameterError(f"order: {one_of(order, ORDERS)}")
