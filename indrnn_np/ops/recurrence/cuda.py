"""GPU twin of reference.py: checks, and launches of the kernels in kernels.py.

`scan` and `scan_back` are the cell's too (ops/indrnn): with a bias, and with its gradient.
"""

from __future__ import annotations

import numpy as np

from ... import _check, _cuda, _device, _wide
from ..._cuda import ends_of, on_device
from . import reference
from .kernels import backward_kernel, forward_kernel, kernels, last_kernel, sum_kernel
from .step import CODES
from .thread import LOADS

__all__ = ["backward", "forward", "kernels", "last", "scan", "scan_back"]

# What a multiprocessor has to have under way for memory to be busy: 4.8 TB/s · 1.1 µs / 132 (a load takes 0.7 µs when
# memory is idle, longer when it is not). Of the wide form's threads that is 320.
BYTES_UNDER_WAY = 40 * 1024
THREADS = BYTES_UNDER_WAY // (LOADS * _wide.BYTES)

# True: the wide form wherever it is possible, False: nowhere, None: where `wide` says.
forced: bool | None = None


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.forward."""
    where = "recurrence.forward"
    on_device(where, a=a, u=u, h0=h0, out=out)
    reference.check_forward(where, a, u, h0, activation, lengths, out)
    _check.floats(where, a=a)
    T, B, H = a.shape
    h = _device.empty((T + 1, B, H), a.dtype) if out is None else out
    in_place = out is not None and _check.shares_memory(a, out)
    scan(h if in_place else a, h, u, None, h0, activation, lengths, reverse)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    where = "recurrence.backward"
    on_device(where, dh=dh, h=h, u=u, dhT=dhT, out=out)
    reference.check_backward(where, dh, h, u, dhT, activation, lengths, out)
    _check.floats(where, h=h)
    da = _device.empty_like(h[1:]) if out is None else out
    du, _, dh0 = scan_back(dh, h, u, dhT, da, activation, lengths, reverse)
    return da, du, dh0


def last(h, lengths=None, reverse=False):
    """Twin of reference.last."""
    on_device("recurrence.last", h=h)
    _check.array("recurrence.last", "h", h, 3, "(T+1, B, H)")
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    _check.lengths("recurrence.last", lengths, T, B)
    out = _device.empty((B, H), h.dtype)
    last_kernel(B * H, flat(h), B * H, H, ends_of(lengths, T, B), reverse, flat(out))
    return out


def scan(a, h, u, b, h0, activation, lengths, reverse):
    """Fill h from pre-activations without their bias b (None: 0) in a (T, B, H), or from h[1:] if a is h itself."""
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    form, before = wide(a, h), B * H if a is h else 0
    run = forward_kernel(CODES[activation], b is not None, form)
    run(threads(h, form), flat(a), before, flat(h0), flat(h), T, B * H, u, u if b is None else b,
        ends_of(lengths, T, B), reverse)  # fmt: skip


def scan_back(dh, h, u, dhT, da, activation, lengths, reverse):
    """Fill da, and return du, db (H,) and dh0 (B, H)."""
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    dh0, total = _device.empty((B, H), h.dtype), _device.empty(2 * B * H, np.float64)
    walked = da if dh is None else dh  # what stands for no array is not read
    form = wide(h, da, walked)
    run = backward_kernel(CODES[activation], dh is not None, dhT is not None, form)
    run(threads(h, form), flat(walked), flat(h), T, B * H, u, flat(dh0 if dhT is None else dhT), flat(da),
        flat(dh0), total, ends_of(lengths, T, B), reverse)  # fmt: skip
    du, db = _device.empty(H, h.dtype), _device.empty(H, h.dtype)
    sum_kernel(H, total, B, H, du, db)
    return du, db, dh0


def wide(*walked):
    """Shall a thread take as many neighbouring columns of these arrays (time, B, H) as 16 bytes hold?

    If every row begins at a multiple of 16 bytes, and so few threads still fill the GPU. Bits are the same.
    """
    B, H = walked[0].shape[1:]
    V = _wide.BYTES // walked[0].dtype.itemsize
    enough = B * H // V // _cuda.multiprocessors() >= THREADS if forced is None else forced
    return enough and H % V == 0 and all(_wide.aligned(array) for array in walked)


def threads(h, form):
    """How many threads walk."""
    return h[0].size * h.dtype.itemsize // _wide.BYTES if form else h[0].size


def flat(array):
    """The array with one axis."""
    return array.reshape(array.size)
