"""The reader's own patients: reading a file, checking it whole, and making a cohort of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors

from replica import paths
from replica.checks import check
from replica.cohort import AttritionStep, Cohort, Source
from replica.dictionary import (
    PATIENT_ID,
    START_HERE,
    Column,
    columns,
    dictionary,
    schema,
    template,
)
from replica.errors import DataError, ParameterError, one_of
from replica.problems import Problem, RawTable
from replica.protocol import Study

__all__ = ["Problem", "check", "dictionary", "load_cohort", "read_table", "schema", "template"]

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_SOURCES = ("synthetic", "supplied")
_LINES_SHOWN = 20


def load_cohort(
    study: Study, source: Source = "synthetic", path: str | Path | None = None
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
        CSV or TSV file of the reader's own patients; only with `supplied`.

    Raises
    ------
    ParameterError
        If the source is unknown, or a path is given with `synthetic`.
    DataError
        If there is no such file, or its patients do not fit; all problems are listed.
    """
    file = _source_file(study, source, path)
    return parse_cohort(study, read_table(file), source, name=file.name)


def parse_cohort(study: Study, raw: pd.DataFrame, source: Source, *, name: str) -> Cohort:
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

    Raises
    ------
    DataError
        If the patients do not fit; all problems are listed.
    """
    problems = check(study, raw)
    if problems:
        raise DataError(_all_of(problems, name))
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


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV or TSV file as text, nothing guessed: every cell a string, blanks empty.

    Index label i is line i + 2 of the file, the header being line 1; wholly empty lines are left
    out.

    Raises
    ------
    DataError
        If the file is missing, empty, of another format, not UTF-8 or not rectangular.
    """
    file = Path(path)
    separator = _SEPARATORS.get(file.suffix.lower())
    if separator is None:
        raise DataError(
            f"{file.name}: found the ending {file.suffix!r}; formats read: .csv (commas) and .tsv "
            "(tabs), in UTF-8. Save the table as one of them."
        )
    if not file.is_file():
        raise DataError(f"no file {str(path)!r}; give the path of a .csv or .tsv file.")
    try:
        lines = pd.read_csv(
            file,
            sep=separator,
            header=None,
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
            encoding="utf-8-sig",
        ).fillna("")
    except pd.errors.EmptyDataError:
        raise DataError(f"{file.name}: the file is empty. {START_HERE}") from None
    except UnicodeDecodeError:
        raise DataError(f"{file.name}: not UTF-8 text; save the table as 'CSV UTF-8'.") from None
    except pd.errors.ParserError as error:
        where = re.search(r"line \d+", str(error))
        raise DataError(
            f"{file.name}: {where.group() if where else 'a line'} does not have as many cells as "
            "line 1; put cells that hold the separator in double quotes."
        ) from None
    lines = lines.apply(lambda cells: cells.str.strip())
    table = lines.iloc[1:].set_axis(lines.iloc[0].tolist(), axis="columns")
    table = table.reset_index(drop=True)
    filled: pd.DataFrame = table.loc[(table != "").any(axis="columns").to_numpy()]
    return filled


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
            f"{study.key}: source='supplied' needs the path of your patients' .csv or .tsv file. "
            f"{START_HERE}"
        )
    return Path(named)


def _all_of(problems: tuple[Problem, ...], name: str) -> str:
    shown = [f"- {problem}" for problem in problems[: _LINES_SHOWN - 1]]
    rest = len(problems) - len(shown)
    if rest:
        shown.append(f"- and {rest} more: `check(study, read_table(path))` lists them all.")
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
