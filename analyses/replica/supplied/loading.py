"""A cohort from a file: the committed synthetic one, or the reader's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors

from replica import paths
from replica.cohort import AttritionStep, Cohort, Source, check_min_cell
from replica.dictionary import PATIENT_ID, START_HERE, Column, columns, schema
from replica.errors import DataError, ParameterError, one_of
from replica.protocol import Study
from replica.supplied.checks import check
from replica.supplied.mapped import apply_map
from replica.supplied.mapping import DataMap, read_map
from replica.supplied.problems import Problem, RawTable
from replica.supplied.reading import FORMATS, read_table

_SOURCES = ("synthetic", "supplied")
_LINES_SHOWN = 20


def load_cohort(
    study: Study,
    source: Source = "synthetic",
    path: str | Path | None = None,
    *,
    data_map: str | Path | None = None,
    min_cell: int = 0,
) -> Cohort:
    """Read, check and type the patients of a study, sorted by `patient_id`.

    Levels and ids are text, whole measures without blanks integers, other measures and durations
    floats, events 0/1 and the start of treatment a date; columns that the dictionary does not
    name are left out.

    Parameters
    ----------
    study
        The study whose dictionary the patients must fit.
    source
        `synthetic` reads the committed synthetic cohort, `supplied` the file at `path`.
    path
        File of the reader's own patients (see `read_table`); only with `supplied`.
    data_map
        Mapping file that says what this file calls and codes otherwise; only with `supplied`.
    min_cell
        Counts from 1 to one less are masked in all that is shown of the cohort; 0 masks nothing.

    Raises
    ------
    ParameterError
        If the source is unknown, a path or a mapping is given with `synthetic`, or `min_cell` is
        no whole number from 0 up.
    DataError
        If there is no such file, or its patients do not fit (all problems are listed), or an arm
        has fewer patients than `min_cell`.
    """
    check_min_cell(min_cell)
    if data_map and source == "synthetic":
        raise ParameterError(
            "data_map: found one beside source='synthetic'; allowed: none. A mapping file belongs "
            "to your own patients: set source='supplied'."
        )
    file = _source_file(study, source, path)
    by = read_map(study, data_map) if data_map else None
    table = read_table(file, by.sheet if by else "")
    cohort = parse_cohort(study, table, source, name=file.name, by=by)
    for arm in ("treated", "control"):
        n = int((cohort.patients["arm"] == arm).sum())
        if n < min_cell:
            raise DataError(
                f"{file.name}: found fewer {arm} patients than min_cell = {min_cell}; allowed: at "
                "least as many, for the sizes of the arms are shown. Nothing can be shown of them."
            )
    return replace(cohort, min_cell=min_cell)


def parse_cohort(
    study: Study, raw: pd.DataFrame, source: Source, *, name: str, by: DataMap | None = None
) -> Cohort:
    """Check and type a table of text, as `load_cohort` does with a file.

    Parameters
    ----------
    study
        The study whose dictionary the patients must fit.
    raw
        Cells as text, blanks empty, as `read_table` returns them.
    source
        Where the patients come from.
    name
        What messages call the table.
    by
        What the table calls and codes otherwise, from `read_map`.

    Raises
    ------
    DataError
        If the patients do not fit; all problems are listed.
    """
    problems = check(study, raw, by)
    if problems:
        raise DataError(_all_of(problems, name))
    raw = raw if by is None else apply_map(study, raw, by)[0]
    patients = _typed(columns(study), RawTable.of(raw))
    try:
        schema(study).validate(patients, lazy=True)
    except pandera.errors.SchemaErrors as error:
        broken = sorted({str(column) for column in error.failure_cases["column"].dropna()})
        # The schema's own message would quote cells, which may hold ids.
        raise DataError(
            f"{name}: the columns {', '.join(broken)} passed the checks but not the schema. "
            "Compare them with `dictionary(study)` and report this."
        ) from None
    step = AttritionStep(f"Patients in the {source} table", len(patients), 0)
    return Cohort(study, patients, source, (step,))


def _source_file(study: Study, source: str, path: str | Path | None) -> Path:
    if source not in _SOURCES:
        raise ParameterError(f"source: {one_of(source, _SOURCES)}")
    named = path if path is not None and str(path) else None
    if source == "synthetic":
        if named is not None:
            raise ParameterError(
                "path: found one beside source='synthetic'; allowed: none. To read your own "
                "patients, set source='supplied'."
            )
        file = paths.synthetic_path(study.key)
        if not file.is_file():
            raise DataError(
                f"{study.key}: no synthetic cohort at {file}. Make it with "
                f"`replica synthesize {study.key}`."
            )
        return file
    if named is None:
        raise DataError(
            f"{study.key}: source='supplied' needs the path of a file of your patients "
            f"({FORMATS}). {START_HERE}"
        )
    return Path(named)


def _all_of(problems: tuple[Problem, ...], name: str) -> str:
    shown = [f"- {problem}" for problem in problems[: _LINES_SHOWN - 1]]
    rest = len(problems) - len(shown)
    if rest:
        shown.append(f"- and {rest} more: `replica data check` lists them all.")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"{name}: {count} to correct; `dictionary(study)` says what fits.", *shown])


def _typed(described: tuple[Column, ...], table: RawTable) -> pd.DataFrame:
    typed = pd.DataFrame({column.name: _values(column, table) for column in described})
    return typed.sort_values(PATIENT_ID, kind="stable").reset_index(drop=True)


def _values(column: Column, table: RawTable) -> pd.Series[Any]:
    cells = table.cells[column.name]
    match column.type:
        case "identifier":
            return cells
        case "category":
            return cells.mask(cells == "", np.nan)
        case "event":
            return pd.Series(table.numbers(column.name).astype(np.int64))
        case "date":
            return table.dates(column.name)
        case "number" | "whole number":
            return pd.Series(table.numbers(column.name).astype(column.dtype))
