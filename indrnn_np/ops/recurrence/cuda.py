"""CUDA twin of reference.py: argument checks, launches, and the kernels, whose threads run cuda_steps.py.

A column is one neuron of one sample; a time step is a row of B·H columns. A thread owns V neighbouring columns and
takes them through all time steps, with its state in registers. cuda_form.py chooses V and the number of time steps
whose loads are in flight. All forms compute a column with the same operations and give the same bits.

The IndRNN cell (ops/indrnn) also calls `launch_forward`, with a bias, and `launch_backward`, for the bias gradient.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _check
from ..._cuda import arrays
from ..._cuda.arrays import ends_of
from ..._cuda.launch import kernel, on_device
from ..._cuda.reduction import launch_columns
from ..._cuda.target import cuda
from ..._cuda.vector_access import BYTES, MAX_COLUMNS, load, owned_columns, store, store_zeros
from . import contract, cuda_form
from .cuda_form import BACKWARD, FORWARD, WIDE
from .cuda_steps import DPHI, GROUP, LOADS, PHI, advance_all, backprop_all
from .cuda_sums import sum_kernel


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.forward."""
    where = "recurrence.forward"
    on_device(where, a=a, u=u, h0=h0, out=out)
    contract.check_forward(where, a, u, h0, activation, lengths, reverse, out)
    T, B, H = a.shape
    h = arrays.empty((T + 1, B, H), a.dtype) if out is None else out
    in_place = out is not None and _check.shares_memory(a, out)
    launch_forward(h if in_place else a, h, u, None, h0, activation, lengths, reverse)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    where = "recurrence.backward"
    on_device(where, dh=dh, h=h, u=u, dhT=dhT, out=out)
    contract.check_backward(where, dh, h, u, dhT, activation, lengths, reverse, out)
    da = arrays.empty_like(h[1:]) if out is None else out
    du, _, dh0 = launch_backward(dh, h, u, dhT, da, activation, lengths, reverse)
    return da, du, dh0


def last(h, lengths=None, reverse=False):
    """Twin of reference.last."""
    on_device("recurrence.last", h=h)
    contract.check_last("recurrence.last", h, lengths, reverse)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    out = arrays.empty((B, H), h.dtype)
    last_kernel(B * H, h.flat, B * H, H, ends_of(lengths, T, B), reverse, out.flat)
    return out


def launch_forward(a, h, u, b, h0, activation, lengths, reverse):
    """Fill h (T+1, B, H) from the pre-activations a (T, B, H) + b. If a is h itself, a[t] stands in h[t+1].

    b (H,) is None if a contains it.
    """
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    form, start = cuda_form.choose(FORWARD, 1, h, a), B * H if a is h else 0
    run = forward_kernel(activation, b is not None, form)
    run(threads(h, form), a.flat, start, h0.flat, h.flat, T, B * H, u, u if b is None else b,
        ends_of(lengths, T, B), reverse)  # fmt: skip


def launch_backward(dh, h, u, dhT, da, activation, lengths, reverse):
    """Fill da (T, B, H) and return du (H,), db (H,) and dh0 (B, H). dh and dhT may be None."""
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    dh0, sums = arrays.empty((B, H), h.dtype), arrays.empty(2 * B * H, np.float64)
    has_dh, has_dhT = dh is not None, dhT is not None
    dh, dhT = dh if has_dh else da, dhT if has_dhT else dh0  # placeholders; the kernel ignores them
    form = cuda_form.choose(BACKWARD, 1 + has_dh, h, da, dh)
    run = backward_kernel(activation, has_dh, has_dhT, form)
    run(threads(h, form), dh.flat, h.flat, T, B * H, u, dhT.flat, da.flat, dh0.flat, sums,
        ends_of(lengths, T, B), reverse)  # fmt: skip
    du, db = arrays.empty(H, h.dtype), arrays.empty(H, h.dtype)
    launch_columns(sum_kernel, H, B, sums, B, H, du, db)
    return du, db, dh0


def threads(h, form):
    """Return the number of threads of a kernel that walks through time."""
    return h[0].nbytes // BYTES if form == WIDE else h[0].size


@functools.cache
def forward_kernel(activation, has_bias, form):
    """h[0] = h0 and h[t+1] = φ(a[t] + b + u h[t]), for n = ends[sample] steps; zeros after them.

    A thread owns V columns and keeps their h_t, u and b in registers. It moves 2 words an element: it reads a and
    writes h. The first row of pre-activations begins at a[start]; `a` may be h itself.
    """
    phi, wide = PHI[activation], form == WIDE
    ahead = GROUP if wide else form
    real, limit = cuda_form.limits(form, FORWARD)

    @kernel("real[::1], int64, real[::1], real[::1], int64, int64, real[::1], real[::1], int64[::1], boolean"
            .replace("real", real),
            f"recurrence.forward{cuda_form.suffix(form)}[{activation}, bias={has_bias}]", limit)  # fmt: skip
    def forward(a, start, h0, h, T, columns, u, b, ends, reverse):
        V = owned_columns(wide, h)
        j = V * cuda.grid(1)
        if j >= columns:
            return
        n, H = ends[j // u.size], u.size
        u_j, b_j = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
        h_t = cuda.local.array(MAX_COLUMNS, h.dtype)
        for c in range(V):
            u_j[c], b_j[c] = u[j % H + c], b[j % H + c] if has_bias else h.dtype.type(0)
            h_t[c] = h0[j + c]
        store(V, h, j, h_t, 0)
        stride = -columns if reverse else columns
        q = (n if reverse else 1) * columns + j  # where the first h_t is written
        p = q - columns + start  # where the first a_t is read
        if n > 0:
            advance_all(phi, V, ahead, n, a, p, u_j, b_j, h_t, h, q, stride)
        store_zeros(V, h, (n + 1) * columns + j, columns, T - n, h_t)

    return forward


@functools.cache
def backward_kernel(activation, has_dh, has_dhT, form):
    """da[t] = φ'(h[t+1]) (dh[t] + u da[t+1]), dh0 = u da[0], sums = (Σ_t da[t] h[t], Σ_t da[t]) for du and db.

    A thread owns V columns and keeps h_t, u, the sums and carry = u da[t+1] in registers. It moves 3 words an element:
    it reads dh and h and writes da. It adds GROUP time steps in the arrays' dtype, and their sums in float64.
    Rows of da after a sample's end are zero.
    """
    dphi, wide = DPHI[activation], form == WIDE
    steps = LOADS // (1 + has_dh) if wide else form
    real, limit = cuda_form.limits(form, BACKWARD)

    @kernel("real[::1], real[::1], int64, int64, real[::1], real[::1], real[::1], real[::1], float64[::1], int64[::1], "
            "boolean".replace("real", real),
            f"recurrence.backward{cuda_form.suffix(form)}[{activation}, dh={has_dh}, dhT={has_dhT}]",
            limit)  # fmt: skip
    def backward(dh, h, T, columns, u, dhT, da, dh0, sums, ends, reverse):
        V = owned_columns(wide, h)
        j = V * cuda.grid(1)
        if j >= columns:
            return
        n, zero = ends[j // u.size], h.dtype.type(0)
        stride = columns if reverse else -columns
        p = (0 if reverse else n - 1) * columns + j  # of the last dh_t and da_t
        u_j, h_t = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
        carry = cuda.local.array(MAX_COLUMNS, h.dtype)
        du, db = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
        du64, db64 = cuda.local.array(MAX_COLUMNS, np.float64), cuda.local.array(MAX_COLUMNS, np.float64)
        for c in range(V):
            u_j[c], carry[c] = u[j % u.size + c], dhT[j + c] if has_dhT else zero
            h_t[c], du[c], db[c], du64[c], db64[c] = zero, zero, zero, 0.0, 0.0
        if n > 0:
            load(V, h_t, 0, h, p + columns)
            backprop_all(
                dphi, has_dh, V, steps, dh, h, j, da, p, columns, stride, n, u_j, carry, h_t, du, db, du64, db64
            )  # fmt: skip
        for c in range(V):
            dh0[j + c], sums[j + c], sums[columns + j + c] = carry[c], du64[c], db64[c]
        store_zeros(V, da, n * columns + j, columns, T - n, h_t)

    return backward


@kernel("real[::1], int64, int64, int64[::1], boolean, real[::1]")
def last_kernel(h, columns, H, ends, reverse, out):
    """out[b] = the state after the last time step of sample b. A thread owns one column; 2 words an element."""
    j = cuda.grid(1)
    if j >= columns:
        return
    row = ends[j // H]
    if reverse and row > 1:
        row = 1
    out[j] = h[np.uint64(row * columns + j)]


def kernels():
    """Yield every kernel of the recurrence in every variant."""
    yield last_kernel
    for activation in PHI:
        for form in (WIDE, *FORWARD[4]):
            yield from (forward_kernel(activation, has_bias, form) for has_bias in (False, True))
        for form in (WIDE, *BACKWARD[4]):
            for has_dh, has_dhT in ((True, True), (True, False), (False, True)):
                yield backward_kernel(activation, has_dh, has_dhT, form)
