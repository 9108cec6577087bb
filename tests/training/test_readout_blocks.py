"""Read-out and loss in blocks of rows: the numbers of the usual passes, and no array of all scores."""

import tracemalloc

import numpy as np
import pytest
import small_texts
from small_runs import QUIET
from strategies import JIT
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.optim.class_options import NEITHER, ClassOptions
from indrnn_np.optim.schedules import Constant
from indrnn_np.tasks import Batch
from indrnn_np.training import memory_estimate, metrics, readout_blocks
from indrnn_np.training.gradient_pass import Bptt
from indrnn_np.training.passes import Passes, passes_of
from indrnn_np.training.plan import RunPlan
from indrnn_np.training.readout_blocks import BlockedPasses
from indrnn_np.training.shards import ShardedPass
from indrnn_np.workspace import Workspace

T, B, V, H = 6, 8, 12, 5
LOSS = "softmax_cross_entropy"
NEVER = 2**60
BACKEND = "cpu" if JIT else "reference"
LAYERS = {
    "tied": [ir.Embedding(V, H), ir.IndRNN(H, H, gamma=1.0), ir.Tied(H, V)],
    "linear": [ir.Embedding(V, H), ir.IndRNN(H, H, gamma=1.0), ir.Linear(H, V)],
    "norm": [
        ir.Embedding(V, H),
        ir.BatchNorm(H, per_step=True),
        ir.IndRNN(H, H, gamma=1.0),
        ir.Dropout(0.3),
        ir.Tied(H, V),
    ],
    "last": [ir.Embedding(V, H), ir.IndRNN(H, H, gamma=1.0), ir.LastStep(), ir.Linear(H, V)],
}
each_network = pytest.mark.parametrize("name", LAYERS)


def network(name, **options):
    return ir.Sequential(
        LAYERS[name], **{"steps": T, "seed": 1, "dtype": "float64", "backend": BACKEND} | options
    )


def plan(**options):
    fields = {
        "iterations": 9,
        "batch": B,
        "loss": LOSS,
        "schedule": Constant(0.1),
        "validate_every": 0,
        "shards": 1,
    }
    return RunPlan(**fields | options)


def batch(name, seed=0, **options):
    rng = np.random.default_rng(seed)
    shape = (B,) if name == "last" else (T, B)
    return Batch(rng.integers(0, V, (T, B)), rng.integers(0, V, shape), **options)


def some(name):
    """Options of batches: all targets, lengths, a mask, and both."""
    rng = np.random.default_rng(7)
    lengths, mask = rng.integers(1, T + 1, B), rng.random((B,) if name == "last" else (T, B)) < 0.6
    return {
        "all": {},
        "lengths": {"lengths": lengths},
        "mask": {"mask": mask},
        "both": {"lengths": lengths, "mask": mask},
    }


def both_ways(monkeypatch, function):
    """Return the results of a function without and with blocks."""
    results = []
    for large in (NEVER, 1):
        monkeypatch.setattr(readout_blocks, "LARGE", large)
        results.append(function())
    return results


def assert_equal_passes(usual, blocked):
    """Compare loss, gradient and state; the sums differ in order."""
    assert blocked[0] == pytest.approx(usual[0], rel=1e-13)
    assert_close(blocked[1], usual[1])
    assert len(blocked[2]) == len(usual[2])
    for one, other in zip(blocked[2], usual[2], strict=True):
        assert np.array_equal(one, other) if isinstance(other, np.ndarray) else one == other


@each_network
@pytest.mark.parametrize("targets", ["all", "lengths", "mask", "both"])
@pytest.mark.parametrize("memory", ["keep", "recompute"])
def test_loss_gradient_and_state_are_those_of_the_usual_passes(name, targets, memory, monkeypatch):
    """Of two batches, of which the second one continues the streams of the first."""
    options = some(name)[targets]

    def run():
        net, state = network(name), None
        step = Bptt(net, plan(memory=memory), Workspace())
        for seed in range(2):
            loss, grads, state = step(batch(name, seed, **options), state)
        return loss, np.array(grads.flat), state

    assert_equal_passes(*both_ways(monkeypatch, run))


@pytest.mark.parametrize("name", ["tied", "linear", "last"])
@pytest.mark.parametrize("shards", [2, 4])
def test_shards_add_up_to_the_gradient_of_the_batch(name, shards, monkeypatch):
    """One shard has no target that counts."""
    mask = np.ones((B,) if name == "last" else (T, B), bool)
    mask[..., : B // 4] = False
    part = batch(name, mask=mask)
    monkeypatch.setattr(readout_blocks, "LARGE", NEVER)
    loss, grads, _ = Bptt(network(name), plan(), Workspace())(part, None)
    monkeypatch.setattr(readout_blocks, "LARGE", 1)
    net = network(name)
    in_shards, gradient, _ = ShardedPass(net, plan(shards=shards), Workspace())(part, None)
    assert in_shards == pytest.approx(loss, rel=1e-13)
    assert_close(gradient.flat, grads.flat)


def test_a_weight_multiplies_the_gradient_of_the_loss():
    """As for shards with common statistics; without targets the gradient is zero."""
    net, part, results = network("tied"), batch("tied"), []
    for passes in (Passes(net, plan(), Workspace(), NEITHER), BlockedPasses(net, work=Workspace())):
        y, _, tape = passes.forward(part, None)
        results.append(np.array(passes.backward(passes.loss_of(y, part)[1], tape, 0.3).flat))
        assert not passes.backward(None, tape).flat.any()
    assert_close(*results)


@each_network
@pytest.mark.parametrize("targets", ["all", "lengths", "mask", "both"])
def test_an_evaluation_has_the_usual_means(name, targets, monkeypatch):
    net, options = network(name), some(name)[targets]
    empty = batch(name, mask=np.zeros((B,) if name == "last" else (T, B), bool))
    batches = [batch(name, 0, **options), empty, batch(name, 1, carry=True, **options)]
    usual, blocked = both_ways(monkeypatch, lambda: metrics.evaluate(net, batches, LOSS, "perplexity"))
    assert list(blocked) == list(usual) == [LOSS, "perplexity", "accuracy"]
    assert blocked == pytest.approx(usual, rel=1e-12) and blocked["accuracy"] == usual["accuracy"]


@pytest.mark.parametrize("reader", ["observer", "metric", "repeats", "recalled"])
def test_an_evaluation_that_reads_the_scores_has_no_blocks(reader, monkeypatch):
    monkeypatch.setattr(readout_blocks, "LARGE", 1)
    monkeypatch.setattr(readout_blocks, "evaluate", None)  # a call fails
    name, options, changes = "last" if reader == "repeats" else "tied", {}, {}
    shapes = []
    if reader == "observer":
        options = {"observers": [lambda batch, y, target, mask: shapes.append(y.shape)]}
    elif reader == "metric":
        options = {"own_metrics": {"largest": lambda y, target: shapes.append((T, B, y.shape[1])) or y.max()}}
    elif reader == "recalled":
        changes, shapes = {"recalled": np.ones((T, B), bool)}, [(T, B, V)]
    else:
        changes, shapes = {"repeats": 2, "target": np.zeros(B // 2, np.int64)}, [(T, B, V)]
    part = Batch(**{"x": batch(name).x, "target": batch(name).target} | changes)
    found = metrics.evaluate(network(name), [part], LOSS, **options)
    assert shapes == [(T, B, V)] and 0 <= found["accuracy"] <= 1
    assert ("recall" in found) == (reader == "recalled")


def test_the_rule(monkeypatch):
    """An affine read-out above another layer, the softmax loss by name, the op, and many scores."""
    net = network("tied")
    assert not readout_blocks.applies(net, LOSS, readout_blocks.LARGE // V)
    assert readout_blocks.applies(net, LOSS, readout_blocks.LARGE // V + 1)
    monkeypatch.setattr(readout_blocks, "LARGE", 1)
    assert type(passes_of(net, plan(), batch("tied"), Workspace(), NEITHER)) is BlockedPasses
    assert type(passes_of(net, plan(loss="mse"), batch("tied"), Workspace(), NEITHER)) is Passes
    for options in ClassOptions(smoothing=0.1), ClassOptions(np.ones(V)):
        assert type(passes_of(net, plan(), batch("tied"), Workspace(), options)) is Passes
        assert not readout_blocks.applies_to_steps(net, LOSS, T, B, options)
    assert not readout_blocks.applies(net, lambda y, target: (0.0, y), 10)
    assert not readout_blocks.applies(ir.Sequential([ir.Linear(2, 3)]), LOSS, 10)
    assert not readout_blocks.applies(ir.Sequential([ir.IndRNN(2, 3), ir.Dropout(0.1)], steps=5), LOSS, 10)
    assert readout_blocks.applies_to_steps(network("last"), LOSS, 10**6, 1)
    monkeypatch.setattr(readout_blocks, "LARGE", V + 1)  # the read-out of the last step has one row a sample
    assert not readout_blocks.applies_to_steps(network("last"), LOSS, 10**6, 1)


def test_a_run_repeats_its_bits_and_learns_as_usual(tmp_path, monkeypatch):
    def run():
        task = small_texts.chars(tmp_path, reset=0.2)
        net = small_texts.model(task, backend=BACKEND, dtype="float64")
        options = {"iterations": 6, "batch": 4, "validate_every": 3, "evaluation_batch": 4} | QUIET
        return ir.fit(net, task, ir.Adam(1e-2), **options)

    usual, blocked = both_ways(monkeypatch, run)
    again = run()
    assert np.array_equal(again.net.flat, blocked.net.flat)
    assert_close(blocked.net.flat, usual.net.flat, scale=1e3)  # six updates by Adam amplify rounding
    for split, means in usual.summary["final"].items():
        assert blocked.summary["final"][split] == pytest.approx(means, rel=1e-9)


def large(words=4000, steps=40, samples=32):
    """A network with many words, and a batch of 5 million scores."""
    net = ir.Sequential(
        [ir.Embedding(words, 16), ir.IndRNN(16, 16, gamma=1.0), ir.Tied(16, words)], steps=steps
    )
    ids = np.arange(steps * samples).reshape(steps, samples) % words
    return net, Batch(ids, ids), ids.size * words * 4


@pytest.mark.skipif(not JIT, reason="plain loops over elements take minutes")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_no_array_holds_all_scores(training):
    net, part, scores = large()

    def run():
        if training:
            return Bptt(net, plan(batch=32), Workspace())(part, None)
        return metrics.evaluate(net, [part], LOSS)

    run()  # compiles
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.75 * scores, f"{peak / 2**20:.1f} MiB, all scores take {scores / 2**20:.1f} MiB"


@pytest.mark.skipif(not JIT, reason="plain loops over elements take minutes")
@pytest.mark.parametrize("memory", ["keep", "recompute"])
def test_the_memory_is_estimated(memory):
    net, part, scores = large(steps=120)
    said = memory_estimate.estimate(net, 120, 32, memory, moments=0, loss=LOSS)
    tracemalloc.start()
    held = Bptt(net, plan(batch=32, memory=memory), Workspace())(part, None)
    real = tracemalloc.get_traced_memory()[1] + 2 * part.x.nbytes
    tracemalloc.stop()
    assert held[1].flat.size == net.size and real < 0.5 * scores
    assert 0.8 * real < said < 1.25 * real, f"said {said / 2**20:.1f} MiB, takes {real / 2**20:.1f} MiB"
    tracemalloc.start()
    metrics.evaluate(net, [part], LOSS)
    real = tracemalloc.get_traced_memory()[1] + part.x.nbytes
    tracemalloc.stop()
    said = memory_estimate.evaluation(net, 120, 32, loss=LOSS)
    assert 0.7 * real < said < 1.4 * real, f"said {said / 2**20:.1f} MiB, takes {real / 2**20:.1f} MiB"


def test_new_statistics_do_not_compute_scores(monkeypatch):
    net = network("norm")
    monkeypatch.setattr(ir.Tied, "forward", None)  # a call fails
    net.recompute_statistics([batch("norm").x])
    assert net.buffers.flat.any()
