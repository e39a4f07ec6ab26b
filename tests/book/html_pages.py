"""Reading built pages without a browser: links, anchors, pictures and what they load."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Written by themes, not by us: templates and copies of sources are no pages.
NOT_PAGES = {"_static", "_sources", "_downloads", "_images"}
_OUTSIDE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
_IN_CSS = re.compile(r"""(?:@import\s+|url\()\s*['"]?((?:https?:)?//[^'")\s]+)""", re.IGNORECASE)


@dataclass
class Page:
    """What one page offers to link to, links to, loads and shows."""

    path: Path
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    images: list[tuple[str, str]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, page: Page):
        super().__init__(convert_charrefs=True)
        self.page = page
        self.in_article = False

    def handle_endtag(self, tag):
        if tag == "article":
            self.in_article = False

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        page = self.page
        page.ids.update(found[name] for name in ("id", "name") if found.get(name))
        if tag == "a" and "href" in found:
            page.links.append(found["href"])
        if tag == "link" and "href" in found:
            page.loads.append(found["href"])
        if tag in {"script", "img", "iframe", "source", "video", "audio", "embed"}:
            page.loads += [found["src"]] if found.get("src") else []
        if tag == "img":
            page.images.append((found.get("src", ""), found.get("alt", "").strip()))
        if tag == "article":
            self.in_article = True
        # The theme repeats the title outside the article, for printing only
        if self.in_article and re.fullmatch("h[1-6]", tag):
            page.headings.append(tag)
        if found.get("style"):
            page.loads += _IN_CSS.findall(found["style"])

    def handle_data(self, data):
        self.page.text.append(data)


def pages(html: Path) -> dict[Path, Page]:
    """Read every page of a built book, by its path."""
    found = {}
    for path in sorted(html.rglob("*.html")):
        if NOT_PAGES.isdisjoint(path.relative_to(html).parts):
            page = Page(path)
            _Reader(page).feed(path.read_text(encoding="utf-8"))
            found[path] = page
    return found


def is_outside(address: str) -> bool:
    """Whether an address leaves the book."""
    return bool(_OUTSIDE.match(address))


def outside_in_css(path: Path) -> list[str]:
    """List what a style sheet would load from elsewhere."""
    return _IN_CSS.findall(path.read_text(encoding="utf-8"))


def broken(page: Page, address: str, all_pages: dict[Path, Page]) -> str:
    """Say what is wrong with a link inside the book, or nothing."""
    parts = urlsplit(address)
    if parts.scheme in {"http", "https", "mailto", "doi"}:
        return ""
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return f"{address} works on this machine only"
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if not target.is_file():
        return f"{address} leads nowhere"
    fragment = unquote(parts.fragment)
    if fragment and target in all_pages and fragment not in all_pages[target].ids:
        return f"{address}: no such place on that page"
    return ""
