"""Recurrence as a scan over time, in plain NumPy: chunks of time steps do not wait for each other.

Time is cut into C chunks of L steps. A chunk maps the state before it to the state after it.

    compose    find the map of each chunk
    carry      apply the maps in order: the state s_k before each chunk k, in C steps instead of T
    replay     run the recurrence in each chunk from s_k

relu and identity. A step h -> φ(a_t + u h) is monotone and linear between two limits. So is a
chunk, for the states that a step can return:

    s_{k+1} = clip(A s_k + B, min(p, q), max(p, q)),    A = u^L in float64
    B       the end of the chunk without φ, from 0
    p, q    the ends of the chunk, from the least and from the largest value of φ

tanh and sigmoid. Newton's method finds the states s_k (multiple shooting): each pass runs all chunks
from the present s_k to their ends E_k, with the slopes D_k = Π u φ', and then

    s_{k+1} <- E_k + D_k (s_k - its old value)

A column is one neuron of one sample. Columns for which this fails are computed serially: Newton's
method has not converged, or a map has numbers that are not finite or exceed LIMIT. The bits of a
column depend on that column and on L only. parallel_backward.py holds the backward pass.
"""

from __future__ import annotations

import numpy as np

from . import contract
from .activation import ACTIVATIONS
from .parallel_backward import backward
from .scan import LIMIT, PASSES, chunk_length, chunks_of, in_order, live_steps, note

__all__ = ["backward", "forward"]


# A column may overflow in the map of a chunk; it is then computed serially.
@np.errstate(over="ignore", invalid="ignore")
def forward(
    a, u, h0, activation="relu", lengths=None, reverse=False, out=None, report=None, chunk=None
):  # fmt: skip
    """Run the recurrence over all T time steps by a scan.

        h_t = φ(a_t + u ⊙ h_{t-1})

    Parameters and result are those of `reference.forward`, with two more parameters:

    Parameters
    ----------
    report : dict, optional
        Receives "chunk" (L), "chunks" (C), "passes" over all chunks before `replay`, "serial
        columns", and "exact columns": the number of columns with the bits of the serial recurrence.
        They are those in which each chunk ends in exactly the state from which the next one starts.
    chunk : int, optional
        Steps of a chunk, L. By default `scan.chunk_length(T, B·H)`.
    """
    contract.check_forward("recurrence.forward", a, u, h0, activation, lengths, reverse, out)
    contract.check_scan("recurrence.forward", report, chunk)
    T, B, H = a.shape
    L = chunk_length(T, B * H) if chunk is None else chunk
    h = np.empty((T + 1, B, H), a.dtype) if out is None else out
    h[0] = h0
    φ = ACTIVATIONS[activation]
    a, outputs, live = in_order(reverse, a, h[1:], live_steps(T, B, H, lengths))
    u, start = np.tile(u, B), h[0].reshape(-1)
    if φ.limits is None:
        s, passes, serial = shoot(a, u, start, live, L, φ)
    else:
        A, B_map, p, q = compose(a, u, start, live, L, φ)
        s, serial = carry(A, B_map, p, q, start)
        passes = 1
    alone = np.empty((T, np.count_nonzero(serial)), a.dtype)
    replay(a[:, serial], u[serial], start[None, serial], live[:, serial], max(1, T), φ, alone)
    ends = replay(a, u, s, live, L, φ, outputs)
    outputs[:, serial] = alone
    note(report, T, L, passes, serial, serial | np.all(ends[:-1] == s[1:], axis=0))
    return h


def compose(a, u, h0, live, L, φ):
    """Return A, B, p and q (C, N) of each chunk: h -> clip(A h + B, min(p, q), max(p, q)).

    A time step that is not live keeps the state, and a chunk without live steps keeps any state. h0
    may lie outside of φ's range: the chunk with a column's first step computes p = q from h0.
    """
    C, N = chunks_of(a, L), len(u)
    B, live_count = np.zeros((C, N), a.dtype), np.zeros((C, N))
    p, q = (np.full((C, N), limit, a.dtype) for limit in φ.limits)
    p[:, u == 0] = q[:, u == 0] = 0  # the product 0 · ∞ has no value
    k, first = np.arange(C)[:, None], np.argmax(live, axis=0) // L if len(live) else 0
    p, q = (np.where(k == first, h0, x).astype(a.dtype) for x in (p, q))
    for i in range(min(L, len(a))):
        a_i, on = a[i::L], live[i::L]  # step i of each chunk; the last chunk may be shorter
        c = len(a_i)
        B[:c] = np.where(on, a_i + u * B[:c], B[:c])
        p[:c] = np.where(on, φ.array_phi(a_i + u * p[:c]), p[:c])
        q[:c] = np.where(on, φ.array_phi(a_i + u * q[:c]), q[:c])
        live_count[:c] += on
    p[live_count == 0], q[live_count == 0] = -np.inf, np.inf
    return u.astype(np.float64) ** live_count, B, p, q


def carry(A, B, p, q, h0):
    """Return the state before each chunk (C, N) in the arrays' dtype, and the columns to compute serially (N,)."""
    low, high = np.minimum(p, q), np.maximum(p, q)
    s = np.empty(A.shape)
    s[0] = h0
    for k in range(len(s) - 1):
        inside = np.clip(A[k] * s[k] + B[k], low[k], high[k])
        s[k + 1] = np.where(low[k] == high[k], low[k], inside)
    safe = np.isfinite(B) & (np.abs(A) <= LIMIT) | (low == high)
    return s.astype(h0.dtype), ~(np.isfinite(s).all(axis=0) & safe[:-1].all(axis=0))


def shoot(a, u, h0, live, L, φ):
    """Return the states before the chunks (C, N), the number of passes, and the columns to compute serially (N,).

    A column has converged when a pass changes its states by no more than a unit in the last place
    of the largest one. It then keeps them.
    """
    s = np.zeros((chunks_of(a, L), len(u)), a.dtype)
    s[0], done, passes = h0, np.zeros(len(u), bool), 0
    while passes < PASSES and not done.all():
        E, D = slopes(a, u, s, live, L, φ)
        new = s.copy()
        for k in range(len(s) - 1):
            new[k + 1] = E[k] + D[k] * (new[k] - s[k])
        new[:, done] = s[:, done]
        done |= np.abs(new - s).max(axis=0) <= np.finfo(a.dtype).eps * np.abs(new).max(axis=0)
        s, passes = new, passes + 1
    return s, passes, ~done


def slopes(a, u, s, live, L, φ):
    """Return the end E (C, N) of each chunk from s (C, N), and D = ∂E/∂s = Π u φ'."""
    E, D = s.copy(), np.ones_like(s)
    for i in range(min(L, len(a))):
        a_i, on = a[i::L], live[i::L]
        c = len(a_i)
        E[:c] = np.where(on, φ.array_phi(a_i + u * E[:c]), E[:c])
        D[:c] = np.where(on, u * φ.array_dphi(E[:c]) * D[:c], D[:c])
    return E, D


def replay(a, u, s, live, L, φ, outputs):
    """Write h_t of each chunk to outputs (T, N), from its state s (C, N), and return its end (C, N)."""
    state = s.copy()
    for i in range(min(L, len(a))):
        a_i, on = a[i::L], live[i::L]
        c = len(a_i)
        h_i = φ.array_phi(a_i + u * state[:c])
        outputs[i::L] = np.where(on, h_i, 0)
        state[:c] = np.where(on, h_i, state[:c])
    return state
