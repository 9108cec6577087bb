"""Moving rows about in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def fill(out, value):
    """Set every element of `out` to a number."""
    check_rows("rows.fill", "out", out)
    out[...] = value


def spread(a, out):
    """Set each out[i] to a.

    Reads      a (...)
    Changes    out (N, ...)
    Raises     ValueError naming the shapes
    """
    check_spread("rows.spread", a, out)
    out[...] = a


def add(a, b, out=None):
    """The sum a + b; `out` may be a or b."""
    check_pair("rows.add", a, b, out)
    return np.add(a, b, out=out)


def total(a):
    """The sum over the first axis in the dtype of a, accumulated in float64."""
    check_rows("rows.total", "a", a)
    return a.sum(axis=0, dtype=np.result_type(a.dtype, np.float64)).astype(a.dtype)


def last(x, lengths=None, before=None):
    """Each sample's last row.

    Reads      x (T, B, H), lengths (B,) or None, before (B, H) or None for zeros
    Returns    (B, H): x[lengths[b] - 1, b], or before[b] where lengths[b] is 0
    Raises     ValueError naming what is wrong
    """
    check_last("rows.last", x, lengths, before)
    T, B, _ = x.shape
    if lengths is None and T > 0:
        return x[-1].copy()
    ends = np.full(B, T) if lengths is None else lengths
    y = x[np.maximum(ends, 1) - 1, np.arange(B)]
    y[ends == 0] = 0 if before is None else before[ends == 0]
    return y


def at_last(row, steps, lengths=None, out=None):
    """The gradient of `last`: zeros, but each sample's row at its last step.

    Reads      row (B, H), lengths (B,) or None
    Returns    (T, B, H), `out` if given; a sample without steps has its row nowhere
    """
    check_at_last("rows.at_last", row, steps, lengths, out)
    full = np.empty((steps, *row.shape), row.dtype) if out is None else out
    full[...] = 0
    ends = np.full(len(row), steps) if lengths is None else lengths
    has = np.flatnonzero(ends > 0)
    full[ends[has].astype(np.int64) - 1, has] = row[has]
    return full


def reached(row, lengths, wanted=True):
    """row (B, H) of the samples whose length is above 0, zeros for the others; wanted=False: the other way round."""
    check_reached("rows.reached", row, lengths)
    return np.where(((lengths > 0) == wanted)[:, None], row, row.dtype.type(0))


def without_padding(x, lengths, out=None):
    """A copy of x (T, B, D) with zeros after each sample's end, whatever stands there."""
    check_padding("rows.without_padding", x, lengths, out)
    copy = np.empty_like(x) if out is None else out
    copy[...] = x
    copy[np.arange(len(x))[:, None] >= lengths] = 0
    return copy


def join(first, second, out=None):
    """Two arrays (..., H) and (..., K) side by side: (..., H + K)."""
    check_join("rows.join", first, second, out)
    H, K = first.shape[-1], second.shape[-1]
    joined = np.empty((*first.shape[:-1], H + K), first.dtype) if out is None else out
    joined[..., :H], joined[..., H:] = first, second
    return joined


def part(x, j, size, out=None):
    """Columns j to j + size of the last axis, in an array of their own."""
    check_part("rows.part", x, j, size, out)
    found = np.empty((*x.shape[:-1], size), x.dtype) if out is None else out
    found[...] = x[..., j : j + size]
    return found


def check_rows(where, name, a):
    """An array of one to three axes."""
    _check.array(where, name, a, (1, 2, 3), "(N, ...)")
    _check.floats(where, _check.FLOATS, **{name: a})


def check_same(where, name, value, shape, other, like):
    """An array of that shape and of the dtype of `like`, or None."""
    if value is not None:
        _check.array(where, name, value)
        _check.floats(where, _check.FLOATS, **{other: like, name: value})
        _check.matches(where, name, value, shape, other, like)


def check_spread(where, a, out):
    """The contract of spread, shared with the twin."""
    check_rows(where, "out", out)
    check_same(where, "a", a, out.shape[1:], "out", out)


def check_pair(where, a, b, out):
    """The contract of add, shared with the twin."""
    check_rows(where, "a", a)
    check_same(where, "b", b, a.shape, "a", a)
    check_same(where, "out", out, a.shape, "a", a)


def check_last(where, x, lengths, before):
    """The contract of last, shared with the twin."""
    _check.array(where, "x", x, 3, "(T, B, H)")
    T, B, H = x.shape
    if T == 0:
        _check.fail(where, f"x has shape {x.shape}", "at least one step")
    _check.floats(where, _check.FLOATS, x=x)
    _check.lengths(where, lengths, T, B)
    check_same(where, "before", before, (B, H), "x", x)


def check_at_last(where, row, steps, lengths, out):
    """The contract of at_last, shared with the twin."""
    _check.array(where, "row", row, 2, "(B, H)")
    _check.floats(where, _check.FLOATS, row=row)
    _check.at_least(where, "steps", steps, 0)
    _check.lengths(where, lengths, steps, len(row))
    check_same(where, "out", out, (steps, *row.shape), "row", row)


def check_reached(where, row, lengths):
    """The contract of reached, shared with the twin."""
    _check.array(where, "row", row, 2, "(B, H)")
    _check.floats(where, _check.FLOATS, row=row)
    _check.array(where, "lengths", lengths, 1, "(B,)")
    _check.matches(where, "lengths", lengths, (len(row),), "row", row)


def check_padding(where, x, lengths, out):
    """The contract of without_padding, shared with the twin."""
    _check.array(where, "x", x, 3, "(T, B, D)")
    _check.floats(where, _check.FLOATS, x=x)
    _check.lengths(where, lengths, x.shape[0], x.shape[1])
    check_same(where, "out", out, x.shape, "x", x)


def check_join(where, first, second, out):
    """The contract of join, shared with the twin."""
    check_rows(where, "first", first)
    check_rows(where, "second", second)
    before, K = first.shape[:-1], second.shape[-1]
    check_same(where, "second", second, (*before, K), "first", first)
    check_same(where, "out", out, (*before, first.shape[-1] + K), "first", first)


def check_part(where, x, j, size, out):
    """The contract of part, shared with the twin."""
    check_rows(where, "x", x)
    _check.between(where, "j", j, 0, x.shape[-1] - size + 1)
    check_same(where, "out", out, (*x.shape[:-1], size), "x", x)
