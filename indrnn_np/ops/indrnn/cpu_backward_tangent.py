"""CPU twin of second_order.py: the recurrence over a chunk of time, then its products, while the rows are in cache."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cpu.arrays import as_rows, empty, empty_like, zeros
from ..._cpu.threads import relay, thread_count
from ..recurrence.contract import check_backward_tangent as check_recurrence
from ..recurrence.cpu_backward_tangent import BackwardTangentPass
from . import chunks, contract
from .blas_loop import columns_times, right_factor, rows_times
from .reference import valid


def backward_tangent(
    dh, dh_dot, x, x_dot, h, h_dot, W, W_dot, u, u_dot, dhT=None, dhT_dot=None, activation="relu", lengths=None,
    reverse=False, input_gradient=True,
):  # fmt: skip
    """Twin of second_order.backward_tangent."""
    where = "indrnn.backward_tangent"
    contract.check_backward_tangent(where, x, x_dot, h, W, W_dot)
    check_recurrence(where, dh, dh_dot, h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse)
    _check.floats(where, x=x)
    (T, B, D), H = x.shape, len(W)
    if lengths is not None:
        x, x_dot = (np.where(valid(x, lengths), values, x.dtype.type(0)) for values in (x, x_dot))
    n = thread_count(T * B * H, T)
    step, weights = 2 * B * H * x.itemsize, 2 * H * D * x.itemsize
    spans = chunks.cut(T, chunks.steps_for_blas(step, weights, n), n, not reverse)
    longest = chunks.longest(spans)
    da, da_dot = (empty((n, longest, B, H), x.dtype) for _ in range(2))  # each thread's chunk
    scratch, dx_dot = empty((n, longest * B, D), x.dtype), empty_like(x if input_gradient else x[:0])
    W, W_dot = right_factor(W), right_factor(W_dot)
    dW_dot, scratch_W = zeros((n, H, D), x.dtype), empty((n, H, D), x.dtype)
    walk = BackwardTangentPass(h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse)

    def step_back(i):
        (t0, t1), k = spans[i], i % n
        walk.run(t0, t1, 0, B, dh, dh_dot, da[k, : t1 - t0], da_dot[k, : t1 - t0], t0)

    def products(i):
        (t0, t1), k = spans[i], i % n
        rows, rows_dot = as_rows(da[k, : t1 - t0]), as_rows(da_dot[k, : t1 - t0])
        if input_gradient:
            out, second = as_rows(dx_dot[t0:t1]), scratch[k, : len(rows)]
            rows_times(rows_dot, W, out)
            rows_times(rows, W_dot, second)
            out += second
        columns_times(rows_dot, as_rows(x[t0:t1]), dW_dot[k], True, scratch_W[k])
        columns_times(rows, as_rows(x_dot[t0:t1]), dW_dot[k], True, scratch_W[k])

    relay(len(spans), n, T * B * H, step_back, after=products)
    sums = dW_dot.sum(axis=0), walk.over_samples(0), walk.over_samples(1)
    return dx_dot if input_gradient else None, *sums, walk.carry[1].reshape(B, H)
