"""The table of activations: each entry agrees with itself, and the reference shares no function with kernels."""

import numpy as np
import pytest

from indrnn_np import init
from indrnn_np.ops.recurrence import activation
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

each_activation = pytest.mark.parametrize("entry", ACTIVATIONS.values(), ids=ACTIVATIONS)
POINTS = np.concatenate([np.linspace(-30, 30, 2401), [1e-30, -1e-30, 0.0, -0.0, 1e4, -1e4]])


def scalars(function, values, dtype):
    """The scalar function of each value, as Python computes it, in the dtype."""
    function, (zero, one) = getattr(function, "py_func", function), np.array([0, 1], dtype)
    return np.array([function(value, zero, one) for value in values.astype(dtype)])


@each_activation
def test_the_functions_of_arrays_share_nothing_with_those_of_kernels(entry):
    for function in (entry.array_phi, entry.array_dphi):
        code = getattr(function, "__code__", None)  # none: a function of NumPy itself
        if code is None:
            assert function is getattr(np, function.__name__)
            continue
        for name in code.co_names:
            value = vars(activation).get(name, np)  # otherwise an attribute
            assert value in (np, activation.decay) or name not in function.__globals__, name


@each_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_functions_of_an_entry_agree(entry, dtype):
    tolerance = {"float32": 2e-6, "float64": 2e-15}[dtype]
    h = entry.array_phi(POINTS.astype(dtype))
    assert h.dtype == dtype
    for phi in filter(None, (entry.phi, entry.cuda_phi)):
        np.testing.assert_allclose(scalars(phi, POINTS, dtype), h, rtol=tolerance, atol=tolerance)
    slope = scalars(entry.dphi, h, dtype)
    assert slope.dtype == entry.array_dphi(h).dtype == dtype
    np.testing.assert_allclose(slope, entry.array_dphi(h), rtol=tolerance, atol=tolerance)


@each_activation
def test_the_derivative_from_the_output_is_that_of_phi(entry):
    a = np.linspace(-6, 6, 1200)  # not 0, where phi may have a kink
    difference = (entry.array_phi(a + 1e-6) - entry.array_phi(a - 1e-6)) / 2e-6
    np.testing.assert_allclose(entry.array_dphi(entry.array_phi(a)), difference, atol=1e-9)


@each_activation
def test_an_entry_is_rectified_where_its_derivative_jumps(entry):
    below, above = entry.array_dphi(entry.array_phi(np.array([-1e-12, 1e-12])))
    assert (abs(above - below) > 0.1) == entry.rectified


@each_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_stays_nan(entry, dtype):
    nan = np.array([np.nan])
    assert np.isnan(entry.array_phi(nan.astype(dtype))).all()
    for phi in filter(None, (entry.phi, entry.cuda_phi)):
        assert np.isnan(scalars(phi, nan, dtype)).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_bound_keeps_the_gradient_below_gamma(name):
    """The recurrent weight times φ' at its largest; the bound of tanh is above by a factor 0.9 in ten steps."""
    entry = ACTIVATIONS[name]
    largest = entry.array_dphi(entry.array_phi(np.linspace(-6, 6, 1201))).max()
    allowed = {"tanh": 0.9 ** (-20 / 10)}.get(name, 1.0)
    assert (init.recurrent_bound(name, 2.0, 20) * largest) ** 20 == pytest.approx(2 * allowed)
