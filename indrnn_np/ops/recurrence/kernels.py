"""GPU kernels of the recurrence: one thread for each neuron of each sample walks through time.

A thread keeps its state in a register, so forward moves 2 words an element and backward 3; φ' comes from the stored
output. The loads of `AHEAD` steps are under way while the chain of the steps before them is computed: memory's latency
is then paid once in `AHEAD` steps. Arrays are flat and places in them are counted by signed 64-bit numbers;
`np.uint64` around an index spares numba's test for negative ones. `reverse` is a negative step through time.

Sums for du and db run in the arrays' dtype over `AHEAD` steps and from there in float64, per sample and neuron; samples
are added last, in their order. No number depends on the size of a block.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..._cuda import cuda, device, kernel
from .step import CODES, RELU, SIGMOID, TANH
from .step import dphi as host_dphi

AHEAD = 8  # steps whose loads are under way


dphi = device(getattr(host_dphi, "py_func", host_dphi))


@device
def phi(code, a, zero, one):
    """φ(a), as in step.py, with the GPU's own tanh and exp."""
    if code == RELU:
        return zero if a < zero else a
    if code == TANH:
        return math.tanh(a)
    if code == SIGMOID:
        e = math.exp(-abs(a))
        return e / (one + e) if a < zero else one / (one + e)
    return a


@device
def load(a, p, step, values):
    """AHEAD numbers, `step` apart, from place p of a."""
    for k in range(AHEAD):
        values[k] = a[np.uint64(p)]
        p += step
    return p


@device
def move(values, to):
    """Copy AHEAD numbers."""
    for k in range(AHEAD):
        to[k] = values[k]


@device
def walk(code, a, h, q, step, u, b, s):
    """AHEAD steps forward: writes the states from place q of h; gives the last one and the place behind it."""
    for k in range(AHEAD):
        s = phi(code, a[k] + b + u * s, h.dtype.type(0), h.dtype.type(1))
        h[np.uint64(q)] = s
        q += step
    return s, q


@device
def walk_back(code, has_dh, dh, before, da, p, step, u, carry, s, du, db):
    """AHEAD steps back: writes da from place p; gives the place behind, carry, the state before, and the sums."""
    part_u, part_b = da.dtype.type(0), da.dtype.type(0)
    for k in range(AHEAD):
        arriving = dh[k] if has_dh else da.dtype.type(0)
        carry, s, part_u, part_b = back(code, da, p, arriving, carry, s, before[k], u, part_u, part_b)
        p += step
    return p, carry, s, du + part_u, db + part_b


@device
def clear(a, p, columns, rows):
    """Zeros at place p of a and in the rows after it."""
    for _ in range(rows):
        a[np.uint64(p)] = a.dtype.type(0)
        p += columns


@functools.cache
def forward_kernel(code, has_bias):
    """h[0] = h0, h[t+1] = φ(a[t] + b + u h[t]) for one column; a[0] stands `before` numbers into a."""

    @kernel("real[::1], int64, real[::1], real[::1], int64, int64, real[::1], real[::1], int64[::1], boolean",
            f"recurrence.forward[{code}, bias={has_bias}]")  # fmt: skip
    def forward(a, before, h0, h, T, columns, u, b, ends, reverse):
        j = cuda.grid(1)
        if j >= columns:
            return
        n, H, zero, one = ends[j // u.size], u.size, h.dtype.type(0), h.dtype.type(1)
        s, u_j, b_j = h0[j], u[j % H], b[j % H] if has_bias else zero
        h[j] = s
        step = -columns if reverse else columns
        q = (n if reverse else 1) * columns + j  # where h_t is written
        p = q - columns + before  # where a_t is read
        ahead, now = cuda.local.array(AHEAD, h.dtype), cuda.local.array(AHEAD, h.dtype)
        groups = n // AHEAD
        if groups > 0:
            p = load(a, p, step, ahead)
            for _ in range(groups - 1):  # no condition around the loads, or ptxas moves them behind the chain
                move(ahead, now)
                p = load(a, p, step, ahead)
                s, q = walk(code, now, h, q, step, u_j, b_j, s)
            s, q = walk(code, ahead, h, q, step, u_j, b_j, s)
        for _ in range(n - groups * AHEAD):
            s = phi(code, a[np.uint64(p)] + b_j + u_j * s, zero, one)
            h[np.uint64(q)] = s
            p, q = p + step, q + step
        clear(h, (n + 1) * columns + j, columns, T - n)

    return forward


@functools.cache
def backward_kernel(code, has_dh, has_dhT):
    """da[t] = φ'(h[t+1]) (dh[t] + carry), carry = u da[t], for one column; total is (2, columns): for du and db."""

    @kernel("real[::1], real[::1], int64, int64, real[::1], real[::1], real[::1], real[::1], float64[::1], int64[::1], "
            "boolean", f"recurrence.backward[{code}, dh={has_dh}, dhT={has_dhT}]")  # fmt: skip
    def backward(dh, h, T, columns, u, dhT, da, dh0, total, ends, reverse):
        j = cuda.grid(1)
        if j >= columns:
            return
        n, zero = ends[j // u.size], h.dtype.type(0)
        u_j, carry = u[j % u.size], dhT[j] if has_dhT else zero
        step = columns if reverse else -columns  # from a step to the one before it
        q = (1 if reverse else n) * columns + j  # where h_t is read
        p = q - columns  # where dh_t is read and da_t is written
        s = h[np.uint64(q)] if n > 0 else zero
        q, r, du, db = q + step, p, np.float64(0), np.float64(0)
        ahead_dh, ahead_h = cuda.local.array(AHEAD, h.dtype), cuda.local.array(AHEAD, h.dtype)
        now_dh, now_h = cuda.local.array(AHEAD, h.dtype), cuda.local.array(AHEAD, h.dtype)
        groups = max(n - 1, 0) // AHEAD  # the first step has another row before it, and comes last
        if groups > 0:
            r, q = load(dh, r, step, ahead_dh) if has_dh else r, load(h, q, step, ahead_h)
            for _ in range(groups - 1):
                move(ahead_dh, now_dh)
                move(ahead_h, now_h)
                r, q = load(dh, r, step, ahead_dh) if has_dh else r, load(h, q, step, ahead_h)
                p, carry, s, du, db = walk_back(
                    code, has_dh, now_dh, now_h, da, p, step, u_j, carry, s, du, db
                )
            p, carry, s, du, db = walk_back(
                code, has_dh, ahead_dh, ahead_h, da, p, step, u_j, carry, s, du, db
            )
        part_u, part_b = zero, zero
        for i in range(n - groups * AHEAD, 0, -1):
            arriving, before = dh[np.uint64(p)] if has_dh else zero, h[np.uint64(q)] if i > 1 else h[j]
            carry, s, part_u, part_b = back(code, da, p, arriving, carry, s, before, u_j, part_u, part_b)
            p, q = p + step, q + step
        dh0[j], total[j], total[columns + j] = carry, du + part_u, db + part_b
        clear(da, n * columns + j, columns, T - n)

    return backward


@device
def back(code, da, p, dh, carry, h, before, u, du, db):
    """One step: writes da at place p, and gives carry, the state before it, and the sums for du and db."""
    d = dphi(code, h, da.dtype.type(0), da.dtype.type(1)) * (dh + carry)
    da[np.uint64(p)] = d
    return u * d, before, du + d * before, db + d


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
        yield from (forward_kernel(code, has_bias) for has_bias in (False, True))
        yield from (backward_kernel(code, *given) for given in ((True, True), (True, False), (False, True)))
