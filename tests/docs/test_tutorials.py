"""The tutorials are scripts: each runs, and prints what stands in it, which is what its page shows."""

import os
import re
import subprocess
import sys

import numba
import pytest
from doc_blocks import DOCS, blocks, extension
from tolerances import TUTORIALS

SCRIPTS = sorted((DOCS / "tutorials").glob("*.py"))
scripts = extension("scripts")
each = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def close(found, told):
    """Equal words, and numbers behind a point within the tolerance: training rounds differently on other machines."""
    if NUMBER.split(found) != NUMBER.split(told):
        return False
    pairs = zip(map(float, NUMBER.findall(found)), map(float, NUMBER.findall(told)), strict=True)
    return all(abs(a - b) <= TUTORIALS * abs(b) for a, b in pairs)


def compare(printed, script):
    """Fail at the first line that a script does not print as it says."""
    told = scripts.outputs(script)
    for found, (line, exact) in zip(printed, told, strict=False):
        assert found.rstrip() == line if exact else close(found.rstrip(), line), f"{found!r}, told {line!r}"
    assert len(printed) == len(told)


@pytest.mark.slow
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="training by plain loops takes minutes")
@each
def test_a_tutorial_prints_what_its_page_shows(path, tmp_path):
    pytest.importorskip("matplotlib")
    env = os.environ | {"PYTHONPATH": str(DOCS.parent), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    script = path.read_text("utf-8")
    compare(done.stdout.splitlines(), script)
    shown = set(re.findall(r"\(\.\./images/(\S+\.png)\)", script))
    assert {drawn.name for drawn in tmp_path.rglob("*.png")} == shown
    for name in shown:
        committed = (DOCS / "images" / name).read_bytes()
        assert len(committed) < 100_000
        drawn = next(tmp_path.rglob(name)).read_bytes()
        assert drawn[16:24] == committed[16:24], f"{name}: the sizes of the pictures differ"


@each
def test_a_page_holds_all_of_its_script(path):
    script = path.read_text("utf-8")
    page = scripts.to_markdown(script, path.name)
    assert page.startswith("# ")
    code = "\n".join(blocks(page, "python"))
    shown = [line for block in blocks(page, "text") for line in block.splitlines()]
    assert shown == [line for line, _ in scripts.outputs(script)]
    told = {line for line in script.splitlines() if line and not line.startswith("#")}
    assert told <= set(code.splitlines())
    assert re.search(rf"\b{path.name}\b", page)


@each
def test_every_print_of_a_tutorial_is_followed_by_what_it_prints(path):
    for cell in scripts.CELL.split(path.read_text("utf-8"))[2::2]:
        assert ("print(" in cell) == any(scripts.OUTPUT.match(line) for line in cell.splitlines())


def test_the_index_names_all_tutorials():
    index = (DOCS / "tutorials" / "index.md").read_text("utf-8")
    for path in SCRIPTS:
        assert f"({path.name})" in index and re.search(rf"^{path.stem}$", index, re.MULTILINE)


def test_the_comparison_sees_differences():
    script = "# %%\nprint(1)\n# > one 1.0\n# ~ error 0.50 after 10\n"
    compare(["one 1.0", "error 0.60 after 10"], script)
    for wrong in (["one 1.1", "error 0.5 after 10"], ["one 1.0", "error 5.0 after 10"], ["one 1.0"],
                  ["one 1.0", "error 0.50 after 11"], ["one 1.0", "errors 0.50 after 10"],
                  ["one 1.0", "error 0.50 after 10", "more"]):  # fmt: skip
        with pytest.raises(AssertionError):
            compare(wrong, script)


def test_a_script_becomes_a_page():
    script = (
        "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\na = 1\n\nprint(a)\n# > 1\n\n# %%\nb = 2  # two\n"
    )
    page = scripts.to_markdown(script, "x.py")
    assert page.splitlines()[0] == "# Title"
    assert blocks(page, "python") == ["a = 1\n\nprint(a)\n", "b = 2  # two\n"]
    assert blocks(page, "text") == ["1\n"]
    with pytest.raises(ValueError, match="does not begin with a cell"):
        scripts.to_markdown("import numpy\n" + script, "x.py")
