"""Copy chunks of the cell's input, normalised or with zeros in the padding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._cpu.arrays import room
from ..._cpu.jit import njit


class InputChunk(NamedTuple):
    """Buffer of a thread for one chunk of the input, and the arrays that `read` fills it from.

    Parameters
    ----------
    buffer : array (steps, B, D)
        Longest chunk.
    mean, factor, shift : array (D,)
        Normalisation; empty without batch norm.
    mask : array (B, D)
        Dropout mask; ones without dropout.
    ends : array (B,)
        Length of each sample.
    """

    buffer: np.ndarray
    mean: np.ndarray
    factor: np.ndarray
    shift: np.ndarray
    mask: np.ndarray
    ends: np.ndarray


def for_threads(x, norm, lengths, n, steps, work):
    """Return an InputChunk of `steps` steps for each of n threads; norm or lengths may be None."""
    T, B, D = x.shape
    buffers = room(work, "x of a chunk", (n, steps, B, D), x.dtype)
    mean, factor, shift = (np.empty(0, x.dtype),) * 3 if norm is None else norm[:3]
    mask = np.empty((0, 0), x.dtype)
    if norm is not None:
        mask = np.ones((B, D), x.dtype) if norm.mask is None else norm.mask
    ends = np.full(B, T) if lengths is None else lengths.astype(np.int64)
    return [InputChunk(buffer, mean, factor, shift, mask, ends) for buffer in buffers]


@njit
def read(x, chunk, t0, t1):
    """Write steps t0 to t1 of x̃ = mask ((x - mean) factor + shift) to the buffer; return them.

    Without batch norm x̃ = x. Time steps after a sample's end are zero. Moves 2 words an element.
    """
    buffer, mean, factor, shift, mask, ends = chunk
    y = buffer[: t1 - t0]
    for t in range(t0, t1):
        for b in range(x.shape[1]):
            if t >= ends[b]:
                y[t - t0, b] = 0
            elif len(mean) == 0:
                y[t - t0, b] = x[t, b]
            else:
                for j in range(x.shape[2]):
                    y[t - t0, b, j] = ((x[t, b, j] - mean[j]) * factor[j] + shift[j]) * mask[b, j]
    return y
