"""How much memory training takes, told before it starts.

The buffers of a pass grow with T along a line, once T is longer than the chunks that the kernels work in. So a copy of
the network makes a pass over two short sequences, what it takes is counted, and the line leads to the T asked for.
Nothing here knows the layers' buffers, and what changes there is counted from then on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _check, _machine, _threads, inference, recompute
from .layers.chain import named_layers
from .recompute import KEEP, MEMORY
from .sequential import Sequential
from .workspace import Workspace

MOMENTS = 2  # arrays of the parameters' size that Adam holds
MEASURED = 2**27  # bytes: the longer of the two short passes takes about this much at most


@dataclass(frozen=True)
class Batch:
    """What the data of a pass is: x (steps, samples, inputs), or symbols (steps, samples), with or without lengths."""

    steps: int
    samples: int
    inputs: int
    lengths: bool = False

    def array(self, net: Sequential) -> Any:
        """Return an input of that shape, for that network."""
        if net.symbols is not None:
            return net.ops.asarray(np.zeros((self.steps, self.samples), np.int64))
        return net.ops.zeros((self.steps, self.samples, self.inputs), net.dtype)

    def ends(self) -> np.ndarray | None:
        """Return lengths of that shape, if it has them."""
        return np.full(self.samples, self.steps) if self.lengths else None


def estimate(
    net: Sequential, T: int, B: int, memory: str = KEEP, moments: int = MOMENTS, lengths: bool = False
) -> int:
    """Return the bytes that training takes beyond what the process holds before it.

    They are those of a batch, the arrays of a forward and a backward pass, the gradients and the optimizer's moments.

    Parameters
    ----------
    net
        The network; it is not changed, a copy of it runs.
    T, B
        Steps and samples of a batch.
    memory
        "keep" or "recompute".
    moments
        Arrays of the parameters' size that the optimizer holds: 2 for Adam, 1 for SGD.
    lengths
        Whether batches come with lengths.
    """
    _check.choice("memory.estimate", "memory", memory, MEMORY)
    _check.at_least("memory.estimate", "T", T, 1)
    _check.at_least("memory.estimate", "B", B, 1)
    batch = Batch(T, B, _inputs(net), lengths)
    inside = _whole(net, batch) if memory == KEEP else _in_windows(net, batch)
    return inside + moments * net.flat.nbytes


def evaluation(net: Sequential, T: int, B: int, statistics: int = 0, lengths: bool = False) -> int:
    """Return the bytes that an evaluation takes: inference on batches of B, or, if that takes more, batch norm's
    statistics from a batch of `statistics` samples.
    """
    D = _inputs(net)
    found = [_inference(net, Batch(T, B, D, lengths))]
    if statistics and net.buffers:
        found.append(_statistics(net, Batch(T, statistics, D, lengths)))
    return max(found)


def size(count: int) -> str:
    """Bytes in words."""
    for unit, power in (("GiB", 30), ("MiB", 20)):
        if count >= 2**power:
            return f"{count / 2**power:.3g} {unit}"
    return f"{count / 2**10:.3g} KiB"


def _whole(net: Sequential, batch: Batch) -> int:
    """A batch, and a forward and a backward pass that keeps everything."""

    def go(copy: Sequential, part: Batch) -> Any:
        x = part.array(copy)
        y, _, tape = copy.forward(x, lengths=part.ends(), work=Workspace())
        target, dy = (copy.ops.zeros(y.shape, y.dtype) for _ in range(2))
        return copy.backward(dy, tape), target

    return _on_a_line(net, batch, go)


def _in_windows(net: Sequential, batch: Batch) -> int:
    """The same for memory="recompute": the pass over one window, the edges, and what has all steps."""
    T, B, D = batch.steps, batch.samples, batch.inputs
    recompute.check("memory.estimate", net.layers)
    windows = recompute.cut(T, recompute.window_length(T, *recompute.sizes(net.layers, B, D)))
    window = windows[0][1]
    state, outputs = _state_and_outputs(net, batch)
    edges = len(windows) * state
    # x, dx; y at each step in a buffer of its own, target and dy: the pass over a window has counted its part of them
    dx = 0 if net.symbols is not None else (T - window) * B * D  # symbols have none
    whole = T * B * D + dx + (T + 2 * (T - window)) * B * outputs
    one = Batch(window, B, D, batch.lengths)
    return _whole(net, one) + edges + whole * net.dtype.itemsize


def _inference(net: Sequential, batch: Batch) -> int:
    """A batch and its output, and the arrays of a window."""
    T, B, D = batch.steps, batch.samples, batch.inputs
    window = inference.window_length(net, T, B)
    work = (lambda: None) if window == T else Workspace

    def go(copy: Sequential, part: Batch) -> Any:
        x = part.array(copy)
        return copy.forward(x, lengths=part.ends(), training=False, work=work())

    _, outputs = _state_and_outputs(net, batch)
    inside = _on_a_line(net, Batch(window, B, D, batch.lengths), go)
    return inside + (T - window) * B * (D + outputs) * net.dtype.itemsize


def _statistics(net: Sequential, batch: Batch) -> int:
    """A batch, and a pass without a workspace."""

    def go(copy: Sequential, part: Batch) -> Any:
        return copy.recompute_statistics([(part.array(copy), part.ends())])

    return _on_a_line(net, batch, go)


def _on_a_line(net: Sequential, batch: Batch, go: Callable[[Sequential, Batch], Any]) -> int:
    """Return the bytes that `go` takes with this batch: counted, or led on from two short ones."""
    short, T = _short(net, batch), batch.steps
    if 2 * short >= T:
        return _counted(net, batch, go)
    low, high = (
        _counted(net, Batch(steps, batch.samples, batch.inputs, batch.lengths), go)
        for steps in (short, 2 * short)
    )
    return round(high + (high - low) * (T - 2 * short) / short)


def _short(net: Sequential, batch: Batch) -> int:
    """Steps from which on every thread has work in each layer, and more of it than a chunk that fits its cache."""
    layers = [layer for _, layer in named_layers(net.layers)]
    recurrent = (getattr(layer, "layer", layer) for layer in layers)  # a Bidirectional holds one
    widths = [layer.state_size for layer in recurrent if layer.state_size] or [1]
    step = batch.samples * net.dtype.itemsize
    largest = max((value.nbytes for value in net.params.values()), default=0)
    chunk = max(_machine.caches().get("L2", 2**20), 2 * largest, _threads.SMALL * net.dtype.itemsize)
    most = MEASURED / (2 * step * max(1, sum(layer.outputs or 0 for layer in layers)))
    return max(1, math.ceil(min(_threads.threads() * chunk / (step * min(widths)), most)))


def _counted(net: Sequential, batch: Batch, go: Callable[[Sequential, Batch], Any]) -> int:
    """Return the most bytes that `go` holds at once; before it is counted it runs once, to be compiled."""
    copy = net.astype(net.dtype)
    go(copy, batch)
    return net.ops.peak(lambda: go(copy, batch))


def _state_and_outputs(net: Sequential, batch: Batch) -> tuple[int, int]:
    """Return the bytes of the states of all layers, and the outputs K of each step, 0 if only the last is read."""
    x = Batch(1, batch.samples, batch.inputs).array(net)
    y, state, _ = net.forward(x, training=False)
    return _state_bytes(state), y.shape[2] if y.ndim == 3 else 0


def _state_bytes(state: Any) -> int:
    """The bytes of all arrays in a state, which may be nested."""
    if isinstance(state, tuple):
        return sum(_state_bytes(part) for part in state)
    return state.nbytes if _check.is_array(state) else 0


def _inputs(net: Sequential) -> int:
    """The inputs D of the first layer that says how many it takes; of symbols, the numbers that one is as large as."""
    if net.symbols is not None:
        return 8 // net.dtype.itemsize
    return next((layer.inputs for layer in net.layers if layer.inputs), 1)
