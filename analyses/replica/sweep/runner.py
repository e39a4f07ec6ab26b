"""One run or several of any study: the pure function that a sweep repeats."""

from __future__ import annotations

from collections.abc import Iterable

from replica.cohort import Cohort
from replica.sweep import group_run, matched_run
from replica.sweep.matched_run import Prepared
from replica.sweep.record import Record, Values

Ready = Prepared | Cohort


def ready(cohort: Cohort) -> Ready:
    """Read a cohort once for all its runs, as its study needs.

    Raises
    ------
    DataError
        If a value is missing or refused for anybody.
    """
    return matched_run.prepare(cohort) if cohort.study.groups is None else cohort.by_id()


def run_one(cohort: Cohort, values: Values) -> Record:
    """Analyse a cohort once.

    Parameters
    ----------
    cohort
        Validated patients.
    values
        A value for each of the study's parameters; see `replica.sweep.grid.Grid`.

    Returns
    -------
    dict
        The values and the columns of `replica.sweep.record.RESULTS`; a run without an estimate
        says why in `reason`.
    """
    (record,) = run_all(ready(cohort), [values])
    return record


def run_all(prepared: Ready, batch: Iterable[Values]) -> list[Record]:
    """Analyse a cohort with each of several sets of values, one after the other."""
    if isinstance(prepared, Prepared):
        memory = matched_run.Memory()
        return [matched_run.run(prepared, values, memory) for values in batch]
    shared = group_run.Memory()
    return [group_run.run(prepared, values, shared) for values in batch]
