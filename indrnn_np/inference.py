"""Passes without a tape: inference in windows of time, and the statistics of batch norm from large batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .layers.chain import named_layers
from .stack import check_input, take
from .workspace import Workspace

if TYPE_CHECKING:
    from .sequential import Sequential

WINDOW_BYTES = 2**22  # of one activation array: time runs in windows of about this size


def infer(
    net: Sequential, x: np.ndarray, state: Sequence[Any] | None, lengths: np.ndarray | None
) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Run x (T, B, D) window by window, carrying the state; a layer that reads later steps needs one pass over all.

    Returns the output, of all steps or of the last, and the state after the last step.
    """
    lengths, x = check_input(net, x, lengths, False), net.ops.bring(x)
    T, B = x.shape[:2]
    window = window_length(net, T, B)
    if window == T:
        y, after, _ = net.forward(x, state, lengths, training=False)
        return y, after
    work, out = Workspace(), np.empty(0)
    states: Sequence[Any] | None = state
    for t0 in range(0, T, window):
        part = x[t0 : t0 + window]
        ends = None if lengths is None else np.clip(lengths - t0, 0, len(part))
        y, states, _ = net.forward(part, states, ends, training=False, work=work)
        if y.ndim == 2:
            out = y
            continue
        if t0 == 0:
            out = net.ops.empty((T, *y.shape[1:]), net.dtype)
        net.ops.assign(out[t0 : t0 + window], y)
    return out, tuple(states or ())


def window_length(net: Sequential, T: int, B: int) -> int:
    """Steps of a window for a batch (T, B, D): T itself if that is short, or if a layer reads later steps."""
    widest = max(max(layer.outputs or 0, layer.inputs or 0) for _, layer in named_layers(net.layers))
    window = max(1, WINDOW_BYTES // max(1, B * widest * net.dtype.itemsize))
    return window if net.causal and window < T else T


def recompute_statistics(net: Sequential, batches: Iterable[Any], carried: bool = False) -> None:
    """Set batch norm's running statistics to the mean over the batches, which count equally; nothing is dropped.

    One large batch gives the exact statistics of that batch, layer by layer. With `carried` the batches are windows of
    one stream: the state of each goes on in the next.
    """
    states: list[Any] = [None] * len(net.layers)
    for k, batch in enumerate(batches):
        x, lengths = batch if isinstance(batch, tuple) else (batch, None)
        lengths = check_input(net, x, lengths, True)
        y = take(net.ops, x, lengths)
        for i, layer in enumerate(net.layers):
            ctx = net.context(i, lengths=lengths, training=True, dropout=False, momentum=1 / (k + 1))
            y, after, _ = layer.forward(y, states[i], ctx)
            states[i] = after if carried else None
