"""Language models on the GPU, or in its simulator, beside the reference: passes, training, graphs, generation."""

import numpy as np
import pytest
import small_texts
from on_host import assert_same, host

import indrnn_np as ir
from indrnn_np import backend
from indrnn_np._cuda import arrays
from indrnn_np._cuda import target as _cuda
from indrnn_np.tasks import Batch
from indrnn_np.training.plan import Plan
from indrnn_np.training.step import step_of

pytestmark = pytest.mark.skipif("cuda" not in backend.backends(), reason=_cuda.problem()[0] or "no GPU")
T, B, V, H = 6, 3, 5, 4


def pair(tied=True, dropout=0.3):
    """The same model on the reference and on the GPU."""
    read = ir.Tied(H, V) if tied else ir.Linear(H, V)
    layers = [ir.Embedding(V, H, 0.5, embedding_dropout=dropout), ir.LayerNorm(H), ir.IndRNN(H, H, input_init=0.5),
              ir.BatchNorm(H, per_step=True, positions=T), read]  # fmt: skip
    return [ir.Sequential(layers, T, name, "float64", 1) for name in ("reference", "cuda")]


def batch(seed=0, kind="int64"):
    rng = np.random.default_rng(seed)
    return rng.integers(0, V, (T, B)).astype(kind), rng.integers(0, V, (T, B))


def whole_pass(net, x, lengths=None, **options):
    dy = np.random.default_rng(2).standard_normal((T, B, V))
    y, state, tape = net.forward(x, lengths=lengths, **options)
    dx, dstate, grads = net.backward(net.device.asarray(dy), tape, dstate=state)
    assert dx is None
    return host(net, [y, state, dstate, grads.flat, net.buffers.flat])


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("ends", [None, [T, 0, 2]], ids=["full", "lengths"])
@pytest.mark.parametrize("kind", ["int64", "uint8"])
def test_a_pass_gives_what_the_reference_gives(tied, ends, kind):
    x, lengths = batch(kind=kind)[0], None if ends is None else np.array(ends)
    expected = whole_pass(pair(tied)[0], x, lengths)
    assert_same(whole_pass(pair(tied)[1], x, lengths), expected)
    net = pair(tied)[1]
    assert_same(whole_pass(net, net.device.asarray(x), lengths, work=ir.Workspace()), expected)
    assert_same(host(net, list(net.infer(net.device.asarray(x), lengths=lengths))),
                host(net, list(net.infer(x, lengths=lengths))))  # fmt: skip


@pytest.mark.parametrize("memory", ["keep", "recompute"])
def test_a_stream_of_characters_is_trained_and_goes_on_as_on_the_reference(tmp_path, memory):
    told, task = [], small_texts.chars(tmp_path)
    for name in ("reference", "cuda"):
        net = small_texts.model(task, backend=name, dtype="float64")
        result = ir.fit(net, task, ir.Adam(0.01), iterations=3, batch=4, validate_every=3, memory=memory,
                        log_every=1, evaluation_batch=4, progress=False)  # fmt: skip
        curves = result.curve("softmax_cross_entropy")[1] + result.curve("bits", "validation")[1]
        told.append((curves, list(ir.sample(net, [1, 2], 5, temperature=0.0))))
    assert np.allclose(told[0][0], told[1][0], rtol=1e-10)
    assert told[0][1] == told[1][1]


def steps(graph, batches, net=None):
    """Loss and norm of each batch, and the parameters after them."""
    net = net or pair()[1]
    step = step_of(net, ir.Adam(0.05), Plan(9, B, "softmax_cross_entropy", graph=graph), ir.Workspace())
    found = []
    for x, target in batches:
        outcome = step.begin(Batch(x, target), None)()
        assert outcome.updated and outcome.finite
        found.append((outcome.loss, outcome.norm))
    return found, net.flat.to_host().tobytes()


def test_graphs_give_the_same_bits():
    batches = [batch(seed) for seed in range(4)]
    assert steps(True, batches) == steps(False, batches)


@pytest.mark.parametrize("repeat", [0, 1, 3])
@pytest.mark.parametrize("graph", [False, True])
def test_an_unknown_symbol_is_found_in_any_iteration(repeat, graph):
    wrong = np.where(np.arange(T * B).reshape(T, B) == 4, V, batch()[0])
    with pytest.raises(ValueError, match=r"x\[1, 1\] is 5, expected 0 to 4 because there are 5 symbols"):
        steps(graph, [batch()] * repeat + [(wrong, batch()[1])])


def test_an_unknown_symbol_in_the_gpus_memory_is_found_too():
    net = pair()[1]
    with pytest.raises(ValueError, match=r"embedding.forward: ids\[0, 1\] is -1, expected 0 to 4"):
        net.forward(net.device.asarray(np.array([[0, -1, 3]])))
    with pytest.raises(ValueError, match=r"ids\[0, 2\] is 9, expected 0 to 4"):
        net.step(net.device.asarray(np.array([0, 1, 9])))


def test_nothing_is_allocated_after_the_second_iteration():
    net = pair()[1]
    step, counts = step_of(net, ir.Adam(), Plan(9, B, "softmax_cross_entropy"), ir.Workspace()), []
    for i in range(5):
        step.begin(Batch(*batch(i)), None)()
        counts.append(arrays.POOL.allocations)
    assert counts[1] == counts[4]
