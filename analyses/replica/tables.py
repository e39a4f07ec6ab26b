"""The tables that pages show: printed beside reproduced, cell by cell.

A cell in which the two differ carries a mark, so that it stands out without colour: `≈` within one
unit of the last printed digit, `≠` further away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import pandas as pd

from replica.agreement import compare, round_half_up, show
from replica.estimate import Estimate, Quantity
from replica.protocol import ARM_KEYS, Categorical, Characteristic, CurvePlan, Study
from replica.published import QUANTITY, PublishedValue

Kind = Literal["count", "ratio", "interval", "range", "p", "rate", "median", "number"]

PATTERNS: Mapping[Kind, tuple[tuple[str, ...], str]] = {
    "count": (("n", "percent"), "{} ({})"),
    "ratio": (("hr", "ci_low", "ci_high"), "{} ({}–{})"),  # noqa: RUF001 - an en dash between numbers
    "interval": (("median", "ci_low", "ci_high"), "{} ({}–{})"),  # noqa: RUF001 - as above
    "range": (("median", "min", "max"), "{} ({}–{})"),  # noqa: RUF001 - as above
    "p": (("p",), "{}"),
    "rate": (("rate",), "{}"),
    "median": (("median",), "{}"),
    "number": (("n",), "{}"),
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


def _has_digits(printed: str) -> bool:
    return any(character.isdigit() for character in printed)


def _key(quantity: Quantity, statistic: str) -> tuple[str, ...]:
    named = {**vars(quantity), "statistic": statistic}
    return tuple(named[name] for name in QUANTITY)


def _value(estimate: Estimate | None, row: PublishedValue | None, statistic: str) -> str:
    exact = estimate.exact if estimate else None
    if exact is None:
        return ""
    if row is not None and row.value.kind != "text":
        return show(exact, row.value)
    if statistic == "p" and exact < Fraction(1, 1000):
        return "<0.001"
    return round_half_up(exact, DIGITS.get(statistic, 2))


def _mark(estimate: Estimate | None, row: PublishedValue | None) -> str:
    if row is None or estimate is None:
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


def count_lines(
    study: Study, columns: Sequence[Categorical], stage: Literal["before", "after"]
) -> list[Line]:
    """Lines of a table of counts by arm with the test between the arms, as Table 1 of a paper."""
    lines: list[Line] = []
    for column in columns:
        p = {"p": Cell(Quantity(column.key, "", "", "treated", "control", "", stage), "p")}
        if isinstance(column, Characteristic) and column.level_keys == ("yes", "no"):
            lines.append((column.label, _by_arm(study, Quantity(column.key, stage=stage)) | p))
            continue
        lines.append((column.label, p))
        for level in column.levels:
            quantity = Quantity(column.key, level.key, stage=stage)
            lines.append((f"\u2003{level.label}", _by_arm(study, quantity)))
    return lines


def endpoint_lines(study: Study, stage: Literal["before", "after"]) -> list[Line]:
    """Lines of the yes/no endpoints of a study."""
    return [
        (
            endpoint.label,
            _by_arm(study, Quantity(endpoint.key, stage=stage))
            | {"p": Cell(Quantity(endpoint.key, "", "", "treated", "control", "", stage), "p")},
        )
        for endpoint in study.endpoints
    ]


def _by_arm(study: Study, quantity: Quantity, kind: Kind = "count") -> dict[str, Cell]:
    return {study.arm_label(arm): Cell(replace(quantity, arm=arm), kind) for arm in ARM_KEYS}


def treatment_lines(study: Study) -> list[Line]:
    """Lines of what else is reported by arm: characteristics of treatment and measures."""
    lines: list[Line] = []
    for characteristic in study.characteristics:
        if characteristic.level_keys == ("yes", "no") or characteristic.follows:
            continue
        lines.append((characteristic.label, {}))
        for level in characteristic.levels:
            quantity = Quantity(characteristic.key, level.key, stage="before")
            cells = _by_arm(study, quantity)
            lines.append((f"\u2003{level.label}", cells))
    for measure in study.measures:
        quantity = Quantity(measure.key, stage="before")
        label = f"{measure.label}, median (range)"
        overall = {"All": Cell(replace(quantity, arm="all"), "range")}
        lines.append((label, _by_arm(study, quantity, "range") | overall))
    return lines


def model_lines(
    study: Study, outcome: str, model: Literal["univariable", "multivariable"]
) -> list[Line]:
    """Lines of the univariable or multivariable Cox models of an outcome."""
    lines: list[Line] = []
    for plan in study.models:
        if plan.outcome != outcome:
            continue
        for key in plan.covariates:
            covariate = study.covariate(key)
            reference = covariate.level(covariate.reference).label
            two = len(covariate.levels) == 2
            compared = (covariate.contrast,) if two else covariate.level_keys
            for level in compared:
                if level == covariate.reference:
                    continue
                of = "" if two else level
                quantity = Quantity(key, of, outcome, plan.arm, stage="before", model=model)
                cells = {"HR (95% CI)": Cell(quantity, "ratio"), "p": Cell(quantity, "p")}
                label = f"{covariate.label}: {covariate.level(level).label} against {reference}"
                lines.append((label, cells))
    return lines


def curve_lines(study: Study, exhibits: Sequence[str]) -> list[Line]:
    """Lines of what is read off Kaplan-Meier curves: medians and rates.

    The exhibits named must compare the same groups: these are the columns.
    """
    lines: list[Line] = []
    for plan in study.curves:
        if plan.exhibit not in exhibits:
            continue
        outcome = study.outcome(plan.outcome)
        exhibit = study.exhibit(plan.exhibit)
        groups = _curve_groups(study, plan)
        lines.append((f"{exhibit.where}: {exhibit.title}", {}))
        medians = {label: Cell(quantity, "interval") for label, quantity in groups.items()}
        lines.append((f"\u2003Median, {outcome.unit} (95% CI)", medians))
        for time in outcome.rate_times:
            rates = {
                label: Cell(replace(quantity, time=f"{time} {outcome.unit}"), "rate")
                for label, quantity in groups.items()
            }
            unit = outcome.unit.removesuffix("s")
            lines.append((f"\u2003{time}-{unit} rate, %", rates))
    return lines


def comparison_lines(study: Study, exhibits: Sequence[str]) -> list[Line]:
    """Lines of how the curves of each exhibit compare: hazard ratio of treatment, log-rank test."""
    lines: list[Line] = []
    for plan in study.curves:
        if plan.exhibit not in exhibits:
            continue
        stage, outcome = plan.stage, plan.outcome
        cells: dict[str, Cell] = {}
        if plan.by == "arm":
            what = f"{stage} matching"
            of = Quantity("treatment", "", outcome, "treated", "control", "", stage, "crude")
            cells["HR (95% CI)"] = Cell(of, "ratio")
        else:
            what = f"by {study.covariate(plan.by).label}"
            of = Quantity(plan.by, "", outcome, plan.within or "all", stage=stage, model="crude")
        cells["Log-rank p"] = Cell(of, "p")
        where = study.exhibit(plan.exhibit).where
        lines.append((f"{where}: {study.outcome(outcome).short} {what}", cells))
    return lines


def _curve_groups(study: Study, plan: CurvePlan) -> dict[str, Quantity]:
    """The groups that a figure's curves show, by label."""
    base = Quantity("survival", outcome=plan.outcome, stage=plan.stage)
    if plan.by == "arm":
        return {study.arm_label(arm): replace(base, arm=arm) for arm in ARM_KEYS}
    covariate = study.covariate(plan.by)
    within = replace(base, arm=plan.within or "all")
    return {
        f"{covariate.label}: {level.label}": replace(within, subgroup=f"{plan.by}={level.key}")
        for level in covariate.levels
    }


def pooled_lines(study: Study) -> list[Line]:
    """Lines of what is reported for both arms together: sizes, medians, follow-up."""
    lines: list[Line] = []
    stages: tuple[Literal["before", "after"], ...] = ("before", "after")
    for stage in stages:
        sizes = {
            **_by_arm(study, Quantity("patients", stage=stage), "number"),
            "All": Cell(Quantity("patients", arm="all", stage=stage), "number"),
        }
        lines.append((f"Patients {stage} matching", sizes))
        for outcome in study.outcomes:
            quantity = Quantity("survival", outcome=outcome.key, arm="all", stage=stage)
            label = f"Median {outcome.short} {stage} matching, {outcome.unit}"
            lines.append((label, {"All": Cell(quantity, "median")}))
    follow_up = Quantity("follow_up", arm="all", stage="before")
    unit = study.outcomes[-1].unit
    lines.append((f"Median follow-up, {unit}", {"All": Cell(follow_up, "median")}))
    return lines


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
