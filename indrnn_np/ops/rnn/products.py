"""Products of the backward passes of rnn, lstm and gru, chunk by chunk."""

from __future__ import annotations

import numpy as np

from ..._cpu.arrays import as_rows
from ..._cpu.arrays import room as empty
from ..._cpu.jit import AS_WRITTEN, njit


class Products:
    """Rows of dx, and sums of dW, dU and the bias gradients, of samples b0 to b1.

    `walk` is the steps.Backward, and `longest` the time steps of its longest chunk.
    """

    def __init__(self, walk, b0, b1, longest):
        (G, H), D, work, dtype = walk.U.shape, walk.x.shape[2], walk.work, walk.x.dtype
        self.W, self.dx, self.b0, self.b1 = walk.W, walk.dx, b0, b1
        self.inputs = Rows(walk.x, b0, b1, longest, work, walk.lengths)
        self.previous = PreviousStates(walk.h, walk.lengths, walk.reverse, b0, b1, longest, work)
        shapes = {"dW": (G, D), "dU": (G, H)}
        self.dW, self.dU = (zeros(work, f"{name} of samples {b0}", shapes[name], dtype) for name in shapes)
        self.part_W, self.part_U = (
            empty(work, f"{name} of a chunk, samples {b0}", shapes[name], dtype) for name in shapes
        )
        self.da_sum = np.zeros(G)
        self.dv_sum = np.zeros(G) if walk.separate_dv else self.da_sum

    def add(self, t0, t1, da, dv):
        """Fill dx of time steps t0 to t1 and add to the sums; da and dv are (steps, samples, G)."""
        rows_a, rows_v = as_rows(da), as_rows(dv)
        dx = self.dx[t0:t1, self.b0 : self.b1]
        if dx.flags.c_contiguous:
            np.matmul(rows_a, self.W, out=as_rows(dx))
        else:
            np.matmul(da, self.W, out=dx)
        np.matmul(rows_a.T, self.inputs.rows(t0, t1), out=self.part_W)
        np.matmul(rows_v.T, self.previous.rows(t0, t1), out=self.part_U)
        self.dW += self.part_W
        self.dU += self.part_U
        add_rows(rows_a, self.da_sum)
        if self.dv_sum is not self.da_sum:
            add_rows(rows_v, self.dv_sum)


class Rows:
    """Chunks of x (T, B, D), samples b0 to b1, as rows; with `lengths`, padding is zero."""

    def __init__(self, x, b0, b1, longest, work, lengths=None):
        self.x, self.b0, self.b1, self.lengths = x, b0, b1, lengths
        self.in_place = b1 - b0 == x.shape[1] and lengths is None
        if not self.in_place:
            self.buffer = empty(work, f"x of samples {b0}", (longest, b1 - b0, x.shape[2]), x.dtype)

    def rows(self, t0, t1):
        """Return time steps t0 to t1 as (steps · samples, D)."""
        part = self.x[t0:t1, self.b0 : self.b1]
        if not self.in_place:
            copy = self.buffer[: t1 - t0]
            copy[...] = part
            if self.lengths is not None:
                copy[np.arange(t0, t1)[:, None] >= self.lengths[self.b0 : self.b1]] = 0
            part = copy
        return as_rows(part)


class PreviousStates:
    """States h_{t-1} of samples b0 to b1: row t of h; in reverse row t + 2, or h_0 at the end."""

    def __init__(self, h, lengths, reverse, b0, b1, longest, work):
        self.T, self.reverse, self.b0, self.b1 = len(h) - 1, reverse, b0, b1
        self.states = [row[b0:b1] for row in h]
        self.ends = None if lengths is None or not reverse else lengths[b0:b1].astype(np.int64)
        self.all_samples = h if not reverse and b1 - b0 == h.shape[1] else None
        self.buffer = empty(work, f"h before of samples {b0}", (longest, b1 - b0, h.shape[2]), h.dtype)

    def row(self, t):
        """Return h_{t-1} of time step t (samples, H)."""
        if not self.reverse:
            return self.states[t]
        row = self.states[t + 2 if t + 2 <= self.T else 0]
        if self.ends is None:
            return row
        starts = self.ends == t + 1
        if not starts.any():
            return row
        copy = self.buffer[0]
        copy[...] = np.where(starts[:, None], self.states[0], row)
        return copy

    def rows(self, t0, t1):
        """Return h_{t-1} of time steps t0 to t1 as (steps · samples, H)."""
        if self.all_samples is not None:
            return as_rows(self.all_samples[t0:t1])
        buffer = self.buffer[: t1 - t0]
        for k in range(t1 - t0 - 1, -1, -1):  # backwards, because `row` may use buffer[0]
            buffer[k] = self.row(t0 + k)
        return as_rows(buffer)


def zeros(work, name, shape, dtype):
    """Return an array of zeros in the workspace's buffer of that name."""
    array = empty(work, name, shape, dtype)
    array[...] = 0
    return array


@njit(rounding=AS_WRITTEN)
def add_rows(rows, total):
    """Add the sum of the rows (N, G) to total (G,), in float64."""
    for i in range(len(rows)):
        row = rows[i]
        for j in range(len(row)):
            total[j] += row[j]
