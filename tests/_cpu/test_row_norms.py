"""Squares of ∂L/∂h_t, beside the same in NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indrnn_np._cpu.row_norms import squares, squares_with_recurrence

shapes = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9))


@given(shapes, st.booleans(), st.booleans(), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32))
def test_a_chunk_is_summed_with_what_later_steps_give(shape, has_dh, reverse, dtype, seed):
    rng = np.random.default_rng(seed)
    dh, da, edge, u = (rng.normal(size=s).astype(dtype) for s in (shape, shape, shape[1:], shape[2:]))
    left = rng.integers(-1, shape[0] + 2, shape[1])
    later = np.concatenate([edge[None], da[:-1]] if reverse else [da[1:], edge[None]]).astype(np.float64)
    whole = u * later + (dh if has_dh else 0)
    whole[np.arange(shape[0])[:, None] >= left] = 0
    dh[np.arange(shape[0])[:, None] >= left] = np.nan  # whatever stands in the padding
    found = squares_with_recurrence(dh if has_dh else None, da, u, edge, left, reverse)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, (whole**2).sum(axis=(1, 2)), rtol=2e-5 if dtype == "float32" else 1e-12)
    np.testing.assert_allclose(squares(da), (da.astype(np.float64) ** 2).sum(axis=(1, 2)), rtol=1e-12)


def test_squares_of_what_float32_can_hold_do_not_vanish():
    tiny = np.full((2, 1, 3), 1e-30, np.float32)
    assert squares(tiny) == pytest.approx(np.full(2, 3e-60), rel=1e-6)
    found = squares_with_recurrence(None, tiny, np.ones(3, np.float32), tiny[0], np.array([2]), False)
    assert found == pytest.approx(np.full(2, 3e-60), rel=1e-6)


def test_what_is_not_contiguous_is_read_right():
    rows = np.arange(24.0).reshape(2, 3, 4)[:, ::2]
    np.testing.assert_allclose(squares(rows), (rows**2).sum(axis=(1, 2)))
