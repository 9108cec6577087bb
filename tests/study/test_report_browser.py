"""The report in a real browser: nothing in the console, no request, all pictures drawn, nothing wider than a phone.

Needs `pip install ".[browser]"` and a Chromium: the one on PATH, or that of INDRNN_CHROMIUM. Where either is missing
the tests are skipped, with INDRNN_BROWSER=required they fail.
"""

import os
import shutil

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from indrnn_np.commands import cli

REQUIRED = os.environ.get("INDRNN_BROWSER") == "required"
CHROMIUM = os.environ.get("INDRNN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
if not REQUIRED:
    pytest.importorskip("playwright", reason="no playwright: pip install '.[browser]'")
    if not CHROMIUM:
        pytest.skip("no Chromium on PATH", allow_module_level=True)

from playwright.sync_api import sync_playwright  # noqa: E402

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser") / "run"
    small = [
        "--steps",
        "30",
        "--hidden",
        "8",
        "--iterations",
        "8",
        "--batch",
        "4",
        "--threads",
        "1",
        "--quiet",
    ]
    assert (
        cli.main(
            ["train", "adding", *small, "--log-every", "2", "--validate-every", "4", "--out", str(folder)]
        )
        == 0
    )
    assert cli.main(["study", "report", str(folder), "--quiet"]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM, "no Chromium on PATH, and INDRNN_BROWSER=required"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(params=PAGES, ids=lambda page: f"{page[0]}-{page[1]}")
def opened(request, browser, report):
    """The page, what it said in the console, and what it asked for."""
    scheme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    yield page, said, [url for url in asked if not url.startswith("data:") and url != report.as_uri()], scheme
    context.close()


def test_it_is_quiet_and_whole(opened, tmp_path):
    page, said, asked, scheme = opened
    assert said == [] and asked == []
    images = page.evaluate(
        "[...document.images].map(i => [i.complete, i.naturalWidth, i.currentSrc === i.src])"
    )
    assert len(images) >= 2 and all(complete and width > 100 for complete, width, _ in images)
    assert all(own == (scheme == "light") for _, _, own in images)  # the dark page shows the dark pictures
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 29)"}[scheme]
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_the_contents_lead_to_every_part(opened):
    page = opened[0]
    for link in page.locator("nav a").all():
        link.click()
        target = link.get_attribute("href")
        assert page.evaluate("location.hash") == target
        assert page.locator(target).locator("h2").is_visible()
    folded = page.locator("details").first
    folded.locator("summary").click()
    assert folded.locator("table").is_visible()
