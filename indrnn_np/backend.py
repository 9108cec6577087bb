"""The only dispatch point: a backend is a table of operations with equal signatures.

A backend is chosen once and passed down; nothing else in the package compares backend names. The
attributes of a table are the op modules of ops/ (`table.recurrence.forward`). `TWINS` of an op
lists its modules. On the CPU, the reference serves an op without a module; on "cuda", using such an
op is an error.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import _check
from .device import Device

NAMES = ("cpu", "cuda", "reference")
OPS = (
    "recurrence", "indrnn", "affine", "batchnorm", "dropout", "rows", "random", "softmax_cross_entropy", "mse",
    "binary_cross_entropy", "sgd", "adam", "gradient", "project", "finite", "adding", "embedding", "layernorm",
    "rnn", "lstm", "gru", "rotation", "softmax_readout",
)  # fmt: skip


class Backend:
    """Table of operations, whose modules are imported at first use.

    Attributes
    ----------
    name : str
        Name of the backend.
    device : Device
        Device of the arrays that the operations take and return.
    otherwise : str
        Backend that serves an operation without a module for this backend.
    normalises : bool
        Whether ops/indrnn can apply the preceding batch norm and dropout chunk by chunk (`norm=`).
    """

    def __init__(self, name: str, device: Device) -> None:
        self.name, self.device = name, device
        on_cpu = device.arrays is np.ndarray  # NumPy's reference can't take arrays in the GPU's memory
        self.otherwise = "reference" if on_cpu else name
        self.normalises = on_cpu

    def __getattr__(self, op: str) -> ModuleType:
        if op not in OPS:
            return self._of_the_device(op)
        if not self.serves(op):
            twins = " or ".join(repr(twin) for twin in sorted(_twins(op)))
            because = "because NumPy's reference can't take arrays in the GPU's memory"
            _check.fail("backend", f"op {op} has no twin for backend {self.name!r}", twins, because)
        twin = self.name if self.name in _twins(op) else self.otherwise
        module = importlib.import_module(f"{__package__}.ops.{op}.{twin}")
        setattr(self, op, module)
        return module

    def tangent(self, op: str) -> Callable[..., Any]:
        """Return the directional derivative of `forward` of an operation."""
        return self._derivative(op, "tangent", "reference")

    def second_order(self, op: str) -> Callable[..., Any]:
        """Return the directional derivative of `backward` of an operation."""
        return self._derivative(op, "backward_tangent", "second_order")

    def sample_gradients(self, op: str) -> Callable[..., Any]:
        """Return the backward pass of an operation with separate sums for each sample."""
        return self._derivative(op, "sample_gradients", "per_sample")

    def parallel(self, op: str) -> ModuleType:
        """Return the module of an operation whose `forward` and `backward` are scans over time."""
        twin = "parallel" if self.name == "reference" else f"parallel_{self.name}"
        return importlib.import_module(f"{__package__}.ops.{op}.{twin}")

    def _derivative(self, op: str, name: str, module: str) -> Callable[..., Any]:
        """Return a compiled twin of a function of an operation if there is one, else the NumPy function."""
        if self.otherwise != "reference":
            because = "because tangents have no kernels for a GPU"
            _check.fail("backend", f"the {name} of {op} on {self.name!r}", "'cpu' or 'reference'", because)
        return _derivative(op, name, f"{self.name}_{name}", module)

    def _of_the_device(self, name: str) -> Any:
        """Return a method of the device, which was a method of the table in 0.1.0."""
        if name.startswith("_") or not hasattr(self.device, name):
            known = ", ".join(OPS)
            raise AttributeError(f"backend {self.name!r} has no operation {name!r}, known are: {known}")
        old, new = f"backend.get({self.name!r}).{name}", f"backend.get({self.name!r}).device.{name}"
        warnings.warn(f"{old} is now {new}", DeprecationWarning, stacklevel=3)
        return getattr(self.device, name)

    def serves(self, op: str) -> bool:
        """Return whether an operation has a module for the arrays of this backend."""
        return not {self.name, self.otherwise}.isdisjoint(_twins(op))

    def __repr__(self) -> str:
        return f"<backend {self.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (self.name,)


def _twins(op: str) -> tuple[str, ...]:
    """Return the backends that an operation has a module for."""
    return importlib.import_module(f"{__package__}.ops.{op}").TWINS


@functools.cache
def _derivative(op: str, name: str, twin: str, otherwise: str) -> Callable[..., Any]:
    """Return the function of a name in the module `twin` of an operation, if there is one, else in `otherwise`."""
    package = f"{__package__}.ops.{op}"
    module = twin if importlib.util.find_spec(f"{package}.{twin}") else otherwise
    return getattr(importlib.import_module(f"{package}.{module}"), name)


def get_backend(name: str) -> Backend:
    """Return the backend of a name.

    Raises
    ------
    ValueError
        If there is no such backend; the message lists the known ones.
    RuntimeError
        If it is "cuda" and no GPU can be used; the message says what to install.
    """
    if not isinstance(name, str) or name not in NAMES:
        _check.choice("backend", "name", name, NAMES)
    return _table(name)


get = get_backend  # the name that modules of the package use: backend.get("cpu")


@functools.cache
def _table(name: str) -> Backend:
    """Return the single table of a name."""
    if name != "cuda":
        return Backend(name, Device())
    from .cuda_device import CudaDevice

    return Backend(name, CudaDevice())


def backends() -> tuple[str, ...]:
    """Return the names of the backends that are available on this machine."""
    from ._cuda import target

    return tuple(name for name in NAMES if name != "cuda" or target.available())


def of(array: Any, backend: Backend | str | None = None) -> Backend:
    """Return a backend by name; None selects "cuda" or "cpu" by the type of the array."""
    if backend is None:
        backend = "cuda" if getattr(array, "in_gpu_memory", False) else "cpu"
    return backend if isinstance(backend, Backend) else get(backend)


def to_host(array: Any) -> np.ndarray:
    """Return the array as a NumPy array; an array on the GPU is copied."""
    return of(array).device.to_host(array)
