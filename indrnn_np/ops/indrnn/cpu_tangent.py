"""CPU twin of reference.tangent: products of a chunk of time, then the recurrence over it in place.

A chunk is as long as in the forward pass with BLAS, so its rows stay in the cache of a core.
"""

from __future__ import annotations

from ... import _check
from ..._cpu.arrays import as_rows, empty, empty_like
from ..._cpu.threads import relay, thread_count
from ..recurrence.cpu_tangent import TangentPass
from . import chunks, contract
from .blas_loop import right_factor, rows_times


def tangent(x_dot, x, h, W, u, W_dot, u_dot, b_dot, h0_dot, activation="relu", lengths=None, reverse=False):
    """Twin of reference.tangent."""
    contract.check_tangent(
        "indrnn.tangent", x_dot, x, h, W, u, W_dot, u_dot, b_dot, h0_dot, activation, lengths, reverse
    )
    _check.floats("indrnn.tangent", x=x)
    (T, B, D), H = x.shape, len(W)
    h_dot = empty_like(h)
    h_dot[0] = h0_dot
    n = thread_count(T * B * H, T)
    step, weights = B * H * x.itemsize, 2 * H * D * x.itemsize
    spans = chunks.cut(T, chunks.steps_for_blas(step, weights, n), n, reverse)
    scratch = empty((n, chunks.longest(spans) * B, H), x.dtype)  # Ẇ x of each thread's chunk
    walk = TangentPass(h_dot, h, u, u_dot, activation, lengths, reverse)
    WT, W_dotT = right_factor(W.T), right_factor(W_dot.T)

    def products(i):
        t0, t1 = spans[i]
        a_dot = as_rows(h_dot[t0 + 1 : t1 + 1])
        second = scratch[i % n, : len(a_dot)]
        rows_times(as_rows(x_dot[t0:t1]), WT, a_dot)
        rows_times(as_rows(x[t0:t1]), W_dotT, second)
        second += b_dot
        a_dot += second

    relay(len(spans), n, T * B * H, lambda i: walk.run(spans[i][0], spans[i][1], 0, B), before=products)
    return h_dot
