"""Kernels of parallel_cpu.py: chunks k0 to k1 of the scan over time, and the steps from chunk to chunk.

Chunk k holds L time steps, in the order in which the pass computes them. `edges` and `ends` are the
blocks of columns and their numbers of time steps (cpu.Pass). A thread owns its chunks. Operations
round as written: equal lines of two kernels give equal bits.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..._cpu.jit import AS_WRITTEN, njit
from .activation import ACTIVATIONS

INFINITY = math.inf


@functools.cache
def compose(activation):
    """Return a kernel for B, p and q of each chunk: the map h -> clip(A h + B, p, q), A = u^live.

    Reads a; 1 word an element.
    """
    phi, (low, high) = ACTIVATIONS[activation].phi, ACTIVATIONS[activation].limits or (-INFINITY, INFINITY)

    @njit(rounding=AS_WRITTEN)
    def kernel(h, u, edges, ends, L, k0, k1, reverse, a, live, B, p, q):
        zero, one, T = h.dtype.type(0), h.dtype.type(1), len(h) - 1
        for k in range(k0, k1):
            begin(h, u, edges, ends, L, k, reverse, low, high, B, p, q)
            for i in range(k * L, min(T, k * L + L)):
                t = T - 1 - i if reverse else i
                for s in range(len(ends)):
                    if t >= ends[s]:
                        continue
                    live[k, s] += 1
                    j0, j1 = edges[s], edges[s + 1]
                    a_t, u_s, B_k, p_k, q_k = a[t, j0:j1], u[j0:j1], B[k, j0:j1], p[k, j0:j1], q[k, j0:j1]
                    for j in range(len(a_t)):
                        B_k[j] = a_t[j] + u_s[j] * B_k[j]
                        p_k[j] = phi(a_t[j] + u_s[j] * p_k[j], zero, one)
                        q_k[j] = phi(a_t[j] + u_s[j] * q_k[j], zero, one)
            for s in range(len(ends)):
                if live[k, s] == 0:  # keeps any state
                    p[k, edges[s] : edges[s + 1]], q[k, edges[s] : edges[s + 1]] = -INFINITY, INFINITY

    return kernel


@njit(rounding=AS_WRITTEN)
def begin(h, u, edges, ends, L, k, reverse, low, high, B, p, q):
    """Write B, p and q of chunk k before its first time step, for φ between low and high.

    The chunk with a column's first step computes p = q from h0.
    """
    zero, T = h.dtype.type(0), len(h) - 1
    for s in range(len(ends)):
        first = (T - ends[s]) // L if reverse else 0
        for j in range(edges[s], edges[s + 1]):
            B[k, j] = zero
            p[k, j], q[k, j] = (zero, zero) if u[j] == zero else (low, high)
            if k == first:
                p[k, j] = q[k, j] = h[0, j]


@njit(rounding=AS_WRITTEN)
def carry(A, B, p, q, h0, s, serial, limit):
    """Fill the state s (C, N) before each chunk, and set `serial` of the columns to compute serially."""
    for j in range(len(h0)):
        state = np.float64(h0[j])
        s[0, j], serial[j] = h0[j], not np.isfinite(state)
        for k in range(len(s) - 1):
            low, high = min(p[k, j], q[k, j]), max(p[k, j], q[k, j])
            inside = A[k, j] * state + B[k, j]
            state = min(max(inside, np.float64(low)), np.float64(high))
            if low == high:
                state = np.float64(low)
            elif not (np.isfinite(B[k, j]) and abs(A[k, j]) <= limit):
                serial[j] = True
            if not np.isfinite(state):
                serial[j] = True
            s[k + 1, j] = state


@functools.cache
def slopes(activation):
    """Return a kernel for the end E of each chunk from its state s, and D = ∂E/∂s. Reads a; 1 word an element."""
    phi, dphi = ACTIVATIONS[activation].phi, ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def kernel(h, u, edges, ends, L, k0, k1, reverse, a, s, E, D):
        zero, one, T = h.dtype.type(0), h.dtype.type(1), len(h) - 1
        for k in range(k0, k1):
            E[k], D[k] = s[k], one
            for i in range(k * L, min(T, k * L + L)):
                t = T - 1 - i if reverse else i
                for b in range(len(ends)):
                    if t >= ends[b]:
                        continue
                    j0, j1 = edges[b], edges[b + 1]
                    a_t, u_b, E_k, D_k = a[t, j0:j1], u[j0:j1], E[k, j0:j1], D[k, j0:j1]
                    for j in range(len(a_t)):
                        E_k[j] = phi(a_t[j] + u_b[j] * E_k[j], zero, one)
                        D_k[j] = u_b[j] * dphi(E_k[j], zero, one) * D_k[j]

    return kernel


@njit(rounding=AS_WRITTEN)
def correct(E, D, s, done, eps):
    """Correct the states s (C, N) of the columns that are not done, and set done[j] if column j has converged.

    s_{k+1} becomes E_k + D_k (s_k - its old value).
    """
    for j in range(len(done)):
        if done[j]:
            continue
        change, largest, difference = 0.0, abs(np.float64(s[0, j])), s.dtype.type(0)
        for k in range(len(s) - 1):
            old = s[k + 1, j]
            s[k + 1, j] = E[k, j] + D[k, j] * difference
            difference = s[k + 1, j] - old
            size, moved = abs(np.float64(s[k + 1, j])), abs(np.float64(difference))
            change = moved if moved > change or moved != moved else change  # NaN stays
            largest = size if size > largest else largest
        done[j] = change <= eps * largest and np.isfinite(largest)


@functools.cache
def replay(activation):
    """Return a kernel for h[t+1] = φ(a[t] + u h) of each chunk from `state`, which becomes the chunk's end.

    Moves 2 words an element. `a` may be h[1:]: a loop reads a or writes h, or it would not vectorise.
    """
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def kernel(h, u, edges, ends, L, k0, k1, reverse, a, state):
        zero, one, T = h.dtype.type(0), h.dtype.type(1), len(h) - 1
        for k in range(k0, k1):
            for i in range(k * L, min(T, k * L + L)):
                t = T - 1 - i if reverse else i
                for b in range(len(ends)):
                    j0, j1 = edges[b], edges[b + 1]
                    a_t, h_t, u_b, state_k = a[t, j0:j1], h[t + 1, j0:j1], u[j0:j1], state[k, j0:j1]
                    if t >= ends[b]:
                        h_t[:] = zero
                        continue
                    for j in range(len(h_t)):
                        state_k[j] = phi(a_t[j] + u_b[j] * state_k[j], zero, one)
                    h_t[:] = state_k

    return kernel


@functools.cache
def compose_gradient(activation, has_dh):
    """Return a kernel for A and B of each chunk: the carry c before it becomes A c + B.

    Reads dh and h; 2 words an element.
    """
    dphi = ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def kernel(h, u, edges, ends, L, k0, k1, reverse, dh, A, B):
        zero, one, T = h.dtype.type(0), h.dtype.type(1), len(h) - 1
        for k in range(k0, k1):
            A[k], B[k] = 1.0, zero
            for i in range(k * L, min(T, k * L + L)):
                t = i if reverse else T - 1 - i
                for b in range(len(ends)):
                    if t >= ends[b]:
                        continue
                    j0, j1 = edges[b], edges[b + 1]
                    h_t, u_b, A_k, B_k = h[t + 1, j0:j1], u[j0:j1], A[k, j0:j1], B[k, j0:j1]
                    dh_t = dh[t, j0:j1]
                    for j in range(len(h_t)):
                        slope = dphi(h_t[j], zero, one)
                        A_k[j] = A_k[j] * u_b[j] * slope
                        B_k[j] = u_b[j] * (slope * (dh_t[j] + B_k[j] if has_dh else B_k[j]))

    return kernel


@njit(rounding=AS_WRITTEN)
def carry_gradient(A, B, dhT, c, serial, limit):
    """Fill the carry c (C, N) before each chunk, and set `serial` of the columns to compute serially."""
    for j in range(len(dhT)):
        state = np.float64(dhT[j])
        c[0, j], serial[j] = dhT[j], not np.isfinite(state)
        for k in range(len(c) - 1):
            state = A[k, j] * state + B[k, j]
            c[k + 1, j] = state
            if not (np.isfinite(B[k, j]) and abs(A[k, j]) <= limit and np.isfinite(state)):
                serial[j] = True
