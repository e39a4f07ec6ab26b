"""A case of bad input: what is wrong, the call, and what the refusal must say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from replica.cohort import Cohort
from replica.errors import ReplicaError


@dataclass(frozen=True)
class Case:
    """One call that must be refused; `found` and `instruction` stand in the message."""

    kind: str
    call: Callable[[Cohort], Any]
    error: type[ReplicaError]
    found: str
    instruction: str


def refused(case: Case, cohort: Cohort) -> None:
    """Hold a call against its case: the very type of error, what was found, what to do next."""
    with pytest.raises(ReplicaError) as caught:
        case.call(cohort)
    message = str(caught.value)
    assert type(caught.value) is case.error, message
    assert case.found in message
    assert case.instruction in message
    assert "\n" not in message


def changed(values: Any, place: int, value: object) -> Any:
    """Copy values with one replaced; a value that does not fit makes them objects."""
    copy = np.array(values, dtype=float if isinstance(value, int | float) else object)
    copy[place] = value
    return copy


def with_column(cohort: Cohort, key: str, values: Any) -> Cohort:
    """Copy a cohort with one column replaced."""
    return Cohort(cohort.study, cohort.patients.assign(**{key: values}), cohort.source)


def with_cell(cohort: Cohort, key: str, value: object) -> Cohort:
    """Copy a cohort with the first patient's value of one column replaced."""
    column = cohort.patients[key].astype(object)
    column.iloc[0] = value
    return with_column(cohort, key, column)
