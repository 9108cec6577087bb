"""Say which row of h a time step reads, and after which time steps the sums go into float64."""

from __future__ import annotations

from ..._cpu.jit import njit

FLUSH = 16  # steps: few enough for accurate float32 sums, and so many that flushing costs little


@njit
def row_before(t, end, reverse):
    """Return the index of the row of h that time step t reads."""
    return t if not reverse else (0 if t == end - 1 else t + 2)


@njit
def flush(partial, total):
    """Add the sums of the last time steps, in the dtype of the arrays, to the float64 sums."""
    for k in range(len(partial)):
        partial_k, total_k = partial[k], total[k]
        for j in range(len(partial_k)):
            total_k[j] += partial_k[j]
            partial_k[j] = partial_k.dtype.type(0)
