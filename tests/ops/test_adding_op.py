"""The sequences of the adding problem: by hand, twins bit for bit, and parts of a batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import REFERENCE, dtypes, each_backend, each_dtype, each_twin

keys = st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 2), st.integers(0, 2**64 - 1))


@each_backend
@each_dtype
def test_what_stands_where(ops, dtype):
    """T = 5: the first marker is in the first 2 steps, the second in the last 3."""
    x, target = ops.adding.draw((1, 2, 3), 5, 4, dtype)
    assert x.shape == (5, 4, 2) and target.shape == (4, 1) and x.dtype == target.dtype == dtype
    assert np.array_equal(x[:, :, 0], REFERENCE.random.uniform((1, 2, 3), (5, 4), dtype))
    place = REFERENCE.random.uniform((1, 3, 3), (2, 4), "float64")
    for b in range(4):
        steps = int(place[0, b] * 2), 2 + int(place[1, b] * 3)
        assert tuple(np.flatnonzero(x[:, b, 1])) == steps and x[list(steps), b, 1].tolist() == [1, 1]
        assert target[b, 0] == x[steps[0], b, 0] + x[steps[1], b, 0]


@each_twin
@given(key=keys, steps=st.integers(2, 9), size=st.integers(0, 9), dtype=dtypes, data=st.data())
def test_twin_equals_reference(ops, key, steps, size, dtype, data):
    first = data.draw(st.integers(0, size))
    count = data.draw(st.none() | st.integers(0, size - first))
    found = ops.adding.draw(key, steps, size, dtype, first, count)
    for mine, theirs in zip(found, REFERENCE.adding.draw(key, steps, size, dtype, first, count), strict=True):
        assert mine.dtype == theirs.dtype == dtype and mine.shape == theirs.shape
        assert np.array_equal(mine, theirs)


@each_backend
@each_dtype
def test_parts_are_those_of_the_whole(ops, dtype):
    x, target = ops.adding.draw((4, 5, 6), 6, 10, dtype)
    for first, count in ((0, 3), (3, 3), (6, 4), (9, None), (10, None)):
        part = slice(first, None if count is None else first + count)
        some, targets = ops.adding.draw((4, 5, 6), 6, 10, dtype, first, count)
        assert some.flags.c_contiguous
        assert np.array_equal(some, x[:, part]) and np.array_equal(targets, target[part])


@each_backend
@pytest.mark.parametrize(
    "change, words",
    [
        ({"steps": 1}, "steps is 1, expected a number of at least 2"),
        ({"size": -1}, "a size in shape is -1, expected a number of at least 0"),
        ({"dtype": "float16"}, "dtype is 'float16', expected one of 'float32', 'float64'"),
        ({"first": 5}, "first is 5, expected a number from 0 to below 5"),
        ({"first": 2, "count": 3}, "count is 3, expected a number from 0 to below 3"),
        ({"key": (0, 2**32 - 1, 0)}, "stream is 4294967296, expected a number from 0 to below 4294967296"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_errors(ops, change, words):
    with pytest.raises(ValueError, match=rf"adding\.draw: {words}"):
        ops.adding.draw(**{"key": (0, 0, 0), "steps": 5, "size": 4, **change})
