"""The machine code of the kernels: their inner loops are vector code, and call nothing, in both dtypes."""

import platform
import re

import numba
import numpy as np
import pytest

from indrnn_np._cpu.jit import FASTMATH
from indrnn_np.ops.adam import cpu as adam
from indrnn_np.ops.batchnorm import cpu as batchnorm
from indrnn_np.ops.binary_cross_entropy import cpu as binary_cross_entropy
from indrnn_np.ops.dropout import cpu as dropout
from indrnn_np.ops.gru import cpu as gru
from indrnn_np.ops.indrnn import few_inputs, input_chunks
from indrnn_np.ops.lstm import cpu as lstm
from indrnn_np.ops.recurrence import cpu as recurrence
from indrnn_np.ops.recurrence import few_columns
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from indrnn_np.ops.rnn import cpu as rnn
from indrnn_np.ops.rnn import products
from indrnn_np.ops.sgd import cpu as sgd

pytestmark = [
    pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled"),
    pytest.mark.skipif(
        bool(numba.config.BOUNDSCHECK), reason="a check in the loop keeps it from being vector code"
    ),
    pytest.mark.skipif(
        platform.machine() not in ("x86_64", "AMD64"), reason="reads the names of x86-64 instructions"
    ),
]

# add, subtract, multiply or divide whole vectors of float32 (ps) or float64 (pd)
PACKED = re.compile(r"\bv(?:f?n?m?(?:add|sub)\w*|mul|div)(p[sd])\s.*%[yz]mm")
SCALAR = re.compile(r"\bv(?:f?n?m?(?:add|sub)\w*|mul|div)s[sd]\s")  # the same of single numbers
CALLS = re.compile(r"\bcallq?\s+\S*(tanh|exp|pow|erf)")

T, B, H = 5, 3, 40


def assembly(kernel, args):
    """What the compiler makes of the kernel for these arguments; a kernel from the disk cache can't show it."""
    options = {name: value for name, value in kernel.targetoptions.items() if name != "nopython"}
    fresh = numba.njit(**options)(kernel.py_func)
    fresh(*args)
    (text,) = fresh.inspect_asm().values()
    return text


def packed(text, dtype):
    """How many lines calculate with whole vectors of the dtype."""
    return sum(m.group(1) == {"float32": "ps", "float64": "pd"}[dtype] for m in PACKED.finditer(text))


def arguments(dtype):
    """Arrays by name, as the kernels take them."""
    rng = np.random.default_rng(0)
    flat = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    return {
        "h": flat(T + 1, B * H), "a": flat(T, B * H), "dh": flat(T, B * H), "da": flat(T, B * H), "u": flat(B * H),
        "b": flat(B * H), "carry": flat(B * H), "partial": flat(2, B * H), "total": np.zeros((2, B * H)),
        "edges": np.array([0, B * H]), "ends": np.array([T]),
    }  # fmt: skip


each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


@each_dtype
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("in_place", [False, True])
def test_recurrence_forward(activation, in_place, dtype):
    v = arguments(dtype)
    kernel = recurrence.forward_kernel(activation, in_place)
    args = v["h" if in_place else "a"], v["h"], v["u"], v["b"], v["edges"], v["ends"], 0, T, False
    text = assembly(kernel, args)
    assert not CALLS.search(text)
    assert packed(text, dtype) >= {"relu": 3, "identity": 3, "tanh": 12, "sigmoid": 12}[activation]


@each_dtype
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("has_dh", [False, True])
def test_recurrence_backward(activation, has_dh, dtype):
    """Three inner loops, for one step (twice) and for two, with at least four operations a step."""
    v = arguments(dtype)
    kernel = recurrence.backward_kernel(activation, has_dh)
    text = assembly(kernel, (v["dh"], v["h"], v["u"], v["carry"], v["partial"], v["total"], v["da"], 0, 0,
                             v["edges"], v["ends"], 0, T, False))  # fmt: skip
    assert packed(text, dtype) >= 4 * (1 + 1 + 2)


@each_dtype
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_few_columns(activation, dtype):
    """A time step is one operation on whole vectors for each operation on numbers, and no loop over lanes."""
    v, N = arguments(dtype), 16
    a, h, u, b = (np.ascontiguousarray(v[name][..., :N]) for name in "ahub")
    kernel = few_columns.forward_kernel(activation, False, N)
    text = assembly(kernel, (a, h, u, b, np.array([0, N]), v["ends"], 0, T, False))
    assert not CALLS.search(text)
    assert packed(text, dtype) >= {"relu": 3, "identity": 3, "tanh": 12, "sigmoid": 12}[activation]
    assert not SCALAR.search(text)


@pytest.mark.parametrize("activation, dtype", [("relu", "float64"), ("tanh", "float32")])
def test_few_columns_back(activation, dtype):
    v, N = arguments(dtype), 16
    dh, h, u, carry, partial, total, da = (
        np.ascontiguousarray(v[name][..., :N]) for name in ("dh", "h", "u", "carry", "partial", "total", "da")
    )
    args = dh, h, u, carry, partial, total, da, 0, 0, np.array([0, N]), v["ends"], 0, T, False
    text = assembly(few_columns.backward_kernel(activation, True, N), args)
    assert packed(text, dtype) >= 4 and packed(text, "float64") >= 2
    assert not SCALAR.search(text)


@each_dtype
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("D", [1, 2, 3])
def test_projection_of_few_inputs(activation, D, dtype):
    rng = np.random.default_rng(0)
    x, W, u, h = (
        rng.standard_normal(shape).astype(dtype) for shape in ((T, B, D), (D, H), (H,), (T + 1, B, H))
    )
    kernel = few_inputs.forward_kernel(activation, D)
    text = assembly(kernel, (x, W, u, u, h, np.full(B, T), 0, B, False))
    assert not CALLS.search(text)
    assert packed(text, dtype) >= 3 + 2 * (D - 1)


@each_dtype
@pytest.mark.parametrize("D", [1, 2, 3])
def test_gradients_of_few_inputs(D, dtype):
    rng = np.random.default_rng(0)
    da, x, W = (rng.standard_normal(shape).astype(dtype) for shape in ((T, B, H), (T, B, D), (D, H)))
    ends, sums = np.full(B, T), np.zeros((D, H))
    text = assembly(few_inputs.gradients_kernel(D), (da, x, W, ends, np.empty_like(x), sums))
    assert packed(text, dtype) >= 2 * D


def other_kernels(dtype):
    """(kernel, arguments, least number of packed operations)."""
    rng = np.random.default_rng(0)
    x, dy, y = (rng.standard_normal((T, B, H)).astype(dtype) for _ in range(3))
    row, ends, rows = np.ones((1, H), dtype), np.full(B, T), x.reshape(T, B * H)
    p, g, m, v = (rng.random(H).astype(dtype) for _ in range(4))
    return {
        "batchnorm moments": (batchnorm._add_deviations, (x, row[0], ends, 0, T, row[0], row[0]), 3),
        "batchnorm mean": (batchnorm._add_rows, (x, ends, 0, T, row[0]), 2),
        "batchnorm apply": (batchnorm._scale_and_shift, (x, row, row, row[0], ends, y, 0, T), 2),
        "batchnorm sums": (batchnorm._add_gradients, (dy, x, row, 0, ends, 0, row[0], p), 2),
        "batchnorm gradient": (batchnorm._input_gradient, (dy, x, row, row, row, row, ends, y, 0, T), 4),
        "normalise": (input_chunks.read, (x, input_chunks.InputChunk(y, p, g, m, x[0], ends), 0, T), 3),
        "adam": (adam._kernel, (p, g, m, v, 0.1, 0.9, 0.99, 1.1, 1.1, 1e-8, 0.1, False, g, g), 7),
        "sgd": (sgd._kernel, (p, g, m, 0.1, 0.9, True, 0.1, g, g), 4),
        "dropout": (dropout._multiply, (rows, rows[0], y.reshape(T, B * H), 0, T), 1),
    }


@each_dtype
@pytest.mark.parametrize("name", other_kernels("float32"))
def test_other_kernels(name, dtype):
    kernel, args, least = other_kernels(dtype)[name]
    assert packed(assembly(kernel, args), dtype) >= least


def cell_kernels(dtype):
    """(kernel, arguments, least number of packed operations, transcendental functions included)."""
    rng = np.random.default_rng(0)
    real = lambda *shape: rng.standard_normal(shape).astype(dtype)  # noqa: E731
    h, c, dh = real(T + 1, B, H), real(T + 1, B, H), real(T, B, H)
    back, carry, whole = real(B, H), real(B, H), real(1, B, H)
    a, v, b, gates, ends = real(2, B, 4 * H), real(B, 4 * H), real(4 * H), real(T, B, 4 * H), np.full(B, T)
    a3, v3, b3, da, dv = real(2, B, 3 * H), real(B, 3 * H), real(3 * H), real(2, B, 3 * H), real(2, B, 3 * H)
    a1, walk = real(2, B, H), (ends, 0, B)
    return {
        "rnn forward": (rnn.forward_kernel("tanh"), (1, a1, 0, back, b[:H], h, *walk), 12),
        "rnn backward": (
            rnn.backward_kernel("tanh", True), (1, dh, h, carry, back, whole, 0, a1, 0, *walk, False), 4,
        ),
        "lstm gates": (lstm.logistic, (a[0, 0], b, v[0], gates[0, 0]), 12),
        "lstm candidate": (lstm.hyperbolic, (a[0, 0], b, v[0], gates[0, 0]), 12),
        "lstm forward": (lstm.forward_kernel, (1, a, 0, v, b, h, c, gates, *walk, False), 4 * 12),
        "lstm backward": (lstm.gates_back, (gates[0, 0], c[0, 0], c[1, 0], dh[0, 0], back[0], a[0, 0]), 12 + 17),
        "gru forward": (gru.forward_kernel, (1, a3, 0, v3, b3, b3, h, gates, *walk, False), 2 * 12 + 5),
        "gru backward": (gru.gates_back, (gates[0, 0], h[0, 0], dh[0, 0], carry[0], da[0, 0], dv[0, 0]), 14),
        "sums": (products.add_rows, (da.reshape(-1, 3 * H), np.zeros(3 * H)), 1),
    }  # fmt: skip


@each_dtype
@pytest.mark.parametrize("name", cell_kernels("float32"))
def test_cells(name, dtype):
    kernel, args, least = cell_kernels(dtype)[name]
    text = assembly(kernel, args)
    assert not CALLS.search(text)
    assert packed(text, "float64" if name == "sums" else dtype) >= least


@each_dtype
def test_binary_cross_entropy(dtype):
    """In float64 for both dtypes: exp has 13 terms, and log1p 16."""
    y, target = np.random.default_rng(0).random((2, H)).astype(dtype)
    text = assembly(binary_cross_entropy._kernel, (y, target, np.ones(H, bool), H, np.empty_like(y)))
    assert not CALLS.search(text) and not re.search(r"\bcallq?\s+\S*log", text)
    assert packed(text, "float64") >= 13 + 16


@each_dtype
def test_a_scalar_loop_is_seen(dtype):
    """The same count on a loop that can't become vector code: each element needs the one before."""

    def running(x):
        for j in range(1, len(x)):
            x[j] = x[j] + x[j - 1] * x[j]

    kernel = numba.njit(error_model="numpy", fastmath=FASTMATH)(running)
    assert packed(assembly(kernel, (np.ones(50, dtype),)), dtype) == 0
