"""Straightforward CUDA kernels for the IndRNN cell.

Forward has one thread for each neuron of each sample, which multiplies W x_t inside its time loop.
Backward runs the plain recurrence and then two products, with one thread for each element of dx, of
dW and of db. The tuned twin is cuda.py. This twin leaves out `lengths`, `reverse`, `work`, `probe`
and `norm`.
"""

from __future__ import annotations

import functools

from ..._cuda import arrays
from ..._cuda.launch import kernel, on_device
from ..._cuda.target import cuda
from ..recurrence import plain_cuda as recurrence
from ..recurrence.activation import ACTIVATIONS
from ..recurrence.cuda_steps import PHI
from .contract import check_backward, check_forward


def forward(x, W, u, b, h0, activation="relu"):
    """Twin of reference.forward."""
    on_device("indrnn.forward", x=x, W=W, u=u, b=b, h0=h0)
    check_forward("indrnn.forward", x, W, u, b, h0, activation, None, False)
    h = arrays.empty((x.shape[0] + 1, *h0.shape), x.dtype)
    forward_kernel(activation)(h0.size, x, W, u, b, h0, h)
    return h


def backward(dh, x, h, W, u, dhT=None, activation="relu", input_gradient=True):
    """Twin of reference.backward."""
    on_device("indrnn.backward", dh=dh, x=x, h=h, W=W, u=u, dhT=dhT)
    check_backward(
        "indrnn.backward", dh, x, h, W, u, dhT, activation, None, False, input_gradient=input_gradient
    )
    da, du, dh0 = recurrence.backward(dh, h, u, dhT, activation)
    dx, dW, db = None, arrays.empty_like(W), arrays.empty_like(u)
    if input_gradient:
        dx = arrays.empty_like(x)
        input_kernel(x.size, da, W, dx)
    weight_kernel(W.size + u.size, da, x, dW, db)
    return dx, dW, du, db, dh0


@functools.cache
def forward_kernel(activation):
    """h_t = φ(W x_t + u ⊙ h_{t-1} + b). A thread owns neuron n of sample i; it reads 2 D + 1 words an element."""
    phi = PHI[activation]
    signature = "real[:,:,::1], real[:,::1], real[::1], real[::1], real[:,::1], real[:,:,::1]"

    @kernel(signature, f"indrnn.plain_forward[{activation}]")
    def forward(x, W, u, b, h0, h):
        i, n = divmod(cuda.grid(1), u.size)
        if i < h0.shape[0]:
            state = h0[i, n]
            h[0, i, n] = state
            for t in range(x.shape[0]):
                a = b[n] + u[n] * state
                for d in range(x.shape[2]):
                    a += W[n, d] * x[t, i, d]
                state = phi(a, h.dtype.type(0), h.dtype.type(1))
                h[t + 1, i, n] = state

    return forward


@kernel("real[:,:,::1], real[:,::1], real[:,:,::1]", "indrnn.plain_input")
def input_kernel(da, W, dx):
    """dx_t = Wᵀ da_t. A thread owns one element of dx; it reads 2 H words."""
    row, d = divmod(cuda.grid(1), dx.shape[2])
    if row < dx.shape[0] * dx.shape[1]:
        t, i = divmod(row, dx.shape[1])
        total = dx.dtype.type(0)
        for n in range(da.shape[2]):
            total += da[t, i, n] * W[n, d]
        dx[t, i, d] = total


@kernel("real[:,:,::1], real[:,:,::1], real[:,::1], real[::1]", "indrnn.plain_weight")
def weight_kernel(da, x, dW, db):
    """dW = Σ da_t x_tᵀ and db = Σ da_t. A thread owns one element of dW or db; it reads 2 or 1 T·B words."""
    n, d = divmod(cuda.grid(1), x.shape[2] + 1)
    if n < db.size:
        total = 0.0
        for t in range(x.shape[0]):
            for i in range(x.shape[1]):
                total += da[t, i, n] * x[t, i, d] if d < x.shape[2] else da[t, i, n]
        if d < x.shape[2]:
            dW[n, d] = total
        else:
            db[n] = total


def kernels():
    """Yield every kernel, in every variant."""
    yield from (forward_kernel(activation) for activation in ACTIVATIONS)
    yield from (input_kernel, weight_kernel)
