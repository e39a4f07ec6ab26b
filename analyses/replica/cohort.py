"""Validated patients together with the study they belong to and where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replica.errors import ParameterError
from replica.protocol import ArmKey, Study

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
    events as 0/1. Make one with `replica.supplied.load_cohort`, which checks all this.
    """

    study: Study
    patients: pd.DataFrame
    source: Source
    attrition: tuple[AttritionStep, ...] = ()

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether each patient is in the treated arm, in row order."""
        return np.asarray(self.patients["arm"] == "treated", dtype=np.bool_)

    def within(self, arm: ArmKey) -> Cohort:
        """Return the cohort restricted to one arm."""
        return self.where(self.patients["arm"] == arm)

    def where(self, rows: pd.Series[bool] | NDArray[np.bool_]) -> Cohort:
        """Return the cohort restricted to the rows marked true, in the same order."""
        kept = self.patients.loc[np.asarray(rows, dtype=np.bool_)].reset_index(drop=True)
        return Cohort(self.study, kept, self.source, self.attrition)

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
    """
    if not covariates or len(set(covariates)) < len(covariates):
        raise ParameterError(
            f"covariates: found {list(covariates)}; name at least one, and each only once."
        )
    columns: list[NDArray[np.float64]] = []
    names: list[str] = []
    owners: list[str] = []
    measures = [measure.key for measure in cohort.study.measures]
    for key in covariates:
        if key == "arm":
            coded = {"arm": cohort.treated.astype(np.float64)}
        elif key in measures:
            coded = {key: cohort.patients[key].to_numpy(dtype=np.float64)}
        else:
            coded = _indicators(cohort, key)
        for name, column in coded.items():
            columns.append(column)
            names.append(name)
            owners.append(key)
    return Design(np.column_stack(columns), tuple(names), tuple(owners))


def _indicators(cohort: Cohort, key: str) -> dict[str, NDArray[np.float64]]:
    covariate = cohort.study.covariate(key)
    values = cohort.patients[key].to_numpy()
    if len(covariate.levels) == 2:
        return {key: (values == covariate.contrast).astype(np.float64)}
    others = (level for level in covariate.level_keys if level != covariate.reference)
    return {f"{key}={level}": (values == level).astype(np.float64) for level in others}
