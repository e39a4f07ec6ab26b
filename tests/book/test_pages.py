"""Every built page, read without a browser: its links, its pictures and what it loads."""

from __future__ import annotations

import re

from html_pages import broken, is_outside, outside_in_css, pages


def test_every_link_inside_the_book_leads_somewhere(html):
    """Pages, downloads and places on pages that are linked all exist."""
    found = pages(html)
    assert len(found) >= 3
    wrong = [
        f"{page.path.relative_to(html)}: {problem}"
        for page in found.values()
        for address in page.links
        if (problem := broken(page, address, found))
    ]
    assert wrong == []


def test_every_picture_exists_and_is_described(html):
    """A reader who cannot see a figure is told what it shows."""
    wrong = [
        f"{page.path.relative_to(html)}: {source} alt={alt!r}"
        for page in pages(html).values()
        for source, alt in page.images
        if not alt or broken(page, source, {})
    ]
    assert wrong == []


def test_nothing_is_loaded_from_outside(html):
    """The book works without a network: scripts, styles, fonts and pictures lie beside it."""
    wrong = [
        f"{page.path.relative_to(html)}: {address}"
        for page in pages(html).values()
        for address in page.loads
        if is_outside(address) or broken(page, address, {})
    ]
    sheets = [
        f"{sheet.relative_to(html)}: {address}"
        for sheet in html.rglob("*.css")
        for address in outside_in_css(sheet)
    ]
    assert wrong + sheets == []


def test_every_page_has_one_main_heading(html):
    """The outline of a page starts at one title; the redirect and the search page have none."""
    wrong = [
        f"{path.relative_to(html)}: {page.headings.count('h1')}"
        for path, page in pages(html).items()
        if path.parent != html and page.headings.count("h1") != 1
    ]
    assert wrong == []


def test_no_markup_is_left_unrendered(html):
    """Fences, roles and formulas that were not understood would show as text."""
    marks = ("```", "{numref}", "{ref}", "{glue:", "{cite", "\\frac", "{download}", "Traceback")
    wrong = [
        f"{path.relative_to(html)}: {mark}"
        for path, page in pages(html).items()
        for mark in marks
        if mark in "".join(page.text)
    ]
    assert wrong == []


def test_an_index_stands_beside_its_letter(html):
    """A letter with a hat keeps its index at its right; one below it would be a limit."""
    below = re.compile(
        r"<munderover>(?:(?!</munderover>).)*>\u02c6</mo>\s*</munderover>", re.DOTALL
    )
    wrong = [path.name for path in pages(html) if below.search(path.read_text(encoding="utf-8"))]
    assert wrong == []


def test_the_readers_own_patients_never_enter_the_book(root):
    """data/supplied is neither staged nor published."""
    build = root / "build"
    assert not (build / "stage" / "data" / "supplied").exists()
    assert [path for path in (build / "html").rglob("*") if "supplied" in path.parts] == []
