"""The log-rank test for trend over ordered groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from replica.arrays import numbers
from replica.cohort import Cohort
from replica.errors import DataError, EstimationError, ParameterError
from replica.log_rank import stratified_counts
from replica.risk_sets import check_times, cohort_times, group_labels


@dataclass(frozen=True)
class LogRankTrend:
    """A log-rank test for trend; `z` is positive where higher scores have more events than due.

    `observed` and `expected` events and `scores` follow `groups`, from the lowest to the highest.
    """

    statistic: float
    z: float
    p: float
    groups: tuple[object, ...]
    scores: tuple[float, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]


def log_rank_trend(
    duration: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    order: Sequence[object],
    *,
    scores: Sequence[float] | None = None,
    strata: ArrayLike | None = None,
) -> LogRankTrend:
    """Log-rank test for trend, with one degree of freedom, if asked within strata.

    Parameters
    ----------
    duration, event
        Shape (n,); see `replica.risk_sets.check_times`.
    group, strata
        Shape (n,), labels without gaps.
    order
        Every group, from the lowest to the highest. One without patients keeps its score and
        changes nothing else.
    scores
        One number per group of `order`; default 1, 2, ..., k.

    Raises
    ------
    DataError
        If times are refused, a label is missing or not in `order`.
    ParameterError
        If `order` names a group twice, or the scores are not one finite number per group.
    EstimationError
        If there are no events, or at no event were groups of different scores at risk together.

    Notes
    -----
    (s'U)^2 / s'Vs with U the observed less expected events of the log-rank test and V their
    covariance (Tarone 1975; Klein and Moeschberger 2003, section 7.4; R: `survMisc::comp`). Equal
    to the score test of a Cox model of the scores with exact ties, and without ties to that with
    any handling of them.
    """
    times, events = check_times(duration, event)
    labels = np.asarray(group, dtype=object)
    if isinstance(order, str) or not isinstance(order, Sequence):
        raise ParameterError(
            f"order: found {order!r}; allowed: a list of the groups, from the lowest to the "
            "highest."
        )
    places = {label: place for place, label in enumerate(order)}
    weights = np.arange(1.0, len(order) + 1)
    if scores is not None:
        weights = numbers(scores, "scores", ParameterError)
    if len(places) != len(order) or weights.shape != (len(order),):
        raise ParameterError(
            f"order and scores: found {len(places)} different groups in an order of {len(order)} "
            f"and scores of shape {weights.shape}; each group needs one place and one score."
        )
    if not np.isfinite(weights).all():
        raise ParameterError(
            f"scores: found {weights.tolist()}; finite numbers are needed. Leave them out for "
            "1, 2, ..., k."
        )
    outside = [label for label in labels.ravel() if label not in places]
    if labels.shape != times.shape or outside:
        raise DataError(
            f"group: found {labels.size} labels for {times.size} patients, {len(outside)} of them "
            f"not in the order ({', '.join(map(str, order))}); every patient needs one of these."
        )
    code = np.array([places[label] for label in labels], dtype=np.int64)
    k = len(order)
    observed, expected, covariance = stratified_counts(times, events, code, k, strata)
    # centred, so that a shift of all scores does not cost digits
    centred = weights - weights.mean()
    variance = float(centred @ covariance @ centred)
    if not variance > 1e-12 * float(np.ptp(weights)) ** 2:
        raise EstimationError(
            f"log-rank test for trend: found {int(events.sum())} events, at none of which groups "
            "of different scores were at risk together; there is nothing to compare."
        )
    z = float(centred @ (observed - expected)) / math.sqrt(variance)
    return LogRankTrend(
        statistic=z * z,
        z=z,
        p=float(2 * ndtr(-abs(z))),
        groups=tuple(order),
        scores=tuple(weights.tolist()),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
    )


def log_rank_trend_test(
    cohort: Cohort,
    outcome: str,
    by: str,
    *,
    scores: Sequence[float] | None = None,
    strata: str | None = None,
) -> LogRankTrend:
    """Log-rank test for trend of one outcome over a covariate's levels in the study's order.

    Raises
    ------
    ParameterError, DataError, EstimationError
        As `log_rank_trend` and `replica.risk_sets.group_labels`.
    """
    duration, event = cohort_times(cohort, outcome)
    labels, keys = group_labels(cohort, by)
    within = None if strata is None else group_labels(cohort, strata)[0]
    return log_rank_trend(duration, event, labels, keys, scores=scores, strata=within)
