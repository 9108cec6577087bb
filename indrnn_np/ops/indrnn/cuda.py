"""CUDA twin of reference.py: the product over all time steps, then the recurrence in place (ops/recurrence).

The product is written into the states h[1:]. The recurrence reads it there, adds b, and overwrites
it with h. The backward pass computes da for all time steps at once, because dx = da W and dW = daᵀ x
fill a GPU only with many rows. With `lengths`, dW is computed from a copy of x with zeros in the
padding, so values there, NaN included, are ignored.
"""

from __future__ import annotations

from ... import _check
from ..._cuda import arrays
from ..._cuda.launch import on_device
from ..._cuda.products import matmul
from ..recurrence.cuda import launch_backward, launch_forward
from ..rows.cuda import without_padding
from . import contract


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None, norm=None):
    """Twin of reference.forward, without norm; a workspace holds the states in its buffer "h"."""
    where = "indrnn.forward"
    written_out(where, norm)
    on_device(where, x=x, W=W, u=u, b=b, h0=h0)
    contract.check_forward(where, x, W, u, b, h0, activation, lengths, reverse)
    (T, B, D), H = x.shape, len(W)
    h = _empty(work, "h", (T + 1, B, H), x.dtype)
    matmul(x.reshape(T * B, D), W, h[1:].reshape(T * B, H), transpose_b=True)
    launch_forward(h, h, u, b, h0, activation, lengths, reverse)
    return h


def backward(dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None,
             norm=None, input_gradient=True):  # fmt: skip
    """Twin of reference.backward, without norm; a workspace holds dx and da in its buffers."""
    where = "indrnn.backward"
    written_out(where, norm)
    on_device(where, dh=dh, x=x, h=h, W=W, u=u, dhT=dhT)
    contract.check_backward(where, dh, x, h, W, u, dhT, activation, lengths, reverse, norm, input_gradient)
    (T, B, D), H = x.shape, len(W)
    da, dx, dW = _empty(work, "da", (T, B, H), x.dtype), None, arrays.empty_like(W)
    du, db, dh0 = launch_backward(dh, h, u, dhT, da, activation, lengths, reverse)
    if probe is not None:
        probe(0, T, dh, da)
    rows = da.reshape(T * B, H)
    if input_gradient:
        dx = _empty(work, "dx", x.shape, x.dtype)
        matmul(rows, W, dx.reshape(T * B, D))
    if lengths is not None:
        x = without_padding(x, lengths, _empty(work, "x without padding", x.shape, x.dtype))
    matmul(rows, x.reshape(T * B, D), dW, transpose_a=True)
    return dx, dW, du, db, dh0


def written_out(where, norm):
    """Refuse a `norm`: the input has to be normalised already."""
    if norm is not None:
        _check.fail(where, "norm is given", "None", "because backend 'cuda' takes x with the norm applied")


def _empty(work, name, shape, dtype):
    return arrays.empty(shape, dtype) if work is None else work.array(name, shape, dtype)


def kernels():
    """Yield nothing: the op launches the kernels of the products, of the recurrence and of rows."""
    return iter(())
