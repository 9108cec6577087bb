"""CUDA twin of reference.py: the argument checks and the launches of the kernels in cuda_kernels.py.

The IndRNN cell (ops/indrnn) also calls `launch_forward`, with a bias, and `launch_backward`, for the bias gradient.
"""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cuda import arrays, target, vector_access
from ..._cuda.launch import ends_of, on_device
from . import contract
from .activation import ACTIVATIONS
from .cuda_kernels import LOADS, backward_kernel, forward_kernel, last_kernel, sum_kernel

# Bytes that a multiprocessor must have in flight to keep memory busy: 4.8 TB/s · 1.1 µs / 132. (A load takes 0.7 µs
# when memory is idle, and longer when it is not.) A thread of the wide form has LOADS · 16 bytes in flight.
BYTES_IN_FLIGHT = 40 * 1024
WIDE_THREADS = BYTES_IN_FLIGHT // (LOADS * vector_access.BYTES)

# True: use the wide form if the arrays permit it. False: never. None: if its threads still fill the GPU.
force_wide: bool | None = None


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.forward."""
    where = "recurrence.forward"
    on_device(where, a=a, u=u, h0=h0, out=out)
    contract.check_forward(where, a, u, h0, activation, lengths, out)
    T, B, H = a.shape
    h = arrays.empty((T + 1, B, H), a.dtype) if out is None else out
    in_place = out is not None and _check.shares_memory(a, out)
    launch_forward(h if in_place else a, h, u, None, h0, activation, lengths, reverse)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    where = "recurrence.backward"
    on_device(where, dh=dh, h=h, u=u, dhT=dhT, out=out)
    contract.check_backward(where, dh, h, u, dhT, activation, lengths, out)
    da = arrays.empty_like(h[1:]) if out is None else out
    du, _, dh0 = launch_backward(dh, h, u, dhT, da, activation, lengths, reverse)
    return da, du, dh0


def last(h, lengths=None, reverse=False):
    """Twin of reference.last."""
    on_device("recurrence.last", h=h)
    contract.check_last("recurrence.last", h, lengths)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    out = arrays.empty((B, H), h.dtype)
    last_kernel(B * H, flat(h), B * H, H, ends_of(lengths, T, B), reverse, flat(out))
    return out


def launch_forward(a, h, u, b, h0, activation, lengths, reverse):
    """Fill h (T+1, B, H) from the pre-activations a (T, B, H) + b. If a is h itself, a[t] stands in h[t+1].

    b (H,) is None if a contains it.
    """
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    wide, start = use_wide(a, h), B * H if a is h else 0
    kernel = forward_kernel(activation, b is not None, wide)
    kernel(threads(h, wide), flat(a), start, flat(h0), flat(h), T, B * H, u, u if b is None else b,
           ends_of(lengths, T, B), reverse)  # fmt: skip


def launch_backward(dh, h, u, dhT, da, activation, lengths, reverse):
    """Fill da (T, B, H) and return du (H,), db (H,) and dh0 (B, H). dh and dhT may be None."""
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    dh0, sums = arrays.empty((B, H), h.dtype), arrays.empty(2 * B * H, np.float64)
    has_dh, has_dhT = dh is not None, dhT is not None
    dh, dhT = dh if has_dh else da, dhT if has_dhT else dh0  # placeholders; the kernel ignores them
    wide = use_wide(h, da, dh)
    kernel = backward_kernel(activation, has_dh, has_dhT, wide)
    kernel(threads(h, wide), flat(dh), flat(h), T, B * H, u, flat(dhT), flat(da), flat(dh0), sums,
           ends_of(lengths, T, B), reverse)  # fmt: skip
    du, db = arrays.empty(H, h.dtype), arrays.empty(H, h.dtype)
    sum_kernel(H, sums, B, H, du, db)
    return du, db, dh0


def use_wide(*arrays_in_time):
    """Return whether threads own as many columns of these arrays (time, B, H) as 16 bytes hold.

    They do where every row begins at a multiple of 16 bytes and fewer threads still fill the GPU. Both forms give the
    same bits.
    """
    B, H = arrays_in_time[0].shape[1:]
    V = vector_access.BYTES // arrays_in_time[0].dtype.itemsize
    preferred = B * H // V // target.multiprocessors() >= WIDE_THREADS if force_wide is None else force_wide
    return preferred and H % V == 0 and all(vector_access.aligned(array) for array in arrays_in_time)


def threads(h, wide):
    """Return the number of threads of a kernel that walks through time."""
    return h[0].nbytes // vector_access.BYTES if wide else h[0].size


def flat(array):
    """Return the array with one axis."""
    return array.reshape(array.size)


def kernels():
    """Yield every kernel of the recurrence in every variant."""
    yield from (sum_kernel, last_kernel)
    for activation in ACTIVATIONS:
        for wide in (False, True):
            yield from (forward_kernel(activation, has_bias, wide) for has_bias in (False, True))
            for has_dh, has_dhT in ((True, True), (True, False), (False, True)):
                yield backward_kernel(activation, has_dh, has_dhT, wide)
