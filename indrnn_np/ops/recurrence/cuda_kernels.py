"""CUDA kernels of the recurrence: forward, backward, the sums after backward, the last state. cuda.py launches them.

A column is one neuron of one sample; a time step is a row of B·H columns. A thread owns V neighbouring columns and
takes them through all time steps, with its state in registers. V is 1, or with `wide` the columns that 16 bytes hold
(_cuda/vector_access.py). Both forms compute a column with the same operations and give the same bits.

While a thread computes some time steps, its loads of the next ones are in flight (prefetch). Its local arrays become
registers because every loop over them is unrolled. Four time steps are written out for compilers that do not unroll so
much. Arrays are flat; `p` and `q` are 64-bit positions in them. `stride` is the distance from one time step to the
next that the thread computes, and is negative towards row 0.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda.launch import device, greater, kernel
from ..._cuda.target import cuda
from ..._cuda.vector_access import MAX_COLUMNS, copy_rows, load, mul_rn, owned_columns, store, store_zeros
from .activation import ACTIVATIONS

AHEAD = 8  # time steps that a thread prefetches, and over which du and db are summed in the arrays' dtype
LOADS = 8  # 16-byte loads that a thread of the wide form has in flight
BUFFER = AHEAD * MAX_COLUMNS

PHI = {name: device(entry.cuda_phi or entry.phi) for name, entry in ACTIVATIONS.items()}
DPHI = {name: device(entry.dphi) for name, entry in ACTIVATIONS.items()}


@device
def prefetch(V, steps, array, p, stride, buffer):
    """Load the thread's columns at `steps` time steps, from position p on, into buffer."""
    for i in range(steps):
        load(V, buffer, i * V, array, p + i * stride)


@device
def advance_1_step(phi, V, a, k, u, b, h_t, h, q):
    """Replace h_t by φ(a_t + b + u h_t), with a_t from a[k : k + V], and store it at h[q]."""
    for c in range(V):
        h_t[c] = phi(a[k + c] + b[c] + u[c] * h_t[c], h.dtype.type(0), h.dtype.type(1))
    store(V, h, q, h_t, 0)


@device
def advance_4_steps(phi, V, a, k, u, b, h_t, h, q, stride):
    """Advance by 4 time steps, whose a_t begin at a[k]."""
    advance_1_step(phi, V, a, k, u, b, h_t, h, q)
    advance_1_step(phi, V, a, k + V, u, b, h_t, h, q + stride)
    advance_1_step(phi, V, a, k + 2 * V, u, b, h_t, h, q + 2 * stride)
    advance_1_step(phi, V, a, k + 3 * V, u, b, h_t, h, q + 3 * stride)


@device
def advance_8_steps(phi, V, a, u, b, h_t, h, q, stride):
    """Advance by AHEAD time steps."""
    advance_4_steps(phi, V, a, 0, u, b, h_t, h, q, stride)
    advance_4_steps(phi, V, a, 4 * V, u, b, h_t, h, q + 4 * stride, stride)


@functools.cache
def forward_kernel(activation, has_bias, wide):
    """h[0] = h0 and h[t+1] = φ(a[t] + b + u h[t]), for n = ends[sample] steps; zeros after them.

    A thread owns V columns and keeps their h_t, u and b in registers. It moves 2 words an element: it reads a and
    writes h. The first row of pre-activations begins at a[start]; `a` may be h itself.
    """
    phi = PHI[activation]

    @kernel("real[::1], int64, real[::1], real[::1], int64, int64, real[::1], real[::1], int64[::1], boolean",
            f"recurrence.forward{'.wide' * wide}[{activation}, bias={has_bias}]")  # fmt: skip
    def forward(a, start, h0, h, T, columns, u, b, ends, reverse):
        V = owned_columns(wide, h)
        j = V * cuda.grid(1)
        if j >= columns:
            return
        n, H = ends[j // u.size], u.size
        u_j, b_j = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
        h_t = cuda.local.array(MAX_COLUMNS, h.dtype)
        a_ahead, a_now = cuda.local.array(BUFFER, h.dtype), cuda.local.array(BUFFER, h.dtype)
        for c in range(V):
            u_j[c], b_j[c] = u[j % H + c], b[j % H + c] if has_bias else h.dtype.type(0)
            h_t[c] = h0[j + c]
        store(V, h, j, h_t, 0)
        stride = -columns if reverse else columns
        q = (n if reverse else 1) * columns + j  # where the first h_t is written
        p = q - columns + start  # where the first a_t is read
        whole = n // AHEAD * AHEAD
        if whole > 0:
            prefetch(V, AHEAD, a, p, stride, a_ahead)
            # No condition stands around the loads in a loop, or ptxas moves them behind the arithmetic.
            for t in range(AHEAD, whole, AHEAD):
                copy_rows(V, AHEAD, a_ahead, a_now)
                prefetch(V, AHEAD, a, p + t * stride, stride, a_ahead)
                advance_8_steps(phi, V, a_now, u_j, b_j, h_t, h, q + (t - AHEAD) * stride, stride)
            advance_8_steps(phi, V, a_ahead, u_j, b_j, h_t, h, q + (whole - AHEAD) * stride, stride)
        for t in range(whole, n):
            load(V, a_now, 0, a, p + t * stride)
            advance_1_step(phi, V, a_now, 0, u_j, b_j, h_t, h, q + t * stride)
        store_zeros(V, h, (n + 1) * columns + j, columns, T - n, h_t)

    return forward


@device
def prefetch_back(has_dh, V, steps, dh, h, p, columns, stride, dh_buffer, h_buffer):
    """Load dh_t from position p on, and h_{t-1}, at `steps` time steps."""
    if has_dh:
        prefetch(V, steps, dh, p, stride, dh_buffer)
    prefetch(V, steps, h, p + columns + stride, stride, h_buffer)


@device
def backprop_1_step(dphi, has_dh, V, dh, h_prev, k, u, carry, h_t, du, db, da, p):
    """Store da_t = φ'(h_t) (dh_t + carry) at da[p], with dh_t from dh[k : k + V] and h_{t-1} from h_prev[k : k + V].

    carry becomes u da_t and h_t becomes h_{t-1}. The carry is rounded: the compiler would fuse it with the sum of the
    next time step where it sees both, and the bits would depend on where it cuts a loop.
    """
    zero, one, da_t = da.dtype.type(0), da.dtype.type(1), cuda.local.array(MAX_COLUMNS, da.dtype)
    for c in range(V):
        da_t[c] = dphi(h_t[c], zero, one) * ((dh[k + c] if has_dh else zero) + carry[c])
        carry[c], h_t[c] = mul_rn(u[c], da_t[c]), h_prev[k + c]
        du[c] += da_t[c] * h_t[c]
        db[c] += da_t[c]
    store(V, da, p, da_t, 0)


@device
def backprop_4_steps(dphi, has_dh, V, dh, h_prev, k, u, carry, h_t, du, db, da, p, stride):
    """Go back by 4 time steps, whose dh_t and h_{t-1} begin at index k."""
    backprop_1_step(dphi, has_dh, V, dh, h_prev, k, u, carry, h_t, du, db, da, p)
    backprop_1_step(dphi, has_dh, V, dh, h_prev, k + V, u, carry, h_t, du, db, da, p + stride)
    backprop_1_step(dphi, has_dh, V, dh, h_prev, k + 2 * V, u, carry, h_t, du, db, da, p + 2 * stride)
    backprop_1_step(dphi, has_dh, V, dh, h_prev, k + 3 * V, u, carry, h_t, du, db, da, p + 3 * stride)


@device
def backprop_steps(dphi, has_dh, V, steps, dh, h_prev, u, carry, h_t, du, db, da, p, stride):
    """Go back by 4 or 8 time steps."""
    backprop_4_steps(dphi, has_dh, V, dh, h_prev, 0, u, carry, h_t, du, db, da, p, stride)
    if steps == 8:
        k, p = 4 * V, p + 4 * stride
        backprop_4_steps(dphi, has_dh, V, dh, h_prev, k, u, carry, h_t, du, db, da, p, stride)


@device
def flush(V, du, db, du_sum, db_sum):
    """Add the sums over some time steps to those in float64, and set them to 0."""
    for c in range(V):
        du_sum[c] += du[c]
        db_sum[c] += db[c]
        du[c] = db[c] = du.dtype.type(0)


@device
def backprop_all(dphi, has_dh, V, dh, h, j, da, p, columns, stride, n, u, carry, h_t, du, db, du_sum, db_sum):
    """Go back by n time steps from position p of dh and da, and add up du and db.

    h_t is at p + columns and h_{t-1} at p + columns + stride, but h_0 at j: the step that reads it is not prefetched.
    """
    steps = LOADS // 2 if V > 1 and has_dh else AHEAD
    dh_ahead, dh_now = cuda.local.array(BUFFER, h.dtype), cuda.local.array(BUFFER, h.dtype)
    h_ahead, h_now = cuda.local.array(BUFFER, h.dtype), cuda.local.array(BUFFER, h.dtype)
    whole = greater(n - 1, 0) // AHEAD * AHEAD
    if whole > 0:
        prefetch_back(has_dh, V, steps, dh, h, p, columns, stride, dh_ahead, h_ahead)
        for t in range(steps, whole, steps):
            copy_rows(V, steps, dh_ahead, dh_now)
            copy_rows(V, steps, h_ahead, h_now)
            prefetch_back(has_dh, V, steps, dh, h, p + t * stride, columns, stride, dh_ahead, h_ahead)
            q = p + (t - steps) * stride
            backprop_steps(dphi, has_dh, V, steps, dh_now, h_now, u, carry, h_t, du, db, da, q, stride)
            if t & (AHEAD - 1) == 0:
                flush(V, du, db, du_sum, db_sum)
        q = p + (whole - steps) * stride
        backprop_steps(dphi, has_dh, V, steps, dh_ahead, h_ahead, u, carry, h_t, du, db, da, q, stride)
        flush(V, du, db, du_sum, db_sum)
    for t in range(whole, n):
        if has_dh:
            load(V, dh_now, 0, dh, p + t * stride)
        load(V, h_now, 0, h, p + columns + (t + 1) * stride if t < n - 1 else j)
        backprop_1_step(dphi, has_dh, V, dh_now, h_now, 0, u, carry, h_t, du, db, da, p + t * stride)
    flush(V, du, db, du_sum, db_sum)


@functools.cache
def backward_kernel(activation, has_dh, has_dhT, wide):
    """da[t] = φ'(h[t+1]) (dh[t] + u da[t+1]), dh0 = u da[0], sums = (Σ_t da[t] h[t], Σ_t da[t]) for du and db.

    A thread owns V columns and keeps h_t, u, the sums and carry = u da[t+1] in registers. It moves 3 words an element:
    it reads dh and h and writes da. The sums run in the arrays' dtype over AHEAD time steps and from there in float64.
    Rows of da after a sample's end are zero.
    """
    dphi = DPHI[activation]

    @kernel("real[::1], real[::1], int64, int64, real[::1], real[::1], real[::1], real[::1], float64[::1], int64[::1], "
            "boolean", f"recurrence.backward{'.wide' * wide}[{activation}, dh={has_dh}, dhT={has_dhT}]")  # fmt: skip
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
        du_sum, db_sum = cuda.local.array(MAX_COLUMNS, np.float64), cuda.local.array(MAX_COLUMNS, np.float64)
        for c in range(V):
            u_j[c], carry[c] = u[j % u.size + c], dhT[j + c] if has_dhT else zero
            h_t[c], du[c], db[c], du_sum[c], db_sum[c] = zero, zero, zero, 0.0, 0.0
        if n > 0:
            load(V, h_t, 0, h, p + columns)
        backprop_all(
            dphi, has_dh, V, dh, h, j, da, p, columns, stride, n, u_j, carry, h_t, du, db, du_sum, db_sum
        )
        for c in range(V):
            dh0[j + c], sums[j + c], sums[columns + j + c] = carry[c], du_sum[c], db_sum[c]
        store_zeros(V, da, n * columns + j, columns, T - n, h_t)

    return backward


@kernel("float64[::1], int64, int64, real[::1], real[::1]")
def sum_kernel(sums, B, H, du, db):
    """du[n] = Σ_b sums[0, b, n] and db[n] = Σ_b sums[1, b, n]. A thread owns one neuron."""
    n = cuda.grid(1)
    if n >= H:
        return
    du_n, db_n = np.float64(0), np.float64(0)
    for b in range(B):
        du_n += sums[b * H + n]
        db_n += sums[(B + b) * H + n]
    du[n], db[n] = du_n, db_n


@kernel("real[::1], int64, int64, int64[::1], boolean, real[::1]")
def last_kernel(h, columns, H, ends, reverse, out):
    """out[b] = the state after the last time step of sample b. A thread owns one column."""
    j = cuda.grid(1)
    if j >= columns:
        return
    row = ends[j // H]
    if reverse and row > 1:
        row = 1
    out[j] = h[np.uint64(row * columns + j)]
