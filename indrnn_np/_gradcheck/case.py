"""Outputs and gradients of an op for arguments from the catalogue."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from .. import _check
from .._types import Array, DType, Record, Value
from ..ops.catalogue import Arguments, Draw, Entry, entries, tangents
from ..ops.recurrence.activation import ACTIVATIONS
from .hosted import Operations

Arrays = Mapping[str, Array]
SIZES = tuple(size.name for size in fields(Draw) if size.type == "int")


@dataclass(frozen=True)
class Case:
    """Function with gradients, and the arguments of its forward pass."""

    entry: Entry
    inputs: Arguments

    @property
    def arrays(self) -> dict[str, Array]:
        """Arrays whose gradients are checked."""
        return {name: self.inputs[name] for name in self.entry.gradients}

    @property
    def rectified(self) -> bool:
        """Whether the first output is of a rectified activation, whose gates are output > 0."""
        return "activation" in self.inputs and ACTIVATIONS[self.inputs["activation"]].rectified

    def forward(self, ops: Operations, arrays: Arrays) -> tuple[dict[str, Array], Record]:
        """Return the outputs by the names of their gradients, and a tape for `backward`."""
        dtype = next(iter(arrays.values())).dtype
        inputs = {name: _with_dtype(value, dtype) for name, value in self.inputs.items()} | dict(arrays)
        source = self.entry.source
        results = source.named(source.function(ops)(**inputs))
        return self.entry.outputs(results, inputs), (inputs, results)

    def backward(self, ops: Operations, tape: Record, gradients: Arrays) -> dict[str, Array]:
        """Return the gradient of each array."""
        inputs, results = tape
        if self.entry.forward is None:
            return {name: results[f"d{name}"] for name in self.entry.gradients}
        result = self.entry.function(ops)(**self.entry.selected(inputs, results, gradients))
        return dict(
            zip(self.entry.gradients, result if isinstance(result, tuple) else (result,), strict=True)
        )

    def tangent(self, ops: Operations, tape: Record, name: str, direction: Array) -> dict[str, Array]:
        """Return the derivative of each output along a direction of one array."""
        (inputs, results), entry = tape, tangent_of(self.entry.op)
        arrays = {f"{other}_dot": np.zeros_like(inputs[other]) for other in entry.directions}
        arguments = entry.selected(inputs, results, arrays | {f"{name}_dot": direction})
        derivatives = ops.tangent(entry.op)(**arguments)
        parts = derivatives if isinstance(derivatives, tuple) else (derivatives,)
        return self.entry.outputs(dict(zip(entry.tangents, parts, strict=True)), inputs)

    def cotangents(self, outputs: Arrays, seed: int) -> dict[str, Array]:
        """Return a fixed random gradient for each output; 1 for a loss."""
        rng = np.random.default_rng([seed, 1])
        return {
            n: np.ones(()) if np.ndim(y) == 0 else rng.standard_normal(y.shape) for n, y in outputs.items()
        }


def tangent_of(op: str) -> Entry:
    """Return the entry of an op's tangent."""
    known = {entry.op: entry for entry in tangents()}
    _check.choice("gradcheck", "method is 'jvp' and the op", op, known)
    return known[op]


def _with_dtype(value: Value, dtype: DType) -> Value:
    real = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if real else value


def draw(name: str, seed: int = 0, dtype: str = "float64", **options: Value) -> Case:
    """Return the case of an op with random arguments, for sizes T, B, D, H, K and options."""
    differentiable = {entry.op: entry for entry in entries() if entry.gradients}
    _check.choice("gradcheck", "op", name, differentiable)
    entry = differentiable[name]
    source = entry.source
    known = (*SIZES, *list(inspect.signature(source.draw).parameters)[1:])  # type: ignore[arg-type]
    for option in options:
        _check.choice("gradcheck", f"option of {name}", option, known)
    sizes = {size: options.pop(size) for size in SIZES if size in options}
    for size, n in sizes.items():
        _check.at_least("gradcheck", size, n, 1)
    return Case(entry, source.arguments(Draw(np.random.default_rng(seed), dtype, **sizes), **options))
