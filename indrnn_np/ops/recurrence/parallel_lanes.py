"""Kernels of parallel_cpu.py for a single column: chunks of time are the lanes of vectors.

A single neuron waits for its own last result in each time step. Here a vector holds the states of as
many chunks as it has lanes. A block of time steps of these chunks is transposed in registers, so
that a vector holds one time step of each chunk. The kernels take the arguments of the kernels in
parallel_cpu_kernels.py and compute the same formulas in the same order, so the bits are the same.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cpu import tiles
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.transposition import transpose
from ..._cpu.vectors import fill, lanes, load, map_lanes, store
from .activation import ACTIVATIONS
from .parallel_cpu_kernels import INFINITY, begin


def width_for(walk, L):
    """Return the lanes of a vector for the chunks of a walk (cpu.Pass), or 0 if they cannot run in lanes."""
    tile = tiles.size(walk.h.itemsize)
    if tile is None or len(walk.u) != 1 or walk.lengths is not None or L % tile.width:
        return 0
    return tile.width


@njit
def read_block(array, T, L, k, i, reverse, block, width):
    """Write W steps of W chunks from chunk k and step i on to `block`, a row for each step in the order of memory."""
    first = T - k * L - i - width if reverse else k * L + i
    transpose(array, first, -L if reverse else L, block, 0, width, width)


@functools.cache
def compose(activation, width):
    """Return a kernel for B, p and q of each chunk; 1 word an element."""
    phi, (low, high) = ACTIVATIONS[activation].phi, ACTIVATIONS[activation].limits or (-INFINITY, INFINITY)

    @njit(rounding=AS_WRITTEN)
    def linear(a, u, h):
        return a + u * h

    @njit(rounding=AS_WRITTEN)
    def step(a, u, h, zero, one):
        return phi(a + u * h, zero, one)

    @njit(rounding=AS_WRITTEN)
    def kernel(h, u, edges, ends, L, k0, k1, reverse, a, live, B, p, q):
        zero, one, T = h.dtype.type(0), h.dtype.type(1), len(h) - 1
        block, every = np.empty(width * width, h.dtype), lanes(width, width)
        for k in range(k0, k1, width):
            for lane in range(width):
                begin(h, u, edges, ends, L, k + lane, reverse, low, high, B, p, q)
                live[k + lane, 0] = L
            B_k, p_k, q_k = load(B, k, every), load(p, k, every), load(q, k, every)
            for i in range(0, L, width):
                read_block(a, T, L, k, i, reverse, block, width)
                for s in range(width):
                    a_t = load(block, width * (width - 1 - s if reverse else s), every)
                    B_k = map_lanes(linear, (a_t, u[0], B_k))
                    p_k = map_lanes(step, (a_t, u[0], p_k, zero, one))
                    q_k = map_lanes(step, (a_t, u[0], q_k, zero, one))
            store(B, k, every, B_k)
            store(p, k, every, p_k)
            store(q, k, every, q_k)

    return kernel


@functools.cache
def slopes(activation, width):
    """Return a kernel for the end E of each chunk from its state s, and D = ∂E/∂s; 1 word an element."""
    phi, dphi = ACTIVATIONS[activation].phi, ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def step(a, u, h, zero, one):
        return phi(a + u * h, zero, one)

    @njit(rounding=AS_WRITTEN)
    def slope(u, h, D, zero, one):
        return u * dphi(h, zero, one) * D

    @njit(rounding=AS_WRITTEN)
    def kernel(h, u, edges, ends, L, k0, k1, reverse, a, s, E, D):
        zero, one, T = h.dtype.type(0), h.dtype.type(1), len(h) - 1
        block, every = np.empty(width * width, h.dtype), lanes(width, width)
        for k in range(k0, k1, width):
            E_k, D_k = load(s, k, every), fill(every, one)
            for i in range(0, L, width):
                read_block(a, T, L, k, i, reverse, block, width)
                for t in range(width):
                    a_t = load(block, width * (width - 1 - t if reverse else t), every)
                    E_k = map_lanes(step, (a_t, u[0], E_k, zero, one))
                    D_k = map_lanes(slope, (u[0], E_k, D_k, zero, one))
            store(E, k, every, E_k)
            store(D, k, every, D_k)

    return kernel


@functools.cache
def replay(activation, width):
    """Return a kernel for h[t+1] = φ(a[t] + u h) of each chunk from `state`, which becomes its end; 2 words an element.

    `a` may be h[1:].
    """
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def step(a, u, h, zero, one):
        return phi(a + u * h, zero, one)

    @njit(rounding=AS_WRITTEN)
    def kernel(h, u, edges, ends, L, k0, k1, reverse, a, state):
        zero, one, T = h.dtype.type(0), h.dtype.type(1), len(h) - 1
        block, every = np.empty(width * width, h.dtype), lanes(width, width)
        for k in range(k0, k1, width):
            h_t = load(state, k, every)
            for i in range(0, L, width):
                read_block(a, T, L, k, i, reverse, block, width)
                for s in range(width):
                    row = width * (width - 1 - s if reverse else s)
                    h_t = map_lanes(step, (load(block, row, every), u[0], h_t, zero, one))
                    store(block, row, every, h_t)
                first = T - k * L - i - width if reverse else k * L + i
                transpose(block, 0, width, h, first + 1, -L if reverse else L, width)
            store(state, k, every, h_t)

    return kernel
