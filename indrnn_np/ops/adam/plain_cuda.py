"""A straightforward CUDA kernel for Adam: one thread for each parameter.

The tuned twin is cuda.py. This twin leaves out `weight_decay`, `decoupled`, `decay` and `rate`.
"""

from __future__ import annotations

import math

from ..._cuda.launch import kernel, on_device
from ..._cuda.target import cuda
from .contract import check


def update(p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8):
    """Twin of reference.update."""
    on_device("adam.update", p=p, g=g, m=m, v=v)
    lr, b1, b2, eps, _ = check("adam.update", p, g, m, v, t, lr, b1, b2, eps)
    update_kernel(p.size, p, g, m, v, float(t), lr, b1, b2, eps)


@kernel(
    "real[::1], real[::1], real[::1], real[::1], float64, float64, float64, float64, float64",
    "adam.plain_update",
)
def update_kernel(p, g, m, v, t, lr, b1, b2, eps):
    """m ← b1 m + (1-b1) g;  v ← b2 v + (1-b2) g²;  p ← p - lr m̂ / (√v̂ + eps). A thread owns a parameter; 7 words."""
    i = cuda.grid(1)
    if i < p.size:
        m[i] = b1 * m[i] + (1 - b1) * g[i]
        v[i] = b2 * v[i] + (1 - b2) * g[i] ** 2
        m_hat, v_hat = m[i] / (1 - b1**t), v[i] / (1 - b2**t)
        p[i] -= lr * m_hat / (math.sqrt(v_hat) + eps)


def kernels():
    """Return the kernel."""
    return (update_kernel,)
