"""Training passes in windows of time, which keep the states at the windows' edges and compute the others again.

    forward     window after window, as training does (dropout, statistics); kept are the states before each window
    backward    from the last window to the first: the window is run again from its edge, and its layers' backward
                takes the gradient of the state that the window after it gave; the last one is still there

Memory is then (windows - 1) edges and the arrays of one window, in the place of the arrays of all steps (Chen et al.
2016, arXiv:1604.06174); the price is one forward pass more. What looks ahead in time can't be run in windows: layers
in reverse, and batch norm over the whole sequence.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check, _threads
from .layers import LastStep, Layer
from .layers.base import Context
from .layers.chain import Tape, backward_layers, forward_layers, named_layers
from .parameters import Views
from .stack import take
from .workspace import Workspace

if TYPE_CHECKING:
    from .sequential import Sequential

# What a training pass does with the states that backward needs.
KEEP, RECOMPUTE = MEMORY = ("keep", "recompute")

# Windows are made longer than memory asks for, until a layer's pass is long beside what starting it costs (so many
# elements on each thread), but not fewer than so many.
PASS = 8 * _threads.SMALL
FEWEST = 8


@dataclasses.dataclass
class WindowsTape:
    """What backward needs of a forward pass in windows; with a workspace it is valid until the next forward pass.

    contexts: of a pass without lengths. edges: the states before each window's first step. last: the tape of the last
    window, None once its arrays were used for another one.
    """

    x: np.ndarray
    lengths: np.ndarray | None
    contexts: tuple[Context, ...]
    windows: list[tuple[int, int]]
    work: Workspace
    output: np.ndarray
    edges: list[Sequence[Any]] = dataclasses.field(default_factory=list)
    last: Tape | None = None

    def run(
        self, layers: Sequence[Layer], k: int, **changes: Any
    ) -> tuple[np.ndarray, tuple[Any, ...], Tape]:
        """Run window k from its edge; `changes` are fields of the contexts."""
        part, contexts = self.window(k, **changes)
        return forward_layers(layers, part, self.edges[k], contexts)

    def window(self, k: int, **changes: Any) -> tuple[np.ndarray, list[Context]]:
        """The input of window k and what its layers get."""
        t0, t1 = self.windows[k]
        ends = None if self.lengths is None else np.clip(self.lengths - t0, 0, t1 - t0)
        contexts = [dataclasses.replace(ctx, lengths=ends, **changes) for ctx in self.contexts]
        return take(contexts[0].ops, self.x[t0:t1], ends, changes.get("work", self.work)), contexts

    def again(self, layers: Sequence[Layer], k: int, **changes: Any) -> Tape:
        """Run window k again, for its tape; running statistics have taken its batch already."""
        return self.run(layers, k, momentum=0.0, **changes)[2]


def forward(
    net: Sequential, x: np.ndarray, states: Sequence[Any], lengths: np.ndarray | None, training: bool,
    work: Workspace | None = None, window: int | None = None,
) -> tuple[np.ndarray, tuple[Any, ...], WindowsTape]:  # fmt: skip
    """Run x (T, B, D), which was checked, in windows of `window` steps; returns output, states and tape."""
    check("Sequential.forward", net.layers, training)
    T, B = x.shape[:2]
    D = x.shape[2] if x.ndim == 3 else 0  # symbols
    windows = cut(T, window or window_length(T, *sizes(net.layers, B, D)))
    work = Workspace() if work is None else work
    contexts = tuple(net.context(i, training=True, work=work) for i in range(len(net.layers)))
    tape = WindowsTape(net.ops.bring(x), lengths, contexts, windows, work, x)
    after: tuple[Any, ...] = tuple(states)
    for k, (t0, t1) in enumerate(windows):
        stored = [
            _stored(s, k, len(windows), ctx, f"edges {i}")
            for i, (s, ctx) in enumerate(zip(after, contexts, strict=True))
        ]
        tape.edges.append(tuple(stored))
        tape.last = None  # buffers that grow now are not held twice
        y, after, tape.last = tape.run(net.layers, k)
        every = y.ndim == 3
        if k == 0:  # a buffer of its own, for backward runs the layers again
            tape.output = work.array(
                "output", (T, *y.shape[1:]) if every else y.shape, y.dtype, net.ops.empty
            )
        net.ops.assign(tape.output[t0:t1] if every else tape.output, y)
    return tape.output, after, tape


def backward(
    layers: Sequence[Layer], dy: np.ndarray, tape: WindowsTape, dstate: Sequence[Any] | None,
    probe: Callable[..., None] | None, grads: Views,
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    """Twin of chain.backward_layers for a pass in windows; `probe` gets steps of the whole sequence."""
    ops = tape.contexts[0].ops
    symbols = tape.x.ndim == 2  # which have no gradient
    dx = None if symbols else tape.work.array("input gradient", tape.x.shape, tape.x.dtype, ops.empty)
    nothing = (
        ops.zeros(dy.shape, dy.dtype) if dy.ndim == 2 else dy
    )  # it reaches all windows but the last by the state
    last, tape.last = tape.last, None
    for k in reversed(range(len(tape.windows))):
        t0, t1 = tape.windows[k]
        last = last or tape.again(layers, k)
        part = dy[t0:t1] if dy.ndim == 3 else (dy if t1 == len(tape.x) else nothing)
        shifted = None if probe is None else functools.partial(_shifted, probe, t0)
        dx_part, dstate = backward_layers(layers, part, last, dstate, shifted, grads)
        if dx is not None:
            ops.assign(dx[t0:t1], dx_part)
        last = None  # so that this window's arrays are not held beside those of the next
    return dx, tuple(dstate or ())


def tapes(layers: Sequence[Layer], tape: WindowsTape) -> Iterator[Tape]:
    """The tapes of all windows, first to last, in arrays of their own."""
    for k in range(len(tape.windows)):
        yield tape.again(layers, k, work=None)


def check(where: str, layers: Sequence[Layer], training: bool = True) -> None:
    """Check that a network can be trained in windows; the error names the layer that forbids it."""
    because = f"because memory={RECOMPUTE!r} runs the network in windows of time"
    if not training:
        _check.fail(
            where, "training is False", "True", f"{because} for a backward pass; net.infer does for inference"
        )
    for place, layer in named_layers(layers):
        name = f"layers[{place}] {type(layer).__name__}"
        if not layer.causal:
            _check.fail(where, f"{name} reads later steps", f"memory={KEEP!r}", because)
        if layer.stretches_over_time:
            _check.fail(where, f"{name} takes statistics over the whole sequence",
                        f"memory={KEEP!r} or statistics per step", because)  # fmt: skip


def window_length(T: int, edge: int, step: int, least: int) -> int:
    """The steps of a window for which edges and one window's arrays are smallest together.

    Parameters
    ----------
    T
        Steps of the sequence.
    edge, step
        Numbers that an edge holds, and that the arrays of a window hold for each step.
    least
        Steps that make a pass worth its start; windows get as long, if there are still `FEWEST` of them.
    """
    ideal = math.sqrt(T * step / edge) if edge else T  # windows: the minimum of n·edge + T/n·step
    counts = {min(max(1, n), max(1, T)) for n in (math.floor(ideal), math.ceil(ideal))}
    count = min(counts, key=lambda n: ((n - 1) * edge + math.ceil(T / n) * step, n))
    return max(1, math.ceil(T / count), min(least, math.ceil(T / FEWEST)))


def cut(T: int, window: int) -> list[tuple[int, int]]:
    """Windows [t0, t1) of at most that many steps, none longer than the first, whose buffers then do for all."""
    count = max(1, math.ceil(T / window))
    steps, longer = divmod(T, count)
    return list(itertools.pairwise(i * steps + min(i, longer) for i in range(count + 1)))


def sizes(layers: Sequence[Layer], B: int, D: int) -> tuple[int, int, int]:
    """What `window_length` takes of a network and a batch (T, B, D): edge, step, least."""
    edge, step, width, widest = 0, 0, D, 1
    for _, layer in named_layers(layers):
        if isinstance(layer, LastStep):  # behind it there is no time
            break
        width = layer.outputs or width
        edge += layer.state_size
        step, widest = step + (layer.kept_size or width), max(widest, width)
    least = math.ceil(_threads.threads() * PASS / max(1, B * widest))
    return B * edge, B * (step + 2 * widest), least  # two for gradients, which alternate


def _stored(state: Any, k: int, count: int, ctx: Context, name: str) -> Any:
    """A state copied to row k of a buffer for all edges; what is no array is kept as it is."""
    if isinstance(state, tuple):
        return tuple(_stored(part, k, count, ctx, f"{name}.{i}") for i, part in enumerate(state))
    if not _check.is_array(state):
        return state
    rows = ctx.array(name, (count, *state.shape), state.dtype)
    ctx.ops.assign(rows[k], state)
    return rows[k]


def _shifted(probe: Callable[..., None], start: int, layer: str, t0: int, t1: int, dh: Any, da: Any) -> None:
    """Call a probe of the whole sequence from inside a window that starts at step `start`."""
    probe(layer, start + t0, start + t1, dh, da)
