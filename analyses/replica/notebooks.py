"""Running one notebook: its parameters, a checked execution, an output that repeats bytewise."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Imported for what it does: the first time ever it builds a cache of fonts and says so on stderr,
# which must happen here and not in a notebook.
import matplotlib.font_manager  # noqa: F401 - see above
import nbformat
import papermill
from ipykernel.kernelspec import KERNEL_NAME, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellControlSignal, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from replica.errors import NotebookError, one_of

Progress = Callable[[int, int], None]

_INJECTED = "injected-parameters"
_MARKER = "papermill-error-cell-tag"

# One thread, one hash seed and one date: the same notebook gives the same bytes, whoever starts it.
_KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
}


@dataclass(frozen=True)
class Parameter:
    """One name of a notebook's `parameters` cell: its type, default value and help text.

    `type` is the one stated in the cell (`# type: float|None`), else that of the default.
    """

    name: str
    type: str
    default: object
    help: str


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


def inspect(path: Path) -> tuple[Parameter, ...]:
    """List a notebook's parameters in the order of its `parameters` cell.

    Raises
    ------
    NotebookError
        If there is no such notebook, it cannot be read, or it has no cell tagged `parameters`.
    """
    source = _read(path)
    if not any("parameters" in _tags(cell) for cell in source["cells"]):
        raise NotebookError(
            f"{path.name}: found no cell tagged 'parameters'; tag the cell that sets the defaults."
        )
    inferred = papermill.inspect_notebook(_literal_path(path))
    return tuple(
        _parameter(str(p["name"]), str(p["inferred_type_name"]), str(p["default"]), str(p["help"]))
        for p in inferred.values()
    )


def parse_parameters(
    pairs: Iterable[tuple[str, str]], parameters: Iterable[Parameter], notebook: str
) -> dict[str, object]:
    """Read `-p name value` pairs of the command line by the types of the notebook's parameters.

    Parameters
    ----------
    pairs
        Names and values as typed.
    parameters
        What the notebook has, as `inspect` lists it.
    notebook
        How error messages call the notebook.

    Raises
    ------
    NotebookError
        If a name is unknown or given twice, or a value does not fit the parameter's type.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, object] = {}
    for name, text in pairs:
        _check_known([name], known, notebook)
        if name in values:
            raise NotebookError(
                f"{notebook}: the parameter {name!r} was given twice; give it once."
            )
        values[name] = _typed(known[name], text, notebook)
    return values


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
        If the notebook is missing, has no such parameter, or a cell fails; the message names the
        nearest parameter or the cell.
    """
    source = _read(path)
    if any(_INJECTED in _tags(cell) for cell in source["cells"]):
        raise NotebookError(
            f"{path.name}: found a cell tagged '{_INJECTED}', left by an earlier run; delete it."
        )
    if parameters:
        _check_known(parameters, {p.name for p in inspect(path)}, path.name)
    total = len(source["cells"]) + bool(parameters)
    running = 0

    def started(*, cell: object, cell_index: int) -> None:
        nonlocal running
        del cell
        running = cell_index
        if progress:
            progress(cell_index, total)

    output.parent.mkdir(parents=True, exist_ok=True)
    failure: str | None = None
    try:
        papermill.execute_notebook(
            _literal_path(path),
            _literal_path(output),
            parameters=dict(parameters),
            kernel_name=KERNEL_NAME,
            kernel_manager_class=_RunningInterpreter,
            progress_bar=False,
            cwd=str(cwd),
            on_cell_start=started,
            # Otherwise the cuts between pieces of printed text depend on timing.
            coalesce_streams=True,
        )
    except PapermillExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
    except (DeadKernelError, CellControlSignal, RuntimeError) as error:
        failure = f"{type(error).__name__}: {error}"
    _write_repeatable(output, [cell.get("id") for cell in source["cells"]])
    if failure:
        raise NotebookError(
            f"{path.name}: cell {running + 1} of {total} failed with {failure}\n"
            f"The cell begins: {_first_line(output, running)}\n"
            f"Its traceback stands in {output}."
        )
    if progress:
        progress(total, total)


def _read(path: Path) -> dict[str, Any]:
    try:
        source: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        nbformat.validate(source)
    except FileNotFoundError:
        raise NotebookError(f"no notebook at {path}; check the name, or where it lies.") from None
    except (ValueError, nbformat.ValidationError) as error:
        raise NotebookError(f"{path} is not a notebook of format 4: {error}") from None
    kernel = source["metadata"].get("kernelspec", {})
    if (kernel.get("name"), kernel.get("language")) != (KERNEL_NAME, "python"):
        raise NotebookError(
            f"{path.name}: found the kernel {kernel.get('name')!r}; allowed: {KERNEL_NAME!r} with "
            "language 'python'. Choose the kernel 'Python 3 (ipykernel)' and save."
        )
    return source


def _literal_path(path: Path) -> str:
    # papermill reads braces in a path as fields of a format string
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def _tags(cell: Mapping[str, Any]) -> list[str]:
    return list(cell.get("metadata", {}).get("tags", []))


def _check_known(names: Iterable[str], known: Iterable[str], notebook: str) -> None:
    allowed = list(known)
    for name in names:
        if name not in allowed:
            raise NotebookError(f"{notebook}: unknown parameter, {one_of(name, allowed)}")


def _parameter(name: str, stated: str, default: str, text: str) -> Parameter:
    value = _literal(default)
    kind = type(value).__name__ if stated == "None" else stated
    return Parameter(name, "None" if value is None and stated == "None" else kind, value, text)


def _literal(text: str) -> object:
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value


def _typed(parameter: Parameter, text: str, notebook: str) -> object:
    kinds = [kind.strip() for kind in parameter.type.split("|")]
    for kind in kinds:
        matches, value = _as_kind(kind, text)
        if matches:
            return value
    expected = " or ".join(_KINDS.get(kind, kind) for kind in kinds)
    raise NotebookError(
        f"{notebook}: parameter {parameter.name!r} found {text!r}; allowed: {expected}, "
        f"such as the default {parameter.default!r}."
    )


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "None": "None",
}


def _as_kind(kind: str, text: str) -> tuple[bool, object]:
    """Whether the text can be read as this type, and what it then is."""
    value = _literal(text)
    if kind == "str":
        return True, text
    if kind == "bool":
        return text.lower() in {"true", "false"}, text.lower() == "true"
    if kind == "int":
        return type(value) is int, value
    if kind == "float":
        numeric = type(value) in {int, float} and math.isfinite(value)  # type: ignore[arg-type]
        return numeric, float(value) if numeric else value  # type: ignore[arg-type]
    if kind == "None":
        return text.lower() == "none", None
    return type(value).__name__ == kind.split("[", maxsplit=1)[0].lower(), value


def _write_repeatable(output: Path, ids: list[str | None]) -> None:
    """Strip what differs between two runs, and give every cell the id it has in the source."""
    notebook = json.loads(output.read_text(encoding="utf-8"))
    notebook["metadata"].pop("papermill", None)
    position = markers = 0
    for cell in notebook["cells"]:
        tags = _tags(cell)
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
        if "image/svg+xml" in data and "text/plain" in data:
            shown.setdefault("image", {})["alt"] = "".join(data["text/plain"])


def _first_line(output: Path, index: int) -> str:
    notebook = json.loads(output.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if _MARKER not in _tags(cell)]
    lines = "".join(cells[index]["source"]).strip().splitlines()
    return str(lines[0]) if lines else "(empty)"
