"""How the blocks of a CUDA kernel pass the state of a recurrence from chunk to chunk while all of them run.

With it the scan over time is one launch, which reads and writes each number once: single_pass_forward.py and
single_pass_backward.py. A block is a warp. It owns WARP neighbouring columns of one chunk, a thread for each column,
and keeps their time steps in shared memory. A thread

    composes   the map of its chunk, and publishes it;
    carries    the newest state that an earlier chunk of its column has published through the maps after it;
    publishes  the state after its own chunk;
    replays    its chunk by the serial recurrence.

It waits for earlier chunks of its column only. The blocks take the chunks in the order in which they start (a ticket),
so the blocks of all earlier chunks have started, and the first unfinished one waits for nothing. How many maps a
thread applies depends on what it finds; their order does not: one after another, from the first chunk to the last. So
the bits are those of compose, carry and replay (parallel_cuda_kernels.py) with chunks of the same length.

If a map is not safe, the state after its chunk is the end of the replay, and the next chunk waits for it.

`flags` holds a number for each column of each chunk, and behind them the number of tickets that are taken:

    0          nothing is published
    MAP        its map: A in `products`, B (and p and q) in `maps`
    MAPPED     also the state before the next chunk, by the map
    REPLAYED   also the state before the next chunk, by the replay

A fence stands between the numbers and their flag: behind the stores of the numbers, and before their loads.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import arrays
from ..._cuda.launch import device, lesser
from ..._cuda.target import WARP, cuda
from .cuda_steps import GROUP, prefetch
from .parallel_cuda_kernels import apply_map
from .parallel_cuda_steps import prefetch_both, take_steps
from .scan import TILE, chunk_length

FEWEST = 256  # columns: with fewer, three launches are faster than states on their way through all chunks
LOADS = 32  # that a thread has in flight while it fills its tile
LOOK_BACK = 16  # chunks of which a thread reads the flags at once
MAP, MAPPED, REPLAYED = 1, 2, 3

force: bool | None = None  # True: a single pass also for few columns; False: three launches


def steps_in_tile(dtype, arrays_in_tile):
    """Return the time steps of a chunk that fit into a block's shared memory: TILE of one float32 array."""
    return TILE * 4 // (np.dtype(dtype).itemsize * arrays_in_tile)


def chosen_length(T, columns, arrays_in_tile):
    """Return the time steps of a chunk: `chunk_length`, but in a single pass at most what a tile of float32 holds."""
    L = chunk_length(T, columns)
    return min(L, steps_in_tile(np.float32, arrays_in_tile)) if _suits(columns) else L


def serves(L, columns, dtype, arrays_in_tile):
    """Return whether chunks of L time steps are computed in a single pass."""
    return _suits(columns) and steps_in_tile(dtype, arrays_in_tile) >= L


def _suits(columns):
    """Return whether there are enough columns."""
    return columns >= FEWEST if force is None else force and columns > 0


def boundaries(C, B, H, dtype, numbers):
    """Return what C chunks of B·H columns pass on: flags, products, maps of so many numbers, states, ends.

    `states` (C+1, B, H) are those before each chunk, in float64, and `ends` (C, B, H) those after each chunk.
    """
    columns = C * B * H
    flags = arrays.zeros(columns + 1, np.float32).part(0, (columns + 1,), np.int32)  # 0.0 has the bits of 0
    products, maps = arrays.empty(columns, np.float64), arrays.empty(numbers * columns, dtype)
    return flags, products, maps, arrays.empty((C + 1, B, H), np.float64), arrays.empty((C, B, H), dtype)


def serial_and_exact(flags, states, ends):
    """Return in which columns a chunk was replayed before the next one began, and which have the serial bits."""
    ends, states = (array.to_host().reshape(len(array), -1) for array in (ends, states))
    replayed = flags.to_host()[:-1].reshape(ends.shape)[:-1] == REPLAYED
    exact = replayed | (ends[:-1] == states[1:-1].astype(ends.dtype))
    return replayed.any(axis=0), exact.all(axis=0)


@device
def take_chunk(flags, size, columns, ticket):
    """Return the chunk that this block takes, and the thread's column, which may be too large."""
    if cuda.threadIdx.x == 0:
        ticket[0] = cuda.atomic.add(flags, size, 1)
    cuda.syncthreads()
    groups = (columns + WARP - 1) // WARP
    return ticket[0] // groups, ticket[0] % groups * WARP + cuda.threadIdx.x


@device
def fill(n, array, p, stride, tile):
    """Copy the numbers of n time steps, from position p on, to the thread's column of the tile."""
    group = cuda.local.array(LOADS, tile.dtype)
    for t in range(0, n, LOADS):
        prefetch(1, LOADS, n - t, array, p + t * stride, stride, group)
        for i in range(LOADS):
            if t + i < n:
                tile[(t + i) * WARP + cuda.threadIdx.x] = group[i]


@device
def compose(step, has_y, n, x, y, u, state, product):
    """Call `step` as `walk` does, for n time steps in the thread's column of the tiles x and, if `has_y`, y."""
    x_group, y_group = cuda.local.array(GROUP, x.dtype), cuda.local.array(GROUP, x.dtype)
    for t in range(0, n, GROUP):
        p = t * WARP + cuda.threadIdx.x
        prefetch_both(has_y, GROUP, n - t, x, p, y, p, WARP, x_group, y_group)
        take_steps(step, GROUP, n - t, x_group, y_group, u, state, product)


@device
def pass_on(k, g, columns, size, start, product, state, flags, products, maps, states, clamped):
    """Publish the map of a chunk's column, wait for the state before it, and publish the state after it.

    `size` is the number of columns of all chunks, and g that of this one. A is in `product`, B and, if the map is
    clamped, p and q are in `state`. Returns the state before the chunk in float64, and whether the map is safe; else
    the caller publishes the state after the chunk.
    """
    products[g], maps[g] = product[0], state[0]
    low, high = -math.inf, math.inf
    if clamped:
        low, high = maps[size + g], maps[2 * size + g] = state[1], state[2]
    cuda.threadfence()
    cuda.atomic.exch(flags, g, MAP)
    s = carried(k, g, columns, size, start, flags, products, maps, states, clamped)
    after, safe = safe_map(product[0], state[0], low, high, s)
    if safe:
        publish_state(flags, g, columns, after, states, MAPPED)
    if k == 0:
        states[g] = s
    return s, safe


@device
def publish_state(flags, g, columns, s, states, flag):
    """Publish the state before the next chunk."""
    states[g + columns] = s
    cuda.threadfence()
    cuda.atomic.exch(flags, g, flag)


@device
def carried(k, g, columns, size, start, flags, products, maps, states, clamped):
    """Return the state before chunk k in float64, from what earlier chunks of the column publish."""
    A, B = cuda.local.array(LOOK_BACK, np.float64), cuda.local.array(LOOK_BACK, maps.dtype)
    p, q = cuda.local.array(LOOK_BACK, maps.dtype), cuda.local.array(LOOK_BACK, maps.dtype)
    s, safe = np.float64(start), k == 0
    while not safe:
        back = lesser(chunks_back(flags, g, columns, k), k)
        between, before = back - 1, g - columns
        safe = back > 0
        if safe:
            cuda.threadfence()
            s = states[g - between * columns]
        if between > 0:
            prefetch(1, LOOK_BACK, between, products, before, -columns, A)
            prefetch(1, LOOK_BACK, between, maps, before, -columns, B)
            if clamped:
                prefetch(1, LOOK_BACK, between, maps, size + before, -columns, p)
                prefetch(1, LOOK_BACK, between, maps, 2 * size + before, -columns, q)
        for i in range(LOOK_BACK - 2, -1, -1):
            if i < between:
                low, high = (p[i], q[i]) if clamped else (-math.inf, math.inf)
                s, good = safe_map(A[i], B[i], low, high, s)
                safe = safe and good
    return s


@device
def chunks_back(flags, g, columns, k):
    """Return how many chunks back the newest state is; 0 if it is too far away, or if a map after it is missing.

    Behind chunk 0 its own flag is read again.
    """
    found = cuda.local.array(LOOK_BACK, np.int32)
    for i in range(LOOK_BACK):
        found[i] = cuda.atomic.add(flags, g - lesser(i + 1, k) * columns, 0)
    back, missing = 0, False
    for i in range(LOOK_BACK):
        missing = missing or found[i] == 0
        if back == 0 and not missing and found[i] >= MAPPED:
            back = i + 1
    return back


@device
def safe_map(A, B, p, q, s):
    """Return the map of s as apply_map does; no map is safe for a state that is not finite."""
    after, safe = apply_map(A, B, p, q, s)
    return after, safe and abs(s) < math.inf
