"""CUDA twin of reference.py: forward copies rows; backward sorts positions by symbol, then adds.

After the sort, the positions of a symbol are contiguous and in order. A thread adds one column of a
run of RUN positions, so many threads share a frequent symbol. The sums of the runs are added in
order, all in float64. The sort is a counting sort (kernels.py) without atomics, so two passes give
the same bits.

The CPU waits for the check of the symbols. It cannot wait while a graph is recorded: there, an
unknown symbol gives a row of NaN and has no gradient.
"""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cuda import arrays
from ..._cuda.graph import result
from ..._cuda.launch import on_device
from . import contract
from .kernels import (
    LANES,
    RUN,
    before_kernel,
    count_kernel,
    known_kernel,
    place_kernel,
    row_kernel,
    run_kernel,
    start_kernel,
    take_kernel,
)

CHECKERS = 2**10  # threads that search for unknown symbols, at most
CHUNKS = 2**7  # chunks of positions, at most; one thread adds their counts of a symbol
CHUNK = 64  # positions in a chunk, at least
COUNTS = 2**22  # counts of all symbols in all chunks, at most


def forward(ids, E, factors=None, out=None):
    """Twin of reference.forward."""
    where = "embedding.forward"
    on_device(where, ids=ids, E=E, factors=factors, out=out)
    contract.check_arrays(where, ids, E, factors, out)
    V, H = E.shape
    y = arrays.empty((*ids.shape, H), E.dtype) if out is None else out
    take_kernel(y.size, _known(where, ids, V), E.flat, _or_empty(factors, E.dtype), H, y.flat)
    return y


def backward(dy, ids, symbols, factors=None):
    """Twin of reference.backward."""
    where = "embedding.backward"
    on_device(where, dy=dy, ids=ids, factors=factors)
    contract.check_gradient(where, dy, ids, symbols, factors)
    H = dy.shape[2]
    dE = arrays.empty((symbols, H), dy.dtype)
    known = _known(where, ids, symbols)
    order, starts = _sorted(known, symbols)
    runs = -(-known.size // RUN)
    partial = arrays.empty((symbols + runs) * H, np.float64)
    run_kernel(runs * H, known, order, starts, dy.flat, H, partial)
    row_kernel(dE.size, partial, starts, _or_empty(factors, dy.dtype), H, dE.flat)
    return dE


def _or_empty(factors, dtype):
    return arrays.empty(0, dtype) if factors is None else factors


def _known(where, ids, symbols):
    """Return the symbols as int64 (N,), with -1 for unknown symbols, which the reference reports."""
    known = arrays.empty(ids.size, np.int64)
    wrong = arrays.empty(min(CHECKERS, ids.size), np.int64)
    known_kernel(ids.dtype.name)(wrong.size, ids.flat, symbols, known, wrong)

    def report(counts):
        if counts.any():
            _check.symbols(where, "ids", ids.to_host(), symbols)

    result(wrong, report)
    return known


def _sorted(known, symbols):
    """Return the positions sorted by symbol, and the start of each symbol's range, followed by the total."""
    N = known.size
    size = max(CHUNK, -(-N // max(1, min(CHUNKS, COUNTS // symbols))))
    chunks = -(-N // size)
    counts, starts = arrays.empty(chunks * symbols, np.int64), arrays.empty(symbols + 1, np.int64)
    order = arrays.empty(N, np.int64)
    count_kernel(counts.size, known, size, symbols, counts)
    before_kernel(symbols, counts, symbols, starts)
    start_kernel.launch(1, LANES, starts)
    place_kernel(counts.size, known, size, symbols, counts, starts, order)
    return order, starts
