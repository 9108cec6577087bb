"""TimeSplit: one process has the bits of the network, ranks agree with it, and the rest is refused."""

import itertools

import numpy as np
import pytest
from mpi_ranks import ThreadComm, mpiexec, needs_mpi
from strategies import GPUS
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.training import time_maps
from indrnn_np.training.time_maps import GradientMap, StateMap

T, B, D, H = 60, 3, 2, 4


def layer_with_context(kind, activation, u):
    """A layer, and its context in a network."""
    layer = ir.IndRNN(D, H, activation) if kind is ir.IndRNN else ir.Recurrence(H, activation)
    net = ir.Sequential([layer], T, "reference", "float64")
    net.params["0.u"][...] = u
    return layer, net.contexts()[0]


@pytest.mark.parametrize("kind", [ir.IndRNN, ir.Recurrence])
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("u", [[1, -0.9, 0.3, 0], [-1, 0.99, 1.01, -0.1]])
def test_the_maps_of_pieces_lead_to_the_states_and_gradients_between_them(monkeypatch, kind, activation, u):
    monkeypatch.setattr(time_maps, "WINDOW_BYTES", 7 * B * H * 8)
    rng, edges = np.random.default_rng(0), [0, 10, 31, T]
    layer, ctx = layer_with_context(kind, activation, u)
    x, dh = rng.standard_normal((T, B, layer.inputs)), rng.standard_normal((T, B, H))
    y, _, _ = layer.forward(x, None, ctx)
    h = np.concatenate([np.zeros((1, B, H)), y])
    if activation != "tanh":
        first, *maps = (StateMap(layer, x[i:j], ctx) for i, j in itertools.pairwise(edges))
        parts = [first.constant(h[edges[1]]), *(part.compose() for part in maps)]
        starts, safe = StateMap.carried(*map(np.stack, zip(*parts, strict=True)))
        assert safe
        assert_close(starts[1:], h[edges[1:-1]], "states")
    ends = [
        ctx.ops.recurrence.backward(dh[i:], h[i:], ctx.param("u"), None, activation)[2] for i in edges[1:-1]
    ]
    last, *maps = (GradientMap(layer, dh[i:j], h[i : j + 1], ctx) for i, j in ((31, T), (10, 31), (0, 10)))
    parts = [last.constant(ends[-1]), *(part.compose() for part in maps)]
    starts, safe = GradientMap.carried(*map(np.stack, zip(*parts, strict=True)))
    assert safe
    assert_close(starts[1:], np.stack(ends[::-1]), "gradients of states")


def test_a_map_that_may_overflow_is_not_safe():
    layer, ctx = layer_with_context(ir.Recurrence, "identity", 4.0)
    x = np.ones((T, B, H))
    part = StateMap(layer, x, ctx)
    parts = [part.constant(x[0]), part.compose(), part.constant(x[0])]
    assert not StateMap.carried(*map(np.stack, zip(*parts, strict=True)))[1]


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_one_process_has_the_bits_of_the_network(backend):
    net = ir.Sequential(
        [ir.IndRNN(D, H, learn_h0=True), ir.Linear(H, H), ir.Recurrence(H, "tanh")], T, backend
    )
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((T, B, size)).astype(np.float32) for size in (D, H))
    whole, _, tape = net.forward(x)
    expected = net.backward(dy, tape)[2]
    split = ir.TimeSplit(net, None)
    y, tape = split.forward(x)
    grads = split.backward(dy, tape)
    assert y.tobytes() == whole.tobytes()
    assert grads.flat.tobytes() == expected.flat.tobytes()
    assert grads["0.h0"].any()


@needs_mpi
@pytest.mark.parametrize("size", [2, 4])
def test_ranks_agree_with_one_process(size):
    done = mpiexec(size, "-m", "mpi4py", "-m", "split_runs")
    assert (done.returncode, done.stdout) == (0, f"9 networks on {size} ranks\n"), done.stderr


@pytest.mark.parametrize(
    "layer, message",
    [
        (
            ir.BatchNorm(H),
            "layers[1] is BatchNorm, expected IndRNN, Recurrence or Linear because its statistics",
        ),
        (ir.Bidirectional(ir.Recurrence(H)), "is Bidirectional, .* run from both of its ends"),
        (ir.Recurrence(H, reverse=True), "Recurrence with reverse=True, expected reverse=False"),
        (ir.LSTM(H, H), "layers[1] is LSTM, .* because its units read each other"),
        (ir.LastStep(), "layers[1] is LastStep, .* because only the last rank has the last step"),
        (ir.LayerNorm(H), "layers[1] is LayerNorm, .* because TimeSplit does not run other layers"),
    ],
)
def test_other_layers_are_refused_by_name_and_reason(layer, message):
    net = ir.Sequential([ir.Linear(D, H), layer], T, "reference")
    with pytest.raises(ValueError, match="TimeSplit: .*" + message.replace("[1]", r"\[1\]")):
        ir.TimeSplit(net, None)


def test_arguments_are_checked():
    net = ir.Sequential([ir.IndRNN(D, H)], T, "reference")
    with pytest.raises(TypeError, match="TimeSplit: net is a list, expected a Sequential"):
        ir.TimeSplit([], None)
    with pytest.raises(TypeError, match="TimeSplit: comm is 4, expected a communicator of mpi4py"):
        ir.TimeSplit(net, 4)
    with pytest.raises(ValueError, match="TimeSplit: comm has 3 ranks, expected a power of two"):
        ir.TimeSplit(net, ThreadComm(0, 3, {}))
    split = ir.TimeSplit(net, None)
    with pytest.raises(ValueError, match=r"TimeSplit\.forward: x of rank 0 has 0 steps, expected at least 1"):
        split.forward(np.zeros((0, B, D), np.float32))
    with pytest.raises(TypeError, match=r"TimeSplit\.backward: the tape is a tuple"):
        split.backward(np.zeros((T, B, H), np.float32), ())


@pytest.mark.parametrize("backend", GPUS)
def test_a_network_on_a_gpu_is_refused(backend):
    net = ir.Sequential([ir.IndRNN(D, H)], T, backend)
    with pytest.raises(
        ValueError, match="TimeSplit: the network is on 'cuda', expected 'cpu' or 'reference'"
    ):
        ir.TimeSplit(net, None)


class Shapes:
    """Ranks that pass x of other shapes."""

    def __init__(self, *shapes):
        self.shapes = shapes

    def gather(self, values):
        return values + list(self.shapes)


@pytest.mark.parametrize(
    "other, message",
    [
        ((30, 2), "x of rank 1 has 2 samples, expected 3 as on rank 0"),
        ((0, 3), "x of rank 1 has 0 steps, expected at least 1"),
        ((31, 3), "the pieces have 61 steps, expected at most 60"),
    ],
)
def test_pieces_have_to_fit_each_other(other, message):
    split = ir.TimeSplit(ir.Sequential([ir.IndRNN(D, H)], T, "reference"), None)
    split.ranks = Shapes(other)
    with pytest.raises(ValueError, match="TimeSplit.forward: " + message):
        split._check_pieces(np.zeros((30, B, D), np.float32))
