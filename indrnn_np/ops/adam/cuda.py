"""GPU twin of reference.py: one launch, one thread a parameter; what they all share is computed on the host."""

from __future__ import annotations

import functools
import math
from itertools import product

from ... import _check
from ..._cuda import cuda, kernel, on_device
from ..sgd.reference import check


def update(
    p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False, decay=None, rate=None
):
    """Twin of reference.update."""
    on_device("adam.update", p=p, g=g, m=m, v=v, decay=decay, rate=rate)
    check("adam.update", p, g, {"m": m, "v": v}, decay, rate)
    _check.at_least("adam.update", "t", t, 1)
    numbers = (b1, 1 - b1, b2, 1 - b2, 1 / (1 - b1**t), 1 / (1 - b2**t), lr, eps,
               lr * weight_decay if decoupled else weight_decay)  # fmt: skip
    run = update_kernel(bool(decoupled), decay is not None, rate is not None)
    given = (p if array is None else array for array in (decay, rate))
    run(p.size, p, g, m, v, *(p.dtype.type(number) for number in numbers), *given)


@functools.cache
def update_kernel(decoupled, has_decay, has_rate):
    """m ← b1 m + (1-b1) g;  v ← b2 v + (1-b2) g²;  p ← p - lr m̂ / (√v̂ + eps); weight decay in g or, decoupled, in p."""
    arrays, numbers = ", ".join(["real[::1]"] * 4), ", ".join(["real"] * 9)

    @kernel(f"{arrays}, {numbers}, real[::1], real[::1]",
            f"adam.update[decoupled={decoupled}, decay={has_decay}, rate={has_rate}]")  # fmt: skip
    def update(p, g, m, v, b1, not_b1, b2, not_b2, m_scale, v_scale, lr, eps, shrink, decay, rate):
        i = cuda.grid(1)
        if i >= p.size:
            return
        before = p[i]
        decayed = shrink * (decay[i] * before if has_decay else before)
        gradient = g[i] if decoupled else g[i] + decayed
        first = b1 * m[i] + not_b1 * gradient
        second = b2 * v[i] + not_b2 * gradient * gradient
        m[i], v[i] = first, second
        step = lr * (first * m_scale) / (math.sqrt(second * v_scale) + eps)
        step = step + decayed if decoupled else step
        p[i] = before - (rate[i] * step if has_rate else step)

    return update


def kernels():
    """Every kernel, in every variant."""
    return (update_kernel(*given) for given in product((False, True), repeat=3))
