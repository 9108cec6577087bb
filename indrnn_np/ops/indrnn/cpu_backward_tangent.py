"""CPU twin of second_order.py: the recurrence over a chunk of time, then its products, while the rows are in cache."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cpu.arrays import as_rows, empty, empty_like, zeros
from ..._cpu.threads import relay, thread_count
from ..recurrence import contract as recurrence_contract
from ..recurrence.cpu_backward_tangent import BackwardTangentPass
from . import chunks, contract
from .reference import valid


def backward_tangent(
    dh, dh_dot, x, x_dot, h, h_dot, W, W_dot, u, u_dot, dhT=None, dhT_dot=None, activation="relu", lengths=None,
    reverse=False,
):  # fmt: skip
    """Twin of second_order.backward_tangent."""
    where = "indrnn.backward_tangent"
    contract.check_backward_tangent(where, x, x_dot, h, W, W_dot)
    recurrence_contract.check_backward_tangent(
        where, dh, dh_dot, h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse
    )
    _check.floats(where, x=x)
    (T, B, D), H = x.shape, len(W)
    if lengths is not None:
        x, x_dot = (np.where(valid(x, lengths), values, x.dtype.type(0)) for values in (x, x_dot))
    n = thread_count(T * B * H, T)
    step, weights = 2 * B * H * x.itemsize, 2 * H * D * x.itemsize
    spans = chunks.cut(T, chunks.steps_for_blas(step, weights, n), n, not reverse)
    longest = chunks.longest(spans)
    da, da_dot = (empty((n, longest, B, H), x.dtype) for _ in range(2))  # each thread's current chunk
    scratch, dx_dot = empty((n, longest * B, D), x.dtype), empty_like(x)
    dW_dot = zeros((n, H, D), x.dtype)
    walk = BackwardTangentPass(h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse)

    def step_back(i):
        (t0, t1), k = spans[i], i % n
        walk.run(t0, t1, 0, B, dh, dh_dot, da[k, : t1 - t0], da_dot[k, : t1 - t0], t0)

    def products(i):
        (t0, t1), k = spans[i], i % n
        rows, rows_dot, out = as_rows(da[k, : t1 - t0]), as_rows(da_dot[k, : t1 - t0]), as_rows(dx_dot[t0:t1])
        np.matmul(rows_dot, W, out=out)
        out += np.matmul(rows, W_dot, out=scratch[k, : len(rows)])
        dW_dot[k] += rows_dot.T @ as_rows(x[t0:t1])
        dW_dot[k] += rows.T @ as_rows(x_dot[t0:t1])

    relay(len(spans), n, T * B * H, step_back, after=products)
    dh0_dot = walk.carry[1].reshape(B, H)
    return dx_dot, dW_dot.sum(axis=0), walk.over_samples(0), walk.over_samples(1), dh0_dot
