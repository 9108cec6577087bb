"""Headless Chromium for the tests of pages.

Needs `pip install ".[browser]"` and a Chromium: the one on PATH, or that of INDRNN_CHROMIUM. Where either is missing
the tests are skipped, with INDRNN_BROWSER=required they fail.
"""

import os
import shutil

import pytest

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    chromium = (
        os.environ.get("INDRNN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if os.environ.get("INDRNN_BROWSER") != "required":
        pytest.importorskip("playwright", reason="no playwright: pip install '.[browser]'")
        if not chromium:
            pytest.skip("no Chromium on PATH")
    assert chromium, "no Chromium on PATH, and INDRNN_BROWSER=required"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """A function that opens a file, and returns the page, its console messages and errors, and its requests."""
    contexts = []

    def visit(path, scheme="light", width=1280):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page, said, asked = context.new_page(), [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        asked.remove(path.as_uri())
        return page, said, asked

    yield visit
    for context in contexts:
        context.close()
