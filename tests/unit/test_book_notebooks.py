"""The order in which the notebooks of a book run."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import pytest

from replica.book_notebooks import notebooks_of, run_notebooks, turn_of
from replica.errors import NotebookError
from replica.paths import repository

ROOT = repository()
# what a study's notebook leaves under build/, which other notebooks may read
LEFT_BY_STUDIES = re.compile(
    r'"verification\.json"|outputs_folder|build_path\(\) / "results" / key'
)


def write_notebook(path, code, runs=None):
    """Write a notebook of one cell, with a time to run if given."""
    cell = {
        "cell_type": "code",
        "id": "only",
        "source": code,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    if runs:
        metadata["replica"] = {"runs": runs}
    content = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_every_notebook_runs_once_and_a_page_waits_unless_it_says_otherwise(tmp_path):
    """Studies, long pages, other pages, pages that read what the studies found."""
    write_notebook(tmp_path / "analyses" / "study.ipynb", "1")
    write_notebook(tmp_path / "book" / "a.ipynb", "1")
    write_notebook(tmp_path / "book" / "b.ipynb", "1", "any time")
    write_notebook(tmp_path / "book" / "deep" / "c.ipynb", "1", "first")
    write_notebook(tmp_path / "book" / "d.ipynb", "1", "after the studies")
    write_notebook(tmp_path / "book" / ".ipynb_checkpoints" / "a.ipynb", "1")
    found = notebooks_of(tmp_path)
    names = [
        [path.stem for path in paths]
        for paths in (found.studies, found.first, found.any_time, found.after)
    ]
    assert names == [["study"], ["c"], ["b"], ["a", "d"]]


def test_an_unknown_time_is_refused_with_the_nearest(tmp_path):
    """A misspelt time is neither guessed nor ignored."""
    page = write_notebook(tmp_path / "book" / "a.ipynb", "1", "anytime")
    with pytest.raises(NotebookError) as error:
        turn_of(page)
    assert str(error.value) == (
        "a.ipynb: metadata replica.runs: found 'anytime'; allowed: 'first', 'any time', "
        "'after the studies'. Did you mean 'any time'?"
    )


def test_pages_that_wait_find_what_the_studies_and_the_merging_left(tmp_path):
    """They start when all studies have run, whatever else is still running."""
    write_notebook(
        tmp_path / "analyses" / "study.ipynb",
        "import pathlib, time; time.sleep(1); pathlib.Path('left').write_text('by study')",
    )
    read = "import pathlib; print(pathlib.Path('merged').read_text())"
    write_notebook(tmp_path / "book" / "late.ipynb", read)
    write_notebook(tmp_path / "book" / "early.ipynb", "print('alone')", "first")

    def merge():
        left = (tmp_path / "analyses" / "left").read_text(encoding="utf-8")
        (tmp_path / "analyses" / "merged").write_text(f"{left}, merged", encoding="utf-8")

    said = []
    run_notebooks(tmp_path, tmp_path / "staged", merge, said.append)
    staged = tmp_path / "staged" / "book" / "late.ipynb"
    outputs = json.loads(staged.read_text(encoding="utf-8"))["cells"][0]["outputs"]
    assert [output["text"] for output in outputs] == [["by study, merged\n"]]
    assert said[0] == "running study.ipynb, early.ipynb"
    assert sorted(line for line in said if line.startswith("ran")) == [
        "ran analyses/study.ipynb",
        "ran book/early.ipynb",
        "ran book/late.ipynb",
    ]
    assert said.index("running late.ipynb") > said.index("ran analyses/study.ipynb")


def test_all_failures_are_told_of_and_pages_do_not_wait_for_a_failed_study(tmp_path):
    """A failed study stops what would read it; what runs anyway is told of as well."""
    write_notebook(tmp_path / "analyses" / "study.ipynb", "raise ValueError('one')")
    write_notebook(tmp_path / "book" / "early.ipynb", "raise ValueError('two')", "any time")
    write_notebook(tmp_path / "book" / "late.ipynb", "1")
    with pytest.raises(NotebookError) as error:
        run_notebooks(tmp_path, tmp_path / "staged", lambda: None, lambda _: None)
    told = str(error.value)
    assert "early.ipynb: cell 1 of 1 failed with ValueError: two" in told
    assert "study.ipynb: cell 1 of 1 failed with ValueError: one" in told
    assert not (tmp_path / "staged" / "book" / "late.ipynb").exists()


def test_what_goes_wrong_between_studies_and_pages_is_raised(tmp_path):
    """The merging's own error is not hidden by the notebooks that still run."""
    write_notebook(tmp_path / "analyses" / "study.ipynb", "1")
    write_notebook(tmp_path / "book" / "late.ipynb", "1")

    def merge():
        raise NotebookError("no verification")

    with pytest.raises(NotebookError, match="no verification"):
        run_notebooks(tmp_path, tmp_path / "staged", merge, lambda _: None)
    assert not (tmp_path / "staged" / "book" / "late.ipynb").exists()


@cache
def imported(source):
    """List the package's modules that a text imports, by file."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    paths = (ROOT / "analyses" / name.replace(".", "/") for name in names if "replica" in name)
    files = {file for path in paths for file in (path.with_suffix(".py"), path / "__init__.py")}
    return {file for file in files if file.is_file()}


def everything_imported(source):
    """Follow imports to the end."""
    known, new = set(), imported(source)
    while new:
        known |= new
        new = set().union(*(imported(path.read_text(encoding="utf-8")) for path in new)) - known
    return known


@pytest.mark.parametrize(
    "page",
    [
        path
        for path in sorted((ROOT / "book").glob("*.ipynb"))
        if turn_of(path) != "after the studies"
    ],
    ids=lambda path: path.stem,
)
def test_pages_that_do_not_wait_read_nothing_of_the_studies(page):
    """Otherwise a page would show what an earlier build left, or nothing, by chance."""
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    texts = [code, *(path.read_text(encoding="utf-8") for path in everything_imported(code))]
    assert [text[:80] for text in texts if LEFT_BY_STUDIES.search(text)] == []


@pytest.mark.parametrize("name", ["index", "verification", "review_codecheck"])
def test_the_search_for_such_reading_finds_the_pages_that_do(name):
    """The home page, the verification and the CODECHECK read what the studies left."""
    page = ROOT / "book" / f"{name}.ipynb"
    assert turn_of(page) == "after the studies"
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    texts = [path.read_text(encoding="utf-8") for path in everything_imported(code)]
    assert any(LEFT_BY_STUDIES.search(text) for text in texts)
