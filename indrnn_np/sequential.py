"""A stack of layers, and the owner of all their arrays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _check, inference, recompute
from .backend import get as get_backend
from .layers import Embedding, Layer
from .layers.base import Context, read_lazily
from .layers.chain import Tape, backward_layers, check_layers, forward_layers, gathered
from .parameters import Views, load_arrays, total_size
from .recompute import KEEP, MEMORY, WindowsTape
from .stack import check_gradient, check_input, check_step, check_symbols, layer_from_spec, take
from .workspace import Workspace


class Sequential:
    """Layers one after another.

    All parameters stand in one flat array `flat (P,)`; `params["0.W"]` are views of it, named by layer
    number and the paper's letters. Running statistics stand apart in `buffers`.

    Parameters
    ----------
    layers
        The layers, from input to output.
    steps
        The sequence length T (with lengths: the longest), from which the bounds on |u| follow.
    backend
        "cpu", "reference", or "cuda": all arrays are then in the GPU's memory (`to_host()` copies one back), and
        x may be NumPy's, for a copy at each pass.
    dtype
        "float32" or "float64".
    seed
        Of the initial parameters and of all dropout masks.
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        steps: int | None = None,
        backend: str = "cpu",
        dtype: Any = "float32",
        seed: int = 0,
    ) -> None:
        self.layers = tuple(layers)
        check_layers("Sequential", self.layers)
        check_symbols(self.layers)
        if steps is not None:
            _check.at_least("Sequential", "steps", steps, 1)
        self.steps, self.seed, self.iteration = steps, seed, 0
        self.ops = get_backend(backend)
        self.dtype = np.dtype(dtype)
        _check.choice("Sequential", "dtype", self.dtype.name, [d.name for d in _check.FLOATS])
        parameters = gathered(self.layers, "parameters", steps)
        shapes = {name: p.shape for name, p in parameters.items()}
        self.params = Views(shapes, self.ops.empty((total_size(shapes),), self.dtype))
        for name, p in parameters.items():
            rng = np.random.default_rng(
                [seed, zlib.crc32(name.encode())]
            )  # a layer more changes no other layer's start
            self.ops.assign(self.params[name], p.init(rng, p.shape))
        running = gathered(self.layers, "running", steps)
        shapes = {name: value.shape for name, value in running.items()}
        self.buffers = Views(shapes, self.ops.empty((total_size(shapes),), self.dtype))
        for name, value in running.items():
            self.ops.assign(self.buffers[name], value)
        self.bounds: dict[str, float] = gathered(self.layers, "bounds", steps)

    @property
    def backend(self) -> str:
        """Name of the backend that runs the network."""
        return self.ops.name

    @property
    def flat(self) -> np.ndarray:
        """All parameters, (P,)."""
        return self.params.flat

    @property
    def size(self) -> int:
        """The number P of parameters."""
        return self.flat.size

    @property
    def causal(self) -> bool:
        """No layer reads later steps than the one it computes (in inference)."""
        return all(layer.causal for layer in self.layers)

    @property
    def symbols(self) -> int | None:
        """The number of symbols if x is (T, B) integers, because the first layer is an Embedding; else None."""
        first = self.layers[0]
        return first.symbols if isinstance(first, Embedding) else None

    def forward(
        self,
        x: np.ndarray,
        state: Sequence[Any] | None = None,
        lengths: np.ndarray | None = None,
        training: bool = True,
        work: Workspace | None = None,
        memory: str = "keep",
    ) -> tuple[np.ndarray, tuple[Any, ...], Tape | WindowsTape]:
        """Run x (T, B, D), or (T, B) symbols, through the layers and keep what backward needs.

        Returns y, the state after the last step (one entry a layer; pass it on as the next window's
        `state`, where its gradient ends), and the tape. With `training` the batch's statistics and dropout
        are used. `work` is used again in each iteration. `memory="recompute"` keeps the states of few steps only, and
        backward computes the others again (recompute.py).
        """
        lengths = check_input(self, x, lengths, training)
        _check.choice("Sequential.forward", "memory", memory, MEMORY)
        if memory != KEEP:
            return recompute.forward(self, x, self._states(state), lengths, training, work)
        options = {"lengths": lengths, "training": training, "work": work}
        contexts = [self.context(i, **options) for i in range(len(self.layers))]
        return forward_layers(self.layers, take(self.ops, x, lengths, work), self._states(state), contexts)

    def backward(
        self,
        dy: np.ndarray | None,
        tape: Tape | WindowsTape,
        dstate: Sequence[Any] | None = None,
        probe: Callable[..., None] | None = None,
    ) -> tuple[np.ndarray, tuple[Any, ...], Views]:
        """Carry the gradient dy of the output back to the input, the initial state and all parameters.

        `dstate` is the gradient of the state that forward returned; `probe(layer, t0, t1, dh, da)` sees
        each chunk of each recurrent layer: the gradient on its outputs (None if there was none; of RNN, LSTM and GRU
        the whole ∂L/∂h_t, later steps included) and on its pre-activations. Chunks are shown in walking order, on the
        calling thread; if the probe has a true attribute `any_thread`, also on others, and backward shares its work as
        without a probe: it must call no operation of this package then. Returns dx (T, B, D) (None for symbols),
        the gradient of the initial state, and the parameters' gradients by name (`grads.flat` is (P,)).
        """
        if not tape.contexts or not tape.contexts[0].training:
            _check.fail(
                "Sequential.backward", "the tape is of a forward pass with training=False", "training=True"
            )
        dy = check_gradient(self.ops, dy, tape.output)
        grads = Views(self.params.shapes, self.ops.zeros(self.flat.shape, self.dtype))
        if isinstance(tape, WindowsTape):
            dx, before = recompute.backward(self.layers, dy, tape, dstate, probe, grads)
        else:
            dx, before = backward_layers(self.layers, dy, tape, dstate, probe, grads)
        return dx, before, grads

    def __call__(
        self, x: np.ndarray, state: Sequence[Any] | None = None, lengths: np.ndarray | None = None
    ) -> np.ndarray:
        """The output y for x (T, B, D): running statistics, no dropout, no tape. y is NumPy's if x is."""
        y = self.infer(x, state, lengths)[0]
        return self.ops.to_host(y) if isinstance(x, np.ndarray) else y

    def infer(
        self, x: np.ndarray, state: Sequence[Any] | None = None, lengths: np.ndarray | None = None
    ) -> tuple[np.ndarray, tuple[Any, ...]]:
        """The output and the state after the last step, in memory that grows with T by the output only."""
        return inference.infer(self, x, state, lengths)

    def step(self, x_t: np.ndarray, state: Sequence[Any] | None = None) -> tuple[np.ndarray, tuple[Any, ...]]:
        """One time step in inference: x_t (B, D), or (B,) symbols, to y_t, and the state for the next step."""
        states, y = [], self.ops.bring(check_step(self, x_t))
        for i, (layer, before) in enumerate(zip(self.layers, self._states(state), strict=True)):
            y, after = layer.step(y, before, self.context(i, lazy=False))
            states.append(after)
        return y, tuple(states)

    def project(self) -> None:
        """Bring every recurrent weight back to |u| <= bound; to be called after each update of the parameters."""
        for name, bound in self.bounds.items():
            self.ops.project.project(self.params[name], bound)

    def gates(self, tape: Tape | WindowsTape) -> list[np.ndarray]:
        """Which units are open, NumPy (T, B, H) for each recurrence with a piecewise linear activation."""
        windows = recompute.tapes(self.layers, tape) if isinstance(tape, WindowsTape) else [tape]
        found = [
            [self.ops.to_host(h) > 0 for layer, t in zip(self.layers, window.layers, strict=True)
             for h in layer.rectified(t)]
            for window in windows
        ]  # fmt: skip
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def recompute_statistics(self, batches: Iterable[Any], carried: bool = False) -> None:
        """Replace batch norm's running statistics by those of large batches: x or (x, lengths) each.

        `carried`: they are windows of one stream, and the state goes on from one to the next.
        """
        inference.recompute_statistics(self, batches, carried)

    def astype(self, dtype: Any, backend: str | None = None) -> Sequential:
        """An independent copy in another dtype, or on another backend: same numbers, seed and iteration."""
        copy = Sequential(self.layers, self.steps, backend or self.backend, dtype, self.seed)
        copy.ops.assign(copy.flat, self.ops.to_host(self.flat))
        copy.ops.assign(copy.buffers.flat, self.ops.to_host(self.buffers.flat))
        copy.iteration = self.iteration
        return copy

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, by name, as NumPy arrays."""
        own = {**self.params, **self.buffers}
        return {name: np.array(self.ops.to_host(value)) for name, value in own.items()}

    def load_state_dict(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over all parameters and buffers; on a missing or unknown name or a wrong shape nothing is changed."""
        load_arrays("Sequential.load_state_dict", {**self.params, **self.buffers}, arrays, self.ops.assign)

    def spec(self) -> dict[str, Any]:
        """The network as JSON, without its numbers: layers, steps and seed."""
        return {
            "type": "Sequential",
            "layers": [layer.spec() for layer in self.layers],
            "steps": self.steps,
            "seed": self.seed,
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], backend: str = "cpu", dtype: Any = "float32") -> Sequential:
        """The network that `spec()` described, with fresh parameters."""
        return cls([layer_from_spec(s) for s in spec["layers"]], spec["steps"], backend, dtype, spec["seed"])

    def __repr__(self) -> str:
        inner = "".join(f"\n    {i}: {layer}" for i, layer in enumerate(self.layers))
        return f"<Sequential on {self.backend!r}, {self.dtype}, steps={self.steps}, {self.size} parameters{inner}>"

    def context(self, i: int, **options: Any) -> Context:
        """What layer number i gets for one pass."""
        options = {"lazy": self.ops.normalises and read_lazily(self.layers, i)} | options
        return Context(
            self.ops, self.params, self.buffers, self.dtype, seed=self.seed,
            iteration=self.ops.late(lambda: self.iteration), prefix=f"{i}.", **options,
        )  # fmt: skip

    def _states(self, state: Sequence[Any] | None) -> Sequence[Any]:
        if state is None:
            return (None,) * len(self.layers)
        if len(state) != len(self.layers):
            _check.fail(
                "Sequential", f"state has {len(state)} entries", f"{len(self.layers)}", "one for each layer"
            )
        return state
