"""The gradient check of whole networks: on a copy, with batch norm and dropout as in training, with any loss."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np._gradcheck import GradientError


def net_and_input(dtype="float32"):
    layers = [
        ir.IndRNN(3, 6),
        ir.BatchNorm(6),
        ir.Dropout(0.4),
        ir.IndRNN(6, 4),
        ir.LastStep(),
        ir.Linear(4, 3),
    ]
    net = ir.Sequential(layers, steps=7, dtype=dtype, seed=4)
    net.flat[...] += np.random.default_rng(4).normal(0, 0.1, net.size)
    return net, np.random.default_rng(5).standard_normal((7, 5, 3)).astype(dtype)


def test_a_float32_network_is_checked_through_a_copy_and_stays_as_it_is():
    net, x = net_and_input()
    net.iteration = 11
    before, x_before = net.state_dict(), x.copy()
    report = ir.gradcheck(
        net, x, np.array([0, 2, 1, 1, 0]), "softmax_cross_entropy", lengths=np.array([7, 3, 1, 2, 5])
    )
    assert report.passed and report.error < 1e-6, report
    assert {"x", "0.W", "0.u", "0.b", "1.scale", "1.shift", "3.W", "3.u", "3.b", "5.W", "5.b"} < {
        r.name for r in report
    }
    assert net.dtype == np.float32 and net.iteration == 11 and np.array_equal(x, x_before)
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name]), name


def test_a_network_can_be_checked_on_another_backend():
    net, x = net_and_input()
    assert "on reference" in repr(ir.gradcheck(net, x, backend="reference"))
    assert net.backend == "cpu"


def test_a_loss_of_the_user_is_checked_by_central_differences():
    net, x = net_and_input("float64")

    def cubic(output, y):
        return float(np.sum((output - y) ** 3)), 3 * (output - y) ** 2

    assert ir.gradcheck(net, x, np.zeros((5, 3)), cubic).method == "central"
    with pytest.raises(GradientError, match=r"wrong gradient of x, 0\.W"):
        ir.gradcheck(
            net, x, np.zeros((5, 3)), lambda output, y: (cubic(output, y)[0], 2 * cubic(output, y)[1])
        )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, TypeError, r"gradcheck: x is None, expected an input \(T, B, D\)"),
        (
            {"x": np.ones((4, 2, 3)), "loss": "mse"},
            TypeError,
            "y is None, expected a target because loss is set",
        ),
        (
            {"x": np.ones((4, 2, 3)), "loss": "l2", "y": np.ones(1)},
            ValueError,
            "loss is 'l2', expected one of 'mse'",
        ),
        ({"x": np.ones((4, 2, 3)), "state": "ones"}, ValueError, "state is 'ones', expected one of 'zeros'"),
        (
            {"x": np.ones((4, 2, 3)), "T": 4},
            ValueError,
            r"options \['T'\] are given, expected none for a network or layer",
        ),
        ({"x": [1.0]}, ValueError, r"x has shape \(1,\), expected \(T, B, D\)"),
        ({"x": "x"}, TypeError, "gradcheck: x is a str, expected a numpy.ndarray"),
        ({"x": np.ones((4, 2, 5))}, ValueError, r"x has shape \(4, 2, 5\), expected \(T, B, 3\)"),
        ({"x": np.ones((4, 2, 3)), "method": "complex"}, ValueError, "because the network has rectifiers"),
    ],
)
def test_bad_calls_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        ir.gradcheck(ir.Sequential([ir.IndRNN(3, 4)], steps=4), **arguments)


def test_what_is_no_network_layer_or_op_is_refused():
    with pytest.raises(TypeError, match=r"layers\[0\] is 3, expected a layer"):
        ir.gradcheck(3, np.ones((4, 2, 3)))


def test_a_network_at_the_kink_counts_every_pre_activation():
    net = ir.Sequential([ir.IndRNN(3, 4)], steps=5, seed=0)  # b is 0, and so are x and the initial state here
    report = ir.gradcheck(net, np.zeros((5, 2, 3)), state="zeros")
    assert not report.failed and not report.passed
    assert report["0.b"].kinks == 5 * 2 * 4 and report["0.b"].status == "undecided"


def test_a_new_network_of_real_size_is_decided_though_its_biases_are_at_zero():
    rng = np.random.default_rng(0)
    net = ir.plain(2, 48, 1, layers=2, steps=30)
    x = rng.random((30, 20, 2), np.float32)
    report = ir.gradcheck(net, x, rng.random((20, 1), np.float32), "mse")
    assert report.passed, report
