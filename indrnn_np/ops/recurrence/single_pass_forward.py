"""CUDA kernel of the forward scan in a single pass: 2 words an element. single_pass.py says how blocks wait."""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda.arrays import ends_of
from ..._cuda.launch import device, kernel
from ..._cuda.target import WARP, cuda
from ..._cuda.vector_access import MAX_COLUMNS, store_zeros
from .activation import ACTIVATIONS
from .cuda_steps import GROUP, PHI, advance, prefetch
from .parallel_cuda_kernels import STEPS, first_map
from .parallel_cuda_steps import STATE, map_step, steps_of
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


def launch(a, h, u, h0, activation, lengths, reverse, L):
    """Fill h (T+1, B, H) from a (T, B, H), in chunks of L time steps. If a is h itself, a[t] stands in h[t+1].

    Returns the flags, the states before the chunks and those after them.
    """
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    C, columns, ends = chunks_of(h[1:], L), B * H, ends_of(lengths, T, B)
    flags, products, maps, states, finals = boundaries(C, B, H, h.dtype, 3)
    steps = a.flat, columns if a is h else 0, T, min(L, max(1, T)), C, columns, u, ends, reverse
    results = flags, products, maps, states.flat, h.flat, finals.flat
    forward_kernel(activation, h.dtype.name).launch(C * -(-columns // WARP), WARP, *steps, h0.flat, *results)
    return flags, states, finals


@functools.cache
def forward_kernel(activation, dtype):
    """h[t+1] = φ(a[t] + u h[t]), h[0] = h0, and zeros after a sample's end; `finals` as replay_kernel writes them."""
    step, phi, limits = map_step(activation), PHI[activation], ACTIVATIONS[activation].limits
    assert limits is not None
    (least, largest), words = limits, steps_in_tile(dtype, 1) * WARP
    types = STEPS + "real[::1], int32[::1], float64[::1], real[::1], float64[::1], real[::1], real[::1]"

    @kernel(types.replace("real", dtype), f"recurrence.scan.single_pass[{activation}, {dtype}]")
    def single_pass(
        a, start, T, L, chunks, columns, u, ends, reverse, h0, flags, products, maps, states, h, finals
    ):
        ticket = cuda.shared.array(1, np.int64)  # separate lines: the simulator identifies arrays by line
        tile = cuda.shared.array(words, h.dtype)
        size = chunks * columns
        k, j = take_chunk(flags, size, columns, ticket)
        if j >= columns:
            return
        g, n, u_j = k * columns + j, ends[j // u.size], u[j % u.size]
        first, m, padding = steps_of(k, L, T, n, reverse)
        stride, p = (-columns, (first + m - 1) * columns + j) if reverse else (columns, first * columns + j)
        fill(m, a, p + start, stride, tile)
        state, product = cuda.local.array(STATE, h.dtype), cuda.local.array(1, np.float64)
        first_map(state, product, m, first + m == n if reverse else first == 0, h0[j], u_j, least, largest)
        compose(step, False, m, tile, tile, u_j, state, product)
        s, safe = pass_on(k, g, columns, size, h0[j], product, state, flags, products, maps, states, True)
        if k == 0:
            h[j] = s
        final = replay(phi, m, tile, u_j, s, h, p + columns, stride)
        if not safe:
            publish_state(flags, g, columns, final, states, REPLAYED)
        finals[g] = final
        zeros = cuda.local.array(MAX_COLUMNS, h.dtype)
        store_zeros(1, h, (first + m + 1) * columns + j, columns, padding, zeros)

    return single_pass


@device
def replay(phi, n, tile, u_j, s, h, q, stride):
    """Store h_t of n time steps from position q on, and return the last one: s if n is 0."""
    u, b = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
    a, h_t = cuda.local.array(GROUP, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
    u[0], b[0], h_t[0] = u_j, h.dtype.type(0), s
    for t in range(0, n, GROUP):
        prefetch(1, GROUP, n - t, tile, t * WARP + cuda.threadIdx.x, WARP, a)
        advance(phi, 1, GROUP, n - t, a, u, b, h_t, h, q + t * stride, stride)
    return h_t[0]


def kernels():
    """Yield the kernel in every variant."""
    for activation, φ in ACTIVATIONS.items():
        if φ.limits is not None:
            yield from (forward_kernel(activation, dtype) for dtype in ("float32", "float64"))
