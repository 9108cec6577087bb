"""Derivative of the backward pass along a direction of the parameters, layer by layer (forward over reverse).

`backward_tangent` has a rule for each kind of layer; register one for a layer of your own. Each rule stands for the
same sentence: differentiate the lines of the layer's `backward` with the product rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import singledispatch

import numpy as np

from .. import _check
from .._types import AnyArray, Array, Record
from ..layers import (
    RNN,
    Bidirectional,
    Concat,
    Dropout,
    Embedding,
    IndRNN,
    LastStep,
    Layer,
    LayerNorm,
    Linear,
    Recurrence,
    Residual,
    Tied,
)
from ..layers.chain import Tape
from ..layers.context import Context
from ..layers.fusion import split_gradient
from ..layers.recurrent import Independent
from ..layers.recurrent_weight import PROJECTED

Derivatives = tuple[
    AnyArray, dict[str, Array]
]  # of dx (None if nothing reads it), and of the gradient of each parameter


@singledispatch
def backward_tangent(
    layer: Layer, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context
) -> Derivatives:
    """Return the derivatives of dx and of the gradients of the parameters.

    Parameters
    ----------
    dy, dy_dot : array
        Gradient of the output of a sequence that starts without a state, and its derivative.
    tape, tape_dot
        Tapes of `Layer.forward` and `Layer.tangent`.
    ctx : Context
        Context of the layer, with the directions of the parameters.
    """
    expected = "layers without gates and batch norm: IndRNN, Recurrence, RNN, LayerNorm, Linear, ..."
    _check.fail("second derivative", f"{type(layer).__name__} has none", expected)


@backward_tangent.register
def _(layer: IndRNN, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context) -> Derivatives:
    (x, h, _, _), (x_dot, h_dot) = tape, tape_dot
    (dh, dhT), (dh_dot, dhT_dot) = (split_gradient(d, None, layer.reverse, ctx) for d in (dy, dy_dot))
    dx_dot, dW_dot, du_dot, db_dot, dh0_dot = ctx.ops.second_order("indrnn")(
        dh, dh_dot, x, x_dot, h, h_dot, ctx.param("W"), ctx.direction("W"), layer.weight(ctx),
        layer.weight_direction(ctx), dhT, dhT_dot, layer.activation, ctx.run.lengths, layer.reverse, ctx.input_gradient,
    )  # fmt: skip
    grads = {"W": dW_dot, **_of_weight(layer, dh, dhT, h, du_dot, ctx), "b": db_dot}
    return dx_dot, grads | ({"h0": dh0_dot.sum(axis=0)} if layer.learn_h0 else {})


@backward_tangent.register
def _(
    layer: Recurrence, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context
) -> Derivatives:
    (dh, dhT), (dh_dot, dhT_dot) = (split_gradient(d, None, layer.reverse, ctx) for d in (dy, dy_dot))
    _, da_dot, du_dot, _ = ctx.ops.second_order("recurrence")(
        dh, dh_dot, tape, tape_dot, layer.weight(ctx), layer.weight_direction(ctx), dhT, dhT_dot, layer.activation,
        ctx.run.lengths, layer.reverse,
    )  # fmt: skip
    return da_dot, _of_weight(layer, dh, dhT, tape, du_dot, ctx)


def _of_weight(
    layer: Independent, dh: Array | None, dhT: Array | None, h: Array, du_dot: Array, ctx: Context
) -> dict[str, Array]:
    """Return the derivative of the gradient of u, or of ν, from that of du (H,)."""
    if layer.u_form == PROJECTED:
        return {"u": du_dot}
    run = ctx.run.lengths, layer.reverse
    du = ctx.ops.recurrence.backward(dh, h, layer.weight(ctx), dhT, layer.activation, *run)[1]
    # backward: dν = (du/dν) du
    return {"nu": layer.weight_slope_direction(ctx) * du + layer.weight_slope(ctx) * du_dot}


@backward_tangent.register
def _(layer: RNN, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context) -> Derivatives:
    (x, h), (x_dot, h_dot) = tape, tape_dot
    (dh, dhT), (dh_dot, dhT_dot) = (split_gradient(d, None, layer.reverse, ctx) for d in (dy, dy_dot))
    dx_dot, dW_dot, dU_dot, db_dot, _ = ctx.ops.second_order("rnn")(
        dh, dh_dot, x, x_dot, h, h_dot, ctx.param("W"), ctx.direction("W"), ctx.param("U"), ctx.direction("U"),
        dhT, dhT_dot, layer.activation, ctx.run.lengths, layer.reverse,
    )  # fmt: skip
    return dx_dot, {"W": dW_dot, "U": dU_dot, "b": db_dot}


@backward_tangent.register
def _(layer: Linear, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context) -> Derivatives:
    gradients = ctx.dense(dy), ctx.dense(dy_dot)
    directions = ctx.param("W"), ctx.direction("W")
    dx_dot, dW_dot, db_dot = ctx.ops.second_order("affine")(*gradients, tape, tape_dot, *directions)
    return dx_dot, {"W": dW_dot, "b": db_dot}


@backward_tangent.register
def _(layer: Tied, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context) -> Derivatives:
    gradients = ctx.dense(dy), ctx.dense(dy_dot)
    directions = ctx.params[layer.table], ctx.directions[layer.table]
    dx_dot, dE_dot, db_dot = ctx.ops.second_order("affine")(*gradients, tape, tape_dot, *directions)
    ctx.grads[layer.table][...] += dE_dot
    return dx_dot, {"b": db_dot}


@backward_tangent.register
def _(
    layer: LayerNorm, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context
) -> Derivatives:
    x, mean, rstd = tape
    gradients = ctx.dense(dy), ctx.dense(dy_dot)
    directions = ctx.param("scale"), ctx.direction("scale")
    dx_dot, dscale_dot, dshift_dot = ctx.ops.second_order("layernorm")(
        *gradients, x, tape_dot, mean, rstd, *directions
    )
    return dx_dot, {"scale": dscale_dot, "shift": dshift_dot}


@backward_tangent.register(Dropout)
@backward_tangent.register(Embedding)
@backward_tangent.register(LastStep)
def _(layer: Layer, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context) -> Derivatives:
    dx_dot, _, grads_dot = layer.backward(dy_dot, tape, None, ctx)  # the layer is linear
    return dx_dot, grads_dot


@backward_tangent.register
def _(
    layer: Bidirectional, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context
) -> Derivatives:
    gradients = [np.split(ctx.dense(d), 2, axis=-1) for d in (dy, dy_dot)]
    total: list[Array] = []
    grads: dict[str, Array] = {}
    for i, (name, half) in enumerate(layer.halves().items()):
        dy_half, dy_dot_half = (np.ascontiguousarray(both[i]) for both in gradients)
        child = ctx.child(name)
        dx_dot, half_grads = backward_tangent(half, dy_half, dy_dot_half, tape[i], tape_dot[i], child)
        total.append(dx_dot)
        grads |= {f"{name}.{p}": g for p, g in half_grads.items()}
    return total[0] + total[1] if ctx.input_gradient else None, grads


@backward_tangent.register
def _(layer: Residual, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context) -> Derivatives:
    dy, dy_dot = ctx.dense(dy), ctx.dense(dy_dot)
    return dy_dot + _of_chain(layer.inner, dy, dy_dot, tape, tape_dot, ctx), {}


@backward_tangent.register
def _(layer: Concat, dy: Array, dy_dot: Array, tape: Record, tape_dot: Record, ctx: Context) -> Derivatives:
    D, dy, dy_dot = layer.inputs or 0, ctx.dense(dy), ctx.dense(dy_dot)
    dy_inner, dy_dot_inner = (np.ascontiguousarray(d[..., D:]) for d in (dy, dy_dot))
    return dy_dot[..., :D] + _of_chain(layer.inner, dy_inner, dy_dot_inner, tape, tape_dot, ctx), {}


def _of_chain(
    layers: Sequence[Layer], dy: Array, dy_dot: Array, tape: Tape, tape_dot: Sequence[Record], ctx: Context
) -> Array:
    """Return dx_dot of the chain in a container."""
    gradients = gradients_of_outputs(layers, dy, tape)
    return backward_tangent_layers(layers, gradients, dy_dot, tape, tape_dot, ctx.directions, ctx.grads)


def gradients_of_outputs(layers: Sequence[Layer], dy: Array, tape: Tape) -> tuple[Array, ...]:
    """Return the gradient of the output of each layer, in separate arrays; the last one is dy."""
    gradients = [dy]
    for layer, record, ctx in reversed(
        list(zip(layers[1:], tape.layers[1:], tape.contexts[1:], strict=True))
    ):
        zeros = {name: np.zeros_like(value) for name, value in ctx.params.items()}
        gradients.append(
            layer.backward(gradients[-1], record, None, dataclasses.replace(ctx, grads=zeros))[0]
        )
    return tuple(reversed(gradients))


def backward_tangent_layers(
    layers: Sequence[Layer], gradients: Sequence[Array], dy_dot: Array, tape: Tape, tape_dot: Sequence[Record],
    directions: Mapping[str, Array], grads_dot: Mapping[str, Array],
) -> Array:  # fmt: skip
    """Propagate dy_dot back; add the derivatives of the parameter gradients to `grads_dot`, and return dx_dot.

    Parameters
    ----------
    gradients : sequence
        Gradient of the output of each layer (`gradients_of_outputs`).
    tape, tape_dot
        Tapes of the forward pass and of `tangent_layers`.
    """
    for i in reversed(range(len(layers))):
        ctx = dataclasses.replace(tape.contexts[i], directions=directions, grads=grads_dot)
        dy_dot, named = backward_tangent(layers[i], gradients[i], dy_dot, tape.layers[i], tape_dot[i], ctx)
        for name, derivative in named.items():
            total = grads_dot[ctx.prefix + name]
            ctx.ops.rows.add(total, derivative, total)
    return dy_dot


def without_input_gradient(tape: Tape) -> Tape:
    """Return the tape of a pass whose first layer computes no gradient of its input."""
    first, *others = tape.contexts
    return dataclasses.replace(tape, contexts=(dataclasses.replace(first, input_gradient=False), *others))
