"""CUDA twin of parallel_backward.py: the backward pass of the scan over time, in one launch or in three, and a sum."""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda import arrays
from ..._cuda.arrays import ends_of
from ..._cuda.launch import kernel, on_device
from ..._cuda.reduction import launch_columns
from ..._cuda.target import cuda
from ..._cuda.vector_access import MAX_COLUMNS, owned_columns, store_zeros
from . import contract, single_pass, single_pass_backward
from .activation import ACTIVATIONS
from .cuda_steps import DPHI, GROUP, backprop_all
from .cuda_sums import sum_kernel
from .parallel_cuda_kernels import carry_kernel, equal_ends
from .parallel_cuda_steps import GRADIENT_STEPS, STATE, gradient_step, steps_of, walk
from .scan import chunks_of, note


def backward(
    dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None, report=None, chunk=None
):
    """Twin of parallel.backward."""
    where = "recurrence.backward"
    on_device(where, dh=dh, h=h, u=u, dhT=dhT, out=out)
    contract.check_backward(where, dh, h, u, dhT, activation, lengths, reverse, out)
    contract.check_scan(where, report, chunk)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    L = single_pass.chosen_length(T, B * H, 2) if chunk is None else chunk
    da = arrays.empty_like(h[1:]) if out is None else out
    if single_pass.serves(L, B * H, h.dtype, 2):
        du, dh0, *boundaries = single_pass_backward.launch(dh, h, u, dhT, da, activation, lengths, reverse, L)
        if report is not None:
            note(report, T, L, 1, *single_pass.serial_and_exact(*boundaries))
        return da, du, dh0
    du, dh0, c, finals, passes = launch_backward(dh, h, u, dhT, da, activation, lengths, reverse, L)
    if report is not None:
        serial = passes.to_host() == 0
        note(report, T, L, 1, serial, serial | equal_ends(c, finals))
    return da, du, dh0


def launch_backward(dh, h, u, dhT, da, activation, lengths, reverse, L):
    """Fill da (T, B, H) in chunks of L time steps. dh and dhT may be None.

    Returns du (H,), dh0 (B, H), the carries before the chunks (C, B, H), those after them, and `passes (B·H,)`.
    """
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    C, columns, has_dh, has_dhT = chunks_of(h[1:], L), B * H, dh is not None, dhT is not None
    products, maps = arrays.empty((C - 1) * columns, np.float64), arrays.empty((C - 1) * columns, h.dtype)
    c, finals = (arrays.empty((C, B, H), h.dtype) for _ in range(2))
    dh0, passes = arrays.empty((B, H), h.dtype), arrays.empty(columns, np.int32)
    du, db = arrays.empty(H, h.dtype), arrays.empty(H, h.dtype)
    sums = arrays.empty(2 * C * columns, np.float64)
    dh, dhT = dh if has_dh else da, dhT if has_dhT else dh0  # placeholders; the kernels ignore them
    steps = dh.flat, h.flat, T, min(L, max(1, T)), C, columns, u, ends_of(lengths, T, B), reverse
    compose_gradient_kernel(activation, has_dh)((C - 1) * columns, *steps, products, maps)
    carry_kernel(False, has_dhT)(columns, products, maps, dhT.flat, C, columns, c.flat, passes)
    replay = replay_gradient_kernel(activation, has_dh)
    replay(C * columns, *steps, c.flat, passes, da.flat, finals.flat, dh0.flat, sums)
    launch_columns(sum_kernel, H, C * B, sums, C * B, H, du, db)
    return du, dh0, c, finals, passes


@functools.cache
def compose_gradient_kernel(activation, has_dh):
    """Map c -> A c + B of each chunk but the last, counted from the last time step: A = Π u φ' in float64.

    A thread owns one column of one chunk. It moves 2 words an element: it reads dh and h.
    """
    step = gradient_step(activation, has_dh)

    @kernel(
        GRADIENT_STEPS + "float64[::1], real[::1]",
        f"recurrence.scan.compose_gradient[{activation}, dh={has_dh}]",
    )
    def compose_gradient(dh, h, T, L, chunks, columns, u, ends, reverse, products, maps):
        g = cuda.grid(1)
        if g >= (chunks - 1) * columns:
            return
        j = g % columns
        first, m, _ = steps_of(g // columns, L, T, ends[j // u.size], not reverse)
        state, product = cuda.local.array(STATE, h.dtype), cuda.local.array(1, np.float64)
        state[0], product[0] = 0, 1.0
        if m > 0:
            p = (first if reverse else first + m - 1) * columns + j
            stride = columns if reverse else -columns
            walk(step, has_dh, m, h, p + columns, dh, p, stride, u[j % u.size], state, product)
        products[g], maps[g] = product[0], state[0]

    return compose_gradient


@functools.cache
def replay_gradient_kernel(activation, has_dh):
    """da[t] = φ'(h[t+1]) (dh[t] + c), c <- u da[t] in each chunk from its carry c; sums for du and db as in cuda.py.

    A thread owns one column of one chunk, or of all time steps if `passes` is 0. It moves 3 words an element: it reads
    dh and h and writes da. `finals` receives its last carry; the last one of a column is dh0.
    """
    dphi, wide = DPHI[activation], False

    @kernel(GRADIENT_STEPS + "real[::1], int32[::1], real[::1], real[::1], real[::1], float64[::1]",
            f"recurrence.scan.replay_gradient[{activation}, dh={has_dh}]")  # fmt: skip
    def replay_gradient(dh, h, T, L, chunks, columns, u, ends, reverse, c, passes, da, finals, dh0, sums):
        g = cuda.grid(1)
        if g >= chunks * columns:
            return
        j, V, serial = g % columns, owned_columns(wide, h), passes[g % columns] == 0
        if serial and g >= columns:
            finals[g], sums[g], sums[chunks * columns + g] = 0, 0.0, 0.0
            return
        first, m, padding = steps_of(g // columns, T if serial else L, T, ends[j // u.size], not reverse)
        u_j, h_t = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
        carry = cuda.local.array(MAX_COLUMNS, h.dtype)
        du, db = cuda.local.array(MAX_COLUMNS, h.dtype), cuda.local.array(MAX_COLUMNS, h.dtype)
        du64, db64 = cuda.local.array(MAX_COLUMNS, np.float64), cuda.local.array(MAX_COLUMNS, np.float64)
        u_j[0], carry[0], du[0], db[0], du64[0], db64[0] = u[j % u.size], c[g], 0, 0, 0.0, 0.0
        if m > 0:
            stride, t = (columns, first) if reverse else (-columns, first + m - 1)
            p = t * columns + j
            begins = reverse and first + m == ends[j // u.size]  # the state before its first step is in row 0
            h_t[0] = h[p + columns]
            backprop_all(
                dphi, has_dh, V, GROUP, dh, h, j if begins else p + columns + m * stride, da, p, columns, stride, m,
                u_j, carry, h_t, du, db, du64, db64,
            )  # fmt: skip
        finals[g], sums[g], sums[chunks * columns + g] = carry[0], du64[0], db64[0]
        if serial or g >= (chunks - 1) * columns:
            dh0[j] = carry[0]
        store_zeros(V, da, (first + m) * columns + j, columns, padding, h_t)

    return replay_gradient


def kernels():
    """Yield every kernel of the backward pass in every variant."""
    yield from (carry_kernel(False, has_start) for has_start in (False, True))
    for activation in ACTIVATIONS:
        for has_dh in (False, True):
            yield compose_gradient_kernel(activation, has_dh)
            yield replay_gradient_kernel(activation, has_dh)
    yield from single_pass_backward.kernels()
