"""The numbers that a paper prints, one row each, kept verbatim and compared as exact rationals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pandas as pd

from replica.errors import PublishedTableError, one_of
from replica.paths import published_path

STATISTICS = (
    "n",
    "count_total",
    "percent",
    "median",
    "q1",
    "q3",
    "mean",
    "sd",
    "min",
    "max",
    "p",
    "hr",
    "or",
    "rr",
    "ci_low",
    "ci_high",
    "rate",
    "risk_difference",
    "smd",
    "setting",
)
STAGES = ("", "before", "after")
MODELS = ("", "crude", "univariable", "multivariable")

WORDS = {
    "one": 1,
    "single": 1,
    "two": 2,
    "three": 3,
    "thirty-four": 34,
    "sixty-six": 66,
}

NOT_REACHED = "not reached"

_NUMBER = re.compile(r"([<>]?)\s*(-?)(\d{1,3}(?:,\d{3})+|\d+)?(?:\.(\d+))?\Z")
_DECIMAL_COMMA = re.compile(r"[<>]?\s*-?\d+,\d{1,2}\Z")

Kind = Literal["number", "below", "above", "text"]


@dataclass(frozen=True)
class Printed:
    """What a printed string says: a rounded number, a bound (`<0.001`), or words.

    `value` is the number as printed and `digits` its decimal places; a rounded number stands for
    the interval [value - half a unit, value + half a unit), as rounding half up makes it.
    """

    text: str
    kind: Kind
    value: Fraction = Fraction(0)
    digits: int = 0

    @property
    def not_reached(self) -> bool:
        """Whether the paper says that a time was not reached within follow-up."""
        return self.kind == "text" and self.text.strip().casefold() == NOT_REACHED

    @property
    def unit(self) -> Fraction:
        """One unit of the last printed digit."""
        return Fraction(1, 10**self.digits)

    def admits(self, value: Fraction) -> bool:
        """Whether an exact value, rounded half up, would be printed like this."""
        if self.kind == "below":
            return value < self.value
        if self.kind == "above":
            return value > self.value
        if self.kind == "number":
            return self.value - self.unit / 2 <= value < self.value + self.unit / 2
        return False

    def within_a_unit(self, value: Fraction) -> bool:
        """Whether an exact value, rounded half up, is at most one unit of the last digit away."""
        if self.kind == "number":
            low, high = self.value - self.unit * 3 / 2, self.value + self.unit * 3 / 2
            return low <= value < high
        return self.admits(value)

    def bounds(self) -> tuple[float, float]:
        """Return the closed interval of values that would be printed like this (for searches)."""
        if self.kind == "number":
            half = self.unit / 2
            return float(self.value - half), float(self.value + half)
        if self.kind == "below":
            return float("-inf"), float(self.value)
        if self.kind == "above":
            return float(self.value), float("inf")
        raise PublishedTableError(f"found {self.text!r}, which is words; no interval of numbers.")


def parse_printed(text: str) -> Printed:
    """Read a printed string as a number, a bound or words; damaged commas count as points.

    `2,157` is a thousand's comma, `82,4` a decimal one; `one-to-one`, dates, `not reached` and
    malformed numbers (`1,2,3`) are words and keep no value.
    """
    stripped = text.strip()
    if stripped.lower() in WORDS:
        return Printed(text, "number", Fraction(WORDS[stripped.lower()]))
    candidate = stripped.replace("\u2212", "-")
    if _DECIMAL_COMMA.match(candidate):
        candidate = candidate.replace(",", ".")
    match = _NUMBER.match(candidate)
    if match is None or not (match[3] or match[4]):
        return Printed(text, "text")
    whole, decimals = (match[3] or "0").replace(",", ""), match[4] or ""
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    kind: Kind = {"": "number", "<": "below", ">": "above"}[match[1]]  # type: ignore[assignment]  # a dict of literals
    return Printed(text, kind, -value if match[2] else value, len(decimals))


@dataclass(frozen=True)
class PublishedValue:
    """One printed number: which quantity it is, where it stands, and how it was printed."""

    id: str
    estimate_id: str
    where: str
    item: str
    level: str
    outcome: str
    arm: str
    comparator: str
    subgroup: str
    stage: str
    model: str
    time: str
    statistic: str
    unit: str
    printed: str
    note: str

    @property
    def key(self) -> tuple[str, ...]:
        """The quantity itself: equal for the same quantity printed in two places."""
        return tuple(getattr(self, name) for name in QUANTITY)

    @property
    def value(self) -> Printed:
        """The printed string, read."""
        return parse_printed(self.printed)


QUANTITY = (
    "item",
    "level",
    "outcome",
    "arm",
    "comparator",
    "subgroup",
    "stage",
    "model",
    "time",
    "statistic",
)
COLUMNS = tuple(field.name for field in fields(PublishedValue))


def read_published(path: Path) -> tuple[PublishedValue, ...]:
    """Read a table of printed numbers and check its shape and vocabulary.

    Raises
    ------
    PublishedTableError
        If the file is missing, its header differs, an id stands twice or a word is unknown; the
        message names the line.
    """
    if not path.is_file():
        raise PublishedTableError(f"found no table of printed numbers at {path}.")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if tuple(frame.columns) != COLUMNS:
        raise PublishedTableError(
            f"{path.name}: found the columns {', '.join(frame.columns)}; "
            f"expected exactly {', '.join(COLUMNS)}."
        )
    rows = tuple(PublishedValue(*row) for row in frame.itertuples(index=False, name=None))
    _check(rows, path.name)
    return rows


def _check(rows: Iterable[PublishedValue], name: str) -> None:
    seen: set[str] = set()
    for line, row in enumerate(rows, start=2):
        place = f"{name}, line {line} ({row.id})"
        if row.id in seen:
            raise PublishedTableError(f"{place}: this id stands twice; ids must be unique.")
        seen.add(row.id)
        for column, allowed in (("statistic", STATISTICS), ("stage", STAGES), ("model", MODELS)):
            if getattr(row, column) not in allowed:
                raise PublishedTableError(f"{place}: {one_of(getattr(row, column), allowed)}")
        if not row.printed and not row.note:
            raise PublishedTableError(f"{place}: nothing printed and no note that says why.")


def load_published(study_key: str) -> tuple[PublishedValue, ...]:
    """Read the printed numbers of one of the package's studies."""
    return read_published(published_path(study_key))
