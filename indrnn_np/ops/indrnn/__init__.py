"""IndRNN cell: the input projection of all time steps, and the recurrence.

    forward     h_t = φ(W x_t + u ⊙ h_{t-1} + b)
    backward    da from the recurrence (see ops/recurrence), then
                dx_t = Wᵀ da_t,   dW = Σ_t da_tᵀ x_t,   db = Σ_{t,b} da_t

Li et al. 2018, arXiv:1803.04831, eq. 2.

The reference composes the two operations. The cpu twin processes time in chunks. It writes the
product of a chunk into the state buffer, and runs the recurrence over it in place while it is in
cache. In the backward pass, the gradient of the pre-activation exists for one chunk only. The cuda
twin does the same with all time steps as one chunk.

Backward calls `probe(t0, t1, dh, da)` for every chunk, in the order of the walk, with the gradients
of its outputs (or None) and of its pre-activations. The call is on the calling thread, unless the
probe has a true attribute `any_thread`. With `input_gradient=False`, dx is None and its product is
left out; the other gradients keep their bits. With `norm`, which cuda does not accept, the cell reads x̃
(see Norm) in place of x, and dx is the gradient of the output of batch norm, which the mask
multiplies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ... import _check
from ..._types import Array


class Norm(NamedTuple):
    """Batch normalisation and dropout that a cell applies to its input x (T, B, D), chunk by chunk.

        x̃ = mask ⊙ ((x - mean) ⊙ factor + shift)

    The normalised array is never written out (see ops/batchnorm and ops/dropout).

    Parameters
    ----------
    mean, factor, shift : array (D,)
        Mean, factor and shift of each neuron.
    mask : array (B, D), optional
        Dropout mask.
    """

    mean: Array
    factor: Array
    shift: Array
    mask: Array | None = None

    @classmethod
    def of_statistics(cls, mean: Array, var: Array, scale: Array, shift: Array, eps: float) -> Norm:
        """Return the normalisation by these statistics (D,), with factor = scale / √(var + eps)."""
        _check.normal("Norm.of_statistics", "eps", eps, var.dtype)
        return cls(mean, scale / np.sqrt(var + var.dtype.type(eps)), shift)

    def with_mask(self, mask: Array) -> Norm:
        """Return the normalisation followed by one more dropout mask."""
        return self._replace(mask=mask if self.mask is None else self.mask * mask)

    def apply(self, x: Array) -> Array:
        """Return x̃."""
        return self.masked((x - self.mean) * self.factor + self.shift)

    def masked(self, y: Array) -> Array:
        """Return mask ⊙ y, which turns a gradient of x̃ into that of the output of batch norm."""
        return y if self.mask is None else y * self.mask


TWINS = ("reference", "cpu", "cuda")
