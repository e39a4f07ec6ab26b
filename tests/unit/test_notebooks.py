"""Parameters of a notebook: listed, read from the command line, refused when they do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replica import notebooks
from replica.errors import NotebookError
from replica.notebooks import Parameter, execute, inspect, parse_parameters

TOY = Path(__file__).parents[1] / "toy" / "analyses" / "toy.ipynb"
KNOWN = (
    Parameter("caliper", "float|None", 0.02, ""),
    Parameter("seed", "int", 1, ""),
    Parameter("source", "str", "synthetic", ""),
    Parameter("exact", "bool", False, ""),
    Parameter("covariates", "list", ["age"], ""),
)


def write_notebook(path: Path, *cells: tuple[str, list[str]], kernel="python3") -> Path:
    """Write a notebook of code cells, each a source and its tags."""
    made = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "source": source,
            "metadata": {"tags": tags},
            "outputs": [],
            "execution_count": None,
        }
        for i, (source, tags) in enumerate(cells)
    ]
    metadata = {"kernelspec": {"name": kernel, "language": "python", "display_name": "Python 3"}}
    content = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_inspect_lists_name_type_default_and_help():
    """Each line of the parameters cell becomes one parameter, in its order, typed."""
    assert inspect(TOY) == (
        Parameter("source", "str", "synthetic", "where the patients come from"),
        Parameter("caliper", "float|None", 0.02, "widest distance of a pair"),
        Parameter("seed", "int", 1, "seed of the random order"),
        Parameter("data_path", "str", "", "the reader's own file"),
        Parameter("results_dir", "str", "", "where tables and figures go"),
    )


def test_inspect_takes_the_type_from_the_default_when_none_is_stated(tmp_path):
    """A line without a type comment is typed by its value."""
    path = write_notebook(tmp_path / "n.ipynb", ("a = 1.5\nb = None\nc = [1]", ["parameters"]))
    assert [(p.name, p.type, p.default) for p in inspect(path)] == [
        ("a", "float", 1.5),
        ("b", "None", None),
        ("c", "list", [1]),
    ]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("caliper", "0.05", 0.05),
        ("caliper", "1", 1.0),
        ("caliper", "None", None),
        ("seed", "7", 7),
        ("source", "7", "7"),
        ("exact", "true", True),
        ("exact", "False", False),
        ("covariates", "['age', 'sex']", ["age", "sex"]),
    ],
)
def test_values_are_read_by_the_type_of_their_parameter(name, text, value):
    """The text on the command line becomes a value of the parameter's type, and no other."""
    read = parse_parameters([(name, text)], KNOWN, "toy")[name]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("caliper", "wide"),
        ("caliper", "nan"),
        ("caliper", "1e999"),
        ("caliper", "True"),
        ("seed", "1.5"),
        ("seed", "None"),
        ("exact", "1"),
        ("covariates", "age"),
    ],
)
def test_a_value_of_another_type_is_refused(name, text):
    """A value that does not fit is named together with what is allowed."""
    with pytest.raises(NotebookError, match=rf"'{name}' found '{text}'; allowed"):
        parse_parameters([(name, text)], KNOWN, "toy")


def test_an_unknown_name_is_refused_with_the_nearest_one():
    """A misspelt parameter is never passed on silently."""
    with pytest.raises(NotebookError, match=r"unknown parameter, found 'calipr'.*'caliper'\?"):
        parse_parameters([("calipr", "1")], KNOWN, "toy")


def test_a_parameter_given_twice_is_refused():
    """Two values for one name are a slip, not a choice of the last one."""
    with pytest.raises(NotebookError, match="'seed' was given twice"):
        parse_parameters([("seed", "1"), ("seed", "2")], KNOWN, "toy")


def test_execute_refuses_an_unknown_parameter_before_running(tmp_path):
    """The notebook is not run at all, so nothing is written."""
    with pytest.raises(NotebookError, match=r"found 'sead'.*Did you mean 'seed'\?"):
        execute(TOY, tmp_path / "out.ipynb", {"sead": 1}, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_notebook_is_named(tmp_path):
    """The path that was looked for stands in the message."""
    with pytest.raises(NotebookError, match=r"no notebook at .*gone\.ipynb"):
        inspect(tmp_path / "gone.ipynb")


@pytest.mark.parametrize("content", ["not JSON", "{}", '{"cells": 1}'])
def test_a_file_that_is_no_notebook_is_named(tmp_path, content):
    """Broken files end in our own error."""
    path = tmp_path / "broken.ipynb"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NotebookError, match="is not a notebook"):
        inspect(path)


def test_a_notebook_without_parameters_cell_is_refused(tmp_path):
    """Papermill alone would put the parameters on top, where the notebook overwrites them."""
    path = write_notebook(tmp_path / "n.ipynb", ("caliper = 1", []))
    with pytest.raises(NotebookError, match="no cell tagged 'parameters'"):
        inspect(path)


def test_values_left_by_an_earlier_run_are_refused(tmp_path):
    """An injected-parameters cell in the source would change the defaults unseen."""
    path = write_notebook(
        tmp_path / "n.ipynb", ("a = 1", ["parameters"]), ("a = 2", ["injected-parameters"])
    )
    with pytest.raises(NotebookError, match="left by an earlier run"):
        execute(path, tmp_path / "out.ipynb", {}, cwd=tmp_path)


def test_a_notebook_of_another_kernel_is_refused(tmp_path):
    """The kernel is this interpreter: an R notebook would fail in its first cell, less clearly."""
    path = write_notebook(tmp_path / "n.ipynb", ("a = 1", ["parameters"]), kernel="ir")
    with pytest.raises(NotebookError, match="found the kernel 'ir'; allowed: 'python3'"):
        inspect(path)


@pytest.mark.parametrize(
    ("message", "deaths", "calls"),
    [
        ("Kernel died before replying to kernel_info", 2, 3),
        ("Kernel died before replying to kernel_info", 3, 3),
        ("Kernel died", 1, 1),
    ],
)
def test_a_kernel_that_dies_before_it_answers_is_started_again(message, deaths, calls):
    """Two kernels may choose one port; only a death before anything ran is tried again."""
    tried = []

    def start():
        tried.append(len(tried))
        if len(tried) <= deaths:
            raise RuntimeError(message)

    failed = notebooks.failure_of(start)
    assert len(tried) == calls
    assert failed == (None if deaths < calls else f"RuntimeError: {message}")
