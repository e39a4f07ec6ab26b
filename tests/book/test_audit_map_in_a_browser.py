"""Marked numbers of an audit page in Chromium: mouse, keyboard and finger, without a network."""

from __future__ import annotations

PAGE = "book/audit_myeloma_second_primary.html"


def first_marked(page):
    """Return the first contradicted number and what it tells."""
    button = page.locator(".audit-map button.audit-cell.contradicted").first
    return button, page.locator(f"#{button.get_attribute('popovertarget')}")


def test_a_mouse_shows_the_finding_and_a_click_keeps_it(open_page):
    """Pointing shows it, leaving hides it, a click keeps it until escape."""
    page = open_page(PAGE, viewport={"width": 1280, "height": 900})
    button, told = first_marked(page)
    assert told.is_hidden()
    button.hover()
    assert told.is_visible()
    page.mouse.move(2, 2)
    assert told.is_hidden()
    button.click()
    page.mouse.move(2, 2)
    assert told.is_visible()
    page.keyboard.press("Escape")
    assert told.is_hidden()


def test_a_keyboard_reaches_the_finding_and_its_entry(open_page):
    """Tab shows it, the next tab reaches the link in it, enter leads to the entry."""
    page = open_page(PAGE, viewport={"width": 1280, "height": 900})
    button, told = first_marked(page)
    page.locator(".audit-map").first.focus()
    page.keyboard.press("Tab")
    button.evaluate("button => button.focus()")
    assert told.is_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.getAttribute('href')").startswith("#finding")
    assert told.is_visible()
    page.keyboard.press("Enter")
    assert "#finding-" in page.url


def test_a_finger_opens_the_finding_within_the_screen(open_page):
    """On a phone the text stands whole within the width of the screen."""
    page = open_page(PAGE, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    button, told = first_marked(page)
    button.tap()
    assert told.is_visible()
    box = told.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] <= 844


def test_without_scripts_a_click_opens_the_finding(open_page):
    """The browser's own popover needs no script."""
    page = open_page(PAGE, viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    button, told = first_marked(page)
    assert told.is_hidden()
    button.click()
    assert told.is_visible()
