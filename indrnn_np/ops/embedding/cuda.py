"""GPU twin of reference.py: forward one thread a number; backward the places are sorted by their symbol, then added.

Sorted, the places of a symbol stand side by side, first to last. A run of RUN of them is added by one thread a column,
so a symbol that stands everywhere is shared by many threads, and the sums of runs are added in their order, all in
float64. The sort counts (kernels.py) and has no atomics: two passes give the same bits.

Whether all symbols are known is told to the CPU, which waits for that. While a graph records it can't be told: there an
unknown symbol has a row of NaN, and no gradient.
"""

from __future__ import annotations

import numpy as np

from ... import _check, _device
from ..._cuda import on_device
from ..._graph import result
from . import reference
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

WATCHERS = 2**10  # threads that look for unknown symbols, at most
CHUNKS = 2**7  # of the places at most: one thread adds their counts of a symbol
CHUNK = 64  # places of a chunk at least
COUNTS = 2**22  # at most, of all symbols in all chunks


def forward(ids, E, factors=None, out=None):
    """Twin of reference.forward."""
    where = "embedding.forward"
    on_device(where, ids=ids, E=E, factors=factors, out=out)
    reference.check_forward(where, ids, E, factors, out)
    _check.floats(where, E=E)
    V, H = E.shape
    y = _device.empty((*ids.shape, H), E.dtype) if out is None else out
    take_kernel(y.size, _known(where, ids, V), flat(E), _given(factors, E.dtype), H, flat(y))
    return y


def backward(dy, ids, symbols, factors=None):
    """Twin of reference.backward."""
    where = "embedding.backward"
    on_device(where, dy=dy, ids=ids, factors=factors)
    reference.check_backward(where, dy, ids, symbols, factors)
    _check.floats(where, dy=dy)
    H = dy.shape[2]
    dE = _device.empty((symbols, H), dy.dtype)
    known = _known(where, ids, symbols)
    order, starts = _sorted(known, symbols)
    runs = -(-known.size // RUN)
    partial = _device.empty((symbols + runs) * H, np.float64)
    run_kernel(runs * H, known, order, starts, flat(dy), H, partial)
    row_kernel(dE.size, partial, starts, _given(factors, dy.dtype), H, flat(dE))
    return dE


def flat(array):
    """The array with one axis."""
    return array.reshape(array.size)


def _given(factors, dtype):
    return _device.empty(0, dtype) if factors is None else factors


def _known(where, ids, symbols):
    """The symbols as int64, (N,), and -1 for an unknown one, of which the reference tells."""
    known = _device.empty(ids.size, np.int64)
    wrong = _device.empty(min(WATCHERS, ids.size), np.int64)
    known_kernel(ids.dtype.name)(wrong.size, flat(ids), symbols, known, wrong)

    def tell(counts):
        if counts.any():
            _check.symbols(where, "ids", ids.to_host(), symbols)

    result(wrong, tell)
    return known


def _sorted(known, symbols):
    """The places in the order of their symbols, and where each symbol's begin; behind the last, how many there are."""
    N = known.size
    size = max(CHUNK, -(-N // max(1, min(CHUNKS, COUNTS // symbols))))
    chunks = -(-N // size)
    counts, starts = _device.empty(chunks * symbols, np.int64), _device.empty(symbols + 1, np.int64)
    order = _device.empty(N, np.int64)
    count_kernel(counts.size, known, size, symbols, counts)
    before_kernel(symbols, counts, symbols, starts)
    start_kernel.launch(1, LANES, starts)
    place_kernel(counts.size, known, size, symbols, counts, starts, order)
    return order, starts
