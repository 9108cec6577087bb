"""Four ways to bound u: each against the same run written out by hand, and a run that diverges."""

import copy

import numpy as np
import pytest
from saved_arrays import read_npz
from small_runs import STUDY
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study.clipping import WAYS, clipping
from indrnn_np.tasks import Batch

T, B, D, H = 6, 4, 2, 3
BOUND = 2 ** (1 / T)


class Drawn:
    """Fresh normal numbers in each batch; the target is far away, which drives u outwards."""

    loss = "mse"

    def __init__(self, dtype="float64", carry=False, scale=30.0):
        self.dtype, self.carry, self.scale = dtype, carry, scale

    def batch(self, iteration, size):
        rng = np.random.default_rng([5, iteration])
        x = np.abs(rng.normal(size=(T, size, D))).astype(self.dtype)
        return Batch(x, np.full((size, 1), self.scale, self.dtype), carry=self.carry and iteration > 0)


def small(backend="cpu", dtype="float64", **options):
    layers = [
        ir.IndRNN(D, H, recurrent_init="ones", input_init=0.5, **options),
        ir.LastStep(),
        ir.Linear(H, 1),
    ]
    return ir.Sequential(layers, steps=T, backend=backend, dtype=dtype, seed=1)


def by_hand(way, net, task, optimizer, rounds, strength):
    """The same run: u outside the bound is told apart by its own values."""
    us, losses = [np.array(net.params["0.u"])], []
    for i in range(rounds):
        batch, u = task.batch(i, B), np.array(net.params["0.u"])
        outside = np.abs(u) > BOUND
        if way == "graph":
            net.params["0.u"][:] = np.where(outside, np.sign(u) * BOUND, u)
        y, _, tape = net.forward(batch.x)
        losses.append(np.mean((y - batch.target) ** 2))
        grads = net.backward(2 * (y - batch.target) / y.size, tape)[2]
        net.params["0.u"][:] = u
        if way == "graph":
            grads["0.u"][outside] = 0
        if way == "penalty":
            grads["0.u"][...] += np.where(outside, 2 * strength * (u - np.sign(u) * BOUND), 0)
        optimizer.update(net, grads)
        if way == "projection":
            net.params["0.u"][:] = np.minimum(np.maximum(net.params["0.u"], -BOUND), BOUND)
        us.append(np.array(net.params["0.u"]))
    return np.array(us), np.array(losses)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_is_the_run_written_out(way, backend):
    net, optimizer, rounds = small(backend), ir.Adam(0.03), 12
    before = net.state_dict()
    found = clipping(net, Drawn(), optimizer, rounds, [way], B, strength=2.0)
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert optimizer.t == 0 and net.iteration == 0
    us, losses = by_hand(way, small(backend), Drawn(), copy.deepcopy(optimizer), rounds, 2.0)
    assert_close(found.loss[0], losses)
    ratios = np.abs(us) / BOUND
    assert_close(found.quantiles[0], np.quantile(ratios, [0, 0.25, 0.5, 0.75, 1], axis=1).T)
    assert_close(found.outside[0], (np.abs(us) > BOUND).mean(axis=1))
    assert found.visited[0] == (np.abs(us) > BOUND).any(axis=0).sum() and found.neurons == H
    assert found.diverged[0] == -1 and np.isfinite(found.norm).all()
    assert (found.visited[0] == 0) == (way == "projection")  # the run is long enough for the ways to differ


def test_inside_the_graph_a_neuron_never_comes_back_and_the_penalty_brings_it_back():
    """A target that is far at first and near later: SGD without momentum moves u by du alone."""

    class Turns(Drawn):
        def batch(self, iteration, size):
            one = super().batch(iteration, size)
            return Batch(one.x, np.full((size, 1), 300.0 if iteration < 3 else 0.0))

    net = small()
    net.params["0.W"][...], net.params["2.W"][...] = 0.5, 0.5
    rounds = 40
    found = clipping(net, Turns(), ir.SGD(2e-5), rounds, ("graph", "penalty"), B, strength=1000.0)
    assert found.visited.tolist() == [H, H] and found.returned[0] == 0 and found.returned[1] > 0
    assert found.outside[0, -1] == 1 and found.outside[1, -1] < 1
    assert (found.quantiles[0, 5:] == found.quantiles[0, -1]).all()  # du = 0 for ever
    assert (
        "graph: loss" in found.words()
        and "3 neurons left the bound, 3 are outside at the end" in found.words()
    )


@pytest.mark.parametrize("backend_", ["cpu", "reference"])
def test_a_run_that_diverges_is_told_and_the_others_go_on(backend_):
    net = small(backend_, dtype="float32")
    found = clipping(net, Drawn("float32", scale=1e4), ir.SGD(1e-2), 30, ("projection", "none"), B, title="x")
    w = found.ways.index("none")
    end = int(found.diverged[w])
    assert 0 < end < 30 and f"none: diverged at iteration {end}" in found.words()
    assert np.isnan(found.loss[w, end:]).all() and np.isnan(found.quantiles[w, end + 1 :]).all()
    assert found.loss.shape == (2, 30) and np.isnan(found.final()[w])
    assert len(found.table()["loss"]) == 60 and found.table()["update"][30] == 1


def test_a_stream_goes_on_with_its_state():
    """With carry the second batch starts at the first one's last state."""
    net, task = small(), Drawn(carry=True)
    found = clipping(net, task, ir.SGD(0.0), 2, ["none"], B)
    _, state, _ = net.forward(task.batch(0, B).x)
    y = net.forward(task.batch(1, B).x, state)[0]
    assert found.loss[0, 1] == pytest.approx(np.mean((y - 30.0) ** 2), rel=1e-12)


def test_a_limit_of_the_norm_changes_the_steps_and_not_what_is_told():
    plain = clipping(small(), Drawn(), ir.SGD(1e-3), 2, ["none"], B)
    held = clipping(small(), Drawn(), ir.SGD(1e-3), 2, ["none"], B, clip_norm=1e-6)
    still = clipping(small(), Drawn(), ir.SGD(0.0), 2, ["none"], B)
    assert held.norm[0, 0] == plain.norm[0, 0] and held.loss[0, 1] == pytest.approx(
        still.loss[0, 1], rel=1e-6
    )
    assert abs(plain.loss[0, 1] / still.loss[0, 1] - 1) > 1e-3


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="the network has no bounds, expected an IndRNN with a bound"):
        clipping(small(constrain=False), Drawn(), ir.SGD(0.1), 2)
    with pytest.raises(ValueError, match="way is 'clip', expected one of 'projection'"):
        clipping(small(), Drawn(), ir.SGD(0.1), 2, ["clip"])
    with pytest.raises(ValueError, match="iterations is 0, expected a number of at least 1"):
        clipping(small(), Drawn(), ir.SGD(0.1), 0)
    with pytest.raises(ValueError, match=r"strength is -1.0, expected a number of at least 0\.0"):
        clipping(small(), Drawn(), ir.SGD(0.1), 1, strength=-1.0)


def test_the_command(tmp_path, capsys, figure):
    given = [*STUDY, "--out", str(tmp_path)]
    assert cli.main(["study", "clipping", "--iterations", "5", "--ways", "graph", "none", *given]) == 0
    assert "IndRNN: graph: loss" in capsys.readouterr().out
    found = read_npz(tmp_path / "clipping-indrnn.npz")
    assert found["ways"].tolist() == ["graph", "none"] and found["loss"].shape == (2, 5)
    assert (tmp_path / "clipping-indrnn.csv").read_text().startswith("way,update,loss,gradient norm,")
    loss, norm, size, share = figure[0].axes
    assert [a.get_ylabel().split()[0] for a in (loss, norm, size, share)] == [
        "loss",
        "gradient",
        "$|u|$",
        "share",
    ]
    assert size.get_xlabel() == share.get_xlabel() == "iteration"
    assert [text.get_text() for text in figure[0].legends[0].get_texts()] == ["graph", "none"]
    np.testing.assert_array_equal(size.lines[0].get_ydata(), found["quantiles"][0, 1:, 4])


def test_several_networks_and_a_run_that_ended_are_drawn(figure, tmp_path):
    pair = [
        clipping(
            small(dtype="float32"),
            Drawn("float32", scale=1e4),
            ir.SGD(1e-2),
            8,
            ("projection", "none"),
            B,
            title=t,
        )
        for t in "ab"
    ]
    assert pair[0].diverged[1] > 0
    pair[0].plot(pair[1], path=tmp_path / "two.png", theme="dark")
    assert len(figure[0].axes) == 8 and [a.get_title("left") for a in figure[0].axes[:2]] == ["a", "b"]
    assert [line.get_marker() for line in figure[0].axes[4].lines].count("x") == 1
