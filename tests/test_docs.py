"""The documents say what the code says: quoted lines exist, links lead somewhere, the README's example runs."""

import re
import runpy
from pathlib import Path

import numba
import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(p for p in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))


def quotes():
    """(page, file, line) of every line in a code block that starts with the name of a file of the package."""
    for page in PAGES:
        for block in re.findall(
            r"```python\n# (indrnn_np/\S+\.py)\n(.*?)```", page.read_text("utf-8"), re.DOTALL
        ):
            yield page.name, block[0], [line.strip() for line in block[1].splitlines() if line.strip()]


def test_equations_quote_the_package():
    found = list(quotes())
    assert len(found) > 10
    for page, file, lines in found:
        source = [line.strip() for line in (ROOT / file).read_text("utf-8").splitlines()]
        for line in lines:
            assert line in source, f"{page} quotes a line that {file} does not have: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="plain loops over elements take minutes")
def test_readme_example_runs(tmp_path, capsys):
    code = re.search(r"```python\n(import numpy.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert code is not None
    script = tmp_path / "example.py"
    script.write_text(code.group(1), encoding="utf-8")
    runpy.run_path(str(script))
    printed = capsys.readouterr().out
    assert "passed" in printed
