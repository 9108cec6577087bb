"""States over a sequence, contributions to the output, one neuron kept: against linear neurons in closed form."""

import json

import numpy as np
import pytest
from saved_arrays import read_npz
from small_runs import adding
from tolerances import TOLERANCE, assert_close

import indrnn_np as ir
from indrnn_np import backend as backends
from indrnn_np import tasks
from indrnn_np.commands import cli
from indrnn_np.optim.losses import LOSSES
from indrnn_np.study import memory, one_neuron, ranking, traces
from indrnn_np.study.one_neuron import NAMES
from indrnn_np.study.states import record_states
from indrnn_np.tasks import Batch


def sums(u, W, K=1, T=5):
    """Linear neurons without input weights between them: z_n = W_n Σ_t u_n^(T-t) x_t, and a read-out."""
    net = ir.Sequential([ir.IndRNN(1, len(u), "identity"), ir.LastStep(), ir.Linear(len(u), K)], steps=T,
                        dtype="float64")  # fmt: skip
    net.params["0.u"][:], net.params["0.W"][:, 0] = u, W
    return net


class Sums:
    """The task of adding up T numbers."""

    name, loss, output, metric, splits = "sums", "mse", "last", "mse", ("validation",)

    def __init__(self, K=1, T=5):
        self.K, self.T = K, T

    def batch(self, iteration, size):
        x = np.random.default_rng(iteration).normal(size=(self.T, size, 1))
        return Batch(x, 3 * x.sum(axis=0) * np.arange(1, self.K + 1) - 1)

    def evaluation(self, split, size, iteration=0):
        yield self.batch(10**6 + iteration, size)


class Signs(Sums):
    """Is their sum positive?"""

    loss, metric = "softmax_cross_entropy", "accuracy"

    def batch(self, iteration, size):
        batch = super().batch(iteration, size)
        noise = np.random.default_rng(iteration + 1).normal(size=size)
        return Batch(batch.x, (batch.x.sum(axis=0)[:, 0] + noise > 0).astype(np.int64))


class Flags(Sums):
    """Is their sum positive? Two labels, each with noise of its own."""

    loss, metric = "binary_cross_entropy", "accuracy"

    def batch(self, iteration, size):
        batch = super().batch(iteration, size)
        noise = np.random.default_rng(iteration + 1).normal(0, 2, (size, 2))
        return Batch(batch.x, (batch.x.sum(axis=0) + noise > 0).astype(np.float32))


def test_traces_of_an_identity_neuron_are_running_sums():
    x = np.random.default_rng(0).normal(size=(6, 3, 1))
    found = traces(sums([1.0, 0.5], [1.0, 2.0], T=6), x, sample=2, marks=[2, 7])
    assert_close(found.h[:, 0], np.cumsum(x[:, 2, 0]))
    decayed = [2 * sum(0.5 ** (t - s) * x[s, 2, 0] for s in range(t + 1)) for t in range(6)]
    assert_close(found.h[:, 1], np.array(decayed))
    assert "in layer 0 2 of 2 neurons leave zero, for 6 of 6 steps" in found.words()
    assert found.layers == ("0",) and list(found.neurons) == [0, 1] and list(found.marks) == [2]
    np.testing.assert_array_equal(found.x, x[:, 2])
    table = found.table()
    assert list(table["steps not zero"]) == [6, 6] and table["last h"][0] == found.h[-1, 0]
    assert found.h[table["at step t"][1] - 1, 1] == table["largest h"][1]


def test_chosen_neurons_and_lengths():
    T, lengths = 7, np.array([7, 4])
    net = ir.plain(2, 5, 1, 2, T, dtype="float64", input_init=0.7)
    x = np.random.default_rng(0).normal(size=(T, 2, 2))
    whole, some = traces(net, x, sample=1, lengths=lengths), traces(net, x, "1", [3, 0], 1, lengths)
    assert whole.h.shape == (4, 10) and some.h.shape == (4, 2) and some.sizes == (2,)
    np.testing.assert_array_equal(some.h, whole.h[:, [5 + 3, 5 + 0]])
    np.testing.assert_array_equal(whole.h[:, 5:], record_states(net, x, lengths).states["1"].h[:4, 1])


@pytest.mark.parametrize(("asked", "words"), [
    ({"neurons": [0]}, "neurons is given with layer=None"), ({"layer": "7"}, "layer is '7', expected one of '0'"),
    ({"layer": "0", "neurons": [9]}, r"neurons\[0\] is 9, expected 0 to 1"),
    ({"layer": "0", "neurons": []}, r"neurons is \[\]"), ({"sample": 3}, "sample is 3, expected a number from 0"),
    ({"sample": 1, "lengths": np.array([2, 0, 1])}, "number of steps of sample 1 is 0"),
])  # fmt: skip
def test_what_there_is_not(asked, words):
    with pytest.raises(ValueError, match=words):
        traces(sums([1.0, 0.5], [1.0, 2.0]), np.ones((5, 3, 1)), **asked)


def test_every_kind_of_layer_is_recorded(backend):
    """By its name, in training with the batch's statistics and in inference with the running ones."""
    H, T = 4, 6
    block = ir.Residual([ir.BatchNorm(H), ir.Recurrence(H), ir.Linear(H, H)])
    layers = [ir.IndRNN(3, H), ir.BatchNorm(H), ir.Dropout(0.5), block, ir.LSTM(H, H), ir.GRU(H, H), ir.RNN(H, H),
              ir.Bidirectional(ir.IndRNN(H, 2)), ir.Linear(4, 1)]  # fmt: skip
    net = ir.Sequential(layers, steps=T, backend=backend, dtype="float64")
    x = np.random.default_rng(0).normal(size=(T, 5, 3))
    before = net.state_dict()
    found = record_states(net, x)
    assert list(found.states) == ["0", "3.1", "4", "5", "6", "7.forward", "7.reverse"]
    np.testing.assert_array_equal(found.y, net(x))
    assert found.states["7.reverse"].layer.reverse and found.states["7.reverse"].h.shape == (T, 5, 2)
    trained = record_states(net, x, training=True)
    assert (trained.states["0"].h == found.states["0"].h).all()
    assert (trained.states["3.1"].h != found.states["3.1"].h).any()
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert traces(net, x).sizes == (H, H, H, H, H, 2, 2)


def test_symbols_and_a_state_that_goes_on():
    net = ir.Sequential([ir.Embedding(5, 3), ir.IndRNN(3, 4, input_init=1.0), ir.Linear(4, 5)], steps=8)
    x = np.random.default_rng(0).integers(0, 5, (8, 2))
    assert traces(net, x, sample=1).x.shape == (8,)
    first = record_states(net, x[:4])
    rest = record_states(net, x[4:], state=first.after)
    np.testing.assert_array_equal(np.concatenate([first.y, rest.y]), net(x))


def test_the_ranking_of_linear_neurons():
    """Contributions W_n z_n; a neuron that never changes and one that nothing reads come last."""
    net = sums([1.0, 1.0, 0.0, 1.0], [1.0, 3.0, 1.0, 0.0], K=2)
    net.params["0.b"][3] = 2.0  # a constant: 5 · 2
    W = net.params["2.W"]
    W[:] = [[1, 0.5, 0, 1], [-1, 0.5, 0, 1]]
    batch = Sums(K=2).batch(0, 200)
    found = ranking(net, batch)
    z = batch.x.sum(axis=0)[:, 0]
    assert list(found.neurons) == [1, 0, 2, 3] and found.answers == 200 and found.layer == "0"
    expected = np.array([1.5 * z.std(), z.std(), 0, 0])
    np.testing.assert_allclose(found.spread, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        found.size[[0, 1, 3]], [1.5 * np.abs(z).mean(), np.abs(z).mean(), 10], rtol=1e-12
    )
    np.testing.assert_allclose(found.share, [0.6, 0.4, 0, 0], atol=1e-12)
    r = np.corrcoef(batch.x[-1, :, 0], z)[0, 1]
    np.testing.assert_allclose(found.alone[:3], [1, 1, r * r], rtol=1e-12)
    assert "neuron 1 of layer 0" in found.words() and "2 neurons make up 90 %" in found.words()


def test_the_ranking_counts_labels_as_0_and_1_and_leaves_padding_out():
    T, B = 4, 6
    net = ir.Sequential([ir.IndRNN(1, 2, "identity"), ir.Linear(2, 3)], steps=T, dtype="float64")
    rng = np.random.default_rng(2)
    x, labels, lengths = rng.normal(size=(T, B, 1)), rng.integers(0, 3, (T, B)), np.array([4, 1, 3, 2, 4, 1])
    found = ranking(net, [Batch(x, labels, lengths)] * 2, most=20)
    assert found.answers == 20
    keep = np.arange(T)[:, None] < lengths
    z = net.forward(x)[2].layers[0][1][1:][keep]
    z, hot = np.concatenate([z, z])[:20], np.eye(3)[np.tile(labels[keep], 2)[:20]]
    for n, share in zip(found.neurons, found.alone, strict=True):
        A = np.stack([z[:, n], np.ones(20)], axis=1)
        left = hot - A @ np.linalg.lstsq(A, hot)[0]
        assert share == pytest.approx(1 - (left**2).sum() / ((hot - hot.mean(axis=0)) ** 2).sum(), rel=1e-9)


@pytest.mark.parametrize(("layers", "words"), [
    ([ir.IndRNN(1, 2), ir.LastStep()], "the last layer is LastStep"),
    ([ir.IndRNN(1, 2), ir.LayerNorm(2), ir.Linear(2, 1)], "the read-out reads layer 1, LayerNorm"),
    ([ir.BatchNorm(1), ir.Linear(1, 1)], "the network has no recurrent layer"),
])  # fmt: skip
def test_weights_that_belong_to_no_neuron(layers, words):
    net, task = ir.Sequential(layers, dtype="float64", steps=5), Sums()
    for call in (lambda: ranking(net, task.batch(0, 3)), lambda: one_neuron(net, task)):
        with pytest.raises(ValueError, match=words):
            call()


def test_a_tied_read_out_and_batch_norm_behind_the_neurons():
    layers = [
        ir.Embedding(5, 3),
        ir.IndRNN(3, 3, input_init=1.0),
        ir.BatchNorm(3),
        ir.Dropout(0.3),
        ir.Tied(3, 5),
    ]
    net = ir.Sequential(layers, steps=4, dtype="float64")
    x = np.random.default_rng(0).integers(0, 5, (4, 30))
    net.params["2.scale"][:] = [1.0, 0.0, 2.0]
    found = ranking(net, Batch(x, x))
    assert found.neurons[-1] == 1 and found.spread[-1] == 0 and found.layer == "1"


def test_one_linear_neuron_solves_sums_exactly():
    """The neuron with u = 1 and W = 2 adds all up: w = 3/2, b = -1. A neuron without input is the constant answer."""
    net, task = sums([0.5, 1.0, 1.0], [1.0, 2.0, 0.0]), Sums()
    before = net.state_dict()
    found = one_neuron(net, task, 3, answers=400)
    assert list(found.neurons) == [1, 0, 2]
    assert found.errors[0] < TOLERANCE["float64"] and found.W[0, 0] == pytest.approx(1.5)
    assert found.b[0, 0] == pytest.approx(-1) and found.errors[2] == pytest.approx(found.blind)
    held = task.evaluation("validation", 50).__next__()
    assert found.whole == pytest.approx(float(((net(held.x) - held.target) ** 2).mean()))
    seen = np.concatenate([task.batch(i, 50).target for i in range(8)])
    assert found.blind == pytest.approx(float(((held.target - seen.mean()) ** 2).mean()))
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert found.table()["kept"] == ["neuron 1", "neuron 0", "neuron 2", "all", "none"]
    assert one_neuron(net, task, [2]).neurons.tolist() == [2]


def test_one_neuron_with_several_outputs():
    found = one_neuron(sums([1.0], [1.0], K=3), Sums(K=3), 1)
    assert found.errors[0] < TOLERANCE["float64"]
    np.testing.assert_allclose(found.W[0], [3, 6, 9], rtol=1e-12)


@pytest.mark.parametrize("task", [Signs(), Flags()])
def test_one_neuron_of_a_classifier_is_at_its_optimum(task):
    """Logistic regression is convex: the gradient is zero there, and nowhere else."""
    net = sums([1.0, 0.0], [2.0, 1.0], K=2)
    found = one_neuron(net, task, 2, answers=100)
    batches = [task.batch(i, 50) for i in range(2)]
    z = 2 * np.concatenate([one.x.sum(axis=0)[:, 0] for one in batches])
    target = np.concatenate([one.target for one in batches])
    target = target if target.ndim == 1 else target.astype(float)
    _, dy = getattr(ir, task.loss)(z[:, None] * found.W[0] + found.b[0], target)
    assert found.neurons[0] == 0 and np.abs(dy.sum(axis=0)).max() < 1e-6 and np.abs(z @ dy).max() < 1e-4
    assert found.errors[0] < found.errors[1] < found.blind * 1.05 and found.loss == task.loss


@pytest.mark.parametrize("task", [Signs(), Flags()])
def test_a_constant_neuron_of_a_classifier_gives_the_shares_of_the_labels(task):
    found = one_neuron(sums([1.0], [0.0], K=2), task, 1, answers=200)
    assert found.errors[0] == pytest.approx(found.blind)
    assert found.blind == pytest.approx(np.log(2), rel=0.1)  # half of the sums are positive


def test_every_loss_has_a_name():
    assert set(NAMES) == set(LOSSES)


@pytest.mark.parametrize(("asked", "words"), [
    ({"neurons": 0}, "neurons is 0"), ({"neurons": 4}, "neurons is 4"), ({"neurons": []}, r"neurons is \[\]"),
    ({"neurons": [5]}, r"neurons\[0\] is 5, expected 0 to 2"), ({"answers": 1}, "answers is 1"),
])  # fmt: skip
def test_neurons_that_are_not_there(asked, words):
    with pytest.raises(ValueError, match=words):
        one_neuron(sums([1.0] * 3, [1.0] * 3), Sums(), **asked)


def test_on_the_cpu_in_float32():
    task = tasks.get("adding", steps=8, evaluation_size=30)
    net = ir.plain(2, 6, 1, 2, 8)
    one, other = (one_neuron(n, task, 6, answers=60) for n in (net, net.astype("float32", "reference")))
    np.testing.assert_allclose(one.errors, other.errors, rtol=1e-3)
    assert (one.errors <= 1.5 * one.blind).all() and ranking(net, task.batch(0, 9)).answers == 9


@pytest.mark.skipif("cuda" not in backends.backends(), reason="no GPU, and no simulator of one")
def test_the_same_on_cuda():
    net, task = ir.plain(2, 4, 1, 2, 5, dtype="float64", batchnorm=True), adding(5, dtype="float64")
    x, batch = task.batch(0, 3).x, task.batch(0, 3)
    for look in (
        lambda n: memory(n, x, np.array([5, 2, 1])), lambda n: traces(n, x, sample=1), lambda n: ranking(n, batch),
        lambda n: one_neuron(n, task, 2, answers=6, batch=3),
    ):  # fmt: skip
        one, other = look(net).arrays(), look(net.astype("float64", "cuda")).arrays()
        for name in (name for name, value in one.items() if value.dtype.kind == "f"):
            np.testing.assert_allclose(other[name], one[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_drawings(tmp_path, figure):
    net, task = ir.plain(2, 6, 1, 2, 8), adding()
    batch = task.batch(0, 9)
    one, two = (traces(net, batch.x, sample=s, marks=[2, 5], title=str(s)) for s in (0, 1))
    one.plot(two, path=tmp_path / "traces.png")
    panels = np.reshape(figure[0].axes, (3, 2))
    assert [axes.get_ylabel() for axes in panels[:, 0]] == [
        "input $x_t$",
        "$h_t$ of layer 0",
        "$h_t$ of layer 1",
    ]
    assert [axes.get_xlabel() for axes in panels[-1]] == ["time step $t$"] * 2
    np.testing.assert_array_equal(panels[0, 1].lines[1].get_ydata(), two.x[[1, 4], 0])
    found = ranking(net, batch, title="a")
    found.plot(path=tmp_path / "ranking.png")
    left, right = figure[1].axes
    assert [patch.get_height() for patch in right.patches] == list(100 * found.alone)
    assert left.get_xlabel() == "neuron of layer 1" and left.get_ylabel()
    kept = one_neuron(net, task, 3, answers=20)
    kept.plot(path=tmp_path / "one.png")
    (axes,) = figure[2].axes
    assert list(axes.lines[0].get_xdata()) == list(kept.errors) and axes.get_xlabel() == "mean squared error"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [str(n) for n in kept.neurons]


def test_symbols_are_drawn_without_an_input_panel(tmp_path, figure):
    net = ir.Sequential([ir.Embedding(5, 3), ir.LSTM(3, 4)], steps=8)
    traces(net, np.zeros((8, 1), np.int64)).plot(path=tmp_path / "traces.png")
    assert [axes.get_ylabel() for axes in figure[0].axes] == ["$h_t$ of layer 1"]


def test_the_command(tmp_path, capsys):
    sizes = ["--steps", "4", "--set", "hidden=3", "--batch", "5", "--answers", "20", "--keep", "2"]
    given = [*sizes, "--train", "3", "--cells", "indrnn", "rnn-tanh", "--quiet", "--threads", "1"]
    assert cli.main(["study", "neurons", *given, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed] == ["IndRNN", "RNN-tanh"] * 3 + ["written"]
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        f"{what}-{cell}.csv"
        for what in ("traces", "ranking", "one-neuron")
        for cell in ("indrnn", "rnn-tanh")
    } <= names
    assert len(read_npz(tmp_path / "traces-rnn-tanh.npz")["marks"]) == 2


def test_the_command_on_a_run(tmp_path, capsys):
    run = str(tmp_path / "run")
    train = ["train", "adding", "--steps", "4", "--hidden", "3", "--iterations", "2", "--out", run]
    assert cli.main([*train, "--threads", "1", "--validate-every", "0"]) == 0
    capsys.readouterr()
    given = ["--layer", "1", "--neurons", "2", "0", "--answers", "20", "--keep", "1", "--json"]
    assert cli.main(["study", "neurons", run, *given, "--threads", "1", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in found] == ["traces", "ranking", "one_neuron"]
    assert found[0]["table"]["neuron"] == [2, 0] and "iteration 2" in found[0]["title"]
