"""GPU twin of reference.py: one launch, one thread a parameter; what they all share is computed on the host.

Of these numbers those that change with t and lr come together, as a graph has to bring them anew (_graph.py).
"""

from __future__ import annotations

import functools
import math
from itertools import product

from ... import _check
from ..._cuda import cuda, kernel, on_device
from ..._graph import numbers
from ..._recording import now
from ..sgd.reference import check


def update(
    p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False, decay=None, rate=None
):
    """Twin of reference.update."""
    on_device("adam.update", p=p, g=g, m=m, v=v, decay=decay, rate=rate)
    check("adam.update", p, g, {"m": m, "v": v}, decay, rate)
    _check.at_least("adam.update", "t", now(t), 1)
    fixed = (p.dtype.type(number) for number in (b1, 1 - b1, b2, 1 - b2, eps))

    def changing():
        step, rate_now = now(t), now(lr)
        shrink = rate_now * weight_decay if decoupled else weight_decay
        return 1 / (1 - b1**step), 1 / (1 - b2**step), rate_now, shrink

    run = update_kernel(bool(decoupled), decay is not None, rate is not None)
    given = (p if array is None else array for array in (decay, rate))
    run(p.size, p, g, m, v, *fixed, *numbers(changing, p.dtype), *given)


@functools.cache
def update_kernel(decoupled, has_decay, has_rate):
    """m ← b1 m + (1-b1) g;  v ← b2 v + (1-b2) g²;  p ← p - lr m̂ / (√v̂ + eps); weight decay in g or, decoupled, in p."""
    arrays, scalars = ", ".join(["real[::1]"] * 4), ", ".join(["real"] * 9)

    @kernel(f"{arrays}, {scalars}, real[::1], real[::1], real[::1]",
            f"adam.update[decoupled={decoupled}, decay={has_decay}, rate={has_rate}]")  # fmt: skip
    def update(p, g, m, v, b1, not_b1, b2, not_b2, eps, m_scale, v_scale, lr, shrink, late, decay, rate):
        i = cuda.grid(1)
        if i >= p.size:
            return
        if late.size > 0:
            m_scale, v_scale, lr, shrink = late[0], late[1], late[2], late[3]
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
