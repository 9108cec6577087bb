"""tanh, the logistic function and the parts of its logarithm, beside NumPy's in float64."""

import numpy as np
import pytest

from indrnn_np._cpu.jit import njit
from indrnn_np.ops.recurrence import vector_tanh

SPECIAL = [0.0, -0.0, np.inf, -np.inf, 1e30, -1e30, 1e-30, -1e-30]
POINTS = np.concatenate(
    [np.linspace(-25, 25, 20001), np.geomspace(1e-30, 1e3, 3001), -np.geomspace(1e-30, 1e3, 3001)]
)


@njit
def tanh_of(x, y):
    for i in range(len(x)):
        y[i] = vector_tanh.tanh(x[i])


@njit
def sigmoid_of(x, y):
    for i in range(len(x)):
        y[i] = vector_tanh.sigmoid(x[i])


@njit
def decay_of(x, y):
    for i in range(len(x)):
        y[i] = vector_tanh.decay_float64(x[i])


@njit
def log1p_of(x, y):
    for i in range(len(x)):
        y[i] = vector_tanh.log1p_float64(x[i])


def run(loop, points, dtype):
    x = np.asarray(points, dtype)
    y = np.full_like(x, np.nan)
    loop(x, y)
    return x.astype(np.float64), y


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1, e) / (1 + e)


@pytest.mark.parametrize("dtype, limit", [("float32", 4e-7), ("float64", 9e-16)])
def test_tanh_has_the_stated_relative_error(dtype, limit):
    x, y = run(tanh_of, POINTS, dtype)
    error = np.abs(y[x != 0] / np.tanh(x[x != 0]) - 1)
    assert 0 < error.max() < limit
    assert np.abs(y).max() == 1  # never above: 1 - h² stays a derivative


@pytest.mark.parametrize("dtype, limit", [("float32", 3e-7), ("float64", 3e-16)])
def test_sigmoid_has_the_stated_error(dtype, limit):
    x, y = run(sigmoid_of, POINTS, dtype)
    assert 0 < np.abs(y - sigmoid(x)).max() < limit
    assert y.min() >= 0 and y.max() == 1


def test_sigmoid_in_float64_keeps_its_relative_accuracy_where_it_is_small():
    x, y = run(sigmoid_of, np.linspace(-690, 0, 1001), "float64")
    assert np.abs(y / sigmoid(x) - 1).max() < 1e-15


def test_decay_and_log1p_have_the_accuracy_of_float64():
    x, y = run(decay_of, np.linspace(-690, 690, 20001), "float64")
    assert np.abs(y / np.exp(-np.abs(x)) - 1).max() < 1e-15
    assert run(decay_of, [0, 700, -1e300, np.inf, -np.inf], "float64")[1].tolist() == [1, 0, 0, 0, 0]
    x, y = run(log1p_of, np.append(np.geomspace(1e-300, 1, 20001), np.linspace(0.01, 1, 20001)), "float64")
    assert np.abs(y / np.log1p(x) - 1).max() < 1e-15
    assert run(log1p_of, [0], "float64")[1].tolist() == [0]
    assert np.isnan([run(loop, [np.nan], "float64")[1] for loop in (decay_of, log1p_of)]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_limits_and_nan(dtype):
    small = np.asarray([1e-30, -1e-30], dtype).tolist()
    assert run(tanh_of, SPECIAL, dtype)[1].tolist() == [0, 0, 1, -1, 1, -1, *small]
    assert run(sigmoid_of, SPECIAL, dtype)[1].tolist() == [0.5, 0.5, 1, 0, 1, 0, 0.5, 0.5]
    assert (
        np.isnan(run(tanh_of, [np.nan], dtype)[1]).all()
        and np.isnan(run(sigmoid_of, [np.nan], dtype)[1]).all()
    )


def test_odd_and_monotonic_in_float32_up_to_rounding():
    x = np.linspace(0, 12, 100001)
    y, mirrored = run(tanh_of, x, "float32")[1], run(tanh_of, -x, "float32")[1]
    assert (y == -mirrored).all()
    assert np.diff(y.astype(np.float64)).min() > -4e-7
