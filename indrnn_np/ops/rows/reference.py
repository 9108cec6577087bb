"""Copies, sums and concatenations of rows in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def fill(out, value):
    """Set every element of `out` to a number."""
    contract.check_fill("rows.fill", out)
    out[...] = value


def spread(a, out):
    """Copy a into each out[i].

    Parameters
    ----------
    a : array (...)
        Values.
    out : array (N, ...)
        Array that changes.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_spread("rows.spread", a, out)
    out[...] = a


def add(a, b, out=None):
    """Return the sum a + b; `out` may be a or b."""
    contract.check_add("rows.add", a, b, out)
    return np.add(a, b, out=out)


def total(a):
    """Return the sum over the first axis in the dtype of a, accumulated in float64."""
    contract.check_total("rows.total", a)
    return a.sum(axis=0, dtype=np.result_type(a.dtype, np.float64)).astype(a.dtype)


def last(x, lengths=None, before=None):
    """Return the last row of each sample.

    Parameters
    ----------
    x : array (T, B, H)
        Sequences.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    before : array (B, H), optional
        Rows of samples without steps. None means zeros.

    Returns
    -------
    array (B, H)
        x[lengths[b] - 1, b], or before[b] where lengths[b] is 0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_last("rows.last", x, lengths, before)
    T, B, _ = x.shape
    if lengths is None and T > 0:
        return x[-1].copy()
    ends = np.full(B, T) if lengths is None else lengths
    y = x[np.maximum(ends, 1) - 1, np.arange(B)]
    y[ends == 0] = 0 if before is None else before[ends == 0]
    return y


def at_last(row, steps, lengths=None, out=None):
    """Return the gradient of `last`: the row of each sample at its last step, zeros elsewhere.

    Parameters
    ----------
    row : array (B, H)
        Gradient of the last rows.
    steps : int
        Number of time steps T.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    out : array (T, B, H), optional
        Array for the result.

    Returns
    -------
    array (T, B, H)
        Gradient of x. All rows of a sample without steps are zero.
    """
    contract.check_at_last("rows.at_last", row, steps, lengths, out)
    full = np.empty((steps, *row.shape), row.dtype) if out is None else out
    full[...] = 0
    ends = np.full(len(row), steps) if lengths is None else lengths
    has = np.flatnonzero(ends > 0)
    full[ends[has].astype(np.int64) - 1, has] = row[has]
    return full


def reached(row, lengths, wanted=True):
    """Return row (B, H) with zeros for samples without steps, or with steps if not `wanted`."""
    contract.check_reached("rows.reached", row, lengths, wanted)
    return np.where(((lengths > 0) == wanted)[:, None], row, row.dtype.type(0))


def without_padding(x, lengths, out=None):
    """Return a copy of x (T, B, D) with zeros in the padding, even if x holds NaN there."""
    contract.check_padding("rows.without_padding", x, lengths, out)
    copy = np.empty_like(x) if out is None else out
    copy[...] = x
    copy[np.arange(len(x))[:, None] >= lengths] = 0
    return copy


def join(first, second, out=None):
    """Concatenate two arrays (..., H) and (..., K) along the last axis: (..., H + K)."""
    contract.check_join("rows.join", first, second, out)
    H, K = first.shape[-1], second.shape[-1]
    joined = np.empty((*first.shape[:-1], H + K), first.dtype) if out is None else out
    joined[..., :H], joined[..., H:] = first, second
    return joined


def part(x, j, size, out=None):
    """Return a copy of columns j to j + size of the last axis."""
    contract.check_part("rows.part", x, j, size, out)
    result = np.empty((*x.shape[:-1], size), x.dtype) if out is None else out
    result[...] = x[..., j : j + size]
    return result
