"""Estimate of the memory of training before it starts.

The memory of a pass is linear in T once T exceeds the chunks of the kernels. The estimate runs a
copy of the network on two short sequences, measures the memory, and extrapolates to T. It does not
depend on the layers' buffers, so it stays correct when the layers change.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np

from .. import _check, _machine
from .._cpu import threads
from .._types import Array, LossFunction, Record, State
from ..layers import single_values
from ..layers.chain import named_layers
from ..networks import inference, recompute
from ..networks.recompute import KEEP, MEMORY
from ..networks.sequential import Sequential
from ..optim.class_options import NEITHER, ClassOptions
from ..workspace import Workspace
from . import readout_blocks

MOMENTS = 2  # arrays of the size of the parameters that Adam holds
REMEMBERED = 1000  # measured passes that a process caches
MEASURED = 2**27  # bytes: approximate limit of the longer of the two short passes
_KNOWN: dict[Hashable, int] = {}


@dataclass(frozen=True)
class Batch:
    """Time steps and samples of a batch, whether the samples have lengths, and whether the read-out runs in blocks."""

    steps: int
    samples: int
    lengths: bool = False
    blocks: bool = False

    def array(self, net: Sequential) -> Record:
        """Return an input of this shape for a network."""
        if net.symbols is not None:
            return net.device.asarray(np.zeros((self.steps, self.samples), np.int64))
        return net.device.zeros((self.steps, self.samples, _inputs(net)), net.dtype)

    def ends(self) -> Array | None:
        """Return the lengths of full samples, or None for a batch without lengths."""
        return np.full(self.samples, self.steps) if self.lengths else None


def estimate(
    net: Sequential, T: int, B: int, memory: str = KEEP, moments: int = MOMENTS, lengths: bool = False,
    loss: str | LossFunction = "", classes: ClassOptions = NEITHER,
) -> int:  # fmt: skip
    """Return the additional memory of training in bytes.

    It consists of a batch, the arrays of a forward and a backward pass, the gradients and the
    moments.

    Parameters
    ----------
    net : Sequential
        Network. A copy of it runs, so it is not changed.
    T, B : int
        Time steps and samples of a batch.
    memory : {"keep", "recompute"}
        Memory mode of the run.
    moments : int
        Arrays of the size of the parameters that the optimizer holds: 2 for Adam, 1 for SGD.
    lengths : bool
        Whether batches have lengths.
    loss, classes
        Loss of the run and its class options, by which the read-out runs in blocks (readout_blocks.py).
    """
    _check.choice("memory.estimate", "memory", memory, MEMORY)
    _check.boolean("memory.estimate", "lengths", lengths)
    _check.at_least("memory.estimate", "T", T, 1)
    _check.at_least("memory.estimate", "B", B, 1)
    batch = Batch(T, B, lengths, readout_blocks.applies_to_steps(net, loss, T, B, classes))
    inside = _whole(net, batch) if memory == KEEP else _in_windows(net, batch)
    return inside + moments * net.flat.nbytes


def least(net: Sequential, T: int, B: int, moments: int = MOMENTS) -> int:
    """Return a lower bound on the memory of training in bytes, for both memory modes.

    It is computed without running the network, from the input, the recurrent states at one time
    step, the gradients and the moments.
    """
    layers = [layer for _, layer in named_layers(net.layers)]
    states = sum(layer.outputs or 0 for layer in layers if layer.state_size)
    numbers = T * B * _inputs(net) + B * states + (1 + moments) * net.size
    return numbers * net.dtype.itemsize


def evaluation(
    net: Sequential, T: int, B: int, statistics: int = 0, lengths: bool = False, loss: str | LossFunction = ""
) -> int:
    """Return the memory in bytes of inference on B samples or of statistics from `statistics`, the larger."""
    passes = [_inference(net, Batch(T, B, lengths, readout_blocks.applies_to_steps(net, loss, T, B)))]
    if statistics and net.buffers:
        passes.append(_statistics(net, Batch(T, statistics, lengths)))
    return max(passes)


def input_bytes(net: Sequential) -> int:
    """Return the bytes of one time step of one input sample."""
    return _inputs(net) * net.dtype.itemsize


def _whole(net: Sequential, batch: Batch) -> int:
    """Return the bytes of a batch and of a forward and a backward pass that keeps all states."""

    def go(copy: Sequential, part: Batch) -> Record:
        x, work = part.array(copy), Workspace()
        below = readout_blocks.scored(copy, part.blocks)
        y, _, tape = below.forward(x, lengths=part.ends(), work=work)
        if part.blocks:
            _, dy, *target = readout_blocks.trial(copy, y, work)  # gradients of the read-out, and no targets
        else:
            target, dy = (copy.device.zeros(y.shape, y.dtype) for _ in range(2))
        return below.backward(dy, tape, input_gradient=False), target

    return _extrapolated(net, batch, go, "training")


def _in_windows(net: Sequential, batch: Batch) -> int:
    """Return the bytes with memory="recompute": a pass over one window, the edges, and arrays of length T."""
    T, B, D = batch.steps, batch.samples, _inputs(net)
    below = readout_blocks.scored(net, batch.blocks)
    recompute.check("memory.estimate", below.layers)
    windows = recompute.cut(T, recompute.window_length(T, *recompute.sizes(below.layers, B, D)))
    window = windows[0][1]
    state, outputs = _state_and_outputs(below, batch)
    edges = len(windows) * state
    # x, and with an output at each step y, target and dy; the pass over a window includes its share
    whole = T * B * D + (T + 2 * (T - window)) * B * outputs
    return _whole(net, replace(batch, steps=window)) + edges + whole * net.dtype.itemsize


def _inference(net: Sequential, batch: Batch) -> int:
    """Return the bytes of a batch, its output, and the arrays of one window."""
    T, B = batch.steps, batch.samples
    scored = readout_blocks.scored(net, batch.blocks)
    window = inference.window_length(scored, T, B)
    work = (lambda: None) if window == T else Workspace

    def go(copy: Sequential, part: Batch) -> Record:
        below = readout_blocks.scored(copy, part.blocks)
        passed = below.forward(part.array(copy), lengths=part.ends(), training=False, work=work())
        if part.blocks:
            readout_blocks.trial_evaluation(copy, passed[0])
        return passed

    _, outputs = _state_and_outputs(scored, batch)
    inside = _extrapolated(net, replace(batch, steps=window), go, f"inference, {window == T}")
    return inside + (T - window) * B * (_inputs(net) + outputs) * net.dtype.itemsize


def _statistics(net: Sequential, batch: Batch) -> int:
    """Return the bytes of a batch and of a pass without a workspace."""

    def go(copy: Sequential, part: Batch) -> Record:
        return copy.recompute_statistics([(part.array(copy), part.ends())])

    return _extrapolated(net, batch, go, "statistics")


def _extrapolated(net: Sequential, batch: Batch, go: Callable[[Sequential, Batch], Record], name: str) -> int:
    """Return the bytes of `go` with a batch, measured or extrapolated from two short sequences.

    `name` identifies `go` in the cache of measurements.
    """
    short, T = _short(net, batch), batch.steps
    if 2 * short >= T:
        return _remembered(net, batch, go, name)
    low, high = (_remembered(net, replace(batch, steps=steps), go, name) for steps in (short, 2 * short))
    return round(high + (high - low) * (T - 2 * short) / short)


def _short(net: Sequential, batch: Batch) -> int:
    """Return time steps at which each thread has more than one cache-sized chunk of work in each layer."""
    layers = [layer for _, layer in named_layers(net.layers)]
    recurrent = (getattr(layer, "layer", layer) for layer in layers)  # a Bidirectional holds one
    widths = [layer.state_size for layer in recurrent if layer.state_size] or [1]
    step = batch.samples * net.dtype.itemsize
    largest = max((value.nbytes for value in net.params.values()), default=0)
    chunk = max(_machine.caches().get("L2", 2**20), 2 * largest, threads.SMALL * net.dtype.itemsize)
    most = MEASURED / (2 * step * max(1, sum(layer.outputs or 0 for layer in layers)))
    return max(1, math.ceil(min(threads.threads() * chunk / (step * min(widths)), most)))


def _remembered(net: Sequential, batch: Batch, go: Callable[[Sequential, Batch], Record], name: str) -> int:
    """Return the result of `_counted`, cached by the description of the network.

    Python before 3.12.5 leaks some kilobytes each time that tracemalloc stops, and a process may
    call `fit` thousands of times (github.com/python/cpython/issues/121390).
    """
    key = _key(net, batch, name)
    if key in _KNOWN:
        return _KNOWN[key]
    count = _counted(net, batch, go)
    if key is not None:
        if len(_KNOWN) >= REMEMBERED:
            _KNOWN.clear()
        _KNOWN[key] = count
    return count


def _counted(net: Sequential, batch: Batch, go: Callable[[Sequential, Batch], Record]) -> int:
    """Return the peak memory of `go` in bytes. A first run, which is not measured, compiles the kernels."""
    copy = single_values.accept(net.astype(net.dtype))
    go(copy, batch)
    return net.device.peak(lambda: go(copy, batch))


def _key(net: Sequential, batch: Batch, name: str) -> Hashable | None:
    """Return the cache key of a measurement, or None if a layer has no description."""
    try:
        layers = json.dumps(net.spec()["layers"], default=repr)
    except TypeError:
        return None
    kinds = tuple(type(layer) for _, layer in named_layers(net.layers))
    digest = hashlib.sha256(layers.encode()).digest()
    return digest, kinds, net.dtype, net.backend, threads.threads(), batch, name


def _state_and_outputs(net: Sequential, batch: Batch) -> tuple[int, int]:
    """Return the bytes of all states, and the outputs K per time step, 0 for an output without a time axis."""
    y, state, _ = net.forward(Batch(1, batch.samples).array(net), training=False)
    return _state_bytes(state), y.shape[2] if y.ndim == 3 else 0


def _state_bytes(state: State) -> int:
    """Return the bytes of all arrays in a nested state."""
    if isinstance(state, tuple):
        return sum(_state_bytes(part) for part in state)
    return state.nbytes if _check.is_array(state) else 0


def _inputs(net: Sequential) -> int:
    """Return the input width D of the network; for symbols, the size of an int64 in elements."""
    if net.symbols is not None:
        return 8 // net.dtype.itemsize
    return next((layer.inputs for layer in net.layers if layer.inputs), 1)
