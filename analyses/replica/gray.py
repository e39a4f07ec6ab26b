"""Gray's test that a cause's cumulative incidence is the same in all groups, from arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from replica.aalen_johansen import check_cause, check_causes
from replica.errors import EstimationError
from replica.risk_sets import Floats, Integers, label_codes


@dataclass(frozen=True)
class GrayTest:
    """Gray's test of one cause; `groups` are the sorted labels, `score` what each is above its due.

    `score` is the weighted sum of observed less expected events of each group; it adds up to 0.
    """

    cause: int
    statistic: float
    df: int
    p: float
    score: tuple[float, ...]
    groups: tuple[object, ...]


def gray(
    duration: ArrayLike,
    cause: ArrayLike,
    group: ArrayLike,
    *,
    of: int = 1,
    strata: ArrayLike | None = None,
) -> GrayTest:
    """Gray's test of two or more groups, if asked within strata.

    Parameters
    ----------
    duration, cause
        Shape (n,); see `replica.aalen_johansen.check_causes`.
    group, strata
        Shape (n,), labels without gaps.
    of
        The cause whose cumulative incidence is compared.

    Raises
    ------
    DataError
        If times or causes are refused or a label is missing.
    ParameterError
        If no event has the cause.
    EstimationError
        If there are fewer than two groups, the groups were never at risk together, or the pooled
        incidence reaches 1 before the last event (`cuminc` ends with an error there as well).

    Notes
    -----
    Gray (1988), with rho = 0 and the variance of R's `cmprsk::cuminc`.
    """
    times, causes = check_causes(duration, cause)
    check_cause(of, causes)
    code, labels = label_codes(group, times.size, "group")
    blocks = np.zeros(times.size, np.int64)
    if strata is not None:
        blocks, _ = label_codes(strata, times.size, "strata")
    k = len(labels)
    if k < 2:
        raise EstimationError(f"Gray's test: found the group {labels}; at least 2 are needed.")
    score, covariance = np.zeros(k), np.zeros((k, k))
    for block in range(int(blocks.max()) + 1):
        rows = np.flatnonzero(blocks == block)
        more, spread = gray_scores(times[rows], causes[rows], code[rows], k, of)
        score, covariance = score + more, covariance + spread
    within = covariance[1:, 1:]
    # in absolute terms too: rounding leaves 1e-32 where there is no variance at all
    smallest = 1e-10 * max(1.0, float(np.trace(within)))
    if np.linalg.matrix_rank(within, tol=smallest, hermitian=True) < k - 1:
        raise EstimationError(
            f"Gray's test: of the groups {', '.join(map(str, labels))}, at least one was never at "
            f"risk together with others at an event of cause {of}. Leave it out, or merge it."
        )
    statistic = float(score[1:] @ np.linalg.solve(within, score[1:]))
    return GrayTest(
        cause=of,
        statistic=statistic,
        df=k - 1,
        p=float(chi2.sf(statistic, k - 1)),
        score=tuple(score.tolist()),
        groups=labels,
    )


def gray_scores(
    times: Floats, causes: Integers, code: Integers, k: int, of: int
) -> tuple[Floats, Floats]:
    """Score of each group and the covariance of the scores, within one stratum.

    Parameters
    ----------
    times, causes, code
        Shape (n,), in any order; `code` runs from 0 to `k` - 1.

    Returns
    -------
    tuple
        Scores, shape (k,), and their covariance, shape (k, k).
    """
    at_risk, own, other = _counts(times, causes, code, k, of)
    some = (own + other).sum(axis=1) > 0
    if not some.any():
        # a stratum without events says nothing
        return np.zeros(k), np.zeros((k, k))
    at_risk, own, other = at_risk[some], own[some], other[some]
    present = at_risk > 0
    n = np.where(present, at_risk, 1.0)
    left = np.where(present, 1 - (own + other) / n, 1.0)
    survival = np.asarray(np.cumprod(left, axis=0), dtype=np.float64)
    before = np.vstack([np.ones(k), survival[:-1]])
    steps = before * np.where(present, own / n, 0.0)
    incidence = np.vstack([np.zeros(k), np.cumsum(steps, axis=0)[:-1]])

    # Each group's risk set of the subdistribution: at_risk (1 - F(t-)) / S(t-).
    inverse = np.divide(at_risk, before, out=np.zeros(at_risk.shape), where=present)
    risk = inverse * (1 - incidence)
    deaths = own.sum(axis=1)
    score: Floats = (own - risk * (deaths / risk.sum(axis=1))[:, None]).sum(axis=0)
    return score, _covariance(at_risk, own, other, survival, before, inverse)


def _counts(
    times: Floats, causes: Integers, code: Integers, k: int, of: int
) -> tuple[Floats, Floats, Floats]:
    """Count per distinct time and group: at risk, events of the cause, events of others."""
    distinct, row = np.unique(times, return_inverse=True)
    cell = row * k + code
    shape = (distinct.size, k)

    def count(rows: NDArray[np.bool_]) -> Floats:
        counts = np.bincount(cell[rows], minlength=shape[0] * k).reshape(shape)
        return counts.astype(np.float64)

    ended = count(np.ones(times.size, dtype=np.bool_))
    at_risk: Floats = np.cumsum(ended[::-1], axis=0)[::-1]
    return at_risk, count(causes == of), count((causes > 0) & (causes != of))


def _covariance(
    at_risk: Floats, own: Floats, other: Floats, survival: Floats, before: Floats, inverse: Floats
) -> Floats:
    """Covariance of the scores under one common incidence; all arguments have shape (m, k).

    A score is a sum over time of what each group's events add to it: directly, by the weight `a`
    of an event among those at risk, and through every later time, because the group's estimated
    survival and incidence enter the risk sets there; `c` sums those later weights.
    """
    k = at_risk.shape[1]
    deaths = own.sum(axis=1)
    total = inverse.sum(axis=1)
    common = np.cumsum(deaths / total)
    common_before = np.concatenate(([0.0], common[:-1]))
    if (common_before[deaths > 0] > 1 - 1e-10).any():
        raise EstimationError(
            "Gray's test: the pooled incidence reaches 1 before the last event of the cause, so "
            "that the variance does not exist. With so few patients, compare the counts by "
            "Fisher's exact test."
        )
    a = -inverse[:, :, None] * inverse[:, None, :] / total[:, None, None]
    diagonal = np.arange(k)
    a[:, diagonal, diagonal] += inverse
    hazard = np.divide(
        deaths, total * (1 - common_before), out=np.zeros(total.size), where=deaths > 0
    )
    c = np.cumsum(a * hazard[:, None, None], axis=0)
    to_come = c[-1] - c

    covariance = np.zeros((k, k))
    for g in range(k):
        n, left = at_risk[:, g], survival[:, g] > 0
        ratio = np.divide(1 - common, survival[:, g], out=np.zeros(n.size), where=left)
        # an event of the cause: expected ones, deaths * before / (total * n) each
        pooled = total * before[:, g]
        tied = np.divide(deaths - 1, pooled - 1, out=np.zeros(n.size), where=(deaths > 1) & (n > 0))
        jump = (1 - tied) * pooled * deaths / total**2
        spread = np.divide(jump, n, out=np.zeros(n.size), where=n > 0)
        effect = a[:, :, g] + (1 - ratio)[:, None] * to_come[:, :, g]
        covariance += np.einsum("t,ti,tj->ij", spread, effect, effect)
        # a competing event, which leaves the group's incidence as it is
        tied = np.maximum(other[:, g] - 1, 0.0) / np.maximum(n - 1, 1.0)
        jump = (1 - tied) * before[:, g] ** 2 * other[:, g] / np.maximum(n, 1.0) ** 2
        spread = np.where(left, jump, 0.0)
        effect = ratio[:, None] * to_come[:, :, g]
        covariance += np.einsum("t,ti,tj->ij", spread, effect, effect)
    return covariance
