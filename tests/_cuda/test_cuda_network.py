"""Whole networks on the GPU, or in its simulator, beside the reference: passes, training, windows, checkpoints."""

import numpy as np
import pytest
from on_host import assert_same, host
from tolerances import TOLERANCE, assert_close

import indrnn_np as ir
from indrnn_np import backend
from indrnn_np._cuda import arrays, target
from indrnn_np.tasks.adding import Adding

pytestmark = pytest.mark.skipif("cuda" not in backend.backends(), reason=target.problem()[0] or "no GPU")
T, B, D, H, K = 9, 4, 3, 5, 2


def stack(*, norm="whole", output="last", learn_h0=False, both_ways=False):
    """Layers of every kind."""
    options = {"input_init": 0.5, "learn_h0": learn_h0}
    first = ir.IndRNN(D, H, **options)
    layers = [ir.Bidirectional(first) if both_ways else first]
    width = 2 * H if both_ways else H
    if norm:
        layers += [ir.BatchNorm(width, per_step=norm == "step"), ir.Dropout(0.3)]
    layers.append(ir.IndRNN(width, H, activation="tanh", **options))
    return [*layers, *([ir.LastStep()] if output == "last" else []), ir.Linear(H, K)]


def pair(dtype="float64", steps=T, seed=1, **options):
    """The same network on the reference and on the GPU."""
    nets = [ir.Sequential(stack(**options), steps, name, dtype, seed) for name in ("reference", "cuda")]
    assert np.array_equal(nets[0].flat, nets[1].flat.to_host())
    return nets


def batch(dtype="float64", seed=0, lengths=False):
    rng = np.random.default_rng(seed)
    ends = np.array([T, 0, 3, T]) if lengths else None
    return rng.standard_normal((T, B, D)).astype(dtype), ends


def whole_pass(net, x, lengths, dy, **options):
    y, state, tape = net.forward(x, lengths=lengths, **options)
    dx, dstate, grads = net.backward(net.device.asarray(dy), tape, dstate=state)
    return host(net, [y, state, dx, dstate, grads.flat, net.buffers.flat])


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("lengths", [False, True], ids=["full", "lengths"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm": "step", "output": "every"},
        {"norm": None, "learn_h0": True},
        {"both_ways": True, "output": "every"},
    ],
    ids=["whole norm", "norm per step", "learned h0", "both ways"],
)
def test_a_pass_gives_what_the_reference_gives(options, lengths, dtype):
    reference, net = pair(dtype, **options)
    x, ends = batch(dtype, lengths=lengths)
    shape = (B, K) if options.get("output", "last") == "last" else (T, B, K)
    dy = np.random.default_rng(2).standard_normal(shape).astype(dtype)
    expected = whole_pass(reference, x, ends, dy)
    assert_same(whole_pass(net, x, ends, dy), expected)
    assert_same(
        whole_pass(net, net.device.asarray(x), ends, dy, work=ir.Workspace())[:5],
        whole_pass(reference, x, ends, dy)[:5],
    )


def test_training_follows_the_reference():
    """Adding problem: the data, clipping, Adam and the projection too; five updates."""
    losses = []
    for name in ("reference", "cuda"):
        net = ir.plain(2, H, 1, 2, steps=T, backend=name, dtype="float64", input_init=0.5)
        task = Adding(T, seed=3, dtype="float64", backend=name, evaluation_size=6)
        result = ir.fit(net, task, ir.Adam(0.01), iterations=5, batch=4, clip_norm=1.0, validate_every=5,
                        evaluation_batch=4, progress=False, log_every=1)  # fmt: skip
        losses.append(result.curve("mse")[1] + result.curve("mse", "validation")[1])
        assert (net.flat.to_host() if name == "cuda" else net.flat).dtype == np.float64
    assert np.allclose(losses[0], losses[1], rtol=1e-10)


def test_labels_and_sgd_follow_the_reference():
    x, _ = batch()
    labels, flats = np.array([0, 1, 1, 0]), []
    for net in pair():
        opt = ir.SGD(0.1, momentum=0.9, weight_decay=0.01)
        for _ in range(3):
            y, _, tape = net.forward(x)
            loss, dy = ir.softmax_cross_entropy(y, labels)
            _, _, grads = net.backward(dy, tape)
            assert ir.clip_norm(grads, 0.5) > 0 and loss > 0
            ir.clip_value(grads, 0.1)
            opt.update(net, grads)
            net.project()
        flats.append(net.device.to_host(net.flat))
    assert_close(flats[1], flats[0], scale=10)


def test_nothing_is_allocated_after_the_second_iteration():
    net = ir.Sequential(stack(), T, "cuda")
    task, opt, work = Adding(T, backend="cuda"), ir.Adam(), ir.Workspace()
    counts = []
    for i in range(5):
        x = net.device.asarray(batch("float32", seed=i)[0])
        y, _, tape = net.forward(x, work=work)
        _, dy = ir.mse(y, np.zeros((B, K), np.float32))
        _, _, grads = net.backward(dy, tape)
        ir.clip_norm(grads, 1.0)
        opt.update(net, grads)
        net.project()
        task.batch(i, B)
        del x, y, tape, dy, grads
        counts.append(arrays.POOL.allocations)
    assert counts[1] == counts[4]


def test_two_runs_give_equal_bits():
    x, _ = batch("float32")
    first, second = (
        whole_pass(ir.Sequential(stack(), T, "cuda"), x, None, np.ones((B, K), np.float32)) for _ in range(2)
    )
    assert [part.tobytes() for part in first[:1] + first[2:3]] == [
        part.tobytes() for part in second[:1] + second[2:3]
    ]
    assert first[4].tobytes() == second[4].tobytes()


def test_inference_takes_and_gives_what_the_caller_has(monkeypatch):
    reference, net = pair(norm="step", output="every")
    x, _ = batch()
    expected = reference(x)
    assert isinstance(net(x), np.ndarray)
    assert_close(net(x), expected, scale=10)
    assert isinstance(net(net.device.asarray(x)), arrays.DeviceArray)
    monkeypatch.setattr("indrnn_np.networks.inference.WINDOW_BYTES", 1)  # windows of one step
    assert_close(net(x), expected, scale=10)
    state, steps = None, []
    for x_t in x:
        y, state = net.step(x_t, state)
        steps.append(y.to_host())
    assert_close(np.stack(steps), expected, scale=10)


@pytest.mark.parametrize("output", ["last", "every"])
def test_recomputing_gives_the_same(output):
    x, _ = batch()
    found = []
    for net in pair(norm=None, output=output):
        for memory in ("keep", "recompute"):
            y, state, tape = net.forward(x, memory=memory)
            dx, _, grads = net.backward(
                None if output == "every" else net.device.asarray(np.ones((B, K))), tape
            )
            found.append(host(net, [y, state, dx, grads.flat]))
    for other in found[1:]:
        assert_same(other, found[0])


def test_a_checkpoint_moves_between_backends(tmp_path):
    _, net = pair()
    opt, x = ir.Adam(0.01), batch()[0]
    y, _, tape = net.forward(x)
    opt.update(net, net.backward(ir.mse(y, np.zeros((B, K)))[1], tape)[2])
    ir.save(tmp_path / "a.npz", net, opt)
    for name in ("reference", "cpu", "cuda"):
        other = ir.load(tmp_path / "a.npz", backend=name)
        assert_close(other.net(x), net(x), scale=10)
        for one in (net, other.net):
            y, _, tape = one.forward(x)
            (opt if one is net else other.optimizer).update(
                one, one.backward(ir.mse(y, np.zeros((B, K)))[1], tape)[2]
            )
        assert_close(other.net.device.to_host(other.net.flat), net.flat.to_host(), scale=10)
        net.load_state_dict(ir.load(tmp_path / "a.npz", backend="cpu").net.state_dict())
        opt.load_state_dict(ir.load(tmp_path / "a.npz", backend="cpu").optimizer.state_dict())
        net.iteration = 1


def test_statistics_of_a_large_batch_and_gradients_are_checked_here_too():
    x, _ = batch()
    reference, net = pair()
    for one in (reference, net):
        one.recompute_statistics([x, 2 * x])
    assert_close(net.buffers.flat.to_host(), reference.buffers.flat, scale=10)
    assert ir.gradcheck(net, x, np.array([0, 1, 1, 0]), loss="softmax_cross_entropy")


def test_a_run_that_diverges_says_where():
    net = ir.plain(2, H, 1, 2, steps=T, backend="cuda", input_init=0.5)
    values = net.state_dict()
    values["1.u"][2] = np.nan
    net.load_state_dict(values, allow_nonfinite=True)
    with pytest.raises(ArithmeticError, match=r"parameter 1\.u\[2\]"):
        ir.fit(
            net,
            Adding(T, backend="cuda", evaluation_size=4),
            ir.Adam(),
            iterations=2,
            batch=4,
            progress=False,
        )


def test_a_numpy_array_is_refused_where_the_gpu_is_meant():
    ops = backend.get("cuda")
    with pytest.raises(
        TypeError, match=r"affine\.forward: x is a ndarray, expected an array in the GPU's memory"
    ):
        ops.affine.forward(np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(4))
    with pytest.raises(TypeError, match=r"expected array\.to_host\(\)"):
        np.asarray(ops.device.zeros((2,), "float32"))


def test_predictions_of_arrays_on_the_gpu_are_on_the_host():
    net, (x, _) = ir.plain(D, H, K, 1, T, backend="cuda"), batch("float32")
    result = ir.fit(net, (x, np.arange(B) % K), ir.Adam(0.01), iterations=1, batch=B, progress=False)
    np.testing.assert_array_equal(result.predict(net.device.bring(x)), result.predict(x))
    np.testing.assert_array_equal(result.predict_proba(net.device.bring(x)), result.predict_proba(x))
    with pytest.raises(ValueError, match=r"^fit: x is a DeviceArray that NumPy cannot read"):
        ir.fit(net, (net.device.bring(x), np.arange(B) % K), ir.Adam(0.01), iterations=1, progress=False)
