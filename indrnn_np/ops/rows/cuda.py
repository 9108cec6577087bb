"""CUDA twin of reference.py: a thread owns one element of the result, and accesses are coalesced.

In `total`, a thread adds one column of a run of RUN rows in float64, and a second kernel adds the
runs in order.
"""

from __future__ import annotations

import numpy as np

from ..._cuda import arrays
from ..._cuda.arrays import ends_of, fill_kernel
from ..._cuda.launch import kernel, lesser, on_device
from ..._cuda.target import cuda
from . import contract

RUN = 64  # rows that one thread of `total` adds


def fill(out, value):
    """Twin of reference.fill."""
    on_device("rows.fill", out=out)
    contract.check_fill("rows.fill", out)
    fill_kernel(out.size, out.flat, out.dtype.type(value))


def spread(a, out):
    """Twin of reference.spread."""
    on_device("rows.spread", a=a, out=out)
    contract.check_spread("rows.spread", a, out)
    spread_kernel(out.size, a.flat, out.flat)


def add(a, b, out=None):
    """Twin of reference.add."""
    on_device("rows.add", a=a, b=b, out=out)
    contract.check_add("rows.add", a, b, out)
    result = arrays.empty_like(a) if out is None else out
    add_kernel(a.size, a.flat, b.flat, result.flat)
    return result


def total(a):
    """Twin of reference.total."""
    on_device("rows.total", a=a)
    contract.check_total("rows.total", a)
    result = arrays.empty(a.shape[1:], a.dtype)
    runs = -(-len(a) // RUN)
    partial = arrays.empty(runs * result.size, np.float64)
    partial_kernel(partial.size, a.flat, len(a), result.size, partial)
    total_kernel(result.size, partial, runs, result.size, result.flat)
    return result


def last(x, lengths=None, before=None):
    """Twin of reference.last."""
    on_device("rows.last", x=x, before=before)
    contract.check_last("rows.last", x, lengths, before)
    T, B, H = x.shape
    result = arrays.empty((B, H), x.dtype)
    last_kernel(result.size, x.flat, (result if before is None else before).flat, before is not None, H,
                ends_of(lengths, T, B), result.flat)  # fmt: skip
    return result


def at_last(row, steps, lengths=None, out=None):
    """Twin of reference.at_last."""
    on_device("rows.at_last", row=row, out=out)
    contract.check_at_last("rows.at_last", row, steps, lengths, out)
    result = arrays.empty((steps, *row.shape), row.dtype) if out is None else out
    at_last_kernel(
        result.size, row.flat, row.size, row.shape[1], ends_of(lengths, steps, len(row)), result.flat
    )
    return result


def reached(row, lengths, wanted=True):
    """Twin of reference.reached."""
    on_device("rows.reached", row=row)
    contract.check_reached("rows.reached", row, lengths, wanted)
    result = arrays.empty_like(row)
    ends = ends_of(lengths, 0, len(row))
    reached_kernel(row.size, row.flat, row.shape[1], ends, wanted, result.flat)
    return result


def without_padding(x, lengths, out=None):
    """Twin of reference.without_padding."""
    on_device("rows.without_padding", x=x, out=out)
    contract.check_padding("rows.without_padding", x, lengths, out)
    result = arrays.empty_like(x) if out is None else out
    T, B, D = x.shape
    padding_kernel(x.size, x.flat, B * D, D, ends_of(lengths, T, B), result.flat)
    return result


def join(first, second, out=None):
    """Twin of reference.join."""
    on_device("rows.join", first=first, second=second, out=out)
    contract.check_join("rows.join", first, second, out)
    H, K = first.shape[-1], second.shape[-1]
    result = arrays.empty((*first.shape[:-1], H + K), first.dtype) if out is None else out
    join_kernel(result.size, first.flat, second.flat, H, K, result.flat)
    return result


def part(x, j, size, out=None):
    """Twin of reference.part."""
    on_device("rows.part", x=x, out=out)
    contract.check_part("rows.part", x, j, size, out)
    result = arrays.empty((*x.shape[:-1], size), x.dtype) if out is None else out
    part_kernel(result.size, x.flat, x.shape[-1], j, size, result.flat)
    return result


@kernel("real[::1], real[::1]")
def spread_kernel(a, out):
    """out[n] = a for every n; 2 words an element, 1 of them from the cache."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = a[i % a.size]


@kernel("real[::1], real[::1], real[::1]")
def add_kernel(a, b, out):
    """out = a + b; 3 words an element."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = a[i] + b[i]


@kernel("real[::1], int64, int64, float64[::1]")
def partial_kernel(a, rows, columns, partial):
    """partial[run, j] = Σ a[row, j] over the rows of a run. A thread owns one sum; 1 word an element of a."""
    i = cuda.grid(1)
    if i >= partial.size:
        return
    first, j, total = i // columns * RUN, i % columns, np.float64(0)
    for row in range(first, lesser(first + RUN, rows)):
        total += a[np.uint64(row * columns + j)]
    partial[i] = total


@kernel("float64[::1], int64, int64, real[::1]")
def total_kernel(partial, runs, columns, out):
    """out[j] = Σ_run partial[run, j], in order. A thread owns one column; 1 word a partial sum."""
    j = cuda.grid(1)
    if j >= columns:
        return
    total = np.float64(0)
    for run in range(runs):
        total += partial[np.uint64(run * columns + j)]
    out[j] = total


@kernel("real[::1], real[::1], boolean, int64, int64[::1], real[::1]")
def last_kernel(x, before, has_before, H, ends, y):
    """y = x[end - 1], or `before` if the sample has no time steps; 2 words an element."""
    j = cuda.grid(1)
    if j >= y.size:
        return
    end = ends[j // H]
    if end > 0:
        y[j] = x[np.uint64((end - 1) * y.size + j)]
    else:
        y[j] = before[j] if has_before else y.dtype.type(0)


@kernel("real[::1], int64, int64, int64[::1], real[::1]")
def at_last_kernel(row, columns, H, ends, out):
    """out[t] = row where t = end - 1, else 0; 1 word an element."""
    i = cuda.grid(1)
    if i < out.size:
        t, j = i // columns, i % columns
        out[i] = row[j] if t == ends[j // H] - 1 else out.dtype.type(0)


@kernel("real[::1], int64, int64[::1], boolean, real[::1]")
def reached_kernel(row, H, ends, wanted, out):
    """out = row where (the sample has time steps) equals `wanted`, else 0; 2 words an element."""
    j = cuda.grid(1)
    if j < out.size:
        out[j] = row[j] if (ends[j // H] > 0) == wanted else out.dtype.type(0)


@kernel("real[::1], int64, int64, int64[::1], real[::1]")
def padding_kernel(x, columns, D, ends, out):
    """out[t] = x[t] where t < end, else 0; 2 words an element."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = x[i] if i // columns < ends[i % columns // D] else out.dtype.type(0)


@kernel("real[::1], real[::1], int64, int64, real[::1]")
def join_kernel(first, second, H, K, out):
    """out[row] = first[row] followed by second[row], rows of H and of K elements; 2 words an element."""
    i = cuda.grid(1)
    if i >= out.size:
        return
    row, column = i // (H + K), i % (H + K)
    out[i] = first[np.uint64(row * H + column)] if column < H else second[np.uint64(row * K + column - H)]


@kernel("real[::1], int64, int64, int64, real[::1]")
def part_kernel(x, width, j, size, out):
    """out[row] = x[row, j : j + size], rows of `width` elements; 2 words an element."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = x[np.uint64(i // size * width + j + i % size)]


def kernels():
    """Yield every kernel."""
    yield from (fill_kernel, spread_kernel, add_kernel, partial_kernel, total_kernel, last_kernel)
    yield from (at_last_kernel, reached_kernel, padding_kernel, join_kernel, part_kernel)
