"""Staging and rendering: what goes where, what repeats, what stops the build."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from html_pages import pages

from replica import book
from replica.errors import NotebookError
from replica.notebooks import execute


def test_the_stage_repeats_the_repository(toy_root):
    """Page names equal the repository's paths, so that links for download and edit are right."""
    stage = toy_root / "build" / "stage"
    assert (stage / "analyses" / "toy.ipynb").is_file()
    assert (stage / "book" / "index.md").is_file()
    assert (stage / "results" / "toy" / "table_1.csv").is_file()
    html = toy_root / "build" / "html"
    assert (html / "analyses" / "toy.html").is_file()
    assert (html / "book" / "index.html").is_file()


def test_tables_and_figures_are_numbered_and_can_be_downloaded(toy_root):
    """Captions carry numbers, references name them, and files are copied into the book."""
    page = pages(toy_root / "build" / "html")[toy_root / "build" / "html/analyses/toy.html"]
    text = " ".join("".join(page.text).split())
    assert "Table 1 Patients before matching" in text
    assert "Table 2 The same, from a cell" in text
    assert "Fig. 1 Progression-free survival by arm." in text
    assert {"toy-table-1", "toy-table-2", "toy-figure-1", "toy-figure-2"} <= page.ids
    downloads = [address for address in page.links if "_downloads" in address]
    assert [address.rsplit("/", 1)[1] for address in downloads] == [
        "table_1.csv",
        "table_1.csv",
        "figure_1.svg",
    ]


def test_formulas_need_no_script(toy_root):
    """They are MathML, which the browser draws itself."""
    text = (toy_root / "build/html/analyses/toy.html").read_text(encoding="utf-8")
    assert text.count("<math ") == 3
    assert not re.search(r"<script[^>]*mathjax", text, re.IGNORECASE)


def test_verification_is_merged_before_the_pages_are_run(toy_root):
    """A notebook among the pages reads what the studies' notebooks found."""
    made = json.loads((toy_root / "build" / "verification.json").read_text(encoding="utf-8"))
    assert [value["id"] for value in made["studies"]["toy"]["values"]] == ["table1.male.n"]
    text = (toy_root / "build/html/book/summary.html").read_text(encoding="utf-8")
    assert "toy: 1 printed numbers" in text


def test_rendering_again_gives_the_same_bytes(toy_root):
    """Pages depend on their sources alone: no date, no random id."""
    html = toy_root / "build" / "html"

    def contents():
        return {p.relative_to(html): p.read_bytes() for p in html.rglob("*") if p.is_file()}

    first = contents()
    book.build(toy_root)
    second = contents()
    assert {str(path) for path in first if second.get(path) != first[path]} == set()
    assert first.keys() == second.keys()


def test_a_book_is_current_until_something_changes(toy_root):
    """Any change of code, notebook, page, data or configuration makes it outdated."""
    assert book.is_current(toy_root)
    page = toy_root / "book" / "index.md"
    before = page.read_text(encoding="utf-8")
    page.write_text(before + "\nmore\n", encoding="utf-8")
    assert not book.is_current(toy_root)
    page.write_text(before, encoding="utf-8")
    assert book.is_current(toy_root)


@pytest.fixture
def staged(toy_root, tmp_path):
    """Copy the toy repository with its stage, to be spoilt."""
    copied = tmp_path / "copy"
    shutil.copytree(toy_root, copied)
    return copied


@pytest.mark.parametrize(
    ("page", "text", "complaint"),
    [
        ("book/index.md", "# Home\n\n[gone](gone.md)\n", "gone.md"),
        ("book/index.md", "# Home\n\n{numref}`no-such-table`\n", "no-such-table"),
        ("book/index.md", "# Home\n\n{cite}`nobody1999`\n", "nobody1999"),
        ("book/index.md", "# Home\n\n$\\nosuchcommand$\n", "formula cannot be drawn"),
        ("book/lost.md", "# A page that no table of contents names\n", "lost.md"),
    ],
)
def test_a_warning_stops_the_build_and_keeps_the_old_book(staged, page, text, complaint):
    """A broken link, reference, citation or formula, or a lost page, is never published."""
    published = staged / "build" / "html" / "book" / "index.html"
    before = published.read_bytes()
    (staged / "build" / "stage" / page).write_text(text, encoding="utf-8")
    with pytest.raises(book.BookError, match=complaint):
        book.build(staged)
    assert published.read_bytes() == before
    assert complaint in (staged / "build" / "book.log").read_text(encoding="utf-8")


def test_a_warning_printed_by_a_notebook_stops_the_build(staged):
    """What went to stderr while a notebook ran never reaches a page."""
    path = staged / "build" / "stage" / "analyses" / "toy.ipynb"
    made = json.loads(path.read_text(encoding="utf-8"))
    stray = {"output_type": "stream", "name": "stderr", "text": "FutureWarning: soon\n"}
    next(cell for cell in made["cells"] if cell["id"] == "wide")["outputs"].append(stray)
    path.write_text(json.dumps(made), encoding="utf-8")
    with pytest.raises(book.BookError, match="stderr was found in the cell outputs"):
        book.build(staged)


def write_study(path, *, code: str) -> None:
    """Write a study's notebook of one cell."""
    cell = {
        "cell_type": "code",
        "id": "only",
        "source": code,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    content = {
        "cells": [cell],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_every_failing_notebook_is_told_of_at_once(tmp_path):
    """One run shows all that is to be mended."""
    (tmp_path / "book").mkdir()
    for name in ("one", "two"):
        write_study(tmp_path / "analyses" / f"{name}.ipynb", code=f"raise ValueError('{name}')")
    with pytest.raises(NotebookError) as failure:
        book.stage(tmp_path)
    for name in ("one", "two"):
        assert f"{name}.ipynb: cell 1 of 1 failed with ValueError: {name}" in str(failure.value)


def test_a_study_that_writes_no_verification_is_refused(tmp_path):
    """A study cannot drop out of the summary unseen, nor live on in an older one."""
    (tmp_path / "book").mkdir()
    write_study(tmp_path / "analyses" / "one.ipynb", code="1")
    old = tmp_path / "build" / "verification" / "one.json"
    old.parent.mkdir(parents=True)
    old.write_text('{"source": 1, "parameters": 1, "counts": 1, "values": []}', encoding="utf-8")
    with pytest.raises(NotebookError, match=r"one\.ipynb ran but wrote no"):
        book.stage(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"), [("{}", "lacks counts, parameters"), ("{", "not JSON")]
)
def test_a_verification_of_another_shape_is_refused(tmp_path, content, complaint):
    """Pages never read half a summary."""
    path = tmp_path / "build" / "verification" / "one.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NotebookError, match=complaint):
        book.merge_verification(tmp_path, ["one"])


def test_a_further_study_needs_no_edit_of_the_book(real_root, toy_root, tmp_path):
    """A new notebook beside the real studies becomes a chapter of the real book."""
    shutil.copytree(real_root / "build" / "stage", tmp_path / "build" / "stage")
    shutil.copytree(real_root / "book", tmp_path / "book")
    shutil.copy(real_root / "_config.yml", tmp_path)
    toy = toy_root / "build" / "stage"
    shutil.copy(toy / "analyses" / "toy.ipynb", tmp_path / "build" / "stage" / "analyses")
    shutil.copytree(toy / "results" / "toy", tmp_path / "build" / "stage" / "results" / "toy")
    index = book.build(tmp_path)
    home = (index.parent / "book" / "index.html").read_text(encoding="utf-8")
    assert 'href="../analyses/toy.html"' in home


def test_running_the_studies_again_gives_the_same_bytes(real_root, tmp_path):
    """Same lock file and CPU family, same notebook, to the byte."""
    stage = real_root / "build" / "stage" / "analyses"
    different = []
    for path in sorted((real_root / "analyses").glob("*.ipynb")):
        execute(path, tmp_path / path.name, {}, cwd=path.parent)
        if (tmp_path / path.name).read_bytes() != (stage / path.name).read_bytes():
            different.append(path.name)
    assert different == []
