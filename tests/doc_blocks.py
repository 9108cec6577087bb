"""Code blocks of the documents, and the modules that make pages out of them (docs/_ext)."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def extension(name):
    """Load a file of docs/_ext; those that tests ask for import Sphinx only where Sphinx calls them."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(page, heading):
    """The text below `## heading`, up to the next one."""
    return re.split(r"^## ", page, flags=re.MULTILINE)[headings(page).index(heading) + 1].partition("\n")[2]


def headings(page):
    return re.findall(r"^## (.*)$", page, re.MULTILINE)


def blocks(text, language):
    """The code blocks of a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
