"""A whole sweep: what is left to do, done somewhere, kept as it comes, and put in order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from replica.cohort import Cohort
from replica.sweep.cluster import each_here
from replica.sweep.declared import covariate_sets
from replica.sweep.grid import Grid, run_key
from replica.sweep.record import Record, Values, refused
from replica.sweep.runner import Ready, ready, run_all
from replica.sweep.store import (
    KEY,
    parts_folder,
    read_parts,
    read_sweep,
    schema,
    write_part,
    write_sweep,
)

Progress = Callable[[int, int], None]
Batches = Iterator[Sequence[Values]]
# what a batch is done with differs between kinds of runs
Do = Callable[[Any, Sequence[Values]], Sequence[Record]]
Engine = Callable[[Do, Callable[[], Any], Batches], Iterator[Sequence[Record]]]
"""Does batches somewhere: `each_here`, or `each_on` with a client."""

BATCH = 100
"""Most runs in a batch: some tenths of a second, so that handing it out costs little."""


@dataclass(frozen=True)
class Sweep:
    """A finished sweep: its file, how many runs it has, how many were made now, how many failed."""

    path: Path
    runs: int
    made: int
    failed: int

    def frame(self) -> pd.DataFrame:
        """Read its rows."""
        return read_sweep(self.path)


def sweep_identity(cohort: Cohort, kind: str = "direct") -> str:
    """Digest of what all runs of a sweep share: study, patients, kind of run and version.

    The order of the patients' rows and columns plays no part.
    """
    patients = cohort.by_id().patients
    table = patients[sorted(patients.columns)].to_csv(index=False, lineterminator="\n")
    digest = sha256()
    settings = (cohort.source, cohort.min_cell, kind)
    described = repr((cohort.study, covariate_sets(cohort.study), *settings))
    for text in (described, version("replica"), table):
        digest.update(sha256(text.encode()).digest())
    return digest.hexdigest()


def sweep(
    cohort: Cohort,
    grid: Grid,
    out: Path,
    *,
    engine: Engine = each_here,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> Sweep:
    """Make every run of a grid and write them to one Parquet file.

    Finished runs are kept in a folder beside the output as they come. A sweep that was stopped, or
    one with a larger grid on the same patients, goes on from there.

    Parameters
    ----------
    cohort
        Validated patients of the grid's study. Runs with fewer of them in a group than its
        `min_cell` are kept without their results; see `masked`.
    grid
        Which runs.
    out
        The file to write: a row per combination, in the grid's order. The same patients and grid
        give the same bytes, on however many workers.
    engine
        Where runs are made; default: in this process.
    batch
        Most runs that are handed out together.
    progress
        Called with the runs done and the runs in all.

    Raises
    ------
    DataError
        If a value is missing or refused for a patient, or the folder of parts is another study's.
    """
    runs = Runs(
        sweep_identity(cohort),
        partial(_labelled, cohort.source, cohort.min_cell),
        partial(ready, cohort),
    )
    return make_runs(runs, grid, out, engine=engine, batch=batch, progress=progress)


@dataclass(frozen=True)
class Runs:
    """What is to be done with each batch: its identity, the doing, and what doing needs."""

    identity: str
    do: Do
    shared: Callable[[], Any]


def _labelled(source: str, min_cell: int, prepared: Ready, batch: Sequence[Values]) -> list[Record]:
    named: Record = {"study": prepared.study.key, "source": source}
    return [{**named, **masked(record, min_cell)} for record in run_all(prepared, batch)]


def masked(record: Record, min_cell: int) -> Record:
    """Leave out the results of a run with so few patients or events that they may tell of persons.

    Counts of 1 to `min_cell` - 1 are too few: of either arm, of those with the event, or of those
    without it.
    """
    sizes = [record.get(name) for name in ("treated", "control", "events")]
    counts = [int(size) for size in sizes if size is not None]
    if len(counts) == len(sizes):
        counts.append(counts[0] + counts[1] - counts[2])
    if not any(0 < count < min_cell for count in counts):
        return record
    return {**record, **refused(f"masked: a group has fewer than {min_cell} patients")}


def make_runs(
    runs: Runs,
    grid: Grid,
    out: Path,
    *,
    engine: Engine,
    batch: int,
    progress: Progress | None = None,
) -> Sweep:
    """Make the runs of a grid that are not yet kept, and write all in the grid's order."""
    columns, folder = schema(grid.study), parts_folder(out)
    done = read_parts(folder, columns)
    keys = [run_key(values, runs.identity) for values in grid]
    missing = {key for key in keys if key not in done}
    todo = ({**values, KEY: key} for values, key in zip(grid, keys, strict=True) if key in missing)
    size = _size(len(missing), batch)
    if progress:
        progress(len(keys) - len(missing), len(keys))
    made = 0
    doing = partial(_keyed, runs.do)
    if missing:
        for rows in engine(doing, runs.shared, _batches(todo, size)):
            write_part(folder, rows, columns)
            done |= {str(row[KEY]): row for row in rows}
            made += len(rows)
            if progress:
                progress(len(keys) - len(missing) + made, len(keys))
    write_sweep(out, keys, done, columns)
    failed = sum(bool(done[key]["reason"]) for key in keys)
    return Sweep(out, len(keys), made, failed)


def _keyed(do: Do, prepared: object, batch: Sequence[Values]) -> list[Record]:
    """Do a batch and put the key of each run back beside its record."""
    bare = [{name: value for name, value in values.items() if name != KEY} for values in batch]
    made = do(prepared, bare)
    return [{**row, KEY: values[KEY]} for row, values in zip(made, batch, strict=True)]


def _size(runs: int, most: int) -> int:
    """Runs in a batch: fewer than allowed if the sweep is small, so that all workers have some."""
    return max(1, min(most, runs // 20))


def _batches(todo: Iterator[Values], size: int) -> Batches:
    while batch := list(itertools.islice(todo, size)):
        yield batch
