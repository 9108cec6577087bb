"""The report in a real browser: no message, no request, all pictures, nothing wider than a phone."""

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from indrnn_np.commands import cli

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


@pytest.fixture(params=PAGES, ids=lambda page: f"{page[0]}-{page[1]}")
def opened(request, visit, report):
    """The page, what it said in the console, what it asked for, and the colour scheme."""
    scheme, width = request.param
    page, said, asked = visit(report, scheme, width)
    return page, said, [url for url in asked if not url.startswith("data:")], scheme


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
