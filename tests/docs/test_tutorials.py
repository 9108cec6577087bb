"""The tutorials are scripts: each runs, and prints what stands in it, which is what its page shows."""

import os
import re
import subprocess
import sys

import numba
import pytest
from doc_blocks import DOCS, extension
from tolerances import TUTORIALS

import indrnn_np as ir

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
    if path.stem != "06_cpu_against_gpu" or "cuda" not in ir.backends():  # with a GPU it measures
        compare(done.stdout.splitlines(), script)
    named = set(re.findall(r'"pictures/(\S+\.png)"', script))
    assert {drawn.name for drawn in tmp_path.rglob("*.png")} == named
    for name in named & {"neurons.png"}:  # README shows it
        committed, drawn = (DOCS / "images" / name).read_bytes(), next(tmp_path.rglob(name)).read_bytes()
        assert len(committed) < 100_000
        assert drawn[16:24] == committed[16:24], f"{name}: the sizes of the pictures differ"


@each
def test_a_notebook_holds_all_of_its_script_but_the_output(path):
    pytest.importorskip("jupytext")
    script = path.read_text("utf-8")
    first, *cells = scripts.to_notebook(script).cells
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code").splitlines()
    assert {line for line in script.splitlines() if line and not line.startswith("#")} <= set(code)
    assert not [line for line in code if re.match("# [>~]", line)]


@each
def test_every_picture_has_a_text_for_readers_who_do_not_see_it(path):
    pytest.importorskip("jupytext")
    cells = scripts.to_notebook(path.read_text("utf-8")).cells
    for cell in (cell for cell in cells if cell.cell_type == "code" and ".png" in cell.source):
        assert len(cell.metadata["mystnb"]["image"]["alt"]) > 20


@each
def test_every_print_of_a_tutorial_is_followed_by_what_it_prints(path):
    for cell in re.split(r"^# %%.*\n", path.read_text("utf-8"), flags=re.MULTILINE):
        assert ("print(" in cell) == bool(scripts.OUTPUT.search(cell))


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


def test_a_script_becomes_a_notebook():
    pytest.importorskip("jupytext")
    script = "# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\nprint(1)\n# > 1\n\n# %%\nb = 2  # two\n"
    cells = [(cell.cell_type, cell.source) for cell in scripts.to_notebook(script).cells]
    assert cells == [("markdown", "# Title\n\nText."), ("code", "print(1)"), ("code", "b = 2  # two")]
    assert scripts.outputs(script) == [("1", True)]
