"""Classic mistakes in a backward pass, each beside the right one: short NumPy functions to be read and to be checked.

The right ones are those of ops/recurrence, ops/affine and ops/dropout, written shortly. `bugs` (bugs.py) checks them.
dh (T, B, H) is the gradient on the outputs h[1:], dhT (B, H) the one on the last state, slope(h) = φ' from the output.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Slope = Callable[[np.ndarray], np.ndarray]
Gradients = tuple[np.ndarray, ...]


def recurrence(dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope) -> Gradients:
    """The right one: da_t = φ'_t ⊙ (dh_t + u ⊙ da_{t+1}), du = Σ da_t ⊙ h_{t-1}, dh0 = u ⊙ da_1."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)  # h[t + 1] is the output of step t, h[t] its past
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def h0_forgotten(dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope) -> Gradients:
    """The first step's term of du, da_1 ⊙ h_0, is missing."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)
        if t > 0:  # wrong: "there is no state before the first step"
            du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def time_index(dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope) -> Gradients:
    """In du the state is that of the step itself."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)
        du += np.sum(da[t] * h[t + 1], axis=0)  # wrong: u is multiplied by the state before, h[t]
        carry = u * da[t]
    return da, du, carry


def gate_of_step_0(dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope) -> Gradients:
    """One gate for all steps."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    gate = slope(h[1])  # wrong: which units are open changes from step to step
    for t in reversed(range(len(dh))):
        da[t] = gate * (dh[t] + carry)
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def slope_of_step_before(
    dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope
) -> Gradients:
    """φ' is taken from the state of step t - 1."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t]) * (dh[t] + carry)  # wrong: row t is the state before step t
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def carry_forgotten(dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope) -> Gradients:
    """Each step is differentiated for itself, as if the state before it were a constant."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + (dhT if t == len(dh) - 1 else 0))  # wrong: without u ⊙ da[t + 1]
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def assigned(dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope) -> Gradients:
    """Of two gradients that meet at the last step one overwrites the other."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        dh_t = carry if t == len(dh) - 1 else dh[t] + carry  # wrong: the last output may be read as well
        da[t] = slope(h[t + 1]) * dh_t
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def mean_for_sum(dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope) -> Gradients:
    """The gradient of u is averaged over the samples that share it."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)
        du += np.mean(da[t] * h[t], axis=0)  # wrong: dh has been divided by B already, where L is a mean
        carry = u * da[t]
    return da, du, carry


def recurrence_with_lengths(
    dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope, lengths: np.ndarray
) -> Gradients:
    """The right one for samples of several lengths (B,): nothing happens in padding, the carry waits there."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        valid = (t < lengths)[:, None]
        da[t] = np.where(valid, slope(h[t + 1]) * (dh[t] + carry), 0)
        du += np.sum(da[t] * h[t], axis=0)
        carry = np.where(valid, u * da[t], carry)
    return da, du, carry


def padding_not_masked(
    dh: np.ndarray, dhT: np.ndarray, h: np.ndarray, u: np.ndarray, slope: Slope, lengths: np.ndarray
) -> Gradients:
    """The gradient walks through the padding."""
    da, du, carry = np.empty_like(dh), np.zeros_like(u), dhT
    for t in reversed(range(len(dh))):
        da[t] = slope(h[t + 1]) * (dh[t] + carry)  # wrong: what stands behind a sample's end is no output
        du += np.sum(da[t] * h[t], axis=0)
        carry = u * da[t]
    return da, du, carry


def product(dy: np.ndarray, x: np.ndarray, W: np.ndarray) -> Gradients:
    """The right one of y = x Wᵀ: dx = dy W, dW = dyᵀ x."""
    return dy @ W, dy.T @ x


def not_transposed(dy: np.ndarray, x: np.ndarray, W: np.ndarray) -> Gradients:
    """The same matrix there and back."""
    return dy @ W.T, dy.T @ x  # wrong: y = x Wᵀ goes back through W; shapes fit where W is square


def dropout(dy: np.ndarray, rate: float, seed: int) -> Gradients:
    """The right one of y = x ⊙ mask: the mask of the forward pass."""
    mask = np.random.default_rng(seed).random(dy.shape[1:]) >= rate
    return (dy * mask / (1 - rate),)


def mask_drawn_anew(dy: np.ndarray, rate: float, seed: int) -> Gradients:
    """Another mask than the one of the forward pass."""
    mask = np.random.default_rng(seed + 1).random(dy.shape[1:]) >= rate  # wrong: not the forward one
    return (dy * mask / (1 - rate),)
