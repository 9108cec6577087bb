"""The only dispatch point: a backend is a table of operations with equal signatures, chosen once and passed
down.

Nothing else in the package compares backend names. A table's attributes are the op modules of ops/
(`table.recurrence.forward`); an op without a module for the backend says so in its `TWINS` and is served by
the reference.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any

import numpy as np

from . import _arrays, _check

NAMES = ("cpu", "reference")
OPS = (
    "recurrence", "indrnn", "affine", "batchnorm", "dropout", "random", "softmax_cross_entropy", "mse",
    "sgd", "adam", "gradient", "project", "finite",
)  # fmt: skip


class Backend:
    """A table of operations, and how its arrays are made. Modules are imported at first use."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, op: str) -> ModuleType:
        if op not in OPS:
            raise AttributeError(
                f"backend {self.name!r} has no operation {op!r}, known are: {', '.join(OPS)}"
            )
        twins = importlib.import_module(f"{__package__}.ops.{op}").TWINS
        twin = self.name if self.name in twins else "reference"
        module = importlib.import_module(f"{__package__}.ops.{op}.{twin}")
        setattr(self, op, module)
        return module

    def __repr__(self) -> str:
        return f"<backend {self.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (self.name,)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array of this backend, contents undefined."""
        return _arrays.empty(shape, dtype)

    def asarray(self, array: Any, dtype: Any = None) -> np.ndarray:
        """The array as this backend's, C-contiguous."""
        return np.ascontiguousarray(array, dtype)

    def to_host(self, array: np.ndarray) -> np.ndarray:
        """The array as NumPy's."""
        return array


@functools.cache
def get(name: str) -> Backend:
    """The backend of that name.

    Raises
    ------
    ValueError
        If there is no such backend; the message lists the known ones.
    """
    _check.choice("backend", "name", name, NAMES)
    return Backend(name)


def backends() -> tuple[str, ...]:
    """Names of the backends that can be chosen."""
    return NAMES
