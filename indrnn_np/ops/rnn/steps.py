"""Run the compiled twins of rnn, lstm and gru through time, with a product with U each time step.

The products with W, and in the backward pass the products for dx, dW and dU, are computed for
chunks of time steps. A chunk is so small that the results of a kernel are still in cache when the
product reads them. Threads share the samples; each thread walks through time and computes products
for its samples. No array is allocated inside a loop.
"""

from __future__ import annotations

import numpy as np

from ..._cpu import arrays
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from ..indrnn import chunks
from .products import PreviousStates, Products, Rows, empty


def forward(x, W, U, h, lengths, reverse, work, step):
    """Fill h[1:] from h[0]; W is (G, D) and U is (G, H) for cells with G / H gates.

    `step(t, a, k, v, b0, b1)` computes time step t of samples b0 to b1 from a[k] = W x_t and
    v = U h_{t-1}.
    """
    (T, B, _), G = x.shape, len(U)
    W, U = (_copied(work, name, matrix.T) for name, matrix in (("W transposed", W), ("U transposed", U)))

    def samples(b0, b1):
        n = b1 - b0
        spans = chunks.cut(T, chunks.steps_for_blas(n * G * U.itemsize, U.nbytes, 1), 1, reverse)
        longest = chunks.longest(spans)
        a = empty(work, f"W x of samples {b0}", (longest, n, G), x.dtype)
        v = empty(work, f"U h of samples {b0}", (n, G), x.dtype)
        inputs = Rows(x, b0, b1, longest, work)
        previous = PreviousStates(h, lengths, reverse, b0, b1, 1, work)
        for t0, t1 in spans:
            np.matmul(inputs.rows(t0, t1), W, out=arrays.as_rows(a[: t1 - t0]))
            for t in walk(t0, t1, reverse):
                np.matmul(previous.row(t), U, out=v)
                step(t, a, t - t0, v, b0, b1)

    parallel_for(B, T * B * G, samples, grain=1)


class Backward:
    """Backward walk, which computes dx, dW, dU, the sums of da and dv, and the gradient of h_0.

    `run(dh, probe, step)` calls `step(t, k, total_dh, row, da, dv, back, b0, b1)` for samples b0 to
    b1. The step calls `collect`, which computes ∂L/∂h_t in total_dh[row] from dh, `self.carry` and
    `back` = Uᵀ dv of the previous step of the walk. The step writes da[k], the gradient of W x_t,
    and dv[k], the gradient of U h_{t-1}. These are the same array unless `separate_dv`; then the
    step also leaves a part of the gradient of h_{t-1} in the carry (gru).
    """

    def __init__(self, x, h, W, U, dhT, lengths, reverse, work, separate_dv=False):
        self.x, self.h, self.W, self.U, self.work = x, h, W, U, work
        self.separate_dv = separate_dv
        self.lengths, self.reverse, self.ends = lengths, reverse, sample_ends(x, lengths)
        self.dx = empty(work, "dx", x.shape, x.dtype)
        self.carry = start(dhT, h)
        self._sums = {}  # dW, dU and bias gradients of each thread, keyed by its first sample

    def run(self, dh, probe, step):
        T, B, _ = self.x.shape
        elements = 0 if probe is not None else T * B * len(self.U)  # 0 keeps a probe on this thread
        parallel_for(B, elements, lambda b0, b1: self._samples(b0, b1, dh, probe, step), grain=1)

    def sums(self):
        """Return dW, dU, Σ da and Σ dv, summed over the threads in the order of their samples."""
        zero = [np.zeros(shape) for shape in (self.W.shape, self.U.shape, len(self.U), len(self.U))]
        sums = [self._sums[b0] for b0 in sorted(self._sums)] or [zero]
        return tuple(sum(parts[1:], parts[0]).astype(self.x.dtype) for parts in zip(*sums, strict=True))

    def _samples(self, b0, b1, dh, probe, step):
        (T, _, _), (G, H), n = self.x.shape, self.U.shape, b1 - b0
        steps = chunks.steps_for_blas(n * G * self.U.itemsize, self.U.nbytes, 1)
        spans = chunks.cut(T, steps, 1, not self.reverse)
        longest = chunks.longest(spans)
        da = self._buffer("da", b0, (longest, n, G))
        dv = self._buffer("dv", b0, (longest, n, G)) if self.separate_dv else da
        total_dh = self._buffer("total gradient", b0, (1 if probe is None else longest, n, H))
        back = self._buffer("back", b0, (n, H))
        products = Products(self, b0, b1, longest)
        for t0, t1 in spans:
            for t in walk(t0, t1, not self.reverse):
                k = t - t0
                step(t, k, total_dh, 0 if probe is None else k, da, dv, back, b0, b1)
                np.matmul(dv[k], self.U, out=back)
            if probe is not None:
                probe(t0, t1, total_dh[: t1 - t0], da[: t1 - t0])
            products.add(t0, t1, da[: t1 - t0], dv[: t1 - t0])
        if spans:
            walked = self.ends[b0:b1] > (T - 1 if self.reverse else 0)  # samples of the walk's last time step
            carry = self.carry[b0:b1]
            carry[walked] = (carry + back if self.separate_dv else back)[walked]
        self._sums[b0] = products.dW, products.dU, products.da_sum, products.dv_sum

    def _buffer(self, name, b0, shape):
        return empty(self.work, f"{name} of samples {b0}", shape, self.x.dtype)


def walk(t0, t1, from_the_end):
    """Return the time steps of a chunk in the order of the walk."""
    return range(t1 - 1, t0 - 1, -1) if from_the_end else range(t0, t1)


def sample_ends(x, lengths):
    """Return the number of valid time steps of each sample as int64 (B,)."""
    return np.full(x.shape[1], len(x)) if lengths is None else lengths.astype(np.int64)


def start(dhT, h):
    """Return a copy of the gradient of the last state (B, H), or zeros for None."""
    carry = arrays.empty_like(h[0])
    carry[...] = 0 if dhT is None else dhT
    return carry


def _copied(work, name, matrix):
    """Return a copy of the matrix in C order, which BLAS packs faster than its transpose."""
    copy = empty(work, name, matrix.shape, matrix.dtype)
    copy[...] = matrix
    return copy


@njit(rounding=AS_WRITTEN, inline="always")
def collect(has_dh, add_carry, dh_t, carry, back, begun, total_dh):
    """Compute ∂L/∂h_t of one sample from dh_t and, if `begun`, the previous step of the walk."""
    if begun:
        update_carry(add_carry, carry, back)
    for j in range(len(total_dh)):
        total_dh[j] = dh_t[j] + carry[j] if has_dh else carry[j]


@njit(rounding=AS_WRITTEN, inline="always")
def update_carry(add_carry, carry, back):
    """Set the carry of a sample to `back` = Uᵀ dv; with `add_carry`, add `back` to the carry."""
    for j in range(len(carry)):
        carry[j] = carry[j] + back[j] if add_carry else back[j]


@njit(rounding=AS_WRITTEN, inline="always")
def walked_before(t, end, reverse):
    """Return whether the backward walk processed a step of this sample before step t."""
    return 0 < t <= end if reverse else t + 1 < end
