"""What every study's notebook in the repository must be like, as it is committed."""

from __future__ import annotations

import json

from replica import paths
from replica.notebooks import inspect

NOTEBOOKS = sorted(paths.notebook_path("any").parent.glob("*.ipynb"))


def cells(path):
    """Return the cells of a notebook."""
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_there_is_a_notebook():
    """The tests below are about something."""
    assert NOTEBOOKS


def test_notebooks_are_committed_without_outputs():
    """Results belong to the book; in the repository they would age unseen."""
    dirty = [
        f"{path.name}: {cell['id']}"
        for path in NOTEBOOKS
        for cell in cells(path)
        if cell.get("outputs") or cell.get("execution_count")
    ]
    assert dirty == []


def test_every_cell_has_an_id_of_its_own():
    """Ids make two runs, and two versions, comparable cell by cell."""
    for path in NOTEBOOKS:
        ids = [cell.get("id") for cell in cells(path)]
        assert None not in ids, path.name
        assert len(set(ids)) == len(ids), path.name


def test_every_parameter_states_its_type_and_meaning():
    """`replica studies` can tell a reader what each parameter is."""
    for path in NOTEBOOKS:
        for parameter in inspect(path):
            assert parameter.type != "None", (path.name, parameter.name)
            assert parameter.help, (path.name, parameter.name)


def test_every_notebook_can_take_the_readers_own_patients():
    """`replica run --data` and `--out` set these parameters."""
    for path in NOTEBOOKS:
        names = {parameter.name for parameter in inspect(path)}
        assert {"source", "data_path", "results_dir"} <= names, path.name
