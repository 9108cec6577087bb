"""Compiled twin of parallel.py: threads share the chunks of time.

Numbers of chunks are arrays (C, N): a row for each chunk, a column for each neuron of each sample.
A kernel of parallel_cpu_kernels.py computes the chunks k0 to k1, each time step as a flat row of N
numbers, which vectorises. The replay of the backward pass is a serial walk of cpu.py.
"""

from __future__ import annotations

import copy

import numpy as np

from ... import _check
from ..._cpu.arrays import empty, empty_like, zeros
from ..._cpu.threads import parallel_for
from . import contract, cpu, parallel_lanes, scan
from . import parallel_cpu_kernels as kernels
from .activation import ACTIVATIONS
from .cpu import BackwardPass, ForwardPass, flat
from .steps import flush


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None, report=None, chunk=None):
    """Twin of parallel.forward."""
    contract.check_forward("recurrence.forward", a, u, h0, activation, lengths, reverse, out)
    contract.check_scan("recurrence.forward", report, chunk)
    _check.floats("recurrence.forward", a=a)
    T, B, H = a.shape
    L = scan.chunk_length(T, B * H) if chunk is None else chunk
    if L >= T:
        scan.note(report, T, L, 1, np.zeros(B * H, bool), np.ones(B * H, bool))
        return cpu.forward(a, u, h0, activation, lengths, reverse, out)
    h = empty((T + 1, B, H), a.dtype) if out is None else out
    h[0] = h0
    walk = ForwardPass(h, u, np.zeros_like(u), activation, lengths, reverse)
    find = shoot if ACTIVATIONS[activation].limits is None else compose
    s, passes, serial = find(walk, flat(a), L)
    columns = []  # computed before the replay overwrites a
    for b, n, lengths_b in columns_of(serial.reshape(B, H), lengths):
        columns.append(
            (b, n, cpu.forward(pick(a, b, n), u[n], pick(h0, b, n), activation, lengths_b, reverse))
        )
    ends = s.copy()
    over_chunks(walk, "replay", L, len(s), flat(a), ends)
    for b, n, h_b in columns:
        h[1:, b, n] = h_b[1:, 0]
    scan.note(report, T, L, passes, serial, serial | (ends[:-1] == s[1:]).all(axis=0))
    return h


def compose(walk, a, L):
    """Return the states before the chunks (C, N), one pass, and the columns to compute serially (N,)."""
    edges, ends = walk.whole
    C, N = scan.chunks_of(a, L), len(walk.u)
    live = zeros((C, len(ends)), np.int64)
    B, p, q = empty((3, C, N), a.dtype)
    over_chunks(walk, "compose", L, C - 1, a, live, B, p, q)  # the map of the last chunk is not needed
    A = walk.u.astype(np.float64) ** np.repeat(live, np.diff(edges), axis=1)
    s, serial = empty((C, N), a.dtype), np.zeros(N, bool)
    kernels.carry(A, B, p, q, walk.h[0], s, serial, scan.LIMIT)
    return s, 1, serial


def shoot(walk, a, L):
    """Return the states before the chunks (C, N), the passes, and the columns to compute serially (N,)."""
    C, N = scan.chunks_of(a, L), len(walk.u)
    s, E, D = zeros((C, N), a.dtype), empty((C, N), a.dtype), empty((C, N), a.dtype)
    s[0], done, passes = walk.h[0], np.zeros(N, bool), 0
    while passes < scan.PASSES and not done.all():
        over_chunks(walk, "slopes", L, C - 1, a, s, E, D)
        kernels.correct(E, D, s, done, np.finfo(a.dtype).eps)
        passes += 1
    return s, passes, ~done


def backward(
    dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None, report=None, chunk=None
):
    """Twin of parallel.backward."""
    contract.check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, reverse, out)
    contract.check_scan("recurrence.backward", report, chunk)
    _check.floats("recurrence.backward", h=h)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    L = scan.chunk_length(T, B * H) if chunk is None else chunk
    if L >= T:
        scan.note(report, T, L, 1, np.zeros(B * H, bool), np.ones(B * H, bool))
        return cpu.backward(dh, h, u, dhT, activation, lengths, reverse, out)
    da = empty_like(h[1:]) if out is None else out
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    c, serial = compose_gradient(walk, dh, L)
    ends, total = replay_gradient(walk, dh, da, c, L)
    du, dh0 = total[0].reshape(B, H), ends[-1].reshape(B, H).copy()
    for b, n, lengths_b in columns_of(serial.reshape(B, H), lengths):
        dh_b, h_b, dhT_b = pick(dh, b, n), pick(h, b, n), pick(dhT, b, n)
        da_b, du[b, n], dh0_b = cpu.backward(dh_b, h_b, u[n], dhT_b, activation, lengths_b, reverse)
        da[:, b, n], dh0[b, n] = da_b[:, 0], dh0_b[0]
    scan.note(report, T, L, 1, serial, serial | (ends[:-1] == c[1:]).all(axis=0))
    return da, du.sum(axis=0).astype(h.dtype), dh0


def compose_gradient(walk, dh, L):
    """Return the carry before each chunk (C, N), and the columns to compute serially (N,)."""
    C, N = scan.chunks_of(walk.h[1:], L), len(walk.u)
    A, B, c = empty((C, N), np.float64), empty((C, N), walk.h.dtype), empty((C, N), walk.h.dtype)
    dh_flat = walk.h if dh is None else flat(dh)  # a placeholder without dh
    kernel, (edges, ends) = kernels.compose_gradient(walk.activation, dh is not None), walk.whole

    def run(k0, k1):
        kernel(walk.h, walk.u, edges, ends, L, k0, k1, walk.reverse, dh_flat, A, B)

    parallel_for(C - 1, walk.h.size, run, grain=1)
    serial = np.zeros(N, bool)
    kernels.carry_gradient(A, B, walk.carry, c, serial, scan.LIMIT)
    return c, serial


def replay_gradient(walk, dh, da, c, L):
    """Fill da, and return the carry after each chunk (C, N) and the sums for du and db (2, N) in float64."""
    ends, C = c.copy(), len(c)
    partial, total = zeros((C, *walk.partial.shape), c.dtype), zeros((C, *walk.total.shape), np.float64)

    def run(k0, k1):
        for k in range(k0, k1):
            t0, t1 = k * L, min(walk.T, (k + 1) * L)  # counted from the last time step
            t0, t1 = (t0, t1) if walk.reverse else (walk.T - t1, walk.T - t0)
            part = copy.copy(walk)
            part.carry, part.partial, part.total = ends[k], partial[k], total[k]
            part.run(t0, t1, 0, walk.B, dh, da)
            flush(partial[k], total[k])

    parallel_for(C, walk.h.size, run, grain=1)
    return ends, total.sum(axis=0)


def over_chunks(walk, name, L, C, *arrays):
    """Call the kernel of a name for the first C chunks of a walk; the threads of the pool share them.

    Chunks of a single column run in lanes (parallel_lanes.py), as far as they fill a vector.
    """
    edges, ends = walk.whole
    width = parallel_lanes.width_for(walk, L)
    in_lanes = walk.T // L // width * width if width else 0

    def run(kernel, first, count, grain):
        def part(k0, k1):
            kernel(walk.h, walk.u, edges, ends, L, first + k0, first + k1, walk.reverse, *arrays)

        parallel_for(count, walk.h.size, part, grain)

    if in_lanes:
        run(getattr(parallel_lanes, name)(walk.activation, width), 0, in_lanes, width)
    run(getattr(kernels, name)(walk.activation), in_lanes, max(0, C - in_lanes), 1)


def columns_of(serial, lengths):
    """Yield the sample, the neurons and the lengths (1,) of the columns that are computed serially (B, H)."""
    for b in np.flatnonzero(serial.any(axis=1)):
        yield b, np.flatnonzero(serial[b]), None if lengths is None else lengths[b : b + 1]


def pick(array, b, n):
    """Return neurons n of sample b of an array (..., B, H) or None, as a new array (..., 1, neurons)."""
    return None if array is None else np.ascontiguousarray(array[..., b : b + 1, n])
