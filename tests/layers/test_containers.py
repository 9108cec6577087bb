"""Recurrence, Residual and Concat: their equations, gradients, buffers, windows, names, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import ACTIVATIONS, batches, each_backend, ragged
from strategies import JIT
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np import backend as backends
from indrnn_np import networks
from indrnn_np.layers.chain import named_layers
from indrnn_np.networks import inference, recompute

KINDS = {"residual": ir.Residual, "concat": ir.Concat}
each_kind = pytest.mark.parametrize("kind", list(KINDS))


class NanFilled(ir.Workspace):
    """A workspace whose new buffers are full of NaN."""

    def array(self, name, shape, dtype, empty=np.empty):
        def filled(shape, dtype):
            return np.full(shape, np.nan, dtype)

        return super().array(name, shape, dtype, filled)


def inside(D, activation="relu", per_step=False, reverse=False):
    """A chain from D to D neurons with a layer of every kind, one of them unwritten, one that does nothing."""
    return [
        ir.Recurrence(D, activation, recurrent_init="symmetric"), ir.BatchNorm(D, per_step), ir.Dropout(0.3),
        ir.IndRNN(D, 3, activation, input_init=0.6, reverse=reverse), ir.BatchNorm(3, per_step), ir.Dropout(0.0),
        ir.Linear(3, D),
    ]  # fmt: skip


def network(kind, D=4, steps=6, backend="cpu", dtype="float64", seed=0, output="last", **options):
    """An affine layer, two containers, one in the other's place, and a read-out."""
    first = KINDS[kind](inside(D, **options))
    width = first.outputs or D
    nested = ir.Residual([KINDS[kind]([ir.IndRNN(width, width, "tanh", input_init=0.5)]), ir.Linear(
        2 * width if kind == "concat" else width, width)])  # fmt: skip
    ends = [ir.LastStep()] if output == "last" else []
    layers = [ir.Linear(2, D), first, nested, ir.IndRNN(width, 3, input_init=0.4), *ends, ir.Linear(3, 2)]
    return shaken(ir.Sequential(layers, steps, backend, dtype, seed))


def shaken(net):
    """No parameter where it began, the third iteration."""
    noise = np.random.default_rng(net.seed).standard_normal(net.size)
    net.device.assign(net.flat, net.device.to_host(net.flat) + 0.1 * noise.astype(net.dtype))
    net.iteration = 3
    return net


def batch(T=6, B=3, D=2, seed=0):
    return np.random.default_rng(seed).standard_normal((T, B, D))


def passed(net, x, **options):
    """Output, input gradient and parameters' gradients of a pass."""
    y, _, tape = net.forward(x, **options)
    dx, _, grads = net.backward(np.ones_like(y), tape)
    return [np.array(part) for part in (y, dx, grads.flat)]


# -- gradients -----------------------------------------------------------------------------------------------


@each_backend
@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(data=st.data(), drawn=batches(), reverse=st.booleans())
def test_gradients_of_a_recurrence(activation, backend, data, drawn, reverse):
    x, seed = drawn
    init = data.draw(st.sampled_from(["uniform", "symmetric", "long", "ones", 0.0, -1.0]))
    layer = ir.Recurrence(x.shape[2], activation, init, reverse=reverse)
    net = ir.Sequential([layer], len(x), backend, "float64", seed)
    report = ir.gradcheck(net, x, lengths=data.draw(ragged(x)), seed=seed)
    assert {row.name for row in report} == {"x", "0.u", "state.0"}
    assert all(row.kinks for row in report.undecided), report


def test_an_unused_state_passes_where_the_other_gradients_nearly_cancel():
    x = np.array([[[0.55240829], [-0.31422997], [-0.97770014]]])
    net = ir.Sequential([ir.Recurrence(1, "relu", 0.0)], 1, "reference", "float64", 1266)
    assert ir.gradcheck(net, x, seed=1266).passed


@each_backend
@each_kind
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@given(
    data=st.data(),
    drawn=batches((6, 4, 2)),
    per_step=st.booleans(),
    reverse=st.booleans(),
    last=st.booleans(),
)
def test_gradients_of_containers(activation, kind, backend, data, drawn, per_step, reverse, last):
    """Of input, parameters and every state, with batch statistics, dropout, lengths: against finite differences."""
    x, seed = drawn
    x = np.resize(x, (*x.shape[:2], 2)) + np.arange(2)
    options = {
        "activation": activation,
        "per_step": per_step,
        "reverse": reverse,
        "D": data.draw(st.integers(1, 4)),
    }
    lengths = data.draw(ragged(x)) if last else None  # without it, what stands in padding is read out
    net = network(
        kind, steps=len(x), backend=backend, seed=seed, output="last" if last else "every", **options
    )
    # batch norm over a handful of rows is far from straight, which central differences feel
    report = ir.gradcheck(net, x, lengths=lengths, seed=seed, rtol=1e-5)
    assert {"1.0.u", "1.3.W", "1.4.scale", "2.0.0.u", "state.1.0", "state.1.3", "state.2.0.0"} < {
        r.name for r in report
    }
    assert all(row.kinks for row in report.undecided), report


# -- values --------------------------------------------------------------------------------------------------


@given(data=st.data(), drawn=batches(), reverse=st.booleans())
def test_a_recurrence_is_an_indrnn_with_the_identity_before_it(data, drawn, reverse):
    x, seed = drawn
    D, lengths = x.shape[2], data.draw(ragged(x))
    bare = ir.Sequential([ir.Recurrence(D, "tanh", reverse=reverse)], len(x), dtype="float64", seed=seed)
    cell = ir.Sequential([ir.IndRNN(D, D, "tanh", reverse=reverse)], len(x), dtype="float64")
    for name, value in {"W": np.eye(D), "b": 0, "u": bare.params["0.u"]}.items():
        cell.params[f"0.{name}"][...] = value
    state = [np.random.default_rng(seed).standard_normal((x.shape[1], D))]
    results = []
    for net in (bare, cell):
        y, after, tape = net.forward(x, state, lengths)
        dx, before, grads = net.backward(y, tape, state)
        results.append([y, after[0], dx, before[0], grads["0.u"]])
    for one, other in zip(*results, strict=True):
        assert_close(one, other)


@each_kind
@pytest.mark.parametrize("ragged_ends", [False, True], ids=["full", "lengths"])
def test_a_container_is_its_chain_and_the_input(kind, ragged_ends, backend):
    """The same layers in a network of their own, and the sum or the join by hand; also for the gradients."""
    x, lengths = batch(D=4), np.array([6, 0, 2]) if ragged_ends else None
    whole = shaken(ir.Sequential([KINDS[kind](inside(4)[:2])], 6, backend, "float64"))
    chain = ir.Sequential(inside(4)[:2], 6, backend, "float64")
    chain.flat[...] = whole.flat
    f, f_after, f_tape = chain.forward(x, lengths=lengths)
    y, (after,), tape = whole.forward(x, lengths=lengths)
    f = f.copy()
    padded = x if lengths is None else np.where(np.arange(6)[:, None, None] < lengths[:, None], x, 0)
    assert_close(y, padded + f if kind == "residual" else np.concatenate([padded, f], axis=2))
    assert np.array_equal(after[0], f_after[0])
    dy = np.random.default_rng(1).standard_normal(y.shape)
    into, beside = (dy, dy) if kind == "residual" else (dy[..., 4:].copy(), dy[..., :4])
    f_dx, _, f_grads = chain.backward(into, f_tape)
    dx, _, grads = whole.backward(dy, tape)
    assert_close(dx, beside + f_dx)
    assert_close(grads.flat, f_grads.flat)
    assert list(grads) == [f"0.{name}" for name in f_grads]


@each_kind
def test_the_reference_and_the_cpu_agree(kind):
    x, results = batch(9, 5), []
    for name in ("reference", "cpu"):
        net = network(kind, steps=9, backend=name)
        results.append([*passed(net, x, lengths=np.array([9, 1, 0, 4, 9])), net.buffers.flat, net(x)])
    for one, other in zip(*results, strict=True):
        assert_close(one, other, scale=10)


@each_kind
@pytest.mark.skipif("cuda" not in backends.backends(), reason="no GPU and no simulator")
def test_the_gpu_agrees_with_the_reference(kind):
    x, results = batch(), []
    for name in ("reference", "cuda"):
        net = network(kind, backend=name)
        y, state, tape = net.forward(x, lengths=np.array([6, 0, 2]), work=ir.Workspace())
        dx, _, grads = net.backward(net.device.asarray(np.ones(y.shape)), tape, dstate=state)
        results.append([net.device.to_host(part) for part in (y, dx, grads.flat, net.buffers.flat)])
    for one, other in zip(*results, strict=True):
        assert_close(one, other, scale=10)


# -- buffers -------------------------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("ragged_ends", [False, True], ids=["full", "lengths"])
@pytest.mark.parametrize("output", ["last", "every"])
def test_a_workspace_full_of_nan_changes_no_bit(kind, output, ragged_ends, backend):
    """The gradient that goes by a chain stands in no buffer that the chain writes to."""
    lengths = np.array([6, 0, 2]) if ragged_ends else None
    net, work = network(kind, backend=backend, output=output), NanFilled()
    expected = passed(net, batch(), lengths=lengths)
    for _ in range(2):
        for one, other in zip(passed(net, batch(), lengths=lengths, work=work), expected, strict=True):
            assert np.array_equal(one, other)


@each_kind
def test_layers_that_do_nothing_hand_on_what_they_got(kind):
    """The sum is then 2 x; the caller's dy is not written over, and no buffer is read that nobody wrote."""
    net = ir.Sequential([KINDS[kind]([ir.Dropout(0.0), ir.Dropout(0.0)] + [ir.BatchNorm(2)] * (kind == "concat"))],
                        dtype="float64")  # fmt: skip
    x, dy = batch(), batch(D=4 if kind == "concat" else 2, seed=1)
    held = dy.copy()
    for work in (None, NanFilled()):
        y, _, tape = net.forward(x, work=work)
        dx = net.backward(dy, tape)[0]
        assert np.array_equal(dy, held) and np.isfinite(dx).all()
        if kind == "residual":
            assert np.array_equal(y, 2 * x) and np.array_equal(dx, 2 * dy)


@pytest.mark.parametrize("make", [
    lambda T, H: ir.residual(3, H, 1, 3, T, dropout=0.1),
    lambda T, H: ir.residual(3, H, 1, 2, T, norm_place="before", output="every"),
    lambda T, H: networks.dense(3, 1, T, growth=H // 4, blocks=(2, 1)),
], ids=["after", "before", "dense"])  # fmt: skip
def test_nothing_large_is_allocated_after_the_second_iteration(make):
    """The peak of the third iteration stays below one array of T·B·H elements."""
    T, B, H = (400, 8, 64) if JIT else (64, 8, 48)
    net, work = make(T, H), ir.Workspace()
    x = batch(T, B, 3).astype(np.float32)

    def iterate():
        y, _, tape = net.forward(x, work=work)
        net.backward(np.ones_like(y), tape)

    iterate()
    iterate()
    peak = net.device.peak(iterate)
    assert work.nbytes > 10 * T * B * H * 4
    assert peak < T * B * H * 4 + 4 * net.flat.nbytes, f"{peak} bytes, an array has {T * B * H * 4}"


def test_gradient_buffers_do_not_grow_with_depth():
    held = []
    for blocks in (2, 6):
        net, work = ir.residual(2, 8, 1, blocks, 50, dropout=0.1), ir.Workspace()
        passed(net, batch(50, 4).astype(np.float32), work=work)
        held.append({key[0] for key in work._buffers if key[0].startswith("backward")})
    assert held[0] == held[1]


# -- windows, steps, statistics ------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("ragged_ends", [False, True], ids=["full", "lengths"])
def test_training_in_windows_gives_what_one_pass_gives(kind, ragged_ends, backend):
    x, lengths = batch(9), np.array([9, 0, 4]) if ragged_ends else None
    results = []
    for window in (None, 4):
        net = network(kind, steps=9, backend=backend, per_step=True)
        if window is None:
            y, after, tape = net.forward(x, lengths=lengths)
        else:
            y, after, tape = recompute.forward(net, x, (None,) * len(net.layers), lengths, True, None, window)
        dx, _, grads = net.backward(np.ones_like(y), tape)
        gates = [gate.shape for gate in net.gates(tape)]
        results.append([y, dx, grads.flat, net.buffers.flat, after[1][0], after[1][3], gates])
    for one, other in zip(results[1][:-1], results[0][:-1], strict=True):
        assert_close(one, other, scale=10)
    assert results[0][-1] == results[1][-1] == [(9, 3, 4), (9, 3, 3), (9, 3, 3)]


@each_kind
@pytest.mark.parametrize("output", ["last", "every"])
def test_inference_in_windows_and_step_by_step(kind, output, backend, monkeypatch):
    net, x, state, rows = network(kind, backend=backend, output=output), batch(), None, []
    net.recompute_statistics([batch(6, 20)])
    expected, last, _ = net.forward(x, training=False)
    expected = expected.copy()
    monkeypatch.setattr(inference, "WINDOW_BYTES", 2 * 3 * 8 * 8)
    assert inference.window_length(net, 6, 3) < 6
    y, after = net.infer(x)
    assert_close(y, expected)
    assert_close(after[2][0][0], last[2][0][0])
    for x_t in x:
        y_t, state = net.step(x_t, state)
        rows.append(y_t)
    assert_close(np.stack(rows) if output == "every" else rows[-1], expected)


def test_statistics_of_a_large_batch_reach_the_layers_inside():
    net, x = network("residual", output="every"), batch(6, 40)
    net.recompute_statistics([x])
    first = ir.Sequential([ir.Linear(2, 4), ir.Recurrence(4)], 6, dtype="float64")
    first.params["0.W"][...], first.params["0.b"][...] = net.params["0.W"], net.params["0.b"]
    first.params["1.u"][...] = net.params["1.0.u"]
    h = first.forward(x)[0]
    assert_close(net.buffers["1.1.mean"], h.mean(axis=(0, 1))[None])
    assert_close(net.buffers["1.1.var"], h.var(axis=(0, 1), ddof=1)[None])


def test_the_probe_names_the_layers_inside():
    net, x, seen = network("residual"), batch(), {}
    y, _, tape = net.forward(x)
    net.backward(
        y, tape, probe=lambda layer, t0, t1, dh, da: seen.setdefault(layer, []).append((t0, t1, da.shape))
    )
    assert set(seen) == {"1.0", "1.3", "2.0.0", "3"}
    assert seen["1.0"] == [(0, 6, (6, 3, 4))]


@pytest.mark.parametrize(("parameter", "words"), [
    ("1.3.u", r"parameter 1\.3\.u\[1\].*the output of layer 1\.3 \(IndRNN\) at step t = 0, sample = 0, neuron = 1"),
    ("1.6.b", r"parameter 1\.6\.b\[1\].*the output of layer 1\.6 \(Linear\) at step t = 0, sample = 0, neuron = 1"),
])  # fmt: skip
def test_the_first_nan_is_found_inside(parameter, words):
    net, x = network("residual", dtype="float32", backend="reference"), batch().astype(np.float32)
    net.params[parameter][1] = np.nan
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError, match=words):
        ir.fit(net, (x, np.zeros((3, 2), np.float32)), ir.Adam(), iterations=1, batch=3, progress=False)


def test_a_gradient_that_overflows_inside_is_found():
    """Forward nothing is large; backward grows by 3 a step in the layer inside."""
    layer = ir.Recurrence(1, "identity", recurrent_init=3.0, constrain=False)
    net = ir.Sequential([ir.Linear(1, 1, input_init=0.0), ir.Residual([layer]), ir.LastStep(), ir.Linear(1, 1)],
                        backend="reference")  # fmt: skip
    x = np.ones((200, 2, 1), np.float32)
    words = r"pre-activations of layer 1\.0 \(Recurrence\) at step t = 1\d\d, sample = 0"
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError, match=words):
        ir.fit(net, (x, np.ones((2, 1), np.float32)), ir.Adam(), iterations=1, batch=2, progress=False)


# -- names, specs, errors ------------------------------------------------------------------------------------


@each_kind
def test_names_bounds_and_spec(kind):
    net = network(kind)
    assert {"1.0.u", "1.1.scale", "1.3.W", "1.6.b", "2.0.0.u", "2.1.W"} < set(net.params)
    assert {"1.1.mean", "1.4.var"} <= set(net.buffers)
    assert set(net.bounds) == {"1.0.u", "1.3.u", "2.0.0.u", "3.u"}
    places = [name for name, _ in named_layers(net.layers)]
    assert places[:9] == ["0", "1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1"]
    again = ir.Sequential.from_spec(net.spec(), dtype="float64")
    assert (
        again.layers == net.layers and again.spec() == net.spec() and list(again.params) == list(net.params)
    )
    again.load_state_dict(net.state_dict())
    assert np.array_equal(again(batch()), net(batch()))
    net.flat[...] = 3
    net.project()
    assert net.params["1.0.u"].max() < 2


def test_masks_of_layers_inside_are_their_own():
    """Two dropouts with the same number in two containers drop different units."""
    layers = [ir.Residual([ir.Dropout(0.5), ir.Linear(30, 30)])] * 2
    net = ir.Sequential(layers, dtype="float64")
    tape = net.forward(np.ones((1, 4, 30)))[2]
    first, second = (tape.layers[i].layers[1] == 0 for i in (0, 1))
    assert not np.array_equal(first, second)


def test_what_looks_ahead_is_told_by_its_place():
    assert not ir.Residual([ir.IndRNN(2, 2, reverse=True)]).causal
    assert ir.Residual([ir.IndRNN(2, 2), ir.BatchNorm(2, per_step=True)]).causal
    assert ir.Concat([ir.BatchNorm(2)]).stretches_over_time
    net = ir.Sequential([ir.IndRNN(2, 4), ir.Residual([ir.Linear(4, 4), ir.BatchNorm(4)])], steps=6)
    with pytest.raises(
        ValueError, match=r"layers\[1\.1\] BatchNorm takes statistics over the whole sequence"
    ):
        net.forward(np.zeros((6, 2, 2), np.float32), memory="recompute")


@pytest.mark.parametrize(("make", "words"), [
    (lambda: ir.Residual([]), "Residual: layers is empty, expected at least one layer"),
    (lambda: ir.Residual([ir.IndRNN(2, 3)]), "Residual: the last layer has 3 outputs, expected 2 because the"),
    (lambda: ir.Residual([ir.IndRNN(2, 3), ir.Linear(4, 2)]), r"Residual: layers\[1\] Linear has 4 inputs, expected 3"),
    (lambda: ir.Residual([ir.Concat([ir.LastStep()])]), r"Concat: layers\[0\] is a LastStep, expected layers that"),
    (lambda: ir.Concat([ir.Dropout(0.1)]), "Concat: no layer has a fixed number of inputs, expected at least"),
    (lambda: ir.Recurrence(0), "Recurrence: size is 0"),
    (lambda: ir.Recurrence(2, "gelu"), "Recurrence: activation is 'gelu', expected one of 'relu'"),
    (lambda: ir.Recurrence(2, recurrent_init="eye"), "Recurrence: recurrent_init is 'eye', expected one of 'uniform'"),
    (lambda: ir.Sequential([ir.Concat([ir.IndRNN(2, 3)]), ir.Linear(4, 1)], 3), r"layers\[1\] Linear has 4 inputs, "
     "expected 5 to match"),
    (lambda: network("residual").forward(batch(), [None, (None,), None, None, None, None]),
     r"Sequential.forward: state\[1\] has 1 entries, expected 7 one for each layer or array inside"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match=r"Residual: layers\[0\] is 3, expected a layer"):
        ir.Residual([3])
