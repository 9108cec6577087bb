"""Run passes without a tape: inference in windows of time, and new batch norm statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .. import _check
from .._types import AnyArray, Array, ArrayInput, State
from ..layers.chain import named_layers, network_input
from ..workspace import Workspace
from .checks import check_input, convert_input, states_of
from .network import Network

WINDOW_BYTES = 2**22  # approximate size of an activation array in a window


def infer(
    net: Network, x: AnyArray, state: Sequence[State] | None, lengths: Array | None
) -> tuple[AnyArray, tuple[State, ...]]:
    """Run x (T, B, D) window by window, or in a single pass if a layer reads later steps.

    Returns
    -------
    y : array
        Output of all steps or of the last step.
    after : tuple
        State after the last step.
    """
    x, lengths = convert_input(net, x, lengths)
    lengths, x = check_input(net, x, lengths, False), net.device.bring(x)
    states = states_of(net, "Sequential.forward", "state", state)
    T, B = x.shape[:2]
    window = window_length(net, T, B)
    if window == T:
        y, after, _ = net.run(x, states, lengths, False, None)
        return y, after
    work, out = Workspace(), np.empty(0)
    for t0 in range(0, T, window):
        part = x[t0 : t0 + window]
        ends = None if lengths is None else np.clip(lengths - t0, 0, len(part))
        y, states, _ = net.run(part, states, ends, False, work)
        if y.ndim == 2:
            out = y
            continue
        if t0 == 0:
            out = net.device.empty((T, *y.shape[1:]), net.dtype)
        net.device.assign(out[t0 : t0 + window], y)
    return out, tuple(states)


def window_length(net: Network, T: int, B: int) -> int:
    """Return the window length for T steps of B samples: T for a short or a non-causal pass."""
    widest = max(max(layer.outputs or 0, layer.inputs or 0) for _, layer in named_layers(net.layers))
    window = max(1, WINDOW_BYTES // max(1, B * widest * net.dtype.itemsize))
    return window if net.causal and window < T else T


def recompute_statistics(net: Network, batches: Iterable[ArrayInput], carried: bool = False) -> None:
    """Set the running statistics of batch norm to their mean over batches, without dropout.

    A single large batch gives the exact statistics of that batch, layer by layer. Rows that no
    batch reaches, such as steps beyond the longest sample, are unchanged. With `carried`, the
    batches are windows of one stream and the state is carried between them. After an error the
    running statistics are as before. Layers above the last batch norm do not run.
    """
    _check.boolean("Sequential.recompute_statistics", "carried", carried)
    running, device = net.buffers.flat, net.device
    before = np.array(device.to_host(running))
    unset = np.finfo(before.dtype).max  # marks rows that a batch does not set
    total = np.zeros(before.shape, np.result_type(before.dtype, np.float64))
    count = np.zeros(before.shape, np.int64)
    mean = before
    states: list[State] = [None] * len(net.layers)
    layers = net.layers[: 1 + max((int(name.split(".")[0]) for name in net.buffers), default=-1)]
    try:
        for batch in batches:
            x, lengths = convert_input(net, *(batch if isinstance(batch, tuple) else (batch, None)))
            lengths = check_input(net, x, lengths, True)
            device.assign(running, np.full_like(before, unset))
            contexts = net.contexts(lengths=lengths, training=True, dropout=False, momentum=1.0)
            y = network_input(x, contexts[0])
            for i, (layer, ctx) in enumerate(zip(layers, contexts, strict=False)):
                y, after, _ = layer.forward(y, states[i], ctx)
                states[i] = after if carried else None
            statistics = device.to_host(running)
            total += np.where(statistics == unset, 0, statistics)
            count += statistics != unset
        mean = np.where(count > 0, total / np.maximum(count, 1), before)
    finally:
        device.assign(running, mean.astype(before.dtype))
