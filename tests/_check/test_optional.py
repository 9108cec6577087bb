"""Packages of extras: a missing one names its extra; a broken one keeps its own error."""

import sys

import pytest

from indrnn_np import _check


def test_an_installed_module_is_returned():
    assert _check.optional("here", "json.decoder", "x") is sys.modules["json.decoder"]


def test_a_missing_package_names_its_extra():
    expected = (
        "here: no_such_package is not installed, expected the package of the extra 'notebook': "
        r"pip install 'indrnn-np\[notebook\]'$"
    )
    with pytest.raises(ModuleNotFoundError, match=expected):
        _check.optional("here", "no_such_package.part", "notebook")


def test_an_error_inside_a_package_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'no_such_package'$"):
        _check.optional("here", "broken_package", "notebook")
