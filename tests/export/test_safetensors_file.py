"""safetensors files: networks come back bit for bit; damaged and foreign files say what is wrong."""

import json

import numpy as np
import pytest
import safetensors.numpy
import small_exports
from safetensors import safe_open

import indrnn_np as ir
from indrnn_np._files import tensors


@pytest.fixture
def saved(tmp_path):
    net = small_exports.make("norms")
    net.iteration = 7
    return ir.export.to_safetensors(net, tmp_path / "net.safetensors", {"classes": ["a"], "note": "x"}), net


def content(path):
    """The arrays and the metadata, by the library alone."""
    with safe_open(path, framework="np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["plain", "norms", "dense", "symbols", "bidirectional"])
def test_a_network_comes_back_bit_for_bit(tmp_path, name, dtype):
    net = small_exports.make(name).astype(dtype)
    net.iteration = 12
    loaded = ir.load(ir.export.to_safetensors(net, tmp_path / "a.safetensors"))
    assert (loaded.meta, loaded.optimizer, loaded.arrays) == ({}, None, {})
    again = loaded.net
    assert (again.spec(), again.dtype, again.iteration) == (net.spec(), net.dtype, 12)
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, again.state_dict()[key], strict=True)


def test_other_programs_read_names_and_texts(saved):
    path, net = saved
    arrays, texts = content(path)
    assert set(arrays) == {*net.params, *net.buffers}
    assert np.array_equal(arrays["1.W"], net.params["1.W"]) and np.array_equal(
        arrays["2.var"], net.buffers["2.var"]
    )
    assert json.loads(texts["meta"])["network"] == net.spec()
    assert texts["note"] == "x" and json.loads(texts["classes"]) == ["a"]
    assert texts["buffers"].split() == [*net.buffers]
    assert ir.load(path).meta == {"classes": ["a"], "note": "x"} and ir.load(path).net.iteration == 7


def test_per_step_statistics_and_own_names_are_kept(tmp_path):
    net = small_exports.stack(ir.IndRNN(3, 4), ir.BatchNorm(4, per_step=True, positions=9))
    loaded = ir.load(ir.export.to_safetensors(net, tmp_path / "a.safetensors")).net
    assert loaded.buffers["1.mean"].shape == (9, 4)


def test_another_suffix_is_refused(tmp_path):
    words = (
        r"export.to_safetensors: path is '.*a.npz', expected a name that ends in .safetensors because ir.load"
    )
    with pytest.raises(ValueError, match=words):
        ir.export.to_safetensors(small_exports.make("plain"), tmp_path / "a.npz")


# -- damage ----------------------------------------------------------------------------------------------------


def test_truncated_at_any_length(saved):
    path, data = saved[0], saved[0].read_bytes()
    for length in range(0, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:length])
        with pytest.raises(
            ValueError, match=r"checkpoint.load: .*net.safetensors is damaged \(.*\), expected a safet"
        ):
            ir.load(path)
    path.write_bytes(data + b"x")
    with pytest.raises(ValueError, match=r"net.safetensors is damaged"):
        ir.load(path)


def test_a_changed_byte_anywhere_is_found(saved):
    path, data = saved[0], saved[0].read_bytes()
    for place in range(0, len(data), 37):
        damaged = bytearray(data)
        damaged[place] ^= 0x15
        path.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"checkpoint.load: .*net.safetensors (is damaged|has no 'sha256')"
        ):
            ir.load(path)


def test_foreign_files(tmp_path, saved):
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(3)}))
    with pytest.raises(
        ValueError, match=r"foreign.safetensors has no 'sha256' in its metadata, expected a file made by"
    ):
        ir.load(path)
    path.write_bytes(ir.save(tmp_path / "a.npz", saved[1]).read_bytes())
    with pytest.raises(
        ValueError, match=r"foreign.safetensors is damaged \(.*\), expected a safetensors file"
    ):
        ir.load(path)
    with pytest.raises(FileNotFoundError, match=r"none.safetensors is not a file, expected a checkpoint"):
        ir.load(tmp_path / "none.safetensors")


def change(name, value):
    return lambda arrays, texts, header: header.update({name: value})


CHANGES = [
    (lambda a, t, h: t.pop("meta"), "has no 'meta', expected a file made by indrnn_np"),
    (lambda a, t, h: t.update(meta="{"), "'meta' is not JSON"),
    (change("format", "other"), "has another format in its 'meta'"),
    (change("version", 2), "has format version 2, expected at most 1 because this release"),
    (change("iteration", -1), "iteration is -1, expected a whole number of at least 0"),
    (change("network", {"layers": [], "steps": 3, "seed": 0}), "holds 'buffers/0.mean', expected only names"),
    (lambda a, t, h: h["network"]["layers"][1].update(hidden_size=7), r"'params/1.W' has shape \(24, 3\), expected"),
    (lambda a, t, h: h["network"]["layers"][1].update(type="Elman"), "type is 'Elman', expected one of"),
    (lambda a, t, h: a.pop("1.W"), "has no array 'params/1.W', expected all parameters"),
    (lambda a, t, h: a.update(x=np.zeros(2)), "holds 'params/x', expected only names that the network has"),
    (lambda a, t, h: t.update(buffers=""), "has no array 'buffers/0.mean'"),
    (lambda a, t, h: a.update({"1.b": a["1.b"].astype("float64")}), "'params/1.b' has dtype float64, expected float32"),
    (lambda a, t, h: a.update({"1.b": a["1.b"].astype("int8")}), "'params/1.b' has dtype int8, expected float32"),
    (lambda a, t, h: a.update({"1.b": a["1.b"] * np.nan}), r"'params/1.b'\[0\] is nan, expected finite numbers or"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_file_that_does_not_fit_says_why(saved, change, words):
    """Even if its digest is right: the file was made on purpose."""
    path = saved[0]
    arrays, texts = content(path)
    header = json.loads(texts["meta"])
    change(arrays, texts, header)
    if texts.get("meta") not in (None, "{"):
        texts["meta"] = json.dumps(header)
    del texts["sha256"]
    tensors.write("test", path, arrays, texts)
    with pytest.raises(ValueError, match=rf"checkpoint.load: .*{words}"):
        ir.load(path)


def test_numbers_that_are_not_finite_come_back_where_they_are_allowed(tmp_path):
    net = small_exports.make("plain")
    net.params["0.b"][0] = np.nan
    path = ir.export.to_safetensors(net, tmp_path / "a.safetensors")
    assert np.isnan(ir.load(path, allow_nonfinite=True).net.params["0.b"][0])
