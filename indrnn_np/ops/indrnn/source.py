"""What the cell reads: chunks of x as rows for a product, x itself where it can be."""

from __future__ import annotations

import functools

import numpy as np

from ..._arrays import room
from ..._numba import njit


class Source:
    """x, or a buffer of one chunk for each of n threads: x̃ if there is a norm, with zeros in the padding."""

    def __init__(self, x, norm, lengths, n, spans, work):
        self.x, self.n, self.spans = x, n, spans
        self.buffered = norm is not None or lengths is not None
        self.mask = None if norm is None else norm.mask
        if not self.buffered:
            self.buffer, *self.vectors = _nothing(x.dtype, n)
            return
        longest = max((t1 - t0 for t0, t1 in spans), default=0)
        self.buffer = room(work, "x of a chunk", (n, longest, *x.shape[1:]), x.dtype)
        mean, factor, shift = (np.empty(0, x.dtype),) * 3 if norm is None else norm[:3]
        mask = (
            np.ones(x.shape[1:] if norm is not None else (0, 0), x.dtype) if self.mask is None else self.mask
        )
        ends = np.full(x.shape[1], len(x)) if lengths is None else lengths.astype(np.int64)
        self.vectors = mean, factor, shift, mask, ends

    def given(self, k):
        """What `read` asks for, on thread k."""
        return self.buffer[k], *self.vectors

    def rows(self, i):
        """Chunk i as (steps · B, D)."""
        t0, t1 = self.spans[i]
        part = read(self.x, self.given(i % self.n), t0, t1) if self.buffered else self.x[t0:t1]
        return part.reshape(-1, self.x.shape[2])


@functools.cache
def _nothing(dtype, n):
    """What kernels are given where they do not ask: a buffer for each of n threads, four vectors of x̃, and ends."""
    row = np.empty(0, dtype)
    return np.empty((n, 0, 0, 0), dtype), row, row, row, np.empty((0, 0), dtype), np.empty(0, np.int64)


@njit
def read(x, given, t0, t1):
    """The steps t0 to t1 of x̃ = mask ((x - mean) factor + shift), or of x if mean is empty; zeros in the padding."""
    buffer, mean, factor, shift, mask, ends = given
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
