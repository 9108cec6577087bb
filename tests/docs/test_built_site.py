"""The built site: equations in the bundled font, and no page wider than a phone.

INDRNN_SITE names the folder that sphinx-build has written; without it the tests are skipped.
"""

import html
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from doc_blocks import DOCS

if "INDRNN_SITE" not in os.environ:
    pytest.skip("no built site: INDRNN_SITE is not set", allow_module_level=True)

SITE = Path(os.environ["INDRNN_SITE"])
# All pages but those of single source files, which share one form.
PAGES = sorted(p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if "source" not in p.parts)
SOURCE = "source/indrnn_np/init.py.html"
PHONE = 390  # pixels


@pytest.fixture(scope="module")
def page(browser):
    return browser.new_context(viewport={"width": PHONE, "height": 844}).new_page()


@pytest.mark.parametrize("name", [*PAGES, SOURCE])
def test_no_page_is_wider_than_a_phone(page, name):
    page.goto((SITE / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_a_text_for_readers_who_do_not_see_it(name):
    for image in re.findall(r"<img\b[^>]*>", (SITE / name).read_text("utf-8")):
        words = re.search(r'alt="([^"]+)"', image)
        assert words is not None and not words[1].endswith(".png"), image


def test_a_wide_equation_scrolls_in_its_box(page):
    page.goto((SITE / "equations.html").as_uri())
    boxes = page.evaluate(
        "[...document.querySelectorAll('div.math')].filter(b => b.scrollWidth > b.clientWidth)"
        ".map(b => getComputedStyle(b).overflowX)"
    )
    assert boxes and set(boxes) == {"auto"}


def test_equations_have_the_bundled_font(page):
    page.goto((SITE / "equations.html").as_uri())
    assert (
        page.evaluate("document.fonts.load('16px \"STIX Two Math\"').then(fonts => fonts[0].status)")
        == "loaded"
    )
    assert page.evaluate("getComputedStyle(document.querySelector('math')).fontFamily").startswith(
        '"STIX Two Math"'
    )


def characters_of_the_font():
    text = re.sub("#.*", "", (DOCS / "_static" / "fonts" / "unicodes.txt").read_text("utf-8"))
    for item in text.split():
        first, _, last = item.partition("-")
        yield from map(chr, range(int(first, 16), int(last or first, 16) + 1))


def test_the_font_has_every_character_of_an_equation():
    known, used = set(characters_of_the_font()), set()
    for name in PAGES:
        for equation in re.findall("<math.*?</math>", (SITE / name).read_text("utf-8"), re.DOTALL):
            used |= set(html.unescape(re.sub("<[^>]+>", "", equation)))
    assert len(used) > 50
    assert {character for character in used - known if not character.isspace()} == set()


def test_every_fraction_has_two_parts():
    """The converter reads \\frac12 as a fraction of 12 over nothing."""
    fractions = 0
    for name in PAGES:
        for equation in re.findall("<math.*?</math>", (SITE / name).read_text("utf-8"), re.DOTALL):
            for fraction in ElementTree.fromstring(html_entities(equation)).iter():
                if fraction.tag.endswith("mfrac"):
                    fractions += 1
                    assert len(fraction) == 2 and all(
                        "".join(part.itertext()).strip() for part in fraction
                    ), name
    assert fractions > 20


def html_entities(text):
    """Replace the named characters of HTML, which XML does not know."""
    return re.sub(r"&(?!amp;|lt;|gt;|#)\w+;", lambda entity: html.unescape(entity[0]), text)
