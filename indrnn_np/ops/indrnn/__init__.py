"""The whole cell: the input projection of all steps, and the recurrence.

    forward     h_t = φ(W x_t + u ⊙ h_{t-1} + b)                    Li et al. 2018, arXiv:1803.04831, eq. 2
    backward    da from the recurrence (see ops/recurrence), then
                dx_t = Wᵀ da_t,   dW = Σ_t da_tᵀ x_t,   db = Σ_{t,b} da_t

The reference composes the two operations. The cpu twin goes through time in chunks: the product of a chunk
is written into the state buffer and the recurrence runs over it in place while it is in cache; backwards
the gradient of the pre-activation exists for one chunk only. The cuda twin does the same with all of time as one
chunk. `probe(t0, t1, dh, da)`, if given to backward, is called for every chunk with the gradient on its outputs (None
if there was none) and on its pre-activations, in walking order; on the calling thread, unless a true attribute
`any_thread` says that it may be called on others. With `norm`, which cuda does not take, the cell reads x̃ (Norm) in
place of x, and dx is the gradient on what the mask multiplies: on batch norm's output.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Norm(NamedTuple):
    """What stands between one layer's output x (T, B, D) and the next one's input, if it is not written out.

        x̃ = mask ⊙ ((x - mean) ⊙ factor + shift)

    Batch normalisation with dropout behind it (ops/batchnorm, ops/dropout), as the cell can do it chunk by chunk.
    mean, factor, shift (D,); mask (B, D) or None.
    """

    mean: np.ndarray
    factor: np.ndarray
    shift: np.ndarray
    mask: np.ndarray | None = None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """x̃, in plain NumPy."""
        y = (x - self.mean) * self.factor + self.shift
        return y if self.mask is None else y * self.mask


TWINS = ("reference", "cpu", "cuda")
