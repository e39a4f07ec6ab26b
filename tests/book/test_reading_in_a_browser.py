"""What a reader and a reviewer do with the book, in Chromium, without a network."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from html_pages import pages

from replica.book_pages import printing

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
HOME, VERIFICATION = "book/index.html", "book/verification.html"
INFO = "#number-finder .dt-info"


@pytest.fixture(scope="module")
def numbers(real_root):
    """Return every printed number as the downloads of the page hold it."""
    path = real_root / "build" / "results" / "verification" / "verification.json"
    return json.loads(path.read_text(encoding="utf-8"))


def shown(page):
    """Return how many printed numbers the table says it holds now."""
    text = page.locator(INFO).inner_text()
    found = re.search(r"of ([\d,]+) printed", text)
    return int(found[1].replace(",", "")) if found else 0


def test_the_home_page_is_one_screen_with_a_card_and_a_bar_per_study(open_page, real_root):
    """Each study has a question, a drawn bar and its counts; both doors are in sight."""
    page = open_page(HOME, viewport=DESK)
    verified = json.loads((real_root / "build/verification.json").read_text(encoding="utf-8"))
    assert page.locator(".study-card").count() == len(verified["studies"])
    assert page.locator(".study-card .verdict-bar").count() == len(verified["studies"])
    told = page.locator(".study-card").evaluate_all(
        "cards => cards.map(c => [...c.querySelectorAll('.verdict-key strong')]"
        ".map(n => Number(n.textContent)))"
    )
    kinds = ("reproduced", "rounding", "different", "contradicted", "not_computable")
    assert told == [[s["counts"][k] for k in kinds] for _, s in sorted(verified["studies"].items())]
    doors = page.locator(".door")
    assert doors.count() == 2
    assert all(door.bounding_box()["y"] + 40 < DESK["height"] for door in doors.all())


def test_parts_of_a_bar_differ_without_colour(open_page):
    """Every verdict but the plain one is drawn with a pattern of its own."""
    page = open_page(HOME, viewport=DESK)
    drawn = page.locator(".study-card").first.locator(".verdict.swatch")
    patterns = drawn.evaluate_all(
        "all => all.map(e => getComputedStyle(e).backgroundImage.replace(/rgb[^)]*\\)/g, ''))"
    )
    assert len(set(patterns)) == len(patterns) == 5


def test_a_count_on_a_card_leads_to_those_numbers(open_page, numbers):
    """The verification page opens filtered to the study and the verdict."""
    page = open_page(HOME, viewport=DESK)
    link = page.locator(".study-card .verdict-key a[href*='verdict=different']").first
    count = int(link.locator("strong").inner_text())
    link.click()
    page.wait_for_selector(INFO)
    assert page.locator("#filter-verdict").input_value() == "different"
    assert shown(page) == count
    study = page.locator("#filter-study").input_value()
    wanted = {"study": study, "verdict": "different", "kind": "result"}
    assert count == sum(wanted.items() <= row.items() for row in numbers)


def test_the_table_holds_every_printed_number_and_filters_them(open_page, numbers):
    """Selects filter by exact value, the search by words; the button shows all again."""
    page = open_page(VERIFICATION, viewport=DESK)
    assert shown(page) == len(numbers)
    page.select_option("#filter-statistic", "p")
    assert shown(page) == sum(row["statistic"] == "p" for row in numbers)
    page.select_option("#filter-where", "Table 1")
    both = [row for row in numbers if (row["statistic"], row["where"]) == ("p", "Table 1")]
    assert shown(page) == len(both)
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(f"document.querySelector('{INFO}').textContent.includes('{25}')")
    assert shown(page) == len(numbers)
    page.get_by_label("Search in all columns").fill("no such words anywhere")
    page.wait_for_function("document.querySelector('#number-table .dt-empty')")
    assert "No printed number meets these filters." in page.locator("#number-finder").inner_text()


def test_a_keyboard_sorts_and_turns_pages(open_page):
    """Headings and page numbers are reached by tab and worked by enter."""
    page = open_page(VERIFICATION, viewport=DESK)
    heading = page.locator("#number-table th", has_text="Printed")
    heading.locator("[tabindex='0']").focus()
    page.keyboard.press("Enter")
    # The table sorts and turns after the key's event has ended: both may take a moment.
    page.locator("#number-table th[aria-sort='ascending']", has_text="Printed").wait_for()
    assert heading.get_attribute("aria-sort") == "ascending"
    row = page.locator("#number-table tbody tr").first
    first = row.inner_text()
    page.locator("#number-finder .dt-paging-button", has_text="2").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "text => document.querySelector('#number-table tbody tr').innerText !== text", arg=first
    )
    assert row.inner_text() != first


def test_every_row_leads_to_its_section_and_a_contradicted_one_to_its_finding(real_root, numbers):
    """Addresses of sections and findings exist on the built pages."""
    html = real_root / "build" / "html"
    ids = {path: page.ids for path, page in pages(html).items()}
    wrong = []
    for row in numbers:
        for address in filter(None, (row["page"], row["finding"])):
            path, place = urldefrag(address)
            if unquote(place) not in ids.get(html / path, set()):
                wrong.append(f"{row['id']}: {address}")
    assert wrong == []
    assert all(row["finding"] for row in numbers if row["verdict"] == "contradicted")


def test_a_place_in_the_table_opens_the_study(open_page):
    """The link of a row leads to a section of the study's page."""
    page = open_page(VERIFICATION, viewport=DESK)
    link = page.locator("#number-table tbody a").first
    address = link.get_attribute("href")
    link.click()
    page.wait_for_url(re.compile(r"/analyses/"))
    assert page.locator(f"[id='{address.partition('#')[2]}']").count() == 1


def test_without_scripts_counts_and_downloads_remain(open_page):
    """The table is away, and said to be; counts by paper stand in the page."""
    page = open_page(VERIFICATION, viewport=DESK, java_script_enabled=False)
    assert page.locator("#number-finder").is_hidden()
    assert page.get_by_text("The searchable table needs JavaScript").is_visible()
    assert page.locator(".replica-table table").first.is_visible()
    assert page.locator("a.download").count() >= 2


def test_downloads_open_and_hold_all_numbers(open_page, numbers):
    """CSV and JSON, as linked on the page, hold one entry per printed number."""
    page = open_page(VERIFICATION, viewport=DESK)
    links = page.locator("a.download").evaluate_all("all => all.map(a => a.href)")
    files = [Path(unquote(link.removeprefix("file://"))) for link in links]
    by_name = {file.name: file.read_text(encoding="utf-8") for file in files}
    rows = csv.DictReader(by_name["verification.csv"].splitlines())
    assert [row["id"] for row in rows] == [row["id"] for row in numbers]
    assert json.loads(by_name["verification.json"]) == numbers
    with page.expect_download() as downloading:
        page.locator("a.download", has_text="as CSV").first.click()
    assert downloading.value.suggested_filename.endswith(".csv")


def test_search_finds_a_term_of_the_glossary(open_page):
    """A known word leads to the page that explains it."""
    page = open_page("search.html?q=equipoise", viewport=DESK)
    page.wait_for_selector("#search-results li", timeout=10_000)
    found = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any("glossary.html" in address for address in found)


def test_a_term_tells_its_meaning_to_mouse_and_keyboard(open_page):
    """Pointing and tabbing show the definition, escape hides it."""
    page = open_page(HOME, viewport=DESK)
    link, told = page.locator("a.term").first, page.locator("#term-told")
    link.hover()
    assert told.is_visible()
    page.keyboard.press("Escape")
    assert told.is_hidden()
    page.mouse.move(1, 1)
    link.focus()
    assert told.is_visible()
    assert len(told.inner_text()) > 20
    assert link.get_attribute("aria-describedby") == "term-told"


def next_of(address):
    """Return the address behind a page's link to the next one, read without a browser."""
    path = Path(unquote(urlsplit(address).path))
    found = re.search(r'class="right-next"\s+href="([^"]+)"', path.read_text(encoding="utf-8"))
    return urljoin(address, found[1]) if found else ""


def test_previous_and_next_go_through_the_whole_book(open_page, real_root):
    """From the home page every page of the table of contents is reached by next."""
    html = real_root / "build" / "html"
    page = open_page(HOME, viewport=DESK)
    listed = page.locator("nav.bd-docs-nav a.reference.internal").evaluate_all(
        "all => all.map(a => a.href)"
    )
    seen = []
    address = page.url
    while following := next_of(address):
        seen.append(address := following)
    assert seen == listed
    assert len(seen) + 1 == len([p for p in pages(html) if p.parent != html])


def test_a_figure_keeps_a_light_ground_on_a_dark_page(open_page, real_root):
    """The page is dark, its figures are drawn on white."""
    study = min((real_root / "analyses").glob("*.ipynb")).stem
    page = open_page(f"analyses/{study}.html", viewport=DESK, color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    grounds = page.locator("article figure img").evaluate_all(
        "all => all.map(e => getComputedStyle(e).backgroundColor)"
    )
    assert set(grounds) == {"rgb(255, 255, 255)"}
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", ground)[:3]) < 64


def test_formulas_are_set_in_the_books_own_font(open_page):
    """The font with the table of how formulas are set is read from the book, on any machine."""
    page = open_page("book/methods.html", viewport=DESK)
    loaded = page.evaluate(
        "document.fonts.ready.then(fonts => [...fonts].filter(f => f.status === 'loaded')"
        ".map(f => f.family.replaceAll('\"', '')))"
    )
    assert "Replica Math" in loaded


def test_sentences_in_tables_are_read_downwards_on_a_phone(open_page):
    """Each cell stands below its heading: nothing of such a table is out of sight."""
    page = open_page("book/review_checklists.html", viewport=PHONE)
    boxes = page.locator(".replica-table.stacks")
    assert boxes.count() >= 3
    assert (
        boxes.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length") == 0
    )
    cell = boxes.first.locator("td[data-label='What is stated']").first
    told = cell.evaluate("e => getComputedStyle(e, '::before').content")
    assert told == '"What is stated"'
    assert cell.bounding_box()["width"] > 0.8 * boxes.first.bounding_box()["width"]


def test_on_paper_nothing_is_wider_than_the_page(open_page, real_root):
    """Tables, code, pictures and formulas of every page end at its margin."""
    html = real_root / "build" / "html"
    width = int(180 / 25.4 * 96)  # what the margins leave of A4
    page = open_page(HOME, viewport={"width": width, "height": 1000})
    page.emulate_media(media="print")
    wide = []
    for path in pages(html):
        if path.parent == html:
            continue
        page.goto(path.as_uri())
        page.evaluate(printing.READY)
        found = page.locator("article :is(table, pre, img, math)").evaluate_all(
            "(all, width) => all.map(e => e.getBoundingClientRect())"
            ".filter(box => box.width && box.right > width + 2).length",
            width,
        )
        wide += [path.stem] if found else []
    assert wide == []


def test_on_paper_the_page_has_no_controls_and_whole_tables(open_page):
    """Printing leaves out navigation and filters, and lets no table scroll."""
    page = open_page(VERIFICATION, viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print")
    assert page.locator("#pst-primary-sidebar").is_hidden()
    assert page.locator("#number-finder").is_hidden()
    assert page.locator(".replica-table").first.evaluate("e => getComputedStyle(e).overflowY") == (
        "visible"
    )
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_on_paper_what_unfolds_is_whole_and_plots_go_two_to_a_page(open_page, real_root):
    """Nothing fades in on paper, no name breaks a table's columns, and a plot leaves room."""
    study = min((real_root / "analyses").glob("*.ipynb")).stem
    page = open_page(f"analyses/{study}.html", viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print")
    page.evaluate(printing.READY)
    hidden = page.locator("details.above-output")
    assert hidden.count() >= 1
    fading = hidden.evaluate_all(
        "all => all.flatMap(d => [...d.querySelectorAll('*')])"
        ".filter(e => getComputedStyle(e).animationName !== 'none').length"
    )
    assert fading == 0
    narrow = page.locator(".replica-table.long tbody th[scope='row']").evaluate_all(
        "all => Math.min(...all.map(e => e.getBoundingClientRect().width))"
    )
    assert narrow > 100
    heights = page.locator("figure img.broad").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().height)"
    )
    millimetre = 96 / 25.4
    assert heights
    assert max(heights) < 125 * millimetre
