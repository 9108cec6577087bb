"""CUDA kernels of the embedding. cuda.py launches them.

Arrays are flat: N positions, V symbols, H columns. The positions are cut into chunks, in which
symbols are counted; the sorted positions are cut into runs of RUN, which are added. Known symbols are
int64. An unknown symbol is -1; it is neither counted nor added. `i` is the number of a thread.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda.launch import kernel, lesser
from ..._cuda.target import INTEGERS, LARGEST_BLOCK, cuda

RUN = 32  # positions that one thread adds
AHEAD = 8  # positions whose loads are in flight
LANES = LARGEST_BLOCK  # threads that turn counts into positions


@functools.cache
def known_kernel(integers):
    """known = ids, or -1 for unknown symbols;  wrong[j] = number of unknown symbols at positions j, j + wrong.size, ...

    A thread owns these positions. It moves 2 words a position.
    """

    @kernel(f"{integers}[::1], int64, int64[::1], int64[::1]", f"embedding.known[{integers}]")
    def known(ids, V, known, wrong):
        j = cuda.grid(1)
        if j >= wrong.size:
            return
        unknown = 0
        for position in range(j, ids.size, wrong.size):
            symbol = np.int64(ids[np.uint64(position)])
            if symbol < 0 or symbol >= V:
                symbol = np.int64(-1)
                unknown += 1
            known[np.uint64(position)] = symbol
        wrong[j] = unknown

    return known


@kernel("int64[::1], real[::1], real[::1], int64, real[::1]")
def take_kernel(known, E, factors, H, y):
    """y[position] = factor[symbol] E[symbol] for the symbol at each position; NaN for an unknown symbol.

    A thread owns one element of y. It moves 2 words an element.
    """
    i = cuda.grid(1)
    if i >= y.size:
        return
    position = i // H
    symbol = known[np.uint64(position)]
    if symbol < 0:
        y[i] = y.dtype.type(np.nan)
        return
    element = E[np.uint64(symbol * H + i - position * H)]
    y[i] = factors[np.uint64(symbol)] * element if factors.size > 0 else element


@kernel("int64[::1], int64, int64, int64[::1]")
def count_kernel(known, size, V, counts):
    """counts[chunk, symbol] = number of occurrences of the symbol in the chunk. A thread owns one count."""
    i = cuda.grid(1)
    if i >= counts.size:
        return
    chunk = i // V
    symbol, count = i - chunk * V, 0
    for position in range(chunk * size, lesser((chunk + 1) * size, known.size)):
        count += known[np.uint64(position)] == symbol
    counts[i] = count


@kernel("int64[::1], int64, int64[::1]")
def before_kernel(counts, V, starts):
    """counts[chunk, symbol] = number of occurrences before the chunk;  starts[symbol] = number of all occurrences.

    A thread owns one symbol. It moves 2 words a count.
    """
    symbol = cuda.grid(1)
    if symbol >= V:
        return
    total = 0
    for i in range(symbol, counts.size, V):
        count = counts[np.uint64(i)]
        counts[np.uint64(i)] = total
        total += count
    starts[symbol] = total


@kernel("int64[::1]")
def start_kernel(starts):
    """starts[symbol] = Σ starts before the symbol, an exclusive prefix sum; the last element becomes the total.

    One block of LANES threads. A thread owns neighbouring symbols: it writes their sum to shared memory and starts its
    prefix sum from the sums of the threads before it.
    """
    sums = cuda.shared.array(LANES, np.int64)
    lane, V = cuda.threadIdx.x, starts.size - 1
    share = (V + LANES - 1) // LANES
    first, stop = lesser(lane * share, V), lesser((lane + 1) * share, V)
    count = np.int64(0)
    for symbol in range(first, stop):
        count += starts[np.uint64(symbol)]
    sums[lane] = count
    cuda.syncthreads()
    start = np.int64(0)
    for k in range(lane):
        start += sums[k]
    for symbol in range(first, stop):
        count = starts[np.uint64(symbol)]
        starts[np.uint64(symbol)] = start
        start += count
    if lane == LANES - 1:
        starts[np.uint64(V)] = start


@kernel("int64[::1], int64, int64, int64[::1], int64[::1], int64[::1]")
def place_kernel(known, size, V, counts, starts, order):
    """order = the positions sorted by symbol, in order within each symbol. A thread owns one symbol of one chunk."""
    i = cuda.grid(1)
    if i >= counts.size:
        return
    chunk = i // V
    symbol = i - chunk * V
    index = starts[np.uint64(symbol)] + counts[i]
    for position in range(chunk * size, lesser((chunk + 1) * size, known.size)):
        if known[np.uint64(position)] == symbol:
            order[np.uint64(index)] = position
            index += 1


@kernel("int64[::1], int64[::1], int64[::1], real[::1], int64, float64[::1]")
def run_kernel(known, order, starts, dy, H, partial):
    """partial[symbol + run] = Σ dy over the positions of a symbol in a run.

    A thread owns one column of a run. It moves 1 word an element of dy. Along the sorted positions neither symbol nor
    run decreases, and at least one of them grows from a sum to the next. So symbol + run is a unique index.
    """
    i = cuda.grid(1)
    run = i // H
    column, index, end = i - run * H, run * RUN, starts[np.uint64(starts.size - 1)]
    stop = lesser(index + RUN, end)
    if index >= stop:
        return
    symbols, ahead = cuda.local.array(AHEAD, np.int64), cuda.local.array(AHEAD, dy.dtype)
    symbol, total = known[np.uint64(order[np.uint64(index)])], np.float64(0)
    while index < stop:
        for k in range(AHEAD):
            position = order[np.uint64(lesser(index + k, stop - 1))]
            symbols[k] = known[np.uint64(position)]
            ahead[k] = dy[np.uint64(position * H + column)]
        for k in range(AHEAD):
            if index + k < stop:
                if symbols[k] != symbol:
                    partial[np.uint64((symbol + run) * H + column)] = total
                    symbol, total = symbols[k], np.float64(0)
                total += ahead[k]
        index += AHEAD
    partial[np.uint64((symbol + run) * H + column)] = total


@kernel("float64[::1], int64[::1], real[::1], int64, real[::1]")
def row_kernel(partial, starts, factors, H, dE):
    """dE[symbol] = factor[symbol] Σ partial over the runs of the symbol, in order. A thread owns one element of dE."""
    i = cuda.grid(1)
    if i >= dE.size:
        return
    symbol = i // H
    column, total = i - symbol * H, np.float64(0)
    first, end = starts[np.uint64(symbol)], starts[np.uint64(symbol + 1)]
    if first < end:
        for run in range(first // RUN, (end - 1) // RUN + 1):
            total += partial[np.uint64((symbol + run) * H + column)]
    dE[i] = total * factors[np.uint64(symbol)] if factors.size > 0 else total


def kernels():
    """Yield every kernel in every variant."""
    yield from map(known_kernel, INTEGERS)
    yield from (take_kernel, count_kernel, before_kernel, start_kernel, place_kernel, run_kernel, row_kernel)
