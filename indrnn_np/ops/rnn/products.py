"""Rows of x, of the states and of gradients as the products of rnn, lstm and gru take them, chunk of time by chunk."""

from __future__ import annotations

import numpy as np

from ..._arrays import room as empty
from ..._numba import AS_WRITTEN, njit


class Products:
    """What chunks of da and dv, rows of samples b0 to b1, add to dx, dW, dU and their sums."""

    def __init__(self, back, b0, b1, longest):
        (G, H), D, work, dtype = back.U.shape, back.x.shape[2], back.work, back.x.dtype
        self.W, self.dx, self.b0, self.b1, self.two = back.W, back.dx, b0, b1, back.two
        self.inputs = Rows(back.x, b0, b1, longest, work, back.lengths)
        self.before = Before(back.h, back.lengths, back.reverse, b0, b1, longest, work)
        shapes = {"dW": (G, D), "dU": (G, H)}
        self.dW, self.dU = (zeros(work, f"{name} of samples {b0}", shapes[name], dtype) for name in shapes)
        self.part_W, self.part_U = (
            empty(work, f"{name} of a chunk, samples {b0}", shapes[name], dtype) for name in shapes
        )
        self.of_a = np.zeros(G)
        self.of_v = np.zeros(G) if self.two else self.of_a

    def add(self, t0, t1, da, dv):
        G, D = self.dW.shape
        rows_a, rows_v = da.reshape(-1, G), dv.reshape(-1, G)
        dx = self.dx[t0:t1, self.b0 : self.b1]
        if dx.flags.c_contiguous:
            np.matmul(rows_a, self.W, out=dx.reshape(-1, D))
        else:
            np.matmul(da, self.W, out=dx)
        np.matmul(rows_a.T, self.inputs.rows(t0, t1), out=self.part_W)
        np.matmul(rows_v.T, self.before.rows(t0, t1), out=self.part_U)
        self.dW += self.part_W
        self.dU += self.part_U
        add_rows(rows_a, self.of_a)
        if self.two:
            add_rows(rows_v, self.of_v)


class Rows:
    """Chunks of x (T, B, D), samples b0 to b1, as rows for a product; with `lengths` there are zeros in the padding."""

    def __init__(self, x, b0, b1, longest, work, lengths=None):
        self.x, self.b0, self.b1, self.lengths = x, b0, b1, lengths
        self.as_it_is = b1 - b0 == x.shape[1] and lengths is None
        if not self.as_it_is:
            self.buffer = empty(work, f"x of samples {b0}", (longest, b1 - b0, x.shape[2]), x.dtype)

    def rows(self, t0, t1):
        """Steps t0 to t1 as (steps · samples, D)."""
        part = self.x[t0:t1, self.b0 : self.b1]
        if not self.as_it_is:
            copy = self.buffer[: t1 - t0]
            copy[...] = part
            if self.lengths is not None:
                copy[np.arange(t0, t1)[:, None] >= self.lengths[self.b0 : self.b1]] = 0
            part = copy
        return part.reshape(-1, self.x.shape[2])


class Before:
    """h_{t-1} of samples b0 to b1: the row before; in reverse the row after, or h_0 at a sample's own last step."""

    def __init__(self, h, lengths, reverse, b0, b1, longest, work):
        self.T, self.reverse, self.b0, self.b1 = len(h) - 1, reverse, b0, b1
        self.states = [row[b0:b1] for row in h]
        self.ends = None if lengths is None or not reverse else lengths[b0:b1].astype(np.int64)
        self.whole = h if not reverse and b1 - b0 == h.shape[1] else None
        self.buffer = empty(work, f"h before of samples {b0}", (longest, b1 - b0, h.shape[2]), h.dtype)

    def row(self, t):
        """For step t (samples, H)."""
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
        """For steps t0 to t1 (steps · samples, H)."""
        if self.whole is not None:
            return self.whole[t0:t1].reshape(-1, self.whole.shape[2])
        buffer = self.buffer[: t1 - t0]
        for k in range(t1 - t0 - 1, -1, -1):  # `row` may use the first one
            buffer[k] = self.row(t0 + k)
        return buffer.reshape(-1, buffer.shape[2])


def zeros(work, name, shape, dtype):
    """The same, cleared."""
    array = empty(work, name, shape, dtype)
    array[...] = 0
    return array


@njit(rounding=AS_WRITTEN)
def add_rows(rows, total):
    """total += Σ rows, in float64."""
    for i in range(len(rows)):
        row = rows[i]
        for j in range(len(row)):
            total[j] += row[j]
