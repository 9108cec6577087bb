"""Straightforward CUDA kernels for batch normalisation: one thread for each neuron.

The tuned twin is cuda.py. This twin has `forward` and `backward`, and leaves out `lengths`,
`per_step` and `out`.
"""

from __future__ import annotations

import math

from ..._cuda import arrays
from ..._cuda.launch import kernel, on_device
from ..._cuda.target import cuda
from .contract import check_backward, check_forward


def forward(x, scale, shift, eps=1e-5):
    """Twin of reference.forward."""
    on_device("batchnorm.forward", x=x, scale=scale, shift=shift)
    check_forward("batchnorm.forward", x, scale, shift, eps, None, False, None)
    y, mean, var = (
        arrays.empty_like(x),
        arrays.empty((1, scale.size), x.dtype),
        arrays.empty((1, scale.size), x.dtype),
    )
    forward_kernel(scale.size, x, scale, shift, eps, y, mean, var)
    return y, mean, var


def backward(dy, x, mean, var, scale, eps=1e-5):
    """Twin of reference.backward."""
    on_device("batchnorm.backward", dy=dy, x=x, mean=mean, var=var, scale=scale)
    check_backward("batchnorm.backward", dy, x, mean, var, scale, eps, None, False, None)
    dx, dscale, dshift = arrays.empty_like(x), arrays.empty_like(scale), arrays.empty_like(scale)
    backward_kernel(scale.size, dy, x, mean, var, scale, eps, dx, dscale, dshift)
    return dx, dscale, dshift


@kernel(
    "real[:,:,::1], real[::1], real[::1], float64, real[:,:,::1], real[:,::1], real[:,::1]",
    "batchnorm.plain_forward",
)
def forward_kernel(x, scale, shift, eps, y, mean, var):
    """y = scale ⊙ (x - mean) / √(var + eps) + shift. A thread owns neuron n; it moves 4 words an element."""
    n, T, B = cuda.grid(1), x.shape[0], x.shape[1]
    if n < scale.size:
        total, spread = 0.0, 0.0
        for t in range(T):
            for b in range(B):
                total += x[t, b, n] - x[0, 0, n]
        center = x[0, 0, n] + total / (T * B)  # the mean of equal values is their value
        for t in range(T):
            for b in range(B):
                spread += (x[t, b, n] - center) ** 2
        mean[0, n], var[0, n] = center, spread / (T * B)
        factor = scale[n] / math.sqrt(spread / (T * B) + eps)
        for t in range(T):
            for b in range(B):
                y[t, b, n] = factor * (x[t, b, n] - center) + shift[n]


@kernel(
    "real[:,:,::1], real[:,:,::1], real[:,::1], real[:,::1], real[::1], float64, real[:,:,::1], real[::1], real[::1]",
    "batchnorm.plain_backward",
)
def backward_kernel(dy, x, mean, var, scale, eps, dx, dscale, dshift):
    """dx = scale ⊙ rstd ⊙ (dy - dshift / N - x̂ dscale / N). A thread owns neuron n; it moves 5 words an element."""
    n, T, B = cuda.grid(1), x.shape[0], x.shape[1]
    if n < scale.size:
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


def kernels():
    """Return both kernels."""
    return forward_kernel, backward_kernel
