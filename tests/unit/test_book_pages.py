"""Home, verification and printing: what they make of verdicts, headings and printed pages."""

from __future__ import annotations

import json
from io import BytesIO

import pandas as pd
import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link

from replica.agreement import VERDICT_KINDS
from replica.book_pages.papers import BookPaper, design, patients
from replica.book_pages.pdf_pages import PrintedPage, merge
from replica.book_pages.places import ALL_NUMBERS, Section, anchors, sections
from replica.book_pages.printing import link_from
from replica.book_pages.searchable import classic_script, numbers_script
from replica.book_pages.verification import COLUMNS
from replica.book_pages.words import VERDICT_MARKS, verdict_bar, verdict_key
from replica.errors import NotebookError
from replica.published import load_published
from replica.studies import load_study, study_keys

COUNTS = {
    "reproduced": 6,
    "rounding": 0,
    "different": 3,
    "contradicted": 1,
    "not_computable": 0,
    "attainable": 9,
    "results": 10,
}


def paper(key):
    """Return what the book knows of a paper before its analysis has run."""
    study = load_study(key) if key in study_keys() else None
    return BookPaper(key, load_published(key), study, None)


def test_every_verdict_has_its_own_sign():
    """Signs tell verdicts apart where colours cannot."""
    assert [mark.key for mark in VERDICT_MARKS] == list(VERDICT_KINDS)
    assert len({mark.sign for mark in VERDICT_MARKS}) == len(VERDICT_MARKS)


def test_a_bar_is_as_wide_as_its_counts_and_says_them():
    """Parts grow with their counts, empty ones are left out, and the label holds all of them."""
    bar = verdict_bar(COUNTS)
    assert [part.split('"')[0] for part in bar.split("flex-grow:")[1:]] == ["6", "3", "1"]
    assert 'role="img"' in bar
    assert "Of 10 printed results: 6 attained by construction, 0 rounding, 3 different" in bar


def test_the_key_of_a_bar_links_every_count():
    """Each line leads to the numbers that it counts."""
    key = verdict_key(COUNTS, {mark.key: f"to?{mark.key}&more" for mark in VERDICT_MARKS})
    assert key.count("<li>") == len(VERDICT_MARKS)
    assert 'href="to?contradicted&amp;more"' in key


@pytest.mark.parametrize("key", study_keys())
def test_a_study_is_described_in_a_line(key):
    """Its size is the paper's own, and its arms and matching are named."""
    described = paper(key)
    line = design(described)
    assert line.startswith(f"{patients(described.published):,} patients: ")
    assert described.study.treated.label in line
    assert described.study.control.label in line
    assert "match" in line


def test_a_paper_without_a_protocol_still_has_a_name():
    """Its key in words stands for title and short name, and there is no design to tell."""
    bare = BookPaper("some_new_study", load_published("sclc_second_line"), None, None)
    assert (bare.title, bare.short, design(bare)) == ("some new study", "some new study", "")
    assert bare.page == bare.audit_page == ""


def notebook(tmp_path, *cells):
    """Write a notebook of markdown and code cells."""
    made = [
        {"cell_type": kind, "source": [text], "metadata": {"mystnb": {"figure": {"caption": note}}}}
        for kind, text, note in cells
    ]
    path = tmp_path / "study.ipynb"
    path.write_text(json.dumps({"cells": made}), encoding="utf-8")
    return path


def test_sections_are_headings_with_what_stands_below_them(tmp_path):
    """The title is no section; captions and code belong to the last heading."""
    path = notebook(
        tmp_path,
        ("markdown", "# Title\n\n## Who (Table 1)\ntext", ""),
        ("code", "show()", "Curves (Figure 2 of the paper)"),
    )
    assert sections(path) == (
        Section("Who (Table 1)", "who-table-1", "show()\nCurves (Figure 2 of the paper)"),
    )


def test_numbers_lead_to_the_section_of_their_place():
    """Heading first, then captions, then the same quantity elsewhere, then the list of all."""
    found = (
        Section("Matched (Table 1)", "matched", ""),
        Section("Tables 10 (Table 10)", "ten", "Figure 2"),
    )
    rows = load_published("sclc_second_line")
    led = anchors(rows, found)
    by_place = {row.where: led[row.id] for row in rows}
    assert by_place["Table 1"] == "matched"
    assert by_place["Figure 2B"] == "ten"
    assert by_place["Table 2"] == ALL_NUMBERS
    size = next(row for row in rows if row.id == "abstract.patients.treated.before.n")
    assert led[size.id] == "matched"


def test_the_script_of_numbers_holds_every_cell():
    """Repeated values are listed once, and each row finds its own again."""
    frame = pd.DataFrame(
        [
            {name: f"{name} {i}" for name in COLUMNS} | {"study": "s", "verdict": "different"}
            for i in range(3)
        ]
    )
    text = numbers_script(frame)
    head = json.loads(text[text.index("{...") + 4 : text.index(",\nrows: [")])
    rows = json.loads(text[text.index("rows: ") + 6 : text.rindex("};")])
    assert head["lists"]["study"] == ["s"]
    assert head["papers"] == {"s": "paper 2"}
    read = [
        {
            name: head["lists"][name][value] if name in head["lists"] else value
            for name, value in zip(head["columns"], row, strict=True)
        }
        for row in rows
    ]
    assert read == frame[head["columns"]].to_dict(orient="records")


def test_a_module_becomes_a_script_with_its_licence():
    """Its default export is put on the window; what follows the exports stays."""
    made = classic_script("var a=1;export{a as default,b as other};\n/*! Licence */")
    assert made == "(() => {\nvar a=1;window.BundledDataTable=a;\n/*! Licence */\n})();\n"


@pytest.mark.parametrize("module", ["var a=1;", "export{a as b}", "export{a as default};export{b}"])
def test_an_unknown_bundle_is_refused(module):
    """Anything but one list of exports with a default stops the build."""
    with pytest.raises(NotebookError, match="itables' bundle"):
        classic_script(module)


def sheets(count, *addresses):
    """Make a PDF of empty pages whose first page links to addresses."""
    writer = PdfWriter()
    for _ in range(count):
        writer.add_blank_page(200, 200)
    for address in addresses:
        writer.add_annotation(0, Link(rect=(0, 0, 9, 9), url=address))
    stream = BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_printed_pages_are_joined_with_links_and_numbers():
    """Links between pages become jumps, those to other files go, those to other sites stay."""
    home = PrintedPage(
        "file:///book/index.html",
        "A book",
        (),
        sheets(2, "file:///book/a.html#x", "file:///data.csv", "https://doi.org/10.1/x"),
    )
    other = PrintedPage("file:///book/a.html", "A page", (), sheets(1))
    stream = BytesIO()
    merge(sheets(1), [home, other]).write(stream)
    made = PdfReader(stream)
    assert [item.title for item in made.outline] == ["A book", "A page"]
    assert [made.get_destination_page_number(item) for item in made.outline] == [1, 3]
    jump, kept = (note.get_object() for note in made.pages[1]["/Annots"])
    assert jump["/Dest"][0] == made.pages[3].indirect_reference
    assert kept["/A"]["/URI"] == "https://doi.org/10.1/x"
    assert [page.extract_text().strip() for page in made.pages] == ["", "2", "3", "4"]
    assert b"file:" not in stream.getvalue()


def test_the_home_page_links_the_pdf_once(tmp_path):
    """The link takes its place however often the book is printed."""
    home = tmp_path / "index.html"
    home.write_text('<p>a</p><p id="book-pdf"></p><p>b</p>', encoding="utf-8")
    link_from(home)
    link_from(home)
    assert home.read_text(encoding="utf-8") == (
        '<p>a</p><p id="book-pdf"><a href="../book.pdf">The whole book as PDF</a></p><p>b</p>'
    )
