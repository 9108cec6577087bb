"""Gradients of each sample, layer by layer: the sums over samples in a layer's `backward` are left out.

`sample_gradients` has a rule for each kind of layer; register one for a layer of your own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, singledispatch

import numpy as np

from .. import _check
from .._cpu.arrays import as_rows
from .._types import AnyArray, Array, Record
from ..layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
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
    RotatingIndRNN,
    Tied,
)
from ..layers.chain import Tape
from ..layers.context import Context
from ..layers.eigenvalues import eigenvalues, gradients
from ..layers.fusion import split_gradient
from ..ops.recurrence.per_sample import previous_states
from ..ops.rotation.reference import conjugate, turn

Gradients = tuple[
    AnyArray, dict[str, Array]
]  # dx (None for symbols), and the gradient (B, ...) of each parameter
WHERE = "per-sample gradients"


@singledispatch
def sample_gradients(layer: Layer, dy: Array, tape: Record, ctx: Context) -> Gradients:
    """Return dx, and the gradients of the parameters for each sample, (B, ...).

    dy is the gradient of the output of a sequence that starts without a state.
    """
    _check.fail(WHERE, f"{type(layer).__name__} has none", "a layer of this package, or a registered rule")


def sample_gradients_of_layers(layers: Sequence[Layer], dy: Array, tape: Tape) -> Gradients:
    """Return dx, and the gradients of all parameters of a chain, by name.

    A name that begins with "/" is a parameter of another layer of the network (Tied).
    """
    total: dict[str, Array] = {}
    for i in reversed(range(len(layers))):
        dy, named = sample_gradients(layers[i], dy, tape.layers[i], tape.contexts[i])
        for name, gradient in named.items():
            name = name if name.startswith("/") else f"{i}.{name}"
            total[name] = total[name] + gradient if name in total else gradient
    return None if dy is None else tape.contexts[0].dense(dy), total


@sample_gradients.register
def _(layer: IndRNN, dy: Array, tape: Record, ctx: Context) -> Gradients:
    (x, h, _, _), (dh, dhT) = tape, split_gradient(dy, None, layer.reverse, ctx)
    da, du, db, dh0 = ctx.ops.sample_gradients("recurrence")(
        dh, h, layer.weight(ctx), dhT, layer.activation, ctx.run.lengths, layer.reverse
    )
    grads = {"W": by_sample(da, x), **layer.weight_gradient(du, ctx), "b": db}
    grads |= {"h0": dh0} if layer.learn_h0 else {}
    return times(da, ctx.param("W")) if ctx.input_gradient else None, grads


@sample_gradients.register
def _(layer: Recurrence, dy: Array, tape: Record, ctx: Context) -> Gradients:
    dh, dhT = split_gradient(dy, None, layer.reverse, ctx)
    da, du, _, _ = ctx.ops.sample_gradients("recurrence")(
        dh, tape, layer.weight(ctx), dhT, layer.activation, ctx.run.lengths, layer.reverse
    )
    return da, layer.weight_gradient(du, ctx)


@sample_gradients.register
def _(layer: RotatingIndRNN, dy: Array, tape: Record, ctx: Context) -> Gradients:
    (x, h, y), lengths, W, b = tape, ctx.run.lengths, ctx.param("W"), ctx.param("b")
    nu, theta = ctx.param("nu"), ctx.param("theta")
    u, scale = eigenvalues(nu, theta)
    zero = np.zeros_like(u)
    dh = ctx.ops.recurrence.backward(ctx.dense(dy), y, zero, None, layer.activation, lengths)[0]
    da = ctx.ops.rotation.backward(dh, h, u, None, lengths, layer.reverse)[0]
    du = turn(conjugate(previous_states(h, lengths, layer.reverse)), da).sum(axis=0)
    # forward: a = W' x + b' with W' = g W and b' = g b
    dW, db = by_sample(da, x), da.sum(axis=0)
    dnu, dtheta = gradients(nu, theta, du, np.sum(dW * W, axis=2) + db * b)
    grads = {"W": scale[:, None] * dW, "b": scale * db, "nu": dnu, "theta": dtheta}
    return times(da, scale[:, None] * W) if ctx.input_gradient else None, grads


@sample_gradients.register
def _(layer: RNN, dy: Array, tape: Record, ctx: Context) -> Gradients:
    (x, h), (dh, dhT) = tape, split_gradient(dy, None, layer.reverse, ctx)
    W, U, run = ctx.param("W"), ctx.param("U"), ctx.run
    backward = partial(
        ctx.ops.rnn.backward, dh, x, h, W, U, dhT, layer.activation, run.lengths, layer.reverse
    )
    return _of_cell(backward, x, h, run.lengths, layer.reverse)[1:]


@sample_gradients.register
def _(layer: LSTM, dy: Array, tape: Record, ctx: Context) -> Gradients:
    (x, h, c, gates), (dh, dhT) = tape, split_gradient(dy, None, layer.reverse, ctx)
    W, U, run = ctx.param("W"), ctx.param("U"), ctx.run
    backward = partial(ctx.ops.lstm.backward, dh, x, h, c, gates, W, U, dhT, None, run.lengths, layer.reverse)
    return _of_cell(backward, x, h, run.lengths, layer.reverse)[1:]


@sample_gradients.register
def _(layer: GRU, dy: Array, tape: Record, ctx: Context) -> Gradients:
    (x, h, gates), (dh, dhT) = tape, split_gradient(dy, None, layer.reverse, ctx)
    W, U, H, run = ctx.param("W"), ctx.param("U"), layer.hidden_size, ctx.run
    backward = partial(ctx.ops.gru.backward, dh, x, h, gates, W, U, dhT, run.lengths, layer.reverse)
    da, dx, grads = _of_cell(backward, x, h, run.lengths, layer.reverse)
    # forward: n = tanh(a_n + r ⊙ m) and v = U h_{t-1} + c, whose last part is m
    dv = np.concatenate([da[..., : 2 * H], da[..., 2 * H :] * gates[..., :H]], axis=-1)
    h_prev = previous_states(h, run.lengths, layer.reverse)
    return dx, grads | {"U": by_sample(dv, h_prev), "c": dv.sum(axis=0)}


def _of_cell(
    backward: Callable[..., tuple[Array, ...]], x: Array, h: Array, lengths: Array | None, reverse: bool
) -> tuple[Array, Array, dict[str, Array]]:
    """Return da (T, B, G), dx, and the gradients of W, U and b; a probe of `backward` reads da."""
    chunks: dict[int, Array] = {}
    dx = backward(probe=lambda t0, t1, dh, da: chunks.update({t0: da.copy()}))[0]
    da = np.concatenate([chunks[t0] for t0 in sorted(chunks)])
    h_prev = previous_states(h, lengths, reverse)
    return da, dx, {"W": by_sample(da, x), "U": by_sample(da, h_prev), "b": da.sum(axis=0)}


@sample_gradients.register
def _(layer: Linear, dy: Array, tape: Record, ctx: Context) -> Gradients:
    dy = ctx.dense(dy)
    return times(dy, ctx.param("W")), {"W": by_sample(dy, tape), "b": over_time(dy)}


@sample_gradients.register
def _(layer: Tied, dy: Array, tape: Record, ctx: Context) -> Gradients:
    dy = ctx.dense(dy)
    return times(dy, ctx.params[layer.table]), {f"/{layer.table}": by_sample(dy, tape), "b": over_time(dy)}


@sample_gradients.register
def _(layer: Embedding, dy: Array, tape: Record, ctx: Context) -> Gradients:
    (x, factors), dy = tape, without_padding(ctx.dense(dy), ctx)
    dE = np.zeros((x.shape[1], layer.symbols, layer.size), dy.dtype)
    np.add.at(dE, (np.arange(x.shape[1]), x), dy)
    return None, {"E": dE if factors is None else dE * factors[:, None]}


@sample_gradients.register
def _(layer: LayerNorm, dy: Array, tape: Record, ctx: Context) -> Gradients:
    (x, mean, rstd), dy = tape, ctx.dense(dy)
    dx, x_hat = layer.backward(dy, tape, None, ctx)[0], (x - mean[..., None]) * rstd[..., None]
    return dx, {"scale": over_time(dy * x_hat), "shift": over_time(dy)}


@sample_gradients.register
def _(layer: BatchNorm, dy: Array, tape: Record, ctx: Context) -> Gradients:
    if not ctx.run.running:
        because = "because a sample has no gradient of its own where others enter its statistics"
        problem = "BatchNorm normalises by the statistics of the batch"
        _check.fail(WHERE, problem, "statistics='running'", because)
    (x, mean, var), dy = tape, without_padding(ctx.dense(dy), ctx)
    rstd = (1 / np.sqrt(var + layer.eps))[:, None].astype(x.dtype)
    x_hat = (x - mean[:, None]) * rstd
    return ctx.param("scale") * rstd * dy, {"scale": over_time(dy * x_hat), "shift": over_time(dy)}


@sample_gradients.register(Dropout)
@sample_gradients.register(LastStep)
def _(layer: Layer, dy: Array, tape: Record, ctx: Context) -> Gradients:
    return layer.backward(dy, tape, None, ctx)[0], {}


@sample_gradients.register
def _(layer: Bidirectional, dy: Array, tape: Record, ctx: Context) -> Gradients:
    halves, total = np.split(ctx.dense(dy), 2, axis=-1), []
    grads: dict[str, Array] = {}
    for (name, half), dy_half, record in zip(layer.halves().items(), halves, tape, strict=True):
        dx, named = sample_gradients(half, np.ascontiguousarray(dy_half), record, ctx.child(name))
        total.append(dx)
        grads |= {f"{name}.{p}": g for p, g in named.items()}
    return total[0] + total[1] if ctx.input_gradient else None, grads


@sample_gradients.register
def _(layer: Residual, dy: Array, tape: Record, ctx: Context) -> Gradients:
    dy = ctx.dense(dy)
    dx, grads = sample_gradients_of_layers(layer.inner, dy, tape)
    return dy + dx, grads


@sample_gradients.register
def _(layer: Concat, dy: Array, tape: Record, ctx: Context) -> Gradients:
    D, dy = layer.inputs or 0, ctx.dense(dy)
    dx, grads = sample_gradients_of_layers(layer.inner, np.ascontiguousarray(dy[..., D:]), tape)
    return dy[..., :D] + dx, grads


def times(dy: Array, W: Array) -> Array:
    """Return dy (..., K) times W (K, D), as one product of all rows."""
    return (as_rows(dy) @ W).reshape(*dy.shape[:-1], W.shape[1])


def by_sample(dy: Array, x: Array) -> Array:
    """Return Σ_t dy[t, b] x[t, b]ᵀ (B, K, D) from (T, B, K) and (T, B, D), or from a single step."""
    if dy.ndim == 2:
        return dy[:, :, None] * x[:, None, :]
    return np.matmul(dy.transpose(1, 2, 0), x.transpose(1, 0, 2))


def over_time(dy: Array) -> Array:
    """Return the sum over time steps (B, K), or a single step unchanged."""
    return dy.sum(axis=0) if dy.ndim == 3 else dy


def without_padding(x: Array, ctx: Context) -> Array:
    """Return x (T, B, H) with zeros in padding."""
    return x if ctx.run.lengths is None else ctx.ops.rows.without_padding(x, ctx.run.lengths)
