"""Running a notebook for real: same bytes twice, the right interpreter, readable failures."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from replica.errors import NotebookError
from replica.notebooks import execute

TOY = Path(__file__).parents[1] / "toy" / "analyses" / "toy.ipynb"


def notebook(path: Path, *sources: str, ids: bool = True) -> Path:
    """Write a notebook of code cells, the first being its parameters."""
    cells = [
        {
            "cell_type": "code",
            **({"id": f"cell-{i}"} if ids else {}),
            "source": source,
            "metadata": {"tags": ["parameters"]} if i == 0 else {},
            "outputs": [],
            "execution_count": None,
        }
        for i, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    content = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5 if ids else 4,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def printed(path: Path, cell: int) -> str:
    """Return what a cell of an executed notebook printed."""
    made = json.loads(path.read_text(encoding="utf-8"))["cells"][cell]["outputs"]
    return "".join("".join(output["text"]) for output in made)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Make a repository that holds the toy study only."""
    shutil.copytree(TOY.parent, tmp_path / "analyses")
    monkeypatch.setenv("REPLICA_HOME", str(tmp_path))
    return tmp_path


def test_two_runs_give_the_same_bytes(home):
    """No time, duration or random id is left, also not in the cell of injected parameters."""
    for name in ("one", "two"):
        parameters = {"caliper": None, "results_dir": str(home / "results")}
        execute(TOY, home / name / "toy.ipynb", parameters, cwd=home / "analyses")
    first, second = ((home / name / "toy.ipynb").read_bytes() for name in ("one", "two"))
    assert first == second
    made = json.loads(first)
    assert "papermill" not in made["metadata"]
    assert all({"papermill", "execution"}.isdisjoint(cell["metadata"]) for cell in made["cells"])
    source = json.loads(TOY.read_text(encoding="utf-8"))
    before = [cell["id"] for cell in source["cells"]]
    at = before.index("parameters") + 1
    assert [cell["id"] for cell in made["cells"]] == [
        *before[:at],
        "injected-parameters",
        *before[at:],
    ]


def test_verification_is_written_only_at_the_default_settings(home):
    """Another caliper gives results of its own but no verdicts."""
    written = home / "build" / "verification" / "toy.json"
    execute(TOY, home / "a.ipynb", {"caliper": 0.5}, cwd=home / "analyses")
    assert not written.exists()
    execute(TOY, home / "b.ipynb", {}, cwd=home / "analyses")
    assert written.is_file()


def test_the_kernel_is_this_interpreter_in_the_given_folder(tmp_path):
    """Whatever kernels a user has installed, the package's own environment is used."""
    path = notebook(
        tmp_path / "where.ipynb",
        "a = 1",
        "import os, sys\nprint(sys.executable)\nprint(os.getcwd())\n"
        "print(os.environ['OMP_NUM_THREADS'])",
    )
    folder = tmp_path / "analyses"
    folder.mkdir()
    execute(path, tmp_path / "out.ipynb", {}, cwd=folder)
    assert printed(tmp_path / "out.ipynb", 1).splitlines() == [sys.executable, str(folder), "1"]


def test_cells_without_ids_get_the_same_ids_each_time(tmp_path):
    """Old notebooks have no ids; they are numbered, not drawn at random."""
    path = notebook(tmp_path / "old.ipynb", "a = 1", "print(a)", ids=False)
    execute(path, tmp_path / "out.ipynb", {"a": 2}, cwd=tmp_path)
    made = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))
    assert [cell["id"] for cell in made["cells"]] == ["cell-1", "injected-parameters", "cell-2"]
    assert printed(tmp_path / "out.ipynb", 2) == "2\n"


def test_braces_in_a_path_are_part_of_its_name(tmp_path):
    """Papermill alone would read them as fields of a format string."""
    path = notebook(tmp_path / "a{b}.ipynb", "a = 1", "print(a)")
    execute(path, tmp_path / "{out}" / "c.ipynb", {}, cwd=tmp_path)
    assert printed(tmp_path / "{out}" / "c.ipynb", 1) == "1\n"


def test_progress_counts_the_cells(tmp_path):
    """The bar starts at none, ends at all and includes the injected cell."""
    path = notebook(tmp_path / "n.ipynb", "a = 1", "print(a)")
    seen = []
    execute(
        path,
        tmp_path / "out.ipynb",
        {"a": 2},
        cwd=tmp_path,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_failing_cell_is_named_and_its_traceback_kept(tmp_path):
    """The error says which cell and why; the written notebook shows the traceback below it."""
    path = notebook(tmp_path / "n.ipynb", "a = 1", "# divide\nprint(1 / 0)", "print('never')")
    with pytest.raises(NotebookError) as failure:
        execute(path, tmp_path / "out.ipynb", {}, cwd=tmp_path)
    message = str(failure.value)
    assert "n.ipynb: cell 2 of 3 failed with ZeroDivisionError: division by zero" in message
    assert "The cell begins: # divide" in message
    assert str(tmp_path / "out.ipynb") in message
    made = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    failing = next(cell for cell in made if cell["id"] == "cell-1")
    assert failing["outputs"][0]["ename"] == "ZeroDivisionError"
    assert next(cell for cell in made if cell["id"] == "cell-2")["outputs"] == []


def test_a_kernel_that_dies_is_an_error_of_that_cell(tmp_path):
    """A crash of the interpreter is reported like any other failure."""
    path = notebook(tmp_path / "n.ipynb", "a = 1", "import os\nos._exit(3)")
    with pytest.raises(NotebookError, match=r"cell 2 of 2 failed with DeadKernelError"):
        execute(path, tmp_path / "out.ipynb", {}, cwd=tmp_path)
