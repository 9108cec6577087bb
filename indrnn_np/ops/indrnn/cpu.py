"""CPU twin of reference.py: cut time into chunks whose hidden states stay in a core's cache.

The product of a chunk is written into the state buffer, and the recurrence runs over it in place.
In the backward pass, the gradient da of the pre-activations exists for one chunk only. `strategy`
chooses one of three ways to multiply by W:

    few inputs   few_inputs.py   D <= 3: W x_t is computed inside the recurrence
    tiles        tiled_loop.py   W fits in half of the L2 cache: one compiled loop with vector code
    BLAS         blas_loop.py    any other W, and a probe, which is Python code between chunks

`indrnn info --explain T,B,D,H` prints the strategy of a shape.
"""

from __future__ import annotations

from ... import _check
from ..._cpu.arrays import room
from ..._cpu.threads import thread_count
from ..recurrence.cpu import BackwardPass, ForwardPass
from . import blas_loop, chunks, contract, few_inputs, input_chunks, tiled_loop
from .tiled_products import tile_for

FEW_INPUTS, TILES, BLAS = "few inputs", "tiles", "BLAS"


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None, norm=None):
    """Twin of reference.forward; with a workspace, h is its buffer "h"."""
    contract.check_forward("indrnn.forward", x, W, u, b, h0, activation, lengths, reverse, norm)
    _check.floats("indrnn.forward", x=x)
    (T, B, D), H = x.shape, len(W)
    h = room(work, "h", (T + 1, B, H), x.dtype)
    h[0] = h0
    n = thread_count(T * B * H, T)
    way = strategy(T, B, D, H, x.itemsize, n, norm)
    if way == FEW_INPUTS:
        few_inputs.forward(x, W, u, b, h, activation, lengths, reverse)
        return h
    spans = cut(way, T, B, D, H, x.itemsize, n, reverse)
    inputs = [None] * n
    if norm is not None or lengths is not None:
        inputs = input_chunks.for_threads(x, norm, lengths, n, chunks.longest(spans), work)
    loop = tiled_loop if way == TILES else blas_loop
    loop.forward(x, inputs, spans, W, ForwardPass(h, u, b, activation, lengths, reverse))
    return h


def backward(
    dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None, norm=None,
    input_gradient=True,
):  # fmt: skip
    """Twin of reference.backward; with a workspace, dx is its buffer "dx"."""
    contract.check_backward(
        "indrnn.backward", dh, x, h, W, u, dhT, activation, lengths, reverse, norm, input_gradient
    )
    _check.floats("indrnn.backward", x=x)
    (T, B, D), H = x.shape, len(W)
    dx = room(work, "dx", x.shape, x.dtype) if input_gradient else None
    recurrence = BackwardPass(h, u, dhT, activation, lengths, reverse)
    any_thread = probe is None or getattr(probe, "any_thread", False)
    n = thread_count(T * B * H if any_thread else 0, T)
    way = strategy(T, B, D, H, x.itemsize, n, norm, probe)
    if way == FEW_INPUTS:
        dW = few_inputs.backward(dh, x, W, recurrence, dx, work)
        return dx, dW, recurrence.du, recurrence.db, recurrence.dh0
    spans = cut(way, T, B, D, H, x.itemsize, n, not reverse)
    inputs = [None] * n
    if norm is not None or lengths is not None:
        inputs = input_chunks.for_threads(x, norm, lengths, n, chunks.longest(spans), work)
    mask = None if norm is None else norm.mask
    if way == TILES:
        dW = tiled_loop.backward(dh, x, inputs, spans, W, recurrence, mask, dx, work)
    else:
        dW = blas_loop.backward(dh, x, inputs, spans, W, recurrence, mask, dx, work, probe)
    return dx, dW, recurrence.du, recurrence.db, recurrence.dh0


def strategy(T, B, D, H, itemsize, n, norm=None, probe=None):
    """Return how the cell multiplies by W (H, D) on n threads: FEW_INPUTS, TILES or BLAS."""
    if probe is not None:
        return BLAS
    if D <= few_inputs.INPUTS:
        return FEW_INPUTS if norm is None and T * B * D > 0 else BLAS
    tile = tile_for((H, D), itemsize)
    if tile is None:
        return BLAS
    rows = B * chunks.shortest(cut(TILES, T, B, D, H, itemsize, n, False))
    return TILES if rows >= tile.rows else BLAS


def cut(way, T, B, D, H, itemsize, n, from_the_end):
    """Return the chunks of time [t0, t1) in the order of the walk."""
    step = B * H * itemsize
    steps = chunks.steps_for_tiles(step) if way == TILES else chunks.steps_for_blas(step, H * D * itemsize, n)
    return chunks.cut(T, steps, n, from_the_end)
