"""Horizons in closed form, gates that close at a known step, and what a film of the recurrent weights shows."""

import dataclasses
import json
import math

import numpy as np
import pytest
from saved_arrays import read_npz
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.commands import cli
from indrnn_np.study import Film, horizon, memory


def one_layer(u, activation="identity", T=400, layer=ir.IndRNN, **options):
    """A layer of neurons that each read an input of their own."""
    net = ir.Sequential([layer(len(u), len(u), activation, **options)], steps=T, dtype="float64")
    net.params["0.W"][:] = np.eye(len(u))
    net.params["0.u"][:] = u
    return net


def test_horizons_in_closed_form():
    u = np.array([0.5, 0.9, 0.99, 1.0, 1.01, 0.0, -0.9, -1.0])
    log = math.log
    expected = [1, log(0.5) / log(0.9), log(0.5) / log(0.99), np.inf, np.inf, 0, log(0.5) / log(0.9), np.inf]
    assert_close(horizon(u), np.array(expected))
    assert_close(horizon(0.9, 1e-3), np.array(math.log(1e-3) / math.log(0.9)))
    assert horizon(np.float32(0.99)).dtype == np.float64


@pytest.mark.parametrize("eps", [0, 1, -0.1, 1.5, math.nan])
def test_a_share_is_between_0_and_1(eps):
    for call in (lambda: horizon(0.5, eps), lambda: memory(one_layer([0.5]), np.ones((3, 1, 1)), eps=eps)):
        with pytest.raises(ValueError, match=f"eps is {eps}"):
            call()


@pytest.mark.parametrize("eps", [0.5, 0.1])
def test_open_gates_remember_as_long_as_the_weight(eps):
    """Whole steps: the last one at which |u|^k is not below ε; at most T."""
    T, u = 400, np.array([0.5, 0.9, 0.99, 1.0, 1.01, 0.0, -0.9])
    found = memory(one_layer(u, T=T), np.ones((T, 2, len(u))), eps=eps)
    expected = np.minimum(np.floor(horizon(u, eps) + 1e-9), T)
    np.testing.assert_array_equal(found.measured, expected)
    assert_close(found.horizon, horizon(u, eps))
    assert (found.open == 1).all() and (found.open_share == 1).all() and not found.dead.any()
    assert found.lower == pytest.approx(eps ** (1 / T)) and found.upper[0] == pytest.approx(2 ** (1 / T))


def test_a_closed_gate_ends_the_memory():
    """The relu is closed by a large negative input 3 steps before the end, in one sample at the end itself."""
    T, u = 20, np.array([1.0, 0.5, 1.0])
    x = np.ones((T, 2, 3))
    x[T - 1 - 3, 0] = x[T - 1, 1] = -100
    x[:, :, 2] = -1  # never open
    found = memory(one_layer(u, "relu", T), x, eps=0.2)
    np.testing.assert_array_equal(found.measured, [1.5, 1.0, 0])  # 3 and 0; 2 and 0
    np.testing.assert_array_equal(found.dead, [False, False, True])
    assert found.open_share[0] == pytest.approx(1 - 2 / (2 * T))
    assert found.open[0, T - 1] == pytest.approx(2 / 6) and found.open[0, 0] == pytest.approx(4 / 6)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_product_is_the_derivative_of_the_last_state(activation, reverse):
    """∂h_T/∂h_{T-k} by differences, from the state k steps before each sample's last one, both ways."""
    T, B, H = 7, 3, 4
    rng = np.random.default_rng(3)
    u = rng.uniform(0.7, 1.3, H) * (4 if activation == "sigmoid" else 1)
    x, lengths, nudge = 0.3 * rng.normal(size=(T, B, H)), np.array([7, 3, 1]), 1e-6
    ahead = one_layer(u, activation, T)
    reach = np.zeros((B, H))
    for b, n in enumerate(lengths):
        walk = np.ascontiguousarray(x[:n, b : b + 1][:: -1 if reverse else 1])
        states = np.concatenate([np.zeros((1, 1, H)), ahead(walk)])
        for k in range(1, n + 1):
            up, down = (ahead.infer(walk[n - k :], [states[n - k] + s * nudge])[0][-1, 0] for s in (1, -1))
            slope = np.abs(up - down) / (2 * nudge)
            reach[b] += (slope >= 0.3) & (reach[b] == k - 1)
    found = memory(one_layer(u, activation, T, reverse=reverse), x, lengths, eps=0.3)
    assert_close(found.measured, reach.mean(axis=0))


def test_padding_counts_nowhere():
    T, B, H = 9, 4, 5
    rng = np.random.default_rng(1)
    net = ir.Sequential([ir.IndRNN(3, H, input_init=1.0), ir.IndRNN(H, H, "tanh")], steps=T, dtype="float64")
    x, lengths = rng.normal(size=(T, B, 3)), np.array([4, 0, 6, 2])
    one = memory(net, x, lengths)
    x[np.arange(T)[:, None] >= lengths] = 1e3
    other = memory(net, x, lengths)
    for name, value in one.arrays().items():
        np.testing.assert_array_equal(value, other.arrays()[name], err_msg=name)
    assert np.isnan(one.open[:, 6:]).all() and np.isfinite(one.open[:, :6]).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 2), (5, 1, 3)])
def test_odd_sizes_in_float32(shape, backend):
    T, B, H = shape
    net = ir.plain(2, H, 1, 2, T, backend=backend)
    found = memory(net, np.random.default_rng(0).uniform(size=(T, B, 2)).astype(np.float32))
    assert found.open.shape == (2, T) and found.u.shape == (2 * H,) and found.words()
    assert (found.measured <= np.minimum(found.horizon * (1 + 1e-6), T)).all()


def test_names_and_other_layers():
    """Residual blocks, both directions, a rival's layer that has no u; batch norm's running statistics stay."""
    H, T = 4, 6
    block = ir.Residual([ir.BatchNorm(H), ir.Recurrence(H), ir.Linear(H, H)])
    layers = [ir.Linear(3, H), block, ir.LSTM(H, H), ir.Bidirectional(ir.IndRNN(H, 2)), ir.Linear(4, 1)]
    net = ir.Sequential(layers, steps=T, dtype="float64")
    before = net.state_dict()
    x = np.random.default_rng(0).normal(size=(T, 5, 3))
    found = memory(net, x)
    assert found.layers == ("1.1", "3.forward", "3.reverse") and found.sizes == (4, 2, 2)
    assert [len(found.u[own]) for _, own in found.of_layers()] == [4, 2, 2]
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert len(found.table()["u"]) == 8
    with pytest.raises(
        ValueError, match=r"no layer has a recurrent weight u, expected an IndRNN or a Recurrence"
    ):
        memory(ir.Sequential([ir.RNN(3, 2)], dtype="float64"), x)


def test_without_a_bound_and_without_steps():
    net = ir.Sequential([ir.IndRNN(1, 2, recurrent_init=0.5, constrain=False)], dtype="float64")
    found = memory(net, np.ones((8, 1, 1)))
    assert np.isnan(found.upper).all() and found.steps == 8


def test_the_drawing(tmp_path, figure):
    net = one_layer([0.5, -0.9, 1.0, 0.0], "relu", 30)
    x = np.random.default_rng(0).normal(size=(30, 4, 4))
    found = memory(net, x, title="a")
    found.plot(memory(net, x, title="b"), path=tmp_path / "memory.png")
    panels = np.reshape(figure[0].axes, (2, 3))
    assert [axes.get_xlabel() for axes in panels[1]] == [
        "recurrent weight $u$", "steps by the weight alone", "time step $t$",
    ]  # fmt: skip
    assert all(axes.get_ylabel() for axes in panels.ravel())
    assert sum(patch.get_height() for patch in panels[0, 0].patches) == 4
    drawn = {line.get_label(): line for line in panels[0, 1].lines}
    assert (
        len(drawn["$u < 0$"].get_xdata()) == 1 and drawn[r"$u \geq 0$"].get_xdata().max() == 300
    )  # infinite: 10 T
    alive = dataclasses.replace(found, u=np.abs(found.u)).plot()
    assert "$u < 0$" not in [line.get_label() for line in alive.axes[1].lines]
    dead = dataclasses.replace(found, open_share=np.zeros_like(found.open_share)).plot()
    assert [line.get_label() for line in dead.axes[1].lines] == [
        "all gates open"
    ]  # dead neurons are left out


def test_the_film(tmp_path, figure):
    net = one_layer([0.5, -0.9], "relu", 30)
    x = np.ones((30, 1, 2))
    frames = [memory(net, x)]
    net.params["0.u"][:] = 0.2
    frames.append(memory(net, x))
    film = Film(np.array([0, 10]), tuple(frames), "a")
    assert film.kind == "memory_film" and film.arrays()["u"].shape == (2, 2)
    film.plot(path=tmp_path / "film.png")
    (axes,) = figure[0].axes
    assert axes.get_xlabel() == "recurrent weight $u$" and axes.get_ylabel() == "iteration"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["0", "10"]


def test_the_command(tmp_path, capsys):
    tiny = ["--steps", "12", "--set", "hidden=4", "--batch", "5", "--quiet", "--threads", "1"]
    assert cli.main(["study", "memory", *tiny, "--json", "--out", str(tmp_path / "a")]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["kind"] == "memory" and None in found["table"]["horizon / steps"]  # infinite
    assert {path.name for path in (tmp_path / "a").iterdir()} >= {"memory-indrnn.csv", "memory.json"}
    assert (
        cli.main(["study", "memory", *tiny, "--train", "4", "--frames", "3", "--out", str(tmp_path / "b")])
        == 0
    )
    assert "before training" in capsys.readouterr().out
    kept = read_npz(tmp_path / "b" / "memory-film-indrnn.npz")
    np.testing.assert_array_equal(kept["iterations"], [0, 2, 4])
    assert kept["u"].shape == (3, 8) and (kept["u"][0] != kept["u"][2]).any()
