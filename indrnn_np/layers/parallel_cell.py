"""IndRNN cell with a scan over time: the product of all time steps, then the scan in place.

    forward     a_t = W x_t + b,   h from the scan over a
    backward    da from the scan, then dx_t = Wᵀ da_t,   dW = Σ_t da_tᵀ x_t,   db = Σ_{t,b} da_t

The counterpart of ops/indrnn for `time="parallel"`, with its results and its probe. All backends
share it, because a scan needs a for all time steps: there are no chunks to keep in the cache.
"""

from __future__ import annotations

from .._types import AnyArray
from .context import Context
from .recurrent import Independent, Scan


def forward(layer: Independent, scan: Scan, x: AnyArray, h0: AnyArray, ctx: Context) -> AnyArray:
    """Return the states h (T+1, B, H) for x (T, B, D); row 0 is h0."""
    T, B, _ = x.shape
    h = ctx.array("h", (T + 1, B, layer.state_size))
    a = ctx.ops.affine.forward(x, ctx.param("W"), ctx.param("b"), h[1:])
    return scan.forward(a, layer.weight(ctx), h0, layer.activation, ctx.run.lengths, layer.reverse, h)


def backward(
    layer: Independent, scan: Scan, dh: AnyArray | None, dhT: AnyArray | None, x: AnyArray, h: AnyArray, ctx: Context
) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray, AnyArray]:  # fmt: skip
    """Return dx (T, B, D) or None, dW (H, D), du, db (H,) and dh0 (B, H).

    dh (T, B, H) and dhT (B, H) are the gradients of the outputs and of the last state, None is zero.
    """
    (T, B, H), lengths = h[1:].shape, ctx.run.lengths
    da = ctx.scratch.array("da", (T, B, H))
    u = layer.weight(ctx)
    _, du, dh0 = scan.backward(dh, h, u, dhT, layer.activation, lengths, layer.reverse, da)
    if (probe := layer._probe(ctx)) is not None:
        probe(0, T, dh, da)
    if lengths is not None:  # x may hold NaN in the padding
        x = ctx.ops.rows.without_padding(x, lengths, ctx.scratch.array("x without padding", x.shape))
    # forward: a = x @ W.T + b
    out = ctx.scratch.array("dx", x.shape) if ctx.input_gradient else None
    dx, dW, db = ctx.ops.affine.backward(da, x, ctx.param("W"), out, ctx.input_gradient)
    return dx, dW, du, db, dh0
