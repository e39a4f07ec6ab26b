"""The whole book as one PDF: pages printed by Chromium, merged with a title page and an outline."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pypdf import PdfReader

from replica.book_pages.pdf_pages import PrintedPage, merge
from replica.errors import ReplicaError

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAME = "book.pdf"
PLACE = re.compile(r'<p id="book-pdf">.*?</p>', re.DOTALL)
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
# The book's own table of contents, parts before their chapters
_CONTENTS = """() => [...document.querySelectorAll(
    "nav.bd-docs-nav p.caption, nav.bd-docs-nav a.reference.internal")]
  .map(e => e.matches("p") ? [e.textContent.trim(), ""] : [e.textContent.trim(), e.href])"""
_HEADINGS = """() => [...document.querySelectorAll("article section[id] > h2")]
  .map(h => [h.firstChild.textContent.trim(), h.parentElement.id])"""
# Paper has no button: what a page hides until it is clicked is printed, except its code
READY = """async () => {
  document.documentElement.dataset.theme = "light";
  document.querySelectorAll("details").forEach(d => {
    if (!d.closest(".above-input") && !d.matches(".above-input")) d.open = true;
  });
  const images = [...document.images];
  images.forEach(i => { i.loading = "eager"; });
  await Promise.allSettled(images.map(i => i.decode()));
  images.forEach(i => i.classList.toggle("broad", i.naturalWidth > 1.1 * i.naturalHeight));
}"""


class PrintError(ReplicaError):
    """The book cannot be printed."""


def chromium() -> str | None:
    """Return the path of Chromium, or nothing if this machine has none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def print_book(html: Path, report: Callable[[str], None] = print) -> Path:
    """Print every page of a built book into `<html>/book.pdf`, and link it from the home page.

    Raises
    ------
    PrintError
        If Chromium or playwright is missing, or there is no built book.
    """
    browser_path = chromium()
    if browser_path is None:
        raise PrintError("found no chromium on the PATH; install it to print the book.")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - needed for this alone
    except ImportError:
        raise PrintError("found no playwright; install the development dependencies.") from None
    home = html / "book" / "index.html"
    if not home.is_file():
        raise PrintError(f"found no page at {home}; build the book first with `replica book`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=[*_ARGUMENTS])
        page = browser.new_context(offline=True, color_scheme="light").new_page()
        page.set_default_timeout(_PATIENCE)
        page.emulate_media(media="print")
        chapters = _chapters(page, home)
        printed = []
        for part, title, address in chapters:
            if address:
                report(f"printing {part}: {title}" if part else f"printing {title}")
                printed.append(_print(page, title, address))
        front = _front(page, chapters, printed)
        browser.close()
    target = html / NAME
    merge(front, printed).write(target)
    link_from(home)
    return target


_PATIENCE = 300_000.0  # milliseconds for a page: a busy machine is slow, not broken

Line = tuple[str, str, str]
"""A line of the contents: part, title, address; a part alone has no address."""


def _chapters(page: Page, home: Path) -> list[Line]:
    """List the book's pages in its own order, the home page first, under the book's name."""
    page.goto(home.as_uri())
    title = page.evaluate("() => document.querySelector('article h1').firstChild.textContent")
    lines, part = [("", title.strip(), home.as_uri())], ""
    for words, address in page.evaluate(_CONTENTS):
        part = part if address else words
        lines.append((part, words, address))
    return lines


def _print(page: Page, title: str, address: str) -> PrintedPage:
    page.goto(address, wait_until="load")
    page.evaluate(READY)
    headings = tuple((text, anchor) for text, anchor in page.evaluate(_HEADINGS))
    pdf = page.pdf(
        format="A4",
        margin={"top": "16mm", "bottom": "18mm", "left": "15mm", "right": "15mm"},
        print_background=True,
    )
    return PrintedPage(address, title, headings, pdf)


def _front(page: Page, chapters: Sequence[Line], printed: Sequence[PrintedPage]) -> bytes:
    """Print the title page and the contents, whose own length moves every page number."""
    lengths = [len(PdfReader(BytesIO(each.pdf)).pages) for each in printed]
    before = 0
    while True:
        page.set_content(_front_text(chapters, lengths, before))
        text = page.pdf(format="A4", prefer_css_page_size=True)
        found = len(PdfReader(BytesIO(text)).pages)
        if found <= before:
            return text
        before = found


def _front_text(chapters: Sequence[Line], lengths: Sequence[int], before: int) -> str:
    title, number, rows = escape(chapters[0][1]), before + 1, []
    left = iter(lengths)
    for _, words, address in chapters:
        if address:
            rows.append(f"<p><span>{escape(words)}</span><span>{number}</span></p>")
            number += next(left)
        else:
            rows.append(f"<h2>{escape(words)}</h2>")
    return (
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><style>"
        "@page{size:A4;margin:30mm 25mm} body{font:11pt/1.4 sans-serif;margin:0}"
        "h1{break-after:page;font-size:26pt;margin:80mm 0 0}"
        "h2{break-after:avoid;font-size:12pt;margin:6mm 0 1mm}"
        "p{display:flex;gap:8mm;justify-content:space-between;margin:0}"
        f"</style><title>{title}</title><h1>{title}</h1>{''.join(rows)}"
    )


def link_from(home: Path) -> None:
    """Put the link to the PDF into its place on the built home page."""
    text = home.read_text(encoding="utf-8")
    link = f'<p id="book-pdf"><a href="../{NAME}">The whole book as PDF</a></p>'
    home.write_text(PLACE.sub(link, text), encoding="utf-8")
