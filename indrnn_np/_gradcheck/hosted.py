"""Operations of a backend as functions of NumPy arrays, which are copied to the device and back.

Checks compare many small arrays with them. Training keeps its arrays on the device.
"""

from __future__ import annotations

import functools
import inspect
from types import ModuleType, SimpleNamespace

import numpy as np

from .._types import AnyArray, Array, Function, Value
from ..backend import Backend, get
from ..device import Device

STAY = ("lengths", "counts")  # arguments that every backend takes as NumPy arrays


@functools.cache
def hosted(name: str) -> Operations:
    """Return the table of a backend as functions of NumPy arrays."""
    ops = get(name)
    return ops if ops.device.arrays is np.ndarray else Hosted(ops)


class Hosted:
    """Table of operations that take and return NumPy arrays."""

    def __init__(self, ops: Backend) -> None:
        self.ops, self.name, self.serves = ops, ops.name, ops.serves

    def __getattr__(self, op: str) -> SimpleNamespace:
        table = self._table(getattr(self.ops, op))
        setattr(self, op, table)
        return table

    def parallel(self, op: str) -> SimpleNamespace:
        """Return the functions of an operation's scan over time."""
        return self._table(self.ops.parallel(op))

    def _table(self, module: ModuleType) -> SimpleNamespace:
        """Return the public functions of a module as functions of NumPy arrays."""
        functions = {name: f for name, f in vars(module).items() if callable(f) and not name.startswith("_")}
        return SimpleNamespace(**{name: self.hosted(f) for name, f in functions.items()})

    def tangent(self, op: str) -> Function[Value]:
        """Return the tangent of an operation; the backend refuses if it has none."""
        return self.ops.tangent(op)

    def hosted(self, function: Function[Value]) -> Function[Value]:
        """Return a function of device arrays as a function of NumPy arrays."""

        @functools.wraps(function)
        def on_host(*args: Value, **kwargs: Value) -> Value:
            copies = _Copies(self.ops.device)
            call = inspect.signature(function).bind(*args, **kwargs)
            for name, value in sorted(call.arguments.items(), key=lambda pair: -getattr(pair[1], "size", 0)):
                call.arguments[name] = value if name in STAY else copies.move(value)
            result = function(*call.args, **call.kwargs)
            copies.back()
            return copies.host_of(result)

        return on_host

    def __repr__(self) -> str:
        return f"<{self.ops!r} for NumPy arrays>"


Operations = Backend | Hosted


class _Copies:
    """Device copies of the arrays of one call."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.pairs: list[tuple[Array, AnyArray]] = []

    def move(self, value: Value) -> Value:
        """Return the device copy of an array, a workspace or probe that copies, or the value."""
        if isinstance(value, np.ndarray) and value.ndim:
            return self._inside(value) or self._copy(value)
        if hasattr(value, "array") and not isinstance(value, np.ndarray):  # a workspace
            return SimpleNamespace(array=lambda *arguments: self.move(value.array(*arguments)))
        if callable(value) and not isinstance(value, type):  # a probe
            return lambda *arguments: value(*(self.host_of(argument) for argument in arguments))
        return value

    def _copy(self, value: Array) -> AnyArray:
        copy = self.device.asarray(value)
        self.pairs.append((value, copy))
        return copy

    def _inside(self, value: Array) -> AnyArray:
        """Return the part of an earlier copy if `value` is a part of its array, else None."""
        for host, copy in self.pairs:
            first = value.ctypes.data - host.ctypes.data
            if np.may_share_memory(host, value) and 0 <= first <= host.nbytes - value.nbytes:
                return copy.part(first, value.shape, value.dtype)
        return None

    def back(self) -> None:
        """Copy the results back to the arguments that the call has written."""
        for host, copy in self.pairs:
            if host.flags.writeable:
                host[...] = copy.to_host()

    def host_of(self, result: Value) -> Value:
        """Return a result as a NumPy array; an argument is returned as the same array."""
        if isinstance(result, tuple):
            parts = [self.host_of(part) for part in result]
            return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
        if not getattr(result, "in_gpu_memory", False):
            return result
        arguments = [host for host, copy in self.pairs if copy is result]
        return arguments[0] if arguments else result.to_host()
