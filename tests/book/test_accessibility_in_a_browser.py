"""Every page against WCAG 2.1 AA with axe-core, light and dark; its weight and its speed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from html_pages import pages

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
HEAVIEST = 1_500_000  # bytes of a page's HTML; with styles, fonts and scripts half as much again
SLOWEST = 1000  # milliseconds from opening a file to its load event
# In the dark only colours change: the rest was looked at in the light
RULES = {
    "light": {"type": "tag", "values": STANDARDS},
    "dark": {"type": "rule", "values": ["color-contrast"]},
}
RUN = """async (only) => {
  const found = await axe.run({runOnly: only, resultTypes: ["violations"], elementRef: false});
  return found.violations
    .filter(v => ["serious", "critical"].includes(v.impact))
    .flatMap(v => v.nodes.map(n => [v.id, n.target.flat().join(" "), n.html.slice(0, 160)]));
}"""
# Rows of a table that are built alike are looked at twice, not hundreds of times
THIN = """() => document.querySelectorAll("tbody").forEach(body => {
  const seen = new Map();
  for (const row of [...body.rows]) {
    const build = [...row.querySelectorAll("*")].map(e => `${e.tagName}.${e.className}`).join();
    seen.set(build, (seen.get(build) ?? 0) + 1);
    if (seen.get(build) > 2) row.remove();
  }
})"""
LOADED = """() => performance.getEntriesByType("navigation")[0].loadEventEnd"""


def exceptions():
    """Read what axe-core finds in the theme's own parts and we cannot mend, each with a reason."""
    path = Path(__file__).with_name("accessibility_exceptions.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def looked_at(browser, real_root):
    """Open every page, light and then dark; keep what axe-core says and what was loaded."""
    html = real_root / "build" / "html"
    found, loads, times = {}, {}, {}
    context = browser.new_context(
        offline=True, reduced_motion="reduce", viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.add_init_script(AXE_SCRIPT)
    asked = set()
    page.on("request", lambda request: asked.add(request.url))
    for path in pages(html):
        name = path.relative_to(html).as_posix()
        if name == "index.html":
            continue  # it forwards to the home page
        asked.clear()
        page.emulate_media(color_scheme="light")
        page.goto(path.as_uri(), wait_until="load")
        times[name], loads[name] = page.evaluate(LOADED), set(asked)
        page.evaluate(THIN)
        for theme, only in RULES.items():
            page.emulate_media(color_scheme=theme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
            found[name, theme] = page.evaluate(RUN, only)
    context.close()
    made = real_root / "build" / "accessibility.json"
    told = {f"{name} ({theme})": nodes for (name, theme), nodes in found.items() if nodes}
    made.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found, loads, times


@pytest.mark.parametrize("theme", RULES)
def test_no_page_has_a_serious_violation(looked_at, theme):
    """What axe-core calls serious or critical is mended, or excepted with a reason."""
    excepted = {(row["rule"], row["element"]) for row in exceptions()}
    found, _, _ = looked_at
    wrong = [
        f"{name}: {rule}: {element}: {html}"
        for (name, seen), nodes in found.items()
        if seen == theme
        for rule, element, html in nodes
        if (rule, element) not in excepted
    ]
    assert wrong == []


def test_every_exception_is_needed_and_reasoned(looked_at):
    """An exception that nothing meets any more is taken off the list."""
    found, _, _ = looked_at
    met = {(rule, element) for nodes in found.values() for rule, element, _ in nodes}
    for row in exceptions():
        assert (row["rule"], row["element"]) in met
        assert len(row["reason"]) > 20


def test_no_page_is_heavy(looked_at, real_root):
    """The HTML of a page alone, and with all but its pictures, stays below the limit."""
    html = real_root / "build" / "html"
    _, loads, _ = looked_at
    wrong = {}
    for name, addresses in loads.items():
        files = {Path(unquote(urlsplit(address).path)) for address in addresses}
        whole = sum(file.stat().st_size for file in files if file.suffix not in {".svg", ".png"})
        own = (html / name).stat().st_size
        assert whole > own
        if own > HEAVIEST or whole > 1.5 * HEAVIEST:
            wrong[name] = (own, whole)
    assert wrong == {}


def test_every_page_loads_within_a_second(looked_at, browser, real_root):
    """From a file, on the best of a few tries: a busy machine is not the page's fault."""
    html = real_root / "build" / "html"
    _, _, times = looked_at
    context = browser.new_context(offline=True)
    page = context.new_page()
    wrong = {}
    for name, fastest in times.items():
        for _ in range(4):
            if fastest <= SLOWEST:
                break
            page.goto((html / name).as_uri(), wait_until="load")
            fastest = min(fastest, page.evaluate(LOADED))  # noqa: PLW2901 - the best of the tries
        if fastest > SLOWEST:
            wrong[name] = fastest
    context.close()
    assert wrong == {}
