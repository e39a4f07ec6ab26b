"""The page of a run stands alone: text, figures, tables and tracebacks, nothing from elsewhere."""

from __future__ import annotations

import json
import re

import pytest

from replica.runs.citations import Citations
from replica.runs.myst import as_html
from replica.runs.page import write_page
from replica.runs.place import Place
from replica.runs.shown_tables import keep_shown_tables

WORKS = """
@article{cox1972, author = {Cox, D. R.}, title = {Regression models}, journal = {J}, year = {1972}}
@article{two2000, author = {One, A. and Two, B.}, title = {T}, journal = {J}, year = {2000}}
@article{many2001, author = {A, A. and B, B. and C, C.}, title = {T}, journal = {J}, year = {2001}}
"""
RECORD = {
    "state": "finished",
    "notebook": "toy.ipynb",
    "data": None,
    "map": None,
    "given": {"caliper": 0.05},
    "failure": None,
}


@pytest.fixture
def place(tmp_path):
    """Make a run's folder with one table and one picture, and a bibliography."""
    (tmp_path / "table1.csv").write_text("Arm,HR\ntreated,0.87\n", encoding="utf-8")
    (tmp_path / "figure1.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "works.bib").write_text(WORKS, encoding="utf-8")
    return Place(
        tmp_path,
        Citations(tmp_path / "works.bib"),
        numbers={"fig": "Figure 2", "tab": "Table 1", "km": "3"},
        glued={"hr": "0.4567", "word": "yes"},
        titles={"methods": "Methods of the book"},
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("{cite:p}`cox1972`", '(<a href="#cited-cox1972">Cox, 1972</a>)'),
        ("{cite:t}`cox1972`", '<a href="#cited-cox1972">Cox (1972)</a>'),
        ("{cite:p}`two2000`", "One and Two, 2000"),
        ("{cite:p}`many2001,cox1972`", 'A et al., 2001</a>; <a href="#cited-cox1972">Cox'),
        ("{cite:p}`unknown`", "(unknown)"),
        ("{download}`As CSV <../results/toy/table1.csv>`", 'download="table1.csv">As CSV</a>'),
        ("{download}`As CSV <../results/toy/gone.csv>`", "As CSV (not made in this run)"),
        ("{numref}`fig`", "<p>Figure 2</p>"),
        ("{numref}`see %s <fig>`", "<p>see 2</p>"),
        ("{eq}`km`", "<p>(3)</p>"),
        ("{glue:text}`hr:.2f`", "<p>0.46</p>"),
        ("{glue:text}`word:.2f`", "<p>yes</p>"),
        ("{doc}`methods`", "<p>Methods of the book</p>"),
        ("{sub}`2`", "<p><sub>2</sub></p>"),
        ("{unheard}`of <it>`", "<p><span>of</span></p>"),
        ("[the methods](../book/methods.ipynb)", "<p>the methods</p>"),
        ("[](../book/methods.ipynb)", "<p>Methods of the book</p>"),
        ("[the table](../results/toy/table1.csv)", 'href="data:text/csv;base64,'),
        ("[a site](https://example.org)", '<a href="https://example.org">a site</a>'),
        ("(target)=\n% a remark\n\nText", "<p>Text</p>"),
        ("```{note}\nMind *this*\n```", 'admonition-title">Note</p><p>Mind <em>this</em></p>'),
        (":::{admonition} Why\nBecause\n:::", 'admonition-title">Why</p><p>Because</p>'),
        ("```{figure} x/figure1.svg\n:name: fig\n:alt: A curve\nIt falls\n```", 'alt="A curve"'),
        ("```{figure} x/figure1.svg\n:name: fig\nIt falls\n```", "Figure 2.</strong> It falls"),
        ("```{csv-table} Cap\n:file: x/table1.csv\n:name: tab\n```", "Table 1. Cap</span>"),
        ("```{csv-table} Cap\n:file: x/table1.csv\n```", "<td>0.87</td>"),
        ("```{table} Cap\n:name: tab\n\n| a | b |\n|---|---|\n| 1 | 2 |\n```", "<td>2</td>"),
        ("```python\na < b\n```", "<pre><code>a &lt; b"),
        ("$x^2$", "<msup>"),
        ("$$\nx\n$$ (km)", '<span class="eqno">(3)</span><math'),
        (r"$\unheardof{x}$", r"<code>\unheardof{x}</code>"),
    ],
)
def test_what_the_book_resolves_is_resolved_here_too(place, text, html):
    """No role or directive is left as its source."""
    written = as_html(text, place).replace("\n", "")
    assert html in written
    assert not re.search(r"\{[a-z:-]+\}`|```|:::", written)


def test_a_link_reaches_no_file_outside_the_run(place, tmp_path):
    """A path in a notebook's text cannot pull another file into the page."""
    inner = tmp_path / "run"
    inner.mkdir()
    secret = tmp_path / "secret.csv"
    secret.write_text("precious", encoding="utf-8")
    (inner / "linked.csv").symlink_to(secret)
    own = Place(inner, place.citations)
    text = "{download}`a <../secret.csv>` {download}`b <linked.csv>` [c](../secret.csv)"
    assert "base64" not in as_html(text, own)


def code(source="", outputs=(), tags=(), **metadata):
    """Make a code cell as a run leaves it."""
    return {
        "cell_type": "code",
        "id": "c",
        "source": source,
        "metadata": {"tags": list(tags), **metadata},
        "outputs": list(outputs),
        "execution_count": None,
    }


def shown(**data):
    """Make an output from its forms, `html=...` being text/html."""
    kinds = {"html": "text/html", "svg": "image/svg+xml", "plain": "text/plain"}
    forms = {kinds[kind]: value for kind, value in data.items()}
    return {"output_type": "display_data", "data": forms, "metadata": {}}


def text(source):
    """Make a cell of text."""
    return {"cell_type": "markdown", "id": "t", "source": source, "metadata": {}}


def page(folder, *cells, **record):
    """Write a notebook of these cells and return its page's HTML."""
    notebook = folder / "toy.ipynb"
    notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return write_page(notebook, RECORD | record, folder).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("tags", "input_shown", "output_shown", "folded"),
    [
        ([], True, True, 0),
        (["remove-input"], False, True, 0),
        (["hide-input"], True, True, 1),
        (["remove-output"], True, False, 0),
        (["hide-output"], True, True, 1),
        (["remove-cell"], False, False, 0),
    ],
)
def test_tags_hide_what_they_hide_in_the_book(tmp_path, tags, input_shown, output_shown, folded):
    """Input, output or both are left out or folded."""
    html = page(tmp_path, code("the_input", [shown(plain="the_output")], tags))
    assert ("the_input" in html) is input_shown
    assert ("the_output" in html) is output_shown
    assert html.count("<details>") == folded


def test_a_traceback_is_shown_whatever_the_tags_hide(tmp_path):
    """A failing cell shows its code and its traceback without colour codes, and the box says so."""
    error = {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "bad <b>",
        "traceback": ["\x1b[0;31mValueError\x1b[0m: bad <b>"],
    }
    failure = {"cell": 2, "of": 9, "id": "c", "error": "ValueError: bad <b>"}
    html = page(
        tmp_path,
        code("the_input", [error], ["remove-cell"]),
        state="failed",
        failure=failure,
    )
    assert "the_input" in html
    assert '<pre class="traceback">ValueError: bad &lt;b&gt;</pre>' in html
    assert "This run failed in cell 2 of 9" in html
    assert 'id="failed-cell"' in html
    assert "(failed run)</title>" in html
    assert "\x1b" not in html


def test_a_figure_is_inside_the_page_with_caption_and_description(tmp_path):
    """The picture needs no file; who cannot see it reads what it shows."""
    mystnb = {"figure": {"caption": "It *falls*.", "name": "toy-fig"}}
    cell = code("", [shown(svg="<svg>é</svg>", plain='A "curve"')], mystnb=mystnb)
    html = page(tmp_path, cell, text("As {numref}`toy-fig` shows"))
    assert 'src="data:image/svg+xml;base64,PHN2Zz7DqTwvc3ZnPg=="' in html
    assert 'alt="A &quot;curve&quot;"' in html
    assert "<strong>Figure 1.</strong> It <em>falls</em>." in html
    assert "As Figure 1 shows" in html


def test_the_page_fetches_nothing_and_names_the_run(tmp_path):
    """No script, style, font or picture comes from a network or another file."""
    html = page(tmp_path, text("# A title\n\nText"), code("1", [shown(html="<b>table</b>")]))
    assert not re.search(r"<(script|link|iframe)|@import|url\(|src=\"(?!data:)", html)
    assert "<title>A title (finished run)</title>" in html
    assert "<dd>synthetic</dd>" in html
    assert "<dd>caliper = 0.05</dd>" in html
    assert "<b>table</b>" in html


def test_a_run_without_a_notebook_has_a_page_all_the_same(tmp_path):
    """If the kernel never started, the page says what was tried."""
    written = write_page(tmp_path / "toy.ipynb", RECORD | {"state": "interrupted"}, tmp_path)
    assert "This run was interrupted." in written.read_text(encoding="utf-8")


TABLE = (
    "<table><caption><span>Settings of this run</span></caption>"
    '<thead><tr><th></th><th colspan="2">ICI</th></tr>'
    "<tr><th>Item</th><th>printed</th><th>reproduced</th></tr></thead>"
    '<tbody><tr class="heading"><th colspan="3">Sex</th></tr>'
    "<tr><th> Male</th><td>1 &lt; 2</td><td>3</td></tr></tbody></table>"
)


def keep(folder, *tables):
    """Keep the tables of a notebook that shows them."""
    notebook = folder / "toy.ipynb"
    cells = [code("", [shown(html=table)]) for table in tables]
    notebook.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return [path.name for path in keep_shown_tables(notebook, folder)]


def test_a_table_that_is_only_shown_is_kept_as_csv(tmp_path):
    """Its file is named after the caption, a header of two rows becomes one."""
    assert keep(tmp_path, TABLE) == ["settings_of_this_run.csv"]
    assert (tmp_path / "settings_of_this_run.csv").read_text(encoding="utf-8") == (
        "Item,ICI printed,ICI reproduced\nSex,,\nMale,1 < 2,3\n"
    )


def test_a_table_that_has_a_file_gets_no_second_one(tmp_path):
    """The notebook's own file may hold more, such as the test of each row."""
    (tmp_path / "t.csv").write_text("Item,a,b,test\nSex,,,x\n Male,1,3,y\n", encoding="utf-8")
    assert keep(tmp_path, TABLE) == []


def test_no_file_is_written_over(tmp_path):
    """Two tables of one caption get two names; without a caption the cell gives it."""
    (tmp_path / "settings_of_this_run.csv").write_text("other\n", encoding="utf-8")
    bare = "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    assert keep(tmp_path, TABLE, bare) == ["settings_of_this_run_2.csv", "cell_c.csv"]
