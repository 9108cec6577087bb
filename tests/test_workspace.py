"""Buffers that are used again."""

import numpy as np
from strategies import each_dtype

import indrnn_np as ir


@each_dtype
def test_a_name_gives_the_same_memory_again(dtype):
    work = ir.Workspace()
    first = work.array("h", (3, 4), dtype)
    assert first.shape == (3, 4) and first.dtype == dtype and first.flags.c_contiguous
    first[...] = 7
    again = work.array("h", (3, 4), dtype)
    assert np.shares_memory(first, again) and (again == 7).all()


def test_smaller_shapes_are_cut_from_the_buffer_and_larger_ones_replace_it():
    work = ir.Workspace()
    large = work.array("h", (4, 5), "float32")
    small = work.array("h", (2, 3), "float32")
    assert np.shares_memory(large, small) and small.flags.c_contiguous and small.shape == (2, 3)
    assert work.nbytes == 80
    larger = work.array("h", (5, 5), "float32")
    assert not np.shares_memory(large, larger) and work.nbytes == 100
    assert np.shares_memory(larger, work.array("h", (4, 5), "float32"))


def test_names_and_dtypes_do_not_share():
    work = ir.Workspace()
    arrays = [work.array(name, (3,), dtype) for name in ("a", "b") for dtype in ("float32", np.float64)]
    for i, one in enumerate(arrays):
        assert not any(np.shares_memory(one, other) for other in arrays[:i])
    assert np.shares_memory(arrays[1], work.array("a", (3,), np.dtype("float64")))
    assert work.nbytes == 2 * 12 + 2 * 24


def test_empty_arrays():
    work = ir.Workspace()
    assert work.array("a", (0, 3), "float32").shape == (0, 3)
    assert work.array("b", (), "float32").shape == ()
    assert "2 buffers" in repr(work)
