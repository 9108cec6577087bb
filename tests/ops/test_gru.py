"""The gated recurrent unit: values by hand, and limits in which it is something simpler."""

import numpy as np
from cell_strategies import make
from strategies import each_dtype, serving
from tolerances import assert_close

each_table = serving("gru")
FAR = 200.0  # σ is 0 or 1 beyond, in float64


@each_table
@each_dtype
def test_literal_values(ops, dtype):
    """One unit, two steps: gates written out with NumPy's own functions."""
    W, U = np.array([[1], [-0.5], [0.5]], dtype), np.array([[0.5], [1], [-1]], dtype)
    b, c = np.array([0.1, 0.2, 0.3], dtype), np.array([-0.4, 0.5, 0.6], dtype)
    x, h0 = np.array([[[0.5]], [[-1]]], dtype), np.array([[0.3]], dtype)
    h, gates = ops.gru.forward(x, W, U, b, c, h0)
    state = 0.3
    for t, x_t in enumerate((0.5, -1.0)):
        a = [float(w * x_t + v) for w, v in zip(W[:, 0], b, strict=True)]
        v = [float(u * state + e) for u, e in zip(U[:, 0], c, strict=True)]
        r, z = (1 / (1 + np.exp(-(a[k] + v[k]))) for k in (0, 1))
        n = np.tanh(a[2] + r * v[2])
        state = (1 - z) * n + z * state
        assert_close(gates[t, 0], np.array([r, z, n, v[2]]).astype(dtype))
        assert_close(h[t + 1, 0], np.array([state]).astype(dtype))


@each_table
def test_a_shut_update_gate_holds_the_state(ops):
    """z = 1: h_t = h_0 exactly, and the gradient comes back as the sum of what arrives."""
    p = make("gru", np.random.default_rng(0), 30, 3, 2, 4)
    b, zero = p.arrays["b"].copy(), np.zeros_like(p.arrays["U"])
    b[4:8] = 1e4
    kept = p.forward(ops, b=b, U=zero)
    assert np.array_equal(kept["h"], np.broadcast_to(p.arrays["h0"], kept["h"].shape))
    found = p.backward(ops, kept, U=zero)
    assert not found["x"].any() and not found["W"].any()
    assert_close(found["h0"], p.arrays["dhT"] + p.arrays["dh"].sum(axis=0), scale=10)  # 30 roundings


@each_table
def test_open_gates_make_it_an_rnn(ops):
    """r = 1 and z = 0: h_t = tanh(W_n x_t + b_n + U_n h_{t-1} + c_n), in values and gradients."""
    p = make("gru", np.random.default_rng(1), 20, 3, 2, 4)
    W, U, b, c = (p.arrays[name].copy() for name in "WUbc")
    W[:8], U[:8], c[:8], b[:4], b[4:8] = 0, 0, 0, FAR, -4 * FAR
    kept = p.forward(ops, W=W, U=U, b=b, c=c)
    parts = [np.ascontiguousarray(m[8:]) for m in (W, U)]
    h = ops.rnn.forward(p.arrays["x"], *parts, b[8:] + c[8:], p.arrays["h0"])
    assert_close(kept["h"], h, scale=4)
    found = p.backward(ops, kept, W=W, U=U)
    dx, dW, dU, db, dh0 = ops.rnn.backward(p.arrays["dh"], p.arrays["x"], h, *parts, p.arrays["dhT"])
    expected = {"x": dx, "h0": dh0, "W": dW, "U": dU, "b": db, "c": db}
    for name, value in expected.items():
        of_n = found[name] if name in ("x", "h0") else found[name][8:]
        assert_close(of_n, value, name, scale=20)  # sums over steps and samples


@each_table
def test_the_reset_gate_acts_on_the_product(ops):
    """r = 0 leaves of U_n h + c_n nothing, not even the bias; acting on the state it would leave c_n."""
    p = make("gru", np.random.default_rng(2), 5, 2, 3, 4)
    W, b, c = p.arrays["W"].copy(), np.zeros(12), np.zeros(12)
    W[:8], b[:4], b[4:8], c[8:] = 0, -4 * FAR, -4 * FAR, 3.0
    U = p.arrays["U"].copy()
    U[:8] = 0
    h = p.forward(ops, W=W, U=U, b=b, c=c)["h"]
    assert_close(h[1:], np.tanh(p.arrays["x"] @ W[8:].T), scale=4)
