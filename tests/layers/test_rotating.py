"""RotatingIndRNN: gradients, a complex oracle, streams and windows, its initial values, and its errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import activations, batches, each_backend, ragged
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.backend import Backend
from indrnn_np.device import Device
from indrnn_np.layers.context import Context
from indrnn_np.layers.eigenvalues import eigenvalues
from indrnn_np.networks import recompute


def network(layers, steps, seed=0, backend="cpu"):
    """Return a network in float64 whose parameters are all away from 0."""
    net = ir.Sequential(layers, steps=steps, backend=backend, dtype="float64", seed=seed)
    net.flat[...] += 0.3 * np.random.default_rng(seed).standard_normal(net.size)
    return net


def stack(D):
    return [ir.RotatingIndRNN(D, 6, "tanh"), ir.RotatingIndRNN(6, 4), ir.Linear(4, 2)]


@each_backend
@given(data=st.data(), batch=batches(), pairs=st.integers(1, 3), phi=activations, reverse=st.booleans())
def test_gradients(backend, data, batch, pairs, phi, reverse):
    (x, seed), method = batch, data.draw(st.sampled_from(["auto", "jvp"]))
    net = network([ir.RotatingIndRNN(x.shape[2], 2 * pairs, phi, reverse=reverse)], len(x), seed, backend)
    report = ir.gradcheck(net, x, lengths=data.draw(ragged(x)), seed=seed, method=method)
    assert all(row.kinks for row in report.undecided), report
    assert {row.name for row in report} == {"x", "0.W", "0.b", "0.nu", "0.theta", "state.0"}


@given(data=st.data(), batch=batches((6, 4, 3)), last=st.booleans())
def test_gradients_of_stacks(data, batch, last):
    x, seed = batch
    layers = [
        ir.RotatingIndRNN(x.shape[2], 4, "tanh"),
        ir.BatchNorm(4),
        ir.Dropout(0.3),
        ir.Bidirectional(ir.RotatingIndRNN(4, 2)),
        *([ir.LastStep()] if last else []),
        ir.Linear(4, 2),
    ]
    report = ir.gradcheck(network(layers, len(x), seed), x, lengths=data.draw(ragged(x)), seed=seed)
    assert all(row.kinks for row in report.undecided), report


@each_backend
@given(batch=batches((20, 3, 3)), pairs=st.integers(1, 5))
def test_outputs_are_those_of_a_loop_over_complex_numbers(backend, batch, pairs):
    x, seed = batch
    net = network([ir.RotatingIndRNN(x.shape[2], 2 * pairs, "tanh")], len(x), seed, backend)
    W, b, nu, theta = (net.params[f"0.{name}"] for name in ("W", "b", "nu", "theta"))
    eigenvalue = np.exp(-np.exp(nu) + 1j * theta)
    g, h, rows = np.sqrt(1 - np.abs(eigenvalue) ** 2), 0, []
    for x_t in x:
        a = x_t @ W.T + b
        h = eigenvalue * h + g * (a[:, :pairs] + 1j * a[:, pairs:])
        rows.append(np.concatenate([h.real, h.imag], axis=1))
    y, state, _ = net.forward(x)
    assert_close(y, np.tanh(rows), scale=20)
    assert_close(state[0], rows[-1], scale=20)


@given(data=st.data(), batch=batches((9, 3, 3)))
def test_windows_and_single_steps_equal_one_pass(data, batch):
    x, seed = batch
    net = network(stack(x.shape[2]), len(x), seed)
    y, last, tape = net.forward(x)
    dy = np.random.default_rng(seed).standard_normal(y.shape)
    dx, first, grads = net.backward(dy, tape, last)
    cut, state, rows = data.draw(st.integers(1, len(x))), None, []
    one, middle, tape_1 = net.forward(x[:cut])
    two, _, tape_2 = net.forward(x[cut:], middle)
    assert_close(np.concatenate([one, two]), y, scale=10)
    dx_2, dmiddle, grads_2 = net.backward(dy[cut:], tape_2, last)
    total = grads_2.flat.copy()
    dx_1, dfirst, grads_1 = net.backward(dy[:cut], tape_1, dmiddle)
    assert_close(np.concatenate([dx_1, dx_2]), dx, scale=100)
    assert_close(total + grads_1.flat, grads.flat, scale=100)
    for actual, expected in zip(dfirst[:2], first[:2], strict=True):
        assert_close(actual, expected, scale=100)
    for x_t in x:
        y_t, state = net.step(x_t, state)
        rows.append(y_t)
    assert_close(np.stack(rows), y, scale=10)


@given(data=st.data(), batch=batches((9, 4, 3)), window=st.integers(1, 10))
def test_recomputation_and_padding_change_nothing(data, batch, window):
    x, seed = batch
    lengths, results = data.draw(ragged(x)), []
    padded = x.copy()
    if lengths is not None:
        padded[np.arange(len(x))[:, None] >= lengths] = np.nan
    net = network(stack(x.shape[2]), len(x), seed)
    for values in (x, padded):
        y, _, tape = net.forward(values, lengths=lengths)
        dx, _, grads = net.backward(np.ones_like(y), tape)
        results.append((y.copy(), dx.copy(), grads.flat.copy()))
    y, _, tape = recompute.forward(net, x, (None,) * 3, lengths, True, ir.Workspace(), window)
    dx, _, grads = net.backward(np.ones_like(y), tape)
    for one, same, again in zip(*results, (y, dx, grads.flat), strict=True):
        assert np.array_equal(same, one)
        assert_close(again, one, scale=100)


def test_inputs_halve_within_one_to_ten_sequences_at_first():
    T = 200
    net = ir.Sequential([ir.RotatingIndRNN(3, 4000)], steps=T, dtype="float64", seed=2)
    nu, theta = net.params["0.nu"], net.params["0.theta"]
    half = np.log(0.5) / -np.exp(nu)  # steps after which r^t is 1/2
    assert T <= half.min() < 1.01 * T and 9.5 * T < half.max() <= 10 * T
    low, high = 0.5 ** (2 / T), 0.5 ** (0.2 / T)
    share = (np.exp(-2 * np.exp(nu)) - low) / (high - low)
    for part in (share, theta / np.pi):  # uniform in [0, 1): deciles within four standard deviations
        assert part.min() >= 0 and part.max() < 1
        assert np.abs(np.histogram(part, 10, (0, 1))[0] - 200).max() < 4 * np.sqrt(200)
    net = ir.Sequential([ir.RotatingIndRNN(3, 40, input_init=0.1, r_min=0.9, r_max=0.99)])
    assert np.exp(-np.exp(net.params["0.nu"])).min() >= 0.9 and not net.bounds


def test_the_scale_of_long_memories_keeps_its_digits():
    """In float32, 1 - r² of r = 1 - 1e-6 would have one correct digit."""
    nu = np.log(np.full(3, 1e-6))
    exact, rounded = (eigenvalues(nu.astype(dtype), nu.astype(dtype))[1] for dtype in ("f8", "f4"))
    assert rounded.dtype == "f4" and np.abs(rounded / exact - 1).max() < 1e-5


def test_a_layer_comes_back_from_its_description_and_tells_its_sizes():
    layer = ir.RotatingIndRNN(2, 8, "identity", r_min=0.5, r_max=0.9, reverse=True)
    assert ir.Sequential.from_spec(ir.Sequential([layer]).spec()).layers == (layer,)
    assert recompute.sizes([layer], 1, 2)[:2] == (8, 16 + 2 * 8)
    relu = ir.Sequential([ir.RotatingIndRNN(2, 8)], steps=4, backend="reference")
    y, _, tape = relu.forward(np.ones((4, 1, 2), np.float32))
    assert np.array_equal(relu.gates(tape)[0], y > 0)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ir.RotatingIndRNN(2, 3), "RotatingIndRNN: hidden_size is 3, expected an even number because the units"),
    (lambda: ir.RotatingIndRNN(2, 4, "gelu"), "RotatingIndRNN: activation is 'gelu', expected one of 'relu', 'tanh'"),
    (lambda: ir.RotatingIndRNN(2, 4, input_init="he"), "RotatingIndRNN: input_init is 'he', expected one of 'glorot'"),
    (lambda: ir.RotatingIndRNN(2, 4, r_min=0.0), "RotatingIndRNN: r_min is 0.0, expected a number above 0"),
    (lambda: ir.RotatingIndRNN(2, 4, r_max=1.0), "RotatingIndRNN: r_max is 1.0, expected a number from 0.0 to below 1"),
    (lambda: ir.RotatingIndRNN(2, 4, r_min=0.9, r_max=0.8), "r_min is 0.9 with r_max = 0.8, expected at most 0.8"),
    (lambda: ir.Sequential([ir.RotatingIndRNN(2, 4)]),
     r"RotatingIndRNN: r_min is None without steps, expected r_min and r_max, or the sequence length T \(Sequential"),
    (lambda: ir.Sequential([ir.RotatingIndRNN(2, 4, r_min=0.9)]), "RotatingIndRNN: r_max is None without steps"),
])  # fmt: skip
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_backend_without_the_op_refuses_the_layer():
    """The first thing that fails is the op: there are no parameters, as a GPU has none that NumPy can read."""
    table = Backend("cuda", Device())
    table.otherwise = "cuda"
    layer, ctx = ir.RotatingIndRNN(2, 4), Context(table, {}, {}, np.dtype("f4"))
    assert not any(table.serves(op) for op in layer.needs)
    with pytest.raises(
        ValueError, match="op rotation has no twin for backend 'cuda', expected 'cpu' or 'reference'"
    ):
        layer.forward(np.zeros((3, 1, 2), np.float32), None, ctx)
