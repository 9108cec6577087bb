"""Run training passes in windows of time: keep the states at window edges, recompute the others.

    forward     run the windows in order; keep the state before each window
    backward    run each window again from its edge, from last to first, and propagate the
                gradient of the state from the next window; the last window is still in memory

Memory holds (windows - 1) edges and the arrays of one window instead of the arrays of all steps
(Chen et al. 2016, arXiv:1604.06174), at the cost of one more forward pass. Layers that depend on
later steps cannot run in windows: layers in reverse, and batch norm over the whole sequence.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import _check
from .._cpu import threads
from .._types import AnyArray, Array, Probe, Record, State, Value
from ..layers import LastStep, Layer
from ..layers.chain import Tape, backward_layers, forward_layers, named_layers, network_input
from ..layers.context import Context, Shard
from ..parameters import Views
from ..workspace import Workspace
from . import tape_stamp

if TYPE_CHECKING:
    from ..device import Device
    from .network import Network

# Values of the option `memory`: keep the states that backward needs, or recompute them.
KEEP, RECOMPUTE = MEMORY = ("keep", "recompute")

# Windows are longer than memory requires, until compute dominates the launch overhead of a layer.
PASS = 8 * threads.SMALL  # smallest number of elements of a layer's pass on each thread
FEWEST = 8  # smallest number of windows after windows are lengthened


@dataclasses.dataclass
class WindowsTape:
    """Values of a forward pass in windows that backward needs.

    With a workspace, they are valid until the next pass. `contexts` belong to the whole pass, and
    each window replaces the lengths. `edges` are the states before the first step of each window.
    `last` is the tape of the last window, or None once its arrays are reused.
    """

    x: AnyArray
    lengths: Array | None
    contexts: tuple[Context, ...]
    windows: list[tuple[int, int]]
    work: Workspace
    output: AnyArray
    stamp: tape_stamp.Stamp
    edges: list[Sequence[State]] = dataclasses.field(default_factory=list)
    last: Tape | None = None

    def kept(self) -> Iterator[tuple[str, Record]]:
        """Yield the name and the nested arrays of each stored entry that backward reads."""
        yield "y", self.output
        yield from ((f"the state before window {k}", edge) for k, edge in enumerate(self.edges))

    def run(
        self, layers: Sequence[Layer], k: int, **changes: Value
    ) -> tuple[AnyArray, tuple[State, ...], Tape]:
        """Run window k from its edge; `changes` are fields of the Pass, or `work`."""
        part, contexts = self.window(k, **changes)
        return forward_layers(layers, part, self.edges[k], contexts)

    def window(self, k: int, **changes: Value) -> tuple[AnyArray, list[Context]]:
        """Return the input of window k and the contexts of its layers."""
        t0, t1 = self.windows[k]
        ends = None if self.lengths is None else np.clip(self.lengths - t0, 0, t1 - t0)
        work, first = changes.pop("work", self.work), self.contexts[0]
        run = dataclasses.replace(first.run, lengths=ends, sequence_length=len(self.x), **changes)
        contexts = [dataclasses.replace(ctx, run=run, work=work) for ctx in self.contexts]
        return network_input(self.x[t0:t1], contexts[0]), contexts

    def again(self, layers: Sequence[Layer], k: int, **changes: Value) -> Tape:
        """Run window k again and return its tape, without updating the running statistics."""
        return self.run(layers, k, momentum=0.0, **changes)[2]


def forward(
    net: Network, x: AnyArray, states: Sequence[State], lengths: Array | None, training: bool,
    work: Workspace | None = None, window: int | None = None, shard: Shard | None = None,
) -> tuple[AnyArray, tuple[State, ...], WindowsTape]:  # fmt: skip
    """Run a checked x (T, B, D) in windows of `window` steps; return output, states and tape."""
    check("Sequential.forward", net.layers, training)
    T, B = x.shape[:2]
    D = x.shape[2] if x.ndim == 3 else 0  # symbols
    windows = cut(T, window or window_length(T, *sizes(net.layers, B, D)))
    work = Workspace() if work is None else work
    stamp = tape_stamp.begin(net.identity, work)
    contexts = net.contexts(work, lengths=lengths, training=True, shard=shard)
    tape = WindowsTape(net.device.bring(x), lengths, contexts, windows, work, x, stamp)
    after: tuple[State, ...] = tuple(states)
    for k, (t0, t1) in enumerate(windows):
        stored = [
            _stored(s, k, len(windows), ctx, f"edges {i}")
            for i, (s, ctx) in enumerate(zip(after, contexts, strict=True))
        ]
        tape.edges.append(tuple(stored))
        tape.last = None  # release the arrays of the previous window before buffers grow
        y, after, tape.last = tape.run(net.layers, k)
        every = y.ndim == 3
        if k == 0:  # separate buffer, because backward runs the layers again
            tape.output = work.array(
                "output", (T, *y.shape[1:]) if every else y.shape, y.dtype, net.device.empty
            )
        net.device.assign(tape.output[t0:t1] if every else tape.output, y)
    tape_stamp.finish(stamp, tape, tape.x, net.params, net.device)
    return tape.output, after, tape


def backward(
    layers: Sequence[Layer], dy: AnyArray, tape: WindowsTape, dstate: Sequence[State] | None,
    probe: Probe | None, grads: Views, input_gradient: bool = True,
) -> tuple[AnyArray, tuple[State, ...]]:  # fmt: skip
    """Run chain.backward_layers window by window; `probe` gets steps of the whole sequence."""
    device = tape.contexts[0].ops.device
    input_gradient = input_gradient and tape.x.ndim == 3  # symbols have no gradient
    dx = None
    if input_gradient:
        dx = tape.work.array("input gradient", tape.x.shape, tape.x.dtype, device.empty)
    # The gradient of an output of the last step reaches earlier windows through the state only.
    zero = device.zeros(dy.shape, dy.dtype) if dy.ndim == 2 else dy
    last, tape.last = tape.last, None
    for k in reversed(range(len(tape.windows))):
        t0, t1 = tape.windows[k]
        last = last or tape.again(layers, k)
        part = dy[t0:t1] if dy.ndim == 3 else (dy if t1 == len(tape.x) else zero)
        shifted = None if probe is None else functools.partial(_shifted, probe, t0)
        dx_part, dstate = backward_layers(
            layers, part, last, dstate, shifted, grads, input_gradient=input_gradient
        )
        if dx is not None:
            device.assign(dx[t0:t1], dx_part)
        last = None  # release this window's arrays before the next window runs
    return dx, tuple(dstate or ())


def gates(layers: Sequence[Layer], tape: Tape | WindowsTape, device: Device) -> list[Array]:
    """Return the gates of each piecewise linear recurrence: NumPy (T, B, H), true if open."""
    windows: list[list[Array]] = []
    for part in tapes(layers, tape) if isinstance(tape, WindowsTape) else [tape]:
        states = [h for layer, kept in zip(layers, part.layers, strict=True) for h in layer.rectified(kept)]
        windows.append([device.to_host(h) > 0 for h in states])
    return [np.concatenate(parts) for parts in zip(*windows, strict=True)]


def tapes(layers: Sequence[Layer], tape: WindowsTape) -> Iterator[Tape]:
    """Yield the tapes of all windows, first to last, each in newly allocated arrays."""
    for k in range(len(tape.windows)):
        yield tape.again(layers, k, work=None)


def check(where: str, layers: Sequence[Layer], training: bool = True) -> None:
    """Check that a network can be trained in windows; the error names the layer that cannot."""
    because = f"because memory={RECOMPUTE!r} runs the network in windows of time"
    if not training:
        because += " for a backward pass; use net.infer for inference"
        _check.fail(where, "training is False", "True", because)
    for path, layer in named_layers(layers):
        name = f"layers[{path}] {type(layer).__name__}"
        if not layer.causal:
            _check.fail(where, f"{name} reads later steps", f"memory={KEEP!r}", because)
        if layer.stretches_over_time:
            expected = f"memory={KEEP!r} or per_step=True"
            _check.fail(where, f"{name} takes statistics over the whole sequence", expected, because)


def window_length(T: int, edge: int, step: int, least: int) -> int:
    """Return the window length that minimises the memory of all edges and of one window's arrays.

    Parameters
    ----------
    T : int
        Steps of the sequence.
    edge, step : int
        Elements of an edge, and elements of a window's arrays for each step.
    least : int
        Smallest window length, unless it would leave fewer than `FEWEST` windows.
    """
    ideal = math.sqrt(T * step / edge) if edge else T  # number n of windows: min of n·edge + T/n·step
    counts = {min(max(1, n), max(1, T)) for n in (math.floor(ideal), math.ceil(ideal))}
    count = min(counts, key=lambda n: ((n - 1) * edge + math.ceil(T / n) * step, n))
    return max(1, math.ceil(T / count), min(least, math.ceil(T / FEWEST)))


def cut(T: int, window: int) -> list[tuple[int, int]]:
    """Return windows [t0, t1) of at most `window` steps; the first is the longest.

    The buffers of the first window therefore fit all windows.
    """
    count = max(1, math.ceil(T / window))
    steps, longer = divmod(T, count)
    return list(itertools.pairwise(i * steps + min(i, longer) for i in range(count + 1)))


def sizes(layers: Sequence[Layer], B: int, D: int) -> tuple[int, int, int]:
    """Return edge, step and least of `window_length` for a batch (T, B, D)."""
    edge, step, width, widest = 0, 0, D, 1
    for _, layer in named_layers(layers):
        if isinstance(layer, LastStep):  # later layers have no time axis
            break
        width = layer.outputs or width
        edge += layer.state_size
        step, widest = step + (layer.kept_size or width), max(widest, width)
    least = math.ceil(threads.threads() * PASS / max(1, B * widest))
    return B * edge, B * (step + 2 * widest), least  # gradients alternate between two buffers


def _stored(state: State, k: int, count: int, ctx: Context, name: str) -> State:
    """Copy the arrays of a state to row k of a buffer for all edges; return other states as is."""
    if isinstance(state, tuple):
        return tuple(_stored(part, k, count, ctx, f"{name}.{i}") for i, part in enumerate(state))
    if not _check.is_array(state):
        return state
    rows = ctx.array(name, (count, *state.shape), state.dtype)
    ctx.ops.device.assign(rows[k], state)
    return rows[k]


def _shifted(probe: Probe, start: int, layer: str, t0: int, t1: int, dh: AnyArray, da: AnyArray) -> None:
    """Call a probe of the whole sequence from inside a window that starts at step `start`."""
    probe(layer, start + t0, start + t1, dh, da)
