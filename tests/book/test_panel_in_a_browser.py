"""The look-up panel in Chromium: keyboard, phone, dark page, and a reader without scripts."""

from __future__ import annotations

import json
import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGE = "book/panel.html"
FORM = "#sweep-sclc_second_line"
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no chromium on the PATH: the panel was NOT looked at in a browser; install chromium",
)


@pytest.fixture(scope="module")
def browser():
    """Start one browser."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser, real_root):
    """Open the page from its file, without a network; everything is closed at the end."""
    opened = []

    def go(**screen):
        context = browser.new_context(offline=True, **screen)
        opened.append(context)
        page = context.new_page()
        page.goto((real_root / "build" / "html" / PAGE).as_uri())
        return page

    yield go
    for context in opened:
        context.close()


def data_of(page):
    """Read the runs that the page holds."""
    return json.loads(page.locator(f"{FORM} .sweep-data").text_content())


def cell(page, name):
    """Return what the table shows of the reader's choices in a row."""
    return page.locator(f"{FORM} tr", has_text=name).locator("td").first.text_content()


def test_the_panel_starts_at_the_studys_own_choices(open_page):
    """What is shown first is what the study's page has."""
    page = open_page(viewport=DESK)
    data = data_of(page)
    own = data["own"]
    entry = data["entries"][
        "|".join([own["outcome"], own["order"], own["ties"], str(own["caliper"])])
    ]
    assert cell(page, "Pairs") == str(entry["pairs"]) == data["printed"]["pairs"]
    said = page.locator(f"{FORM} .sweep-said").text_content()
    assert said.startswith(f"{entry['pairs']} pairs, largest standardized mean difference")


def test_a_keyboard_changes_every_choice(open_page):
    """Tab reaches each input, arrows change it, and what is said follows."""
    page = open_page(viewport=DESK)
    data = data_of(page)
    own = data["own"]
    page.locator(f"{FORM} select[name=outcome]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.name") == "caliper"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.name") == "order"
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.name") == "ties"
    order = page.locator(f"{FORM} select[name=order]").input_value()
    assert order == "random"
    place = own["caliper"] + 1
    entry = data["entries"][f"os|random|{own['ties']}|{place}"]
    assert page.locator(f"{FORM} output").text_content() == str(data["calipers"][place])
    assert page.locator(f"{FORM} input[name=caliper]").get_attribute("aria-valuetext") == (
        f"caliper {data['calipers'][place]}"
    )
    assert cell(page, "Pairs").startswith(f"{entry['pairs']}")
    assert f"{entry['hazard_ratio']:.2f}" in cell(page, "Hazard ratio")
    low, high = entry["range"]["hazard_ratio"]
    assert f"[{low:.2f} to {high:.2f}]" in cell(page, "Hazard ratio")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "wanted => document.querySelector('form.sweep-panel output').textContent === wanted",
        arg=str(data["calipers"][own["caliper"]]),
    )


def test_every_entry_can_be_shown(open_page):
    """No combination of choices is missing, and none throws."""
    page = open_page(viewport=DESK)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    shown = page.evaluate(
        """form => {
          const f = document.querySelector(form), seen = new Set();
          for (const outcome of f.elements.outcome.options)
            for (const order of f.elements.order.options)
              for (const ties of f.elements.ties.options)
                for (let k = 0; k <= Number(f.elements.caliper.max); k++) {
                  f.elements.outcome.value = outcome.value;
                  f.elements.order.value = order.value;
                  f.elements.ties.value = ties.value;
                  f.elements.caliper.value = k;
                  f.dispatchEvent(new Event("input"));
                  seen.add(f.querySelector(".sweep-said").textContent);
                }
          return seen.size;
        }""",
        FORM,
    )
    assert wrong == []
    assert shown > 20


def test_what_changes_is_announced_and_inputs_are_labelled(open_page):
    """The sentence is a status; each input has its name."""
    page = open_page(viewport=DESK)
    said = page.locator(f"{FORM} .sweep-said")
    assert said.get_attribute("aria-live") == "polite"
    assert said.get_attribute("role") == "status"
    form = page.locator(FORM)
    for label in ("Outcome", "Order of the treated", "Ties in the Cox model"):
        assert form.get_by_label(label, exact=True).count() == 1
    assert form.get_by_label("Caliper (probability)").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_panel_fits_a_phone_and_is_legible(open_page, scheme):
    """Nothing is wider than the screen; text and ground differ enough on either page."""
    page = open_page(viewport=PHONE, color_scheme=scheme)
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= PHONE["width"]
    contrasts = page.evaluate(
        """form => {
          const light = c => {
            const [r, g, b] = c.match(/[\\d.]+/g).map(Number)
              .map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = e => {
            while (e && /rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(e).backgroundColor))
              e = e.parentElement;
            return e ? getComputedStyle(e).backgroundColor : "rgb(255,255,255)";
          };
          const parts = "label, select, output, button, .sweep-said, td, th, caption, legend";
          return [...document.querySelector(form).querySelectorAll(parts)].map(e => {
            const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          });
        }""",
        FORM,
    )
    assert len(contrasts) > 20
    assert min(contrasts) >= 4.5


def test_without_scripts_the_page_says_what_it_shows(open_page):
    """The study's own numbers and the way to all of them stand in the page."""
    page = open_page(viewport=DESK, java_script_enabled=False)
    assert page.locator(f"{FORM} fieldset").is_hidden()
    text = page.locator(FORM).inner_text()
    assert "at the study's own choices: 162 pairs" in text
    assert "needs JavaScript" in text
    assert page.locator("a", has_text="All runs as CSV").count() == 2
