"""Truncated back-propagation: one linear neuron in closed form, samples one by one, what is refused."""

import numpy as np
import pytest
from saved_arrays import read_npz
from small_runs import STUDY
from tolerances import TOLERANCE, assert_close

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study.truncation import _Pass, truncation
from indrnn_np.tasks import Batch


def batches(net, n=3, T=12, B=2, D=2, seed=0, lengths=None, carry=False):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        x = rng.normal(size=(T, B, D)).astype(net.dtype)
        y = net.forward(x, lengths=lengths)[0]
        found.append(Batch(x, rng.normal(size=y.shape).astype(net.dtype), lengths, carry=carry))
    return found


def linear(T, u=0.9, output=True):
    layers = [ir.IndRNN(1, 1, "identity", learn_h0=False), *([ir.LastStep()] if output else [])]
    net = ir.Sequential(layers, steps=T, dtype="float64")
    net.params["0.u"][:], net.params["0.W"][:], net.params["0.b"][:] = u, 0.7, 0.2
    return net


def test_one_linear_neuron_in_closed_form():
    """du = Σ u^(T-t) h_{t-1} and dW = Σ u^(T-t) x_t over the last k steps; bias and spread over two batches."""
    T, u = 9, 0.9
    net = linear(T, u)
    data = batches(net, 2, T, 1, 1)
    found = truncation(net, data, cuts=[1, 4, 8], loss=lambda y, _: (0.0, np.ones_like(y)))
    powers = u ** np.arange(T - 1, -1, -1)
    terms = {"0.W": [], "0.u": [], "0.b": []}
    for batch in data:
        h = net.forward(batch.x)[2].layers[0]
        x, h = batch.x[:, 0, 0], np.zeros(T + 1)
        for t in range(T):
            h[t + 1] = u * h[t] + 0.7 * x[t] + 0.2
        for name, factor in {"0.W": x, "0.u": h[:-1], "0.b": np.ones(T)}.items():
            terms[name].append(powers * factor)
    assert found.cuts.tolist() == [1, 4, 8, T] and found.names == ("all", *net.params) and found.batches == 2
    for name, each in terms.items():
        p = found.names.index(name)
        full = np.sum(each, axis=1)
        for c, k in enumerate(found.cuts):
            cut = np.sum(np.array(each)[:, T - k :], axis=1)
            size = abs(full.mean())
            assert found.bias[c, p] == pytest.approx(
                abs(cut.mean() - full.mean()) / size, rel=1e-9, abs=1e-12
            )
            assert found.deviation[c, p] == pytest.approx(np.std(cut) / size, rel=1e-9)
            assert found.cosine[c, p] == pytest.approx(np.sign(cut.mean() * full.mean()), rel=1e-12)
        assert found.norms[p] == pytest.approx(abs(full.mean()), rel=1e-12)
    assert found.bias[-1].max() == 0


def test_an_output_at_each_step_is_cut_at_the_windows_edges():
    """With windows of k a step's output reaches back to its window's first step."""
    T, u, k = 10, 0.8, 4
    net = linear(T, u, output=False)
    (batch,) = batches(net, 1, T, 1, 1)
    dy = np.random.default_rng(5).normal(size=(T, 1, 1))
    found = truncation(net, [batch], [k], loss=lambda y, _: (0.0, dy))
    db, full = 0.0, 0.0
    for t in range(T):
        powers = u ** np.arange(t + 1)
        full += dy[t, 0, 0] * powers.sum()
        db += dy[t, 0, 0] * powers[: t % k + 1].sum()
    assert found.bias[0, found.names.index("0.b")] == pytest.approx(abs(db - full) / abs(full), rel=1e-10)
    assert (found.deviation == 0).all()  # one batch has no spread


STACKS = {
    "relu": lambda D, H: [ir.IndRNN(D, H, input_init=0.5), ir.IndRNN(H, H, input_init=0.5)],
    "residual": lambda D, H: [
        ir.Linear(D, H),
        ir.Residual([ir.IndRNN(H, H, "tanh", "uniform", 0.5), ir.Linear(H, H)]),
    ],
    "lstm": lambda D, H: [ir.LSTM(D, H), ir.Dropout(0.3)],
    "rnn": lambda D, H: [ir.RNN(D, H), ir.RNN(H, H)],
    "norm": lambda D, H: [ir.IndRNN(D, H, input_init=0.5), ir.BatchNorm(H, per_step=True)],
    "h0": lambda D, H: [ir.IndRNN(D, H, "tanh", input_init=0.5, learn_h0=True)],
}


@pytest.mark.parametrize("kind", STACKS)
@pytest.mark.parametrize("output", ["last", "every"])
def test_longer_cuts_come_closer_and_nothing_is_changed(kind, output, backend):
    T, D, H = 11, 2, 5
    layers = [*STACKS[kind](D, H), *([ir.LastStep()] if output == "last" else []), ir.Linear(H, 1)]
    net = ir.Sequential(layers, steps=T, backend=backend, dtype="float64", seed=2)
    data = batches(net, 2, T, 3, D)
    before = net.state_dict()
    found = truncation(net, data, [1, 3, T - 1])
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    head = found.names.index(f"{len(layers) - 1}.W")
    limit = TOLERANCE["float64"]
    assert found.bias[:, head].max() < limit  # the read-out does not look back
    assert found.bias[0, 0] > 1e-3 and found.bias[-1, 0] == 0 and np.isfinite(found.bias[:, head]).all()
    assert (np.abs(found.cosine[-1]) < 1 + limit).all() and found.reach(0.1) in found.cuts
    if kind == "h0":
        p = found.names.index("0.h0")
        alone = 1.0 if output == "last" else found.bias[0, p]
        assert found.bias[0, p] == pytest.approx(alone) and found.bias[0, p] > 0


@pytest.mark.parametrize("output", ["last", "every"])
@pytest.mark.parametrize("k", [1, 2, 4, 7])
def test_lengths_are_cut_from_each_samples_own_end(output, k):
    """A sample of a batch has the cut gradient that it has alone, without padding."""
    T, D, H = 8, 2, 4
    layers = [ir.IndRNN(D, H, "tanh", input_init=0.5), *([ir.LastStep()] if output == "last" else [])]
    net = ir.Sequential(layers, steps=T, dtype="float64", seed=4)
    lengths = np.array([8, 3, 5])
    (batch,) = batches(net, 1, T, 3, D, lengths=lengths)
    ones = lambda y, _: (0.0, np.ones_like(y))  # noqa: E731
    together = _Pass(net, batch, None, ones)
    alone = [
        _Pass(net, Batch(np.ascontiguousarray(batch.x[:n, b : b + 1]), batch.target), None, ones)
        for b, n in enumerate(lengths)
    ]
    assert_close(together.full, np.sum([one.full for one in alone], axis=0))
    parts = [one.cut(min(k, n)) for one, n in zip(alone, lengths, strict=True)]
    assert_close(together.cut(k), np.sum(parts, axis=0))
    found = truncation(net, [batch], [k], loss=ones)
    off = np.linalg.norm(np.sum(parts, axis=0) - together.full) / np.linalg.norm(together.full)
    assert found.bias[0, 0] == pytest.approx(off, rel=1e-9) and off > 0


def test_a_stream_goes_on_with_the_state_of_the_batch_before():
    """Two windows of a stream: the second's gradient starts at the first's last state."""
    T, u = 5, 0.9
    net = linear(T, u)
    data = batches(net, 2, T, 1, 1, carry=True)
    ones = lambda y, _: (0.0, np.ones_like(y))  # noqa: E731
    found = truncation(net, data, [1], loss=ones)
    state, du = None, []
    for batch in data:
        _, state, tape = net.forward(batch.x, state)
        du.append(net.backward(np.ones((1, 1)), tape)[2]["0.u"][0])
    assert found.norms[found.names.index("0.u")] == pytest.approx(abs(np.mean(du)), rel=1e-12)


def test_words_table_and_default_cuts(tmp_path):
    net = linear(60, 0.5)
    found = truncation(net, batches(net, 2, 60, 1, 1), title="one neuron")
    assert found.cuts.tolist() == [1, 2, 5, 10, 20, 50, 60]
    table = found.table()
    assert len(table["k"]) == 7 * 4 and set(table["parameter"]) == {"all", "0.W", "0.u", "0.b"}
    assert found.words().startswith("truncated after 1 of 60 steps, the gradient has a bias of ")
    assert "bias of 100 %" not in found.words() and found.reach(1e-3) in (10, 20)
    assert read_npz(found.save(tmp_path / "t.npz"))["bias"].shape == (7, 4)


def test_what_cannot_be_cut_is_refused():
    T = 6
    net = ir.Sequential([ir.IndRNN(2, 3), ir.BatchNorm(3), ir.LastStep()], steps=T, dtype="float64")
    with pytest.raises(
        ValueError, match=r"layers\[1\] BatchNorm takes statistics over all steps, expected per_step"
    ):
        truncation(net, batches(net, T=T))
    net = ir.Sequential([ir.Bidirectional(ir.IndRNN(2, 3))], steps=T, dtype="float64")
    with pytest.raises(ValueError, match="reads later steps, expected layers that run forward in time"):
        truncation(net, batches(net, T=T))
    net = linear(T)
    with pytest.raises(ValueError, match="number of batches is 0, expected a number of at least 1"):
        truncation(net, [])
    with pytest.raises(ValueError, match="k is 7, expected a number from 1 to below 7"):
        truncation(net, batches(net, T=T, D=1), [7])
    one, other = batches(net, 1, 6, D=1), batches(net, 1, 5, D=1)
    with pytest.raises(ValueError, match=r"x of batch 1 has shape \(5, 2, 1\), expected \(6, 2, 1\)"):
        truncation(net, one + other)
    net = ir.Sequential([*STACKS["norm"](2, 3), ir.LastStep()], steps=T, dtype="float64")
    with pytest.raises(
        ValueError, match="lengths differ, expected equal lengths for a network with batch norm"
    ):
        truncation(net, batches(net, 1, T, lengths=np.array([6, 4])))
    net = ir.Sequential([*STACKS["h0"](2, 3), ir.LastStep()], steps=T, dtype="float64")
    with pytest.raises(ValueError, match=r"only samples shorter than k start at the parameter 0\.h0"):
        truncation(net, batches(net, 1, T, lengths=np.array([6, 2])), [3])


def test_the_command(tmp_path, capsys, figure):
    given = [*STUDY, "--out", str(tmp_path)]
    assert cli.main(["study", "truncation", "--cuts", "1", "4", "--batches", "2", *given]) == 0
    told = capsys.readouterr().out
    assert (
        "IndRNN: truncated after 1 of 12 steps" in told and "RNN-tanh: truncated after 1 of 12 steps" in told
    )
    names = {path.name for path in tmp_path.iterdir()}
    assert {"truncation-indrnn.npz", "truncation-rnn-tanh.csv", "truncation.json", "truncation.png"} <= names
    found = read_npz(tmp_path / "truncation-indrnn.npz")
    assert found["cuts"].tolist() == [1, 4, 12] and int(found["batches"]) == 2
    bias, other, spread, _ = figure[0].axes
    assert bias.get_ylabel().startswith("bias") and spread.get_ylabel().startswith("standard deviation")
    assert spread.get_xlabel() == "time steps $k$ before truncation" and bias.get_xscale() == "log"
    assert [bias.get_title("left"), other.get_title("left")] == ["IndRNN", "RNN-tanh"]
    assert [line.get_label() for line in other.lines] == [
        f"$d{letter}$ of layer {layer}" for layer in "01" for letter in "WU"
    ]
    line, column = bias.lines[1], list(found["names"]).index("0.u")
    np.testing.assert_array_equal(line.get_ydata()[:2], found["bias"][:2, column])
    assert np.isnan(line.get_ydata()[2])  # the full gradient has no bias


def test_the_command_says_what_cannot_be_cut(tmp_path, capsys):
    given = [*STUDY, "--out", str(tmp_path)]
    assert cli.main(["study", "truncation", "--set", "batchnorm=yes", *given]) == 2
    assert "takes statistics over all steps" in capsys.readouterr().err


def test_running_statistics_stay_after_an_error_too():
    T, layers = 6, [ir.IndRNN(2, 3), ir.BatchNorm(3, per_step=True), ir.LastStep(), ir.Linear(3, 1)]
    net = ir.Sequential(layers, steps=T, dtype="float64")
    rng = np.random.default_rng(0)
    good, short = (Batch(rng.normal(size=(n, 4, 2)), rng.normal(size=(4, 1))) for n in (T, T - 1))
    before = net.state_dict()
    with pytest.raises(ValueError, match="x of batch 1 has shape"):
        truncation(net, [good, short])
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
