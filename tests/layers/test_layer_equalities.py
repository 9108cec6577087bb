"""What must come out equal, whichever way it is computed: by steps, in windows, without a tape, by samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import ACTIVATIONS, activations, batches, each_backend, ragged, seeds
from tolerances import assert_close

import indrnn_np as ir


def make(layers, x, seed, backend="cpu", dtype="float64"):
    net = ir.Sequential(layers, steps=max(len(x), 1), backend=backend, dtype=dtype, seed=seed)
    rng = np.random.default_rng(seed)
    for name, value in net.params.items():
        if not name.endswith("u"):
            value[...] = rng.standard_normal(value.shape)
    return net


def causal(D, activation="relu", learned=False):
    return [
        ir.IndRNN(D, 4, activation, recurrent_init="symmetric", learn_h0=learned),
        ir.IndRNN(4, 3, activation),
        ir.Linear(3, 2),
    ]


def flat(state):
    """The arrays of a state, in order."""
    if isinstance(state, np.ndarray):
        return [state]
    return [leaf for part in state for leaf in flat(part)] if isinstance(state, list | tuple) else []


def close_states(actual, expected):
    assert len(flat(actual)) == len(flat(expected)) > 0
    for a, e in zip(flat(actual), flat(expected), strict=True):
        assert_close(a, e)


@each_backend
@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(batch=batches(), learned=st.booleans())
def test_step_by_step_equals_forward(activation, backend, batch, learned):
    x, seed = batch
    net = make(causal(x.shape[2], activation, learned), x, seed, backend)
    y, last, _ = net.forward(x)
    state, rows = None, []
    for x_t in x:
        y_t, state = net.step(x_t, state)
        rows.append(y_t)
    assert_close(np.stack(rows), y)
    close_states(state, last)


@each_backend
@given(batch=batches())
def test_step_runs_batch_norm_and_dropout_as_in_inference(backend, batch):
    x, seed = batch
    D = x.shape[2]
    layers = [
        ir.IndRNN(D, 4),
        ir.BatchNorm(4),
        ir.Dropout(0.5),
        ir.BatchNorm(4, per_step=True),
        ir.LastStep(),
        ir.Linear(4, 2),
    ]
    net = make(layers, x, seed, backend)
    net.forward(x + 1)  # moves the running statistics
    y, _ = net.infer(x)
    assert_close(net(x), y)
    stream = None
    for x_t in x:
        y_t, stream = net.step(x_t, stream)
    assert_close(y_t, y)


@each_backend
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@given(data=st.data(), batch=batches(), last=st.booleans())
def test_inference_equals_training_without_batch_norm_and_dropout(activation, backend, data, batch, last):
    x, seed = batch
    layers = [
        ir.Bidirectional(ir.IndRNN(x.shape[2], 3, activation)),
        ir.IndRNN(6, 3, activation, reverse=True),
        *([ir.LastStep()] if last else []),
        ir.Linear(3, 2),
    ]
    net = make(layers, x, seed, backend)
    lengths = data.draw(ragged(x))
    y, state, _ = net.forward(x, lengths=lengths)
    assert_close(net(x, lengths=lengths), y)
    inferred, after = net.infer(x, lengths=lengths)
    assert_close(inferred, y)
    close_states(after, state)


@each_backend
@given(data=st.data(), batch=batches((9, 3, 3)), activation=activations)
def test_windows_that_carry_the_state_equal_one_run(backend, data, batch, activation):
    x, seed = batch
    net = make(causal(x.shape[2], activation, learned=True), x, seed, backend)
    y, last, _ = net.forward(x)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(x)))) | {len(x)})
    for run in (lambda part, state: net.forward(part, state)[:2], net.infer):
        state, rows, start = None, [], 0
        for stop in cuts:
            y_part, state = run(x[start:stop], state)
            rows.append(y_part.copy())
            start = stop
        assert_close(np.concatenate(rows), y)
        close_states(state, last)


@each_backend
@given(data=st.data(), batch=batches((9, 3, 3)), activation=activations)
def test_windows_that_carry_the_gradient_back_equal_one_backward(backend, data, batch, activation):
    x, seed = batch
    net = make(causal(x.shape[2], activation, learned=True), x, seed, backend)
    rng = np.random.default_rng(seed)
    y, last, tape = net.forward(x)
    dy = rng.standard_normal(y.shape)
    dlast = [None if leaf is None else rng.standard_normal(leaf.shape) for leaf in last]
    dx, _, grads = net.backward(dy, tape, dstate=dlast)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(x)))) | {len(x)})
    bounds = list(zip([0, *cuts], cuts, strict=False))
    state, tapes = None, []
    for start, stop in bounds:
        _, state, part = net.forward(x[start:stop], state)
        tapes.append(part)
    total, dstate, rows = np.zeros_like(grads.flat), dlast, []
    for (start, stop), part in reversed(list(zip(bounds, tapes, strict=True))):
        dx_part, dstate, found = net.backward(dy[start:stop], part, dstate=dstate)
        total += found.flat
        rows.append(dx_part)
    assert_close(np.concatenate(rows[::-1]), dx)
    assert_close(total, grads.flat, scale=10)  # other products, summed in another order


@each_backend
@given(batch=batches((9, 3, 3)), reverse=st.booleans())
def test_a_cut_gradient_is_that_of_a_sequence_that_starts_at_the_state(backend, batch, reverse):
    """Truncated BPTT: without `dstate` a window's gradient does not reach the windows around it."""
    x, seed = batch
    net = make([ir.IndRNN(x.shape[2], 4, "tanh", reverse=reverse), ir.Linear(4, 2)], x, seed, backend)
    h0 = np.random.default_rng(seed).standard_normal((x.shape[1], 4))
    report = ir.gradcheck(net, x, np.zeros((*x.shape[:2], 2)), "mse", state=[h0, None])
    assert report.passed, report


@each_backend
@given(data=st.data(), batch=batches(), last=st.booleans(), activation=activations)
def test_with_lengths_each_sample_is_as_if_it_were_alone(backend, data, batch, last, activation):
    x, seed = batch
    layers = [
        ir.Bidirectional(ir.IndRNN(x.shape[2], 3, activation)),
        ir.IndRNN(6, 3, activation, reverse=True),
        *([ir.LastStep()] if last else []),
        ir.Linear(3, 2),
    ]
    net = make(layers, x, seed, backend)
    T, B, _ = x.shape
    lengths = np.array(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    valid = np.arange(T)[:, None, None] < lengths[:, None]
    y, _, tape = net.forward(np.where(valid, x, 50.0), lengths=lengths)
    dy = np.random.default_rng(seed).standard_normal(y.shape)
    dx, _, grads = net.backward(dy if last else dy * valid, tape)
    dx, total, alone = dx.copy(), grads.flat.copy(), np.zeros_like(grads.flat)
    for b, n in enumerate(lengths):
        y_b, _, tape_b = net.forward(np.ascontiguousarray(x[:n, b : b + 1]))
        assert_close(y_b[0] if last else y_b[:, 0], y[b] if last else y[:n, b])
        dy_b = dy[b : b + 1] if last else np.ascontiguousarray(dy[:n, b : b + 1])
        dx_b, _, found = net.backward(dy_b, tape_b)
        assert_close(dx_b[:, 0], dx[:n, b])
        assert not dx[n:, b].any()
        alone += found.flat
    assert_close(total, alone, scale=10)  # summed in another order


@each_backend
@given(seed=seeds, per_step=st.booleans(), T=st.integers(1, 6), B=st.integers(2, 5))
def test_batch_norm_with_lengths_sees_no_padding(backend, seed, per_step, T, B):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((T, B, 3))
    lengths = rng.integers(0, T + 1, B)
    lengths[0] = T
    valid = np.arange(T)[:, None] < lengths
    net = make([ir.BatchNorm(3, per_step=per_step)], x, seed, backend)
    y, _, tape = net.forward(x, lengths=lengths)
    y = y.copy()
    noisy = np.where(valid[:, :, None], x, 1e6)
    again, _, _ = net.forward(noisy, lengths=lengths)
    assert np.array_equal(again, y)
    z = (y - net.params["0.shift"]) / net.params["0.scale"]
    rows = [valid] if not per_step else [valid & (np.arange(T) == t)[:, None] for t in range(T)]
    for row in rows:
        assert np.abs(z[row].mean(axis=0)).max() < 1e-9
    dx, _, _ = net.backward(rng.standard_normal(y.shape), tape)
    assert not dx[~valid].any()


@each_backend
@given(batch=batches(), rate=st.sampled_from([0.3, 0.6]))
def test_dropout_shares_its_mask_over_time_and_leaves_inference_alone(backend, batch, rate):
    x, seed = batch
    net = make([ir.Dropout(rate)], x, seed, backend)
    y, _, _ = net.forward(x)
    factor = y / x
    assert_close(factor, np.broadcast_to(factor[0], x.shape).copy())
    assert np.all((factor[0] == 0) | (np.abs(factor[0] * (1 - rate) - 1) < 1e-12))
    assert np.array_equal(net(x), x)
    again, _, _ = net.forward(x)
    assert np.array_equal(again, y)


def test_dropout_draws_anew_in_each_iteration(backend):
    x = np.ones((2, 8, 64))
    net = make([ir.Dropout(0.5)], x, 1, backend)
    first = net.forward(x)[0].copy()
    net.iteration += 1
    second = net.forward(x)[0]
    assert 0.3 < np.mean(first != second) < 0.7


@given(seed=seeds, last=st.booleans())
def test_backends_agree_on_whole_networks(seed, last):
    x = np.random.default_rng(seed).standard_normal((6, 4, 3))
    layers = [
        ir.IndRNN(3, 5, "tanh"),
        ir.BatchNorm(5),
        ir.Dropout(0.3),
        ir.Bidirectional(ir.IndRNN(5, 2, "tanh")),
        *([ir.LastStep()] if last else []),
        ir.Linear(4, 2),
    ]
    lengths = np.array([6, 1, 0, 4])
    results = []
    for backend in ("reference", "cpu"):
        net = make(layers, x, seed, backend)
        y, _, tape = net.forward(x, lengths=lengths)
        dy = np.random.default_rng(seed + 1).standard_normal(y.shape)  # of ones batch norm would leave little
        dx, _, grads = net.backward(dy, tape)
        results.append((y, dx, grads.flat, net.buffers["1.mean"], net.buffers["1.var"]))
    for expected, actual in zip(*results, strict=True):
        assert_close(actual, expected, scale=10)  # batch norm divides by standard deviations of a few values
