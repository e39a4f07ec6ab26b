"""The books that the tests read: the repository's own, and one of a toy study."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from replica import book, paths

PATIENCE = 180_000  # milliseconds
TOY = Path(__file__).parents[1] / "toy"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@pytest.fixture(scope="session")
def real_root():
    """Return the repository, its book built from the files as they are now."""
    root = paths.repository()
    if not book.is_current(root):
        # Slow, but never a test of an old book; if it cannot be built, every test here errors.
        book.make(root)
    return root


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory):
    """Build a repository of the toy study with the real configuration, styles and references."""
    root = tmp_path_factory.mktemp("toy")
    repository = paths.repository()
    shutil.copytree(TOY, root, dirs_exist_ok=True)
    shutil.copy(repository / "_config.yml", root)
    shutil.copy(repository / "book" / "references.bib", root / "book")
    for folder in ("_static", "_extensions"):
        shutil.copytree(repository / "book" / folder, root / "book" / folder)
    (root / "data" / "supplied").mkdir(parents=True)
    (root / "data" / "supplied" / "patients.csv").write_text("secret\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPLICA_HOME", str(root))
        book.make(root)
    return root


@pytest.fixture(scope="session", params=["real", "toy"])
def root(request):
    """Return the repository of each book in turn."""
    return request.getfixturevalue(f"{request.param}_root")


@pytest.fixture(scope="session")
def html(root):
    """Return the folder of built pages."""
    return root / "build" / "html"


@pytest.fixture(scope="module")
def browser():
    """Start one browser for the tests of a file; open, it would hold the event loop of others."""
    if CHROMIUM is None:
        pytest.skip(
            "no chromium on the PATH: the pages were NOT looked at in a browser; install chromium"
        )
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = started.new_context

        def patient(**options):
            """Open a context that waits: a busy machine is slow, not broken."""
            context = opened(**options)
            context.set_default_timeout(PATIENCE)
            return context

        started.new_context = patient
        yield started
        started.close()


@pytest.fixture
def open_page(browser, real_root):
    """Open a page of the real book on a screen of some kind, without a network."""
    opened = []

    def go(name, **screen):
        context = browser.new_context(offline=True, **screen)
        opened.append(context)
        page = context.new_page()
        path, mark, asked = name.partition("?")
        page.goto((real_root / "build" / "html" / path).as_uri() + mark + asked)
        return page

    yield go
    for context in opened:
        context.close()
