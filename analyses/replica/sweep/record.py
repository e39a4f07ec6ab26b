"""What one run leaves behind: a flat row, the same columns for every study."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import ndtr, ndtri

Value = str | int | float | bool | None
Values = Mapping[str, Value]
Record = dict[str, Value]

RESULTS: dict[str, type] = {
    "pairs": int,
    "treated": int,
    "control": int,
    "largest_smd": float,
    "mean_smd": float,
    "events": int,
    "hazard_ratio": float,
    "ci_low": float,
    "ci_high": float,
    "p": float,
    "errors": str,
    "reason": str,
}
"""Columns of results.

`pairs` counts matched pairs of a treated and a control patient, `treated` and `control` the
patients in them, each once. `largest_smd` and `mean_smd` are over the absolute standardized mean
differences after matching. `errors` names the standard error behind interval and p value;
`reason` says why a run has no hazard ratio and is empty if it has one.
"""


def refused(reason: str) -> Record:
    """Results of a run that has none, with the reason."""
    return {**dict.fromkeys(RESULTS), "reason": reason}


def wald(coefficient: float, std_error: float) -> Record:
    """Hazard ratio with its 95% interval and p value, from a coefficient and its error."""
    reach = float(ndtri(0.975)) * std_error
    return {
        "hazard_ratio": math.exp(coefficient),
        "ci_low": math.exp(coefficient - reach),
        "ci_high": math.exp(coefficient + reach),
        "p": float(2 * ndtr(-abs(coefficient / std_error))),
    }


def differences(smd: Mapping[str, float]) -> Record:
    """Largest and mean absolute standardized mean difference; those that do not exist left out."""
    sizes = np.abs([value for value in smd.values() if math.isfinite(value)])
    if not sizes.size:
        return {"largest_smd": None, "mean_smd": None}
    return {"largest_smd": float(sizes.max()), "mean_smd": float(sizes.mean())}
