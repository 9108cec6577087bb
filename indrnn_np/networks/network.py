"""Base class of Sequential: layers, parameters, running statistics and bounds on u."""

from __future__ import annotations

import copy
import dataclasses
import functools
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from .. import _check
from .._types import AnyArray, Array, DTypeLike, Json, State, Value
from ..backend import get as get_backend
from ..device import Device
from ..layers import Bidirectional, Embedding, Layer, Tied, fusion
from ..layers.chain import Tape, check_layers, forward_layers, gathered, named_layers, network_input
from ..layers.context import Context, Pass, Shard
from ..layers.recurrent import Independent
from ..parameters import Identity, Views, load_arrays, total_size
from ..workspace import Workspace
from . import tape_stamp
from .specs import layer_from_spec

N = TypeVar("N", bound="Network")


class Network:
    """Chain of layers with its arrays; `Sequential` adds the passes and documents the arguments."""

    refuses_single_values, warned_of_single_values = True, False  # layers/single_values.py

    def __init__(
        self,
        layers: Iterable[Layer],
        steps: int | None = None,
        backend: str = "cpu",
        dtype: DTypeLike = "float32",
        seed: int = 0,
    ) -> None:
        self.layers = tuple(layers)
        check_layers("Sequential", self.layers)
        check_symbols(self.layers)
        self.state_form = tuple(layer.state_form for layer in self.layers)
        if steps is not None:
            _check.at_least("Sequential", "steps", steps, 1)
        _check.between("Sequential", "seed", seed, 0, 2**64)
        self.steps, self.seed, self.iteration = steps, seed, 0
        self.identity = Identity(in_use=True)
        self.ops = get_backend(backend)
        self.dtype = _check.dtype("Sequential", dtype, _check.FLOATS)
        parameters = gathered(self.layers, "parameters", steps)
        running = gathered(self.layers, "running", steps)
        shapes = {name: p.shape for name, p in parameters.items()}
        shapes_running = {name: value.shape for name, value in running.items()}
        needed = (total_size(shapes) + total_size(shapes_running)) * self.dtype.itemsize
        if needed > _check.LARGE:
            _check.fits_memory("Sequential", "the network", needed, self.device.memory())
        self.params = Views(shapes, self.device.empty((total_size(shapes),), self.dtype))
        for name, p in parameters.items():
            # A generator for each name: adding a layer does not change the values of other layers.
            layer, _, letter = name.rpartition(".")
            drawn_as = f"{layer}.{p.drawn_as or letter}"
            rng = np.random.default_rng([seed, zlib.crc32(drawn_as.encode())])
            self.device.assign(self.params[name], p.init(rng, p.shape))
        self.buffers = Views(shapes_running, self.device.empty((total_size(shapes_running),), self.dtype))
        for name, value in running.items():
            self.device.assign(self.buffers[name], value)
        self.bounds: dict[str, float] = gathered(self.layers, "bounds", steps)

    @functools.cached_property
    def fusion_plan(self) -> tuple[bool, ...]:
        """For each layer, whether it is a batch norm that a later layer can apply."""
        return fusion.plan(self.layers)

    @functools.cached_property
    def weight_bounds(self) -> dict[str, float]:
        """Bounds on |u| by name ("0.u"), which the projection or the form of u enforces."""
        return gathered(self.layers, "weight_bounds", self.steps)

    @property
    def bounded(self) -> bool:
        """Whether a bound on |u| depends on the sequence length T."""
        return any(bound != 1 for bound in self.weight_bounds.values())

    @property
    def backend(self) -> str:
        """Name of the backend that runs the network."""
        return self.ops.name

    @property
    def device(self) -> Device:
        """Device that holds the arrays of the network."""
        return self.ops.device

    @property
    def flat(self) -> AnyArray:
        """All parameters, (P,)."""
        return self.params.flat

    @property
    def size(self) -> int:
        """Number P of parameters."""
        return self.flat.size

    @property
    def causal(self) -> bool:
        """Whether no layer reads later steps (in inference)."""
        return all(layer.causal for layer in self.layers)

    @property
    def symbols(self) -> int | None:
        """Number of symbols if the first layer is an Embedding, so that x is (T, B); else None."""
        first = self.layers[0]
        return first.symbols if isinstance(first, Embedding) else None

    def recurrent_weights(self) -> dict[str, Array]:
        """Return copies of u of each IndRNN and Recurrence, which is no parameter with `u_form="exp"`.

        Returns
        -------
        dict of str to array (H,)
            NumPy arrays by the name of the layer, such as "0", "1.forward" or "3.0".

        Examples
        --------
        >>> import indrnn_np as ir
        >>> net = ir.Sequential([ir.IndRNN(2, 3, recurrent_init=0.5, u_form="exp")], steps=5, dtype="float64")
        >>> net.recurrent_weights(), list(net.params)
        ({'0': array([0.5, 0.5, 0.5])}, ['0.W', '0.nu', '0.b'])
        """
        ctx = self.contexts()[0]
        return {
            name: np.array(self.device.to_host(layer.weight(dataclasses.replace(ctx, prefix=f"{name}."))))
            for name, layer in independent_layers(self.layers)
        }

    def project(self) -> None:
        """Clip every recurrent weight to |u| <= bound. Call it after each update."""
        self.identity.version += 1
        for name, bound in self.bounds.items():
            self.ops.project.project(self.params[name], bound)

    def replace_layers(self, layers: Iterable[Layer]) -> None:
        """Replace the layers by others with the same parameters, such as with another `time`."""
        self.layers = tuple(layers)
        self.__dict__.pop("fusion_plan", None)

    def astype(self: N, dtype: DTypeLike, backend: str | None = None) -> N:
        """Return an independent copy in another dtype or on another backend."""
        other = type(self)(self.layers, self.steps, backend or self.backend, dtype, self.seed)
        other.device.assign(other.flat, self.device.to_host(self.flat))
        other.device.assign(other.buffers.flat, self.device.to_host(self.buffers.flat))
        other.iteration = self.iteration
        return other

    def __copy__(self: N) -> N:
        return copy.deepcopy(self)

    def __setstate__(self, state: dict[str, State]) -> None:
        self.__dict__.update(state)
        self.identity.in_use = True

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters and buffers, by name, as NumPy arrays."""
        arrays = {**self.params, **self.buffers}
        return {name: np.array(self.device.to_host(value)) for name, value in arrays.items()}

    def load_state_dict(self, arrays: Mapping[str, AnyArray], allow_nonfinite: bool = False) -> None:
        """Load all parameters and buffers. If an error is raised, no array changes."""
        _check.boolean("Sequential.load_state_dict", "allow_nonfinite", allow_nonfinite)
        targets = {**self.params, **self.buffers}
        load_arrays("Sequential.load_state_dict", targets, arrays, self.device.assign, allow_nonfinite)
        self.identity.version += 1

    def spec(self) -> Json:
        """Return layers, steps and seed as JSON, without the parameter values."""
        return {
            "type": "Sequential",
            "layers": [layer.spec() for layer in self.layers],
            "steps": _check.as_json(self.steps),
            "seed": _check.as_json(self.seed),
        }

    @classmethod
    def from_spec(cls: type[N], spec: Json, backend: str = "cpu", dtype: DTypeLike = "float32") -> N:
        """Return the network that `spec()` describes, with initial parameters."""
        return cls([layer_from_spec(s) for s in spec["layers"]], spec["steps"], backend, dtype, spec["seed"])

    def contexts(self, work: Workspace | None = None, **options: Value) -> tuple[Context, ...]:
        """Return the contexts of the layers for one pass; `options` are fields of Pass."""
        run = Pass(seed=self.seed, iteration=self.iteration, **options)
        params, buffers = self.params.by_name, self.buffers.by_name
        fused = [planned and fusion.fuses(self.ops, run) for planned in self.fusion_plan]
        every = Context(self.ops, params, buffers, self.dtype, run, work, steps=self.steps)
        return tuple(
            dataclasses.replace(every, prefix=f"{i}.", fused=fused[i]) for i in range(len(self.layers))
        )

    def run(
        self,
        x: AnyArray,
        states: Sequence[State],
        lengths: Array | None,
        training: bool,
        work: Workspace | None,
        shard: Shard | None = None,
    ) -> tuple[AnyArray, tuple[State, ...], Tape]:
        """Run a checked x (T, B, D) through the layers; return output, final states and tape."""
        stamp = tape_stamp.begin(self.identity, work)
        contexts = self.contexts(work, lengths=lengths, training=training, shard=shard)
        x = network_input(x, contexts[0])
        y, after, tape = forward_layers(self.layers, x, states, contexts)
        tape_stamp.finish(stamp, tape, x, self.params, self.device)
        return y, after, tape


def independent_layers(layers: Sequence[Layer]) -> Iterator[tuple[str, Independent]]:
    """Yield the name and the object of each layer with a weight u, and of both halves of a Bidirectional."""
    for name, layer in named_layers(layers):
        halves = layer.halves() if isinstance(layer, Bidirectional) else {"": layer}
        for half, inner in halves.items():
            if isinstance(inner, Independent):
                yield f"{name}.{half}".rstrip("."), inner


def check_symbols(layers: Sequence[Layer]) -> None:
    """Check that only the first layer reads symbols, and that each Tied matches its embedding."""
    for name, layer in named_layers(layers):
        if layer.reads_symbols and name != "0":
            problem = f"layer {name} is an {type(layer).__name__}"
            because = "because only the first layer of a network reads symbols"
            _check.fail("Sequential", problem, "another layer", because)
        if isinstance(layer, Tied):
            table = layers[layer.to] if layer.to < len(layers) else None
            if not isinstance(table, Embedding):
                problem = f"layer {name} is a Tied to layer {layer.to}, which is {table}"
                _check.fail("Sequential", problem, "an Embedding", "whose weights it shares")
            if (layer.input_size, layer.output_size) != (table.size, table.symbols):
                expected = f"Tied({table.size}, {table.symbols})"
                because = f"to match layer {layer.to} {table}"
                _check.fail("Sequential", f"layer {name} is {layer}", expected, because)
