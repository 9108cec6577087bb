"""h_t = φ(W x_t + U h_{t-1} + b)."""

import numpy as np
import pytest
from cell_strategies import make
from hypothesis import given
from strategies import each_activation, each_dtype, recurrences, serving
from tolerances import assert_close

from indrnn_np import backend

each_table = serving("rnn")


@each_table
@each_dtype
def test_literal_values(ops, dtype):
    """Two steps, one sample, one input, two units; dyadic numbers, so exact."""
    x = np.array([[[1]], [[-2]]], dtype)
    W, U = np.array([[1], [0.5]], dtype), np.array([[0.5, -1], [2, 0.25]], dtype)
    b, h0 = np.array([0.25, -1], dtype), np.array([[2, 1]], dtype)
    # U h_0 = [0, 4.25], h_1 = [1.25, 3.75];  U h_1 = [-3.125, 3.4375], h_2 = relu([-4.875, 1.4375])
    h = ops.rnn.forward(x, W, U, b, h0, "relu")
    assert h[:, 0].tolist() == [[2, 1], [1.25, 3.75], [0, 1.4375]]
    dh = np.array([[[1, 0]], [[4, 2]]], dtype)
    dx, dW, dU, db, dh0 = ops.rnn.backward(dh, x, h, W, U, np.array([[0, 2]], dtype), "relu")
    # da_2 = [0, 2 + 2], da_1 = [1, 0] + Uᵀ [0, 4] = [9, 1]
    assert dx[:, 0].tolist() == [[9.5], [2]]
    assert dW.tolist() == [[9], [1 - 8]] and db.tolist() == [9, 5]
    assert dU.tolist() == [[9 * 2, 9 * 1], [2 + 4 * 1.25, 1 + 4 * 3.75]]
    assert dh0.tolist() == [[4.5 + 2, -9 + 0.25]]


@each_table
@each_activation
@given(p=recurrences(lengths=True))
def test_a_diagonal_matrix_makes_it_the_indrnn(ops, activation, p):
    """In values and gradients; the diagonal of dU is du."""
    options, (x, W, b) = {**p.options, "activation": activation}, p.cell().values()
    U = np.diag(p.u)
    h = ops.rnn.forward(x, W, U, b, p.h0, **options)
    reference = backend.get("reference").indrnn
    expected = reference.forward(x, W, p.u, b, p.h0, **options)
    assert_close(h, expected, scale=10)  # W x in another order, and over 35 steps with |u| up to 1.05
    found = ops.rnn.backward(p.dh, x, expected, W, U, p.dhT, **options)
    wanted = reference.backward(p.dh, x, expected, W, p.u, p.dhT, **options)
    for name, one, other in zip(("dx", "dW", "dU", "db", "dh0"), found, wanted, strict=True):
        assert_close(
            np.diag(one).copy() if name == "dU" else one, other, name, scale=100
        )  # sums of T B terms


@each_table
def test_a_diagonal_matrix_has_the_bits_of_the_recurrence(ops):
    """W x = 1 x: then nothing is rounded in another order, and h is exactly that of ops/recurrence."""
    p = make("rnn", np.random.default_rng(0), 30, 3, 8, 8, activation="relu")
    u, zero = p.rng.uniform(-1, 1, 8), np.zeros(8)
    x, h0, eye = p.arrays["x"], p.arrays["h0"], np.eye(8)
    h = ops.rnn.forward(x, eye, np.diag(u), zero, h0, "relu")
    assert np.array_equal(h, ops.recurrence.forward(x, u, h0, "relu"))
    dx, _, _, _, dh0 = ops.rnn.backward(p.arrays["dh"], x, h, eye, np.diag(u), None, "relu")
    da, _, dh0_expected = ops.recurrence.backward(p.arrays["dh"], h, u, None, "relu")
    assert np.array_equal(dx, da) and np.array_equal(dh0, dh0_expected)


@each_table
@pytest.mark.parametrize("reverse", [False, True])
def test_a_rotation_turns_the_state(ops, reverse):
    """Identity activation, no input: h_t = Uᵗ h_0, and the gradient comes back at the length it had."""
    angle, T = 0.3, 50
    U = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    x, W, h0 = np.zeros((T, 1, 1)), np.ones((2, 1)), np.array([[1.0, 0.0]])
    h = ops.rnn.forward(x, W, U, np.zeros(2), h0, "identity", reverse=reverse)
    turned = np.array([[np.cos(angle * t), np.sin(angle * t)] for t in range(1, T + 1)])
    assert_close(h[1:, 0][::-1] if reverse else h[1:, 0], turned)
    dhT = np.array([[0.6, 0.8]])
    dh0 = ops.rnn.backward(None, x, h, W, U, dhT, "identity", reverse=reverse)[-1]
    assert_close(dh0, dhT @ np.linalg.matrix_power(U, T))
    assert abs(np.linalg.norm(dh0) - 1) < 1e-12
