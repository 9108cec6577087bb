"""Networks with time="parallel": gradients, windows of time, tangents, and how the option reaches every layer."""

import json

import numpy as np
import pytest
from layer_strategies import each_backend
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np.layers.chain import named_layers
from indrnn_np.training.time_choice import recurrences

T, B, D, K = 100, 2, 2, 2  # four chunks of 32 steps
LENGTHS = np.array([100, 40])
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((T, B, D)), RNG.standard_normal((T, B, K))
BUILD = {
    "plain": lambda **options: ir.plain(D, 3, K, 2, T, output="every", **options),
    "residual": lambda **options: ir.residual(D, 3, K, 1, T, output="every", **options),
    "dense": lambda **options: ir.networks.dense(D, K, T, 1, (1,), 2, dropout=0.0, output="every", **options),
}  # fmt: skip


def made(name="plain", time="parallel", activation="tanh", seed=0, **options):
    options = {"batchnorm": False, "input_init": 0.5, "backend": "reference"} | options
    net = BUILD[name](time=time, activation=activation, dtype="float64", seed=seed, **options)
    net.flat[...] += 0.1 * np.random.default_rng(seed).standard_normal(net.size)
    return net


@each_backend
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("name", BUILD)
def test_finite_differences_agree(backend, name, activation, lengths):
    net = made(name, activation=activation, seed=3, backend=backend)
    report = ir.gradcheck(net, X, Y, "mse", lengths=lengths, method="central")
    assert report.passed, report


@pytest.mark.parametrize("method", ["central", "complex", "jvp"])
@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_finite_differences_agree_in_both_directions(activation, method):
    cell = ir.IndRNN(D, 3, activation, input_init=0.5, time="parallel")
    net = ir.Sequential([ir.Bidirectional(cell), ir.Linear(6, K)], steps=T, backend="reference")
    assert ir.gradcheck(net, X, Y, "mse", method=method).passed


@pytest.mark.parametrize("options", [{}, {"batchnorm": True}, {"batchnorm": True, "norm_place": "before"}])
@pytest.mark.parametrize("name", BUILD)
def test_every_recurrence_has_the_option(name, options):
    layers = [layer for _, layer in recurrences(made(name, **options).layers)]
    assert len(layers) == {"plain": 2, "residual": 3, "dense": 4}[name]
    assert {layer.time for layer in layers} == {"parallel"}
    assert {layer.time for _, layer in recurrences(BUILD[name]().layers)} == {"serial"}


@pytest.mark.parametrize("cell", ["lstm", "rnn-tanh"])
def test_other_cells_have_no_scan(cell):
    with pytest.raises(
        ValueError, match=f"plain: time is 'parallel' with cell='{cell}', expected no time because the"
    ):
        ir.plain(D, 3, K, 2, T, cell=cell, time="parallel")


@each_backend
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
def test_recomputed_windows_give_the_same_gradients(backend, activation, lengths):
    net, results = made(activation=activation, backend=backend), []
    for memory in ("keep", "recompute"):
        y, _, tape = net.forward(X, lengths=lengths, memory=memory)
        results.append((y.copy(), net.backward(y, tape)[2].flat))
    assert len(tape.windows) > 1
    for kept, recomputed in zip(*results, strict=True):
        assert_close(recomputed, kept, scale=10)  # sums over other groups of steps


def test_inference_is_the_forward_pass():
    net = made()
    assert np.array_equal(net(X), net.forward(X, training=False)[0])


def test_derivatives_that_walk_step_by_step_read_the_tape():
    """Tangents, curvature, gradients of samples and online gradients run serially, on the states of the scan."""
    serial, scanned = made(time="serial"), made()
    v, results = np.random.default_rng(1).standard_normal(serial.size), []
    for net in (serial, scanned):
        samples, learner = ir.study.per_sample(net, X, Y, "mse"), ir.online(net, "depth-only", "mse")
        learner.run(X, Y)
        online = np.concatenate([part.ravel() for part in learner.gradient().values()])
        jvp = net.jvp(X, v, x_dot=X)
        results.append((jvp.y, jvp.y_dot, ir.curvature.hessian(net, X, Y, "mse") @ v, samples.norms, online))
    for expected, found in zip(*results, strict=True):
        assert_close(found, expected, scale=10)


def test_a_description_without_the_option_is_serial():
    spec = json.loads(json.dumps(made().spec()))
    assert [layer["time"] for layer in spec["layers"][:2]] == ["parallel", "parallel"]
    for layer in spec["layers"][:2]:
        del layer["time"]
    layers = [layer for _, layer in named_layers(ir.Sequential.from_spec(spec).layers)]
    assert [layer.time for layer in layers[:2]] == ["serial", "serial"]


def test_the_text_of_a_network_shows_it():
    assert "time='parallel'" in str(made()) and "time" not in str(made(time="serial"))
