"""The network: one flat array, names, starts, windows, statistics, memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import JIT, batches, each_dtype, seeds
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.networks import inference


def layers(output="last"):
    read_out = [ir.LastStep()] if output == "last" else []
    return [ir.IndRNN(3, 8, recurrent_init="symmetric"), ir.BatchNorm(8), ir.Dropout(0.2), ir.IndRNN(8, 8, "tanh"),
            ir.BatchNorm(8, per_step=True), *read_out, ir.Linear(8, 2)]  # fmt: skip


def make(backend="cpu", dtype="float32", output="last", **options):
    return ir.Sequential(layers(output), **{"steps": 7, **options}, backend=backend, dtype=dtype)


def batch(T=7, B=4, D=3, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal((T, B, D)).astype(dtype)


def trained(net):
    """Running statistics that are not 0 and 1, parameters that are not where they began."""
    rng = np.random.default_rng(5)
    net.flat[...] += 0.1 * rng.standard_normal(net.size).astype(net.dtype)
    for value in net.buffers.values():
        value[...] += rng.random(value.shape)
    return net


@each_dtype
def test_names_shapes_and_one_flat_array(backend, dtype):
    net = make(backend, dtype)
    shapes = {"0.W": (8, 3), "0.u": (8,), "0.b": (8,), "1.scale": (8,), "1.shift": (8,), "3.W": (8, 8), "3.u": (8,),
              "3.b": (8,), "4.scale": (8,), "4.shift": (8,), "6.W": (2, 8), "6.b": (2,)}  # fmt: skip
    assert {name: value.shape for name, value in net.params.items()} == shapes
    assert {name: value.shape for name, value in net.buffers.items()} == {
        "1.mean": (1, 8), "1.var": (1, 8), "4.mean": (7, 8), "4.var": (7, 8)
    }  # fmt: skip
    assert net.size == net.flat.size == sum(value.size for value in net.params.values())
    assert net.dtype == net.flat.dtype == dtype and (net.backend, net.steps, net.seed, net.iteration) == (
        backend,
        7,
        0,
        0,
    )
    net.flat[...] = np.arange(net.size)
    assert np.array_equal(np.concatenate([value.ravel() for value in net.params.values()]), net.flat)
    net.params["3.u"][2] = -1
    assert (net.flat == -1).sum() == 1
    with pytest.raises(KeyError, match=r"'0\.V', known are: 0\.W, 0\.u"):
        net.params["0.V"]
    assert "376 parameters" not in repr(net) and f"{net.size} parameters" in repr(net)


def test_gradients_have_the_form_of_the_parameters(backend):
    net = make(backend)
    y, _, tape = net.forward(batch())
    _, _, grads = net.backward(np.ones_like(y), tape)
    assert list(grads) == list(net.params) and grads.flat.shape == net.flat.shape
    assert all(grads[name].shape == value.shape for name, value in net.params.items())
    assert np.isfinite(grads.flat).all() and np.shares_memory(grads["3.W"], grads.flat)


def test_a_start_depends_on_seed_and_name_only():
    net = make(seed=3)
    assert np.array_equal(make(seed=3).flat, net.flat)
    assert not np.array_equal(make(seed=4).params["0.W"], net.params["0.W"])
    shorter = ir.Sequential(layers()[:4], steps=7, seed=3)
    for name, value in shorter.params.items():
        assert np.array_equal(value, net.params[name])
    wider = ir.Sequential([ir.IndRNN(5, 8), *layers()[1:]], steps=7, seed=3)
    assert np.array_equal(wider.params["3.W"], net.params["3.W"])
    assert not np.array_equal(net.params["0.u"], net.params["3.u"])
    assert np.array_equal(make("reference", seed=3).flat, net.flat)


@each_dtype
def test_state_dict_round_trip(backend, dtype):
    net = trained(make(backend, dtype))
    state = net.state_dict()
    assert set(state) == {*net.params, *net.buffers}
    other = make(backend, dtype, seed=9)
    other.load_state_dict(state)
    x = batch(dtype=dtype)
    assert np.array_equal(other(x), net(x))
    for name, value in state.items():
        value[...] = np.nan
        assert np.isfinite(net.params[name] if name in net.params else net.buffers[name]).all()
    assert np.array_equal(other(x), net(x))


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda s: s.pop("3.u"), r"missing \['3\.u'\], unknown \[\]"),
        (lambda s: s.update({"9.W": np.ones(1)}), r"missing \[\], unknown \['9\.W'\]"),
        (
            lambda s: s.update({"6.b": np.ones(3)}),
            r"6\.b has shape \(3,\), expected \(2,\) as the network has it",
        ),
        (lambda s: s.update({"1.mean": np.ones(8)}), r"1\.mean has shape \(8,\), expected \(1, 8\)"),
        *[
            (
                lambda s, d=d: s.update({"3.u": s["3.u"].astype(d)}),
                rf"3\.u has dtype {d}, expected float32 as the",
            )
            for d in ("float64", "float16", "int64", "complex64")
        ],
        *[
            (
                lambda s, v=v: s["3.u"].put(2, v),
                rf"3\.u\[2\] is {v}, expected finite numbers or allow_nonfinite=True",
            )
            for v in (np.nan, np.inf)
        ],
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change, words):
    net = make()
    before = net.state_dict()
    state = trained(make(seed=1)).state_dict()
    change(state)
    with pytest.raises(ValueError, match=rf"Sequential\.load_state_dict: {words}"):
        net.load_state_dict(state)
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name])


def test_spec_round_trip():
    both = ir.Bidirectional(ir.IndRNN(3, 4, "tanh", gamma=5, learn_h0=True))
    back = ir.IndRNN(8, 4, recurrent_init=0.5, constrain=False, reverse=True)
    stack = [both, ir.BatchNorm(8, momentum=0.3), ir.Dropout(0.1), back, ir.LastStep(), ir.Linear(4, 2)]
    net = ir.Sequential(stack, steps=9, seed=5)
    again = ir.Sequential.from_spec(net.spec(), backend="reference", dtype="float64")
    assert (again.layers, again.steps, again.seed) == (net.layers, 9, 5)
    assert (again.backend, again.dtype) == ("reference", np.float64)
    assert again.spec() == net.spec()
    assert_close(again.flat.astype("float32"), net.flat)


def test_astype_is_an_independent_copy():
    net = trained(make())
    net.iteration = 12
    copy = net.astype("float64", backend="reference")
    assert (copy.dtype, copy.backend, copy.iteration, copy.seed) == (np.float64, "reference", 12, 0)
    assert np.array_equal(copy.flat, net.flat.astype(np.float64))
    assert all(np.array_equal(copy.buffers[name], value) for name, value in net.buffers.items())
    assert np.allclose(copy(batch(dtype="float64")), net(batch()), rtol=1e-4, atol=1e-5)
    before = net.state_dict()
    copy.flat[...] = 0
    copy.buffers["1.mean"][...] = 7
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())
    same = net.astype("float32")
    assert not np.shares_memory(same.flat, net.flat) and same.backend == net.backend


def test_projection_keeps_every_bound(backend):
    stack = [ir.IndRNN(3, 4), ir.IndRNN(4, 4, "tanh"), ir.IndRNN(4, 4, recurrent_init="ones", constrain=False),
             ir.Bidirectional(ir.IndRNN(4, 4, gamma=5))]  # fmt: skip
    net = ir.Sequential(stack, steps=100, backend=backend)
    relu, tanh, wide = 2**0.01, (2 / 0.9**10) ** 0.01, 5**0.01
    assert net.bounds == pytest.approx({"0.u": relu, "1.u": tanh, "3.forward.u": wide, "3.reverse.u": wide})
    net.flat[...] = np.where(np.arange(net.size) % 2, 3, -3)
    net.project()
    for name, value in net.params.items():
        limit = np.float32(net.bounds.get(name, 3))
        assert set(np.abs(value).ravel()) == {limit} and {*np.sign(value).ravel()} == {-1, 1}


@pytest.mark.parametrize("lengths_dtype", [None, "int64", "uint8"])
@pytest.mark.parametrize("output", ["last", "every"])
@given(seed=seeds, B=batches, window=st.integers(1, 9))
def test_inference_in_windows_equals_one_pass(output, lengths_dtype, seed, B, window):
    net, x = trained(make(dtype="float64", output=output)), batch(7, B, dtype="float64", seed=seed)
    lengths = np.random.default_rng(seed).integers(0, 8, B) if lengths_dtype else None
    expected, last, _ = net.forward(x, lengths=lengths, training=False)
    if lengths_dtype:
        lengths = lengths.astype(lengths_dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "WINDOW_BYTES", window * B * 8 * 8)
        y, state = net.infer(x, lengths=lengths)
    assert_close(y, expected)
    for one, other in zip(state, last, strict=True):
        if isinstance(other, np.ndarray):
            assert_close(one, other)
    assert_close(net(x, lengths=lengths), expected)


def test_windows_are_not_one_pass(monkeypatch):
    """The test above would prove nothing if the windows were as long as the sequence."""
    seen, net = [], make()
    monkeypatch.setattr(inference, "WINDOW_BYTES", 2 * 4 * 8 * 4)
    run = ir.Sequential.run
    monkeypatch.setattr(
        ir.Sequential, "run", lambda net, x, *rest: (seen.append(len(x)), run(net, x, *rest))[1]
    )
    net(batch())
    assert seen == [2, 2, 2, 1]


@pytest.mark.parametrize("output", ["last", "every"])
def test_step_by_step_equals_one_pass(backend, output):
    net, x = trained(make(backend, "float64", output)), batch(dtype="float64")
    expected, state, rows = net(x), None, []
    for x_t in x:
        y_t, state = net.step(x_t, state)
        rows.append(y_t)
    assert_close(np.stack(rows) if output == "every" else rows[-1], expected)


def test_statistics_of_a_large_batch(backend):
    net, x = trained(make(backend, "float64", output="every")), batch(7, 50, dtype="float64")
    net.recompute_statistics([x])
    h = ir.Sequential(layers()[:1], steps=7, backend=backend, dtype="float64")
    h.flat[...] = net.flat[: h.size]
    first = h.forward(x)[0]
    assert_close(net.buffers["1.mean"], first.mean(axis=(0, 1))[None])
    assert_close(net.buffers["1.var"], first.var(axis=(0, 1), ddof=1)[None])
    # With the batch's own statistics inference is a training pass without dropout, but for the unbiased variance.
    sure = ir.Sequential(
        [layer for layer in layers("every") if not isinstance(layer, ir.Dropout)], steps=7, dtype="float64"
    )
    sure.flat[...] = net.flat
    assert np.allclose(net(x), sure.forward(x)[0], rtol=0.03, atol=0.03)
    before = {name: value.copy() for name, value in net.buffers.items()}
    net.recompute_statistics(iter([x, x]))
    for name, value in net.buffers.items():
        assert_close(value, before[name])
    lengths = np.full(50, 5)
    net.recompute_statistics([(x, lengths)])
    assert_close(net.buffers["1.mean"], first[:5].mean(axis=(0, 1))[None])
    assert net.iteration == 0


def test_statistics_of_steps_that_some_batches_do_not_reach(backend):
    """Each row is the mean over the batches that have it; before, start values were among them."""
    B, H = 6, 3
    layers = [ir.IndRNN(2, H, "tanh", input_init=1.0), ir.BatchNorm(H, per_step=True)]
    net = ir.Sequential(layers, steps=4, backend=backend, dtype="float64", seed=2)
    x = np.random.default_rng(0).normal(size=(3, 4, B, 2))
    ends = [1, 3, 2]
    net.recompute_statistics([(part, np.full(B, end)) for part, end in zip(x, ends, strict=True)])
    states = [ir.Sequential(layers[:1], steps=4, dtype="float64", seed=2).forward(part)[0] for part in x]
    for t in range(3):
        reached = [h[t] for h, end in zip(states, ends, strict=True) if t < end]
        assert_close(net.buffers["1.mean"][t], np.mean([h.mean(axis=0) for h in reached], axis=0))
        assert_close(net.buffers["1.var"][t], np.mean([h.var(axis=0, ddof=1) for h in reached], axis=0))
    assert (net.buffers["1.mean"][3] == 0).all() and (net.buffers["1.var"][3] == 1).all()  # reached by none


def test_statistics_are_as_before_after_an_error(backend):
    net, x = trained(make(backend, output="every")), batch(7, 50)
    before = net.buffers.flat.copy()
    with pytest.raises(TypeError, match="x is a str"):
        net.recompute_statistics([x, "no array"])
    np.testing.assert_array_equal(net.buffers.flat, before)


@pytest.mark.parametrize("positions", [None, 5, 11])
def test_statistics_along_a_stream(backend, positions):
    """Early positions have a row each, later ones the mean over the last steps of all windows that share it."""
    T, B, H = 4, 30, 3
    norm = ir.BatchNorm(H, per_step=True, positions=positions)
    net = ir.Sequential(
        [ir.IndRNN(2, H, "tanh", input_init=1.0), norm], steps=T, backend=backend, dtype="float64", seed=2
    )
    x = np.random.default_rng(0).normal(size=(5 * T, B, 2))
    net.recompute_statistics([x[t : t + T] for t in range(0, 5 * T, T)], carried=True)
    h = ir.Sequential([net.layers[0]], steps=5 * T, backend=backend, dtype="float64")
    h.flat[...] = net.flat[: h.size]
    states = h.forward(x)[0]
    rows = positions or T
    mean, var = states.mean(axis=1), states.var(axis=1, ddof=1)
    shared = [
        t for t in range(T - 1, 5 * T, T) if t >= rows - 1
    ]  # a window leaves its last step's in the last row
    for name, of_step in (("mean", mean), ("var", var)):
        assert_close(net.buffers[f"1.{name}"][: rows - 1], of_step[: rows - 1])
        assert_close(net.buffers[f"1.{name}"][-1], of_step[shared].mean(axis=0))


def test_running_statistics_move_by_the_momentum(backend):
    x = batch(7, 4, 8, dtype="float64")
    net = ir.Sequential([ir.BatchNorm(8, momentum=0.25)], backend=backend, dtype="float64")
    net.forward(x)
    assert_close(net.buffers["0.mean"], 0.25 * x.mean(axis=(0, 1))[None])
    assert_close(net.buffers["0.var"], 0.75 + 0.25 * x.var(axis=(0, 1), ddof=1)[None])
    held = {name: value.copy() for name, value in net.buffers.items()}
    net.forward(x, training=False)
    net(x)
    assert all(np.array_equal(net.buffers[name], value) for name, value in held.items())


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "lengths"])
@pytest.mark.parametrize("output", ["last", "every"])
def test_nothing_large_is_allocated_after_the_second_iteration(output, ragged):
    """The peak of the third iteration stays below one array of T·B·H elements."""
    T, B, H = (400, 8, 64) if JIT else (64, 8, 48)
    stack = [ir.IndRNN(3, H), ir.BatchNorm(H), ir.Dropout(0.1), ir.IndRNN(H, H), ir.BatchNorm(H)]
    net = ir.Sequential([*stack, *([ir.LastStep()] if output == "last" else []), ir.Linear(H, 1)], steps=T)
    x, work, opt = batch(T, B), ir.Workspace(), ir.Adam(1e-3)
    target = np.zeros((B, 1) if output == "last" else (T, B, 1), np.float32)
    lengths = np.arange(T - B, T) if ragged else None

    def iterate():
        y, _, tape = net.forward(x, lengths=lengths, work=work)
        _, dy = ir.mse(y, target)
        _, _, grads = net.backward(dy, tape)
        opt.update(net, grads)
        net.project()

    iterate()
    iterate()
    tracemalloc.start()
    try:
        iterate()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert work.nbytes > T * B * H * 4
    assert peak < T * B * H * 4, f"{peak} bytes, of which one array has {T * B * H * 4}"


def test_a_workspace_changes_no_number(backend):
    net, x, work = make(backend, seed=2), batch(), ir.Workspace()
    y, _, tape = net.forward(x)
    dx, _, grads = net.backward(np.ones_like(y), tape)
    fresh = (y.copy(), dx.copy(), grads.flat.copy())
    for _ in range(2):
        y, _, tape = net.forward(x, work=work)
        dx, _, grads = net.backward(np.ones_like(y), tape)
        assert all(np.array_equal(one, other) for one, other in zip((y, dx, grads.flat), fresh, strict=True))
    assert not any(np.shares_memory(buffer, net.flat) for buffer in work._buffers.values())


def test_a_layer_that_hands_its_gradient_on_does_not_make_two_layers_share_a_buffer():
    """Dropout(0) returns what it got; the layer below has fewer inputs, and must not write over what it still reads."""
    net = ir.Sequential(
        [ir.IndRNN(2, 8, input_init=0.5), ir.Dropout(0.0), ir.IndRNN(8, 8, input_init=0.5)], steps=600
    )
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape).astype(np.float32) for shape in ((600, 70, 2), (600, 70, 8)))
    fresh = net.backward(dy, net.forward(x)[2])
    again = net.backward(dy, net.forward(x, work=ir.Workspace())[2])
    assert np.array_equal(fresh[0], again[0])
    assert np.array_equal(fresh[2].flat, again[2].flat)


def test_numbers_of_numpy_are_described_as_pythons(tmp_path):
    """A size out of an array's shape or maximum: a description with it was no JSON."""
    size = np.int64(4)
    net = ir.plain(np.int64(2), size, np.int64(3), 1, np.int64(5), gamma=np.float32(1.5), backend="reference")
    optimizer = ir.Adam(np.float64(1e-3), lr_of={"u": 0.5})
    again = ir.load(ir.save(tmp_path / "a.npz", net, optimizer))
    assert again.net.spec() == net.spec() and again.optimizer.spec() == optimizer.spec()


def test_sizes_that_would_overflow_are_refused():
    """np.uint8(100) times the four gates of an LSTM is 144."""
    with pytest.raises(ValueError, match=r"hidden_size is np.uint8\(100\), expected an int because products"):
        ir.LSTM(2, np.uint8(100))


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: ir.Concat((layer,)), ir.Bidirectional])
def test_switches_are_true_or_false(wrap):
    with pytest.raises(TypeError, match=r"IndRNN: constrain is 'no', expected True or False"):
        ir.Sequential([wrap(ir.IndRNN(2, 3, constrain="no"))], steps=4)


@pytest.mark.parametrize("backend", [[], {}, None, 3])
def test_a_backend_that_is_no_name(backend):
    with pytest.raises(ValueError, match=r"backend: name is .*, expected one of"):
        ir.Sequential([ir.Linear(2, 3)], backend=backend)


FIRST = {
    "IndRNN": [ir.IndRNN(3, 8)],
    "one input": [ir.IndRNN(1, 8)],
    "Linear": [ir.Linear(3, 8), ir.Recurrence(8)],
    "Bidirectional": [ir.Bidirectional(ir.IndRNN(3, 4))],
    "BatchNorm": [ir.BatchNorm(3), ir.IndRNN(3, 8)],
    "Residual": [ir.Residual([ir.IndRNN(8, 8)])],
    "nothing": [ir.Dropout(0.0)],
}


@pytest.mark.parametrize("output", ["last", "every"])
@pytest.mark.parametrize("first", FIRST)
def test_without_the_input_gradient_the_others_keep_their_bits(backend, first, output):
    """The first layer leaves dx out; a later layer does not."""
    before = FIRST[first]
    size = before[-1].outputs or 8
    tail = [ir.LastStep()] if output == "last" else []
    net = ir.Sequential([*before, ir.IndRNN(size, 8), *tail, ir.Linear(8, 2)], steps=6, backend=backend)
    x = batch(6, 4, before[0].inputs or 8)
    for memory in ("keep", "recompute") if net.causal and first != "BatchNorm" else ("keep",):
        y, _, tape = net.forward(x, memory=memory)
        dx, dstate, grads = net.backward(y, tape)
        nothing, dstate_again, grads_again = net.backward(y, tape, input_gradient=False)
        assert dx.shape == x.shape and nothing is None
        host = net.device.to_host
        assert host(grads.flat).tobytes() == host(grads_again.flat).tobytes()
        assert str(dstate) == str(dstate_again)
    with pytest.raises(TypeError, match="input_gradient is 1, expected True or False"):
        net.backward(y, tape, input_gradient=1)


@pytest.mark.parametrize("first", ["IndRNN", "one input", "Linear", "Bidirectional"])
def test_the_first_layer_is_told_that_nothing_reads_its_input_gradient(monkeypatch, first):
    net = ir.Sequential([*FIRST[first], ir.IndRNN(8, 8), ir.LastStep(), ir.Linear(8, 2)], steps=6)
    asked = []
    for op in (net.ops.indrnn, net.ops.affine):

        def backward(*args, op=op, original=op.backward):
            results = original(*args)
            asked.append(results[0] is not None)
            return results

        monkeypatch.setattr(op, "backward", backward)
    y, _, tape = net.forward(batch(6, 4, FIRST[first][0].inputs))
    net.backward(y, tape, input_gradient=False)
    skipped = 2 if first == "Bidirectional" else 1
    assert asked == [True, True] + [False] * skipped
