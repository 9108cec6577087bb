"""Without an optional package, an export names the extra that installs it."""

import sys

import pytest
import small_exports

import indrnn_np as ir


@pytest.mark.parametrize(("function", "package"), [("to_onnx", "onnx"), ("to_safetensors", "safetensors")])
def test_a_missing_package_is_named(tmp_path, monkeypatch, function, package):
    monkeypatch.setitem(sys.modules, package, None)
    words = rf"export.{function}: {package} is not installed, expected .*: pip install 'indrnn-np\[export\]'"
    with pytest.raises(ModuleNotFoundError, match=words):
        getattr(ir.export, function)(small_exports.make("plain"), tmp_path / "net.safetensors")
    assert not any(tmp_path.iterdir())


def test_c_needs_no_package(tmp_path, monkeypatch):
    for package in ("onnx", "safetensors"):
        monkeypatch.setitem(sys.modules, package, None)
    assert ir.export.to_c(small_exports.make("plain"), tmp_path / "net.c").is_file()


def test_loading_names_the_extra(tmp_path, monkeypatch):
    path = ir.export.to_safetensors(small_exports.make("plain"), tmp_path / "net.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"checkpoint.load: safetensors is not installed, .*\[export\]"
    ):
        ir.load(path)
