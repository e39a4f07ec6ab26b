"""The printed book: every page in order, with an outline, and no way out into this machine."""

from __future__ import annotations

import shutil

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from replica.book_pages import printing
from replica.cli import app
from replica.commands import make_pdf


@pytest.fixture(scope="module")
def printed(toy_root, tmp_path_factory):
    """Print a copy of the toy study's book; return its folder and what was reported."""
    if printing.chromium() is None:
        pytest.skip("no chromium on the PATH: the book was NOT printed; install chromium")
    html = tmp_path_factory.mktemp("printed") / "html"
    shutil.copytree(toy_root / "build" / "html", html)
    home = html / "book" / "index.html"
    place = '<p id="book-pdf"></p></article>'
    home.write_text(home.read_text(encoding="utf-8").replace("</article>", place), encoding="utf-8")
    told = []
    printing.print_book(html, told.append)
    return html, told


def test_every_page_is_printed_in_order(printed):
    """Title page, contents with page numbers, then each page under its name."""
    html, told = printed
    made = PdfReader(html / "book.pdf")
    titles = [item.title for item in made.outline if not isinstance(item, list)]
    assert titles == [line.rpartition(": ")[2].removeprefix("printing ") for line in told]
    assert len(titles) >= 4
    assert made.metadata.title == titles[0] == "A book of one toy study"
    contents = made.pages[1].extract_text()
    starts = [
        made.get_destination_page_number(item)
        for item in made.outline
        if not isinstance(item, list)
    ]
    assert starts == sorted(set(starts))
    for title, start in zip(titles, starts, strict=True):
        assert title in contents
        assert str(start + 1) in contents
        assert str(start + 1) in made.pages[start].extract_text()


def test_no_page_is_blank(printed):
    """Each page holds words or a picture beside its number."""
    html, _ = printed
    made = PdfReader(html / "book.pdf")
    blank = [
        number
        for number, page in enumerate(made.pages, start=1)
        if page.extract_text().strip() in {"", str(number)} and not page.images
    ]
    assert blank == []


def test_links_stay_in_the_pdf_or_lead_to_the_web(printed):
    """No address of a file on this machine is left."""
    html, _ = printed
    assert b"file:/" not in (html / "book.pdf").read_bytes()
    made = PdfReader(html / "book.pdf")
    notes = [note.get_object() for page in made.pages for note in page.get("/Annots", [])]
    assert any("/Dest" in note for note in notes)
    assert all("/Dest" in note or note["/A"]["/URI"].startswith("http") for note in notes)


def test_the_home_page_links_what_was_printed(printed):
    """The link appears once the file is there."""
    html, _ = printed
    assert '<a href="../book.pdf">' in (html / "book" / "index.html").read_text(encoding="utf-8")


def test_without_a_browser_it_says_that_nothing_was_printed(monkeypatch):
    """The command names what is missing and leaves everything as it is."""
    monkeypatch.setattr(make_pdf, "chromium", lambda: None)
    result = CliRunner().invoke(app, ["pdf"])
    assert result.exit_code == 0
    assert "The PDF was NOT made" in result.output


def test_without_a_book_there_is_nothing_to_print(monkeypatch, tmp_path):
    """A folder without a home page is refused, whatever the machine has."""
    monkeypatch.setattr(printing, "chromium", lambda: "somewhere")
    with pytest.raises(printing.PrintError, match="build the book first"):
        printing.print_book(tmp_path)
