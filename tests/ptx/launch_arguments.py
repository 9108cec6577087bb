"""The arguments of a launch as runtime.h reads them: bits of parameters, and the memory behind arrays."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from . import c_structures as c
from .memory import Array


def memory_row(
    number: int, base: Any, written: Any, cells: Any, shift: int, ranges: list[tuple[int, int]]
) -> Any:
    """Return a Memory of runtime.h, and the table of ranges that it points to."""
    table = (c.Range * len(ranges))(*(c.Range(start, stop) for start, stop in ranges))
    pointers = (array.ctypes.data if array is not None else None for array in (base, written, cells))
    return c.Memory(number, *pointers, shift, len(ranges), ctypes.addressof(table)), table


def memory_table(arguments: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    """Return the allocations of all array arguments for the launch, and what they point to."""
    arrays = [argument for argument in arguments if isinstance(argument, Array) and argument.size]
    shift = 0 if any(array.dtype.itemsize < 4 for array in arrays) else 2
    allocations = {array.allocation.number: array.allocation for array in arrays}
    rows = []
    for number, allocation in allocations.items():
        allocation.watch(shift)
        ranges = _merged((a.offset, a.offset + a.nbytes) for a in arrays if a.allocation is allocation)
        rows.append(
            memory_row(
                number, allocation.data, allocation.written, allocation.cells, allocation.shift, ranges
            )
        )
    return (c.Memory * len(rows))(*(memory for memory, _ in rows)), rows


def _merged(ranges: Any) -> list[tuple[int, int]]:
    """Return ranges in order, with those joined that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        else:
            merged.append((start, stop))
    return merged


def parameter_bits(name: str, types: list[str], arguments: tuple[Any, ...]) -> np.ndarray:
    """Return the bits of the kernel's parameters. An array is its numba structure: seven or more parameters."""
    values: list[Any] = []
    for argument in arguments:
        if isinstance(argument, Array):
            address = argument.address if argument.size else 0
            values += [
                0,
                0,
                argument.size,
                argument.dtype.itemsize,
                address,
                *argument.shape,
                *argument.strides,
            ]
        else:
            values.append(argument)
    if len(values) != len(types):
        raise RuntimeError(f"{name}: {len(values)} arguments for {len(types)} parameters")
    return np.array([_bits(value, kind) for value, kind in zip(values, types, strict=True)] or [0], np.uint64)


def _bits(value: Any, kind: str) -> int:
    """Return the bits of a number as a parameter of a type of PTX: f32, u64, b8."""
    size = int(kind[1:])
    if kind[0] == "f" or isinstance(value, (float, np.floating)):
        return int(np.array(value, f"f{size // 8}").view(f"u{size // 8}"))
    return int(value) % 2**size
