"""How far the propensity scores of the two arms overlap: common support and equipoise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from replica.errors import ParameterError, one_of
from replica.protocol import ARM_KEYS, DISCARDS, Discard

__all__ = ["common_support", "equipoise", "preference_score"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def common_support(score: ArrayLike, treated: ArrayLike, discard: Discard) -> Bools:
    """Mark the units to keep: those whose score lies within the range of the other arm's.

    Parameters
    ----------
    score
        Propensity scores, shape (n,).
    treated
        Arm of each unit, shape (n,).
    discard
        Whom to leave out: `none`; `treated` below the lowest or above the highest control;
        `control` below the lowest or above the highest treated; or `both`. A score equal to the
        end of the range is kept.

    Returns
    -------
    array
        True for the units kept, shape (n,).

    Raises
    ------
    ParameterError
        If the choice is unknown, a score is not finite or an arm is empty.

    Notes
    -----
    R's MatchIt (`discard`); Dehejia and Wahba, J Am Stat Assoc 1999;94:1053-1062.
    """
    if discard not in DISCARDS:
        raise ParameterError(f"discard: {one_of(discard, DISCARDS)}")
    value, arm = _checked(score, treated)
    keep = np.ones(value.size, dtype=np.bool_)
    for rows, others, name in ((arm, ~arm, "treated"), (~arm, arm, "control")):
        if discard in (name, "both"):
            low, high = value[others].min(), value[others].max()
            keep[rows] = (value[rows] >= low) & (value[rows] <= high)
    return keep


def _checked(score: ArrayLike, treated: ArrayLike) -> tuple[Floats, Bools]:
    value = np.asarray(score, dtype=np.float64)
    arm = np.asarray(treated, dtype=np.bool_)
    if value.ndim != 1 or arm.shape != value.shape or not np.isfinite(value).all():
        raise ParameterError(
            f"found shapes {value.shape} (score) and {arm.shape} (treated) and "
            f"{int((~np.isfinite(value)).sum())} missing or infinite scores; needed: one finite "
            "score and one arm per patient."
        )
    if arm.all() or not arm.any():
        raise ParameterError(
            f"found {int(arm.sum())} treated and {int((~arm).sum())} control patients; overlap "
            "compares two arms."
        )
    return value, arm


def preference_score(score: pd.Series[float], treated: ArrayLike) -> pd.DataFrame:
    """Preference score of each patient: the propensity score freed of how common treatment is.

    `logit(preference) = logit(propensity) - logit(share treated)`, so that 0.5 means a patient for
    whom the treatment is as likely as it is on the whole.

    Parameters
    ----------
    score
        Propensity scores strictly between 0 and 1, indexed by patient.
    treated
        Arm of each patient, in the same order, shape (n,).

    Returns
    -------
    DataFrame
        `patient_id` (the index of `score`), `arm`, `propensity_score`, `preference_score`.

    Raises
    ------
    ParameterError
        If a score is not between 0 and 1 or an arm is empty.

    Notes
    -----
    Walker et al., Comparative Effectiveness Research 2013;3:11-20.
    """
    value, arm = _checked(score, treated)
    if not ((value > 0) & (value < 1)).all():
        raise ParameterError(
            f"found propensity scores from {value.min():g} to {value.max():g}; a preference score "
            "needs them strictly between 0 and 1."
        )
    return pd.DataFrame(
        {
            "patient_id": score.index.to_numpy(),
            "arm": np.where(arm, "treated", "control"),
            "propensity_score": value,
            "preference_score": expit(logit(value) - logit(arm.mean())),
        }
    )


def equipoise(preference: pd.DataFrame, low: float = 0.3, high: float = 0.7) -> pd.DataFrame:
    """Share of each arm in equipoise: with a preference score between `low` and `high`, ends in.

    Parameters
    ----------
    preference
        A frame with `arm` and `preference_score`, as `preference_score` makes it.
    low, high
        Ends of the range of equipoise.

    Returns
    -------
    DataFrame
        Rows `treated`, `control` and `all`: `arm`, `n`, `in_equipoise`, `share`, `low`, `high`.

    Raises
    ------
    ParameterError
        If the range is empty or outside (0, 1), or an arm has no patients.

    Notes
    -----
    Walker et al. (2013) call drugs in empirical equipoise when at least half of the patients of
    each lie between 0.3 and 0.7.
    """
    if not 0 < low < high < 1:
        raise ParameterError(f"equipoise: found {low} to {high}; needed: 0 < low < high < 1.")
    value = preference["preference_score"].to_numpy(dtype=np.float64)
    inside = (value >= low) & (value <= high)
    rows = []
    for arm in (*ARM_KEYS, "all"):
        of = np.ones(value.size, dtype=np.bool_)
        if arm != "all":
            of = np.asarray(preference["arm"] == arm, dtype=np.bool_)
        n, found = int(of.sum()), int((of & inside).sum())
        if n == 0:
            raise ParameterError(f"equipoise: found no patient of the arm {arm!r}.")
        rows.append((arm, n, found, found / n, low, high))
    return pd.DataFrame(rows, columns=["arm", "n", "in_equipoise", "share", "low", "high"])
