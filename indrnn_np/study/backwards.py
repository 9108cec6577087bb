"""Classic mistakes in a backward pass as short NumPy functions, with the correct versions.

The correct versions restate ops/recurrence, ops/affine and ops/dropout. `bugs` (bugs.py) checks all
of them. dh (T, B, H) is the gradient of the outputs h[1:], dhT (B, H) that of the last state, and
slope(h) is φ' computed from the output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._types import Array

Slope = Callable[[Array], Array]
Gradients = tuple[Array, ...]


def recurrence(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Correct: da_t = φ'_t ⊙ (dh_t + u ⊙ da_{t+1}), du = Σ da_t ⊙ h_{t-1}, dh0 = u ⊙ da_1."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)  # h[t + 1]: output of step t, h[t]: state before
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def h0_forgotten(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Omit the term of the first step, da_1 ⊙ h_0, from du."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)
        if t > 0:  # wrong: "there is no state before the first step"
            du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def time_index(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Use h_t instead of h_{t-1} in du."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)
        du += np.sum(da[t] * h[t + 1], axis=0)  # wrong: u multiplies the previous state, h[t]
        carry = u * da[t]
    return da, du, carry


def gate_of_step_0(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Use the gate of the first step for all steps."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    gate = slope(h[1])  # wrong: gates change from step to step
    for t in reversed(range(len(dh))):
        da[t] = gate * (dh[t] + carry)
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def slope_of_step_before(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Compute φ' from the state of step t - 1."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t]) * (dh[t] + carry)  # wrong: row t is the state before step t
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def carry_forgotten(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Differentiate each step as if the previous state were a constant."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + (dhT if t == len(dh) - 1 else 0))  # wrong: without u ⊙ da[t + 1]
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def assigned(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Overwrite dh_T with dhT at the last step instead of adding them."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        dh_t = carry if t == len(dh) - 1 else dh[t] + carry  # wrong: the loss may read the last output too
        da[t] = slope(h[t + 1]) * dh_t
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def mean_for_sum(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope) -> Gradients:
    """Average the gradient of u over the samples instead of summing it."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)
        du += np.mean(da[t] * h[t], axis=0)  # wrong: if L is a mean, dh is divided by B already
        carry = u * da[t]
    return da, du, carry


def recurrence_with_lengths(
    dh: Array, dhT: Array, h: Array, u: Array, slope: Slope, lengths: Array
) -> Gradients:
    """Correct for samples with lengths (B,): padding does not change the carry."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        valid = (t < lengths)[:, None]
        da[t] = np.where(valid, slope(h[t + 1]) * (dh[t] + carry), 0)
        du += np.sum(da[t] * h[t], axis=0)
        carry = np.where(valid, u * da[t], carry)
    return da, du, carry


def padding_not_masked(dh: Array, dhT: Array, h: Array, u: Array, slope: Slope, lengths: Array) -> Gradients:
    """Propagate the gradient through the padding."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)  # wrong: steps beyond a sample's length have no gradient
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def product(dy: Array, x: Array, W: Array) -> Gradients:
    """Correct for y = x Wᵀ: dx = dy W, dW = dyᵀ x."""
    return dy @ W, dy.T @ x


def not_transposed(dy: Array, x: Array, W: Array) -> Gradients:
    """Apply Wᵀ in the backward pass too."""
    return dy @ W.T, dy.T @ x  # wrong: dx = dy W; the shapes fit because W is square


def dropout(dy: Array, rate: float, seed: int) -> Gradients:
    """Correct for y = x ⊙ mask: use the mask of the forward pass."""
    mask = np.random.default_rng(seed).random(dy.shape[1:]) >= rate
    return (dy * mask / (1 - rate),)


def mask_drawn_anew(dy: Array, rate: float, seed: int) -> Gradients:
    """Draw a new mask instead of using the mask of the forward pass."""
    mask = np.random.default_rng(seed + 1).random(dy.shape[1:]) >= rate  # wrong: another seed
    return (dy * mask / (1 - rate),)
