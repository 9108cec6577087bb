"""Layer normalisation: statistics of each row, and the gradient through them."""

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    REFERENCE,
    assert_sums_close,
    batches,
    dtypes,
    each_backend,
    each_dtype,
    each_gpu,
    each_host,
    each_twin,
    seeds,
    steps,
    units,
)
from tolerances import assert_close, nan_filled

from indrnn_np import backend, set_threads
from indrnn_np._cpu.threads import threads


def problem(seed, shape, dtype, offset=0.0):
    rng = np.random.default_rng(seed)
    x, dy = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    scale, shift = (rng.standard_normal(shape[-1]).astype(dtype) for _ in range(2))
    return x + np.asarray(offset, dtype), dy, scale, shift


shapes = st.one_of(st.tuples(batches, units), st.tuples(steps, batches, units))
LONG = np.finfo(np.longdouble).eps < np.finfo(np.float64).eps  # the reference's means are of more digits
FAR = 1e6 if LONG else 100.0


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    x = np.array([[1, 3], [-2, 4]], dtype)
    one, zero = np.ones(2, dtype), np.zeros(2, dtype)
    y, mean, rstd = ops.layernorm.forward(x, one, zero, eps=np.finfo(dtype).tiny)
    assert mean.tolist() == [2, 1] and y.tolist() == [[-1, 1], [-1, 1]]
    assert_close(rstd, np.array([1, 1 / 3], dtype))
    y, _, rstd = ops.layernorm.forward(x, 2 * one, one, eps=3.0)
    assert_close(rstd, np.array([1 / 2, 12**-0.5], dtype))
    assert_close(y[0], np.array([0, 2], dtype))


@each_host
@given(seed=seeds, shape=shapes, dtype=dtypes)
def test_rows_have_mean_zero_and_variance_one(ops, seed, shape, dtype):
    x, _, scale, _ = problem(seed, shape, dtype, offset=3.0)
    y, _, _ = ops.layernorm.forward(x, np.ones_like(scale), np.zeros_like(scale))
    var = x.astype(np.float64).var(axis=-1)
    assert np.allclose(y.mean(axis=-1, dtype=np.float64), 0, atol=1e-4)
    assert np.allclose(y.astype(np.float64).var(axis=-1), var / (var + 1e-5), atol=1e-3)


@each_twin
@given(seed=seeds, shape=shapes, dtype=dtypes, offset=st.sampled_from([0.0, 100.0, FAR]))
def test_twin_equals_reference(ops, seed, shape, dtype, offset):
    compare(ops.layernorm, *problem(seed, shape, dtype, offset))


@each_gpu
@each_dtype
@pytest.mark.parametrize("shape", [(3, 33), (2, 3, 65), (5, 300), (2, 100, 3)])
def test_the_kernels_of_a_gpu_agree_where_a_warp_shares_a_row(ops, shape, dtype):
    compare(ops.layernorm, *problem(0, shape, dtype, offset=FAR))


def compare(ops, x, dy, scale, shift):
    """Both functions of a twin with the reference's."""
    shape, dtype = x.shape, x.dtype
    out = nan_filled(shape, dtype)
    expected = REFERENCE.layernorm.forward(x, scale, shift)
    found = ops.forward(x, scale, shift, out=out)
    assert found[0] is out
    for name, a, b in zip(("y", "mean", "rstd"), found, expected, strict=True):
        assert_close(a, b, name)
    _, mean, rstd = expected
    dx, dscale, dshift = REFERENCE.layernorm.backward(dy, x, mean, rstd, scale)
    back = nan_filled(shape, dtype)
    found = ops.backward(dy, x, mean, rstd, scale, back)
    assert found[0] is back
    # the terms of dx may cancel (one unit: all of it): rounding is that of the largest of them
    size = np.abs(rstd).max() * np.abs(scale).max() * np.abs(dy).max()
    assert_sums_close(back, dx, size, "dx")
    x_hat = np.abs((x - mean[..., None]) * rstd[..., None])
    rows = np.abs(dy).reshape(-1, shape[-1])
    assert_sums_close(found[1], dscale, (rows * x_hat.reshape(rows.shape)).sum(axis=0), "dscale")
    assert_sums_close(found[2], dshift, rows.sum(axis=0), "dshift")


@each_backend
@each_dtype
@given(value=st.floats(-3, 3), shape=shapes)
def test_equal_values_are_their_mean(ops, dtype, value, shape):
    """Rounding would leave x - mean just above zero, and relu would take it for a positive input."""
    x, one = np.full(shape, value, dtype), np.ones(shape[-1], dtype)
    y, mean, _ = ops.layernorm.forward(x, one, 0 * one)
    assert (mean == x[..., 0]).all() and not y.any()


@each_twin
@each_dtype
@pytest.mark.parametrize("H", [7, 37])
def test_the_distance_of_a_row_from_zero_does_not_matter(ops, dtype, H):
    """The offset is added to the values without rounding."""
    x = np.random.default_rng(0).integers(-1024, 1024, (20, H)).astype(dtype) / 2**8
    scale, shift = np.ones(H, dtype), np.zeros(H, dtype)
    offset = 2**10 if dtype == "float32" else 2**20
    expected = ops.layernorm.forward(x, scale, shift)[0]
    assert_close(ops.layernorm.forward(x + offset, scale, shift)[0], expected)


@each_host
@given(seed=seeds, shape=shapes, eps=st.sampled_from([1e-5, 0.3]))
def test_gradient(ops, seed, shape, eps):
    x, dy, scale, shift = problem(seed, shape, "float64")
    _, mean, rstd = ops.layernorm.forward(x, scale, shift, eps)

    def loss(x, scale, shift):
        return float(np.sum(ops.layernorm.forward(x, scale, shift, eps)[0] * dy))

    found = ops.layernorm.backward(dy, x, mean, rstd, scale)
    # two units of nearly one value have a slope that changes within the step of the difference
    near = shape[-1] > 1 and (rstd > 30).any()
    gradients = dict(zip(("x", "scale", "shift"), found, strict=True))
    arrays = {"x": x, "scale": scale, "shift": shift}
    assert_gradients(loss, arrays, gradients, np.random.default_rng(seed), rtol=1e-3 if near else 1e-6)


@each_backend
@each_dtype
def test_in_place(ops, dtype):
    x, dy, scale, shift = problem(0, (7, 3, 5), dtype)
    expected = ops.layernorm.forward(x, scale, shift)
    back = ops.layernorm.backward(dy, x, *expected[1:], scale)
    assert np.array_equal(ops.layernorm.forward(x.copy(), scale, shift, out=x)[0], expected[0])
    x = problem(0, (7, 3, 5), dtype)[0]
    found = ops.layernorm.backward(dy, x, *expected[1:], scale, out=dy)
    for a, b in zip(found, back, strict=True):
        assert np.array_equal(a, b)


def test_no_bit_depends_on_the_number_of_threads():
    x, dy, scale, shift = problem(0, (900, 31, 37), "float32")
    before, found = threads(), []
    try:
        for n in (1, 2, 3):
            set_threads(n)
            ops = backend.get("cpu").layernorm
            forward = ops.forward(x, scale, shift)
            back = ops.backward(dy, x, *forward[1:], scale)
            found.append([a.tobytes() for a in (*forward, *back)])
    finally:
        set_threads(before)
    assert found[0] == found[1] == found[2]


@each_backend
def test_nan_stays_in_its_row(ops):
    x, _, scale, shift = problem(0, (4, 3), "float64")
    x[2, 1] = np.nan
    y, mean, rstd = ops.layernorm.forward(x, scale, shift)
    assert np.isnan(y).all(axis=1).tolist() == [False, False, True, False]
    assert np.isnan(mean[2]) and np.isnan(rstd[2])


@each_backend
@pytest.mark.parametrize("place", [0, 2])
def test_infinity_is_its_rows_mean(ops, place):
    x, _, scale, shift = problem(0, (3, 40), "float64")
    x[1, place] = -np.inf
    with np.errstate(invalid="ignore"):
        y, mean, rstd = ops.layernorm.forward(x, scale, shift)
    assert mean[1] == -np.inf and np.isnan(rstd[1]) and np.isnan(y[1]).all()
    assert np.isfinite(y[::2]).all()


@each_backend
def test_no_unit_at_all_is_refused(ops):
    with pytest.raises(
        ValueError, match=r"layernorm.forward: the number of units H is 0, expected a number of"
    ):
        ops.layernorm.forward(np.zeros((2, 0)), np.zeros(0), np.zeros(0))
