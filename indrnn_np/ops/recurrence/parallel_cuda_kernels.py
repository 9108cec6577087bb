"""CUDA kernels of the scan over time: compose, carry, slopes, correct, replay. parallel_cuda.py launches them.

Thread g of a kernel for chunks owns column g mod N of chunk g // N, where N = B·H. Arrays with a number for each
column of each chunk have the same order. Numbers of the same kind follow each other: `maps` holds all B, then all p,
then all q.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..._cuda.launch import device, kernel
from ..._cuda.target import cuda
from ..._cuda.vector_access import MAX_COLUMNS, owned_columns, store_zeros
from .activation import ACTIVATIONS
from .cuda_steps import GROUP, PHI, advance_all, prefetch
from .parallel_cuda_steps import AHEAD, STATE, map_step, slope_step, steps_of, walk
from .scan import LIMIT

# Pre-activations `a`, of which the first row begins at a[start], and what `replay`, `compose` and `slopes` share.
STEPS = "real[::1], int64, int64, int64, int64, int64, real[::1], int64[::1], boolean, "


@functools.cache
def compose_kernel(activation):
    """Map of each chunk but the last: s -> clip(A s + B, min(p, q), max(p, q)), with A = u^n of its n live steps.

    A thread owns one column of one chunk. It moves 1 word an element, and writes A, B, p and q.
    """
    step, limits = map_step(activation), ACTIVATIONS[activation].limits
    assert limits is not None
    least, largest = limits

    @kernel(STEPS + "real[::1], float64[::1], real[::1]", f"recurrence.scan.compose[{activation}]")
    def compose(a, start, T, L, chunks, columns, u, ends, reverse, h0, products, maps):
        g, size = cuda.grid(1), (chunks - 1) * columns
        if g >= size:
            return
        j, n = g % columns, ends[g % columns // u.size]
        first, m, _ = steps_of(g // columns, L, T, n, reverse)
        u_j, state, product = u[j % u.size], cuda.local.array(STATE, u.dtype), cuda.local.array(1, np.float64)
        begins = first + m == n if reverse else first == 0
        first_map(state, product, m, begins, h0[j], u_j, least, largest)
        if m > 0:
            p = (first + m - 1 if reverse else first) * columns + j + start
            walk(step, False, m, a, p, a, p, -columns if reverse else columns, u_j, state, product)
        products[g], maps[g], maps[size + g], maps[2 * size + g] = product[0], state[0], state[1], state[2]

    return compose


@device
def first_map(state, product, m, begins, h0_j, u_j, least, largest):
    """Set the map before the first of a chunk's m time steps; with `begins`, a sample begins there."""
    product[0], state[0], state[1], state[2] = 1.0, 0, least, largest
    if m == 0:  # keeps any state
        state[1], state[2] = -math.inf, math.inf
    elif begins:
        state[1] = state[2] = h0_j
    elif u_j == 0:  # the product 0 · ∞ has no value
        state[1] = state[2] = 0


@device
def apply_map(A, B, p, q, s):
    """Return clip(A s + B, min(p, q), max(p, q)), and whether it is finite and the map is safe.

    The result is NaN if p or q is NaN.
    """
    if p == q:
        return np.float64(p), abs(p) < math.inf
    x, low, high = A * s + B, p, q
    if q < p:
        low, high = q, p
    elif not p < q:
        x = math.nan
    x = low if x < low else (high if x > high else x)
    return x, abs(x) < math.inf and abs(B) < math.inf and abs(A) <= LIMIT


@functools.cache
def carry_kernel(clamped, has_start):
    """s_{k+1} = the map of chunk k applied to s_k in float64, from s_0 = start or 0; `passes` = 0 where it is not safe.

    A thread owns one column. It reads the maps of GROUP chunks at once. Without `clamped`, a map has no p and q.
    """

    @kernel("float64[::1], real[::1], real[::1], int64, int64, real[::1], int32[::1]",
            f"recurrence.scan.carry[clamped={clamped}, start={has_start}]")  # fmt: skip
    def carry(products, maps, start, chunks, columns, s, passes):
        j, size = cuda.grid(1), (chunks - 1) * columns
        if j >= columns:
            return
        A, B = cuda.local.array(GROUP, np.float64), cuda.local.array(GROUP, s.dtype)
        p, q = cuda.local.array(GROUP, s.dtype), cuda.local.array(GROUP, s.dtype)
        x = np.float64(start[j]) if has_start else 0.0
        safe = abs(x) < math.inf
        s[j] = x
        for k in range(0, chunks - 1, GROUP):
            g, rest = k * columns + j, chunks - 1 - k
            prefetch(1, GROUP, rest, products, g, columns, A)
            prefetch(1, GROUP, rest, maps, g, columns, B)
            if clamped:
                prefetch(1, GROUP, rest, maps, size + g, columns, p)
                prefetch(1, GROUP, rest, maps, 2 * size + g, columns, q)
            for i in range(GROUP):
                if i < rest:
                    low, high = (p[i], q[i]) if clamped else (-math.inf, math.inf)
                    x, good = apply_map(A[i], B[i], low, high, x)
                    safe = safe and good
                    s[g + (i + 1) * columns] = x
        passes[j] = safe

    return carry


@kernel("real[::1], int64, int64, real[::1], int32[::1]", "recurrence.scan.guess")
def guess_kernel(h0, chunks, columns, s, passes):
    """s_0 = h0, and 0 as the first guess of the other states; no column has converged. A thread owns one of them."""
    g = cuda.grid(1)
    if g >= chunks * columns:
        return
    s[g] = h0[g] if g < columns else h0.dtype.type(0)
    if g < columns:
        passes[g] = 0


@functools.cache
def slopes_kernel(activation):
    """End E of each chunk but the last from its state s, and D = ∂E/∂s = Π u φ'; of columns that have not converged.

    A thread owns one column of one chunk. It moves 1 word an element.
    """
    step = slope_step(activation)

    @kernel(STEPS + "real[::1], int32[::1], real[::1]", f"recurrence.scan.slopes[{activation}]")
    def slopes(a, start, T, L, chunks, columns, u, ends, reverse, s, passes, ends_and_slopes):
        g, size = cuda.grid(1), (chunks - 1) * columns
        if g >= size or passes[g % columns] > 0:
            return
        j = g % columns
        first, m, _ = steps_of(g // columns, L, T, ends[j // u.size], reverse)
        state, product = cuda.local.array(STATE, u.dtype), cuda.local.array(1, np.float64)
        state[0], state[1] = s[g], 1
        if m > 0:
            p = (first + m - 1 if reverse else first) * columns + j + start
            walk(step, False, m, a, p, a, p, -columns if reverse else columns, u[j % u.size], state, product)
        ends_and_slopes[g], ends_and_slopes[size + g] = state[0], state[1]

    return slopes


@kernel("real[::1], int64, int64, real, int64, real[::1], int32[::1]", "recurrence.scan.correct")
def correct_kernel(ends_and_slopes, chunks, columns, eps, number, s, passes):
    """s_{k+1} <- E_k + D_k (s_k - its old value); passes = `number` where no state changes by more than eps · max |s|.

    A thread owns one column. It reads the numbers of GROUP chunks at once.
    """
    j, size = cuda.grid(1), (chunks - 1) * columns
    if j >= columns or passes[j] > 0:
        return
    E, D = cuda.local.array(GROUP, s.dtype), cuda.local.array(GROUP, s.dtype)
    before = cuda.local.array(GROUP, s.dtype)
    new = old = s[j]
    change, largest = abs(new - old), abs(new)
    for k in range(0, chunks - 1, GROUP):
        g, rest = k * columns + j, chunks - 1 - k
        prefetch(1, GROUP, rest, ends_and_slopes, g, columns, E)
        prefetch(1, GROUP, rest, ends_and_slopes, size + g, columns, D)
        prefetch(1, GROUP, rest, s, g + columns, columns, before)
        for i in range(GROUP):
            if i < rest:
                new = E[i] + D[i] * (new - old)
                old = before[i]
                s[g + (i + 1) * columns] = new
                change, largest = larger(change, abs(new - old)), larger(largest, abs(new))
    if change <= eps * largest:
        passes[j] = number


@device
def larger(x, y):
    """Return the larger number, or NaN if one is NaN."""
    return x if x > y or x != x else y


@functools.cache
def replay_kernel(activation):
    """h[t+1] = φ(a[t] + u h[t]) in each chunk from its state s, h[0] = s_0, and zeros after a sample's end.

    A thread owns one column of one chunk, or of all time steps if `passes` is 0. It moves 2 words an element, and
    writes its last state to `finals`. `a` may be h itself.
    """
    phi, wide = PHI[activation], False

    @kernel(STEPS + "real[::1], int32[::1], real[::1], real[::1]", f"recurrence.scan.replay[{activation}]")
    def replay(a, start, T, L, chunks, columns, u, ends, reverse, s, passes, h, finals):
        g = cuda.grid(1)
        if g >= chunks * columns:
            return
        j, V = g % columns, owned_columns(wide, h)
        if g >= columns and passes[j] == 0:
            finals[g] = 0
            return
        first, m, padding = steps_of(g // columns, L if passes[j] > 0 else T, T, ends[j // u.size], reverse)
        u_j, b_j = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
        h_t = cuda.local.array(MAX_COLUMNS, h.dtype)
        u_j[0], b_j[0], h_t[0] = u[j % u.size], h.dtype.type(0), s[g]
        if g < columns:
            h[j] = s[j]
        if m > 0:
            stride, t = (-columns, first + m - 1) if reverse else (columns, first)
            p = t * columns + j
            advance_all(phi, V, AHEAD, m, a, p + start, u_j, b_j, h_t, h, p + columns, stride)
        finals[g] = h_t[0]
        store_zeros(V, h, (first + m + 1) * columns + j, columns, padding, h_t)

    return replay


def equal_ends(s, finals):
    """Return in which columns each chunk ends in exactly the state from which the next one starts, (B·H,)."""
    return np.all(finals.to_host()[:-1] == s.to_host()[1:], axis=0).reshape(-1)
