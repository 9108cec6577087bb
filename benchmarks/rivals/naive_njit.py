"""numba as a beginner writes it, kept as a baseline: `@njit` on a plain loop, fresh arrays, one thread.

Two forms: everything in the loop, and only the recurrence, with the products left to NumPy.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from indrnn_np._about import blas
from indrnn_np.bench.cases import Case
from indrnn_np.bench.layer import Data
from indrnn_np.bench.timing import RIVAL, Candidate, LeftOut

Found = tuple[np.ndarray, dict[str, np.ndarray]]
MOST = 3e9  # multiplications of each of the three products: beyond, a call takes many seconds


def candidates(case: Case, data: Data, threads: int) -> dict[str, Candidate | LeftOut]:
    """Both forms."""
    one = "the loop runs on one thread" if threads > 1 else ""
    whole: Candidate | LeftOut = LeftOut("loops instead of a BLAS would take many seconds a call")
    if case.T * case.B * case.D * case.H <= MOST:
        whole = Candidate(lambda: by_loops(data), RIVAL, "none, numba's loops", gradients=by_loops, note=one)
    mixed = Candidate(lambda: with_products(data), RIVAL, blas(), gradients=with_products, note=one)
    return {"naive njit": whole, "naive njit, products by NumPy": mixed}


def by_loops(data: Data) -> Found:
    """Everything in one loop forward and one backward."""
    d = data
    h = forward(d.x, d.W, d.u, d.b, d.h0)
    dx, dW, du, db = backward(d.dh, d.x, h, d.W, d.u)
    return h[1:], {"x": dx, "W": dW, "u": du, "b": db}


def with_products(data: Data) -> Found:
    """The recurrence as a loop, the products by NumPy."""
    d = data
    h = scan(d.x @ d.W.T + d.b, d.u, d.h0)
    da, du = scan_back(d.dh, h, d.u)
    rows, x = da.reshape(-1, da.shape[2]), d.x.reshape(-1, d.x.shape[2])
    dx, dW, db = da @ d.W, rows.T @ x, rows.sum(axis=0)
    return h[1:], {"x": dx, "W": dW, "u": du, "b": db}


@njit
def forward(x, W, u, b, h0):
    T, B, D = x.shape
    H = len(u)
    h = np.empty((T + 1, B, H), x.dtype)
    h[0] = h0
    for t in range(T):
        for i in range(B):
            for n in range(H):
                a = b[n] + u[n] * h[t, i, n]
                for d in range(D):
                    a += W[n, d] * x[t, i, d]
                h[t + 1, i, n] = max(a, 0)
    return h


@njit
def backward(dh, x, h, W, u):
    T, B, D = x.shape
    H = len(u)
    dx, dW, du, db = np.zeros_like(x), np.zeros_like(W), np.zeros_like(u), np.zeros_like(u)
    carry = np.zeros_like(dh[0])
    for t in range(T - 1, -1, -1):
        for i in range(B):
            for n in range(H):
                if h[t + 1, i, n] > 0:
                    da = dh[t, i, n] + carry[i, n]
                    for d in range(D):
                        dx[t, i, d] += da * W[n, d]
                        dW[n, d] += da * x[t, i, d]
                    du[n] += da * h[t, i, n]
                    db[n] += da
                    carry[i, n] = u[n] * da
                else:
                    carry[i, n] = 0
    return dx, dW, du, db


@njit
def scan(a, u, h0):
    T, B, H = a.shape
    h = np.empty((T + 1, B, H), a.dtype)
    h[0] = h0
    for t in range(T):
        for i in range(B):
            for n in range(H):
                h[t + 1, i, n] = max(a[t, i, n] + u[n] * h[t, i, n], 0)
    return h


@njit
def scan_back(dh, h, u):
    T, B, H = dh.shape
    da, du = np.zeros_like(dh), np.zeros_like(u)
    carry = np.zeros_like(dh[0])
    for t in range(T - 1, -1, -1):
        for i in range(B):
            for n in range(H):
                if h[t + 1, i, n] > 0:
                    da[t, i, n] = dh[t, i, n] + carry[i, n]
                    du[n] += da[t, i, n] * h[t, i, n]
                carry[i, n] = u[n] * da[t, i, n]
    return da, du
