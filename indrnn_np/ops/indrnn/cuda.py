"""GPU twin of reference.py: the product over all steps, then the recurrence in place (ops/recurrence/cuda.py).

The product is written into the states h[1:], where the recurrence reads it, adds b, and leaves h. Backwards da exists
for all of time at once, since dx = da W and dW = daᵀ x fill a GPU only with many rows. With `lengths` dW is taken over
a copy of x with zeros in its padding: what stands there, NaN too, has no part in it.
"""

from __future__ import annotations

from ... import _check, _device
from ..._cuda import on_device
from ..._products import matmul
from ..recurrence.cuda import scan, scan_back
from ..rows.cuda import without_padding
from . import reference


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None, norm=None):
    """Twin of reference.forward, without norm; the states live in `work`'s buffer "h" if a workspace is given."""
    where = "indrnn.forward"
    written_out(where, norm)
    on_device(where, x=x, W=W, u=u, b=b, h0=h0)
    reference.check_forward(where, x, W, u, b, h0, activation, lengths)
    _check.floats(where, x=x)
    (T, B, D), H = x.shape, len(W)
    h = _empty(work, "h", (T + 1, B, H), x.dtype)
    matmul(x.reshape(T * B, D), W, h[1:].reshape(T * B, H), transpose_b=True)
    scan(h, h, u, b, h0, activation, lengths, reverse)
    return h


def backward(dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None,
             norm=None):  # fmt: skip
    """Twin of reference.backward, without norm; dx and da live in `work`'s buffers if a workspace is given."""
    where = "indrnn.backward"
    written_out(where, norm)
    on_device(where, dh=dh, x=x, h=h, W=W, u=u, dhT=dhT)
    reference.check_backward(where, dh, x, h, W, u, dhT, activation, lengths)
    _check.floats(where, x=x)
    (T, B, D), H = x.shape, len(W)
    da, dx = _empty(work, "da", (T, B, H), x.dtype), _empty(work, "dx", x.shape, x.dtype)
    dW = _device.empty_like(W)
    du, db, dh0 = scan_back(dh, h, u, dhT, da, activation, lengths, reverse)
    if probe is not None:
        probe(0, T, dh, da)
    rows = da.reshape(T * B, H)
    matmul(rows, W, dx.reshape(T * B, D))
    if lengths is not None:
        x = without_padding(x, lengths, _empty(work, "x without padding", x.shape, x.dtype))
    matmul(rows, x.reshape(T * B, D), dW, transpose_a=True)
    return dx, dW, du, db, dh0


def written_out(where, norm):
    """Check that x is given as it is."""
    if norm is not None:
        _check.fail(where, "norm is given", "None", "because backend 'cuda' takes x with the norm applied")


def _empty(work, name, shape, dtype):
    return _device.empty(shape, dtype) if work is None else work.array(name, shape, dtype)


def kernels():
    """None of its own: the product's, the recurrence's and those of rows."""
    return iter(())
