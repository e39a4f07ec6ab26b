"""The columns that a study's cohort must have, derived from the study's description."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd
import pandera.pandas as pa

from replica.errors import ProtocolError
from replica.protocol import ArmKey, Categorical, Level, Measure, Outcome, Study

ColumnType = Literal["identifier", "category", "whole number", "number", "date", "event"]

PATIENT_ID = "patient_id"
ARM = "arm"
START_HERE = "Start from `template(study)`, whose columns `dictionary(study)` explains."
BOTH_ARMS: tuple[ArmKey, ...] = ("treated", "control")


@dataclass(frozen=True)
class Column:
    """One column of the patient table: its type, its unit, and what a cell may hold.

    `levels` belongs to categories, `minimum` and `maximum` to numbers, `first` and `last` to
    dates; cells of patients in an arm outside `arms` stay blank.
    """

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    levels: tuple[Level, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    first: date = date.min
    last: date = date.max
    arms: tuple[ArmKey, ...] = BOTH_ARMS

    @property
    def level_keys(self) -> tuple[str, ...]:
        """What a category's cell may hold."""
        return tuple(level.key for level in self.levels)

    @property
    def in_both_arms(self) -> bool:
        """Whether every patient must have a value."""
        return set(self.arms) == set(BOTH_ARMS)

    @property
    def allowed(self) -> str:
        """What a cell may hold, in words short enough for a table."""
        match self.type:
            case "identifier":
                return "unique text"
            case "category":
                return ";".join(self.level_keys)
            case "event":
                return "0;1"
            case "date":
                return f"{self.first} to {self.last}"
            case "number" | "whole number":
                if self.maximum is None:
                    return f"{self.minimum:g} or more"
                return f"{self.minimum:g} to {self.maximum:g}"

    @property
    def window(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last day that a date may be."""
        return pd.Timestamp(self.first), pd.Timestamp(self.last)

    @property
    def dtype(self) -> str:
        """Dtype of a number in a cohort: whole only where nobody's cell is blank."""
        return "int64" if self.type == "whole number" and self.in_both_arms else "float64"

    @property
    def required(self) -> str:
        """Whose cells must be filled: `yes` (everybody's), or one arm's only."""
        return "yes" if self.in_both_arms else f"{self.arms[0]} only"


def columns(study: Study) -> tuple[Column, ...]:
    """Describe every column that a cohort of this study must have, in file order.

    Raises
    ------
    ProtocolError
        If the study gives one column name to two different things.
    """
    described: dict[str, Column] = {}
    for column in _described(study):
        known = described.setdefault(column.name, column)
        if known.type != column.type:
            raise ProtocolError(
                f"{study.key}: the column {column.name!r} is both {known.type} and {column.type}; "
                "give each its own name."
            )
    return tuple(described.values())


def dictionary(study: Study) -> pd.DataFrame:
    """List the columns that a cohort must have, as text, one row each.

    Columns: `column`, `type` (identifier, category, whole number, number, date or event), `unit`,
    `allowed` (levels separated by `;`, or a range), `required` (`yes`, `treated only` or `control
    only`: the other arm's cells stay blank) and `description`.
    """
    return pd.DataFrame(
        [
            {
                "column": column.name,
                "type": column.type,
                "unit": column.unit,
                "allowed": column.allowed,
                "required": column.required,
                "description": column.description,
            }
            for column in columns(study)
        ]
    )


def template(study: Study) -> pd.DataFrame:
    """Return a patient table without patients: the header that a supplied file must have."""
    return pd.DataFrame({column.name: pd.Series(dtype=str) for column in columns(study)})


def schema(study: Study) -> pa.DataFrameSchema:
    """Build the pandera schema of the typed patient table, from the same description.

    It holds for `Cohort.patients`: exactly these columns in this order, unique ids, known levels,
    numbers in range, and values only in the arms where a column exists.
    """
    described = columns(study)
    partial = [column for column in described if not column.in_both_arms]
    return pa.DataFrameSchema(
        {column.name: _schema_column(column) for column in described},
        checks=[_blank_outside(column) for column in partial],
        strict=True,
        ordered=True,
        name=study.key,
    )


def _described(study: Study) -> Iterator[Column]:
    arms = (Level("treated", study.treated.label), Level("control", study.control.label))
    yield Column(
        PATIENT_ID, "identifier", "Pseudonym of the patient; never a name or record number"
    )
    yield Column(ARM, "category", _with_labels("Group compared", arms), levels=arms)
    for covariate in study.covariates:
        yield _category(covariate, BOTH_ARMS)
    for characteristic in study.characteristics:
        yield _category(characteristic, characteristic.arms)
    for measure in study.measures:
        yield _measure(measure)
    zero = "start of treatment" if study.calendar is None else study.calendar.time_zero
    if study.calendar is not None:
        yield Column(
            study.calendar.start_column,
            "date",
            f"{zero[0].upper()}{zero[1:]}, time zero of every outcome, as year-month-day",
            first=study.calendar.enrolment_start,
            last=study.calendar.enrolment_end,
        )
    for outcome in study.outcomes:
        yield from _outcome(outcome, zero)


def _with_labels(label: str, levels: tuple[Level, ...]) -> str:
    return f"{label}: {', '.join(f'{level.key} = {level.label}' for level in levels)}"


def _category(categorical: Categorical, arms: tuple[ArmKey, ...]) -> Column:
    description = _with_labels(categorical.label, categorical.levels)
    return Column(
        categorical.key, "category", description, levels=categorical.levels, arms=tuple(arms)
    )


def _measure(measure: Measure) -> Column:
    return Column(
        measure.key,
        "whole number" if measure.whole else "number",
        measure.label,
        unit=measure.unit,
        minimum=measure.minimum,
        maximum=measure.maximum,
        arms=tuple(measure.arms),
    )


def _outcome(outcome: Outcome, zero: str) -> Iterator[Column]:
    yield Column(
        outcome.duration,
        "number",
        f"{outcome.label}: time from the {zero} to the event or to censoring",
        unit=outcome.unit,
        minimum=0,
    )
    yield Column(outcome.event, "event", f"{outcome.label}: 1 = event, 0 = censored")


def _schema_column(column: Column) -> pa.Column:
    nullable = not column.in_both_arms
    match column.type:
        case "identifier":
            filled = pa.Check.str_length(min_value=1)
            return pa.Column(str, filled, unique=True, description=column.description)
        case "category":
            known = pa.Check.isin(column.level_keys)
            return pa.Column(str, known, nullable=nullable, description=column.description)
        case "event":
            return pa.Column("int64", pa.Check.isin([0, 1]), description=column.description)
        case "date":
            window = pa.Check.in_range(*column.window)
            return pa.Column("datetime64[ns]", window, description=column.description)
        case "number" | "whole number":
            checks = [pa.Check.ge(column.minimum), pa.Check.lt(float("inf"))]
            if column.maximum is not None:
                checks.append(pa.Check.le(column.maximum))
            if column.type == "whole number":
                checks.append(pa.Check(_is_whole, name="whole number"))
            return pa.Column(column.dtype, checks, nullable=nullable)


def _is_whole(values: pd.Series[float]) -> pd.Series[bool]:
    return values % 1 == 0


def _blank_outside(column: Column) -> pa.Check:
    def agrees(patients: pd.DataFrame) -> pd.Series[bool]:
        return patients[column.name].notna() == patients[ARM].isin(column.arms)

    return pa.Check(agrees, name=f"{column.name}: {column.required}")
