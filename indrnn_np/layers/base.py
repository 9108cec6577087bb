"""What all layers share: the contract, the context that carries their arrays, a gradient on the last step."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from .. import _check
from ..init import Initializer
from ..ops.indrnn import Norm
from ..workspace import Workspace

if TYPE_CHECKING:
    from ..backend import Backend


class Parameter(NamedTuple):
    """The shape of a parameter and how it starts."""

    shape: tuple[int, ...]
    init: Initializer


class LastRow(NamedTuple):
    """A gradient (T, B, H) that is zero but at each sample's last step: `row (B, H)` there."""

    row: np.ndarray
    steps: int


class Normalised(NamedTuple):
    """An activation (T, B, H) that is not written out: `norm` of x (ops/indrnn). The next layer applies it."""

    x: np.ndarray
    norm: Norm

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape


@dataclasses.dataclass(frozen=True)
class Context:
    """What a network hands to a layer for one pass: its arrays, by the layer's own names, and how the pass is run."""

    ops: Backend
    params: Mapping[str, np.ndarray]
    buffers: Mapping[str, np.ndarray]
    dtype: np.dtype
    lengths: np.ndarray | None = None
    training: bool = False  # keep a tape, drop out, take batch statistics
    dropout: bool = True
    momentum: float | None = None  # of running statistics; None: each layer's own
    seed: int = 0
    iteration: int = 0
    work: Workspace | None = None
    probe: Callable[..., None] | None = None
    prefix: str = ""
    lazy: bool = False  # who reads this layer's output takes a Normalised
    slot: str = ""  # where backward writes: gradients alternate between two buffers for a whole network
    grads: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # of the network, in backward

    def child(self, name: str) -> Context:
        """The context of a layer inside this one: its names start with `name.`."""
        return dataclasses.replace(self, prefix=f"{self.prefix}{name}.", slot=f"{self.slot}{name}.")

    def param(self, name: str) -> np.ndarray:
        return self.params[self.prefix + name]

    def buffer(self, name: str) -> np.ndarray:
        return self.buffers[self.prefix + name]

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        """An array that lives until this layer's next pass (an output, a state)."""
        return self._take(f"{self.prefix}{name}", shape, dtype)

    @property
    def scratch(self) -> Scratch:
        """Arrays that live until the next but one layer's backward pass (gradients)."""
        return Scratch(self)

    def _take(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        dtype = self.dtype if dtype is None else dtype
        if self.work is None:
            return self.ops.empty(shape, dtype)
        return self.work.array(name, shape, dtype, self.ops.empty)

    def key(self, what: str) -> tuple[int, int, int]:
        """The key of this layer's random numbers in this iteration (ops/random)."""
        return self.seed, zlib.crc32(f"{self.prefix}{what}".encode()), self.iteration

    def dense(self, dy: Any) -> np.ndarray:
        """A gradient (T, B, H) written out, if it was a LastRow."""
        if not isinstance(dy, LastRow):
            return dy
        full = self._take("dense", (dy.steps, *dy.row.shape), dy.row.dtype)
        return self.ops.rows.at_last(dy.row, dy.steps, self.lengths, full)


class Scratch:
    """The workspace of a backward pass, as ops expect it (`work=`)."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return self._ctx._take(f"backward {self._ctx.slot} {name}", shape, dtype)


class Layer:
    """Base of all layers; a subclass is a frozen dataclass of sizes and options."""

    causal: ClassVar[bool] = True  # step t of the output needs no later step of the input
    stretches_over_time: ClassVar[bool] = (
        False  # in training, step t of the output depends on all steps of the input
    )

    reads_symbols: ClassVar[bool] = False  # x is (T, B) integers and not (T, B, D); they have no gradient
    reads_normalised: ClassVar[bool] = False  # forward takes a Normalised in place of x
    passes_normalised: ClassVar[bool] = False  # and hands on another one
    needs: ClassVar[tuple[str, ...]] = ()  # operations of the layer that not every backend has

    @property
    def inner(self) -> tuple[Layer, ...]:
        """The layers that this one is made of, whose names are numbers."""
        return ()

    @property
    def inputs(self) -> int | None:
        """Neurons that the layer reads; None: any number."""
        return None

    @property
    def outputs(self) -> int | None:
        """Neurons that the layer gives; None: as many as it reads."""
        return self.inputs

    @property
    def state_size(self) -> int:
        """Numbers that the state holds for each sample; those of layers inside are their own."""
        return 0

    @property
    def kept_size(self) -> int | None:
        """Numbers that a training pass keeps for each sample and step; None: as many as the layer gives."""
        return None

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        """Trainable arrays by the paper's letters."""
        return {}

    def running(self, steps: int | None) -> dict[str, np.ndarray]:
        """Start values of the arrays that a training pass updates without a gradient (float64)."""
        return {}

    def bounds(self, steps: int | None) -> dict[str, float]:
        """Bounds on |parameter| that the projection keeps."""
        return {}

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        """Returns y, the state after the last step, and the tape for backward."""
        raise TypeError(f"{type(self).__name__} does not define forward")

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        """Returns dx, the gradient of the state before the first step, and the gradients of the parameters."""
        raise TypeError(f"{type(self).__name__} does not define backward")

    def step(self, x_t: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any]:
        """One time step: x_t (B, D) to y_t (B, H), and the state."""
        if not self.causal:
            _check.fail(f"{type(self).__name__}.step", "the layer reads later steps", "a causal layer",
                        "to run one step at a time")  # fmt: skip
        y, state, _ = self.forward(x_t.reshape(1, *x_t.shape), state, ctx)
        return y[0], state

    def rectified(self, tape: Any) -> list[Any]:
        """Outputs (T, B, H) of a piecewise linear activation: units above 0 are open. None where φ is smooth."""
        return []

    def spec(self) -> dict[str, Any]:
        """The layer as JSON: its type and its options."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {f.name: getattr(self, f.name) for f in fields}
        return {"type": type(self).__name__} | {name: _described(value) for name, value in values.items()}


def _described(value: Any) -> Any:
    """An option as JSON; a layer, or several of them, by their specs."""
    if isinstance(value, tuple):
        return [_described(part) for part in value]
    return value.spec() if isinstance(value, Layer) else value


def read_lazily(layers: Sequence[Layer], i: int) -> bool:
    """May layer number i hand on its output unwritten? It may if the next one but dropout can apply it."""
    for layer in layers[i + 1 :]:
        if layer.reads_normalised:
            return True
        if not layer.passes_normalised:
            return False
    return False


def sequence(where: str, x: np.ndarray, size: int | None) -> None:
    """Check that x is a time-major sequence with `size` inputs."""
    _check.array(where, "x", x, 3, "(T, B, D): time, batch, inputs")
    if size is not None and x.shape[2] != size:
        _check.fail(
            where, f"x has shape {x.shape}", f"(T, B, {size})", "because the layer has that many inputs"
        )
