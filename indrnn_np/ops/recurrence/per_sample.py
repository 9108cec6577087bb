"""Backward pass of the recurrence with separate sums for each sample, in plain NumPy."""

from __future__ import annotations

import numpy as np

from .reference import backward, previous


def sample_gradients(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False):
    """Return da, and the gradients of u and of a bias for each sample.

        du[b] = Σ_t da_t[b] ⊙ h_{t-1}[b],   db[b] = Σ_t da_t[b]

    Parameters
    ----------
    dh : array (T, B, H) or None
        Gradient of the outputs h[1:]. None means zero.
    h : array (T+1, B, H)
        States that `forward` returned.
    u : array (H,)
        Recurrent weights.
    dhT : array (B, H), optional
        Gradient of the last state of each sample.
    activation : str
        A name in ACTIVATIONS (activation.py).
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.

    Returns
    -------
    da : array (T, B, H)
        Gradient of a.
    du, db, dh0 : array (B, H)
        Gradients of u, a bias, and the initial state, of each sample.
    """
    da, _, dh0 = backward(dh, h, u, dhT, activation, lengths, reverse)
    wide = np.result_type(h.dtype, np.float64)
    du = np.sum(da * previous_states(h, lengths, reverse), axis=0, dtype=wide).astype(h.dtype)
    return da, du, np.sum(da, axis=0, dtype=wide).astype(h.dtype), dh0


def previous_states(h, lengths=None, reverse=False):
    """Return h_{t-1} (T, B, H) of each time step, with zeros after the end of a sample."""
    if not reverse and lengths is None:
        return h[:-1]
    T, B = h.shape[0] - 1, h.shape[1]
    ends = np.full(B, T) if lengths is None else lengths
    rows = [np.where((t < ends)[:, None], previous(h, t, ends, reverse), 0) for t in range(T)]
    return np.stack(rows) if rows else h[:0]
