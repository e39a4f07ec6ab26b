"""A sweep of whole notebooks: each is executed by papermill, and its record read from its results.

Slow, and the same numbers: it shows that the short way by functions and the long way by notebook
agree. All workers must see the folder of the output.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import pandas as pd

from replica import notebooks
from replica.cohort import Cohort
from replica.errors import NotebookError, ParameterError, one_of
from replica.paths import notebook_path
from replica.protocol import Study
from replica.sweep.declared import covariate_sets
from replica.sweep.grid import Grid
from replica.sweep.matched_run import chosen_settings, resolved
from replica.sweep.parameters import parameters
from replica.sweep.record import Record, Values, differences, refused
from replica.sweep.store import parts_folder
from replica.sweep.sweeping import Engine, Progress, Runs, Sweep, make_runs, sweep_identity

EFFECTS = "after_matching_effects.csv"
"""The file of a notebook's results from which a record is read."""

_READ = ("outcome", "adjustment")
_IN_RESULTS = ("crude", "clustered")


@dataclass(frozen=True)
class NotebookTask:
    """What every run of a notebook needs: which one, on which patients, and where it writes."""

    study: Study
    data: Path | None
    folder: Path
    data_map: Path | None = None


def check_grid(grid: Grid) -> None:
    """Refuse a grid that the study's notebook cannot run.

    Raises
    ------
    NotebookError
        If the notebook is missing or keeps no record.
    ParameterError
        If the grid names what is no parameter of the notebook, or a Cox model it does not fit.
    """
    study = grid.study
    path = notebook_path(study.key)
    if study.groups is not None:
        raise NotebookError(
            f"{path.name}: its results hold no hazard ratio of all matched patients; leave "
            "--notebooks out."
        )
    known = {one.name for one in notebooks.inspect(path)}
    allowed = [name for name in parameters(study) if name in known or name in _READ]
    for axis in grid.axes:
        for entry in axis:
            for name, value in entry.items():
                if name not in allowed:
                    raise ParameterError(
                        f"grid: no parameter of {path.name}, {one_of(name, allowed)} Leave "
                        "--notebooks out to sweep it."
                    )
                if name == "adjustment" and value not in _IN_RESULTS:
                    raise ParameterError(
                        f"adjustment, of a notebook's results: {one_of(value, _IN_RESULTS)}"
                    )


def sweep_notebooks(
    cohort: Cohort,
    data: Path | None,
    grid: Grid,
    out: Path,
    *,
    engine: Engine,
    data_map: Path | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Execute the study's notebook for each combination; see `replica.sweep.sweep`.

    Executed notebooks with their results stay in the folder of parts.
    """
    check_grid(grid)
    folder = parts_folder(out).resolve() / "notebooks"
    files = [None if path is None else path.resolve() for path in (data, data_map)]
    task = NotebookTask(grid.study, files[0], folder, files[1])
    runs = Runs(
        sweep_identity(cohort, "notebook"), partial(_do, cohort.source), partial(_give, task)
    )
    return make_runs(runs, grid, out, engine=engine, batch=1, progress=progress)


def _give(task: NotebookTask) -> NotebookTask:
    return task


def _do(source: str, task: NotebookTask, batch: Sequence[Values]) -> list[Record]:
    return [
        {"study": task.study.key, "source": source, **run_notebook(task, values)}
        for values in batch
    ]


def run_notebook(task: NotebookTask, values: Values) -> Record:
    """Execute a study's notebook, unless it has been with these values, and read its record."""
    study = task.study
    path = notebook_path(study.key)
    known = {one.name for one in notebooks.inspect(path)}
    try:
        full = resolved(chosen_settings(study, covariate_sets(study), values), values)
    except ParameterError as error:
        return {**values, **refused(str(error))}
    given: dict[str, object] = {
        name: value for name, value in values.items() if name in known and name not in _READ
    }
    if task.data is not None:
        given |= {"source": "supplied", "data_path": str(task.data)}
    if task.data_map is not None:
        given["data_map"] = str(task.data_map)
    name = sha256(repr(sorted(given.items())).encode()).hexdigest()[:16]
    folder = task.folder / name
    if not (folder / EFFECTS).is_file():
        try:
            _execute(path, task.folder, folder, given)
        except NotebookError as error:
            return {**full, **refused(str(error))}
    return {**full, **read_record(study, folder, str(values["outcome"]), str(values["adjustment"]))}


def _execute(path: Path, parent: Path, folder: Path, given: Mapping[str, object]) -> None:
    """Run in a folder of its own and then rename it: two workers never write into the same."""
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".running-") as temporary:
        made = Path(temporary) / "made"
        values = {**given, "results_dir": str(made)}
        notebooks.execute(path, made / path.name, values, cwd=path.parent)
        if not (made / EFFECTS).is_file():
            raise NotebookError(f"{path.name} ran but wrote no {EFFECTS}.")
        if folder.exists():
            return
        shutil.move(made, folder)


def read_record(study: Study, folder: Path, outcome: str, adjustment: str) -> Record:
    """Read the results of an executed notebook as those of a run.

    Raises
    ------
    NotebookError
        If the results hold no such outcome.
    """
    effects = pd.read_csv(folder / EFFECTS, keep_default_na=False)
    rows = effects[(effects["outcome"] == outcome) & (effects["adjustment"] == adjustment)]
    if len(rows) != 1:
        raise NotebookError(
            f"{folder.name}/{EFFECTS}: found no one row of {outcome}, {adjustment}."
        )
    row = rows.iloc[0]
    balance = pd.read_csv(folder / "balance.csv")
    every = {key for keys in covariate_sets(study).values() for key in keys}
    after = balance[(balance["stage"] == "after") & balance["covariate"].isin(every)]
    smd = {str(i): float(value) for i, value in enumerate(after["smd"])}
    return {
        **{name: int(row[name]) for name in ("pairs", "treated", "control", "events")},
        **differences(smd),
        **{name: float(row[name]) for name in ("hazard_ratio", "ci_low", "ci_high", "p")},
        "errors": str(row["errors"]),
        "reason": "",
    }
