"""Length of a chunk of the scan over time, its limits and its report; shared by parallel.py and its twins."""

from __future__ import annotations

import math

import numpy as np

PASSES = 4  # of Newton's method; the columns that still change are computed serially
LIMIT = 1e30  # largest |A| of a chunk's map; columns with larger ones are computed serially
SHORTEST = 32  # steps
COLUMNS = 2**17  # columns times chunks that fill a GPU
TILE = 256  # steps of the longest chunk that a GPU keeps in the shared memory of a block (single_pass.py)
LANES = 16  # chunks of a single column that one vector of a CPU holds (parallel_lanes.py)


def chunk_length(T: int, columns: int) -> int:
    """Return the number of time steps of a chunk, a power of two; for one column a multiple of LANES.

    The chunks run at the same time, and C steps of `carry` run one after another: with L of about
    2 √T both are short. More chunks than fill a GPU only add work. The length depends on T and on
    the number of columns B·H, and not on the device or the number of threads, because the bits of
    the results depend on it. The chunks of a single column fill vectors of LANES chunks, except for
    the last few time steps.

    Examples
    --------
    >>> chunk_length(10_000, 16), chunk_length(1_000_000, 1024), chunk_length(1_000_000, 1)
    (256, 8192, 2080)
    """
    least = max(SHORTEST, 2 * math.isqrt(T), T * columns // COLUMNS)
    chunk = 1 << (least - 1).bit_length()
    vectors = T // chunk // LANES
    return chunk if columns > 1 or vectors == 0 else T // (vectors * LANES) // LANES * LANES


def note(report, T, chunk, passes, serial, exact):
    """Write to the dict `report`, if it is not None: see parallel.forward. `serial` and `exact` (B·H,) are boolean."""
    if report is not None:
        report |= {
            "chunk": chunk,
            "chunks": max(1, -(-T // chunk)),
            "passes": passes,
            "serial columns": int(np.count_nonzero(serial)),
            "exact columns": int(np.count_nonzero(exact)),
        }


def in_order(reverse, *arrays):
    """Return views (T, B·H) of arrays (T, B, H), in the order in which their time steps are computed."""
    order = slice(None, None, -1) if reverse else slice(None)
    return [array.reshape(len(array), array.shape[1] * array.shape[2])[order] for array in arrays]


def live_steps(T, B, H, lengths):
    """Return which time steps are before the end of their sample, as booleans (T, B, H)."""
    ends = np.full(B, T) if lengths is None else lengths
    return np.broadcast_to((np.arange(T)[:, None] < ends)[:, :, None], (T, B, H)).copy()


def chunks_of(steps, L):
    """Return the number of chunks; without time steps there is one, which is empty."""
    return max(1, -(-len(steps) // L))
