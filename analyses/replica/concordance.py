"""Harrell's concordance: how often the patient at higher predicted risk has the event first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from replica.arrays import numbers
from replica.errors import DataError, EstimationError
from replica.risk_sets import Floats, Integers, check_times, label_codes

__all__ = ["Concordance", "concordance"]


# The product of two larger weights may be no number.
_LARGEST_WEIGHT = 1e140


@dataclass(frozen=True)
class Concordance:
    """Share of comparable pairs in the right order, ties of risk counting one half.

    `se` is the infinitesimal jackknife's. The three counts are of pairs (of products of weights
    with weights) in which one has the event while the other is known to live longer.
    """

    concordance: float
    se: float
    concordant: float
    discordant: float
    tied_risk: float
    n: int
    n_events: int


@njit(cache=True)
def _add(tree: Floats, place: int, value: float) -> None:
    """Add at a place of a Fenwick tree (Fenwick 1994)."""
    while place < tree.size:
        tree[place] += value
        place += place & -place


@njit(cache=True)
def _sum(tree: Floats, place: int) -> float:
    """Sum a Fenwick tree up to a place."""
    total = 0.0
    while place > 0:
        total += tree[place]
        place -= place & -place
    return total


@njit(cache=True)
def _count(tree: Floats, held: float, own: float, place: int, counts: Floats, later: bool) -> None:
    """Count those held by the tree below, at and above a place as pairs with one row."""
    below = _sum(tree, place - 1)
    tied = own
    above = held - below - tied
    counts[0] += below if later else above
    counts[1] += above if later else below
    counts[2] += tied


@njit(cache=True)
def comparable_pairs(  # noqa: C901 - two passes, positional for Numba
    time: Floats, event: Integers, weight: Floats, place: Integers, counts: Floats, places: int
) -> None:
    """Add to each row's weight of concordant, discordant and tied partners, in one stratum.

    Parameters
    ----------
    time, event, weight
        Shape (n,), sorted by *descending* time; at one time, censored come before events.
    place
        Shape (n,), rank of the predicted risk from 1 to `places`, equal for equal risk.
    counts
        Shape (n, 3), added to.
    """
    n = time.size
    tree = np.zeros(places + 1)
    at = np.zeros(places + 1)
    held = 0.0
    first = 0
    # downwards: an event against all who live longer
    while first < n:
        end = first
        while end < n and time[end] == time[first] and event[end] == event[first]:
            end += 1
        if event[first] != 0:
            for i in range(first, end):
                _count(tree, held, at[place[i]], place[i], counts[i], True)
        for i in range(first, end):
            _add(tree, place[i], weight[i])
            at[place[i]] += weight[i]
            held += weight[i]
        first = end
    # upwards: everybody against the events before
    tree[:] = 0.0
    at[:] = 0.0
    held = 0.0
    end = n
    while end > 0:
        first = end - 1
        while first > 0 and time[first - 1] == time[end - 1] and event[first - 1] == event[end - 1]:
            first -= 1
        for i in range(first, end):
            _count(tree, held, at[place[i]], place[i], counts[i], False)
        if event[first] != 0:
            for i in range(first, end):
                _add(tree, place[i], weight[i])
                at[place[i]] += weight[i]
                held += weight[i]
        end = first


def concordance(
    duration: ArrayLike,
    event: ArrayLike,
    log_hazard: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> Concordance:
    """Estimate Harrell's concordance of a predicted risk with survival, in O(n log n).

    Parameters
    ----------
    duration, event
        Shape (n,); see `replica.survival.check_times`. At one time, somebody censored outlives
        somebody with the event; two events at one time are not compared.
    log_hazard
        Shape (n,), higher for those expected to have the event sooner, such as
        `CoxFit.log_hazard`.
    strata, weights, cluster
        Shape (n,): pairs are formed within strata only; weights are above 0; clusters share one
        term of the jackknife.

    Raises
    ------
    DataError
        If a value is missing or impossible.
    EstimationError
        If there is no comparable pair.

    Notes
    -----
    R: `survival::concordance(coxph(...))`, with the square root of its `var`. Harrell et al.,
    JAMA 1982;247:2543-2546; Therneau and Watson 2015 for the jackknife.
    """
    times, events = check_times(duration, event)
    n = times.size
    risk = numbers(log_hazard, "log_hazard")
    weight = np.ones(n) if weights is None else numbers(weights, "weights")
    for what, values in (("log_hazard", risk), ("weights", weight)):
        if values.shape != (n,) or not np.isfinite(values).all():
            raise DataError(
                f"{what}: found the shape {values.shape} with "
                f"{int((~np.isfinite(values)).sum())} missing or infinite; needed: {n} finite "
                "numbers. Exclude those patients first."
            )
    if not ((weight > 0) & (weight < _LARGEST_WEIGHT)).all():
        raise DataError(
            f"weights: found {weight.min():g} to {weight.max():g}; allowed: above 0 and below "
            f"{_LARGEST_WEIGHT:g}. Exclude patients of weight 0 first."
        )
    zeros = np.zeros(n, dtype=np.int64)
    stratum = zeros if strata is None else label_codes(strata, n, "strata")[0]
    group = np.arange(n) if cluster is None else label_codes(cluster, n, "cluster")[0]
    place = np.unique(risk, return_inverse=True)[1].astype(np.int64) + 1
    order = np.lexsort((group, weight, place, events, -times, stratum))
    bounds = np.flatnonzero(np.diff(stratum[order], prepend=-1, append=-1))
    counts = np.zeros((n, 3))
    for low, high in pairwise(bounds):
        rows = order[low:high]
        ranks = np.unique(place[rows], return_inverse=True)[1].astype(np.int64) + 1
        part = np.zeros((rows.size, 3))
        comparable_pairs(times[rows], events[rows], weight[rows], ranks, part, int(ranks.max()))
        counts[rows] = part
    # every pair was counted from both its ends
    concordant, discordant, tied = (weight[order] @ counts[order]) / 2
    pairs = concordant + discordant + tied
    if not pairs > 0:
        raise EstimationError(
            "concordance: found no pair of patients of whom one has the event while the other is "
            "known to live longer; it does not exist here."
        )
    somers = (concordant - discordant) / pairs
    influence = weight / pairs * (counts[:, 0] - counts[:, 1] - somers * counts.sum(axis=1))
    shared = np.bincount(group[order], weights=influence[order])
    return Concordance(
        concordance=float((somers + 1) / 2),
        se=float(np.sqrt(shared @ shared) / 2),
        concordant=float(concordant),
        discordant=float(discordant),
        tied_risk=float(tied),
        n=n,
        n_events=int(events.sum()),
    )
