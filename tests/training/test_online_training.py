"""Training by online gradients: the updates of BPTT where the rule is exact, windows, resumption, refusals."""

import json
import tracemalloc

import numpy as np
import pytest
from small_runs import QUIET
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.gradients.online import RULES
from indrnn_np.parameters import Views
from indrnn_np.settings import settings
from indrnn_np.tasks import Batch
from indrnn_np.training import online_memory
from indrnn_np.training.plan_checks import GRADIENTS

T, N, D, H, K = 10, 6, 2, 4, 3


def network(cells=1, last=False, inputs=D, **options):
    layers = [ir.IndRNN(inputs if i == 0 else H, H, "tanh", input_init=0.5) for i in range(cells)]
    layers += [ir.LastStep()] * last + [ir.Linear(H, K)]
    options = {"steps": T, "dtype": "float64", "backend": "reference", "seed": 1} | options
    return ir.Sequential(layers, **options)


def data(last=False, lengths=False, symbols=False, inputs=D):
    rng = np.random.default_rng(0)
    shape = (N,) if last else (T, N)
    target = rng.integers(0, K, shape) if symbols else rng.standard_normal((*shape, K))
    ends = rng.integers(1, T + 1, N)
    ends[0] = T
    return rng.standard_normal((T, N, inputs)), target, *([ends] if lengths else [])


def fit(net, of, optimizer=None, **options):
    options = {"iterations": 5, "batch": 4, "clip_norm": 0.3, "log_every": 1} | QUIET | options
    return ir.fit(net, of, optimizer or ir.Adam(0.02, lr_of={"u": 0.5}), **options)


@pytest.mark.parametrize("cells", [1, 2])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("symbols", [True, False])
@pytest.mark.parametrize("lengths", [True, False])
def test_exact_online_gradients_train_like_bptt(cells, last, symbols, lengths):
    nets, results = [network(cells, last) for _ in range(2)], []
    for net, gradients in zip(nets, GRADIENTS, strict=True):
        net.params["0.u"][0] = net.bounds["0.u"]  # the projection changes the first update
        of, schedule = data(last, lengths, symbols), ir.Cosine(0.02, 5)
        results.append(fit(net, of, gradients=gradients, schedule=schedule, clip_value=0.1))
    assert_close(nets[1].flat, nets[0].flat)
    name = results[0].summary["loss"]
    for curve in (name, "gradient_norm"):
        np.testing.assert_allclose(results[1].curve(curve)[1], results[0].curve(curve)[1], rtol=1e-12)
    assert results[0].summary["gradients"] == "back-propagation through time"
    about = "online gradients, rule 'exact', an update at the end of a sequence: exact"
    assert results[1].summary["gradients"] == about
    assert np.abs(nets[0].flat - network(cells, last).flat).max() > 1e-3


@pytest.mark.parametrize("last", [True, False])
def test_online_gradients_have_class_weights_and_smoothing(last):
    """The weights sum to less than 1, as a count of targets never does."""
    nets, results = [network(last=last) for _ in range(2)], []
    classes = {"class_weights": (0.001, 0.004, 0.002), "label_smoothing": 0.1}
    for net, gradients in zip(nets, GRADIENTS, strict=True):
        results.append(fit(net, data(last, lengths=True, symbols=True), gradients=gradients, **classes))
    assert_close(nets[1].flat, nets[0].flat)
    losses = [result.curve("softmax_cross_entropy")[1] for result in results]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-12)


class Stream:
    """A task with masks, without an end."""

    name, input_size, output_size, steps, loss, output, metric = "stream", D, K, T, "mse", "every", "mse"
    baseline, splits = None, ()

    def describe(self):
        return {"task": "stream"}

    def epoch_length(self, size):
        return 3

    def batch(self, iteration, size):
        rng = np.random.default_rng(iteration)
        mask = rng.random((T, size)) < 0.7
        mask[::3] = True
        return Batch(rng.standard_normal((T, size, D)), rng.standard_normal((T, size, K)), mask=mask)


@pytest.mark.parametrize("rule", RULES)
def test_windows_continue_states_and_traces(rule):
    """Three updates a sequence, as a loop over `ir.online` makes them."""
    trained, looped, optimizer = network(2), network(2), ir.Adam(0.02)
    fit(trained, Stream(), ir.Adam(0.02), gradients="online", rule=rule, update_every=4, epochs=2 / 3,
        iterations=None, clip_norm=0.0)  # fmt: skip
    assert trained.iteration == 6
    for number in range(2):
        batch, learner = Stream().batch(number, 4), ir.online(looped, rule, "mse")
        for t in range(T):
            learner.step(batch.x[t], batch.target[t], batch.mask[t])
            if t % 4 == 3 or t == T - 1:
                grads = Views(looped.params.shapes, np.zeros(looped.size))
                for name, gradient in learner.gradient().items():
                    grads[name][...] = gradient
                optimizer.update(looped, grads)
                looped.project()
                learner.reset()
    assert_close(trained.flat, looped.flat)


def test_masks_count_as_in_bptt():
    nets = [network(), network()]
    for net, gradients in zip(nets, GRADIENTS, strict=True):
        fit(net, Stream(), gradients=gradients)
    assert_close(nets[1].flat, nets[0].flat)


@pytest.mark.parametrize("rule", RULES)
def test_a_run_resumes_bit_for_bit_inside_a_sequence(tmp_path, rule):
    options = {"gradients": "online", "rule": rule, "update_every": 4}
    whole, parts = network(2), network(2)
    fit(whole, Stream(), iterations=7, **options)
    fit(parts, Stream(), iterations=4, out=tmp_path / "run", **options)
    fresh = network(2)
    result = fit(fresh, Stream(), iterations=7, resume=tmp_path / "run", **options)
    np.testing.assert_array_equal(fresh.flat, whole.flat, strict=True)
    assert result.summary["plan"]["update_every"] == 4 and result.summary["plan"]["rule"] == rule
    with pytest.raises(
        ValueError, match=r"update_every is 5, expected 4 as in .*because it determines the batch"
    ):
        fit(network(2), Stream(), iterations=7, resume=tmp_path / "run", **options | {"update_every": 5})
    other = "traces" if rule != "traces" else "exact"
    with pytest.raises(ValueError, match="holds a state of another form"):
        fit(network(2), Stream(), iterations=7, resume=tmp_path / "run", **options | {"rule": other})


def test_the_summary_calls_the_other_ways_approximate():
    about = {
        (cells, rule, every): fit(
            network(cells), data(), iterations=1, gradients="online", rule=rule, update_every=every
        ).summary["gradients"]
        for cells, rule, every in [(1, "exact", 3), (2, "traces", 0), (1, "traces", 0), (1, "depth-only", 0)]
    }
    assert about[1, "exact", 3] == "online gradients, rule 'exact', an update every 3 time steps: approximate"
    assert [text.rpartition(": ")[2] for text in about.values()] == [
        "approximate",
        "approximate",
        "exact",
        "approximate",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gradients": "rtrl"}, "Plan: gradients is 'rtrl', expected one of 'bptt', 'online'"),
        ({"rule": "bptt"}, "Plan: rule is 'bptt', expected one of 'exact', 'traces', 'depth-only'"),
        (
            {"gradients": "bptt", "rule": "traces"},
            "rule is 'traces', expected 'exact' because gradients='bptt'",
        ),
        ({"gradients": "bptt", "update_every": 3}, "update_every is 3, expected 0 because gradients='bptt'"),
        ({"update_every": -1}, "update_every is -1, expected a whole number of at least 0"),
        ({"update_every": T}, f"update_every is {T}, expected less than {T} because a sequence has"),
        (
            {"memory": "recompute"},
            "memory is 'recompute', expected 'keep' because gradients='online' stores no",
        ),
        ({"graph": True}, "graph is True, expected False because gradients='online'"),
        (
            {"loss": lambda y, t: (0.0, y)},
            "loss is the function <lambda>, expected the name of a loss because",
        ),
    ],
)
def test_plans_that_do_not_fit_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        fit(network(), data(), **{"gradients": "online"} | options)


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (network(3), r"rule is 'exact', which has no gradient of 1.W, expected rule='traces' or"),
        (network(2, inputs=3), r"rule is 'exact', which has no gradient of 0.W, expected rule='traces' or"),
        (network(2, steps=T, dtype="float32").astype("float64"), ""),
        (ir.plain(D, 65, K, 2, T, output="every", dtype="float64"), "a layer has 65 units, expected at most 64"),
        (ir.plain(D, H, K, 1, T, output="every", batchnorm=True, dtype="float64"), "layer 1 is a BatchNorm"),
        (ir.Sequential([ir.IndRNN(D, H, reverse=True), ir.Linear(H, K)], T, dtype="float64"), "in reverse"),
        (ir.Sequential([ir.Bidirectional(ir.IndRNN(D, H)), ir.Linear(2 * H, K)], T, dtype="float64"),
         "layer 0 is a Bidirectional"),
    ],
)  # fmt: skip
def test_networks_without_such_gradients_are_refused_before_the_run(tmp_path, net, words):
    x, target = data(inputs=net.layers[0].inputs)
    if not words:
        fit(net, (x, target), gradients="online")
        return
    with pytest.raises(ValueError, match=words):
        fit(net, (x, target), gradients="online", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif("cuda" not in ir.backends(), reason="no GPU and no simulator")
def test_the_gpu_is_refused_before_the_run(tmp_path):
    words = "online: the backend is 'cuda', expected 'cpu' or 'reference' because online gradients have no kernels"
    with pytest.raises(ValueError, match=words):
        fit(network(backend="cuda"), data(), gradients="online", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_windows_without_a_gradient_are_refused():
    with pytest.raises(
        ValueError, match="update_every is 3 for task 'arrays', expected 0 because the loss reads"
    ):
        fit(network(last=True), data(last=True), gradients="online", update_every=3)
    x, target = data()
    with pytest.raises(
        ValueError, match="no target counts in iteration 3, expected at least one because each"
    ):
        fit(network(), (x, target, np.full(N, 3)), gradients="online", update_every=1, batch=N)


def test_a_run_that_diverges_names_the_place():
    """Also inside a sequence, whose states the repeated pass begins with."""

    def spoil(iteration):
        net.params["2.b"][1] = np.nan if iteration == 2 else 0

    net = network(2)
    words = r"the loss is nan in iteration 2, .*parameter 2.b\[1\]; .*the output of layer 2 \(Linear\) at step t = 0"
    with pytest.raises(ArithmeticError, match=words):
        fit(net, Stream(), gradients="online", update_every=4, callbacks=[spoil])


@pytest.mark.parametrize("rule", RULES)
def test_the_estimate_of_the_memory_covers_the_traces(rule):
    cells = [ir.IndRNN(D, 32, "tanh", input_init=0.5), ir.IndRNN(32, 32, "tanh", input_init=0.5)]
    net = ir.Sequential([*cells, ir.Linear(32, K)], steps=T, backend="reference")
    rng = np.random.default_rng(0)
    tracemalloc.start()
    x, target = rng.random((T, 50, D), np.float32), rng.random((T, 50, K), np.float32)
    learner = ir.online(net, rule)
    learner.run(x, target, np.full(50, T))
    learner.gradient()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    estimate = online_memory.estimate(net, rule, Batch(x, target), 50, 2)
    assert peak < estimate < 3 * peak
    longer = online_memory.estimate(net, rule, Batch(np.repeat(x, 10, 0), np.repeat(target, 10, 0)), 50, 2)
    assert longer - estimate == 9 * (x.nbytes + target.nbytes)


def test_the_command_line(tmp_path):
    assert settings.BY_NAME["gradients"].choices == GRADIENTS and settings.BY_NAME["rule"].choices == RULES
    small = [
        "--steps",
        "8",
        "--hidden",
        "4",
        "--iterations",
        "4",
        "--batch",
        "3",
        "--quiet",
        "--threads",
        "1",
    ]
    out = ["--out", str(tmp_path / "run")]
    assert cli.main(["train", "adding", *small, "--gradients", "online", "--rule", "traces", *out]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    about = "online gradients, rule 'traces', an update at the end of a sequence: approximate"
    assert summary["gradients"] == about and summary["plan"]["rule"] == "traces"
    assert f"gradients: {about}" in (tmp_path / "run" / "log.txt").read_text()
    assert cli.main(["train", "adding", *small, "--gradients", "online", "--update-every", "4"]) == 2
