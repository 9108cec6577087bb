"""Arguments of a pass: Pass, the options of all layers, Shard, and Context, the arrays of one layer."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .._types import AnyArray, Array, DType, DTypeLike, Probe, Value
from ..workspace import Workspace
from .fusion import LastRow

if TYPE_CHECKING:
    from ..backend import Backend


@dataclasses.dataclass(frozen=True)
class Shard:
    """A part of a batch with a pass of its own (training/shards.py).

    Parameters
    ----------
    number : int
        Position in the batch, which the dropout masks depend on. Shard 0 has the masks of a whole
        batch.
    first : int
        Position of its first sample in the batch.
    updates : list of callables
        The pass appends its updates of the running statistics instead of making them.
    gather : callable, optional
        Returns the values of the shards of all ranks, in their order, from a list of this rank's.
        Batch norm then has the statistics of all shards (shared_statistics.py).
    """

    number: int = 0
    first: int = 0
    updates: list[Callable[[], object]] = dataclasses.field(default_factory=list)
    gather: Callable[[list[Value]], list[Value]] | None = None


@dataclasses.dataclass(frozen=True)
class Pass:
    """Options of one pass through a network, shared by all its layers.

    Parameters
    ----------
    lengths : int array (B,), optional
        Sequence length of each sample; None if all samples have T steps.
    training : bool
        Keep a tape, apply dropout, and normalise by the statistics of the batch.
    dropout : bool
        Apply dropout in training.
    fuse : bool
        Let a layer apply the batch norm and dropout before it (fusion.py). A single time step is
        not fused.
    momentum : float, optional
        Momentum of the running statistics; None uses the momentum of each layer.
    seed, iteration : int
        Numbers from which each layer derives its random numbers.
    running : bool
        Normalise by the running statistics in a training pass, so that samples do not depend on each
        other. The tape is then for `sample_gradients` only.
    probe : callable, optional
        Function that backward calls with the gradients (`Sequential.backward`).
    sequence_length : int, optional
        Time steps of the sequence, if the pass runs a window of it (networks/recompute.py). None:
        those of the pass.
    shard : Shard, optional
        Part of a batch that the pass runs. None: a whole batch.
    """

    lengths: Array | None = None
    training: bool = False
    dropout: bool = True
    fuse: bool = True
    momentum: float | None = None
    seed: int = 0
    iteration: int = 0
    running: bool = False
    probe: Probe | None = None
    sequence_length: int | None = None
    shard: Shard | None = None


@dataclasses.dataclass(frozen=True)
class Context:
    """Arrays of a layer in one pass, by the names that the layer uses.

    Parameters
    ----------
    ops : Backend
        Table of operations, with its device.
    params, buffers, grads : mapping of str to array
        Arrays of the whole network; names that begin with `prefix` belong to the layer.
    dtype : dtype
        Data type of the network.
    run : Pass
        Options of the pass, the same for all layers.
    work : Workspace, optional
        Buffers that are reused between iterations.
    fused : bool
        Whether a later layer applies this batch norm (fusion.py).
    slot : str
        Name of the buffer that backward writes. Gradients alternate between two buffers.
    input_gradient : bool
        Whether anything reads dx. If not, backward may return None for it.
    directions : mapping of str to array
        Direction of each parameter of the network, for tangents.
    steps : int, optional
        Sequence length T of the network, from which the bounds on |u| follow.
    """

    ops: Backend
    params: Mapping[str, AnyArray]
    buffers: Mapping[str, AnyArray]
    dtype: DType
    run: Pass = Pass()
    work: Workspace | None = None
    prefix: str = ""
    fused: bool = False
    slot: str = ""
    grads: Mapping[str, AnyArray] = dataclasses.field(default_factory=dict)
    input_gradient: bool = True
    directions: Mapping[str, AnyArray] = dataclasses.field(default_factory=dict)
    steps: int | None = None

    def child(self, name: str) -> Context:
        """Return the context of an inner layer whose names start with `name.`."""
        return dataclasses.replace(self, prefix=f"{self.prefix}{name}.", slot=f"{self.slot}{name}.")

    def param(self, name: str) -> AnyArray:
        return self.params[self.prefix + name]

    def direction(self, name: str) -> AnyArray:
        return self.directions[self.prefix + name]

    def buffer(self, name: str) -> AnyArray:
        return self.buffers[self.prefix + name]

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = None) -> AnyArray:
        """Return an array for an output or state, valid until the next pass of this layer.

        Ops take a context as their workspace (`work=`).
        """
        return self._take(f"{self.prefix}{name}", shape, dtype)

    @property
    def shared(self) -> Callable[[list[Value]], list[Value]] | None:
        """The function that gathers values of all shards, if batch norm has the statistics of all."""
        return self.run.shard.gather if self.run.shard else None

    @property
    def scratch(self) -> Scratch:
        """Buffers for gradients, valid until the backward pass of the layer two below."""
        return Scratch(self)

    def _take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> AnyArray:
        dtype = self.dtype if dtype is None else dtype
        if self.work is None:
            return self.ops.device.empty(shape, dtype)
        return self.work.array(name, shape, dtype, self.ops.device.empty)

    def key(self, purpose: str) -> tuple[int, int, int]:
        """Return the key of this layer's random numbers in this iteration and shard (ops/random)."""
        name, shard = f"{self.prefix}{purpose}", self.run.shard
        if shard is not None and shard.number:
            name += f", shard {shard.number}"
        return self.run.seed, zlib.crc32(name.encode()), self.run.iteration

    def dense(self, dy: AnyArray) -> AnyArray:
        """Return the gradient as an array (T, B, H); a LastRow is expanded."""
        if not isinstance(dy, LastRow):
            return dy
        full = self._take("dense", (dy.steps, *dy.row.shape), dy.row.dtype)
        return self.ops.rows.at_last(dy.row, dy.steps, self.run.lengths, full)


class Scratch:
    """Workspace of a backward pass, as ops expect it (`work=`)."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = None) -> AnyArray:
        return self._ctx._take(f"backward {self._ctx.slot} {name}", shape, dtype)
