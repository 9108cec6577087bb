"""Walk over few columns: the states stay in vector registers from one time step to the next.

A loop over a short row mostly waits: it starts anew in each time step, and reads from memory what
the time step before has just written. Here a block of columns is one vector (_cpu/vectors.py), and
a time step loads a_t, computes, and stores h_t.

The kernels take the arguments of the kernels in cpu.py, which chooses between the two. They compute
the same formulas in the same order, so the bits are the same.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cpu import tiles
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.vectors import fill, lanes, load, map_lanes, store
from .activation import ACTIVATIONS
from .steps import FLUSH, row_before

# Lanes of the vectors, by the bytes of a vector register. Loops are faster for longer rows.
WIDTHS = {64: (1, 16, 32, 64), 32: (1, 16)}
MOST = 64  # columns of a row
COPIED = 64  # time steps that the in-place kernel copies at once


@functools.cache
def widths():
    """Return the widths of this CPU's vectors.

    A CPU without tiles (_cpu/tiles.py) has none, because its masked loads and stores are slow.
    """
    tile = tiles.size(1)
    return () if tile is None else WIDTHS[tile.width]


def width_for(row, block):
    """Return the width of a vector for a block of columns of a row, or None if a loop is to be used."""
    if row > MOST or not 0 < row <= max(widths(), default=0):  # the first test is quick
        return None
    return next(width for width in widths() if block <= width)


@functools.cache
def forward_kernel(activation, in_place, width):
    """Return a kernel for h[t+1] = φ(a[t] + b + u h[t]) of time steps t0 to t1.

    In place, with rows shorter than a vector, the next rows of a are copied before h overwrites
    them. Otherwise a load would wait for earlier stores, whose unused lanes cover the same addresses.
    """
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def step(a, b, u, h, zero, one):
        return phi(a + b + u * h, zero, one)

    @njit(rounding=AS_WRITTEN)
    def kernel(a, h, u, b, edges, ends, t0, t1, reverse):
        zero, one, N = h.dtype.type(0), h.dtype.type(1), h.shape[1]
        copied = in_place and width > N
        rows = np.empty(COPIED * width if copied else 0, h.dtype)
        for k in range(len(ends)):
            j, end, steps = edges[k], ends[k], min(t1, ends[k]) - t0
            h[max(t0, end) + 1 : t1 + 1, j : edges[k + 1]] = zero
            if steps <= 0:
                continue
            mask, all_lanes = lanes(edges[k + 1] - j, width), lanes(width, width)
            u_k, b_k = load(u, j, mask), load(b, j, mask)
            h_t = load(h, N * row_before(t0 + steps - 1 if reverse else t0, end, reverse) + j, mask)
            for i in range(steps):
                t = t0 + steps - 1 - i if reverse else t0 + i
                if copied and i % COPIED == 0:
                    for n in range(min(COPIED, steps - i)):
                        row = t + 1 - n if reverse else t + 1 + n
                        store(rows, width * n, all_lanes, load(h, N * row + j, mask))
                if copied:
                    a_t = load(rows, width * (i % COPIED), all_lanes)
                else:
                    a_t = load(h, N * (t + 1) + j, mask) if in_place else load(a, N * t + j, mask)
                h_t = map_lanes(step, (a_t, b_k, u_k, h_t, zero, one))
                store(h, N * (t + 1) + j, mask, h_t)

    return kernel


@functools.cache
def backward_kernel(activation, has_dh, width):
    """Return a kernel for da[t] = φ'(h[t+1]) (dh[t] + carry) of time steps t0 to t1.

    It updates carry = u da[t] and the sums Σ da h_{t-1} and Σ da.
    """
    dphi = ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def gradient(dh, carry, h, zero, one):
        return dphi(h, zero, one) * (dh + carry if has_dh else carry)

    @njit(rounding=AS_WRITTEN)
    def kernel(dh, h, u, carry, partial, total, da, first_t, first_j, edges, ends, t0, t1, reverse):
        zero, one, N = h.dtype.type(0), h.dtype.type(1), h.shape[1]
        for k in range(len(ends)):
            j, end, steps = edges[k], ends[k], min(t1, ends[k]) - t0
            da[max(t0, end) - first_t : t1 - first_t, j - first_j : edges[k + 1] - first_j] = zero
            if steps <= 0:
                continue
            mask = lanes(edges[k + 1] - j, width)
            u_k, carry_k = load(u, j, mask), load(carry, j, mask)
            du, db = load(partial, j, mask), load(partial, N + j, mask)
            h_t = load(h, N * (t0 + 1 if reverse else t0 + steps) + j, mask)
            for i in range(steps):
                t = t0 + i if reverse else t0 + steps - 1 - i
                h_prev = load(h, N * row_before(t, end, reverse) + j, mask)
                dh_t = load(dh, N * t + j, mask) if has_dh else carry_k
                da_t = map_lanes(gradient, (dh_t, carry_k, h_t, zero, one))
                store(da, da.shape[1] * (t - first_t) + j - first_j, mask, da_t)
                carry_k = map_lanes(_product, (u_k, da_t))
                du = map_lanes(_add_product, (du, da_t, h_prev))
                db = map_lanes(_sum, (db, da_t))
                h_t = h_prev
                if t % FLUSH == (FLUSH - 1 if reverse else 0) or (reverse and t == end - 1):
                    store(total, j, mask, map_lanes(_sum, (load(total, j, mask), du)))
                    store(total, N + j, mask, map_lanes(_sum, (load(total, N + j, mask), db)))
                    du, db = fill(mask, zero), fill(mask, zero)
            store(carry, j, mask, carry_k)
            store(partial, j, mask, du)
            store(partial, N + j, mask, db)

    return kernel


@njit(rounding=AS_WRITTEN)
def _product(x, y):
    return x * y


@njit(rounding=AS_WRITTEN)
def _sum(x, y):
    return x + y


@njit(rounding=AS_WRITTEN)
def _add_product(total, x, y):
    return total + x * y
