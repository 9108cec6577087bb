"""docs/export.md: its Python runs, and its C program prints what the package computes."""

import contextlib
import io
import shutil
import subprocess

import numpy as np
import pytest
from doc_blocks import DOCS, blocks
from tolerances import assert_close

PAGE = (DOCS / "export.md").read_text("utf-8")


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The names that the Python blocks define, run in an empty folder, and what they print."""
    folder, printed = tmp_path_factory.mktemp("page"), io.StringIO()
    defined = {"folder": folder, "printed": printed}
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(folder)
        for code in blocks(PAGE, "python"):
            exec(code, defined)
    return defined


def test_python(names):
    assert names["printed"].getvalue() == 'True\n["walk", "run"]\n'


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_the_c_program(names):
    (program,), net, folder = blocks(PAGE, "c"), names["net"], names["folder"]
    (folder / "main.c").write_text(program)
    subprocess.run(["gcc", "-O2", "-std=c99", "main.c", "-o", "main", "-lm"], check=True, cwd=folder)
    x = np.random.default_rng(0).standard_normal((30, 2)).astype(np.float32)
    text = "\n".join(" ".join(map(repr, row.tolist())) for row in x)
    done = subprocess.run([folder / "main"], input=text, capture_output=True, text=True, check=True)
    state, expected = None, []
    for x_t in x:
        y, state = net.step(x_t[None], state)
        expected.append(y[0, 0])
    assert_close(np.array(done.stdout.split(), np.float32), np.array(expected))
