"""The time steps of a CUDA thread in both directions of the recurrence; the kernels in cuda.py call these functions.

A thread owns V neighbouring columns and keeps their state in registers. While it computes some time steps, its loads
of the next ones are in flight (prefetch). Its local arrays become registers because every loop over them is unrolled.
Groups of 4 time steps are written out for compilers that do not unroll so much. Arrays are flat; `p` and `q` are
64-bit positions in them. `stride` is the distance from one time step to the next that the thread computes, and is
negative towards row 0.
"""

from __future__ import annotations

from ..._cuda.launch import device, greater
from ..._cuda.target import cuda
from ..._cuda.vector_access import MAX_COLUMNS, copy_rows, load, mul_rn, store
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
    """Add du and db, sums over some time steps, to the float64 sums, and reset them to 0."""
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
