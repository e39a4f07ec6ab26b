"""Numbers as a paper prints them, and rows of a published table made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from replica.published import COLUMNS, PublishedValue

_UNITS = {"n": "patients", "count_total": "patients", "percent": "percent"}


@dataclass(frozen=True)
class Style:
    """How a journal prints: decimals of percents, ratios and p values, tests and summaries.

    `test` is `pearson`, `yates` or `fisher`; `named` says whether the methods name it. `spread` is
    `mean` (with SD) or `median` (with quartiles and range).
    """

    percent: int = 1
    ratio: int = 2
    p: int = 3
    test: str = "pearson"
    named: bool = True
    spread: str = "mean"


def rounded(value: Fraction | float, digits: int) -> str:
    """Write a number with a fixed number of decimals, halves going up."""
    exact = Fraction(value)
    scaled = math.floor(abs(exact) * 10**digits + Fraction(1, 2))
    whole, decimals = divmod(scaled, 10**digits)
    sign = "-" if exact < 0 and scaled else ""
    return f"{sign}{whole}.{decimals:0{digits}d}" if digits else f"{sign}{whole}"


def truncated(value: Fraction, digits: int) -> str:
    """Write a number that is not negative with its further decimals cut off."""
    whole, decimals = divmod(math.floor(value * 10**digits), 10**digits)
    return f"{whole}.{decimals:0{digits}d}" if digits else f"{whole}"


def p_text(p: float, digits: int) -> str:
    """Write a p value; below a unit of the last digit as a bound."""
    return f"<{rounded(Fraction(1, 10**digits), digits)}" if p < 10**-digits else rounded(p, digits)


def rows(name: str, printed: Mapping[str, str], **columns: str) -> list[PublishedValue]:
    """Make the rows of one estimate: `printed` maps a statistic to its text."""
    made = []
    for statistic, text in printed.items():
        values = dict.fromkeys(COLUMNS, "")
        values |= {"unit": _UNITS.get(statistic, "")} | columns
        values |= {"id": f"{name}.{statistic}", "estimate_id": name}
        values |= {"statistic": statistic, "printed": text}
        made.append(PublishedValue(**values))
    return made
