"""The comparison that all other tests rely on can fail."""

import numpy as np
import pytest
from tolerances import TOLERANCE, assert_close, nan_filled


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
def test_the_error_is_taken_over_the_largest_entry(dtype):
    expected = np.array([1000, 0.001], dtype)
    assert_close(expected + np.array([0, 500], dtype) * dtype_limit(dtype), expected)
    with pytest.raises(AssertionError, match=r"du: error .* worst at \[1\]"):
        assert_close(expected + np.array([0, 2000], dtype) * dtype_limit(dtype), expected, "du")


def dtype_limit(dtype):
    return np.dtype(dtype).type(TOLERANCE[dtype])


def test_scale_widens_it():
    one = np.ones(3, "float32")
    assert_close(one * np.float32(1.00003), one, scale=10)
    with pytest.raises(AssertionError, match="limit 1e-05"):
        assert_close(one * np.float32(1.00003), one)


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (np.zeros(2), "dtype float64, expected float32"),
        (np.zeros(3, "float32"), r"shape \(3,\), expected \(2,\)"),
        (np.array([0, np.nan], "float32"), r"worst at \[1\]: .*nan"),
        (np.array([0, 1e-30], "float32"), "error inf"),
    ],
)
def test_it_fails_on(actual, words):
    with pytest.raises(AssertionError, match=words):
        assert_close(actual, np.zeros(2, "float32"))


def test_nan_and_inf_stand_in_the_same_places():
    values = np.array([np.nan, np.inf, -np.inf, 1])
    assert_close(values.copy(), values)
    for wrong in ([0, np.inf, -np.inf, 1], [np.nan, -np.inf, -np.inf, 1], [np.nan, np.inf, np.nan, 1]):
        with pytest.raises(AssertionError, match="in the wrong place"):
            assert_close(np.array(wrong), values)


def test_scalars_empty_and_complex_arrays():
    assert_close(np.float32(1), np.float32(1))
    assert_close(np.empty((0, 3)), np.empty((0, 3)))
    assert_close(np.array([1 + 1e-13j]), np.array([1 + 0j]))
    with pytest.raises(AssertionError, match="error 1e-10"):
        assert_close(np.array([1 + 1e-10j]), np.array([1 + 0j]))


def test_nan_filled():
    assert np.isnan(nan_filled((2, 3), "float64")).all()
