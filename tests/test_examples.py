"""The examples in docstrings print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import indrnn_np

ROOT = Path(indrnn_np.__file__).parent
WITH_EXAMPLES = sorted(path for path in ROOT.rglob("*.py") if ">>>" in path.read_text("utf-8"))


def test_there_are_examples():
    assert len(WITH_EXAMPLES) >= 10


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples(path):
    parts = ["indrnn_np", *path.relative_to(ROOT).with_suffix("").parts]
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert tried.attempted and not tried.failed
