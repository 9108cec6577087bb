"""Catalogue of the operations: how to call each public function with small random arguments.

The contract of each op lists its entries in `CATALOGUE`. The shared tests of all ops, `indrnn
check` and `gradcheck` of an op's name read `entries()`, so they cover a new function as soon as it
has an entry.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Arguments = dict[str, Any]
BOTH = (False, True)


@dataclass(frozen=True)
class Draw:
    """Source of random arrays of one dtype. The sizes T, B, D, H and K are odd by default."""

    rng: np.random.Generator
    dtype: str = "float64"
    T: int = 37
    B: int = 5
    D: int = 7
    H: int = 19
    K: int = 11

    def real(self, *shape: int) -> np.ndarray:
        """Draw normally distributed numbers."""
        return self.rng.standard_normal(shape).astype(self.dtype)

    def positive(self, *shape: int) -> np.ndarray:
        """Draw absolute values of normally distributed numbers."""
        return np.abs(self.real(*shape))

    def recurrent_weight(self) -> np.ndarray:
        """Draw u (H,) within the bounds of a recurrent weight; the first values are 1, -1 and 0."""
        bound = 2.0 ** (1.0 / max(1, self.T))
        u = self.rng.uniform(-bound, bound, self.H)
        u[:3] = (1, -1, 0)[: self.H]
        return u.astype(self.dtype)

    def lengths(self) -> np.ndarray:
        """Draw lengths (B,) from 0 to T; with two or more samples, both 0 and T occur."""
        lengths = self.rng.integers(0, self.T + 1, self.B)
        lengths[-1] = self.T
        if self.B > 1:
            lengths[0] = 0
        return lengths

    def mask(self, *shape: int) -> np.ndarray:
        """Draw booleans of which at least one is true."""
        mask = self.rng.random(shape) < 0.6
        mask.flat[0] = True
        return mask

    def key(self) -> tuple[int, int, int]:
        """Draw the key of a stream of random numbers."""
        return int(self.rng.integers(1 << 30)), 2, 5


@dataclass(frozen=True)
class Entry:
    """Describe how to call one public function of an op.

    Attributes
    ----------
    name : str
        The name of the function.
    draw : callable or None
        draw(d, **options) returns the arguments by name, for a `Draw` d. None for the backward pass
        of `forward`, whose arguments are those of `forward`, the results of `forward`, and a
        gradient for each name in `cotangents`.
    options : mapping
        The values of each option of `draw` that `indrnn check` combines.
    rows : str
        The option that has a row for each of its values in `indrnn check`.
    results : tuple of str
        The names of the results, if a backward pass takes or returns them by name.
    out : str
        The result that `out=` receives; empty for the first result.
    changes : tuple of str
        The arguments that the function modifies in place.
    exact : bool
        Whether the results of all twins have the same bits. Otherwise they agree up to rounding.
    forward : Entry or None
        The function that a backward pass or tangent differentiates. A loss with `gradients` returns its own.
    gradients : tuple of str
        The arguments of `forward` whose gradients the function returns, in the order of results.
    cotangents : tuple of str
        The arguments that are gradients of results of `forward`: "dy" of y, "dh" of the states h
        without row 0, "dhT" of the last state of h.
    directions : tuple of str
        The arguments of `forward` that a tangent takes directions of, each as "x_dot" for x.
    tangents : tuple of str
        The results of `forward` whose derivatives a tangent returns.
    limits : mapping
        The only value of an option that a backend computes, by backend and option.
    leaves_out : mapping
        The parameters that a plain twin lacks, by the name of its module.
    op : str
        The name of the op; `entries` fills it in.
    """

    name: str
    draw: Callable[..., Arguments] | None = None
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    rows: str = ""
    results: tuple[str, ...] = ()
    out: str = ""
    changes: tuple[str, ...] = ()
    exact: bool = False
    forward: Entry | None = None
    gradients: tuple[str, ...] = ()
    cotangents: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    tangents: tuple[str, ...] = ()
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    leaves_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    op: str = ""

    def function(self, ops: Any) -> Callable[..., Any]:
        """Return the function of a table of operations."""
        return getattr(getattr(ops, self.op), self.name)

    def reference(self) -> Callable[..., Any]:
        """Return the function of the reference."""
        module = importlib.import_module(f"{__package__}.{self.op}.reference")
        return getattr(module, self.name)

    def variants(self, backend: str = "", **fixed: Any) -> list[Arguments]:
        """Return every combination of the options on a backend; an option in `fixed` has one value."""
        fixed = {**self.source.limits.get(backend, {}), **fixed}
        values = {**self.source.options, **{name: (value,) for name, value in fixed.items()}}
        return [dict(zip(values, choice, strict=True)) for choice in itertools.product(*values.values())]

    @property
    def source(self) -> Entry:
        """Entry that draws the arguments."""
        return self.forward or self

    @property
    def full(self) -> Arguments:
        """Options with which no array argument is None."""
        return {name: True for name, values in self.source.options.items() if values == BOTH}

    def arguments(self, d: Draw, **options: Any) -> Arguments:
        """Draw the arguments of one call."""
        inputs: Arguments = self.source.draw(d, **options)  # type: ignore[misc]
        if self.forward is None:
            return inputs
        results = self.forward.named(self.forward.reference()(**inputs))
        outputs = self.outputs(results, inputs) if self.cotangents else {}
        gradients = {name: d.real(*y.shape) for name, y in outputs.items()}
        directions = {f"{name}_dot": d.real(*inputs[name].shape) for name in self.directions}
        return self.selected(inputs, results, gradients | directions)

    def named(self, results: Any) -> dict[str, Any]:
        """Return the results by name."""
        return dict(zip(self.results, results if isinstance(results, tuple) else (results,), strict=True))

    def outputs(self, results: Mapping[str, Any], inputs: Arguments) -> dict[str, np.ndarray]:
        """Return the outputs of `forward` by the names of their gradients; for a loss, the loss."""
        if self.forward is None:
            return {"loss": np.asarray(results["loss"])}
        first_row = 1 if f"{self.cotangents[0]}T" in self.cotangents else 0  # states begin with h0
        outputs = {}
        for name in self.cotangents:
            last = name.endswith("T")
            outputs[name] = _last(results[name[1:-1]], inputs) if last else results[name[1:]][first_row:]
        return outputs

    def selected(
        self, inputs: Arguments, results: Mapping[str, Any], others: Mapping[str, np.ndarray]
    ) -> Arguments:
        """Return the arguments of a backward pass or tangent.

        The sources are the arguments and results of `forward`, and the gradients or directions.
        """
        known = {**inputs, **results, **others, "symbols": len(inputs.get("E", ()))}
        return {name: known[name] for name in inspect.signature(self.reference()).parameters if name in known}


def _last(h: np.ndarray, inputs: Arguments) -> np.ndarray:
    """Return the last state of each sample."""
    last = importlib.import_module(f"{__package__}.recurrence.reference").last
    return last(h, inputs["lengths"], inputs["reverse"])


def entries() -> Iterator[Entry]:
    """Yield every entry of every op, each with the name of its op; `tangents` yields the others."""
    for op, contract in _contracts():
        for entry in contract.CATALOGUE:
            yield replace(entry, op=op, forward=entry.forward and replace(entry.forward, op=op))


def tangents() -> Iterator[Entry]:
    """Yield the entry of each tangent, which the CPU backends only have."""
    for op, contract in _contracts():
        if hasattr(contract, "TANGENT"):
            yield replace(contract.TANGENT, op=op, forward=replace(contract.FORWARD, op=op))


def _contracts() -> Iterator[tuple[str, ModuleType]]:
    """Yield the name and the contract of each op."""
    for path in sorted(Path(__file__).parent.glob("*/contract.py")):
        op = path.parent.name
        yield op, importlib.import_module(f"{__package__}.{op}.contract")
