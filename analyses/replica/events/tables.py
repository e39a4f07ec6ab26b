"""Event tables of patients, in Parquet files or frames, as DuckDB reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from replica.errors import DataError

# What each table must have, with the type that its cells are read as.
TABLES: Mapping[str, Mapping[str, str]] = {
    "patients": {
        "patient_id": "VARCHAR",
        "birth_date": "DATE",
        "sex": "VARCHAR",
        "race": "VARCHAR",
        "cancer_type": "VARCHAR",
    },
    "diagnoses": {"patient_id": "VARCHAR", "code": "VARCHAR", "date": "DATE"},
    "deaths": {"patient_id": "VARCHAR", "date": "DATE"},
    "encounters": {"patient_id": "VARCHAR", "date": "DATE"},
    "drugs": {"patient_id": "VARCHAR", "name": "VARCHAR", "atc": "VARCHAR", "date": "DATE"},
    "procedures": {
        "patient_id": "VARCHAR",
        "system": "VARCHAR",
        "code": "VARCHAR",
        "date": "DATE",
    },
}
# May be unknown: a drug named without its ATC code, or coded without its name.
_MAY_BE_BLANK = frozenset({("drugs", "name"), ("drugs", "atc")})


@dataclass(frozen=True)
class EventTables:
    """A DuckDB connection in which every table of `TABLES` can be queried, checked and typed."""

    connection: duckdb.DuckDBPyConnection

    def count(self, table: str) -> int:
        """Count the rows of one table."""
        return int(self.connection.table(table).shape[0])


def read_events(folder: str | Path) -> EventTables:
    """Read event tables from `<table>.parquet` files of a folder.

    Parameters
    ----------
    folder
        Holds one Parquet file for each of `patients`, `diagnoses`, `deaths`, `encounters`, `drugs`
        and `procedures`, with the columns of `TABLES`; others are ignored.

    Raises
    ------
    DataError
        If a file or column is missing, a value cannot be read as its type or is missing, a patient
        has two rows or two deaths, or an event belongs to nobody.
    """
    place = Path(folder)
    absent = [name for name in TABLES if not (place / f"{name}.parquet").is_file()]
    if absent:
        raise DataError(
            f"events: found no {', '.join(f'{name}.parquet' for name in absent)} in "
            f"{place.name!r}; needed: {', '.join(f'{name}.parquet' for name in TABLES)}."
        )
    connection = duckdb.connect()
    for name in TABLES:
        file = str(place / f"{name}.parquet")
        relation = connection.from_parquet(file)
        _typed(relation, name)
    return _checked(connection)


def events_of(frames: Mapping[str, pd.DataFrame]) -> EventTables:
    """Take event tables from data frames, named and shaped as `read_events` wants the files.

    Raises
    ------
    DataError
        As `read_events`.
    """
    absent = [name for name in TABLES if name not in frames]
    if absent:
        raise DataError(f"events: found no table {', '.join(absent)}; needed: {', '.join(TABLES)}.")
    connection = duckdb.connect()
    for name in TABLES:
        _typed(connection.from_df(frames[name]), name)
    return _checked(connection)


def _typed(relation: duckdb.DuckDBPyRelation, name: str) -> None:
    """Copy a table into its connection with the columns and types that it must have."""
    columns = TABLES[name]
    absent = [column for column in columns if column not in relation.columns]
    if absent:
        raise DataError(
            f"events, {name}: found the columns {', '.join(relation.columns)}; missing: "
            f"{', '.join(absent)}."
        )
    casts = ", ".join(
        f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in columns.items()
    )
    try:
        relation.project(casts).create(name)
    except duckdb.ConversionException as error:
        raise DataError(
            f"events, {name}: found a value that is not of its column's type "
            f"({', '.join(f'{column} {kind}' for column, kind in columns.items())}): "
            f"{str(error).splitlines()[0]}"
        ) from None


def _checked(connection: duckdb.DuckDBPyConnection) -> EventTables:
    for name, columns in TABLES.items():
        for column in columns:
            if (name, column) in _MAY_BE_BLANK:
                continue
            missing = _number(connection, f'SELECT count(*) FROM {name} WHERE "{column}" IS NULL')  # noqa: S608 - names of this module
            if missing:
                raise DataError(
                    f"events, {name}: found {missing} rows without {column}; allowed: none. "
                    "Complete or leave out those rows."
                )
        strangers = _number(
            connection,
            f"SELECT count(*) FROM {name} ANTI JOIN patients USING (patient_id)",  # noqa: S608 - as above
        )
        if strangers:
            raise DataError(
                f"events, {name}: found {strangers} rows of patients who are not in `patients`; "
                "allowed: none."
            )
    for name in ("patients", "deaths"):
        twice = _number(
            connection,
            f"SELECT count(*) - count(DISTINCT patient_id) FROM {name}",  # noqa: S608 - as above
        )
        if twice:
            raise DataError(
                f"events, {name}: found {twice} rows beyond one per patient; keep one each."
            )
    return EventTables(connection)


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    rows = connection.execute(query).fetchall()
    return int(rows[0][0])
