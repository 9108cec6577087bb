"""Forward mode of a network: the derivative along a direction, and what it refuses and leaves alone."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np._gradcheck.cases import network_cases
from indrnn_np._gradcheck.deep_cases import deep_cases
from indrnn_np.layers import single_values
from indrnn_np.parameters import Views

CASES = [*network_cases(0, {}), *deep_cases(0, {})]


def drawn(seed=0, **options):
    """A network of two layers, an input, and a direction of its parameters."""
    layers = [ir.IndRNN(2, 4, "tanh"), ir.BatchNorm(4), ir.Dropout(0.3), ir.LastStep(), ir.Linear(4, 3)]
    net = ir.Sequential(layers, steps=5, dtype="float64", seed=seed, **options)
    rng = np.random.default_rng(seed)
    return net, rng.standard_normal((5, 6, 2)), rng.standard_normal(net.size)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("case", CASES, ids=[title for title, _, _ in CASES])
def test_gradients_of_every_layer_against_tangents(case, backend):
    title, net, arguments = case
    report = ir.gradcheck(single_values.accept(net), **arguments, backend=backend, method="jvp")
    assert report.method == "jvp" and report.passed and report.error < 1e-12, title


def test_the_derivative_along_a_direction_is_a_difference():
    net, x, direction = drawn()
    x_dot, start = np.random.default_rng(1).standard_normal(x.shape), net.flat.copy()
    derivative = net.jvp(x, direction, x_dot).y_dot
    sides = []
    for sign in (1, -1):
        net.flat[...] = start + sign * 1e-6 * direction
        sides.append(net.forward(x + sign * 1e-6 * x_dot)[0])
    np.testing.assert_allclose(derivative, (sides[0] - sides[1]) / 2e-6, atol=1e-6 * np.abs(derivative).max())


def test_a_direction_is_flat_or_by_name_and_linear():
    net, x, direction = drawn()
    named = dict(Views(net.params.shapes, direction))
    flat, by_name = net.jvp(x, direction), net.jvp(x, named)
    assert np.array_equal(flat.y_dot, by_name.y_dot) and np.array_equal(flat.y, net.forward(x)[0])
    np.testing.assert_allclose(net.jvp(x, 2 * direction).y_dot, 2 * flat.y_dot, rtol=1e-12)
    assert not net.jvp(x, np.zeros(net.size)).y_dot.any()


def test_running_statistics_and_parameters_stay():
    net, x, direction = drawn()
    before = net.flat.copy(), net.buffers.flat.copy(), net.iteration
    net.jvp(x, direction)
    assert np.array_equal(net.flat, before[0]) and np.array_equal(net.buffers.flat, before[1])
    assert net.iteration == before[2]


def test_windows_of_a_stream_continue_a_derivative():
    net = ir.Sequential([ir.IndRNN(2, 4, "tanh"), ir.LSTM(4, 3), ir.Recurrence(3)], steps=6, dtype="float64")
    rng = np.random.default_rng(0)
    x, direction = rng.standard_normal((6, 2, 2)), rng.standard_normal(net.size)
    whole, first = net.jvp(x, direction), net.jvp(x[:2], direction)
    second = net.jvp(x[2:], direction, state=first.state, state_dot=first.state_dot)
    np.testing.assert_allclose(second.y_dot, whole.y_dot[2:], rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"direction": np.zeros(3)}, r"direction has shape \(3,\), expected \(\d+,\)"),
        ({"direction": {"0.W": np.zeros((4, 2))}}, r"direction has the names \['0.W'\], expected"),
        ({"x_dot": np.zeros((5, 6, 3))}, r"x_dot has shape \(5, 6, 3\), expected \(5, 6, 2\)"),
        ({"state_dot": (None,)}, "state_dot has 1 entries, expected 5"),
    ],
)
def test_wrong_directions_are_refused(changes, words):
    net, x, direction = drawn()
    with pytest.raises(ValueError, match=f"Sequential.jvp: {words}"):
        net.jvp(x, **{"direction": direction} | changes)


def test_symbols_have_no_direction():
    net = ir.Sequential([ir.Embedding(5, 3), ir.IndRNN(3, 4), ir.Linear(4, 5)], steps=4, dtype="float64")
    ids = np.zeros((4, 2), np.int64)
    assert net.jvp(ids, np.ones(net.size)).y_dot.shape == (4, 2, 5)
    with pytest.raises(ValueError, match="x_dot is set, expected None because x holds symbols"):
        net.jvp(ids, np.ones(net.size), x_dot=np.zeros((4, 2, 3)))


def test_a_layer_without_a_tangent_is_named():
    class Doubled(ir.Layer):
        def forward(self, x, state, ctx):
            return 2 * x, None, None

    net = ir.Sequential([ir.Linear(2, 2), Doubled()], steps=3, dtype="float64")
    with pytest.raises(TypeError, match=r"Doubled\.tangent: the class does not define it"):
        net.jvp(np.zeros((3, 1, 2)), np.zeros(net.size))


@pytest.mark.skipif("cuda" not in ir.backends(), reason="no GPU, and not the simulator")
def test_a_network_on_the_gpu_is_refused():
    net = ir.Sequential([ir.IndRNN(2, 3)], steps=3, backend="cuda")
    with pytest.raises(ValueError, match="the backend is 'cuda', expected 'cpu' or 'reference'"):
        net.jvp(np.zeros((3, 1, 2), np.float32), np.zeros(net.size, np.float32))
