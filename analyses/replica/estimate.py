"""One computed number, named by the same words as a printed one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import pandas as pd

from replica.errors import EstimationError
from replica.published import QUANTITY

Value = float | Fraction | None

MASKED = "masked"
"""How the method of a number begins that is not shown because it tells of few patients."""


@dataclass(frozen=True)
class Quantity:
    """What is estimated: the columns by which a printed and a computed number find each other.

    Everything but the statistic, which `estimates` adds: a hazard ratio, both ends of its
    interval and its p value are four statistics of one quantity.
    """

    item: str
    level: str = ""
    outcome: str = ""
    arm: str = ""
    comparator: str = ""
    subgroup: str = ""
    stage: str = ""
    model: str = ""
    time: str = ""


@dataclass(frozen=True)
class Estimate:
    """One computed number; `value` is exact (a fraction) where it is a share of counts.

    A value of None means not estimable, and `method` then gives the reason.

    Raises
    ------
    EstimationError
        If the value is NaN or infinite: no such number may pass for a result.
    """

    quantity: Quantity
    statistic: str
    value: Value
    method: str

    def __post_init__(self) -> None:
        """Refuse a value that is no number."""
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise EstimationError(
                f"{self.quantity.item}, {self.statistic}: found {self.value}; allowed: finite "
                "numbers, or None for not estimable with the reason as the method."
            )

    @property
    def exact(self) -> Fraction | None:
        """The value as a fraction; a float's digits beyond the 12th are noise and left out.

        Without this 100 * 0.285 would lie a hair below 28.5 and round down.
        """
        if isinstance(self.value, float):
            return Fraction(f"{self.value:.12g}")
        return self.value

    @property
    def masked(self) -> bool:
        """Whether the value is known and not shown."""
        return self.value is None and self.method.startswith(MASKED)

    @property
    def key(self) -> tuple[str, ...]:
        """The quantity as `PublishedValue.key` gives it."""
        named = {**vars(self.quantity), "statistic": self.statistic}
        return tuple(named[name] for name in QUANTITY)


def estimates(quantity: Quantity, values: Mapping[str, Value], method: str) -> list[Estimate]:
    """Make one estimate for each statistic of a quantity; NaN and infinity become not estimable."""
    return [
        Estimate(quantity, statistic, _none_unless_finite(value), method)
        for statistic, value in values.items()
    ]


def _none_unless_finite(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def estimate_frame(rows: Iterable[Estimate]) -> pd.DataFrame:
    """Lay estimates out as a tidy frame: the quantity's columns, statistic, value, method."""
    return pd.DataFrame(
        [
            {
                **vars(row.quantity),
                "statistic": row.statistic,
                "value": math.nan if row.value is None else float(row.value),
                "method": row.method,
            }
            for row in rows
        ],
        columns=[*vars(Quantity("")), "statistic", "value", "method"],
    )
