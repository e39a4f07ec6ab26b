"""What a notebook can be given: the names of its `parameters` cell, their types and values."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from ipykernel.kernelspec import KERNEL_NAME

from replica.errors import NotebookError, one_of


@dataclass(frozen=True)
class Parameter:
    """One name of a notebook's `parameters` cell: its type, default value and help text.

    `type` is the one stated in the cell (`# type: float|None`), else that of the default.
    """

    name: str
    type: str
    default: object
    help: str


def inspect(path: Path) -> tuple[Parameter, ...]:
    """List a notebook's parameters in the order of its `parameters` cell.

    Raises
    ------
    NotebookError
        If there is no such notebook, it cannot be read, or it has no cell tagged `parameters`.
    """
    source = read_notebook(path)
    if not any("parameters" in tags_of(cell) for cell in source["cells"]):
        raise NotebookError(
            f"{path.name}: found no cell tagged 'parameters'; tag the cell that sets the defaults."
        )
    inferred = papermill.inspect_notebook(literal_path(path))
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
        check_known([name], known, notebook)
        if name in values:
            raise NotebookError(
                f"{notebook}: the parameter {name!r} was given twice; give it once."
            )
        values[name] = _typed(known[name], text, notebook)
    return values


def read_notebook(path: Path) -> dict[str, Any]:
    """Read a notebook of format 4 for Python.

    Raises
    ------
    NotebookError
        If it is missing, broken or of another kernel.
    """
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


def literal_path(path: Path) -> str:
    """Write a path as papermill takes it literally."""
    # papermill reads braces in a path as fields of a format string
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def tags_of(cell: Mapping[str, Any]) -> list[str]:
    """List the tags of a cell."""
    return list(cell.get("metadata", {}).get("tags", []))


def check_known(names: Iterable[str], known: Iterable[str], notebook: str) -> None:
    """Refuse names that a notebook's parameters do not have.

    Raises
    ------
    NotebookError
        With the allowed names and the nearest of them.
    """
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
