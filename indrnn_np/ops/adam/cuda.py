"""CUDA twin of reference.py: one launch, one thread for each parameter.

The host computes the numbers that all parameters share. Those that change with t and lr are passed
together, because a recorded graph has to update them (_cuda/graph.py).
"""

from __future__ import annotations

import functools
import math
from itertools import product

from ..._cuda.graph import numbers
from ..._cuda.launch import kernel, on_device
from ..._cuda.stop_flag import stop_flag, stopped
from ..._cuda.target import cuda
from .contract import check


def update(
    p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False, decay=None, rate=None
):
    """Twin of reference.update."""
    on_device("adam.update", p=p, g=g, m=m, v=v, decay=decay, rate=rate)
    lr, b1, b2, eps, weight_decay = check(
        "adam.update", p, g, m, v, t, lr, b1, b2, eps, weight_decay, decoupled, decay, rate
    )
    fixed = (p.dtype.type(number) for number in (b1, 1 - b1, b2, 1 - b2, eps))

    def changing(t, lr):
        return 1 / (1 - b1**t), 1 / (1 - b2**t), lr, lr * weight_decay if decoupled else weight_decay

    run = update_kernel(bool(decoupled), decay is not None, rate is not None)
    factors = (p if array is None else array for array in (decay, rate))
    run(p.size, p, g, m, v, *fixed, *numbers(changing, p.dtype, t=t, lr=lr), *factors, stop_flag())


@functools.cache
def update_kernel(decoupled, has_decay, has_rate):
    """m ← b1 m + (1-b1) g;  v ← b2 v + (1-b2) g²;  p ← p - lr m̂ / (√v̂ + eps); weight decay in g or, decoupled, in p.

    A thread owns one parameter. It moves 7 words, and one more each for `decay` and `rate`.
    """
    arrays, scalars = ", ".join(["real[::1]"] * 4), ", ".join(["real"] * 9)

    @kernel(f"{arrays}, {scalars}, real[::1], real[::1], real[::1], int32[::1]",
            f"adam.update[decoupled={decoupled}, decay={has_decay}, rate={has_rate}]")  # fmt: skip
    def update(
        p, g, m, v, b1, not_b1, b2, not_b2, eps, m_scale, v_scale, lr, shrink, at_launch, decay, rate, stop
    ):
        i = cuda.grid(1)
        if i >= p.size or stopped(stop):
            return
        if at_launch.size > 0:
            m_scale, v_scale, lr, shrink = at_launch[0], at_launch[1], at_launch[2], at_launch[3]
        before = p[i]
        decayed = shrink * (decay[i] * before if has_decay else before)
        gradient = g[i] if decoupled else g[i] + decayed
        first = b1 * m[i] + not_b1 * gradient
        second = b2 * v[i] + not_b2 * gradient * gradient
        m[i], v[i] = first, second
        change = lr * (first * m_scale) / (math.sqrt(second * v_scale) + eps)
        change = change + decayed if decoupled else change
        p[i] = before - (rate[i] * change if has_rate else change)

    return update


def kernels():
    """Yield every kernel, in every variant."""
    return (update_kernel(*options) for options in product((False, True), repeat=3))
