"""Backward pass of the scan over time, in plain NumPy; parallel.py holds the forward pass.

With the carry c_{t-1} = u φ'_t (dh_t + c_t), a chunk of L time steps is an affine map for any φ:

    c_{k+1} = A c_k + B,    A = Π u φ' in float64,    B = the end of the chunk from c = 0

Chunks are counted from the last time step. A column whose map has numbers that are not finite or
exceed LIMIT is computed serially.
"""

from __future__ import annotations

import numpy as np

from . import contract
from .activation import ACTIVATIONS
from .scan import LIMIT, chunk_length, chunks_of, in_order, live_steps, note


# A column may overflow in the map of a chunk; it is then computed serially.
@np.errstate(over="ignore", invalid="ignore")
def backward(
    dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None, report=None, chunk=None
):
    """Return the gradients of the recurrence, by a scan from the last time step to the first.

        da_t = φ'_t ⊙ (dh_t + u ⊙ da_{t+1}),   du = Σ_{t,b} da_t ⊙ h_{t-1},   dh0 = u ⊙ da_1

    Parameters and results are those of `reference.backward`, with two more parameters:

    Parameters
    ----------
    report : dict, optional
        Receives the same entries as in `forward`; the exact columns are those of da.
    chunk : int, optional
        Steps of a chunk, L. By default `scan.chunk_length(T, B·H)`.
    """
    contract.check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, reverse, out)
    contract.check_scan("recurrence.backward", report, chunk)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    L = chunk_length(T, B * H) if chunk is None else chunk
    da = np.empty((T, B, H), h.dtype) if out is None else out
    dh = np.zeros((T, B, H), h.dtype) if dh is None else dh
    slope = ACTIVATIONS[activation].array_dphi(h[1:])
    steps = dh, slope, states_before(h, lengths, reverse), live_steps(T, B, H, lengths), da
    dh, slope, h_prev, live, outputs = in_order(not reverse, *steps)
    u = np.tile(u, B)
    start = np.zeros(B * H, h.dtype) if dhT is None else dhT.reshape(-1)
    A, B_map = compose_gradient(dh, slope, u, live, L)
    c, serial = carry_gradient(A, B_map, start)
    ends, du = replay_gradient(dh, slope, h_prev, u, c, live, L, outputs)
    exact = serial | np.all(ends[:-1] == c[1:], axis=0)
    dh0 = ends[-1]
    part = dh[:, serial], slope[:, serial], h_prev[:, serial], u[serial], start[None, serial], live[:, serial]
    alone = np.empty((T, np.count_nonzero(serial)), h.dtype)
    ends, du[serial] = replay_gradient(*part, max(1, T), alone)
    outputs[:, serial], dh0[serial] = alone, ends[-1]
    note(report, T, L, 1, serial, exact)
    return da, du.reshape(B, H).sum(axis=0).astype(h.dtype), dh0.reshape(B, H)


def states_before(h, lengths, reverse):
    """Return h_{t-1} of each time step (T, B, H); in reverse h_{t+1}, and h0 at a sample's last step."""
    if not reverse:
        return h[:-1]
    T, B = len(h) - 1, h.shape[1]
    last = np.full(B, T - 1) if lengths is None else lengths - 1
    at_last = (np.arange(T)[:, None] == last)[:, :, None]
    return np.where(at_last, h[0], np.concatenate([h[2:], h[:1]])[:T])


def compose_gradient(dh, slope, u, live, L):
    """Return A and B (C, N) of each chunk: the carry c before it becomes A c + B."""
    C, N = chunks_of(dh, L), len(u)
    A, B = np.ones((C, N)), np.zeros((C, N), dh.dtype)
    for i in range(min(L, len(dh))):
        dh_i, slope_i, on = dh[i::L], slope[i::L], live[i::L]
        c = len(dh_i)
        A[:c] = np.where(on, A[:c] * u * slope_i, A[:c])
        B[:c] = np.where(on, u * (slope_i * (dh_i + B[:c])), B[:c])
    return A, B


def carry_gradient(A, B, dhT):
    """Return the carry before each chunk (C, N) in the arrays' dtype, and the columns to compute serially (N,)."""
    c = np.empty(A.shape)
    c[0] = dhT
    for k in range(len(c) - 1):
        c[k + 1] = A[k] * c[k] + B[k]
    safe = np.isfinite(B) & (np.abs(A) <= LIMIT)
    return c.astype(dhT.dtype), ~(np.isfinite(c).all(axis=0) & safe[:-1].all(axis=0))


def replay_gradient(dh, slope, h_prev, u, c, live, L, da):
    """Write da_t of each chunk from its carry c (C, N), and return its end (C, N) and Σ da_t h_{t-1} (N,)."""
    c, sums = c.copy(), np.zeros(c.shape)
    for i in range(min(L, len(dh))):
        dh_i, slope_i, h_prev_i, on = dh[i::L], slope[i::L], h_prev[i::L], live[i::L]
        k = len(dh_i)
        da_i = np.where(on, slope_i * (dh_i + c[:k]), 0)
        da[i::L] = da_i
        c[:k] = np.where(on, u * da_i, c[:k])
        sums[:k] += np.where(on, da_i * h_prev_i, 0)
    return c, sums.sum(axis=0)
