"""The time steps of a CUDA thread in both directions of the recurrence; the kernels in cuda.py call these functions.

A thread owns V neighbouring columns and keeps their state in registers. While it computes a group of time steps, its
loads of the next group are in flight (prefetch). A function gets `rest`, the number of time steps that are left: the
last group may be shorter. Local arrays become registers because every loop over them is unrolled. Long loops are
written out, because compilers do not unroll them.

Arrays are flat; `p` and `q` are 64-bit positions in them. `stride` is the distance from one time step to the next that
the thread computes, and is negative towards row 0.
"""

from __future__ import annotations

from ..._cuda.launch import device, lesser
from ..._cuda.target import cuda
from ..._cuda.vector_access import MAX_COLUMNS, copy_rows, load, mul_rn, store
from .activation import ACTIVATIONS

GROUP = 8  # time steps over which du and db are summed in the arrays' dtype
BUFFER = 32 * MAX_COLUMNS  # of the deepest group; the compiler leaves out unused parts
LOADS = 8  # 16-byte loads that a thread of the wide form has in flight
ALL = 1 << 30  # as `rest`: all time steps of a group are left. The compiler drops the comparisons with it.

PHI = {name: device(entry.cuda_phi or entry.phi) for name, entry in ACTIVATIONS.items()}
DPHI = {name: device(entry.dphi) for name, entry in ACTIVATIONS.items()}


@device
def prefetch(V, steps, rest, array, p, stride, buffer):
    """Load the thread's columns at `steps` time steps from position p on; after the last of `rest`, that one again."""
    for i in range(steps):
        load(V, buffer, i * V, array, p + lesser(i, rest - 1) * stride)


@device
def advance_1_step(phi, V, i, rest, a, u, b, h_t, h, q, stride):
    """Replace h_t by φ(a_t + b + u h_t), with a_t from a[i V : i V + V], and store it; nothing if i >= rest."""
    if i < rest:
        for c in range(V):
            h_t[c] = phi(a[i * V + c] + b[c] + u[c] * h_t[c], h.dtype.type(0), h.dtype.type(1))
        store(V, h, q + i * stride, h_t, 0)


@device
def advance_8_steps(phi, V, i, rest, a, u, b, h_t, h, q, stride):
    """Advance by the time steps i to i + 7 of a group."""
    advance_1_step(phi, V, i, rest, a, u, b, h_t, h, q, stride)
    advance_1_step(phi, V, i + 1, rest, a, u, b, h_t, h, q, stride)
    advance_1_step(phi, V, i + 2, rest, a, u, b, h_t, h, q, stride)
    advance_1_step(phi, V, i + 3, rest, a, u, b, h_t, h, q, stride)
    advance_1_step(phi, V, i + 4, rest, a, u, b, h_t, h, q, stride)
    advance_1_step(phi, V, i + 5, rest, a, u, b, h_t, h, q, stride)
    advance_1_step(phi, V, i + 6, rest, a, u, b, h_t, h, q, stride)
    advance_1_step(phi, V, i + 7, rest, a, u, b, h_t, h, q, stride)


@device
def advance(phi, V, steps, rest, a, u, b, h_t, h, q, stride):
    """Advance by a group of `steps` time steps, of which `rest` are left: 8, 16, 32 or 64."""
    advance_8_steps(phi, V, 0, rest, a, u, b, h_t, h, q, stride)
    if steps > 8:
        advance_8_steps(phi, V, 8, rest, a, u, b, h_t, h, q, stride)
    if steps > 16:
        advance_8_steps(phi, V, 16, rest, a, u, b, h_t, h, q, stride)
        advance_8_steps(phi, V, 24, rest, a, u, b, h_t, h, q, stride)
    if steps > 32:
        advance_8_steps(phi, V, 32, rest, a, u, b, h_t, h, q, stride)
        advance_8_steps(phi, V, 40, rest, a, u, b, h_t, h, q, stride)
        advance_8_steps(phi, V, 48, rest, a, u, b, h_t, h, q, stride)
        advance_8_steps(phi, V, 56, rest, a, u, b, h_t, h, q, stride)


@device
def advance_all(phi, V, steps, n, a, p, u, b, h_t, h, q, stride):
    """Advance by n > 0 time steps, `steps` at a time: a_t is read from position p on, h_t is written from q on."""
    a_ahead, a_now = cuda.local.array(BUFFER, h.dtype), cuda.local.array(BUFFER, h.dtype)
    whole = (n - 1) // steps * steps  # time steps before the last group, which may be shorter
    prefetch(V, steps, n, a, p, stride, a_ahead)
    # No condition stands around the loads in a loop, or ptxas moves them behind the arithmetic.
    for t in range(steps, whole, steps):
        copy_rows(V, steps, a_ahead, a_now)
        prefetch(V, steps, ALL, a, p + t * stride, stride, a_ahead)
        advance(phi, V, steps, ALL, a_now, u, b, h_t, h, q + (t - steps) * stride, stride)
    if whole > 0:
        copy_rows(V, steps, a_ahead, a_now)
        prefetch(V, steps, n - whole, a, p + whole * stride, stride, a_ahead)
        advance(phi, V, steps, ALL, a_now, u, b, h_t, h, q + (whole - steps) * stride, stride)
    advance(phi, V, steps, n - whole, a_ahead, u, b, h_t, h, q + whole * stride, stride)


@device
def prefetch_back(has_dh, V, steps, rest, dh, h, j, p, columns, stride, dh_buffer, h_buffer):
    """Load dh_t from position p on, and h_{t-1}, at `steps` time steps; of the last of `rest`, h_0 at j."""
    if has_dh:
        prefetch(V, steps, rest, dh, p, stride, dh_buffer)
    for i in range(steps):
        load(V, h_buffer, i * V, h, p + columns + (i + 1) * stride if i + 1 < rest else j)


@device
def backprop_1_step(dphi, has_dh, V, i, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride):
    """Store da_t = φ'(h_t) (dh_t + carry), with dh_t from dh[i V : i V + V]; nothing if i >= rest.

    carry becomes u da_t and h_t becomes h_{t-1}, from h_prev. The carry is rounded: the compiler would fuse it with the
    sum of the next time step where it sees both, and the bits would depend on where it cuts a loop.
    """
    zero, one, da_t = da.dtype.type(0), da.dtype.type(1), cuda.local.array(MAX_COLUMNS, da.dtype)
    if i < rest:
        for c in range(V):
            da_t[c] = dphi(h_t[c], zero, one) * ((dh[i * V + c] if has_dh else zero) + carry[c])
            carry[c], h_t[c] = mul_rn(u[c], da_t[c]), h_prev[i * V + c]
            du[c] += da_t[c] * h_t[c]
            db[c] += da_t[c]
        store(V, da, p + i * stride, da_t, 0)


@device
def backprop_4_steps(dphi, has_dh, V, i, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride):
    """Go back by the time steps i to i + 3 of a group."""
    backprop_1_step(dphi, has_dh, V, i, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)
    backprop_1_step(dphi, has_dh, V, i + 1, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)
    backprop_1_step(dphi, has_dh, V, i + 2, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)
    backprop_1_step(dphi, has_dh, V, i + 3, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)


@device
def flush(V, du, db, du64, db64):
    """Add du and db, sums over some time steps, to the float64 sums, and reset them to 0."""
    for c in range(V):
        du64[c] += du[c]
        db64[c] += db[c]
        du[c] = db[c] = du.dtype.type(0)


@device
def flush_at(t, V, du, db, du64, db64):
    """Flush after a multiple of GROUP time steps."""
    if t & (GROUP - 1) == 0:
        flush(V, du, db, du64, db64)


@device
def flush_and_backprop_8_steps(
    dphi, has_dh, V, i, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride, du64, db64
):
    """Add the sums of the time steps before i, and go back by the time steps i to i + 7 of a group."""
    flush(V, du, db, du64, db64)
    backprop_4_steps(dphi, has_dh, V, i, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)
    backprop_4_steps(dphi, has_dh, V, i + 4, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)


@device
def backprop(dphi, has_dh, V, steps, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride, du64, db64):
    """Go back by a group of 4, 8, 16 or 32 time steps, of which `rest` are left. The caller adds the last sums."""
    backprop_4_steps(dphi, has_dh, V, 0, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)
    if steps > 4:
        backprop_4_steps(dphi, has_dh, V, 4, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride)
    for i in range(8, steps, 8):
        flush_and_backprop_8_steps(
            dphi, has_dh, V, i, rest, dh, h_prev, u, carry, h_t, du, db, da, p, stride, du64, db64
        )


@device
def backprop_last_steps(
    dphi, has_dh, V, steps, whole, n, dh, h, j, da, p, columns, stride, dh_ahead, h_ahead, dh_now, h_now, u, carry, h_t,
    du, db, du64, db64,
):  # fmt: skip
    """Go back by the group in dh_ahead and h_ahead, which ends at `whole`, and by the time steps up to n - 1.

    The wide form has no registers for a third copy of the loads: it loads the last time steps one at a time.
    """
    rest, q = n - whole, p + (whole - steps) * stride
    if whole > 0:
        copy_rows(V, steps, dh_ahead, dh_now)
        copy_rows(V, steps, h_ahead, h_now)
        if V == 1:
            next_q = q + steps * stride
            prefetch_back(has_dh, V, steps, rest, dh, h, j, next_q, columns, stride, dh_ahead, h_ahead)
        backprop(dphi, has_dh, V, steps, ALL, dh_now, h_now, u, carry, h_t, du, db, da, q, stride, du64, db64)
        flush_at(whole, V, du, db, du64, db64)
    q = p + whole * stride
    if V == 1:
        backprop(
            dphi, has_dh, V, steps, rest, dh_ahead, h_ahead, u, carry, h_t, du, db, da, q, stride, du64, db64
        )
    else:
        for t in range(rest):
            prefetch_back(has_dh, V, 1, rest - t, dh, h, j, q, columns, stride, dh_now, h_now)
            backprop_1_step(dphi, has_dh, V, 0, ALL, dh_now, h_now, u, carry, h_t, du, db, da, q, stride)
            q += stride


@device
def backprop_all(
    dphi, has_dh, V, steps, dh, h, j, da, p, columns, stride, n, u, carry, h_t, du, db, du64, db64
):
    """Go back by n time steps from position p of dh and da, `steps` at a time, and add up du and db.

    h_t is at p + columns and h_{t-1} at p + columns + stride, but the state before the n time steps is at j.
    """
    dh_ahead, dh_now = cuda.local.array(BUFFER, h.dtype), cuda.local.array(BUFFER, h.dtype)
    h_ahead, h_now = cuda.local.array(BUFFER, h.dtype), cuda.local.array(BUFFER, h.dtype)
    whole = (n - 1) // steps * steps  # time steps before the last group, which may be shorter
    prefetch_back(has_dh, V, steps, n, dh, h, j, p, columns, stride, dh_ahead, h_ahead)
    for t in range(steps, whole, steps):
        copy_rows(V, steps, dh_ahead, dh_now)
        copy_rows(V, steps, h_ahead, h_now)
        prefetch_back(has_dh, V, steps, ALL, dh, h, j, p + t * stride, columns, stride, dh_ahead, h_ahead)
        q = p + (t - steps) * stride
        backprop(dphi, has_dh, V, steps, ALL, dh_now, h_now, u, carry, h_t, du, db, da, q, stride, du64, db64)
        flush_at(t, V, du, db, du64, db64)
    backprop_last_steps(
        dphi, has_dh, V, steps, whole, n, dh, h, j, da, p, columns, stride, dh_ahead, h_ahead, dh_now, h_now, u, carry,
        h_t, du, db, du64, db64,
    )  # fmt: skip
    flush(V, du, db, du64, db64)
