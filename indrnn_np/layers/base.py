"""Base class of all layers, and the arguments of a pass: Pass (network) and Context (layer)."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from .. import _check
from .._types import AnyArray, Array, DType, DTypeLike, Json, Probe, Record, State, StateForm, Value
from ..init import Initializer
from ..workspace import Workspace
from .fusion import LastRow

if TYPE_CHECKING:
    from ..backend import Backend


ARRAY, COUNT = "an array (B, H)", "a count of steps"  # kinds of state


class Parameter(NamedTuple):
    """Shape and initialiser of a parameter."""

    shape: tuple[int, ...]
    init: Initializer


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
    probe : callable, optional
        Function that backward calls with the gradients (`Sequential.backward`).
    """

    lengths: Array | None = None
    training: bool = False
    dropout: bool = True
    fuse: bool = True
    momentum: float | None = None
    seed: int = 0
    iteration: int = 0
    probe: Probe | None = None


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

    def child(self, name: str) -> Context:
        """Return the context of an inner layer whose names start with `name.`."""
        return dataclasses.replace(self, prefix=f"{self.prefix}{name}.", slot=f"{self.slot}{name}.")

    def param(self, name: str) -> AnyArray:
        return self.params[self.prefix + name]

    def buffer(self, name: str) -> AnyArray:
        return self.buffers[self.prefix + name]

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = None) -> AnyArray:
        """Return an array for an output or state, valid until the next pass of this layer.

        Ops take a context as their workspace (`work=`).
        """
        return self._take(f"{self.prefix}{name}", shape, dtype)

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
        """Return the key of this layer's random numbers in this iteration (ops/random)."""
        return self.run.seed, zlib.crc32(f"{self.prefix}{purpose}".encode()), self.run.iteration

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


class Layer:
    """Base class of all layers; a subclass is a frozen dataclass of sizes and options.

    A subclass that defines `__post_init__` calls `super().__post_init__()`, which checks booleans.
    """

    causal: ClassVar[bool] = True  # step t of the output depends on no later step of the input
    stretches_over_time: ClassVar[bool] = False  # in training, each step of y depends on all steps of x
    reads_symbols: ClassVar[bool] = False  # x is (T, B) integers, which have no gradient
    fusion_role: ClassVar[str] = ""  # NORM, MASK or READER of fusion.py
    needs: ClassVar[tuple[str, ...]] = ()  # operations that some backends lack

    def __post_init__(self) -> None:
        _check.options(type(self).__name__, self)

    @property
    def inner(self) -> tuple[Layer, ...]:
        """Inner layers. Their names are their indices."""
        return ()

    @property
    def inputs(self) -> int | None:
        """Number of inputs D; None accepts any number."""
        return None

    @property
    def outputs(self) -> int | None:
        """Number of outputs H; None means as many as inputs."""
        return self.inputs

    @property
    def state_size(self) -> int:
        """Number of elements of the state for each sample, without the states of inner layers."""
        return 0

    @property
    def state_form(self) -> StateForm:
        """Kind of the state: ARRAY, COUNT, a tuple of kinds, or None for a layer without state."""
        return ARRAY if self.state_size else None

    @property
    def kept_size(self) -> int | None:
        """Elements that a training pass keeps for each sample and step; None means `outputs`."""
        return None

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        """Return the trainable arrays, named by the letters of the paper."""
        return {}

    def running(self, steps: int | None) -> dict[str, Array]:
        """Return the initial running statistics (float64), which a training pass updates."""
        return {}

    def bounds(self, steps: int | None) -> dict[str, float]:
        """Return the bounds on |parameter| that the projection enforces."""
        return {}

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        """Return y, the state after the last step, and the tape for backward."""
        raise TypeError(f"{type(self).__name__}.forward: the class does not define it, expected a method")

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        """Return dx, the gradient of the initial state, and the gradients of the parameters."""
        raise TypeError(f"{type(self).__name__}.backward: the class does not define it, expected a method")

    def step(self, x_t: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State]:
        """Run one time step: return y_t (B, H) for x_t (B, D), and the new state."""
        if not self.causal:
            where, because = f"{type(self).__name__}.step", "to run one step at a time"
            _check.fail(where, "the layer reads later steps", "a causal layer", because)
        y, state, _ = self.forward(x_t.reshape(1, *x_t.shape), state, ctx)
        return y[0], state

    def rectified(self, tape: Record) -> list[AnyArray]:
        """Return the outputs (T, B, H) of piecewise linear activations; units above 0 are open."""
        return []

    def spec(self) -> Json:
        """Return the layer as JSON: its type and its options."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {f.name: getattr(self, f.name) for f in fields}
        return {"type": type(self).__name__} | {name: _described(value) for name, value in values.items()}


def _described(value: Value) -> Value:
    """Return an option as JSON; layers are replaced by their specs."""
    if isinstance(value, tuple):
        return [_described(part) for part in value]
    return value.spec() if isinstance(value, Layer) else _check.as_json(value)


def sequence(where: str, x: AnyArray, size: int | None) -> None:
    """Check that x is a time-major sequence with `size` inputs."""
    _check.arrays(where, "x: any T B D", x)
    if size is not None and x.shape[2] != size:
        because = f"because the layer has {size} inputs"
        _check.fail(where, f"x has shape {x.shape}", f"(T, B, {size})", because)
