"""CUDA twin of reference.py: one launch, one thread for each parameter."""

from __future__ import annotations

import functools
from itertools import product

from ..._cuda.graph import numbers
from ..._cuda.launch import kernel, on_device
from ..._cuda.stop_flag import stop_flag, stopped
from ..._cuda.target import cuda
from . import contract


def update(p, g, m, lr, momentum=0.0, nesterov=False, weight_decay=0.0, decay=None, rate=None):
    """Twin of reference.update."""
    on_device("sgd.update", p=p, g=g, m=m, decay=decay, rate=rate)
    lr, momentum, weight_decay = contract.check(
        "sgd.update", p, g, m, lr, momentum, nesterov, weight_decay, decay, rate
    )
    fixed = (p.dtype.type(number) for number in (momentum, weight_decay))
    factors = (p if array is None else array for array in (decay, rate))
    run = update_kernel(bool(nesterov), decay is not None, rate is not None)
    run(p.size, p, g, m, *fixed, *numbers(lambda lr: (lr,), p.dtype, lr=lr), *factors, stop_flag())


@functools.cache
def update_kernel(nesterov, has_decay, has_rate):
    """m ← momentum m + g';  p ← p - lr (g' + momentum m if nesterov else m),  g' = g + weight_decay · decay ⊙ p.

    A thread owns one parameter. It moves 5 words, and one more each for `decay` and `rate`.
    """

    @kernel("real[::1], real[::1], real[::1], real, real, real, real[::1], real[::1], real[::1], int32[::1]",
            f"sgd.update[nesterov={nesterov}, decay={has_decay}, rate={has_rate}]")  # fmt: skip
    def update(p, g, m, momentum, weight_decay, lr, at_launch, decay, rate, stop):
        i = cuda.grid(1)
        if i >= p.size or stopped(stop):
            return
        if at_launch.size > 0:
            lr = at_launch[0]
        before = p[i]
        gradient = g[i] + (weight_decay * decay[i] if has_decay else weight_decay) * before
        moment = momentum * m[i] + gradient
        m[i] = moment
        change = lr * (gradient + momentum * moment if nesterov else moment)
        p[i] = before - (rate[i] * change if has_rate else change)

    return update


def kernels():
    """Yield every kernel, in every variant."""
    return (update_kernel(*options) for options in product((False, True), repeat=3))
