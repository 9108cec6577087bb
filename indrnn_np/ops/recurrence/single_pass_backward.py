"""CUDA kernel of the backward scan in a single pass: 3 words an element. single_pass.py says how blocks wait."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from ..._cuda import arrays
from ..._cuda.arrays import ends_of
from ..._cuda.launch import device, kernel
from ..._cuda.reduction import launch_columns
from ..._cuda.target import WARP, cuda
from ..._cuda.vector_access import MAX_COLUMNS, store_zeros
from .activation import ACTIVATIONS
from .cuda_steps import DPHI, GROUP, backprop, flush, prefetch
from .cuda_sums import sum_kernel
from .parallel_cuda_steps import GRADIENT_STEPS, STATE, gradient_step, steps_of
from .scan import chunks_of
from .single_pass import (
    REPLAYED,
    boundaries,
    compose,
    fill,
    pass_on,
    publish_state,
    steps_in_tile,
    take_chunk,
)

TYPES = GRADIENT_STEPS + "real[::1], boolean, int32[::1], float64[::1], real[::1], float64[::1], "
TYPES += "real[::1], real[::1], real[::1], float64[::1]"


def launch(dh, h, u, dhT, da, activation, lengths, reverse, L):
    """Fill da (T, B, H) in chunks of L time steps. dh and dhT may be None.

    Returns du (H,), dh0 (B, H), the flags, the carries before the chunks and those after them.
    """
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    C, columns, has_dh, has_dhT = chunks_of(h[1:], L), B * H, dh is not None, dhT is not None
    flags, products, maps, c, finals = boundaries(C, B, H, h.dtype, 1)
    dh0, sums = arrays.empty((B, H), h.dtype), arrays.empty(2 * C * columns, np.float64)
    du, db = arrays.empty(H, h.dtype), arrays.empty(H, h.dtype)
    dh, dhT = dh if has_dh else da, dhT if has_dhT else dh0  # placeholders; the kernel ignores them
    steps = dh.flat, h.flat, T, min(L, max(1, T)), C, columns, u, ends_of(lengths, T, B), reverse
    results = flags, products, maps, c.flat, da.flat, finals.flat, dh0.flat, sums
    backward = backward_kernel(activation, has_dh, h.dtype.name)
    backward.launch(C * -(-columns // WARP), WARP, *steps, dhT.flat, has_dhT, *results)
    launch_columns(sum_kernel, H, C * B, sums, C * B, H, du, db)
    return du, dh0, flags, c, finals


@functools.cache
def backward_kernel(activation, has_dh, dtype):
    """da[t] = φ'(h[t+1]) (dh[t] + c), c <- u da[t]; `finals`, dh0 and sums as replay_gradient_kernel writes them."""
    step, dphi, words = gradient_step(activation, has_dh), DPHI[activation], steps_in_tile(dtype, 2) * WARP
    words_of_h = words + WARP  # with the state before the chunk
    name = f"recurrence.scan.single_pass_gradient[{activation}, dh={has_dh}, {dtype}]"

    @kernel(TYPES.replace("real", dtype), name)
    def single_pass_gradient(dh, h, T, L, chunks, columns, u, ends, reverse, dhT, has_dhT, flags, products, maps,
                             carries, da, finals, dh0, sums):  # fmt: skip
        ticket = cuda.shared.array(1, np.int64)  # separate lines: the simulator identifies arrays by line
        h_tile = cuda.shared.array(words_of_h, h.dtype)
        dh_tile = cuda.shared.array(words, h.dtype)
        size, lane = chunks * columns, cuda.threadIdx.x
        k, j = take_chunk(flags, size, columns, ticket)
        if j >= columns:
            return
        g, n, u_j = k * columns + j, ends[j // u.size], u[j % u.size]
        first, m, padding = steps_of(k, L, T, n, not reverse)
        stride, p = (columns, first * columns + j) if reverse else (-columns, (first + m - 1) * columns + j)
        fill(m, h, p + columns, stride, h_tile)
        if m > 0:  # in reverse, the state before a sample's first time step is in row 0
            h_tile[m * WARP + lane] = h[j if reverse and first + m == n else p + columns + m * stride]
        if has_dh:
            fill(m, dh, p, stride, dh_tile)
        state, product = cuda.local.array(STATE, h.dtype), cuda.local.array(1, np.float64)
        state[0], product[0] = 0, 1.0
        compose(step, has_dh, m, h_tile, dh_tile, u_j, state, product)
        start = dhT[j] if has_dhT else h.dtype.type(0)
        c, safe = pass_on(k, g, columns, size, start, product, state, flags, products, maps, carries, False)
        final, sums[g], sums[size + g] = replay(dphi, has_dh, m, h_tile, dh_tile, u_j, c, da, p, stride)
        if not safe:
            publish_state(flags, g, columns, final, carries, REPLAYED)
        if k == chunks - 1:
            dh0[j] = final
        finals[g], zeros = final, cuda.local.array(MAX_COLUMNS, h.dtype)
        store_zeros(1, da, (first + m) * columns + j, columns, padding, zeros)

    return single_pass_gradient


@device
def replay(dphi, has_dh, n, h_tile, dh_tile, u_j, c, da, p, stride):
    """Store da_t of n time steps from position p on; return the last carry, Σ da_t h_{t-1} and Σ da_t."""
    u, carry = cuda.local.array(MAX_COLUMNS, da.dtype), cuda.local.array(MAX_COLUMNS, da.dtype)
    h_t, h_group = cuda.local.array(MAX_COLUMNS, da.dtype), cuda.local.array(GROUP, da.dtype)
    dh_group, lane = cuda.local.array(GROUP, da.dtype), cuda.threadIdx.x
    du, db = cuda.local.array(MAX_COLUMNS, da.dtype), cuda.local.array(MAX_COLUMNS, da.dtype)
    du64, db64 = cuda.local.array(MAX_COLUMNS, np.float64), cuda.local.array(MAX_COLUMNS, np.float64)
    u[0], carry[0], du[0], db[0], du64[0], db64[0] = u_j, c, 0, 0, 0.0, 0.0
    if n > 0:
        h_t[0] = h_tile[lane]
    for t in range(0, n, GROUP):
        if has_dh:
            prefetch(1, GROUP, n - t, dh_tile, t * WARP + lane, WARP, dh_group)
        prefetch(1, GROUP, n - t, h_tile, (t + 1) * WARP + lane, WARP, h_group)
        backprop(dphi, has_dh, 1, GROUP, n - t, dh_group, h_group, u, carry, h_t, du, db, da, p + t * stride, stride,
                 du64, db64)  # fmt: skip
        flush(1, du, db, du64, db64)
    return carry[0], du64[0], db64[0]


def kernels():
    """Yield the kernel in every variant."""
    yield from itertools.starmap(
        backward_kernel, itertools.product(ACTIVATIONS, (False, True), ("float32", "float64"))
    )
