"""`docs/sample_prose.py`: it sees every docstring, comment and message, and the same ones for the same seed."""

import importlib.util
import subprocess
import sys

import pytest
from doc_blocks import DOCS

SCRIPT = DOCS / "sample_prose.py"
SOURCE = '''"""A module."""

# A comment
# of two lines
x = 1  # and one beside code


def f(name):
    """Return nothing."""
    y = "short text"  # fmt: skip
    raise ValueError(f"{name} is wrong, expected {x + 1} of them")
'''


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("sample_prose", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_kind_of_prose_is_seen(script, tmp_path):
    folder = tmp_path / "indrnn_np"
    folder.mkdir()
    (folder / "a.py").write_text(SOURCE, encoding="utf-8")
    found = [tuple(piece[1:]) for piece in script.sample(0, root=tmp_path)]
    assert found == [
        (1, "docstring", "A module."),
        (3, "comment", "A comment\nof two lines"),
        (5, "comment", "and one beside code"),
        (9, "docstring", "Return nothing."),
        (11, "message", "{name} is wrong, expected {x + 1} of them"),
    ]


def test_a_seed_determines_the_sample(script):
    first = script.sample(3)
    assert len(first) == 30 and first == script.sample(3) and first != script.sample(4)
    assert {piece.kind for piece in first} == {"comment", "docstring", "message"}


def test_the_command_prints_places_and_texts(script):
    command = [sys.executable, str(SCRIPT), "--seed", "3", "--count", "2"]
    printed = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    for number, piece in enumerate(script.sample(3, 2), start=1):
        assert (
            f"{number}. {piece.path}:{piece.line} ({piece.kind})\n    {piece.text.splitlines()[0][:10]}"
            in printed
        )
