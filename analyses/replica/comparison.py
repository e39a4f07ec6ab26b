"""Printed beside computed numbers, cell by cell.

A cell in which the two differ carries a mark, so that it stands out without colour: `≈` within one
unit of the last printed digit, `≠` further away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import pandas as pd

from replica.agreement import compare, round_half_up, show
from replica.estimate import MASKED, Estimate, Quantity
from replica.protocol import Study
from replica.published import QUANTITY, PublishedValue

Kind = Literal[
    "count",
    "ratio",
    "odds",
    "interval",
    "range",
    "p",
    "rate",
    "median",
    "number",
    "quartiles",
    "mean",
    "difference",
]

PATTERNS: Mapping[Kind, tuple[tuple[str, ...], str]] = {
    "count": (("n", "percent"), "{} ({})"),
    "ratio": (("hr", "ci_low", "ci_high"), "{} ({}–{})"),  # noqa: RUF001 - an en dash between numbers
    "odds": (("or", "ci_low", "ci_high"), "{} ({}–{})"),  # noqa: RUF001 - as above
    "interval": (("median", "ci_low", "ci_high"), "{} ({}–{})"),  # noqa: RUF001 - as above
    "range": (("median", "min", "max"), "{} ({}–{})"),  # noqa: RUF001 - as above
    "p": (("p",), "{}"),
    "rate": (("rate",), "{}"),
    "median": (("median",), "{}"),
    "number": (("n",), "{}"),
    "quartiles": (("median", "q1", "q3"), "{} ({}–{})"),  # noqa: RUF001 - as above
    "mean": (("mean", "sd"), "{} ({})"),
    "difference": (("risk_difference",), "{}"),
}
DIGITS = {"n": 0, "percent": 1, "p": 3, "rate": 1, "min": 0, "max": 0}
MARKS = {"reproduced": "", "rounding": " ≈", "different": " ≠"}
NOT_PRINTED = "·"
MISSING = "?"
NOT_ESTIMABLE = "not estimable"
NOT_ENTERED = "not entered"


@dataclass(frozen=True)
class Cell:
    """A quantity and how it is written: as a count, a ratio with interval, a p value, ..."""

    quantity: Quantity
    kind: Kind


Line = tuple[str, Mapping[str, Cell]]
"""A row of a table: its label and its cells by column heading."""


@dataclass(frozen=True)
class Comparison:
    """Printed and computed numbers of one study, found by the quantity they belong to."""

    study: Study
    printed: Mapping[tuple[str, ...], PublishedValue]
    computed: Mapping[tuple[str, ...], Estimate]

    @classmethod
    def of(
        cls, study: Study, published: Iterable[PublishedValue], computed: Iterable[Estimate]
    ) -> Comparison:
        """Index both by quantity; the first of several places where a number is printed counts."""
        by_place: dict[tuple[str, ...], PublishedValue] = {}
        for row in published:
            # A number in words ("two cycles") gives way to digits printed elsewhere.
            known = by_place.get(row.key)
            if known is None or _has_digits(row.printed) > _has_digits(known.printed):
                by_place[row.key] = row
        by_key: dict[tuple[str, ...], Estimate] = {}
        for estimate in computed:
            by_key.setdefault(estimate.key, estimate)
        return cls(study, by_place, by_key)

    def texts(self, cell: Cell) -> tuple[str, str]:
        """What is printed and what is reproduced in a cell, the latter with its mark."""
        statistics, pattern = PATTERNS[cell.kind]
        keys = [_key(cell.quantity, statistic) for statistic in statistics]
        rows = [self.printed.get(key) for key in keys]
        values = [self.computed.get(key) for key in keys]
        printed = [row.printed if row else "" for row in rows]
        if values[0] is not None and values[0].masked:
            return _fill(pattern, printed, NOT_PRINTED), MASKED
        shown = [
            _value(value, row, statistic)
            for value, row, statistic in zip(values, rows, statistics, strict=True)
        ]
        mark = max(
            (_mark(value, row) for value, row in zip(values, rows, strict=True)),
            key=list(MARKS.values()).index,
        )
        left_out = NOT_ENTERED if cell.quantity.model == "multivariable" else NOT_ESTIMABLE
        nothing = left_out if any(values) else NOT_PRINTED
        return _fill(pattern, printed, NOT_PRINTED), _fill(pattern, shown, nothing) + mark

    def test(self, cells: Mapping[str, Cell]) -> str:
        """Name the test behind the p value of a line; empty if it has none."""
        for cell in cells.values():
            estimate = self.computed.get(_key(cell.quantity, "p")) if cell.kind == "p" else None
            if estimate is not None:
                return estimate.method
        return ""


def _has_digits(printed: str) -> bool:
    return any(character.isdigit() for character in printed)


def _key(quantity: Quantity, statistic: str) -> tuple[str, ...]:
    named = {**vars(quantity), "statistic": statistic}
    return tuple(named[name] for name in QUANTITY)


def _value(estimate: Estimate | None, row: PublishedValue | None, statistic: str) -> str:
    exact = estimate.exact if estimate else None
    if exact is None:
        # what the data do not reach, where the paper says the same
        return row.printed if estimate and row and row.value.not_reached else ""
    if row is not None and row.value.kind != "text":
        return show(exact, row.value)
    if statistic == "p" and exact < Fraction(1, 1000):
        return "<0.001"
    return round_half_up(exact, DIGITS.get(statistic, 2))


def _mark(estimate: Estimate | None, row: PublishedValue | None) -> str:
    if row is None or estimate is None or estimate.masked:
        return ""
    value, printed = estimate.exact, row.value
    if printed.not_reached:
        return MARKS["reproduced" if value is None else "different"]
    if printed.kind == "text":
        return ""
    return MARKS["different" if value is None else compare(value, printed)]


def _fill(pattern: str, parts: Sequence[str], nothing: str) -> str:
    """Fill a pattern; parts missing beside a first one show as `?`, a first one alone as itself."""
    if not any(parts):
        return nothing
    if not any(parts[1:]):
        return parts[0]
    return pattern.format(*(part or MISSING for part in parts))


def side_by_side(comparison: Comparison, lines: Sequence[Line], *, label: str) -> pd.DataFrame:
    """Lay lines out with a printed and a reproduced column under each heading.

    Parameters
    ----------
    comparison
        Where to look numbers up.
    lines
        Rows in order; a row without cells is a heading.
    label
        Heading of the column of labels.
    """
    # The fullest line comes first, so that a heading line with a p value alone does not put the
    # p value before the arms.
    fullest = sorted(lines, key=lambda line: -len(line[1]))
    headings = list(dict.fromkeys(heading for _, cells in fullest for heading in cells))
    headings.sort(key=lambda heading: heading == "p")
    pairs = [(heading, side) for heading in headings for side in ("printed", "reproduced")]
    rows = []
    for name, cells in lines:
        row = [name]
        for heading in headings:
            row += comparison.texts(cells[heading]) if heading in cells else ("", "")
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame.columns = pd.MultiIndex.from_tuples([("", label), *pairs])
    return frame


def _number(row: PublishedValue | None) -> float:
    return float(row.value.value) if row and row.value.kind == "number" else float("nan")


def subgroup_frame(comparison: Comparison, effects: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Treatment effects by subgroup, with what is printed of them, ready for a forest plot.

    `constrained` marks rows with a printed result; on a synthetic cohort the others follow from
    nothing that the paper says.
    """
    study = comparison.study
    rows = []
    for _, effect in effects.iterrows():
        covariate = study.covariate(str(effect["covariate"]))
        quantity = Quantity(
            "treatment",
            outcome=outcome,
            arm="treated",
            comparator="control",
            subgroup=f"{covariate.key}={effect['level']}",
            stage="before",
            model="crude",
        )
        row = comparison.printed.get(_key(quantity, "hr"))
        rows.append(
            {
                "group_label": covariate.label,
                "label": covariate.level(str(effect["level"])).label,
                **{name: effect[name] for name in ("n", "events", "hazard_ratio")},
                **{name: effect[name] for name in ("ci_low", "ci_high", "p")},
                "constrained": row is not None,
                "printed": comparison.texts(Cell(quantity, "ratio"))[0],
                "printed_hazard_ratio": _number(row),
            }
        )
    return pd.DataFrame(rows)
