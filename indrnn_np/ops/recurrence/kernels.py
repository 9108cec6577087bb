"""GPU kernels of the recurrence: a thread walks one neuron of one sample through time, or several (thread.py).

A thread keeps its state in registers, so forward moves 2 words an element and backward 3; φ' comes from the stored
output. The loads of some steps are under way while the chain of the steps before them is computed: memory's latency is
then paid once in so many steps. Arrays are flat and places in them are counted by signed 64-bit numbers. `reverse` is
a negative step through time.

Each walk comes in two forms. `wide`: a thread has as many neighbouring columns as 16 bytes hold and moves them at once,
with the arithmetic of the narrow form, column by column: both give the same bits.

Sums for du and db run in the arrays' dtype over `AHEAD` steps and from there in float64, per sample and neuron; samples
are added last, in their order. No number depends on the size of a block.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _wide
from ..._cuda import cuda, kernel
from ..._wide import MOST
from .step import CODES
from .thread import clear, walk, walk_back


@functools.cache
def forward_kernel(code, has_bias, wide):
    """h[0] = h0, h[t+1] = φ(a[t] + b + u h[t]) for a thread's columns; a[0] stands `before` numbers into a."""

    @kernel("real[::1], int64, real[::1], real[::1], int64, int64, real[::1], real[::1], int64[::1], boolean",
            f"recurrence.forward{'.wide' if wide else ''}[{code}, bias={has_bias}]")  # fmt: skip
    def forward(a, before, h0, h, T, columns, u, b, ends, reverse):
        V = _wide.columns(wide, h)
        j = V * cuda.grid(1)
        if j >= columns:
            return
        n, H = ends[j // u.size], u.size
        u_j, b_j = cuda.local.array(MOST, h.dtype), cuda.local.array(MOST, h.dtype)
        s = cuda.local.array(MOST, h.dtype)
        for c in range(V):
            u_j[c], b_j[c], s[c] = u[j % H + c], b[j % H + c] if has_bias else h.dtype.type(0), h0[j + c]
        _wide.write(wide, h, j, s, 0)
        step = -columns if reverse else columns
        q = (n if reverse else 1) * columns + j  # where h_t is written
        p = q - columns + before  # where a_t is read
        walk(code, wide, a, p, h, q, step, n, (u_j, b_j, s))
        clear(wide, h, (n + 1) * columns + j, columns, T - n, s)

    return forward


@functools.cache
def backward_kernel(code, has_dh, has_dhT, wide):
    """da[t] = φ'(h[t+1]) (dh[t] + u da[t+1]) for a thread's columns; total is (2, columns): for du and db."""

    @kernel("real[::1], real[::1], int64, int64, real[::1], real[::1], real[::1], real[::1], float64[::1], int64[::1], "
            "boolean", f"recurrence.backward{'.wide' if wide else ''}[{code}, dh={has_dh}, dhT={has_dhT}]")  # fmt: skip
    def backward(dh, h, T, columns, u, dhT, da, dh0, total, ends, reverse):
        V = _wide.columns(wide, h)
        j = V * cuda.grid(1)
        if j >= columns:
            return
        n, zero = ends[j // u.size], h.dtype.type(0)
        step = columns if reverse else -columns  # from a step to the one before it
        p = (0 if reverse else n - 1) * columns + j  # of dh_t and da_t; h_t stands a row behind
        u_j, s = cuda.local.array(MOST, h.dtype), cuda.local.array(MOST, h.dtype)
        carry = cuda.local.array(MOST, h.dtype)
        du, db = cuda.local.array(MOST, h.dtype), cuda.local.array(MOST, h.dtype)
        sums = cuda.local.array(MOST, np.float64), cuda.local.array(MOST, np.float64)
        for c in range(V):
            u_j[c], carry[c] = u[j % u.size + c], dhT[j + c] if has_dhT else zero
            s[c], du[c], db[c], sums[0][c], sums[1][c] = zero, zero, zero, 0.0, 0.0
        if n > 0:
            _wide.read(wide, s, 0, h, p + columns)
        walk_back(code, wide, has_dh, dh, h, j, da, p, columns, step, n, (u_j, carry, s, du, db), sums)
        for c in range(V):
            dh0[j + c], total[j + c], total[columns + j + c] = carry[c], sums[0][c], sums[1][c]
        clear(wide, da, n * columns + j, columns, T - n, s)

    return backward


@kernel("float64[::1], int64, int64, real[::1], real[::1]")
def sum_kernel(total, B, H, du, db):
    """du and db: the sums over the samples, in their order."""
    n = cuda.grid(1)
    if n >= H:
        return
    first, second = np.float64(0), np.float64(0)
    for b in range(B):
        first += total[b * H + n]
        second += total[(B + b) * H + n]
    du[n], db[n] = first, second


@kernel("real[::1], int64, int64, int64[::1], boolean, real[::1]")
def last_kernel(h, columns, H, ends, reverse, out):
    """The state after each sample's last step of the walk."""
    j = cuda.grid(1)
    if j >= columns:
        return
    row = ends[j // H]
    if reverse and row > 1:
        row = 1
    out[j] = h[np.uint64(row * columns + j)]


def kernels():
    """Every kernel, in every variant."""
    yield from (sum_kernel, last_kernel)
    for code in CODES.values():
        for wide in (False, True):
            yield from (forward_kernel(code, has_bias, wide) for has_bias in (False, True))
            for given in ((True, True), (True, False), (False, True)):
                yield backward_kernel(code, *given, wide)
