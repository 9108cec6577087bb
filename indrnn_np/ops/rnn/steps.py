"""What the compiled twins of rnn, lstm and gru share: the walks through time, around one product with U a step.

The products with W, and backwards those for dx, dW and dU, are taken for chunks of steps, small enough that what a
kernel writes is still in cache when the product reads it. Threads share the samples, each with a walk of its own, and
the products of each are on its own thread. No array is made inside a loop.
"""

from __future__ import annotations

import numpy as np

from ... import _arrays
from ..._numba import AS_WRITTEN, njit
from ..._threads import over
from ..indrnn.chunks import chunk_steps, chunks
from .products import Before, Products, Rows, empty


def forward(x, W, U, h, lengths, reverse, work, step):
    """Fill h[1:], whose row 0 is set; W is (G, D), U (G, H) for cells of G / H gates.

    `step(t, a, k, v, b0, b1)` does what follows the products for samples b0 to b1: W x_t is a[k], U h_{t-1} is v.
    """
    (T, B, _), G = x.shape, len(U)
    W, U = (_copied(work, name, matrix.T) for name, matrix in (("W transposed", W), ("U transposed", U)))

    def samples(b0, b1):
        spans = chunks(T, chunk_steps(b1 - b0, U.T, 1), 1, reverse)
        n, longest = b1 - b0, longest_of(spans)
        a, v = (empty(work, f"{name} of samples {b0}", shape, x.dtype) for name, shape in
                (("W x", (longest, n, G)), ("U h", (n, G))))  # fmt: skip
        inputs = Rows(x, b0, b1, longest, work)
        before = Before(h, lengths, reverse, b0, b1, 1, work)
        for t0, t1 in spans:
            np.matmul(inputs.rows(t0, t1), W, out=a[: t1 - t0].reshape(-1, G))
            for t in walk(t0, t1, reverse):
                np.matmul(before.row(t), U, out=v)
                step(t, a, t - t0, v, b0, b1)

    over(B, T * B * G, samples, grain=1)


class Backward:
    """A walk back, which gives dx, dW, dU, the sums of da and dv over steps and samples, and the gradient on h_0.

    `run(dh, probe, step)` calls `step(t, k, whole, kw, da, dv, back, b0, b1)` for samples b0 to b1: it has to `collect`
    the whole gradient on h_t in whole[kw] out of dh, `self.carry` and `back` = Uᵀ dv of the step walked before, and to
    write da[k], the gradient on W x_t, and dv[k], that on U h_{t-1}. They are one array unless the cell has `two`.
    """

    def __init__(self, x, h, W, U, dhT, lengths, reverse, work, two=False):
        self.x, self.h, self.W, self.U, self.work, self.two = x, h, W, U, work, two
        self.lengths, self.reverse, self.ends = lengths, reverse, ends_of(x, lengths)
        self.dx = empty(work, "dx", x.shape, x.dtype)
        self.carry = start(dhT, h)
        self._sums = {}  # of each thread, at its first sample: dW, dU, and the sums of da and dv

    def run(self, dh, probe, step):
        T, B, _ = self.x.shape
        elements = 0 if probe is not None else T * B * len(self.U)  # a probe is called on this thread
        over(B, elements, lambda b0, b1: self._samples(b0, b1, dh, probe, step), grain=1)

    def sums(self):
        """dW, dU, Σ da, Σ dv, each the sum over the threads' samples in their order."""
        zero = [np.zeros(shape) for shape in (self.W.shape, self.U.shape, len(self.U), len(self.U))]
        found = [self._sums[b0] for b0 in sorted(self._sums)] or [zero]
        return tuple(sum(parts[1:], parts[0]).astype(self.x.dtype) for parts in zip(*found, strict=True))

    def _samples(self, b0, b1, dh, probe, step):
        (T, _, _), (G, H), n = self.x.shape, self.U.shape, b1 - b0
        spans = chunks(T, chunk_steps(n, self.U, 1), 1, not self.reverse)
        longest = longest_of(spans)
        da = self._buffer("da", b0, (longest, n, G))
        dv = self._buffer("dv", b0, (longest, n, G)) if self.two else da
        whole = self._buffer("whole gradient", b0, (1 if probe is None else longest, n, H))
        back = self._buffer("back", b0, (n, H))
        products = Products(self, b0, b1, longest)
        for t0, t1 in spans:
            for t in walk(t0, t1, not self.reverse):
                k = t - t0
                step(t, k, whole, 0 if probe is None else k, da, dv, back, b0, b1)
                np.matmul(dv[k], self.U, out=back)
            if probe is not None:
                probe(t0, t1, whole[: t1 - t0], da[: t1 - t0])
            products.add(t0, t1, da[: t1 - t0], dv[: t1 - t0])
        if spans:
            walked = self.ends[b0:b1] > (T - 1 if self.reverse else 0)  # at the step that was the last one
            carry = self.carry[b0:b1]
            carry[walked] = (carry + back if self.two else back)[walked]
        self._sums[b0] = products.dW, products.dU, products.of_a, products.of_v

    def _buffer(self, name, b0, shape):
        return empty(self.work, f"{name} of samples {b0}", shape, self.x.dtype)


def walk(t0, t1, from_the_end):
    """The steps of a chunk in walking order."""
    return range(t1 - 1, t0 - 1, -1) if from_the_end else range(t0, t1)


def longest_of(spans):
    """Steps of the longest chunk."""
    return max((t1 - t0 for t0, t1 in spans), default=0)


def ends_of(x, lengths):
    """After how many steps each sample ends, as kernels take it."""
    return np.full(x.shape[1], len(x)) if lengths is None else lengths.astype(np.int64)


def start(last, h):
    """The gradient on a last state (B, H), in an array of its own: zero if there is none."""
    carry = _arrays.empty_like(h[0])
    carry[...] = 0 if last is None else last
    return carry


def _copied(work, name, matrix):
    """The matrix in C order, which BLAS packs faster than its transpose."""
    copy = empty(work, name, matrix.shape, matrix.dtype)
    copy[...] = matrix
    return copy


@njit(rounding=AS_WRITTEN, inline="always")
def collect(has_dh, two, dh_t, carry, back, begun, whole):
    """One sample's ∂L/∂h_t: what arrives from above and from the step walked before, which `begun` says there was."""
    if begun:
        take(two, carry, back)
    for j in range(len(whole)):
        whole[j] = dh_t[j] + carry[j] if has_dh else carry[j]


@njit(rounding=AS_WRITTEN, inline="always")
def take(two, carry, back):
    """Bring a sample's carry up to date: Uᵀ dv, and what the cell carries beside it."""
    for j in range(len(carry)):
        carry[j] = carry[j] + back[j] if two else back[j]


@njit(rounding=AS_WRITTEN, inline="always")
def walked_before(t, end, reverse):
    """Was there a step of this sample before t, on the walk back?"""
    return 0 < t <= end if reverse else t + 1 < end
