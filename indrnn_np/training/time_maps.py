"""The map of a piece of time steps: how the end of the piece depends on its start, in a few numbers a column.

    states      h -> clip(A h + B, min(p, q), max(p, q))    relu and identity
    gradients   c -> A c + B                                every φ

The equations are those of ops/recurrence/parallel.py and parallel_backward.py, with the piece of a
rank as the chunk. The recurrence itself computes B, p and q, each from another start.
"""

from __future__ import annotations

import numpy as np

from .._types import AnyArray, Array
from ..layers import IndRNN
from ..layers.context import Context
from ..layers.recurrent import Independent
from ..networks.recompute import cut
from ..ops.recurrence.activation import ACTIVATIONS
from ..ops.recurrence.parallel import carry
from ..ops.recurrence.parallel_backward import carry_gradient

WINDOW_BYTES = 2**20  # size of an array (steps, B, H) of a window; no other array of `compose` grows with T
# What `carried` returns: the start of each piece (N, B, H), and whether all maps are safe (scan.LIMIT).
Starts = tuple[Array, bool]


class StateMap:
    """The map from the state before a piece to the state after it.

    Parameters
    ----------
    layer : IndRNN or Recurrence
        Layer with relu or identity.
    x : array (T, B, D)
        Input of the piece.
    ctx : Context
        Arrays of the layer.
    """

    def __init__(self, layer: Independent, x: Array, ctx: Context) -> None:
        self.layer, self.x, self.ctx = layer, x, ctx

    def constant(self, end: Array) -> tuple[Array, ...]:
        """Return A, B, p and q (B, H) of a piece that ends in `end` from any state."""
        return np.zeros(end.shape), end, end, end

    def compose(self) -> tuple[Array, ...]:
        """Return A in float64, B, p and q (B, H) of the piece; memory holds a window of a_t = W x_t + b."""
        layer, ctx, u = self.layer, self.ctx, self.layer.weight(self.ctx)
        T, shape = len(self.x), (self.x.shape[1], layer.state_size)
        low, high = ACTIVATIONS[layer.activation].limits or (-np.inf, np.inf)
        B = np.zeros(shape, ctx.dtype)
        p, q = (np.where(u == 0, 0, np.full(shape, limit)).astype(ctx.dtype) for limit in (low, high))
        forward = ctx.ops.recurrence.forward
        with np.errstate(over="ignore", invalid="ignore"):  # `carried` finds columns that overflow
            for t0, t1 in windows(T, B):
                a = self._pre_activation(t0, t1)
                B = forward(a, u, B, "identity")[-1].copy()
                p, q = (forward(a, u, start, layer.activation)[-1].copy() for start in (p, q))
            return np.broadcast_to(u.astype(np.float64) ** T, shape), B, p, q

    def _pre_activation(self, t0: int, t1: int) -> AnyArray:
        """Return a_t (t1 - t0, B, H), the input of the recurrence."""
        x, ctx = self.x[t0:t1], self.ctx
        return (
            ctx.ops.affine.forward(x, ctx.param("W"), ctx.param("b")) if isinstance(self.layer, IndRNN) else x
        )

    @staticmethod
    @np.errstate(over="ignore", invalid="ignore")
    def carried(A: Array, B: Array, p: Array, q: Array) -> Starts:
        """Return the state before each of N pieces from their maps (N, B, H); the first map is constant."""
        s, serial = carry(rows(A), rows(B), rows(p), rows(q), np.zeros(B[0].size, B.dtype))
        return s.reshape(B.shape), not serial.any()


class GradientMap:
    """The map from the gradient c of the state after a piece to that of the state before it.

    Parameters
    ----------
    layer : IndRNN or Recurrence
        Layer with any activation.
    dh : array (T, B, H)
        Gradient of the outputs of the piece.
    h : array (T+1, B, H)
        States of the piece.
    ctx : Context
        Arrays of the layer.
    """

    def __init__(self, layer: Independent, dh: Array, h: Array, ctx: Context) -> None:
        self.layer, self.dh, self.h, self.ctx = layer, dh, h, ctx

    def constant(self, end: Array) -> tuple[Array, ...]:
        """Return A and B (B, H) of a piece that passes `end` on."""
        return np.zeros(end.shape), end

    def compose(self) -> tuple[Array, ...]:
        """Return A = Π u φ'_t in float64 and B (B, H) of the piece; memory holds a window of da."""
        activation, u, h = self.layer.activation, self.layer.weight(self.ctx), self.h
        A, B = np.ones(h[0].shape), np.zeros(h[0].shape, h.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # `carried` finds columns that overflow
            for t0, t1 in reversed(windows(len(self.dh), B)):
                slopes = u.astype(np.float64) * ACTIVATIONS[activation].array_dphi(h[t0 + 1 : t1 + 1])
                A *= slopes.prod(axis=0)
                _, _, B = self.ctx.ops.recurrence.backward(self.dh[t0:t1], h[t0 : t1 + 1], u, B, activation)
        return A, B

    @staticmethod
    @np.errstate(over="ignore", invalid="ignore")
    def carried(A: Array, B: Array) -> Starts:
        """Return the gradient after each of N pieces, from the last to the first; the first map is constant."""
        c, serial = carry_gradient(rows(A), rows(B), np.zeros(B[0].size, B.dtype))
        return c.reshape(B.shape), not serial.any()


def windows(T: int, row: Array) -> list[tuple[int, int]]:
    """Return windows of time whose arrays (steps, B, H), with rows like `row`, stay small."""
    return cut(T, max(1, WINDOW_BYTES // max(1, row.nbytes)))


def rows(maps: Array) -> Array:
    """Return (N, B, H) as (N, B·H)."""
    return maps.reshape(len(maps), maps[0].size)
