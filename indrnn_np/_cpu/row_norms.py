"""Compute the squared norm of ∂L/∂h_t for each step of a chunk, without temporary arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import njit


def squares(gradient: np.ndarray) -> np.ndarray:
    """Return Σ_{b,h} gradient_t² for a gradient (steps, B, H), as (steps,) in float64.

    The sums are in float64 because the square of a float32 below 1e-23 underflows.
    """
    return _squares(np.ascontiguousarray(gradient).reshape(len(gradient), -1))


def squares_with_recurrence(
    dh: np.ndarray | None, da: np.ndarray, u: np.ndarray, edge: np.ndarray, left: np.ndarray, reverse: bool
) -> np.ndarray:
    """Return Σ_{b,h} (dh_t + u ⊙ da_{t+1})² for a chunk of an IndRNN, as (steps,) in float64.

    Parameters
    ----------
    dh : array (steps, B, H) or None
        Gradient from the layer above; None is zero.
    da : array (steps, B, H)
        Gradient of the pre-activations.
    u : array (H,)
        Recurrent weights.
    edge : array (B, H)
        da of the step after the chunk; with `reverse`, of the step before it.
    left : array (B,)
        Steps from the start of the chunk to the end of each sample. The gradient is zero beyond it.
    reverse : bool
        Whether the recurrence walks back in time.
    """
    da = np.ascontiguousarray(da)
    has_dh, u = dh is not None, np.ascontiguousarray(u)
    dh = da if dh is None else np.ascontiguousarray(dh)  # da is a placeholder that the kernel ignores
    return _squares_with_recurrence(has_dh, dh, da, u, edge, left, reverse)


@njit
def _squares(rows: Any) -> Any:
    sums = np.zeros(len(rows))
    for t in range(len(rows)):
        row, total = rows[t], 0.0
        for j in range(len(row)):
            total += np.float64(row[j]) * np.float64(row[j])
        sums[t] = total
    return sums


@njit
def _squares_with_recurrence(
    has_dh: Any, dh: Any, da: Any, u: Any, edge: Any, left: Any, reverse: Any
) -> Any:
    steps, B, H = da.shape
    sums = np.zeros(steps)
    for t in range(steps):
        last = t == 0 if reverse else t == steps - 1
        later = edge if last else da[t - 1 if reverse else t + 1]
        total = 0.0
        for b in range(B):
            if t >= left[b]:
                continue
            dh_t, da_later = dh[t, b], later[b]
            for j in range(H):
                gradient = (dh_t[j] if has_dh else 0) + u[j] * da_later[j]
                total += np.float64(gradient) * np.float64(gradient)
        sums[t] = total
    return sums
