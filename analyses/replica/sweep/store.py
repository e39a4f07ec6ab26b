"""What a sweep keeps: small parts as it goes, one tidy file at the end.

A part is a Parquet file of some finished runs, each with its key. Parts are written whole and then
renamed, so that a sweep stopped at any moment leaves only whole ones. The final file depends on the
runs alone: not on the parts, the workers or the order in which they came in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from replica.errors import DataError
from replica.protocol import Study
from replica.sweep.parameters import Parameter, parameters
from replica.sweep.record import RESULTS, Record

KEY = "key"
_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
_KINDS = {
    "number": pa.float64(),
    "whole number": pa.int64(),
    "yes or no": pa.bool_(),
    "word": pa.string(),
}


def schema(study: Study) -> pa.Schema:
    """Columns of a study's sweep: study and source, its parameters, results, key."""
    named: Mapping[str, Parameter] = parameters(study)
    fields = [pa.field("study", pa.string()), pa.field("source", pa.string())]
    fields += [pa.field(name, _KINDS[one.kind]) for name, one in named.items()]
    fields += [pa.field(name, _TYPES[kind]) for name, kind in RESULTS.items()]
    return pa.schema([*fields, pa.field(KEY, pa.string())])


def parts_folder(out: Path) -> Path:
    """Return the folder of a sweep's parts, beside its output."""
    return out.with_name(f"{out.name}.parts")


def write_part(folder: Path, rows: Sequence[Record], columns: pa.Schema) -> Path:
    """Write finished runs as one part; the name is a digest of their keys."""
    folder.mkdir(parents=True, exist_ok=True)
    name = sha256("".join(str(row[KEY]) for row in rows).encode()).hexdigest()[:16]
    path = folder / f"{name}.parquet"
    _write(pa.Table.from_pylist(list(rows), schema=columns), path)
    return path


def read_parts(folder: Path, columns: pa.Schema) -> dict[str, Record]:
    """Read all finished runs by key, each once.

    Raises
    ------
    DataError
        If a part cannot be read or is of another study.
    """
    found: dict[str, Record] = {}
    for path in sorted(folder.glob("*.parquet")):
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: not readable as Parquet ({error}); delete it.") from None
        if table.schema.names != columns.names:
            raise DataError(
                f"{path}: found other columns than this sweep's; it belongs to another study. "
                "Delete the folder, or name another output."
            )
        found |= {str(row[KEY]): row for row in table.to_pylist()}
    return found


def write_sweep(
    out: Path, keys: Iterable[str], rows: Mapping[str, Record], columns: pa.Schema
) -> None:
    """Write the rows of these keys, in their order, as one file: the same runs, the same bytes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(pa.Table.from_pylist([rows[key] for key in keys], schema=columns), out)


def read_sweep(path: Path) -> pd.DataFrame:
    """Read the file of a finished sweep as a frame.

    Raises
    ------
    DataError
        If there is no such file, or it is not readable.
    """
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not readable as Parquet ({error}).") from None
    return frame


def _write(table: pa.Table, path: Path) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table, beside, compression="zstd")
    beside.replace(path)
