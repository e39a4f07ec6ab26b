"""Checked, sorted and standardised rows of a Cox model: what every likelihood here is given.

Rows are sorted by the values they hold, so their order in a file cannot change a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from replica.arrays import numbers
from replica.errors import DataError, EstimationError
from replica.large_samples import hashes_collide, row_hashes, sort_within_ties, standardise
from replica.risk_sets import Floats, Integers, check_times, label_codes

# Above this many rows sorting by every column and the small kernel's sums take too long.
LARGE = 50_000
# Larger values overflow when they are squared and summed.
_LARGEST = 1e140


@dataclass(frozen=True)
class CoxRows:
    """Rows by stratum and descending time; `Z` holds the covariates with mean 0 and variance 1.

    `start` is minus infinity for somebody followed from the beginning, and `by_start` lists the
    rows by stratum and descending start; both are empty when nobody enters late. `group` is the
    cluster, and `clusters` their count (None without clusters).
    """

    Z: Floats
    scale: Floats
    time: Floats
    start: Floats
    by_start: Integers
    event: Integers
    weight: Floats
    stratum: Integers
    group: Integers
    clusters: int | None
    large: bool


def cox_rows(
    matrix: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str],
    start: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> CoxRows:
    """Check what a Cox model is given and bring its rows in order.

    Parameters
    ----------
    matrix, duration, event, names, start, cluster, strata, weights
        As in `replica.cox.fit_cox`.

    Raises
    ------
    DataError
        If a value, label or weight is missing or impossible, or an interval is empty.
    EstimationError
        If there is no event, fewer than 2 clusters, or a covariate that does not vary.
    """
    times, events = check_times(duration, event)
    X = _matrix(matrix, times.size, names)
    weight = _weights(weights, times.size)
    stratum, _ = _labels(strata, times.size, "strata")
    group, clusters = _labels(cluster, times.size, "cluster")
    if not events.any():
        raise EstimationError(
            f"Cox model: found no event among {times.size} patients; at least 1 is needed."
        )
    if cluster is not None and clusters < 2:
        raise EstimationError("Cox model: found 1 cluster; a robust error needs at least 2.")
    entry = np.empty(0) if start is None else _starts(start, times)
    large = times.size > LARGE and start is None
    if large:
        order = _order_of_many(X, times, events, weight, stratum, group)
    else:
        # Sorting by everything a row holds leaves only identical rows in a tie.
        first = (entry,) if start is not None else ()
        order = np.lexsort((*first, group, weight, *X.T, events, -times, stratum))
    stratum, times = stratum[order], times[order]
    if large:
        # take copies whole rows: three times faster here than indexing, and the same bits
        Z = np.ascontiguousarray(X.take(order, axis=0))
        _, scale = standardise(Z)
    else:
        Z = X[order]
        centre, scale = Z.mean(axis=0), Z.std(axis=0)
        # in place: a large table is not held a third time
        Z -= centre
        Z /= scale
        Z = np.ascontiguousarray(Z)
    if start is not None:
        entry = entry[order]
    by_start = np.lexsort((-entry, stratum)) if start is not None else np.empty(0, dtype=np.int64)
    return CoxRows(
        Z=Z,
        scale=scale,
        time=times,
        start=entry,
        by_start=by_start,
        event=events[order],
        weight=weight[order],
        stratum=stratum,
        group=group[order],
        clusters=clusters if cluster is not None else None,
        large=large,
    )


def intervals(rows: CoxRows) -> tuple[Floats, Integers]:
    """Return starts and their order, also for rows that nobody entered late."""
    if rows.start.size:
        return rows.start, rows.by_start
    n = rows.time.size
    return np.full(n, -np.inf), np.arange(n, dtype=np.int64)


def _order_of_many(
    X: Floats,
    times: Floats,
    events: Integers,
    weight: Floats,
    stratum: Integers,
    group: Integers,
) -> Integers:
    """Order rows by stratum, descending time and content, without sorting by every column."""
    hashes = row_hashes(X, events, weight, group)
    # the hashes order what is tied here, so this sort need not be stable
    order = np.lexsort((-times, stratum)) if stratum.any() else np.argsort(-times)
    sort_within_ties(order, times, stratum, hashes)
    if hashes_collide(order, X, times, events, weight, group, hashes):
        order = np.lexsort((group, weight, *X.T, events, -times, stratum))
    return order


def _matrix(matrix: ArrayLike, n: int, names: Sequence[str]) -> Floats:
    X = numbers(matrix, "matrix")
    if X.ndim != 2 or X.shape != (n, len(names)) or X.shape[1] == 0:
        raise DataError(
            f"matrix: found the shape {X.shape}; needed: {n} patients by {len(names)} named "
            "columns, at least 1."
        )
    # a minimum and a maximum are finite only if everything is
    for name, low, high in zip(names, X.min(axis=0), X.max(axis=0), strict=True):
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(
                f"{name}: found missing or infinite values; exclude those patients first."
            )
        if max(abs(low), abs(high)) > _LARGEST:
            raise DataError(
                f"{name}: found values from {low:g} to {high:g}; allowed: up to {_LARGEST:g}, "
                "whose squares are still numbers. Take another unit, or look for a code for "
                "missing."
            )
        if low == high:
            raise EstimationError(
                f"Cox model: {name} has the same value ({low:g}) for all {n} patients; at "
                "least 2 groups are needed. Leave it out."
            )
    return X


def _weights(weights: ArrayLike | None, n: int) -> Floats:
    if weights is None:
        return np.ones(n)
    weight = numbers(weights, "weights")
    bad = ~(np.isfinite(weight) & (weight > 0))
    if weight.shape != (n,) or bad.any():
        first = f", first {weight[bad][0]:g}" if bad.any() else ""
        raise DataError(
            f"weights: needed are {n} finite numbers above 0; found the shape {weight.shape} with "
            f"{int(bad.sum())} others{first}. Exclude patients of weight 0 first."
        )
    return weight


def _labels(labels: ArrayLike | None, n: int, what: str) -> tuple[Integers, int]:
    if labels is None:
        return np.zeros(n, dtype=np.int64), 1
    codes, uniques = label_codes(labels, n, what)
    return codes, len(uniques)


def _starts(start: ArrayLike, stops: Floats) -> Floats:
    entry = numbers(start, "start")
    if entry.shape != stops.shape:
        raise DataError(
            f"start: found the shape {entry.shape}; needed: one start for each of {stops.size} "
            "rows."
        )
    bad = ~(np.isfinite(entry) & (entry < stops))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"start: found {int(bad.sum())} that are missing, infinite or not before the end of "
            f"their interval (first: from {entry[row]} to {stops[row]} in row {row}); allowed: "
            "start < duration. An event at the moment of entry cannot be counted: correct or "
            "exclude those rows."
        )
    return entry


def check_patients(patient: ArrayLike, start: ArrayLike, duration: ArrayLike) -> None:
    """Refuse intervals of one patient that overlap: nobody is at risk twice at one time.

    Parameters
    ----------
    patient
        Shape (n,), who each interval belongs to.
    start, duration
        Shape (n,), the ends of the intervals (start, duration].

    Raises
    ------
    DataError
        If a patient is missing or two intervals of one patient overlap.
    """
    stops = numbers(duration, "durations")
    entry = _starts(start, stops)
    code, _ = label_codes(patient, stops.size, "patient")
    order = np.lexsort((stops, entry, code))
    code, entry, stops = code[order], entry[order], stops[order]
    overlap = (code[1:] == code[:-1]) & (entry[1:] < stops[:-1])
    if overlap.any():
        first = int(np.flatnonzero(overlap)[0])
        raise DataError(
            f"start: found {int(overlap.sum())} intervals that begin before the same patient's "
            f"last one ends (first: ({entry[first]:g}, {stops[first]:g}] and "
            f"({entry[first + 1]:g}, {stops[first + 1]:g}] in row {order[first + 1]}); allowed: "
            "intervals that meet, at most. Correct the dates, or give different patients "
            "different labels."
        )
