"""Batch normalisation of sequences, with statistics over batch and time or per step, with and without lengths."""

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    REFERENCE,
    batches,
    dtypes,
    each_backend,
    each_dtype,
    each_twin,
    maybe_lengths,
    seeds,
    units,
)
from tolerances import assert_close, nan_filled

steps = st.sampled_from([1, 2, 5, 33])
styles = pytest.mark.parametrize("per_step", [False, True], ids=["over time", "per step"])


class Problem:
    def __init__(self, rng, T, B, H, lengths, dtype):
        shapes = {"x": (T, B, H), "dy": (T, B, H), "scale": (H,), "shift": (H,)}
        arrays = {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
        arrays["x"] = (3 * arrays["x"] + 2).astype(dtype)
        self.rng, self.arrays, self.lengths = rng, arrays, lengths
        self.valid = (np.arange(T)[:, None] < (np.full(B, T) if lengths is None else lengths))[:, :, None]

    def forward(self, ops, per_step, out=None, **arrays):
        given = {name: self.arrays[name] for name in ("x", "scale", "shift")} | arrays
        return ops.batchnorm.forward(**given, lengths=self.lengths, per_step=per_step, out=out)

    def backward(self, ops, mean, var, per_step, out=None, **arrays):
        given = {name: self.arrays[name] for name in ("x", "dy", "scale")} | arrays
        return ops.batchnorm.backward(
            **given, mean=mean, var=var, lengths=self.lengths, per_step=per_step, out=out
        )


@st.composite
def problems(draw, dtypes=dtypes):
    rng = np.random.default_rng(draw(seeds))
    T, B, H = draw(steps), draw(batches), draw(units)
    lengths = draw(maybe_lengths(rng, T, B))
    if lengths is not None:
        lengths[rng.integers(B)] = T
    return Problem(rng, T, B, H, lengths, draw(dtypes))


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    """x = 1, 3: mean 2, variance 1; eps = 3 makes √(var + eps) = 2."""
    x, scale, shift = np.array([[[1.0]], [[3.0]]], dtype), np.array([2.0], dtype), np.array([0.5], dtype)
    y, mean, var = ops.batchnorm.forward(x, scale, shift, eps=3.0)
    assert (mean.tolist(), var.tolist(), y.ravel().tolist()) == ([[2]], [[1]], [-0.5, 1.5])
    dx, dscale, dshift = ops.batchnorm.backward(
        np.array([[[1.0]], [[0.0]]], dtype), x, mean, var, scale, eps=3.0
    )
    assert (dscale.tolist(), dshift.tolist()) == ([-0.5], [1])
    assert dx.ravel().tolist() == [0.375, -0.375]  # 2 · ½ (dy - ½ + ¼ x̂), x̂ = ∓½
    given = np.array([[1.0]], dtype)
    assert ops.batchnorm.apply(x, given, given, scale, shift, eps=3.0).ravel().tolist() == [0.5, 2.5]


@each_backend
def test_literal_values_per_step_and_with_lengths(ops):
    x = np.array([[[1.0], [3.0]], [[5.0], [100.0]], [[7.0], [100.0]]])
    one, zero = np.ones(1), np.zeros(1)
    y, mean, var = ops.batchnorm.forward(x, one, zero, eps=3.0, lengths=np.array([3, 1]), per_step=True)
    assert (mean.ravel().tolist(), var.ravel().tolist()) == ([2, 5, 7], [1, 0, 0])
    assert y[:, :, 0].tolist() == [[-0.5, 0.5], [0, 0], [0, 0]]
    y, mean, var = ops.batchnorm.forward(x, one, zero, eps=4.0, lengths=np.array([3, 1]))
    assert (mean.ravel().tolist(), var.ravel().tolist()) == ([4], [5])
    assert_close(y[:, :, 0], np.array([[-1, -1 / 3], [1 / 3, 0], [1, 0]]))


@each_twin
@styles
@given(p=problems())
def test_twin_equals_reference(ops, per_step, p):
    dtype, shape = p.arrays["x"].dtype, p.arrays["x"].shape
    out = nan_filled(shape, dtype)
    y, mean, var = p.forward(ops, per_step, out)
    wanted = p.forward(REFERENCE, per_step)
    assert y is out
    n = (
        1 + 2 * np.abs(wanted[1]).max()
    )  # the mean is subtracted: its rounding counts in units of the deviation
    small = 1 / np.sqrt(wanted[2][wanted[2] > 0].min(initial=9.0) + 1e-5)
    for name, one, other in zip(("y", "mean", "var"), (y, mean, var), wanted, strict=True):
        assert_close(one, other, name, scale=1 if name == "mean" else max(1, n * small))
    # Back from the same statistics. 1/√var multiplies what is left of dy: its rounding grows with it, twice.
    out = nan_filled(shape, dtype)
    found = p.backward(ops, wanted[1], wanted[2], per_step, out)
    assert found[0] is out
    expected = p.backward(REFERENCE, wanted[1], wanted[2], per_step)
    rstd = 1 / np.sqrt(wanted[2] + 1e-5).min()
    for name, one, other in zip(("dx", "dscale", "dshift"), found, expected, strict=True):
        largest = rstd if name == "dx" else p.arrays["x"].size
        assert_close_to(one, other, largest, name)


def assert_close_to(actual, expected, largest, name):
    pair = (np.append(value.ravel(), np.asarray(largest, expected.dtype)) for value in (actual, expected))
    assert_close(*pair, name)


@each_backend
@styles
@given(p=problems())
def test_padding_never_enters(ops, per_step, p):
    """NaN there: one read of it would show."""
    first = p.forward(ops, per_step)
    hidden = np.where(p.valid, p.arrays["x"], np.asarray(np.nan, first[0].dtype))
    for one, other in zip(p.forward(ops, per_step, x=hidden), first, strict=True):
        assert np.array_equal(one, other)
    dy = np.where(p.valid, p.arrays["dy"], np.asarray(np.nan, first[0].dtype))
    expected = p.backward(ops, *first[1:], per_step)
    for one, other in zip(p.backward(ops, *first[1:], per_step, x=hidden, dy=dy), expected, strict=True):
        assert np.array_equal(one, other)
    outside = ~p.valid[:, :, 0]
    assert not first[0][outside].any() and not expected[0][outside].any()


@styles
@given(p=problems(dtypes=st.just("float64")))
def test_reference_against_differences(per_step, p):
    arrays = {name: p.arrays[name] for name in ("x", "scale", "shift")}
    _, mean, var = p.forward(REFERENCE, per_step)
    # A statistic over one value, or over two that nearly agree, is too steep for a difference of 1e-6.
    p.arrays["x"][...] += np.where(np.arange(p.arrays["x"].shape[1])[:, None] % 2, 4.0, -4.0)
    arrays["x"] = p.arrays["x"]
    _, mean, var = p.forward(REFERENCE, per_step)
    found = p.backward(REFERENCE, mean, var, per_step)

    def loss(**arrays):
        y = REFERENCE.batchnorm.forward(**arrays, eps=1e-5, lengths=p.lengths, per_step=per_step)[0]
        return np.sum(y * p.arrays["dy"])

    assert_gradients(loss, arrays, dict(zip(("x", "scale", "shift"), found, strict=True)), p.rng, rtol=1e-5)


@each_backend
@styles
@given(p=problems(dtypes=st.just("float64")))
def test_the_output_has_mean_shift_and_deviation_scale(ops, per_step, p):
    y, _, var = p.forward(ops, per_step)
    rows = (
        [p.valid[:, :, 0]]
        if not per_step
        else [p.valid[:, :, 0] & (np.arange(len(y)) == t)[:, None] for t in range(len(y))]
    )
    for row, spread in zip(rows, var, strict=True):
        if row.any():
            assert_close_to(y[row].mean(axis=0), p.arrays["shift"], 10, "mean")
            deviation = np.abs(p.arrays["scale"]) * np.sqrt(spread / (spread + 1e-5))
            assert np.allclose(y[row].std(axis=0), deviation, rtol=1e-9, atol=1e-9)


@each_backend
@styles
@each_dtype
@given(value=st.floats(-3, 3), T=steps, B=batches)
def test_equal_values_are_their_mean(ops, per_step, dtype, value, T, B):
    """Rounding would leave x - mean just above zero, and relu would take it for a positive input."""
    x, one = np.full((T, B, 2), value, dtype), np.ones(2, dtype)
    y, mean, var = ops.batchnorm.forward(x, one, 0 * one, per_step=per_step)
    assert (mean == x[0, 0]).all() and not y.any() and (var < 1e-20).all()


@each_backend
@pytest.mark.parametrize(
    "T, B, per_step",
    [(1, 64, False), (2, 32, False), (300, 4, False), (40, 32, False), (2, 32, True), (40, 32, True)],
)
def test_a_large_mean_costs_no_accuracy(ops, T, B, per_step):
    """Mean 1000, deviation 1 in float32: E[x²] - E[x]² would lose everything."""
    rng = np.random.default_rng(0)
    x = (1000 + rng.standard_normal((T, B, 16))).astype(np.float32)
    one, zero = np.ones(16, np.float32), np.zeros(16, np.float32)
    y, mean, var = ops.batchnorm.forward(x, one, zero, per_step=per_step)
    axes = 1 if per_step else (0, 1)
    exact = x.astype(np.float64)
    m, v = (f(axis=axes).reshape(-1, 16) for f in (exact.mean, exact.var))
    assert np.abs(mean - m).max() <= 2**-14  # half the distance between floats at 1000 is 2^-15
    assert np.abs(var / v - 1).max() < 1e-5
    error = y * np.sqrt(v + 1e-5)[:, None] - (exact - m[:, None])  # in units of x
    assert np.abs(error).max() < 2e-4
    dy = rng.standard_normal(x.shape).astype(np.float32)
    found = ops.batchnorm.backward(dy, x, mean, var, one, per_step=per_step)
    wanted = REFERENCE.batchnorm.backward(dy.astype(float), exact, m, v, np.ones(16), per_step=per_step)
    for name, a, b in zip(("dx", "dscale", "dshift"), found, wanted, strict=True):
        assert np.abs(a - b).max() <= 1e-4 * max(np.abs(b).max(), np.sqrt(T * B)), name


@each_twin
@each_dtype
@pytest.mark.parametrize("T, B, H, per_step", [(130, 3, 2, False), (40, 33, 1, False), (2, 200, 3, True)])
@pytest.mark.parametrize("ragged", [False, True])
def test_many_rows_of_a_statistic(ops, dtype, T, B, H, per_step, ragged):
    """A GPU cuts them into segments; the first value of a column is far from the others."""
    rng = np.random.default_rng(T)
    p = Problem(rng, T, B, H, rng.integers(0, T + 1, B) if ragged else None, dtype)
    p.arrays["x"][0, 0] = 100
    y, mean, var = p.forward(ops, per_step)
    expected = p.forward(REFERENCE, per_step)
    assert_close(mean, expected[1], "mean")
    assert_close(var, expected[2], "var")
    assert_close(y, expected[0], "y", scale=10)
    found = p.backward(ops, *expected[1:], per_step)
    for name, one, other in zip(("dx", "dscale", "dshift"), found, p.backward(REFERENCE, *expected[1:], per_step),
                                strict=True):  # fmt: skip
        assert_close_to(one, other, p.arrays["x"].size if name != "dx" else 1, name)


@each_backend
@given(p=problems())
def test_apply_with_the_statistics_of_the_batch_is_forward(ops, p):
    for per_step in (False, True):
        y, mean, var = p.forward(ops, per_step)
        out = nan_filled(y.shape, y.dtype)
        scale, shift = p.arrays["scale"], p.arrays["shift"]
        applied = ops.batchnorm.apply(p.arrays["x"], mean, var, scale, shift, lengths=p.lengths, out=out)
        assert applied is out
        assert np.array_equal(applied, y)


@each_backend
def test_update_moves_the_rows_of_the_steps(ops):
    """Steps 2 to 5 of running statistics for 4 steps: no sample reaches step 3, steps 5 and 6 have the last row."""
    mean, var = np.zeros((4, 2)), np.ones((4, 2))
    batch = np.array([[1.0, 2], [9, 9], [3, 4], [5, 6]])
    ops.batchnorm.update(mean, var, batch, batch, np.array([3, 0, 2, 1]), 1, 0.5)
    assert mean.tolist() == [[0, 0], [0.5, 1], [0, 0], [2.5, 3]]
    assert var.tolist() == [
        [1, 1],
        [1.25, 2],
        [1, 1],
        [1, 1],
    ]  # (1 + 1.5 · 1) / 2; one value has no variance
    before = mean.copy()
    ops.batchnorm.update(
        mean, var, batch, batch, np.array([3, 4, 0, 0]), 3, 0.5
    )  # the fourth and the last row
    assert mean.tolist() == [*before[:3].tolist(), [5.75, 6]]
    ops.batchnorm.update(mean, var, batch, batch, np.zeros(4, int), 0, 0.5)
    assert mean.tolist() == [*before[:3].tolist(), [5.75, 6]]


@each_twin
@each_dtype
def test_update_equals_the_reference(ops, dtype):
    rng = np.random.default_rng(0)
    for R, S, t0 in [(1, 1, 0), (5, 5, 0), (5, 3, 4), (9, 3, 2), (2, 6, 1)]:
        running_mean, running_var, mean, var = (rng.random((n, 7)).astype(dtype) for n in (R, R, S, S))
        counts = rng.integers(0, 4, S)
        expected = running_mean.copy(), running_var.copy()
        REFERENCE.batchnorm.update(*expected, mean, var, counts, t0, 0.1)
        ops.batchnorm.update(running_mean, running_var, mean, var, counts, t0, 0.1)
        assert_close(running_mean, expected[0], "mean")
        assert_close(running_var, expected[1], "var")


@each_backend
@each_dtype
def test_rows_of_running_statistics(ops, dtype):
    running = np.array([[1, 2], [3, 4], [5, 6]], dtype)
    for t0, T, rows in [(0, 2, [0, 1]), (1, 4, [1, 2, 2, 2]), (7, 1, [2]), (0, 0, [])]:
        found = ops.batchnorm.rows(running, t0, T)
        assert found.dtype == dtype and found.flags.c_contiguous
        assert np.array_equal(found, running[rows])


@each_backend
@styles
@given(p=problems())
def test_out_may_be_what_is_read(ops, per_step, p):
    y, mean, var = p.forward(ops, per_step)
    x = p.arrays["x"].copy()
    assert_close(p.forward(ops, per_step, x, x=x)[0], y)
    dx = p.backward(ops, mean, var, per_step)[0]
    for name in ("x", "dy"):
        out = p.arrays[name].copy()
        assert_close(p.backward(ops, mean, var, per_step, out, **{name: out})[0], dx, name)


@each_backend
@styles
@pytest.mark.parametrize("shape", [(0, 2, 3), (2, 0, 3), (2, 3, 0)])
@pytest.mark.parametrize("lengths", [False, True])
def test_empty_arrays(ops, per_step, shape, lengths):
    p = Problem(np.random.default_rng(0), *shape, np.full(shape[1], shape[0]) if lengths else None, "float64")
    mean = np.ones((shape[0] if per_step else 1, shape[2]))
    for found in p.backward(ops, mean, mean, per_step):
        assert not found.any()
    scale, shift = p.arrays["scale"], p.arrays["shift"]
    assert ops.batchnorm.apply(p.arrays["x"], mean, mean, scale, shift, lengths=p.lengths).shape == shape


@each_backend
@styles
def test_a_statistic_over_nothing_is_an_error(ops, per_step):
    x, one = np.ones((3, 2, 4)), np.ones(4)
    with pytest.raises(
        ValueError,
        match=r"^batchnorm\.forward: there is no value to take a statistic over, expected at least one value but every",
    ):
        ops.batchnorm.forward(x, one, one, lengths=np.array([0, 0]), per_step=per_step)
    with pytest.raises(ValueError, match=r"^batchnorm\.forward: there is no value to take a statistic over"):
        ops.batchnorm.forward(np.ones((0, 2, 4)), one, one, per_step=per_step)
    with pytest.raises(
        ValueError, match=r"^batchnorm\.statistics: there is no value to take a statistic over"
    ):
        ops.batchnorm.statistics(np.ones((0, 2, 4)), per_step=per_step)


@each_backend
def test_statistics_that_do_not_fit_are_refused(ops):
    x, one = np.ones((3, 2, 4)), np.ones(4)
    each, all_steps = np.ones((3, 4)), np.ones((1, 4))
    for mean, var in ((each, all_steps), (all_steps, each)):
        with pytest.raises(ValueError, match=r"var has shape \(\d, 4\), expected \(\d, 4\)"):
            ops.batchnorm.apply(x, mean, var, one, one)
    with pytest.raises(ValueError, match=r"var has shape \(3, 4\), expected \(1, 4\)"):
        ops.batchnorm.backward(x, x, all_steps, each, one)
    with pytest.raises(ValueError, match=r"mean has shape .* because per_step is True"):
        ops.batchnorm.backward(x, x, all_steps, all_steps, one, per_step=True)


@each_backend
def test_an_out_that_does_not_fit_is_refused(ops):
    x, one, all_steps = np.ones((3, 2, 4)), np.ones(4), np.ones((1, 4))
    for out in (np.empty((4, 2, 4)), np.empty((3, 2, 5))):
        with pytest.raises(ValueError, match="out has shape"):
            ops.batchnorm.apply(x, all_steps, all_steps, one, one, out=out)
        with pytest.raises(ValueError, match="out has shape"):
            ops.batchnorm.forward(x, one, one, out=out)
        with pytest.raises(ValueError, match="out has shape"):
            ops.batchnorm.backward(x, x, all_steps, all_steps, one, out=out)
