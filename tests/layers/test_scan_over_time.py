"""Layers with a scan over time: the numbers of the serial recurrence, in chunks that depend on the sequence only."""

from types import SimpleNamespace

import numpy as np
import pytest
from layer_strategies import each_backend
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.backend import Backend, backends
from indrnn_np.layers import time_table
from indrnn_np.networks import recompute
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from indrnn_np.ops.recurrence.scan import chunk_length

T, B, D, H = 100, 3, 2, 4  # four chunks of 32 steps
LENGTHS = np.array([100, 0, 45])
RNG = np.random.default_rng(0)
X = RNG.standard_normal((T, B, D))


def net_of(layers, name="reference", **options):
    net = ir.Sequential(layers, dtype="float64", **{"backend": name, "steps": T} | options)
    noise = 0.1 * np.random.default_rng(1).standard_normal(net.size)
    net.device.assign(net.flat, net.device.to_host(net.flat) + noise)
    return net


def stack(time, activation="relu", reverse=False):
    cell = {"input_init": 0.5, "time": time}
    return [
        ir.IndRNN(D, H, activation, learn_h0=True, reverse=reverse, **cell), ir.Recurrence(H, activation, time=time),
        ir.Bidirectional(ir.IndRNN(H, H, activation, **cell)), ir.Linear(2 * H, 2),
    ]  # fmt: skip


@pytest.fixture
def chunks(monkeypatch):
    """The chunk lengths of all scans, and "forward" or "backward"."""
    calls, parallel = [], Backend.parallel

    def spied(self, op):
        module = parallel(self, op)

        def forward(*args, chunk):
            calls.append(("forward", chunk))
            return module.forward(*args, chunk=chunk)

        def backward(*args, chunk):
            calls.append(("backward", chunk))
            return module.backward(*args, chunk=chunk)

        return SimpleNamespace(forward=forward, backward=backward)

    monkeypatch.setattr(Backend, "parallel", spied)
    return calls


@each_backend
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_numbers_are_those_of_the_serial_recurrence(backend, activation, reverse, lengths, chunks):
    results = []
    for time in ("serial", "parallel"):
        net = net_of(stack(time, activation, reverse), backend)
        rng = np.random.default_rng(2)
        states = [rng.standard_normal((B, H)), None, tuple(rng.standard_normal((2, B, H))), None]
        y, after, tape = net.forward(X, states, lengths)
        dx, before, grads = net.backward(rng.standard_normal(y.shape), tape, dstate=after)
        results.append((y, dx, grads.flat, *after[:2], *after[2], *before[:2], *before[2]))
    assert chunks == [("forward", 32)] * 4 + [("backward", 32)] * 4
    for serial, scanned in zip(*results, strict=True):
        assert_close(scanned, serial, scale=10)  # sums over time in another order


@pytest.mark.parametrize(
    "layer", [ir.IndRNN(D, H, input_init=0.5, time="parallel"), ir.Recurrence(D, time="parallel")]
)
@each_backend
def test_padding_may_hold_nan(backend, layer):
    net = net_of([layer], backend)
    clean, poisoned = X.copy(), X.copy()
    for b, end in enumerate(LENGTHS):
        clean[end:, b], poisoned[end:, b] = 0, np.nan
    (ctx,), results = net.contexts(lengths=LENGTHS, training=True), []
    for x in (clean, poisoned):
        y, last, tape = layer.forward(x, None, ctx)
        dx, dh0, grads = layer.backward(np.ones_like(y), tape, last, ctx)
        results.append((y, last, dx, dh0, *grads.values()))
    for expected, found in zip(*results, strict=True):
        assert np.isfinite(found).all() and np.array_equal(found, expected)


def test_without_an_input_gradient_the_others_keep_their_bits():
    net = net_of(stack("parallel"))
    y, _, tape = net.forward(X)
    dx, _, grads = net.backward(y, tape)
    nothing, _, others = net.backward(y, tape, input_gradient=False)
    assert dx.shape == X.shape and nothing is None and np.array_equal(grads.flat, others.flat)


def test_the_probe_sees_all_time_steps_at_once():
    seen = {}
    for time in ("serial", "parallel"):
        net = net_of([ir.IndRNN(D, H, "tanh", input_init=0.5, time=time), ir.LastStep()])
        y, _, tape = net.forward(X)
        net.backward(
            np.ones_like(y), tape, probe=lambda *call, time=time: seen.setdefault(time, []).append(call)
        )
    ((layer, t0, t1, dh, da),) = seen["parallel"]
    assert (layer, t0, t1) == ("0", 0, T) and dh.shape == (T, B, H)
    serial = np.concatenate([call[4] for call in sorted(seen["serial"], key=lambda call: call[1])])
    assert_close(da, serial)


@pytest.mark.skipif("cuda" not in backends(), reason="no GPU and no simulator")
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_gpu_agrees_with_the_serial_reference(activation):
    x, lengths, results = X[:40, :2], np.array([40, 17]), []
    for name, time in (("reference", "serial"), ("cuda", "parallel")):
        net = net_of(stack(time, activation)[:2], name)
        y, after, tape = net.forward(np.ascontiguousarray(x), lengths=lengths, work=ir.Workspace())
        dx, _, grads = net.backward(net.device.asarray(np.ones(y.shape)), tape, dstate=after)
        step = net.step(x[0])[0]
        results.append([net.device.to_host(part) for part in (y, dx, grads.flat, step)])
    for serial, scanned in zip(*results, strict=True):
        assert_close(scanned, serial, scale=10)


@each_backend
def test_buffers_of_a_workspace_are_not_mixed_up(backend):
    block = ir.Residual([ir.IndRNN(2, 2, input_init=0.5, time="parallel")])
    net, work = net_of([*stack("parallel"), block], backend), ir.Workspace()
    y, _, tape = net.forward(X, lengths=LENGTHS)
    expected = net.backward(y, tape)[2].flat.copy()
    for _ in range(2):
        y, _, tape = net.forward(X, lengths=LENGTHS, work=work)
        assert np.array_equal(net.backward(y, tape)[2].flat, expected)


def test_windows_have_the_chunks_of_the_whole_sequence(chunks):
    x = np.random.default_rng(3).standard_normal((2000, 2, D))
    net = net_of(
        [ir.IndRNN(D, H, input_init=0.5, time="parallel"), ir.Recurrence(H, "tanh", time="parallel")],
        steps=2000,
    )
    y, _, tape = net.forward(x)
    expected = net.backward(y, tape)[2].flat.copy()
    y_w, _, tape = recompute.forward(net, x, (None, None), None, True, window=500)
    found = net.backward(y_w, tape)[2].flat
    assert chunk_length(500, 2 * H) < chunk_length(2000, 2 * H) == 128
    assert set(chunks) == {("forward", 128), ("backward", 128)}
    assert len(chunks) == 2 * (1 + 1) + 2 * (
        4 + 3 + 4
    )  # layers times passes; the last window runs forward once
    assert_close(y_w, y, scale=10)  # a window starts a chunk
    assert_close(found, expected, scale=10)


@each_backend
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_one_chunk_is_the_serial_recurrence_bit_for_bit(backend, activation):
    nets = [net_of([ir.Recurrence(D, activation, time=time)], backend) for time in ("serial", "parallel")]
    (serial, state), (scanned, state_p) = (net.infer(X[:32]) for net in nets)
    assert np.array_equal(scanned, serial) and np.array_equal(state_p[0], state[0])
    (serial, _), (scanned, _) = (net.step(X[0]) for net in nets)
    assert np.array_equal(scanned, serial)


@pytest.mark.parametrize(("time", "fused"), [("serial", True), ("parallel", False), ("auto", False)])
def test_batch_norm_is_fused_into_a_serial_cell_only(time, fused):
    net = net_of([ir.BatchNorm(D), ir.IndRNN(D, H, input_init=0.5, time=time), ir.Linear(H, 1)])
    assert net.fusion_plan == (fused, False, False)
    norm, plain = (
        net_of([ir.BatchNorm(D), ir.IndRNN(D, H, input_init=0.5, time=t)]) for t in (time, "serial")
    )
    assert_close(norm.forward(X)[0], plain.forward(X)[0], scale=10)


def test_auto_chooses_in_each_pass_by_the_table(chunks, monkeypatch):
    table = time_table.TimeTable("a test", {"reference": {"relu": [(B * H, 50)], "tanh": []}})
    monkeypatch.setattr(time_table, "shipped", lambda: table)
    relu = net_of([ir.IndRNN(D, H, input_init=0.5, time="auto")])
    relu.forward(X[:49])
    relu.forward(np.concatenate([X, X], axis=1))
    net_of([ir.IndRNN(D, H, "tanh", time="auto")]).forward(X)
    assert chunks == []
    y, _, tape = relu.forward(X)
    relu.backward(y, tape)
    assert chunks == [("forward", 32), ("backward", 32)]
    with pytest.raises(
        ValueError, match="time table: a test has no entry for backend 'reference' and activation 'sig"
    ):
        net_of([ir.IndRNN(D, H, "sigmoid", time="auto")]).forward(X)


@pytest.mark.parametrize("value", ["fast", None, 1, ["serial"]])
@pytest.mark.parametrize("make", [lambda v: ir.IndRNN(2, 3, time=v), lambda v: ir.Recurrence(3, time=v)])
def test_an_unknown_time_is_refused(make, value):
    with pytest.raises(
        ValueError, match=r"(IndRNN|Recurrence): time is .*, expected one of 'serial', 'parallel', 'auto'"
    ):
        make(value)
