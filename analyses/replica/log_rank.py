"""The log-rank test of two or more groups, plain or stratified."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from replica.cohort import Cohort
from replica.errors import EstimationError
from replica.risk_sets import (
    Floats,
    check_times,
    cohort_times,
    group_labels,
    label_codes,
)


@dataclass(frozen=True)
class LogRank:
    """A log-rank test; `observed` and `expected` events follow the sorted group labels."""

    statistic: float
    df: int
    p: float
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    groups: tuple[object, ...]


@njit(cache=True)
def log_rank_counts(
    duration: Floats,
    event: NDArray[np.signedinteger],
    group: NDArray[np.signedinteger],
    groups: int,
) -> tuple[Floats, Floats, Floats]:
    """Observed and expected events per group, and the covariance of their difference.

    Parameters
    ----------
    duration, event
        Shape (n,), sorted by `duration` ascending.
    group
        Shape (n,), codes 0 to `groups` - 1. With two groups the log-rank statistic is
        (observed[0] - expected[0])**2 / covariance[0, 0].

    Returns
    -------
    tuple
        Observed and expected, shape (groups,); hypergeometric covariance, (groups, groups).
    """
    observed = np.zeros(groups, dtype=np.float64)
    expected = np.zeros(groups, dtype=np.float64)
    covariance = np.zeros((groups, groups), dtype=np.float64)
    at_risk = np.zeros(groups, dtype=np.int64)
    for i in range(duration.size):
        at_risk[group[i]] += 1
    total = duration.size
    start = 0
    while start < duration.size:
        end = start
        deaths = 0
        while end < duration.size and duration[end] == duration[start]:
            if event[end] != 0:
                deaths += 1
                observed[group[end]] += 1.0
            end += 1
        if deaths > 0:
            spread = 0.0
            if total > 1:
                spread = deaths * (total - deaths) / (total - 1)
            for a in range(groups):
                share = at_risk[a] / total
                expected[a] += deaths * share
                for b in range(groups):
                    same = 1.0 if a == b else 0.0
                    covariance[a, b] += spread * share * (same - at_risk[b] / total)
        for i in range(start, end):
            at_risk[group[i]] -= 1
        total -= end - start
        start = end
    return observed, expected, covariance


def stratified_counts(
    times: Floats,
    events: NDArray[np.signedinteger],
    code: NDArray[np.signedinteger],
    k: int,
    strata: ArrayLike | None,
) -> tuple[Floats, Floats, Floats]:
    """Observed and expected events of `k` groups and their covariance, summed over strata.

    Parameters
    ----------
    times, events, code
        Checked durations, event flags and group codes 0 to `k` - 1, shape (n,), in any order.
    strata
        Labels of strata, shape (n,), or None for one stratum.
    """
    ends = np.array([times.size])
    if strata is None:
        order = np.argsort(times, kind="stable")
    else:
        blocks, _ = label_codes(strata, times.size, "strata")
        order = np.lexsort((times, blocks))
        ends = np.cumsum(np.bincount(blocks))
    flags, groups = events.astype(np.int8, copy=False), code.astype(np.int32, copy=False)
    observed, expected, covariance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for first, end in pairwise([0, *ends.tolist()]):
        rows = order[first:end]
        part = log_rank_counts(times[rows], flags[rows], groups[rows], k)
        observed, expected, covariance = (
            total + more for total, more in zip((observed, expected, covariance), part, strict=True)
        )
    return observed, expected, covariance


def log_rank(
    duration: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
) -> LogRank:
    """Log-rank test of two or more groups, if asked within strata.

    Parameters
    ----------
    duration, event
        Shape (n,); see `check_times`.
    group, strata
        Shape (n,), labels without gaps. Results follow the sorted group labels.

    Raises
    ------
    DataError
        If times are refused or a label is missing.
    EstimationError
        If there are fewer than two groups, no events, or no time at which the groups could differ.

    Notes
    -----
    R: `survdiff(rho = 0)`; a group that is never at risk at an event costs its degree of freedom.
    """
    times, wide = check_times(duration, event)
    # narrow integers, for each is as long as the sample
    events = wide.astype(np.int8)
    wide, labels = label_codes(group, times.size, "group")
    code = wide.astype(np.int32)
    del wide
    if len(labels) < 2:
        raise EstimationError(
            f"log-rank test: found the group {labels}; at least 2 are needed. Check the column or "
            "the filter used."
        )
    if not events.any():
        raise EstimationError(
            f"log-rank test: found no event among {times.size} patients; there is nothing to "
            "compare. Report the numbers at risk instead."
        )
    k = len(labels)
    observed, expected, covariance = stratified_counts(times, events, code, k, strata)
    used = np.flatnonzero(expected > 0)[1:]
    df = used.size
    difference, within = (observed - expected)[used], covariance[np.ix_(used, used)]
    if df == 0 or np.linalg.matrix_rank(within, hermitian=True) < df:
        raise EstimationError(
            f"log-rank test: found {int(events.sum())} events, but at no event were the groups at "
            "risk together; they cannot be compared. Merge strata or groups, or report the counts."
        )
    statistic = float(difference @ np.linalg.solve(within, difference))
    return LogRank(
        statistic=statistic,
        df=df,
        p=float(chdtrc(df, max(statistic, 0.0))),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
        groups=labels,
    )


def log_rank_test(
    cohort: Cohort, outcome_key: str, by: str = "arm", *, strata: str | None = None
) -> LogRank:
    """Log-rank test of one outcome between the groups of a column, if asked within strata."""
    duration, event = cohort_times(cohort, outcome_key)
    labels, _ = group_labels(cohort, by)
    within = None if strata is None else group_labels(cohort, strata)[0]
    return log_rank(duration, event, labels, strata=within)
