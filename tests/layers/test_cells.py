"""The layers RNN, LSTM and GRU: gradients, streams, windows, both directions, how they start, what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_strategies import batches, each_backend, ragged
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np._gradcheck.network import leaves
from indrnn_np.backend import Backend
from indrnn_np.device import Device
from indrnn_np.networks import recompute

KINDS = {
    "tanh": lambda D, H, **o: ir.RNN(D, H, **o),
    "relu": lambda D, H, **o: ir.RNN(D, H, "relu", **o),
    "lstm": lambda D, H, **o: ir.LSTM(D, H, **o),
    "gru": lambda D, H, **o: ir.GRU(D, H, **o),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
UNITS = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}


def network(layers, steps, seed=0, backend="cpu", dtype="float64"):
    """A network whose parameters are all away from 0 and 1."""
    net = ir.Sequential(layers, steps=steps, backend=backend, dtype=dtype, seed=seed)
    net.flat[...] += 0.3 * np.random.default_rng(seed).standard_normal(net.size).astype(net.dtype)
    return net


def stack(kind, D, *above):
    return [KINDS[kind](D, 4), KINDS[kind](4, 3), *above, ir.Linear(3, 2)]


def arrays(tree):
    return dict(leaves(tree))


def assert_same(actual, expected, scale=10.0):
    """Compare nested states; products of other shapes round in another order."""
    actual, expected = arrays(actual), arrays(expected)
    assert list(actual) == list(expected) != []
    for name, value in expected.items():
        assert_close(actual[name], value, name, scale)


@each_backend
@each_kind
@given(data=st.data(), batch=batches(), H=st.integers(1, 4), reverse=st.booleans())
def test_gradients(kind, backend, data, batch, H, reverse):
    x, seed = batch
    net = network([KINDS[kind](x.shape[2], H, reverse=reverse)], len(x), seed, backend)
    report = ir.gradcheck(net, x, lengths=data.draw(ragged(x)), seed=seed)
    assert all(row.kinks for row in report.undecided), report
    states = {"state.0.0", "state.0.1"} if kind == "lstm" else {"state.0"}
    letters = {"0.W", "0.U", "0.b"} | ({"0.c"} if kind == "gru" else set())
    assert {row.name for row in report} == {"x"} | letters | states


@each_kind
@given(data=st.data(), batch=batches((6, 4, 3)), last=st.booleans())
def test_gradients_of_stacks(kind, data, batch, last):
    """With batch norm, dropout, both directions, and a read-out of the last step or of all."""
    x, seed = batch
    layers = [
        ir.IndRNN(x.shape[2], 3, "tanh"),
        ir.BatchNorm(3),
        KINDS[kind](3, 4),
        ir.BatchNorm(4, per_step=True),
        ir.Dropout(0.3),
        ir.Bidirectional(KINDS[kind](4, 2)),
        *([ir.LastStep()] if last else []),
        ir.Linear(4, 2),
    ]
    report = ir.gradcheck(network(layers, len(x), seed), x, lengths=data.draw(ragged(x)), seed=seed)
    assert all(row.kinks for row in report.undecided), report


@each_backend
@each_kind
@given(batch=batches())
def test_step_by_step_equals_forward(kind, backend, batch):
    x, seed = batch
    net = network(stack(kind, x.shape[2]), len(x), seed, backend)
    y, last, _ = net.forward(x)
    state, rows = None, []
    for x_t in x:
        y_t, state = net.step(x_t, state)
        rows.append(y_t)
    assert_close(np.stack(rows), y, scale=10)  # products of other shapes
    assert_same(state, last)


@each_kind
@given(data=st.data(), batch=batches((9, 3, 3)))
def test_windows_that_carry_state_and_gradient_equal_one_run(kind, data, batch):
    x, seed = batch
    net, rng = network(stack(kind, x.shape[2]), len(x), seed), np.random.default_rng(seed)
    y, last, tape = net.forward(x)
    dy = rng.standard_normal(y.shape)
    dx, dfirst, grads = net.backward(dy, tape, last)
    cut = data.draw(st.integers(1, len(x)))
    first, state, tape_1 = net.forward(x[:cut])
    second, after, tape_2 = net.forward(x[cut:], state)
    assert_close(np.concatenate([first, second]), y, scale=10)
    assert_same(after, last)
    dx_2, dstate, grads_2 = net.backward(dy[cut:], tape_2, last)
    total = grads_2.flat.copy()
    dx_1, dbegin, grads_1 = net.backward(dy[:cut], tape_1, dstate)
    assert_close(np.concatenate([dx_1, dx_2]), dx, scale=100)
    assert_close(total + grads_1.flat, grads.flat, scale=100)  # sums in another order
    assert_same(dbegin, dfirst, scale=100)


@each_kind
@given(data=st.data(), batch=batches((9, 4, 3)), last=st.booleans(), window=st.integers(1, 10))
def test_windows_of_recomputation_equal_one_pass(kind, data, batch, last, window):
    x, seed = batch
    lengths = data.draw(ragged(x))
    above = [ir.LastStep(), ir.Dropout(0.3)] if last else [ir.BatchNorm(3, per_step=True)]
    results = []
    for window_of in (None, window):
        net = network(stack(kind, x.shape[2], *above), len(x), seed)
        if window_of is None:
            y, after, tape = net.forward(x, lengths=lengths)
        else:
            states = (None,) * len(net.layers)
            y, after, tape = recompute.forward(net, x, states, lengths, True, ir.Workspace(), window_of)
        dx, before, grads = net.backward(np.ones_like(y), tape)
        results.append((y, dx, grads.flat, *arrays(after).values(), *arrays(before).values()))
    for one, other in zip(*results, strict=True):
        assert_close(other, one, scale=100)  # sums over other groups of steps


@each_kind
def test_inference_in_windows_and_of_all_at_once(kind, monkeypatch):
    x = np.random.default_rng(0).standard_normal((50, 3, 2))
    net = network(stack(kind, 2), 50)
    y, state, _ = net.forward(x, training=False)
    monkeypatch.setattr("indrnn_np.networks.inference.WINDOW_BYTES", 7 * 3 * 4 * 8)  # 7 steps
    inferred, after = net.infer(x)
    assert_close(inferred, y, scale=10)
    assert_same(after, state)


@each_kind
def test_the_last_step_hands_down_one_row(kind, monkeypatch):
    """No gradient (T, B, H) is written out, and the numbers are those of one that is."""
    x = np.random.default_rng(1).standard_normal((7, 3, 2))
    net = network([KINDS[kind](2, 4), ir.LastStep(), ir.Linear(4, 2)], 7)
    y, _, tape = net.forward(x)
    dx, _, grads = net.backward(np.ones_like(y), tape)
    dx, total, seen = dx.copy(), grads.flat.copy(), []
    op = getattr(net.ops, {"tanh": "rnn", "relu": "rnn"}.get(kind, kind))
    right = op.backward
    monkeypatch.setattr(op, "backward", lambda dh, *rest: (seen.append(dh), right(dh, *rest))[1])
    for lengths in (None, np.full(3, 7), np.array([7, 0, 7])):
        _, _, tape = net.forward(x, lengths=lengths)
        again, _, grads = net.backward(np.ones_like(y), tape)
        if lengths is None or lengths.all():
            assert_close(again, dx, scale=10)
            assert_close(grads.flat, total, scale=10)
    assert seen[0] is None and seen[1] is None and seen[2].shape == (7, 3, 4)


@each_kind
def test_the_probe_gets_the_layers_name_and_the_whole_gradient(kind):
    x = np.random.default_rng(2).standard_normal((6, 2, 3))
    net = network([KINDS[kind](3, 4), ir.LastStep(), ir.Linear(4, 2)], 6)
    y, _, tape = net.forward(x)
    found = np.full((6, 2, 4), np.nan)

    def probe(layer, t0, t1, dh, da):
        assert layer == "0" and da.shape == (t1 - t0, 2, UNITS[kind] * 4)
        found[t0:t1] = dh

    dy = np.ones_like(y)
    net.backward(dy, tape, probe=probe)
    assert_close(found[-1], dy @ net.params["2.W"])
    assert np.isfinite(found).all() and np.abs(found[0]).max() > 0


def test_how_they_start():
    net = ir.Sequential([ir.RNN(5, 40), ir.LSTM(40, 30), ir.GRU(30, 20)], dtype="float64")
    for name, gates in (("0", 1), ("1", 4), ("2", 3)):
        W, U = net.params[f"{name}.W"], net.params[f"{name}.U"]
        H, D = U.shape[1], W.shape[1]
        for part in np.split(U, gates):
            assert np.abs(part @ part.T - np.eye(H)).max() < 1e-12
        assert not np.array_equal(U[:H], U[-H:]) or gates == 1
        bound = np.sqrt(6 / (D + H))
        assert 0.9 * bound < np.abs(W).max() <= bound and abs(W.mean()) < 0.1 * bound
    assert net.params["1.b"].reshape(4, 30).tolist() == [[0] * 30, [1] * 30, [0] * 30, [0] * 30]
    assert not net.params["0.b"].any() and not net.params["2.b"].any() and not net.params["2.c"].any()
    assert net.bounds == {}


def test_an_irnn_and_other_starts():
    irnn = ir.RNN(100, 60, "relu", recurrent_init="identity", input_init=0.001)
    net = ir.Sequential(
        [irnn, ir.RNN(60, 3, recurrent_init=0.5), ir.LSTM(3, 2, forget_bias=-2.0)], dtype="float64"
    )
    assert np.array_equal(net.params["0.U"], np.eye(60)) and np.array_equal(
        net.params["1.U"], 0.5 * np.eye(3)
    )
    assert abs(net.params["0.W"].std() - 0.001) < 5e-5
    assert net.params["2.b"].reshape(4, 2)[1].tolist() == [-2, -2]
    x = np.abs(np.random.default_rng(0).standard_normal((5, 2, 100)))
    assert_close(
        net.layers[0].step(np.zeros((2, 100)), np.ones((2, 60)), net.contexts()[0])[0], np.ones((2, 60))
    )
    assert net.gates(net.forward(x)[2])[0].shape == (5, 2, 60)


@pytest.mark.parametrize("layer", [
    ir.RNN(2, 3, "relu", "identity", 0.001, reverse=True), ir.LSTM(2, 3, 0.1, forget_bias=2.0),
    ir.GRU(2, 3, reverse=True), ir.Bidirectional(ir.LSTM(2, 3)), ir.Bidirectional(ir.GRU(2, 3)),
])  # fmt: skip
def test_a_layer_comes_back_from_its_description(layer):
    net = ir.Sequential([layer], seed=3)
    again = ir.Sequential.from_spec(net.spec())
    assert again.layers == net.layers and np.array_equal(again.flat, net.flat)


def test_windows_keep_in_mind_how_much_a_cell_keeps():
    """What `recompute` weighs against each other: the state at an edge, and what a step leaves behind."""
    for layer, edge, step in (
        (ir.IndRNN(2, 8), 8, 8),
        (ir.RNN(2, 8), 8, 8),
        (ir.LSTM(2, 8), 16, 48),
        (ir.GRU(2, 8), 8, 40),
    ):
        found = recompute.sizes([layer], 1, 2)
        assert found[:2] == (edge, step + 2 * 8), layer


ROW = np.zeros((1, 3), np.float32)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ir.RNN(0, 3), "RNN: input_size is 0, expected a number of at least 1"),
    (lambda: ir.LSTM(2, 0), "LSTM: hidden_size is 0, expected a number of at least 1"),
    (lambda: ir.RNN(2, 3, "gelu"), "RNN: activation is 'gelu', expected one of 'relu', 'tanh'"),
    (lambda: ir.RNN(2, 3, recurrent_init="ones"), "recurrent_init is 'ones', expected one of 'orthogonal', 'identity'"),
    (lambda: ir.GRU(2, 3, input_init="kaiming"), "GRU: input_init is 'kaiming', expected one of 'glorot'"),
    (lambda: ir.GRU(2, 3, input_init=-1.0), "GRU: input_init is -1.0, expected a number of at least 0.0"),
    (lambda: run(ir.LSTM(2, 3), state=[ROW]), r"state\[0\] is a ndarray, expected a sequence with one entry for each"),
    (lambda: run(ir.LSTM(2, 3), state=[(ROW, np.zeros((1, 4)))]), r"state has shape \(1, 4\), expected \(1, 3\)"),
    (lambda: run(ir.GRU(2, 3), state=[np.zeros((2, 3))]), r"GRU.forward: state has shape \(2, 3\), expected \(1, 3\)"),
    (lambda: run(ir.GRU(3, 3)), r"expected \(T, B, 3\) because the first layer has 3 inputs"),
    (lambda: run(ir.LSTM(2, 3, reverse=True), memory="recompute"), "LSTM reads later steps, expected memory='keep'"),
    (lambda: ir.Bidirectional(ir.LSTM(2, 3, reverse=True)), "expected an IndRNN or another cell with reverse=False"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def run(layer, **options):
    return ir.Sequential([layer]).forward(np.zeros((4, 1, 2), np.float32), **options)


def test_a_backend_without_the_cells_says_so():
    """As the CUDA table does, which takes no arrays of NumPy's."""
    table = Backend("cuda", Device())
    table.otherwise = "cuda"
    assert table.serves("indrnn") and not any(table.serves(op) for op in ("rnn", "lstm", "gru"))
    words = "backend: op lstm has no twin for backend 'cuda', expected 'cpu' or 'reference' because NumPy's reference"
    with pytest.raises(ValueError, match=words):
        _ = table.lstm
    for layer, op in (
        (ir.RNN(2, 3), "rnn"),
        (ir.LSTM(2, 3), "lstm"),
        (ir.Bidirectional(ir.GRU(2, 3)), "gru"),
    ):
        assert layer.needs == (op,)


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
def test_training_makes_nothing_large_after_the_second_iteration(kind):
    x = np.random.default_rng(4).standard_normal((60, 8, 2)).astype("float32")
    net, work = (
        network(
            [KINDS[kind](2, 32), KINDS[kind](32, 32), ir.LastStep(), ir.Linear(32, 1)], 60, dtype="float32"
        ),
        ir.Workspace(),
    )
    sizes = []
    for _ in range(3):
        y, _, tape = net.forward(x, work=work)
        net.backward(np.ones_like(y), tape)
        sizes.append(work.nbytes)
    assert sizes[0] == sizes[1] == sizes[2] > x.nbytes
