"""Embedding on the GPU: the kernels of cuda.py.

Arrays are flat: N places, V symbols, H columns. Places are cut into chunks for the counting, and once they are sorted,
into runs of RUN for the adding. Known symbols are int64, an unknown one is -1 and is counted and added nowhere.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda import INTEGERS, LARGEST_BLOCK, cuda, kernel, lesser

RUN = 32  # places that one thread adds
AHEAD = 8  # of them whose loads are under way
LANES = LARGEST_BLOCK  # threads that turn counts into places


@functools.cache
def known_kernel(integers):
    """known = ids, -1 where they are no symbols; wrong[j] = how many of j, j + watchers, ... are none."""

    @kernel(f"{integers}[::1], int64, int64[::1], int64[::1]", f"embedding.known[{integers}]")
    def known(ids, V, known, wrong):
        j = cuda.grid(1)
        if j >= wrong.size:
            return
        n = 0
        for r in range(j, ids.size, wrong.size):
            v = np.int64(ids[np.uint64(r)])
            if v < 0 or v >= V:
                v = np.int64(-1)
                n += 1
            known[np.uint64(r)] = v
        wrong[j] = n

    return known


@kernel("int64[::1], real[::1], real[::1], int64, real[::1]")
def take_kernel(known, E, factors, H, y):
    """y[r] = factor[v] E[v] of place r's symbol v; NaN for an unknown one."""
    i = cuda.grid(1)
    if i >= y.size:
        return
    r = i // H
    v = known[np.uint64(r)]
    if v < 0:
        y[i] = y.dtype.type(np.nan)
        return
    e = E[np.uint64(v * H + i - r * H)]
    y[i] = factors[np.uint64(v)] * e if factors.size > 0 else e


@kernel("int64[::1], int64, int64, int64[::1]")
def count_kernel(known, size, V, counts):
    """counts[c, v] = how often v stands in chunk c."""
    i = cuda.grid(1)
    if i >= counts.size:
        return
    c = i // V
    v, n = i - c * V, 0
    for r in range(c * size, lesser((c + 1) * size, known.size)):
        n += known[np.uint64(r)] == v
    counts[i] = n


@kernel("int64[::1], int64, int64[::1]")
def before_kernel(counts, V, starts):
    """counts[c, v] = how often v stands before chunk c;  starts[v] = how often it stands at all."""
    v = cuda.grid(1)
    if v >= V:
        return
    n = 0
    for i in range(v, counts.size, V):
        here = counts[np.uint64(i)]
        counts[np.uint64(i)] = n
        n += here
    starts[v] = n


@kernel("int64[::1]")
def start_kernel(starts):
    """starts[v] = the sum of those before it: the first V are summed, the last one becomes the whole. One block.

    Each thread has neighbouring symbols, tells the others their sum, and goes on from the sums of those before it.
    """
    sums = cuda.shared.array(LANES, np.int64)
    lane, V = cuda.threadIdx.x, starts.size - 1
    share = (V + LANES - 1) // LANES
    first, stop = lesser(lane * share, V), lesser((lane + 1) * share, V)
    n = np.int64(0)
    for v in range(first, stop):
        n += starts[np.uint64(v)]
    sums[lane] = n
    cuda.syncthreads()
    at = np.int64(0)
    for k in range(lane):
        at += sums[k]
    for v in range(first, stop):
        n = starts[np.uint64(v)]
        starts[np.uint64(v)] = at
        at += n
    if lane == LANES - 1:
        starts[np.uint64(V)] = at


@kernel("int64[::1], int64, int64, int64[::1], int64[::1], int64[::1]")
def place_kernel(known, size, V, counts, starts, order):
    """order = the places sorted by symbol, those of one symbol first to last."""
    i = cuda.grid(1)
    if i >= counts.size:
        return
    c = i // V
    v = i - c * V
    p = starts[np.uint64(v)] + counts[i]
    for r in range(c * size, lesser((c + 1) * size, known.size)):
        if known[np.uint64(r)] == v:
            order[np.uint64(p)] = r
            p += 1


@kernel("int64[::1], int64[::1], int64[::1], real[::1], int64, float64[::1]")
def run_kernel(known, order, starts, dy, H, partial):
    """partial[v + g] = the sum of dy over the places of symbol v in run g.

    Along the sorted places neither v nor g falls, and from one sum to the next one of them grows: v + g names no two.
    """
    i = cuda.grid(1)
    g = i // H
    h, p, end = i - g * H, g * RUN, starts[np.uint64(starts.size - 1)]
    stop = lesser(p + RUN, end)
    if p >= stop:
        return
    symbols, ahead = cuda.local.array(AHEAD, np.int64), cuda.local.array(AHEAD, dy.dtype)
    v, found = known[np.uint64(order[np.uint64(p)])], np.float64(0)
    while p < stop:
        for k in range(AHEAD):
            r = order[np.uint64(lesser(p + k, stop - 1))]
            symbols[k] = known[np.uint64(r)]
            ahead[k] = dy[np.uint64(r * H + h)]
        for k in range(AHEAD):
            if p + k < stop:
                if symbols[k] != v:
                    partial[np.uint64((v + g) * H + h)] = found
                    v, found = symbols[k], np.float64(0)
                found += ahead[k]
        p += AHEAD
    partial[np.uint64((v + g) * H + h)] = found


@kernel("float64[::1], int64[::1], real[::1], int64, real[::1]")
def row_kernel(partial, starts, factors, H, dE):
    """dE[v] = factor[v] times the sums of symbol v over the runs where it stands, in order."""
    i = cuda.grid(1)
    if i >= dE.size:
        return
    v = i // H
    h, first, end, found = i - v * H, starts[np.uint64(v)], starts[np.uint64(v + 1)], np.float64(0)
    if first < end:
        for g in range(first // RUN, (end - 1) // RUN + 1):
            found += partial[np.uint64((v + g) * H + h)]
    dE[i] = found * factors[np.uint64(v)] if factors.size > 0 else found


def kernels():
    """Every kernel, in every variant."""
    yield from map(known_kernel, INTEGERS)
    yield from (take_kernel, count_kernel, before_kernel, start_kernel, place_kernel, run_kernel, row_kernel)
