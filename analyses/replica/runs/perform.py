"""One run of a study's notebook, from its checked parameters to its page and its record."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from replica import notebooks
from replica.errors import ParameterError
from replica.paths import build_path, notebook_path, repository
from replica.runs import folder as folders
from replica.runs.page import write_page
from replica.runs.parameters import DATA, FOLDER, MAP, SOURCE, checked
from replica.runs.record import data_record, git_state, timings, versions
from replica.runs.shown_tables import keep_shown_tables
from replica.runs.supplied_files import supplied_files


@dataclass(frozen=True)
class Planned:
    """A run whose parameters are checked and whose folder is known; nothing is written yet.

    `given` are the parameters that differ from the notebook's defaults, `values` those that the
    notebook is handed, `parameters` all of them, without places on this computer. `data` and `map`
    describe the supplied files.
    """

    study: str
    notebook: Path
    folder: Path
    values: Mapping[str, object]
    given: Mapping[str, object]
    parameters: Mapping[str, object]
    data: Mapping[str, Any] | None
    map: Mapping[str, Any] | None


@dataclass(frozen=True)
class Run:
    """A run that has ended: `failure` is None, or what to tell the reader."""

    folder: Path
    notebook: Path
    page: Path
    replaced: bool
    failure: str | None


def plan_run(
    study: str,
    pairs: Iterable[tuple[str, str]],
    data: Path | None,
    out: Path | None,
    *,
    data_map: Path | None = None,
) -> Planned:
    """Check what a run was asked for, before anything starts.

    Parameters
    ----------
    study
        Key of the study.
    pairs
        Names and values of parameters, as typed.
    data
        The reader's own patients; None for the synthetic ones.
    out
        The folder to write to; None for one under `build/runs/`, named after the parameters.
    data_map
        A mapping file for the names and codes in the reader's file.

    Raises
    ------
    NotebookError
        If there is no such notebook or parameter, or a value does not fit its type.
    ParameterError
        If a value is impossible, or source and data contradict each other.
    """
    path = notebook_path(study)
    known = notebooks.inspect(path)
    own = {parameter.name: parameter.default for parameter in known}
    values = checked(study, known, pairs)
    supplied = supplied_files(values, data, data_map)
    for name in supplied:
        if name not in own:
            raise ParameterError(
                f"{path.name} has no parameter {name!r}, so it cannot read {supplied[name].name}. "
                "Leave --data and --map out."
            )
    about = {name: data_record(file) for name, file in supplied.items()}
    folder = out or build_path() / "runs" / study / _name(values, own, about)
    folder = folder.expanduser().resolve()
    for file in supplied.values():
        if file.resolve().is_relative_to(folder):
            raise ParameterError(
                f"--out: {folder} holds {file.name}, which the run reads; name another folder."
            )
    # A link keeps its own name: it is what the reader typed
    values |= {name: os.path.abspath(file) for name, file in supplied.items()}  # noqa: PTH100 - as said
    if supplied:
        values[SOURCE] = "supplied"
    if FOLDER in own:
        values[FOLDER] = str(folder)
    return Planned(
        study,
        path,
        folder,
        values,
        _given(values, own),
        {name: value for name, value in (own | values).items() if name not in _PLACES},
        about.get(DATA),
        about.get(MAP),
    )


_PLACES = (DATA, MAP, FOLDER)


def _given(values: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    named = (*_PLACES, SOURCE)
    return {n: v for n, v in values.items() if n not in named and v != own.get(n)}


def _name(
    values: Mapping[str, object],
    own: Mapping[str, object],
    about: Mapping[str, Mapping[str, Any]],
) -> str:
    data = about[DATA]["sha256"] if DATA in about else None
    by_map = {"map": about[MAP]["sha256"][:8]} if MAP in about else {}
    return folders.folder_name(by_map | _given(values, own), data)


def perform(planned: Planned, progress: notebooks.Progress | None = None) -> Run:
    """Run the notebook into its folder: notebook, page, tables, figures and the record.

    A notebook that fails is written too, with the traceback below the failing cell; so are page
    and record.

    Raises
    ------
    NotebookError
        If the folder holds what no run wrote.
    """
    replaced = folders.make_ready(planned.folder)
    record = _opening(planned)
    folders.write_record(planned.folder, record)
    output = planned.folder / planned.notebook.name
    starts: list[float] = []

    def began(done: int, total: int) -> None:
        starts.append(time.perf_counter())
        if progress:
            progress(done, total)

    failure: notebooks.FailedCellError | None = None
    state = "interrupted"
    try:
        notebooks.execute(
            planned.notebook,
            output,
            planned.values,
            cwd=planned.notebook.parent,
            progress=began,
        )
        state = "finished"
    except notebooks.FailedCellError as error:
        failure, state = error, "failed"
    finally:
        if state != "finished":
            starts.append(time.perf_counter())
        _leave_out_folders(output, planned.values)
        record |= _ending(output, state, failure, starts)
        if output.is_file():
            keep_shown_tables(output, planned.folder)
        page = write_page(output, record, planned.folder)
        record["files"] = folders.files_of(planned.folder)
        folders.write_record(planned.folder, record)
    told = None if failure is None else str(failure)
    return Run(planned.folder, output, page, replaced, told)


def _opening(planned: Planned) -> dict[str, Any]:
    return {
        "format": folders.FORMAT,
        "state": "running",
        "study": planned.study,
        "notebook": planned.notebook.name,
        "notebook_sha256": folders.file_hash(planned.notebook),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": planned.parameters.get(SOURCE, "synthetic"),
        "data": planned.data,
        "map": planned.map,
        "given": dict(planned.given),
        "parameters": dict(planned.parameters),
        "seed": planned.parameters.get("seed"),
        "versions": versions(),
        "git": git_state(repository()),
        "failure": None,
        "timings": None,
        "files": {},
    }


def _ending(
    output: Path, state: str, failure: notebooks.FailedCellError | None, starts: Sequence[float]
) -> dict[str, Any]:
    made = json.loads(output.read_text(encoding="utf-8"))["cells"] if output.is_file() else []
    cells = [cell for cell in made if not str(cell.get("id", "")).startswith("error-")]
    ids, kinds = [str(c.get("id", "")) for c in cells], [str(c["cell_type"]) for c in cells]
    ended: dict[str, Any] = {"state": state, "timings": timings(ids, kinds, starts)}
    if failure is not None:
        ended["failure"] = {
            "cell": failure.cell,
            "of": failure.total,
            "id": ids[failure.cell - 1] if ids else None,
            "error": failure.error,
        }
    return ended


def _leave_out_folders(output: Path, values: Mapping[str, object]) -> None:
    """Keep the folders of this computer out of a notebook that may be passed on."""
    if not output.is_file():
        return
    text = output.read_text(encoding="utf-8")
    for name in _PLACES:
        place = str(values.get(name) or "")
        if place:
            instead = "." if name == FOLDER else Path(place).name
            text = text.replace(_in_json(place), _in_json(instead))
    output.write_text(text, encoding="utf-8")


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
