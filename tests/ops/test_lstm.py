"""Long short-term memory: values by hand, and limits in which it is something simpler."""

import numpy as np
from cell_strategies import make
from scipy.signal import lfilter
from strategies import each_dtype, serving
from tolerances import assert_close

each_table = serving("lstm")
FAR = 200.0  # σ is 0 or 1 beyond, in float64


@each_table
@each_dtype
def test_literal_values(ops, dtype):
    """One unit, two steps: gates written out with NumPy's own functions."""
    W, U = np.array([[1], [-0.5], [0.5], [2]], dtype), np.array([[0.5], [1], [-1], [0.25]], dtype)
    b, x = np.array([0.1, 1, 0, -0.2], dtype), np.array([[[0.5]], [[-1]]], dtype)
    h0, c0 = np.array([[0.3]], dtype), np.array([[-0.7]], dtype)
    h, c, gates = ops.lstm.forward(x, W, U, b, h0, c0)
    state, cell = 0.3, -0.7
    for t, x_t in enumerate((0.5, -1.0)):
        a = [float(w * x_t + u * state + v) for w, u, v in zip(W[:, 0], U[:, 0], b, strict=True)]
        i, f, g, o = 1 / (1 + np.exp(-a[0])), 1 / (1 + np.exp(-a[1])), np.tanh(a[2]), 1 / (1 + np.exp(-a[3]))
        cell = f * cell + i * g
        state = o * np.tanh(cell)
        assert_close(gates[t, 0], np.array([i, f, g, o]).astype(dtype))
        assert_close(np.array([h[t + 1, 0, 0], c[t + 1, 0, 0]]), np.array([state, cell]).astype(dtype))
    assert h[0, 0, 0] == h0[0, 0] and c[0, 0, 0] == c0[0, 0]


@each_table
def test_open_gates_add_up_their_input(ops):
    """i = f = o = 1: c_t is the sum of tanh(x), and every step's x gets the gradient of the last c undiminished."""
    rng = np.random.default_rng(0)
    T, B, H = 60, 2, 3
    W, U, b = np.zeros((4 * H, H)), np.zeros((4 * H, H)), np.full(4 * H, FAR)
    W[2 * H : 3 * H], b[2 * H : 3 * H] = np.eye(H), 0
    x, zero = rng.standard_normal((T, B, H)), np.zeros((B, H))
    c0, dcT = rng.standard_normal((2, B, H))
    h, c, gates = ops.lstm.forward(x, W, U, b, zero, c0)
    assert_close(c[1:], c0 + np.cumsum(np.tanh(x), axis=0))
    dx, *_, dc0 = ops.lstm.backward(None, x, h, c, gates, W, U, None, dcT)
    assert_close(dx, dcT * (1 - np.tanh(x) ** 2))
    assert np.array_equal(dc0, dcT)


@each_table
def test_a_constant_forget_gate_is_a_filter(ops):
    """c_t = f c_{t-1} + tanh(x_t) is scipy's first-order filter."""
    T, f = 80, 0.9
    W, U, b = np.array([[0.0], [0], [1], [0]]), np.zeros((4, 1)), np.array([FAR, np.log(f / (1 - f)), 0, FAR])
    x, zero = np.random.default_rng(1).standard_normal((T, 1, 1)), np.zeros((1, 1))
    _, c, _ = ops.lstm.forward(x, W, U, b, zero, zero)
    assert_close(c[1:, 0, 0], lfilter([1], [1, -f], np.tanh(x[:, 0, 0])), scale=10)  # 80 roundings


@each_table
def test_a_shut_output_gate_lets_nothing_in_or_out(ops):
    p = make("lstm", np.random.default_rng(2), 12, 3, 2, 5)
    b = p.arrays["b"].copy()
    b[15:] = -1e4
    kept = p.forward(ops, b=b, U=np.zeros_like(p.arrays["U"]))
    assert not kept["h"][1:].any() and kept["c"][1:].all()
    found = p.backward(ops, kept, U=np.zeros_like(p.arrays["U"]), dcT=None)
    assert not found["x"].any() and not found["h0"].any() and not found["c0"].any()
