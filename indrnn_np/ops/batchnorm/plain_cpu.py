"""Plain njit loops for batch normalisation: one neuron after another.

The tuned twin is cpu.py. This twin has `forward` and `backward`, and leaves out `lengths`,
`per_step` and `out`.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cpu.jit import njit
from .contract import check_backward, check_forward


def forward(x, scale, shift, eps=1e-5):
    """Twin of reference.forward."""
    check_forward("batchnorm.forward", x, scale, shift, eps, None, False, None)
    return forward_loop(x, scale, shift, eps)


def backward(dy, x, mean, var, scale, eps=1e-5):
    """Twin of reference.backward."""
    check_backward("batchnorm.backward", dy, x, mean, var, scale, eps, None, False, None)
    return backward_loop(dy, x, mean, var, scale, eps)


@njit
def forward_loop(x, scale, shift, eps):
    """Return y = scale ⊙ (x - mean) / √(var + eps) + shift, mean and var: three walks over x."""
    T, B, H = x.shape
    y, mean, var = np.empty_like(x), np.empty((1, H), x.dtype), np.empty((1, H), x.dtype)
    for n in range(H):
        first, spread = x[0, 0, n], 0.0
        deviations = (x[:, :, n] - first).astype(np.float64)
        center = first + deviations.mean()  # the mean of equal values is their value
        for t in range(T):
            for b in range(B):
                spread += (x[t, b, n] - center) ** 2
        mean[0, n], var[0, n] = center, spread / (T * B)
        factor = scale[n] / math.sqrt(spread / (T * B) + eps)
        for t in range(T):
            for b in range(B):
                y[t, b, n] = factor * (x[t, b, n] - center) + shift[n]
    return y, mean, var


@njit
def backward_loop(dy, x, mean, var, scale, eps):
    """Return dx, dscale and dshift: two walks over dy and x.

    dx = scale ⊙ rstd ⊙ (dy - dshift / N - x̂ dscale / N) with N = T B values
    """
    T, B, H = x.shape
    dx, dscale, dshift = np.empty_like(x), np.empty_like(scale), np.empty_like(scale)
    for n in range(H):
        rstd, sum_dy, sum_dy_x = 1.0 / math.sqrt(var[0, n] + eps), 0.0, 0.0
        for t in range(T):
            for b in range(B):
                sum_dy += dy[t, b, n]
                sum_dy_x += dy[t, b, n] * (x[t, b, n] - mean[0, n]) * rstd
        dshift[n], dscale[n] = sum_dy, sum_dy_x
        for t in range(T):
            for b in range(B):
                x_hat = (x[t, b, n] - mean[0, n]) * rstd
                dx[t, b, n] = scale[n] * rstd * (dy[t, b, n] - (sum_dy + x_hat * sum_dy_x) / (T * B))
    return dx, dscale, dshift
