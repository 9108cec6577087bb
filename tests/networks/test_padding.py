"""Nothing looks beyond a sample's length: with poison there every result has the bits of the clean arrays."""

import numpy as np
import pytest
from entries import FUNCTIONS, arguments
from small_runs import QUIET
from strategies import HOSTS

import indrnn_np as ir
from indrnn_np import backend, study
from indrnn_np.optim import losses
from indrnn_np.study.twins import Twins
from indrnn_np.tasks import Batch
from indrnn_np.tasks.arrays import Arrays
from indrnn_np.training import diagnose, metrics
from indrnn_np.training.step import Outcome
from indrnn_np.training.updates import Update

pytestmark = pytest.mark.filterwarnings("ignore:.* has dtype float64 and is converted")
T, N, D, K, V = 7, 11, 2, 3, 5
RNG = np.random.default_rng(0)
LENGTHS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 7, 3, 2])
BEYOND = np.arange(T)[:, None] >= LENGTHS
X = RNG.standard_normal((T, N, D))
LABELS = RNG.integers(0, K, (T, N))
VALUES = RNG.standard_normal((T, N, K))
PROBABILITIES = np.abs(np.tanh(VALUES))
IDS = RNG.integers(0, V, (T, N))
MASK = RNG.random((T, N)) < 0.8
REAL = [np.nan, np.inf, -1e300]
WHOLE = [255, -1, 2**62, -(2**63)]


def poisoned(value, poison):
    """The array with a poison after each sample's end, zeros there for None."""
    changed = value.copy()
    changed[BEYOND[: len(value), : value.shape[1]]] = 0 if poison is None else poison
    return changed


def of_kind(value, k):
    """Poison number k for arrays of that dtype; None leaves zeros."""
    if k is None:
        return None
    return {"f": REAL, "b": [True], "i": WHOLE}[value.dtype.kind][
        k % {"f": 3, "b": 1, "i": 4}[value.dtype.kind]
    ]


def spoil(k, *arrays):
    return tuple(poisoned(value, of_kind(value, k)) for value in arrays)


KINDS = [0, 1, 2, 3]
each_poison = pytest.mark.parametrize("k", KINDS)


def network(outputs=K, memory=False, **options):
    norm = [ir.BatchNorm(4, per_step=True)] if memory else [ir.LayerNorm(4), ir.BatchNorm(4)]
    stack = [ir.IndRNN(D, 4), *norm, ir.IndRNN(4, 4, "tanh"), ir.Linear(4, outputs)]
    return ir.Sequential(stack, steps=T, **{"backend": "reference", "seed": 1} | options)


def language(**options):
    stack = [ir.Embedding(V, 4, embedding_dropout=0.2), ir.LSTM(4, 4), ir.Linear(4, V)]
    return ir.Sequential(stack, steps=T, **{"backend": "reference", "seed": 1} | options)


def bits(result):
    """The bits of a run: history without times, and the parameters."""
    timed = ("seconds", "steps_per_second")
    lines = [{k: v for k, v in line.items() if k not in timed} for line in result.history]
    return lines, result.net.flat.tobytes(), result.net.buffers.flat.tobytes(), result.summary["task"]


@pytest.mark.parametrize("twin", HOSTS)
@pytest.mark.parametrize("op, name", [case for case in FUNCTIONS if "lengths" in arguments(*case)])
def test_ops(twin, op, name):
    """x, a and gradients; what forward kept is zero there by contract."""
    function = getattr(getattr(backend.get(twin), op), name)
    results = []
    for poison in (0.0, np.nan, np.inf, -1e300):
        given = arguments(op, name)
        ends = given["lengths"]
        for key in {"x", "a", "dh", "dy"} & set(given):
            steps = np.arange(len(given[key]))[:, None]
            given[key][np.broadcast_to(steps >= ends, given[key].shape[:2])] = poison
        found = function(**given)
        found = found if isinstance(found, tuple) else (found,)
        results.append([np.asarray(part).tobytes() for part in found if part is not None])
    assert all(result == results[0] for result in results)


@each_poison
@pytest.mark.parametrize(
    "y", [LABELS, VALUES, LABELS[0], VALUES[0]], ids=["labels", "values", "label", "value"]
)
@pytest.mark.parametrize("validation", [None, 0.3, "own"])
def test_fit(k, y, validation):
    every = y.shape[:2] == (T, N)
    found = []
    for poison in (None, k):
        x, target = (*spoil(poison, X), *(spoil(poison, y) if every else (y,)))
        net = network() if every else ir.Sequential(
            [ir.IndRNN(D, 4), ir.BatchNorm(4), ir.LastStep(), ir.Linear(4, K)], steps=T, backend="reference"
        )  # fmt: skip
        own = (x, target, LENGTHS) if validation == "own" else validation
        options = {"validate_every": 2 if own else 0, "validation": own, "bn_batch": 5}
        run = ir.fit(
            net, (x, target, LENGTHS), ir.Adam(0.01), iterations=3, batch=4, log_every=1, **options, **QUIET
        )
        found.append(bits(run))
    assert found[0] == found[1]


@each_poison
def test_the_number_of_classes(k):
    x, y = spoil(k, X, LABELS)
    assert Arrays(x, y, LENGTHS).output_size == Arrays(*spoil(None, X, LABELS), LENGTHS).output_size == K
    assert Arrays(x, y.astype(np.uint8), LENGTHS, test=(x, y, LENGTHS)).output_size == K


@each_poison
def test_a_file_of_sequences(tmp_path, k):
    found = []
    for poison in (None, k):
        x, y = spoil(poison, X, LABELS)
        path = tmp_path / f"{poison}.npz"
        np.savez(path, x=x, y=y, lengths=LENGTHS, x_test=x, y_test=y, lengths_test=LENGTHS)
        task = ir.tasks.get("sequences", data=path)
        net = network()
        found.append((metrics.evaluate(net, task.evaluation("test", 4), task.loss), task.describe()))
    assert found[0] == found[1]


def batch(k, net, y, mask=MASK):
    x, target, mask, recalled = spoil(k, X, y, mask, ~MASK)
    with np.errstate(over="ignore"):
        x = x.astype(net.dtype) if net.symbols is None else spoil(k, IDS)[0]
        target = target.astype(net.dtype) if target.dtype.kind == "f" else target
    return Batch(x, target, LENGTHS, mask, recalled)


def pass_of(net, loss, one):
    """Loss, gradients, evaluation and output, as bits."""
    y, _, tape = net.forward(one.x, lengths=LENGTHS)
    value, dy = metrics.loss_of(loss, y, one, net.ops)
    gradient = net.backward(dy, tape)[2].flat
    means = metrics.evaluate(net, [one], loss)
    return value, means, [found.tobytes() for found in (dy, gradient, net(one.x, lengths=LENGTHS))]


@pytest.mark.parametrize("name", HOSTS)
@each_poison
def test_evaluation_and_gradient_of_a_batch_with_a_mask(name, k):
    """Masks and recalled targets count up to the sample's end only."""
    for make, loss, y in (
        (network, "mse", VALUES),
        (network, "binary_cross_entropy", PROBABILITIES),
        (network, "softmax_cross_entropy", LABELS),
        (language, "softmax_cross_entropy", IDS),
    ):
        nets = make(backend=name), make(backend=name)
        clean, spoilt = (
            pass_of(net, loss, batch(poison, net, y)) for net, poison in zip(nets, (None, k), strict=True)
        )
        assert clean == spoilt


@each_poison
def test_training_in_windows_and_inference_in_windows(k, monkeypatch):
    monkeypatch.setattr("indrnn_np.networks.inference.WINDOW_BYTES", 1)
    for make in (lambda: network(memory=True), language):
        found = []
        for poison in (None, k):
            net = make()
            one = batch(poison, net, VALUES)
            y, _, tape = net.forward(one.x, lengths=LENGTHS, memory="recompute")
            gradient = net.backward(y, tape)[2].flat
            found.append((gradient.tobytes(), net.infer(one.x, lengths=LENGTHS)[0].tobytes()))
        assert found[0] == found[1]


@each_poison
@pytest.mark.parametrize("loss", [None, *losses.LOSSES])
def test_gradcheck(k, loss):
    y = {"mse": VALUES, "softmax_cross_entropy": LABELS, "binary_cross_entropy": PROBABILITIES}.get(loss)
    reports = []
    for poison in (None, k):
        x, target, mask = spoil(poison, X, VALUES if y is None else y, MASK)
        given = {} if loss is None else {"y": target, "loss": loss, "mask": mask}
        reports.append(ir.gradcheck(network(memory=True), x, lengths=LENGTHS, **given))
        if loss is not None:
            ir.gradcheck(network(memory=True), x, target, loss, lengths=LENGTHS)
    assert [str(row) for row in reports[0]] == [str(row) for row in reports[1]]


@each_poison
def test_batch_norms_statistics(k):
    nets = [network(), network()]
    for net, poison in zip(nets, (None, k), strict=True):
        net.recompute_statistics([(*spoil(poison, X), LENGTHS)])
    assert nets[0].buffers.flat.tobytes() == nets[1].buffers.flat.tobytes()


@each_poison
def test_studies(k):
    found = []
    for poison in (None, k):
        net = network()
        one = batch(poison, net, LABELS)
        flow = study.gradient_flow(net, one.x, one.target, lengths=LENGTHS, mask=one.mask)
        closed = study.closed_form(net, one.x, lengths=LENGTHS, sample=4, layer="0")
        twins = Twins(net, *spoil(poison, X, LABELS), None, LENGTHS, one.mask)
        gradient = twins.gradient(net.astype("float64"))[0]
        kinds = [
            study.memory(net, one.x, LENGTHS).measured,
            study.traces(net, one.x, lengths=LENGTHS, sample=4).h,
        ]
        found.append([values.tobytes() for values in (*kinds, flow.norms, closed.measured, gradient)])
    assert found[0] == found[1]


def test_where_a_run_diverged():
    """Padding is not named as the place of the first number that is not finite."""
    net, one = network(), batch(0, network(), VALUES)
    net.params["0.W"][0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        update = Update(one, None, net.buffers, 0, 0, 0.0, lambda: Outcome(0.0, 0.0))
        places = diagnose.find(net, update, "mse")
    assert not any("input x" in str(place) for place in places)


def test_which_targets_count():
    y = np.zeros((T, N, K), np.float32)
    assert losses.counted(y, None) is None and losses.counted(y[0], LENGTHS, MASK[0]) is not None
    np.testing.assert_array_equal(losses.counted(y, LENGTHS), ~BEYOND)
    np.testing.assert_array_equal(losses.counted(y, LENGTHS, np.ones_like(MASK)), ~BEYOND)
    with pytest.raises(ValueError, match="mask has dtype float64, expected bool"):
        losses.mse(y, y, losses.counted(y, LENGTHS, np.ones((T, N))))
