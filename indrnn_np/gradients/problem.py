"""A training problem at one point: network, batch and loss, with the passes that other modules differentiate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import _check
from .._check import convert
from .._types import Array, ArrayInput, State
from ..layers.chain import backward_layers
from ..networks import tangents
from ..networks.sequential import Sequential
from ..ops.binary_cross_entropy import reference as binary_cross_entropy
from ..ops.mse import reference as mse
from ..ops.softmax_cross_entropy import reference as softmax_cross_entropy
from ..optim.losses import LOSSES, counted
from ..parameters import Views

OPS = {
    "mse": mse,
    "softmax_cross_entropy": softmax_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
}


class Problem:
    """Network, batch and loss; the training pass of the batch is stored.

    Parameters
    ----------
    where : str
        Name of the public function, for errors.
    net : Sequential
        Network on a CPU backend. It does not change.
    x : array (T, B, D) or (T, B)
        Input or symbols.
    target : array
        Labels or values, as the loss needs them.
    loss : str, optional
        Name of a loss. By default softmax_cross_entropy for integers, else mse.
    lengths : int array (B,), optional
        Sequence length of each sample.
    mask : bool array, optional
        Targets that count.
    running : bool
        Let batch norm use its running statistics.

    Attributes
    ----------
    y, dy : array
        Output and its gradient.
    value : float
        Loss.
    tape : Tape
        Tape of the pass, without fusion of layers.
    """

    def __init__(
        self,
        where: str,
        net: Sequential,
        x: ArrayInput,
        target: ArrayInput,
        loss: str | None = None,
        lengths: ArrayInput = None,
        mask: ArrayInput = None,
        running: bool = False,
    ) -> None:
        if not isinstance(net, Sequential):
            _check.fail(
                where, f"net is {net!r:.60}", "a network such as ir.Sequential([...])", error=TypeError
            )
        self.net, self.x = net, convert.array(where, "x", x, None if net.symbols else net.dtype)
        self.target = convert.array(where, "target", target)
        if self.target.dtype.kind == "f":
            self.target = self.target.astype(net.dtype)
        self.loss = loss or ("softmax_cross_entropy" if self.target.dtype.kind in "iu" else "mse")
        _check.choice(where, "loss", self.loss, LOSSES)
        lengths = None if lengths is None else convert.array(where, "lengths", lengths)
        self.y, _, self.tape = tangents.primal(net, where, self.x, None, lengths, running=running)
        self.lengths = self.tape.contexts[0].run.lengths
        self.mask = counted(
            self.y, self.lengths, None if mask is None else convert.array(where, "mask", mask)
        )
        self.value, self.dy = LOSSES[self.loss](self.y, self.target, self.mask, backend=net.ops)

    def directions(self, v: Array) -> Views:
        """Return a flat array (P,) as directions of the parameters by name."""
        return Views(self.net.params.shapes, np.ascontiguousarray(v, self.net.dtype).reshape(-1))

    def zeros(self) -> Views:
        """Return zeros in the shapes of the parameters."""
        return Views(self.net.params.shapes, np.zeros(self.net.size, self.net.dtype))

    def gradient(self, dy: Array | None = None) -> tuple[Array, tuple[State, ...], Views]:
        """Return the gradients of x, of the initial states and of the parameters, by default of the loss."""
        grads = self.zeros()
        dx, before = backward_layers(
            self.net.layers, self.dy if dy is None else dy, self.tape, None, None, grads
        )
        return dx, before, grads

    def loss_curvature(self, y_dot: Array) -> Array:
        """Return the Hessian of the loss with respect to the output, times y_dot."""
        return OPS[self.loss].gradient_tangent(y_dot, self.y, self.target, self.mask)

    def tangent(self, direction: Mapping[str, Array]) -> tuple[Array, tuple[Array, ...]]:
        """Return the derivative of the output along a direction of the parameters, and the tapes of the layers."""
        return tangents.along(self.net, self.x, self.tape, direction)
