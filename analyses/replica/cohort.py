"""Validated patients together with the study they belong to and where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.arrays import arms, numbers
from replica.errors import DataError, ParameterError, one_of
from replica.protocol import ARM_KEYS, ArmKey, Covariate, Study

Source = Literal["synthetic", "supplied"]


@dataclass(frozen=True)
class AttritionStep:
    """One line of a flow diagram: what was asked, who was left, who went and why."""

    label: str
    remaining: int
    excluded: int
    reason: str = "Excluded"


@dataclass(frozen=True)
class Cohort:
    """Patients of one study, one row each, in the order of their ids.

    `patients` holds the columns of the study's dictionary: `patient_id`, `arm` (`treated` or
    `control`), covariates and characteristics as level keys, measures and durations as numbers,
    events as 0/1. Counts from 1 to one below `min_cell` are masked in what is shown of them (0:
    nothing is). Make one with `replica.supplied.load_cohort`, which checks all this.
    """

    study: Study
    patients: pd.DataFrame
    source: Source
    attrition: tuple[AttritionStep, ...] = ()
    min_cell: int = 0

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether each patient is in the treated arm, in row order.

        Raises
        ------
        DataError
            If somebody is in neither arm.
        """
        arm = self.column("arm")
        treated = np.asarray(arm == "treated", dtype=np.bool_)
        outside = ~(treated | np.asarray(arm == "control", dtype=np.bool_))
        if outside.any():
            raise _unknown_level("arm", arm, outside, ARM_KEYS)
        return treated

    def column(self, key: str) -> pd.Series[Any]:
        """Return a column of the patients' table.

        Raises
        ------
        ParameterError
            If there is no such column; the message lists those there are.
        """
        if not isinstance(key, str) or key not in self.patients.columns:
            raise ParameterError(f"unknown column, {one_of(key, self.patients.columns)}")
        return self.patients[key]

    def by_id(self) -> Cohort:
        """Return the cohort sorted by `patient_id`, by which ties are broken.

        Raises
        ------
        DataError
            If an id is missing, or ids are of several types.
        """
        check_ids(self)
        patients = self.patients.sort_values("patient_id", kind="stable", ignore_index=True)
        return replace(self, patients=patients)

    def within(self, arm: ArmKey) -> Cohort:
        """Return the cohort restricted to one arm.

        Raises
        ------
        ParameterError
            If there is no such arm.
        """
        if arm not in ARM_KEYS:
            raise ParameterError(f"arm: {one_of(arm, ARM_KEYS)}")
        return self.where(self.column("arm") == arm)

    def where(self, rows: pd.Series[bool] | NDArray[np.bool_]) -> Cohort:
        """Return the cohort restricted to the rows marked true, in the same order.

        Raises
        ------
        ParameterError
            If there is not one true or false per patient.
        """
        marks = arms(rows, "rows")
        if marks.shape != (len(self),):
            raise ParameterError(
                f"rows: found {marks.size} marks for {len(self)} patients; needed: true or false "
                "for each. Compute them from this cohort's own table."
            )
        kept = self.patients.loc[marks].reset_index(drop=True)
        return replace(self, patients=kept)

    def __len__(self) -> int:
        """Count the patients."""
        return len(self.patients)


@dataclass(frozen=True)
class Design:
    """Covariates as numbers: one column per contrast with a reference level.

    `matrix` has shape (patients, columns); `names` are readable column names, and `covariates`
    the covariate each column belongs to.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    covariates: tuple[str, ...]


def design(cohort: Cohort, covariates: Sequence[str]) -> Design:
    """Code covariates as indicator columns against their reference levels.

    Parameters
    ----------
    cohort
        Validated patients.
    covariates
        Keys of covariates (two levels: one column that is 1 for the contrast; more levels: one
        column per level other than the reference), of measures (the number itself), or `arm`
        (1 for treated).

    Raises
    ------
    ParameterError
        If no covariate is named, one is named twice, or one is unknown.
    DataError
        If a covariate is missing or at an unknown level for somebody, or a measure is no number.
    """
    check_names(covariates)
    columns: list[NDArray[np.float64]] = []
    names: list[str] = []
    owners: list[str] = []
    measures = [measure.key for measure in cohort.study.measures]
    for key in covariates:
        if key == "arm":
            coded = {"arm": cohort.treated.astype(np.float64)}
        elif key in measures:
            coded = {key: numbers(cohort.column(key), key)}
        else:
            coded = _indicators(cohort, key)
        for name, column in coded.items():
            columns.append(column)
            names.append(name)
            owners.append(key)
    return Design(np.column_stack(columns), tuple(names), tuple(owners))


def _indicators(cohort: Cohort, key: str) -> dict[str, NDArray[np.float64]]:
    covariate = cohort.study.covariate(key)
    column = cohort.column(key)
    outside = ~column.isin(covariate.level_keys).to_numpy()
    if outside.any():
        raise _unknown_level(key, column, outside, covariate.level_keys)
    values = column.to_numpy()
    if len(covariate.levels) == 2:
        return {key: (values == covariate.contrast).astype(np.float64)}
    others = (level for level in covariate.level_keys if level != covariate.reference)
    return {f"{key}={level}": (values == level).astype(np.float64) for level in others}


def check_min_cell(min_cell: int) -> None:
    """Refuse a smallest count that is no whole number from 0 up.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    if not isinstance(min_cell, int) or isinstance(min_cell, bool) or min_cell < 0:
        raise ParameterError(
            f"min_cell: found {min_cell!r}; it must be a whole number: 0 masks nothing, 5 the "
            "counts from 1 to 4."
        )


def check_names(covariates: Sequence[str]) -> None:
    """Refuse covariates that are not a list of names, each once.

    Raises
    ------
    ParameterError
        If one text is passed for a list, or a name is there twice or no text, or there is none.
    """
    if isinstance(covariates, str) or not isinstance(covariates, Iterable):
        raise ParameterError(
            f"covariates: found {covariates!r}; allowed: a list of names. Write [{covariates!r}]."
        )
    names = list(covariates)
    if not names or not all(isinstance(name, str) for name in names) or len({*names}) < len(names):
        raise ParameterError(f"covariates: found {names}; name at least one, and each only once.")


def check_levels(cohort: Cohort, covariate: Covariate) -> None:
    """Refuse a level that the study does not have; a missing one is allowed.

    Raises
    ------
    DataError
        If a patient is at an unknown level.
    """
    column = cohort.column(covariate.key)
    outside = ~(column.isin(covariate.level_keys) | column.isna()).to_numpy()
    if outside.any():
        raise _unknown_level(covariate.key, column, outside, covariate.level_keys)


def check_ids(cohort: Cohort) -> None:
    """Refuse a table of patients whose ids have no order.

    Raises
    ------
    ParameterError
        If there is no column of ids.
    DataError
        If an id is missing, or ids are of several types.
    """
    ids = cohort.column("patient_id")
    missing = int(ids.isna().sum())
    if missing:
        raise DataError(
            f"patient_id: found {missing} missing; allowed: an id of its own for every patient. "
            "Complete the column."
        )
    if ids.dtype == object and len({type(value) for value in ids}) > 1:
        raise DataError(
            "patient_id: found ids of several types, which have no order; allowed: text for all. "
            "Convert the column with astype(str)."
        )


def _unknown_level(
    key: str, column: pd.Series[Any], outside: NDArray[np.bool_], levels: Sequence[str]
) -> DataError:
    """Say how many patients have no level of the study's, and what stands there instead."""
    missing = int(column[outside].isna().sum())
    others = column[outside].dropna().unique().tolist()
    found = [f"{missing} missing values"] if missing else []
    if others:
        found.append(f"{int(outside.sum()) - missing} patients at unknown levels")
    level = f", first {one_of(others[0], levels)}" if others else f"; allowed: {', '.join(levels)}."
    return DataError(
        f"{key}: found {' and '.join(found)}{level} Recode the column, or exclude those patients "
        "first."
    )
