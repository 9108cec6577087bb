"""The reading path of one layer: code lines of a text, and the modules that a forward pass is known to run."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numba
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "reading_path.py"
if not SCRIPT.exists():
    pytest.skip("the benchmarks are not part of an installed copy", allow_module_level=True)

spec = importlib.util.spec_from_file_location("reading_path", SCRIPT)
reading_path = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reading_path)


def test_code_lines_are_counted_without_comments_and_docstrings():
    function = '# a comment\ndef f(a,\n      b):\n    """Add."""\n    return a + b\n'
    source = f'"""A module.\n\nTwo lines."""\n\nimport os  # why\n\n\n{function}'
    assert reading_path.code_lines(source) == 4


def test_a_string_that_is_no_docstring_counts():
    assert reading_path.code_lines('x = """a\nb"""\n') == 2


@pytest.mark.parametrize("backend", ["cpu", "cuda"])
def test_the_modules_of_a_forward_pass(backend):
    if backend == "cuda" and not numba.config.ENABLE_CUDASIM:
        pytest.skip("only the simulator shows which functions of a kernel run")
    command = [sys.executable, str(SCRIPT), "--backend", backend]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for path in ("networks/sequential.py", "layers/indrnn.py", f"ops/indrnn/{backend}.py"):
        assert f"| `{path}` | " in text
    assert "`_check/" not in text and "contract.py" not in text and "loss" not in text
