"""The squared norm of ∂L/∂h_t for each step of a chunk, in one pass and without an array besides."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._numba import njit


def squares(whole: np.ndarray) -> np.ndarray:
    """Σ_{b,h} whole_t² for whole (steps, B, H), (steps,) in float64: float32 squares would vanish below 1e-23."""
    return _squares(np.ascontiguousarray(whole).reshape(len(whole), -1))


def squares_with_recurrence(
    dh: np.ndarray | None, da: np.ndarray, u: np.ndarray, edge: np.ndarray, left: np.ndarray, reverse: bool
) -> np.ndarray:
    """Σ_{b,h} (dh_t + u ⊙ da_{t+1})² for a chunk of steps of an IndRNN, (steps,) in float64.

    dh     (steps, B, H): what arrives from above; None: nothing
    da     (steps, B, H): the gradient on the pre-activations
    u      (H,)
    edge   (B, H): da of the step that comes after the chunk in walking order; with `reverse` that is before it in time
    left   (B,): steps from the chunk's first one to each sample's end; what comes after it counts as zero
    """
    da = np.ascontiguousarray(da)
    above = da if dh is None else np.ascontiguousarray(dh)
    return _squares_with_recurrence(dh is not None, above, da, np.ascontiguousarray(u), edge, left, reverse)


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
            above, carried = dh[t, b], later[b]
            for j in range(H):
                whole = (above[j] if has_dh else 0) + u[j] * carried[j]
                total += np.float64(whole) * np.float64(whole)
        sums[t] = total
    return sums
