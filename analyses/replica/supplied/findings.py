"""What a check found, column by column: for a table on the screen and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from replica.dictionary import Column, columns
from replica.protocol import Study
from replica.supplied.mapped import apply_map
from replica.supplied.mapping import DataMap
from replica.supplied.problems import Problem, RawTable

_KINDS = {
    "identifier": "ids",
    "whole number": "whole numbers",
    "number": "numbers",
    "date": "days",
}


@dataclass(frozen=True)
class ColumnFinding:
    """One column of the study's dictionary: what is expected, what the file has, what is wrong."""

    column: str
    expected: str
    found: str
    problems: tuple[Problem, ...]

    @property
    def fits(self) -> bool:
        """Whether there is nothing to correct."""
        return not self.problems


def column_findings(
    study: Study, raw: pd.DataFrame, problems: Sequence[Problem], by: DataMap | None = None
) -> tuple[ColumnFinding, ...]:
    """Sort problems by column, with what is expected of each and what was found in it.

    Parameters
    ----------
    study
        Its dictionary gives the columns.
    raw, by
        The table and the mapping that were checked.
    problems
        From `check`.

    Returns
    -------
    tuple of ColumnFinding
        The dictionary's columns in order, then columns of the file that a mapping computes from;
        problems of the file as a whole come first, under the column `(the file)`. Nothing in it
        tells an id or a date.
    """
    described = columns(study)
    table = RawTable.of(raw if by is None else apply_map(study, raw, by)[0], described)
    findings = [
        ColumnFinding(
            column.name,
            _expected(column),
            _found(column, table),
            tuple(problem for problem in problems if problem.column == column.name),
        )
        for column in described
    ]
    known = {column.name for column in described}
    others = dict.fromkeys(p.column for p in problems if p.column not in known)
    extra = [
        ColumnFinding(
            other or "(the file)",
            "a date" if other else "one row per patient",
            f"{len(raw)} rows",
            tuple(problem for problem in problems if problem.column == other),
        )
        for other in others
    ]
    whole = [finding for finding in extra if finding.column == "(the file)"]
    return (*whole, *findings, *(finding for finding in extra if finding not in whole))


def findings_json(
    study: Study, name: str, rows: int, findings: Sequence[ColumnFinding]
) -> dict[str, Any]:
    """Lay findings out for a script: `fits`, the number of problems, and all of them by column."""
    return {
        "study": study.key,
        "file": name,
        "rows": rows,
        "fits": all(finding.fits for finding in findings),
        "problems": sum(len(finding.problems) for finding in findings),
        "columns": [
            {
                "column": finding.column,
                "expected": finding.expected,
                "found": finding.found,
                "problems": [
                    {key: value for key, value in asdict(problem).items() if key != "column"}
                    for problem in finding.problems
                ],
            }
            for finding in findings
        ],
    }


def _expected(column: Column) -> str:
    unit = f", in {column.unit}" if column.unit else ""
    only = "" if column.in_both_arms else f"; {column.required}"
    allowed = ", ".join(column.level_keys) if column.levels else column.allowed.replace(";", " or ")
    return f"{column.type}: {allowed}{unit}{only}"


def _found(column: Column, table: RawTable) -> str:
    if column.name not in table.cells:
        return "no such column"
    filled = table.cells[column.name][table.cells[column.name] != ""]
    blank = len(table.cells) - len(filled)
    blanks = f", {blank} blank" if blank else ""
    if column.levels:
        seen = [level for level in column.level_keys if (filled == level).any()]
        return f"{len(filled)} cells, {len(seen)} of {len(column.levels)} levels{blanks}"
    return f"{len(filled)} {_KINDS.get(column.type, 'cells')}{blanks}"
