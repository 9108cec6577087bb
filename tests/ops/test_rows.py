"""Moving rows about: literal values, samples without steps, NaN in padding, what is refused."""

import numpy as np
import pytest
from strategies import each_backend, each_dtype
from tolerances import assert_close, nan_filled

LENGTHS = np.array([3, 0, 1])


def counted(*shape, dtype="float64"):
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


@each_backend
@each_dtype
def test_last_rows_and_their_gradient_are_each_others_transpose(ops, dtype):
    x, before = counted(3, 3, 2, dtype=dtype), np.full((3, 2), 7, dtype)
    y = ops.rows.last(x, LENGTHS, before)
    assert y.dtype == dtype and y.tolist() == [x[2, 0].tolist(), [7, 7], x[0, 2].tolist()]
    assert ops.rows.last(x, LENGTHS)[1].tolist() == [0, 0]
    assert np.array_equal(ops.rows.last(x), x[-1])
    back = ops.rows.at_last(y, 3, LENGTHS, out=nan_filled((3, 3, 2), dtype))
    expected = np.zeros_like(x)
    expected[2, 0], expected[0, 2] = y[0], y[2]
    assert np.array_equal(back, expected)
    whole = ops.rows.at_last(y, 3)
    assert np.array_equal(whole[-1], y) and not whole[:-1].any()


@each_backend
def test_reached_parts_the_samples_in_two(ops):
    row = counted(3, 2) + 1
    assert ops.rows.reached(row, LENGTHS).tolist() == [[1, 2], [0, 0], [5, 6]]
    assert ops.rows.reached(row, LENGTHS, wanted=False).tolist() == [[0, 0], [3, 4], [0, 0]]


@each_backend
def test_padding_becomes_zero_whatever_stands_there(ops):
    x = counted(3, 3, 2) + 1
    valid = (np.arange(3)[:, None] < LENGTHS)[:, :, None]
    hidden = np.where(valid, x, np.nan)
    assert np.array_equal(ops.rows.without_padding(hidden, LENGTHS), np.where(valid, x, 0))


@each_backend
@each_dtype
def test_the_total_of_many_rows_is_that_of_float64(ops, dtype):
    a = np.full((1000, 3), 0.1, dtype)
    assert_close(ops.rows.total(a), a.astype(np.float64).sum(axis=0).astype(dtype))
    assert ops.rows.total(np.zeros((0, 3), dtype)).tolist() == [0, 0, 0]


@each_backend
def test_join_and_part_undo_each_other(ops):
    for H, K in ((2, 2), (1, 3), (3, 1)):
        first, second = counted(2, 3, H), -counted(2, 3, K)
        joined = ops.rows.join(first, second, out=nan_filled((2, 3, H + K), "float64"))
        assert joined[1, 2].tolist() == [*first[1, 2], *second[1, 2]]
        assert np.array_equal(ops.rows.part(joined, 0, H), first)
        assert np.array_equal(ops.rows.part(joined, H, K), second)


@each_backend
def test_fill_spread_and_add(ops):
    out = nan_filled((4, 2, 3), "float32")
    ops.rows.spread(counted(2, 3, dtype="float32"), out)
    assert np.array_equal(out, np.broadcast_to(counted(2, 3), (4, 2, 3)))
    assert np.array_equal(ops.rows.add(out, out, out=out)[0], 2 * counted(2, 3))
    ops.rows.fill(out, -1)
    assert (out == -1).all()


@each_backend
@pytest.mark.parametrize(
    "call, words",
    [
        (lambda r: r.last(np.zeros((0, 1, 1))), r"rows\.last: x has shape \(0, 1, 1\), expected at least one step"),
        (lambda r: r.last(np.zeros((2, 1, 1)), np.array([3])), r"rows\.last: lengths\[0\] is 3, expected 0 to 2"),
        (lambda r: r.add(np.zeros(2), np.zeros(3)), r"rows\.add: b has shape \(3,\), expected \(2,\) to match a"),
        (lambda r: r.spread(np.zeros(2), np.zeros((2, 3))), r"rows\.spread: a has shape \(2,\), expected \(3,\)"),
        (lambda r: r.join(np.zeros((2, 3)), np.zeros((3, 1))), r"rows\.join: second has shape \(3, 1\), expected"),
        (lambda r: r.part(np.zeros((2, 3)), 2, 2), r"rows\.part: j is 2, expected a number from 0 to below 2"),
        (lambda r: r.reached(np.zeros((2, 3)), LENGTHS), r"rows\.reached: lengths has shape \(3,\), expected \(2,\)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(ops, call, words):
    with pytest.raises(ValueError, match=words):
        call(ops.rows)
