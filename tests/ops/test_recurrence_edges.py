"""The recurrence at its edges: in place, overlapping arrays, NaN, Inf and units far in saturation."""

import warnings

import numpy as np
import pytest
from strategies import BACKENDS, REFERENCE, each_activation, each_backend, each_dtype, each_twin
from tolerances import assert_close, nan_filled

from indrnn_np import backend
from indrnn_np.ops.recurrence.steps import FLUSH


@each_backend
@each_dtype
@each_activation
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_in_place(ops, dtype, activation, reverse):
    rng = np.random.default_rng(0)
    a, u, h0 = (rng.standard_normal(shape).astype(dtype) for shape in ((2 * FLUSH + 1, 3, 5), (5,), (3, 5)))
    u = np.clip(u, -1, 1)
    for lengths in (None, np.array([5, 0, len(a)])):
        expected = ops.recurrence.forward(a, u, h0, activation, lengths, reverse)
        out = nan_filled(expected.shape, dtype)
        out[1:] = a
        assert ops.recurrence.forward(out[1:], u, h0, activation, lengths, reverse, out) is out
        assert_close(out, expected)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(
    "first, start", [(0, 0), (2, 0), (0, 4)], ids=["a before", "a behind", "a ends in row 0"]
)
def test_an_overlap_that_would_lose_numbers_is_refused(name, first, start):
    """a and out cut from one buffer: a may be out[1:] and nothing else that shares memory with it."""
    ops = backend.get(name)
    buffer, u, h0 = (ops.device.bring(np.ones(shape)) for shape in ((11, 1, 2), (2,), (1, 2)))
    a, out = buffer[first : first + 5], buffer[start : start + 6]
    with pytest.raises(
        ValueError, match=r"recurrence\.forward: a overlaps out, expected a to be out\[1:\] itself"
    ):
        ops.recurrence.forward(a, u, h0, out=out)


@each_twin
@each_dtype
@each_activation
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_nan_and_inf_pass_as_in_the_reference(ops, dtype, activation, reverse):
    a = np.zeros((3, 2, 4), dtype)
    a[1] = [[np.nan, np.inf, -np.inf, 1], [np.nan, np.inf, -np.inf, 1]]
    u, h0 = np.array([1, 0.5, 0.5, 1], dtype), np.array([[1, 1, 1, np.nan], [0, 0, 0, np.inf]], dtype)
    kw = {"activation": activation, "reverse": reverse}
    with np.errstate(all="ignore"):
        expected = REFERENCE.recurrence.forward(a, u, h0, **kw)
        h = ops.recurrence.forward(a, u, h0, **kw)
        assert np.isnan(expected[2][:, 0]).all()
        assert_close(h, expected)
        dh = np.ones_like(a)
        dh[2, :, 1] = np.nan
        wanted = REFERENCE.recurrence.backward(dh, expected, u, None, **kw)
        found = ops.recurrence.backward(dh, expected, u, None, **kw)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other)


@each_backend
@each_dtype
def test_units_far_in_saturation_raise_no_warning(ops, dtype):
    """exp overflows on the way to σ(-10000) = 0; the answer is exact all the same."""
    a = np.array([[[-1e4, 1e4]], [[1e4, -1e4]]], dtype)
    limits = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, 1e4), "identity": (-1e4, 1e4)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for activation, (low, high) in limits.items():
            h = ops.recurrence.forward(a, np.zeros(2, dtype), np.zeros((1, 2), dtype), activation)
            assert h[1:, 0].tolist() == [[low, high], [high, low]]
            assert np.isfinite(ops.recurrence.backward(a, h, np.zeros(2, dtype), None, activation)[0]).all()
