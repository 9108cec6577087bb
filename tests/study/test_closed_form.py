"""Equation 4 beside backpropagation: powers of u where gates are open, zeros where one closed, both directions."""

import csv

import numpy as np
import pytest
from tolerances import TOLERANCE

import indrnn_np as ir
from indrnn_np.commands.cli import main
from indrnn_np.study import closed_form

LIMIT = TOLERANCE["float64"]


def neuron(u, T, activation="identity", W=1.0, **options):
    """A layer of single neurons that all read one input."""
    net = ir.Sequential(
        [ir.IndRNN(1, len(u), activation, **options)], steps=T, backend="reference", dtype="float64"
    )
    net.params["0.u"][:], net.params["0.W"][:] = u, W
    return net


@pytest.mark.parametrize("T", [1, 2, 1000])
def test_a_linear_neuron_gives_powers_of_u(T, backend):
    u = np.array([0.9, -1.001, 1.002, 1.0, 0.0])
    net = neuron(u, T).astype("float64", backend)
    found = closed_form(net, np.random.default_rng(0).normal(size=(T, 2, 1)))
    powers = u ** np.arange(T - 1, -1, -1)[:, None]
    np.testing.assert_allclose(found.measured, powers, rtol=LIMIT)
    np.testing.assert_allclose(found.closed, powers, rtol=LIMIT)
    assert found.layer == "0" and found.activation == "identity" and found.errors().max() <= LIMIT
    assert found.passed.tolist() == [True] * 4 + [T == 1]


def test_an_open_relu_is_linear_and_a_closed_one_lets_nothing_pass():
    T, u = 800, np.array([1.0009, 0.95])
    x = np.ones((T, 1, 1))
    found = closed_form(neuron(u, T, "relu"), x)
    np.testing.assert_allclose(found.closed, u ** np.arange(T - 1, -1, -1)[:, None], rtol=LIMIT)
    assert found.errors().max() <= LIMIT
    x[300] = -1e9  # both gates close at step 301
    found = closed_form(neuron(u, T, "relu"), x)
    for each in (found.measured, found.closed):
        assert (each[:300] == 0).all() and (each[301:] > 0).all() and (each[300] > 0).all()
    assert found.errors().max() <= LIMIT and not found.passed.any()
    assert "is 0 everywhere (0 of 2 neurons)" in found.words()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "identity"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [5, 12, 0]])
def test_both_agree_whatever_lies_between(activation, reverse, lengths):
    T, H = 12, 4
    layers = [ir.IndRNN(2, H, activation, "symmetric", 0.7, reverse=reverse), ir.BatchNorm(H),
              ir.Residual([ir.Recurrence(H, activation, "symmetric", reverse=reverse), ir.Linear(H, H)])]  # fmt: skip
    net = ir.Sequential(layers, steps=T, backend="reference", dtype="float64", seed=5)
    x = np.random.default_rng(1).normal(size=(T, 3, 2))
    lengths = None if lengths is None else np.array(lengths)
    before = net.state_dict()
    for layer in ("0", "2.0"):
        found = closed_form(net, x, layer, lengths)
        assert found.measured.shape == (T if lengths is None else 5, H) and found.layer == layer
        assert found.errors().max() <= LIMIT and (found.measured[-1] == 1).all()
    assert closed_form(net, x).layer == "2.0"
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_a_neuron_by_finite_differences():
    """∂h_T/∂h_1 of a tanh neuron: what a small step of the state after step 1 does."""
    T, u, step = 6, np.array([-0.8, 1.1]), 1e-6
    net = neuron(u, T, "tanh", 0.7)
    x = np.random.default_rng(2).normal(size=(T, 1, 1))
    _, (state,), _ = net.forward(x[:1])
    high, low = (net.forward(x[1:], [state + sign * step])[0][-1, 0] for sign in (1, -1))
    np.testing.assert_allclose(closed_form(net, x).closed[0], (high - low) / (2 * step), rtol=1e-8)


def test_errors_are_seen():
    found = closed_form(neuron(np.array([0.5, 2.0]), 5), np.ones((5, 1, 1)))
    wrong = type(found)("0", "identity", None, found.u, found.measured * [1, 1.01], found.closed)
    np.testing.assert_allclose(wrong.errors(), [0, 0.01], rtol=1e-9, atol=1e-15)
    lost = type(found)("0", "identity", None, found.u, found.measured * [0, 1], found.closed)
    assert lost.errors()[0] == 1


def test_refusals():
    x = np.ones((4, 2, 1))
    with pytest.raises(
        ValueError, match=r"study.closed_form: no layer has a recurrent weight u, expected an IndRNN"
    ):
        closed_form(ir.Sequential([ir.LSTM(1, 2)], backend="reference", dtype="float64"), x)
    net = neuron(np.ones(2), 4)
    with pytest.raises(ValueError, match=r"study.closed_form: layer is '7', expected one of '0'"):
        closed_form(net, x, "7")
    with pytest.raises(
        ValueError, match=r"study.closed_form: sample is 2, expected a number from 0 to below 2"
    ):
        closed_form(net, x, sample=2)
    with pytest.raises(
        ValueError, match=r"study.closed_form: lengths\[1\] is 0, expected a sample with at least one"
    ):
        closed_form(net, x, lengths=np.array([4, 0]), sample=1)


def test_the_picture_shows_four_neurons_and_the_bounds():
    pytest.importorskip("matplotlib")
    found = closed_form(neuron(np.linspace(-0.9, 1.0, 9), 30, "relu"), np.ones((30, 1, 1)), title="one")
    figure = found.plot(found, closed_form(neuron(np.zeros(2), 30), np.ones((30, 1, 1))))
    first, _, third, empty = figure.axes
    assert first.get_title("left") == "one (relu)" and third.get_title("left") == "layer 0 (identity)"
    assert (
        first.get_ylabel() == r"$|\partial h_T/\partial h_t|$"
        and first.get_xlabel() == "time step $t$"
        and first.get_yscale() == "log"
    )
    told = [text.get_text() for text in first.get_legend().get_texts()]
    assert len(told) == 4 and told[0].endswith("$u = 1$") and not empty.get_visible()
    assert [text.get_text() for text in first.texts] == [r"$\gamma = 2$", r"$1/\gamma$"]
    line, dots = first.lines[:2]
    t = dots.get_xdata()
    np.testing.assert_allclose(dots.get_ydata(), line.get_ydata()[t - 1], rtol=LIMIT)


def test_the_command(tmp_path, capsys):
    small = ["--steps", "9", "--set", "hidden=5", "--batch", "3", "--backend", "reference"]
    assert main(["study", "closed-form", *small, "--out", str(tmp_path / "a")]) == 0
    said = capsys.readouterr().out
    assert (
        said.count("by backpropagation and by equation 4 differ by at most") == 2
        and "IndRNN, layer 1:" in said
    )
    with (tmp_path / "a" / "closed-form-indrnn-layer-0.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    assert (
        main(["study", "closed-form", *small, "--layer", "1", "--sample", "2", "--out", str(tmp_path / "b")])
        == 0
    )
    assert not list((tmp_path / "b").glob("*layer-0*")) and (tmp_path / "b" / "closed-form.json").is_file()
    assert main(["study", "closed-form", *small, "--cells", "lstm", "--out", str(tmp_path / "c")]) != 0
    assert "no layer has a recurrent weight u" in capsys.readouterr().err
