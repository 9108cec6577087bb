"""The only dispatch point: a backend is a table of operations with equal signatures, chosen once and passed
down.

Nothing else in the package compares backend names. A table's attributes are the op modules of ops/
(`table.recurrence.forward`); an op without a module for a backend on the CPU says so in its `TWINS` and is served
by the reference. On "cuda" an op without one can't be served: asking for it is an error.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import _arrays, _check, _device, _machine, _pool, _recording

NAMES = ("cpu", "cuda", "reference")
OPS = (
    "recurrence", "indrnn", "affine", "batchnorm", "dropout", "rows", "random", "softmax_cross_entropy", "mse",
    "sgd", "adam", "gradient", "project", "finite", "adding", "embedding", "layernorm",
    "rnn", "lstm", "gru",
)  # fmt: skip


class Backend:
    """A table of operations, and how its arrays are made. Modules are imported at first use.

    otherwise: who serves an operation that has no module for the backend. arrays: what its functions take and give.
    normalises: ops/indrnn applies batch norm and dropout of the layer before chunk by chunk (`norm=`).
    """

    otherwise = "reference"
    arrays: type = np.ndarray
    normalises = True

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, op: str) -> ModuleType:
        if op not in OPS:
            raise AttributeError(
                f"backend {self.name!r} has no operation {op!r}, known are: {', '.join(OPS)}"
            )
        if not self.serves(op):
            twins = " or ".join(repr(twin) for twin in sorted(_twins(op)))
            because = "because NumPy's reference can't take arrays in the GPU's memory"
            _check.fail("backend", f"op {op} has no twin for backend {self.name!r}", twins, because)
        twin = self.name if self.name in _twins(op) else self.otherwise
        module = importlib.import_module(f"{__package__}.ops.{op}.{twin}")
        setattr(self, op, module)
        return module

    def serves(self, op: str) -> bool:
        """Is there a module of that operation for the arrays of this backend?"""
        return not {self.name, self.otherwise}.isdisjoint(_twins(op))

    def __repr__(self) -> str:
        return f"<backend {self.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (self.name,)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array of this backend, contents undefined."""
        return _arrays.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """An array of zeros of this backend."""
        array = self.empty(shape, dtype)
        self.rows.fill(array, 0)
        return array

    def copy(self, array: Any) -> Any:
        """A copy in an array of its own."""
        copy = self.empty(array.shape, array.dtype)
        self.assign(copy, array)
        return copy

    def asarray(self, array: Any, dtype: Any = None) -> Any:
        """The array as this backend's, C-contiguous."""
        return np.ascontiguousarray(array, dtype)

    def bring(self, array: Any) -> Any:
        """The array where this backend computes: itself, or a copy in the GPU's memory."""
        return array

    def to_host(self, array: Any) -> np.ndarray:
        """The array as NumPy's."""
        return array

    def assign(self, out: Any, array: Any) -> None:
        """out ← array of equal shape, which may be NumPy's; its numbers take the dtype of `out`."""
        out[...] = array

    def synchronize(self) -> None:
        """Wait until all that was asked for is computed."""

    def tf32(self, on: bool) -> None:
        """Matrix products of float32 in TF32, where the backend can."""
        if on:
            because = f"because only backend 'cuda' has it, and this is {self.name!r}"
            _check.fail("backend", "tf32 is True", "False", because)

    def graph(self) -> Any:
        """An empty graph of launches, where the backend can record them (_graph.py)."""
        because = f"because only backend 'cuda' records its launches, and this is {self.name!r}"
        return _check.fail("backend", "graph is True", "False", because)

    def late(self, number: Callable[[], Any]) -> Any:
        """number(), for an operation's argument; while a graph records, what is asked again at each of its launches."""
        return number()

    def peak(self, function: Callable[[], Any]) -> int:
        """The most bytes that arrays made inside `function` take at once."""
        return _machine.peak_memory(function)

    def memory(self) -> tuple[int | None, str]:
        """Bytes that new arrays may take, None if that is unknown, and what sets that limit."""
        return _machine.available_memory()


def _twins(op: str) -> tuple[str, ...]:
    """The backends that the operation has a module for."""
    return importlib.import_module(f"{__package__}.ops.{op}").TWINS


class CudaBackend(Backend):
    """The table whose arrays are in the GPU's memory (_device.py)."""

    otherwise = "cuda"  # NumPy's reference can't take arrays in the GPU's memory
    arrays = _device.DeviceArray
    normalises = False

    def __init__(self, name: str) -> None:
        super().__init__(name)
        from . import _cuda

        _cuda.require()
        self._cuda = _cuda

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return _device.empty(shape, dtype)

    def asarray(self, array: Any, dtype: Any = None) -> Any:
        return _device.asarray(array, dtype)

    def bring(self, array: Any) -> Any:
        return _device.asarray(array)

    def to_host(self, array: Any) -> np.ndarray:
        return array.to_host() if isinstance(array, _device.DeviceArray) else array

    def assign(self, out: Any, array: Any) -> None:
        _device.assign(out, array)

    def synchronize(self) -> None:
        self._cuda.synchronize()

    def tf32(self, on: bool) -> None:
        from . import _products

        _products.tf32(on)

    def graph(self) -> Any:
        from ._graph import Graph

        return Graph()

    def late(self, number: Callable[[], Any]) -> Any:
        return _recording.late(number)

    def peak(self, function: Callable[[], Any]) -> int:
        return _pool.POOL.peak_of(function)

    def memory(self) -> tuple[int | None, str]:
        free, _ = self._cuda.memory()
        return (None if free is None else free + _pool.POOL.held), "the GPU"


@functools.cache
def get(name: str) -> Backend:
    """The backend of that name.

    Raises
    ------
    ValueError
        If there is no such backend; the message lists the known ones.
    RuntimeError
        If it is "cuda" and no GPU can be used; the message says what to install.
    """
    _check.choice("backend", "name", name, NAMES)
    return CudaBackend(name) if name == "cuda" else Backend(name)


def backends() -> tuple[str, ...]:
    """Names of the backends that can be chosen on this machine."""
    from . import _cuda

    return tuple(name for name in NAMES if name != "cuda" or _cuda.available())


def of(array: Any) -> Backend:
    """The fast backend for that array: "cuda" where it is in the GPU's memory, else "cpu"."""
    return get("cuda" if isinstance(array, _device.DeviceArray) else "cpu")


def to_host(array: Any) -> np.ndarray:
    """The array as NumPy's, wherever it is."""
    return of(array).to_host(array)
