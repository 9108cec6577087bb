"""C files: gcc accepts them without a warning, and their steps equal those of the package over long streams."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
import small_exports
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.export import c_parts

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
FOLDED = 3.0  # times the tolerance: folded weights round once more


def gcc(*arguments):
    done = subprocess.run(["gcc", "-O2", *STRICT, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Compiled:
    """A network in C with a state of its own."""

    def __init__(self, path, name="net"):
        library = path.with_suffix(".so")
        gcc("-shared", "-fPIC", path, "-o", library, "-lm")
        self.library, self.name = ctypes.CDLL(library), name
        self.state = (ctypes.c_float * 10000)(*[np.nan] * 10000)
        self.function("init")(self.state)

    def function(self, name):
        return getattr(self.library, f"{self.name}_{name}")

    def step(self, x, outputs):
        y = np.full(outputs, np.nan, np.float32)
        pointer = int(x) if x.ndim == 0 else np.ascontiguousarray(x).ctypes.data_as(ctypes.c_void_p)
        self.code = self.function("step")(self.state, pointer, y.ctypes.data_as(ctypes.c_void_p))
        return y


def steps(net, x):
    """The outputs of the package's steps for a stream x (T, ...)."""
    state, rows = None, []
    for x_t in x:
        y, state = net.step(x_t[None], state)
        rows.append(y[0])
    return np.array(rows)


@pytest.mark.parametrize("name", small_exports.STREAMS)
def test_a_long_stream_equals_the_package(tmp_path, name):
    net = small_exports.make(name)
    x = small_exports.inputs(net, 1000)
    expected = steps(net, x)
    compiled = Compiled(ir.export.to_c(net, tmp_path / "net.c"))
    actual = np.array([compiled.step(x_t, expected.shape[1]) for x_t in x])
    assert_close(actual, expected, scale=FOLDED)


def test_weights_keep_their_bits():
    numbers = np.array(
        [0, -0.0, 1, -3, 1 / 3, np.pi, 2.0**-149, 2.0**-126, 3.4028234e38, 1e-20, 1024], np.float32
    )
    texts = c_parts.braced(numbers).strip("{}\n ").replace("\n", "").split(",")
    values = [float.fromhex(text.strip().removesuffix("f")) for text in texts]
    assert np.array_equal(np.array(values, np.float32).view(np.uint32), numbers.view(np.uint32))
    assert texts[:4] == ["0x0p+0f", " -0x0p+0f", " 0x1p+0f", " -0x1.8p+1f"]


def test_the_first_layer_may_have_any_size(tmp_path):
    net = small_exports.stack(ir.Dropout(0.5), ir.IndRNN(small_exports.D, 4), ir.Linear(4, 2))
    compiled = Compiled(ir.export.to_c(net, tmp_path / "net.c"))
    x = small_exports.inputs(net, 5)
    assert_close(np.array([compiled.step(x_t, 2) for x_t in x]), steps(net, x))


def test_two_networks_in_one_program(tmp_path):
    paths = [ir.export.to_c(small_exports.make(name), tmp_path / f"{name}.c") for name in ("plain", "lstm")]
    main = tmp_path / "main.c"
    main.write_text("".join(f'#include "{path.name}"\n' for path in paths) + "int main(void) { return 0; }\n")
    gcc(main, "-o", tmp_path / "main", "-lm")


def test_unknown_symbols_leave_the_state(tmp_path):
    net = small_exports.make("symbols")
    compiled = Compiled(ir.export.to_c(net, tmp_path / "net.c"))
    expected = steps(net, np.array([3, 5]))
    first = compiled.step(np.array(3), 7)
    for wrong in (-1, 7, 2**31 - 1):
        assert np.isnan(compiled.step(np.array(wrong), 7)).all() and compiled.code == -1
    second = compiled.step(np.array(5), 7)
    assert compiled.code == 0
    assert_close(np.array([first, second]), expected)


def test_class_names_and_standardisation(tmp_path):
    classes = ["walk", 'say "hi"\\', "läuft", "??=", "$init", "a\nb", ""]
    meta = {"classes": classes, "mean": [1.5, 0.1, -2], "deviation": [1, 2, 1e-3], "settings": {"lr": 1}}
    compiled = Compiled(
        ir.export.to_c(small_exports.make("plain"), tmp_path / "a.c", meta, name="net_2"), "net_2"
    )
    names = (ctypes.c_char_p * len(classes)).in_dll(compiled.library, "net_2_classes")
    assert [name.decode() for name in names] == classes
    for key in ("mean", "deviation"):
        assert [*(ctypes.c_double * 3).in_dll(compiled.library, f"net_2_{key}")] == meta[key]


def recurrent(**options):
    return ir.IndRNN(3, 4, recurrent_init=0.5, constrain=False, **options)


REFUSED = [
    ([ir.Bidirectional(recurrent())], "layer 0 is a Bidirectional, expected layers that read no later step because C"),
    ([recurrent(reverse=True)], "layer 0 is an IndRNN with reverse=True, expected layers that read no later step"),
    ([ir.Linear(3, 4), ir.Residual([ir.GRU(4, 4, reverse=True)])], "layer 1.0 is a GRU with reverse=True, expected"),
    ([recurrent(), ir.BatchNorm(4, per_step=True)], "layer 1 is a BatchNorm with per_step=True, expected one"),
    ([recurrent(), ir.LastStep(), ir.IndRNN(4, 2)], "layer 2 is an IndRNN after a LastStep, expected one of Linear"),
    ([ir.Linear(3, 4)], "the network has no recurrent layer, expected at least one because"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "words"), REFUSED)
def test_what_cannot_stream_is_refused_by_name(tmp_path, layers, words):
    with pytest.raises(ValueError, match=f"export.to_c: {words}"):
        ir.export.to_c(small_exports.stack(*layers), tmp_path / "net.c")
    assert not any(tmp_path.iterdir())


def test_an_activation_without_a_function_is_refused(tmp_path, monkeypatch):
    monkeypatch.delitem(c_parts.ACTIVATIONS, "relu")
    with pytest.raises(
        ValueError, match=r"export.to_c: activation of layer 0 is 'relu', expected one of 'tanh'"
    ):
        ir.export.to_c(small_exports.make("plain"), tmp_path / "net.c")


@pytest.mark.parametrize(
    ("file", "name"), [("my-net.c", None), ("net.c", "2nd"), ("net.c", ""), ("net.c", "nét")]
)
def test_the_prefix_is_a_c_identifier(tmp_path, file, name):
    shown = "my-net" if name is None else name
    words = (
        f"export.to_c: name is '{shown}', expected a C identifier such as 'net' because all names in the file"
    )
    with pytest.raises(ValueError, match=words):
        ir.export.to_c(small_exports.make("plain"), tmp_path / file, name=name)
