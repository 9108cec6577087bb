"""h_t = φ(a_t + u ⊙ h_{t-1}): by hand, twins against the reference, the reference against outside oracles."""

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from strategies import (
    REFERENCE,
    Recurrence,
    assert_same_gates,
    assert_sums_close,
    each_activation,
    each_backend,
    each_dtype,
    each_twin,
    recurrences,
)
from tolerances import assert_close, nan_filled

U = [0.5, -0.5, 1, 2]
H0 = [[1, 2, -1, 0.5]]
A = [[1, 0.5, 0.5, -0.25], [-2, 0.25, 2, -2], [0.75, -0.5, -0.5, 0.5], [-0.125, 1, 0.25, -0.25]]
DH = [[1, -1, 0.5, 2], [0.5, 1, 1, -1], [-1, 0.5, 2, 0.25], [2, 1, -1, 0.5]]
# Short dyadic numbers: no dtype rounds anywhere on the way, so == holds.
LITERAL = {
    "relu": {
        "h": [[1.5, 0, 0, 0.75], [0, 0.25, 2, 0], [0.75, 0, 1.5, 0.5], [0.25, 1, 1.75, 0.75]],
        "da": [[1, 0, 0, 2], [0, 1, 2, 0], [0, 0, 1, 1.25], [2, 1, -1, 0.5]],
        "du": [2.5, 0, 0.5, 1.25],
        "dh0": [[0.5, 0, 0, 4]],
    },
    "identity": {
        "h": [
            [1.5, -0.5, -0.5, 0.75],
            [-1.25, 0.5, 1.5, -0.5],
            [0.125, -0.75, 1, -0.5],
            [-0.0625, 1.375, 1.25, -1.25],
        ],
        "da": [[1.25, -1.5, 2.5, 5], [0.5, 1, 2, 1.5], [0, 0, 1, 1.25], [2, 1, -1, 0.5]],
        "du": [2.25, -4.25, -3, 2.75],
        "dh0": [[0.625, 0.75, 2.5, 10]],
    },
}
TANH = {
    "h4": [0.017592072799714916, 0.8641615896982768, 0.5648787034568681, -0.9078632367012281],
    "du": [0.8336559936196083, -2.5106823406980854, -0.08515068035722839, 0.013105692422742454],
    "dh0": [[0.0940968111197802, 0.5324226804231192, 0.6742689274218552, 1.6718288048681595]],
}


def literal(dtype):
    """a, u, h0 and dh of the literal vectors, T = 4, B = 1, H = 4."""
    a, dh = (np.array(rows, dtype)[:, None] for rows in (A, DH))
    return a, np.array(U, dtype), np.array(H0, dtype), dh


@each_backend
@each_dtype
@pytest.mark.parametrize("activation", LITERAL)
def test_literal_vector_exactly(ops, dtype, activation):
    a, u, h0, dh = literal(dtype)
    expected = {name: np.array(rows, dtype) for name, rows in LITERAL[activation].items()}
    h = ops.recurrence.forward(a, u, h0, activation)
    da, du, dh0 = ops.recurrence.backward(dh, h, u, None, activation)
    assert (h[0] == h0).all()
    assert (h[1:, 0] == expected["h"]).all()
    assert (da[:, 0] == expected["da"]).all()
    assert (du == expected["du"]).all()
    assert (dh0 == expected["dh0"]).all()
    assert {h.dtype, da.dtype, du.dtype, dh0.dtype} == {np.dtype(dtype)}


@each_backend
@each_dtype
@pytest.mark.parametrize("activation", LITERAL)
def test_literal_vector_walked_from_the_end(ops, dtype, activation):
    a, u, h0, dh = literal(dtype)
    expected = {name: np.array(rows, dtype) for name, rows in LITERAL[activation].items()}
    a, dh = np.ascontiguousarray(a[::-1]), np.ascontiguousarray(dh[::-1])
    h = ops.recurrence.forward(a, u, h0, activation, reverse=True)
    da, du, dh0 = ops.recurrence.backward(dh, h, u, None, activation, reverse=True)
    assert (h[0] == h0).all()
    assert (h[:0:-1, 0] == expected["h"]).all()
    assert (da[::-1, 0] == expected["da"]).all()
    assert (du == expected["du"]).all()
    assert (dh0 == expected["dh0"]).all()


@each_backend
def test_literal_vector_of_tanh(ops):
    a, u, h0, dh = literal("float64")
    h = ops.recurrence.forward(a, u, h0, "tanh")
    _, du, dh0 = ops.recurrence.backward(dh, h, u, None, "tanh")
    assert_close(h[4, 0], np.array(TANH["h4"]))
    assert_close(du, np.array(TANH["du"]))
    assert_close(dh0, np.array(TANH["dh0"]))


@each_backend
def test_sigmoid_by_hand(ops):
    a, u, h0 = np.log([[[3.0]], [[1.0]]]), np.array([np.log(3) / 0.75]), np.zeros((1, 1))
    h = ops.recurrence.forward(a, u, h0, "sigmoid")
    assert_close(h[:, 0, 0], np.array([0, 0.75, 0.75]))  # σ(log 3) = 3/4, and u·3/4 = log 3 again
    da, du, dh0 = ops.recurrence.backward(np.array([[[0.0]], [[16.0]]]), h, u, None, "sigmoid")
    assert_close(da[:, 0, 0], np.array([3 * 3 / 16 * u[0], 3.0]))  # φ' = 3/4 · 1/4
    assert_close(du, np.array([2.25]))
    assert_close(dh0, da[0] * u)


@each_backend
def test_the_derivative_of_relu_at_its_kink_is_zero(ops):
    h = ops.recurrence.forward(np.zeros((2, 1, 3)), np.zeros(3), np.ones((1, 3)))
    da, du, dh0 = ops.recurrence.backward(np.ones((2, 1, 3)), h, np.ones(3), np.ones((1, 3)))
    assert not h[1:].any() and not da.any() and not du.any() and not dh0.any()


@each_twin
@each_activation
@given(data=st.data())
def test_twin_equals_reference(ops, activation, data):
    p = data.draw(recurrences(activations=st.just(activation)))
    T, B, H = p.a.shape
    out = nan_filled((T + 1, B, H), p.a.dtype)
    expected = p.forward(REFERENCE)
    h = p.forward(ops, out=out)
    assert h is out
    assert_close(h, expected, "h")
    if activation == "relu":
        assert_same_gates(h, expected)
    ends = {name: p.options[name] for name in ("lengths", "reverse")}
    assert_close(ops.recurrence.last(expected, **ends), REFERENCE.recurrence.last(expected, **ends), "last")
    # Both go back from the same states: a gate that rounding turns over is judged above, not here.
    out = nan_filled((T, B, H), p.a.dtype)
    found = p.backward(ops, expected, out=out)
    wanted = p.backward(REFERENCE, expected)
    assert found[0] is out
    for name, one, other, size in zip(
        ("da", "du", "dh0"), found, wanted, p.sizes(wanted[0], expected), strict=True
    ):
        assert_sums_close(one, other, size, name)


@each_backend
@given(p=recurrences())
def test_padding_is_zero_and_never_read(ops, p):
    h = p.forward(ops)
    padded = p.forward(ops, a=np.where(p.valid, p.a, np.asarray(np.nan, p.a.dtype)))
    assert np.array_equal(h, padded)
    assert not h[1:][~p.valid[:, :, 0]].any()
    found = p.backward(ops, h)
    again = p.backward(ops, h, dh=np.where(p.valid, p.dh, np.asarray(1e30, p.dh.dtype)))
    for one, other in zip(found, again, strict=True):
        assert np.array_equal(one, other)
    assert not found[0][~p.valid[:, :, 0]].any()


@each_activation
@given(data=st.data())
def test_reference_against_differences(activation, data):
    p = data.draw(recurrences(dtypes=st.just("float64"), activations=st.just(activation), smooth=True))
    ends = {name: p.options[name] for name in ("lengths", "reverse")}

    def loss(a, u, h0):
        h = p.forward(REFERENCE, a=a, u=u, h0=h0)
        return np.sum(h[1:] * p.dh) + np.sum(REFERENCE.recurrence.last(h, **ends) * p.dhT)

    h = p.forward(REFERENCE)
    dh = p.dh * p.valid
    da, du, dh0 = p.backward(REFERENCE, h, dh=dh)
    assert_gradients(loss, {"a": p.a, "u": p.u, "h0": p.h0}, {"a": da, "u": du, "h0": dh0}, p.rng)


@each_backend
@given(p=recurrences(dtypes=st.just("float64"), activations=st.just("identity"), lengths=False))
def test_identity_is_a_one_pole_filter(ops, p):
    p.options["reverse"] = False
    h = p.forward(ops)
    for j in range(len(p.u)):
        y, last = lfilter([1.0], [1.0, -p.u[j]], p.a[:, :, j], axis=0, zi=(p.u[j] * p.h0[:, j])[None])
        assert_close(h[1:, :, j], y)
        assert_close(p.u[j] * h[-1, :, j], last[0], scale=10)  # one more product


def dense_rnn(p, dφ):
    """A full recurrent matrix U = diag(u), forward and back by matrix products; the gradient is that of all of U."""
    a, U, h = p.a, np.diag(p.u), [p.h0]
    φ = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}[p.options["activation"]]
    for a_t in a:
        h.append(φ(a_t + h[-1] @ U.T))
    delta, da, dU = p.dhT, np.empty_like(a), np.zeros_like(U)
    for t in reversed(range(len(a))):
        da[t] = dφ(h[t + 1]) * (p.dh[t] + delta)
        dU += da[t].T @ h[t]
        delta = da[t] @ U
    return np.array(h), da, dU, delta


@each_backend
@pytest.mark.parametrize(
    "activation, dφ", [("relu", lambda h: h > 0), ("tanh", lambda h: 1 - h**2)], ids=["relu", "tanh"]
)
@given(data=st.data())
def test_a_dense_rnn_with_a_diagonal_matrix_is_the_same(ops, activation, dφ, data):
    p = data.draw(recurrences(dtypes=st.just("float64"), activations=st.just(activation), lengths=False))
    p.options["reverse"] = False
    states, da_dense, dU, dh0_dense = dense_rnn(p, dφ)
    h = p.forward(ops)
    assert_close(h, states)
    da, du, dh0 = p.backward(ops, states)
    assert_close(da, da_dense)
    magnitude = np.einsum("tbi,tbi->i", np.abs(da), np.abs(states[:-1]))
    assert_sums_close(du, np.diag(dU).copy(), magnitude)
    assert_sums_close(dh0, dh0_dense, [np.abs(da).max(), np.abs(dh0).max()])


@each_backend
@each_activation
def test_an_empty_sequence_passes_the_state(ops, activation):
    h0, dhT = np.ones((2, 3)), np.full((2, 3), 5.0)
    p = Recurrence(None, {"a": np.empty((0, 2, 3)), "u": np.ones(3), "h0": h0, "dh": None, "dhT": dhT},
                   {"activation": activation, "lengths": None, "reverse": False})  # fmt: skip
    h = p.forward(ops)
    assert h.shape == (1, 2, 3) and np.array_equal(ops.recurrence.last(h), h0)
    da, du, dh0 = p.backward(ops, h)
    assert da.shape == (0, 2, 3) and not du.any() and np.array_equal(dh0, dhT)


@each_backend
def test_last_by_hand(ops):
    h = np.arange(4 * 3 * 1, dtype=np.float64).reshape(4, 3, 1)
    assert ops.recurrence.last(h)[:, 0].tolist() == [9, 10, 11]
    lengths = np.array([0, 2, 3])
    assert ops.recurrence.last(h, lengths)[:, 0].tolist() == [0, 7, 11]
    assert ops.recurrence.last(h, lengths, reverse=True)[:, 0].tolist() == [0, 4, 5]
    fresh = ops.recurrence.last(h)
    fresh[...] = -1
    assert h.min() == 0
