"""Every built page in Chromium, on a desk and on a phone, without a network."""

from __future__ import annotations

import pytest
from html_pages import pages

SIZES = {"desk": (1280, 900), "phone": (390, 844)}
# What a box shows of its content: anything wider must scroll inside it
OVERFLOW = """() => {
  const page = document.scrollingElement;
  if (page.scrollWidth <= page.clientWidth) return null;
  const wide = [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > page.clientWidth + 1)
    .slice(-1).map(e => `${e.tagName}.${e.className}`);
  return `${page.scrollWidth} > ${page.clientWidth}, e.g. ${wide}`;
}"""
# Pictures below the screen are read when a reader comes near: here all at once
UNSEEN = """async () => {
  const images = [...document.images];
  images.forEach(i => { i.loading = "eager"; });
  await Promise.allSettled(images.map(i => i.decode()));
  return images.filter(i => !i.complete || i.naturalWidth === 0 || !i.alt.trim()).map(i => i.src);
}"""


@pytest.fixture
def tab(browser, request):
    """Open a tab that notes whatever goes wrong; the screen is the test's parameter."""
    width, height = SIZES[request.param]
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    page.wrong = []
    page.on("console", lambda m: m.type == "error" and page.wrong.append(f"console: {m.text}"))
    page.on("pageerror", lambda error: page.wrong.append(f"script: {error}"))
    page.on("requestfailed", lambda r: page.wrong.append(f"failed: {r.url}"))
    page.on(
        "request",
        lambda r: (
            r.url.startswith(("file:", "data:", "blob:")) or page.wrong.append(f"asked for {r.url}")
        ),
    )
    page.size = request.param
    yield page
    context.close()


@pytest.mark.parametrize("tab", SIZES, indirect=True)
def test_pages_load_whole_and_fit_the_screen(html, root, tab):
    """No error, no request that fails or leaves the book, every picture seen, nothing too wide."""
    shots = root / "build" / "screenshots" / tab.size
    shots.mkdir(parents=True, exist_ok=True)
    wrong = []
    for path in pages(html):
        name = path.relative_to(html).as_posix()
        tab.wrong.clear()
        tab.goto(path.as_uri(), wait_until="load")
        tab.wait_for_timeout(300)
        wrong += [f"{name}: {problem}" for problem in tab.wrong]
        wrong += [f"{name}: picture {source}" for source in tab.evaluate(UNSEEN)]
        too_wide = tab.evaluate(OVERFLOW)
        wrong += [f"{name}: {too_wide}"] if too_wide else []
        shot = name.removesuffix(".html").replace("/", "-")
        tab.screenshot(path=shots / f"{shot}.png", full_page=True)
    assert wrong == []


@pytest.mark.parametrize("tab", ["desk"], indirect=True)
def test_search_works_from_the_file(html, tab):
    """A book opened from a folder, without a server, can be searched."""
    tab.goto(f"{(html / 'search.html').as_uri()}?q=study")
    tab.wait_for_selector("#search-results li", timeout=10_000)
    assert tab.locator("#search-results li").count() >= 1
    assert tab.wrong == []


@pytest.mark.parametrize("tab", ["desk"], indirect=True)
def test_the_first_page_leads_into_the_book(html, tab):
    """index.html, which is what a reader opens, forwards to the home page."""
    tab.goto((html / "index.html").as_uri())
    tab.wait_for_url("**/book/index.html", timeout=10_000)
    assert tab.locator("article h1").count() == 1
    assert tab.wrong == []


@pytest.mark.parametrize("tab", ["phone"], indirect=True)
def test_a_wide_table_scrolls_in_its_own_box(toy_root, tab):
    """The table is wider than a phone, its box is not."""
    tab.goto((toy_root / "build" / "html" / "analyses" / "toy.html").as_uri())
    table = tab.locator("table", has_text="column 13")
    box = table.evaluate(
        """table => {
          let e = table;
          while (e && !(e.scrollWidth > e.clientWidth && /auto|scroll/.test(
              getComputedStyle(e).overflowX))) e = e.parentElement;
          return e === null || e === document.scrollingElement
            ? null : [e.clientWidth, e.scrollWidth];
        }"""
    )
    assert box is not None
    assert box[0] <= 390 < box[1]
