"""E-values: how strong an unmeasured confounder would have to be to explain a ratio away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from replica.errors import ParameterError, one_of

Measure = Literal["risk_ratio", "hazard_ratio", "odds_ratio"]
Occurrence = Literal["rare", "common"]

MEASURES: tuple[Measure, ...] = get_args(Measure)
OCCURRENCES: tuple[Occurrence, ...] = get_args(Occurrence)

LARGE_FACTOR = 1e150
"""Above it RR (RR - 1) leaves the range of floating-point numbers."""


@dataclass(frozen=True)
class EValue:
    """The E-value of a ratio and of its interval, with the ratio on the scale of risk ratios.

    `interval` is None where no interval was given; `risk_low` and `risk_high` then are too.
    """

    risk_ratio: float
    risk_low: float | None
    risk_high: float | None
    point: float
    interval: float | None


def e_value(
    ratio: float,
    low: float | None = None,
    high: float | None = None,
    *,
    measure: Measure,
    occurrence: Occurrence,
) -> EValue:
    """Return the E-value of a ratio and of the end of its interval nearer 1.

    Parameters
    ----------
    ratio
        The estimate, above 0.
    low, high
        Both ends of its confidence interval, or neither.
    measure
        What the ratio is. A risk ratio is taken as it is.
    occurrence
        Whether the outcome is `rare` (less than 15% by the end of follow-up), so that a hazard or
        odds ratio is close to the risk ratio, or `common`, so that it is converted first.

    Raises
    ------
    ParameterError
        If a number is not positive and finite, only one end is given, the ratio lies outside its
        interval, or a word is unknown.

    Notes
    -----
    VanderWeele and Ding, Annals of Internal Medicine 2017;167:268-274: RR + sqrt(RR (RR - 1)) for a
    risk ratio of at least 1, of its inverse below 1; 1 for an interval that holds 1. The same paper
    gives the conversions of common outcomes: (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)) for a hazard
    ratio, the square root of an odds ratio. R's EValue package computes the same.
    """
    _check(ratio, low, high, measure, occurrence)
    point = as_risk_ratio(ratio, measure, occurrence)
    if low is None or high is None:
        return EValue(point, None, None, _of_risk_ratio(point), None)
    ends = [as_risk_ratio(end, measure, occurrence) for end in (low, high)]
    nearer = 1.0 if low <= 1 <= high else ends[0] if low > 1 else ends[1]
    return EValue(point, ends[0], ends[1], _of_risk_ratio(point), _of_risk_ratio(nearer))


def as_risk_ratio(ratio: float, measure: Measure, occurrence: Occurrence) -> float:
    """Return a positive ratio on the scale of risk ratios, approximately if it is none."""
    if measure == "risk_ratio" or occurrence == "rare":
        return ratio
    if measure == "odds_ratio":
        return math.sqrt(ratio)
    # 1 - 0.5^x without the loss of digits that a small x would bring
    return _half_power(math.sqrt(ratio)) / _half_power(math.sqrt(1 / ratio))


def _half_power(x: float) -> float:
    return -math.expm1(-x * math.log(2))


def _of_risk_ratio(ratio: float) -> float:
    away = ratio if ratio >= 1 else 1 / ratio
    if away > LARGE_FACTOR:
        raise ParameterError(
            f"E-value: found the risk ratio {ratio:g}; allowed: up to {LARGE_FACTOR:g} and its "
            "inverse. A ratio like this comes from a model without a finite estimate."
        )
    return away + math.sqrt(away * (away - 1))


def _check(
    ratio: float, low: float | None, high: float | None, measure: str, occurrence: str
) -> None:
    if measure not in MEASURES:
        raise ParameterError(f"E-value, measure: {one_of(measure, MEASURES)}")
    if occurrence not in OCCURRENCES:
        raise ParameterError(f"E-value, occurrence: {one_of(occurrence, OCCURRENCES)}")
    if (low is None) != (high is None):
        raise ParameterError(
            "E-value: found one end of an interval; allowed: both ends or neither."
        )
    for name, value in (("ratio", ratio), ("low", low), ("high", high)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ParameterError(
                f"E-value, {name}: found {value}; allowed: a finite number above 0, not its "
                "logarithm."
            )
    if low is not None and high is not None and not low <= ratio <= high:
        raise ParameterError(
            f"E-value: found the ratio {ratio:g} outside its interval {low:g} to {high:g}; one of "
            "the three numbers must be wrong, so none of them is used."
        )
