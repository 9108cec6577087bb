"""Training in windows of time: the numbers of the pass that keeps everything, in less memory, or a clear refusal."""

import functools
import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import activations, each_backend, ragged
from layer_strategies import batches as drawn_batches
from strategies import JIT
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np._cpu import threads
from indrnn_np.networks import recompute
from indrnn_np.networks.recompute import window_length
from indrnn_np.settings import settings


def layers(D, activation="relu", output="last", learn_h0=False):
    """Every kind of layer that can be run in windows, with a recurrent one at the beginning and in the middle."""
    read_out = [ir.LastStep(), ir.Dropout(0.25)] if output == "last" else []
    return [
        ir.IndRNN(D, 5, activation, recurrent_init="symmetric", input_init=0.7, learn_h0=learn_h0), ir.Dropout(0.3),
        ir.BatchNorm(5, per_step=True), ir.Linear(5, 3), ir.IndRNN(3, 4, "tanh", input_init=0.7), *read_out,
        ir.Linear(4, 2),
    ]  # fmt: skip


def network(D, steps, backend="cpu", seed=0, dtype="float64", **options):
    net = ir.Sequential(layers(D, **options), steps=steps, backend=backend, dtype=dtype, seed=seed)
    rng = np.random.default_rng(seed)
    net.flat[...] += 0.1 * rng.standard_normal(net.size).astype(net.dtype)
    net.iteration = 3
    return net


def in_windows(net, window, x, state, lengths, work=None):
    states = (None,) * len(net.layers) if state is None else state
    return recompute.forward(net, x, states, lengths, True, work, window)


def some_state(net, B, rng):
    """An initial state for each layer that has one."""
    shapes = {ir.IndRNN: lambda layer: layer.hidden_size, ir.LastStep: lambda layer: 4}
    return tuple(
        rng.standard_normal((B, shapes[type(layer)](layer))) if type(layer) in shapes else None
        for layer in net.layers
    )


def assert_same(one, other, name):
    """Compare what may be an array, None or a count."""
    if isinstance(other, np.ndarray):
        assert_close(one, other, name)
    else:
        assert one == other


@each_backend
@pytest.mark.parametrize("output", ["last", "every"])
@given(data=st.data())
def test_windows_give_what_one_pass_gives(backend, output, data):
    x, seed = data.draw(drawn_batches((9, 4, 3)))
    T, B, D = x.shape
    lengths = data.draw(ragged(x))
    activation, learn_h0 = data.draw(activations), data.draw(st.booleans())
    nets = [
        network(D, T, backend, seed, activation=activation, learn_h0=learn_h0, output=output)
        for _ in range(2)
    ]
    rng = np.random.default_rng(seed)
    state = some_state(nets[0], B, rng) if data.draw(st.booleans()) else None
    window = data.draw(st.integers(1, T + 1))
    results = []
    for net in nets:
        if net is nets[0]:
            y, after, tape = net.forward(x, state, lengths)
        else:
            y, after, tape = in_windows(net, window, x, state, lengths)
        rng = np.random.default_rng(seed)
        dy, dlast = rng.standard_normal(y.shape), some_state(net, B, rng)
        ends = net.backward(dy, tape, dlast if seed % 2 else None)
        results.append((y, after, ends))
    (y, after, (dx, before, grads)), (y_w, after_w, (dx_w, before_w, grads_w)) = results
    assert_close(y_w, y, "y")
    assert_close(dx_w, dx, "dx")
    for i in range(len(nets[0].layers)):
        assert_same(after_w[i], after[i], f"state {i}")
        assert_same(before_w[i], before[i], f"gradient of state {i}")
    assert_close(grads_w.flat, grads.flat, "gradients", scale=10)  # sums over other groups of steps
    for name, value in nets[0].buffers.items():
        assert_close(nets[1].buffers[name], value, name)


def test_the_comparison_above_meets_gradients_that_are_not_zero():
    x, lengths = np.random.default_rng(1).standard_normal((7, 4, 2)), np.array([7, 2, 7, 7])
    net = network(2, 7, activation="tanh", learn_h0=True)
    y, _, tape = in_windows(net, 2, x, None, lengths)
    dx, _, grads = net.backward(np.ones_like(y), tape)
    assert all(np.abs(value).max() > 0 for value in grads.values())
    assert np.array_equal(np.abs(dx).max(axis=2) > 0, np.arange(7)[:, None] < lengths)


def test_windows_have_the_bits_of_their_own_first_run():
    """What backward computes again is what forward computed, so gates and gradients belong to the loss."""
    x = np.random.default_rng(2).standard_normal((11, 4, 3)).astype(np.float32)
    net = network(3, 11, dtype="float32")
    first = [window.layers[0][1].copy() for window in _run_each(net, x)]
    _, _, tape = in_windows(net, 4, x, None, None)
    again = [window.layers[0][1].copy() for window in recompute.tapes(net.layers, tape)]
    assert [len(h) - 1 for h in again] == [4, 4, 3]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def _run_each(net, x):
    tape = in_windows(net, 4, x, None, None)[2]
    return [tape.run(net.layers, k, work=None)[2] for k in range(len(tape.windows))]


@pytest.mark.parametrize("options", [{}, {"activation": "tanh"}, {"output": "every", "learn_h0": True}])
def test_finite_differences_agree(monkeypatch, options):
    monkeypatch.setattr(recompute, "window_length", lambda *_: 3)
    forward = functools.partialmethod(ir.Sequential.forward, memory="recompute")
    monkeypatch.setattr(ir.Sequential, "forward", forward)
    x = np.random.default_rng(3).standard_normal((8, 3, 2))
    report = ir.gradcheck(network(2, 8, **options), x, lengths=np.array([8, 5, 0]))
    assert report.passed


def test_gates_of_all_steps():
    x = np.random.default_rng(4).standard_normal((8, 3, 2))
    net = network(2, 8)
    expected = net.gates(net.forward(x)[2])
    tape = in_windows(net, 3, x, None, None)[2]
    before = net.backward(np.ones((3, 2)), tape)[2].flat.copy()
    found = net.gates(tape)
    assert len(found) == len(expected) == 1 and np.array_equal(found[0], expected[0])
    assert np.array_equal(net.backward(np.ones((3, 2)), tape)[2].flat, before)  # a tape can be used again


def test_the_probe_sees_the_steps_of_the_whole_sequence():
    x = np.random.default_rng(5).standard_normal((10, 3, 2))
    net, seen = network(2, 10), {}
    for name, (y, _, tape) in {"keep": net.forward(x), "windows": in_windows(net, 4, x, None, None)}.items():
        found = {layer: np.full((10, 3, H), np.nan) for layer, H in (("0", 5), ("4", 4))}

        def probe(layer, t0, t1, dh, da, found=found):
            found[layer][t0:t1] = da

        net.backward(np.ones_like(y), tape, probe=probe)
        seen[name] = found
    for layer, da in seen["keep"].items():
        assert_close(seen["windows"][layer], da, layer)


def test_the_last_window_is_not_run_twice(monkeypatch):
    runs, run = [], recompute.forward_layers
    monkeypatch.setattr(recompute, "forward_layers", lambda *a: (runs.append(len(a[1])), run(*a))[1])
    x = np.zeros((10, 2, 2))
    net = network(2, 10)
    y, _, tape = in_windows(net, 4, x, None, None)
    assert runs == [4, 3, 3]
    net.backward(y, tape)
    assert runs == [4, 3, 3, 3, 4]
    net.backward(y, tape)  # by now its arrays are those of another window
    assert runs[5:] == [3, 3, 4]


def test_a_backward_pass_that_was_broken_off_can_be_made_again():
    x = np.random.default_rng(6).standard_normal((10, 3, 2))
    nets = [network(2, 10), network(2, 10)]
    passes = [in_windows(net, 4, x, None, None) for net in nets]

    def probe(layer, t0, t1, dh, da):
        if t0 < 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nets[0].backward(passes[0][0], passes[0][2], probe=probe)
    broken, whole = (net.backward(y, tape)[2] for net, (y, _, tape) in zip(nets, passes, strict=True))
    assert np.array_equal(broken.flat, whole.flat)


@pytest.mark.skipif(not JIT, reason="plain loops over elements take minutes")
def test_the_loop_of_the_manual_and_its_memory():
    """With a workspace nothing large is allocated after the second iteration, and the numbers stay those without."""
    T, B, H = 900, 8, 32
    stack = [
        ir.IndRNN(2, H, input_init=0.3),
        *[ir.IndRNN(H, H, input_init=0.3)] * 5,
        ir.LastStep(),
        ir.Linear(H, 1),
    ]
    nets = [ir.Sequential(stack, steps=T) for _ in range(3)]
    x = np.random.default_rng(0).standard_normal((T, B, 2)).astype(np.float32)
    target, peaks, works = np.zeros((B, 1), np.float32), [], []
    for net, memory in zip(nets, ("keep", "recompute", "recompute"), strict=True):
        work = None if net is nets[2] else ir.Workspace()
        optimizer = ir.Adam(1e-3)
        for _ in range(3):
            tracemalloc.start()
            y, _, tape = net.forward(x, work=work, memory=memory)
            _, dy = ir.mse(y, target)
            _, _, grads = net.backward(dy, tape)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            optimizer.update(net, grads)
            net.project()
        works.append(work and work.nbytes)
    assert works[1] < works[0] / 4
    assert peaks[3] < peaks[0] / 4, "first iteration"
    assert peaks[5] < T * B * H * 4, "third iteration in windows, with a workspace"
    assert np.array_equal(nets[1].flat, nets[2].flat)
    assert np.allclose(nets[1].flat, nets[0].flat, atol=1e-4)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (ir.BatchNorm(4), r"layers\[1\] BatchNorm takes statistics over the whole sequence, expected memory='keep' or"),
        (ir.IndRNN(4, 4, reverse=True), r"layers\[1\] IndRNN reads later steps, expected memory='keep' because"),
        (ir.Bidirectional(ir.IndRNN(4, 2)), r"layers\[1\] Bidirectional reads later steps"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_in_windows(layer, words):
    net = ir.Sequential([ir.IndRNN(2, 4), layer, ir.Linear(4, 1)], steps=6)
    x = np.zeros((6, 2, 2), np.float32)
    with pytest.raises(ValueError, match=f"Sequential.forward: {words}"):
        net.forward(x, memory="recompute")
    net.forward(x)


def test_other_refusals():
    net, x = network(2, 6), np.zeros((6, 2, 2))
    with pytest.raises(ValueError, match="memory is 'less', expected one of 'keep', 'recompute'"):
        net.forward(x, memory="less")
    with pytest.raises(ValueError, match="training is False, expected True because memory='recompute' runs"):
        net.forward(x, training=False, memory="recompute")
    tape = net.forward(x, memory="recompute")[2]
    with pytest.raises(ValueError, match=r"dy has shape \(3, 2\), expected \(2, 2\) to match the output"):
        net.backward(np.zeros((3, 2)), tape)
    with pytest.raises(ValueError, match="state has 1 entries, expected 8"):
        net.forward(x, [None], memory="recompute")


def test_the_words_of_the_settings_are_those_of_the_network():
    assert settings.BY_NAME["memory"].choices == recompute.MEMORY


@given(T=st.integers(1, 400), edge=st.integers(0, 60), step=st.integers(1, 60))
def test_the_window_takes_the_least_memory(T, edge, step):
    """No number of windows is better by more than one step's arrays, which is what rounding can cost."""

    def total(n):
        return (n - 1) * edge + math.ceil(T / n) * step

    window = window_length(T, edge, step, 1)
    assert 1 <= window <= T
    assert total(math.ceil(T / window)) <= min(total(n) for n in range(1, T + 1)) + step


@pytest.mark.parametrize(("least", "expected"), [(1, 72), (72, 72), (128, 128), (625, 625), (2000, 625)])
def test_windows_grow_to_be_worth_their_start(least, expected):
    """21 layers of 128 at T = 5000: longer for the time's sake, up to an eighth of the sequence."""
    assert window_length(5000, 21, 21, least) == expected


@given(T=st.integers(0, 60), window=st.integers(1, 70))
def test_windows_cover_the_sequence(T, window):
    windows = recompute.cut(T, window)
    assert windows[0][0] == 0 and windows[-1][1] == T
    assert all(one[1] == other[0] for one, other in itertools.pairwise(windows))
    lengths = [t1 - t0 for t0, t1 in windows]
    assert max(lengths) == lengths[0] <= window and max(lengths) - min(lengths) <= 1


def test_sizes_of_a_network():
    edge, step, least = recompute.sizes(layers(3), 10, 3)
    assert edge == 10 * (5 + 4) and step == 10 * (5 + 5 + 5 + 3 + 4 + 2 * 5)
    assert least == math.ceil(threads.threads() * recompute.PASS / 50)
