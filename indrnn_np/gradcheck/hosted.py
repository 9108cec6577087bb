"""A backend's operations for NumPy arrays: what a backend computes in the GPU's memory is copied there and back.

For checks, which compare many small arrays; training keeps its arrays where they are computed.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import _device
from ..backend import Backend, get

STAY = ("lengths", "counts")  # arrays that every backend takes from NumPy


@functools.cache
def hosted(name: str) -> Any:
    """The table of that backend, its functions from NumPy arrays to NumPy arrays: `hosted("cuda").affine.forward`."""
    ops = get(name)
    return ops if ops.arrays is np.ndarray else Hosted(ops)


class Hosted:
    """A table whose functions take and give NumPy arrays."""

    def __init__(self, ops: Backend) -> None:
        self.ops, self.name, self.serves = ops, ops.name, ops.serves

    def __getattr__(self, op: str) -> SimpleNamespace:
        module = getattr(self.ops, op)
        functions = {name: f for name, f in vars(module).items() if callable(f) and not name.startswith("_")}
        made = SimpleNamespace(**{name: self._hosted(f) for name, f in functions.items()})
        setattr(self, op, made)
        return made

    def _hosted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            copies = _Copies(self.ops)
            given = inspect.signature(function).bind(*args, **kwargs)
            for name, value in sorted(given.arguments.items(), key=lambda pair: -getattr(pair[1], "size", 0)):
                given.arguments[name] = value if name in STAY else copies.move(value)
            result = function(*given.args, **given.kwargs)
            copies.back()
            return copies.host_of(result)

        return call

    def __repr__(self) -> str:
        return f"<{self.ops!r} for NumPy arrays>"


class _Copies:
    """The arrays of one call in the GPU's memory, and whose copies they are."""

    def __init__(self, ops: Backend) -> None:
        self.ops = ops
        self.pairs: list[tuple[np.ndarray, Any]] = []

    def move(self, value: Any) -> Any:
        """The GPU's copy of an array, or of what hands out arrays; anything else as it is."""
        if isinstance(value, np.ndarray) and value.ndim:
            return self._inside(value) or self._copy(value)
        if hasattr(value, "array") and not isinstance(value, np.ndarray):  # a workspace
            return SimpleNamespace(array=lambda *wanted: self.move(value.array(*wanted)))
        if callable(value) and not isinstance(value, type):  # a probe
            return lambda *given: value(*(self.host_of(part) for part in given))
        return value

    def _copy(self, value: np.ndarray) -> Any:
        copy = self.ops.asarray(value)
        self.pairs.append((value, copy))
        return copy

    def _inside(self, value: np.ndarray) -> Any:
        """The part of an earlier copy, if `value` is a part of that array."""
        for host, copy in self.pairs:
            first = value.ctypes.data - host.ctypes.data
            if np.may_share_memory(host, value) and 0 <= first <= host.nbytes - value.nbytes:
                return copy.part(first, value.shape, value.dtype)
        return None

    def back(self) -> None:
        """Copy to the given arrays what the call has written."""
        for host, copy in self.pairs:
            if host.flags.writeable:
                host[...] = copy.to_host()

    def host_of(self, result: Any) -> Any:
        """NumPy's form of a result: the given array if it is that one."""
        if isinstance(result, tuple):
            parts = [self.host_of(part) for part in result]
            return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
        if not isinstance(result, _device.DeviceArray):
            return result
        given = [host for host, copy in self.pairs if copy is result]
        return given[0] if given else result.to_host()
