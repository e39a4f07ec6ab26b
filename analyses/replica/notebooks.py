"""Running one notebook: a checked execution, an output that repeats bytewise."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

# Imported for what it does: the first time ever it builds a cache of fonts and says so on stderr,
# which must happen here and not in a notebook.
import matplotlib.font_manager  # noqa: F401 - see above
import papermill
from ipykernel.kernelspec import KERNEL_NAME, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellControlSignal, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from replica.errors import NotebookError
from replica.notebook_parameters import (
    Parameter,
    check_known,
    inspect,
    literal_path,
    parse_parameters,
    read_notebook,
    tags_of,
)

__all__ = ["FailedCellError", "Parameter", "Progress", "execute", "inspect", "parse_parameters"]

Progress = Callable[[int, int], None]

_INJECTED = "injected-parameters"
_MARKER = "papermill-error-cell-tag"
_STILLBORN = "Kernel died before replying"
STARTS = 3
"""So many kernels are started for a notebook at most, if they die before they answer."""

# One thread, one hash seed and one date: the same notebook gives the same bytes, whoever starts it.
_KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
}


class FailedCellError(NotebookError):
    """A cell of a notebook failed: its number, the number of cells, and what went wrong."""

    def __init__(self, message: str, *, cell: int, total: int, error: str) -> None:
        """Keep apart what the message says together."""
        super().__init__(message)
        self.cell, self.total, self.error = cell, total, error

    def __reduce__(self) -> tuple[Callable[[str], FailedCellError], tuple[str]]:
        """Let another process raise it here: keywords are not what exceptions are sent with."""
        made = partial(FailedCellError, cell=self.cell, total=self.total, error=self.error)
        return made, (str(self),)


class _RunningInterpreter(AsyncKernelManager):
    """Starts kernels with this very interpreter, whatever kernels are installed for the user."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """Describe the kernel.

        It keeps no history file, which notebooks run at once would fight over, and no log: what
        goes wrong in a cell stands in the notebook.
        """
        options = ["--HistoryManager.enabled=False", "--log-level=50"]
        described = get_kernel_dict(extra_arguments=options)
        return KernelSpec(env=_KERNEL_ENVIRONMENT, **described)


def execute(
    path: Path,
    output: Path,
    parameters: Mapping[str, object],
    *,
    cwd: Path,
    progress: Progress | None = None,
) -> None:
    """Run a notebook in the interpreter that runs this function and write it with its outputs.

    The output carries no time, duration or random id: two runs give the same bytes. When a cell
    fails, the output is written too, with the traceback below that cell.

    Parameters
    ----------
    path, output
        The notebook, and where the executed one goes; missing folders are made.
    parameters
        Values by name; they follow the defaults in a cell tagged `injected-parameters`.
    cwd
        Folder the kernel runs in.
    progress
        Called with the cells done and the cells in all, before each cell and at the end.

    Raises
    ------
    NotebookError
        If the notebook is missing or has no such parameter; the message names the nearest one.
    FailedCellError
        If a cell fails; the message names it.
    """
    source = read_notebook(path)
    if any(_INJECTED in tags_of(cell) for cell in source["cells"]):
        raise NotebookError(
            f"{path.name}: found a cell tagged '{_INJECTED}', left by an earlier run; delete it."
        )
    if parameters:
        check_known(parameters, {p.name for p in inspect(path)}, path.name)
    total = len(source["cells"]) + bool(parameters)
    running = 0

    def started(*, cell: object, cell_index: int) -> None:
        nonlocal running
        del cell
        running = cell_index
        if progress:
            progress(cell_index, total)

    output.parent.mkdir(parents=True, exist_ok=True)

    def execute() -> None:
        papermill.execute_notebook(
            literal_path(path),
            literal_path(output),
            parameters=dict(parameters),
            kernel_name=KERNEL_NAME,
            kernel_manager_class=_RunningInterpreter,
            progress_bar=False,
            cwd=str(cwd),
            on_cell_start=started,
            # Otherwise the cuts between pieces of printed text depend on timing.
            coalesce_streams=True,
        )

    failure = failure_of(execute)
    _write_repeatable(output, [cell.get("id") for cell in source["cells"]])
    if failure:
        raise FailedCellError(
            f"{path.name}: cell {running + 1} of {total} failed with {failure}\n"
            f"The cell begins: {_first_line(output, running)}\n"
            f"Its traceback stands in {output}.",
            cell=running + 1,
            total=total,
            error=failure,
        )
    if progress:
        progress(total, total)


def failure_of(execute: Callable[[], None]) -> str | None:
    """Execute a notebook; return what failed, or None.

    Kernels that start at once may choose the same port. One that dies of it has run nothing yet, so
    another is started.
    """
    for start in range(1, STARTS + 1):
        try:
            execute()
        except PapermillExecutionError as error:
            return f"{error.ename}: {error.evalue}"
        except (DeadKernelError, CellControlSignal, RuntimeError) as error:
            if start < STARTS and str(error).startswith(_STILLBORN):
                continue
            return f"{type(error).__name__}: {error}"
        break
    return None


def _write_repeatable(output: Path, ids: list[str | None]) -> None:
    """Strip what differs between two runs, and give every cell the id it has in the source."""
    notebook = json.loads(output.read_text(encoding="utf-8"))
    notebook["metadata"].pop("papermill", None)
    position = markers = 0
    for cell in notebook["cells"]:
        tags = tags_of(cell)
        for noise in ("papermill", "execution"):
            cell["metadata"].pop(noise, None)
        if not tags:
            cell["metadata"].pop("tags", None)
        if _INJECTED in tags:
            cell["id"] = _INJECTED
        elif _MARKER in tags:
            markers += 1
            cell["id"] = f"error-{markers}"
        else:
            cell["id"] = ids[position] or f"cell-{position + 1}"
            position += 1
        _describe_figure(cell)
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
    output.write_text(text + "\n", encoding="utf-8")


def _describe_figure(cell: dict[str, Any]) -> None:
    """Make the text beside a captioned figure its alternative text, so that it tells the finding.

    A caption stands in the cell's metadata, written before anything is known; the picture brings
    its own description, as plain text.
    """
    shown = cell["metadata"].get("mystnb", {})
    if "figure" not in shown:
        return
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        described = "".join(data.get("text/plain", ""))
        # IPython's own pictures bring no description, only their type
        if "image/svg+xml" in data and described and not described.startswith("<"):
            shown.setdefault("image", {})["alt"] = described


def _first_line(output: Path, index: int) -> str:
    notebook = json.loads(output.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if _MARKER not in tags_of(cell)]
    lines = "".join(cells[index]["source"]).strip().splitlines()
    return str(lines[0]) if lines else "(empty)"
