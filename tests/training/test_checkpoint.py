"""Checkpoints come back bit for bit; damaged ones say what is wrong; a failed write leaves the old file."""

import errno
import json
import os
import zipfile

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import _files
from indrnn_np.training import checkpoint


def small_net(hidden=5, **options):
    options = {"backend": "reference", "dtype": "float64", "seed": 3} | options
    return ir.plain(2, hidden, 3, layers=2, steps=7, batchnorm=True, dropout=0.2, **options)


def updated(net, optimizer, times=3):
    rng = np.random.default_rng(0)
    for _ in range(times):
        x = rng.standard_normal((7, 4, 2)).astype(net.dtype)
        y, _, tape = net.forward(x)
        _, dy = ir.softmax_cross_entropy(y, np.arange(4) % 3, backend="reference")
        optimizer.update(net, net.backward(dy, tape)[2])
        net.project()
    return net, optimizer


@pytest.fixture
def saved(tmp_path):
    net, optimizer = updated(small_net(), ir.Adam(1e-2, weight_decay=0.1))
    path = ir.save(tmp_path / "run" / "a.npz", net, optimizer, note="so far", best=[1, 2.5])
    return path, net, optimizer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "make", [lambda: ir.Adam(1e-2, b1=0.8), lambda: ir.SGD(1e-2, momentum=0.9, nesterov=True)]
)
def test_everything_comes_back_and_training_goes_on_the_same(tmp_path, dtype, make):
    net, optimizer = updated(small_net(dtype=dtype), make())
    loaded = ir.load(ir.save(tmp_path / "a.npz", net, optimizer, note="x"))
    assert loaded.meta == {"note": "x"}
    assert (loaded.net.iteration, loaded.net.seed, loaded.net.dtype, loaded.net.backend) == (
        3,
        3,
        net.dtype,
        "reference",
    )
    assert loaded.optimizer.spec() == optimizer.spec()
    updated(net, optimizer), updated(loaded.net, loaded.optimizer)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, loaded.net.state_dict()[name], strict=True)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, loaded.optimizer.state_dict()[name])


def test_the_file_is_plain_npz_for_others(saved):
    path, net, _ = saved
    with np.load(path, allow_pickle=False) as file:
        names = set(file.files)
        np.testing.assert_array_equal(file["params/0.W"], net.params["0.W"])
        header = json.loads(file["meta"].tobytes())
    assert {"params/0.u", "buffers/1.mean", "optimizer/m", "optimizer/v", "meta"} <= names
    assert header["format"] == "indrnn_np checkpoint" and header["version"] == 1
    assert header["iteration"] == 3 and header["meta"] == {"note": "so far", "best": [1, 2.5]}


def test_without_an_optimizer_and_onto_another_backend(tmp_path):
    loaded = ir.load(ir.save(tmp_path / "a.npz", small_net()), backend="cpu")
    assert loaded.optimizer is None and loaded.meta == {} and loaded.net.backend == "cpu"
    contents = checkpoint.read(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a.npz holds no optimizer, expected one to continue training"):
        checkpoint.restore(contents, small_net(), ir.Adam())


def test_no_temporary_file_is_left(saved):
    path, net, _ = saved
    ir.save(path, net)
    assert [p.name for p in path.parent.iterdir()] == ["a.npz"]


# -- damaged, foreign, newer ---------------------------------------------------------------------------------


def rewrite(path, change):
    """Change the arrays of a checkpoint through `change(arrays, header)`."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(arrays["meta"].tobytes())
    change(arrays, header)
    if "meta" in arrays and arrays["meta"].dtype == np.uint8 and arrays["meta"].tobytes().startswith(b"{"):
        arrays["meta"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(path, **arrays)


CHANGES = [
    (lambda a, h: a.pop("meta"), "a.npz has no 'meta', expected a file made by indrnn_np"),
    (lambda a, h: a.update(meta=np.frombuffer(b"[1", np.uint8)), "'meta' is not JSON"),
    (lambda a, h: h.update(format="other"), "has another format in its 'meta'"),
    (lambda a, h: h.update(version=2), "has format version 2, expected at most 1 because this release"),
    (lambda a, h: h.update(seed=h["seed"] + 1), r"has seed \d+, expected \d+ as in its network"),
    (lambda a, h: h.pop("network"), r"has no \['network'\] in its 'meta'"),
    (lambda a, h: a.pop("params/3.u"), "has no array 'params/3.u', expected all parameters and buffers"),
    (lambda a, h: a.pop("buffers/1.var"), "has no array 'buffers/1.var'"),
    (
        lambda a, h: a.update({"params/0.u": np.zeros(6)}),
        r"'params/0.u' has shape \(6,\), expected \(5,\) to match",
    ),
    (lambda a, h: a.update({"optimizer/m": np.zeros(6)}), r"'optimizer/m' has shape \(6,\), expected"),
    (
        lambda a, h: a.update({"params/9.W": np.zeros(6)}),
        "holds 'params/9.W', expected only names that the network has",
    ),
    (lambda a, h: h["optimizer"]["spec"].update(type="Lion"), "is 'Lion', expected one of 'SGD', 'Adam'"),
    (lambda a, h: h["network"]["layers"][0].update(type="Elman"), "type is 'Elman', expected one of"),
]


def put(name, value):
    """Set the first number of an array in the file."""

    def change(arrays, header):
        arrays[name] = arrays[name].copy()
        arrays[name].flat[0] = value

    return change


def cast(name, dtype):
    return lambda arrays, header: arrays.update({name: arrays[name].astype(dtype)})


CHANGES += [
    (cast(name, dtype), rf"a.npz: '{name}' has dtype {np.dtype(dtype)}, expected float64 as the file says")
    for name in ("params/0.W", "buffers/1.mean", "optimizer/v")
    for dtype in ("float16", "float32", ">f8", "int64", "complex128", "bool", "S8")
]
CHANGES += [
    (
        put(name, value),
        rf"a.npz: '{name}'\[0.*\] is {value}, expected finite numbers or allow_nonfinite=True \(1 of",
    )
    for name in ("params/0.W", "buffers/1.mean", "optimizer/v")
    for value in (np.nan, np.inf, -np.inf)
]
CHANGES += [
    (lambda a, h: h.update(version=True), "'meta': version is True, expected a whole number of at least 1"),
    (lambda a, h: h.update(version=0), "'meta': version is 0, expected a whole number of at least 1"),
    (lambda a, h: a.pop("optimizer/m"), r"Adam.load_state_dict: moments are \['v'\], expected \['m', 'v'\]"),
    (lambda a, h: [a.pop("optimizer/m"), a.pop("optimizer/v")], r"moments are \[\], expected \['m', 'v'\]"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_file_that_does_not_fit_says_why(saved, change, words):
    rewrite(saved[0], change)
    with pytest.raises(ValueError, match=words):
        ir.load(saved[0])


def test_numbers_that_are_not_finite_come_back_where_they_are_allowed(saved):
    rewrite(saved[0], put("params/0.W", np.nan))
    rewrite(saved[0], put("optimizer/m", np.inf))
    loaded = ir.load(saved[0], allow_nonfinite=True)
    assert (
        np.isnan(loaded.net.params["0.W"]).sum() == 1
        and np.isinf(loaded.optimizer.state_dict()["m"]).sum() == 1
    )


@pytest.mark.parametrize("change", [
    cast("params/3.u", "float32"), put("buffers/1.mean", np.nan), put("optimizer/m", np.nan), put("params/3.u", np.inf),
    lambda a, h: h["optimizer"]["state"].update(t=-1),
])  # fmt: skip
def test_a_refused_file_changes_nothing(saved, change):
    path, _, _ = saved
    rewrite(path, change)
    net, optimizer = updated(small_net(seed=9), ir.Adam(1e-2), 1)
    before = {**net.state_dict(), **optimizer.state_dict()}
    with pytest.raises(ValueError, match="load"):
        checkpoint.restore(checkpoint.read(path), net, optimizer)
    after = {**net.state_dict(), **optimizer.state_dict()}
    assert net.iteration == 1 and all(np.array_equal(after[name], value) for name, value in before.items())


def test_a_network_of_another_dtype_does_not_take_the_numbers(saved):
    with pytest.raises(
        ValueError, match=r"a.npz: 'params/0.W' has dtype float64, expected float32 to match the netw"
    ):
        checkpoint.restore(checkpoint.read(saved[0]), small_net(dtype="float32"))


def test_truncated_at_any_length(saved):
    path, data = saved[0], saved[0].read_bytes()
    for length in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"does not end as an npz archive does, expected a checkpoint"):
            ir.load(path)


def test_a_changed_byte_in_any_array_is_found(saved):
    path, data = saved[0], saved[0].read_bytes()
    with zipfile.ZipFile(path) as archive:
        middles = [info.header_offset + info.file_size // 2 + 60 for info in archive.infolist()]
    for middle in middles:
        damaged = bytearray(data)
        damaged[middle] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a.npz is damaged .*, expected a whole checkpoint"):
            ir.load(path)


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.npz is not a file, expected a checkpoint"):
        ir.load(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "foreign.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"foreign.npz has no 'meta'"):
        ir.load(tmp_path / "foreign.npz")
    np.savez(tmp_path / "pickled.npz", meta=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"pickled.npz is damaged .*allow_pickle"):
        ir.load(tmp_path / "pickled.npz")


def test_another_optimizer(saved):
    contents = checkpoint.read(saved[0])
    with pytest.raises(ValueError, match=r"holds the state of Adam, expected SGD"):
        checkpoint.restore(contents, small_net(), ir.SGD(0.1))


# -- writes that fail ----------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file(saved, monkeypatch):
    path, net, optimizer = saved
    before = path.read_bytes()

    class FullDisk:
        def __init__(self, file):
            self.file, self.room = file, 3000

        def write(self, data):
            self.room -= len(bytes(data))
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(data)

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

    monkeypatch.setattr(_files, "open", lambda *a: FullDisk(open(*a)), raising=False)  # noqa: SIM115
    with pytest.raises(
        OSError, match=r"checkpoint.save: .*a.npz can't be written \(No space left.*is unchanged"
    ) as error:
        ir.save(path, net, optimizer)
    assert error.value.errno == errno.ENOSPC
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["a.npz"]
    monkeypatch.undo()
    assert ir.load(path).net.iteration == 3


def test_ctrl_c_in_the_middle_leaves_the_old_file(saved, monkeypatch):
    path, net, _ = saved
    before = path.read_bytes()

    def interrupted(file, *array, **options):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ir.save(path, net)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["a.npz"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        OSError, match=r"checkpoint.save: .*file/a.npz can't be written .*, expected a folder to write to"
    ):
        ir.save(tmp_path / "file" / "a.npz", small_net())


def test_numbers_of_numpy_in_a_network_are_saved_and_foreign_values_in_meta_refused(tmp_path):
    net = ir.plain(2, np.int64(3), 1, 1, 6, backend="reference", gamma=np.float32(2))
    assert ir.load(ir.save(tmp_path / "a.npz", net)).net.spec() == net.spec()
    with pytest.raises(
        TypeError, match=r"checkpoint.save: meta is not JSON \(.*\), expected values that JSON can hold"
    ):
        ir.save(tmp_path / "b.npz", net, note=object())
    assert not (tmp_path / "b.npz").exists()


def test_objects_are_refused_before_anything_is_written(tmp_path):
    own = {"own": np.array([{}], dtype=object)}
    with pytest.raises(
        ValueError, match=r"checkpoint.save: arrays/own has dtype object, expected a dtype of numbers"
    ):
        ir.save(tmp_path / "a.npz", small_net(), arrays=own)
    assert not any(tmp_path.iterdir())


def test_the_path_comes_before_the_network(tmp_path):
    net = ir.plain(2, 3, 1, 1, 4, backend="reference")
    with pytest.raises(
        TypeError, match=r"checkpoint\.save: net is 'n\.npz', expected a network, as in ir\.save\(path, net\)"
    ):
        ir.save(net, "n.npz")
    assert ir.load(ir.save(tmp_path / "n.npz", net)).net.flat.tobytes() == net.flat.tobytes()
