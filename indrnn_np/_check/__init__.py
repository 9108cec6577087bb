"""Check the type, layout, dtype, shape and values of arrays; scalars.py checks single numbers.

An error message names the function, the argument, its value, the expected value and the reason:
`recurrence.forward: u has shape (64,), expected (128,) to match a with shape (50, 32, 128)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from . import shapes
from .dtypes import FLOATS as FLOATS
from .dtypes import NUMBERS as NUMBERS
from .dtypes import REAL as REAL
from .dtypes import dtype as dtype
from .dtypes import integers as integers
from .dtypes import numbers as numbers
from .dtypes import refuse_dtype
from .optional import optional as optional
from .scalars import LARGE as LARGE
from .scalars import as_json as as_json
from .scalars import at_least as at_least
from .scalars import between as between
from .scalars import boolean as boolean
from .scalars import fail as fail
from .scalars import finite_number as finite_number
from .scalars import fits_memory as fits_memory
from .scalars import normal as normal
from .scalars import options as options
from .scalars import real as real
from .scalars import warn as warn

READY = 0x001 | 0x100  # the bits C_CONTIGUOUS and ALIGNED of `ndarray.flags.num`
WRITEABLE = 0x400


def is_array(value: Any) -> bool:
    """Return whether `value` is a NumPy array or an array in GPU memory (_cuda/arrays.py)."""
    return isinstance(value, np.ndarray) or getattr(value, "in_gpu_memory", False)


def shares_memory(a: Any, b: Any) -> bool:
    """Return whether two arrays may overlap in memory."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.may_share_memory(a, b)
    return not isinstance(a, np.ndarray) and a.shares_memory(b)


def same_start(a: Any, b: Any) -> bool:
    """Return whether two arrays start at the same address."""
    if isinstance(a, np.ndarray):
        return a.ctypes.data == b.ctypes.data
    return a.same_start(b)


def array(where: str, name: str, value: Any) -> None:
    """Check that `value` is an array that kernels can read.

    The array must be plain, aligned and C-contiguous, and hold numbers in native byte order.
    """
    plain(where, name, value)
    if not isinstance(value, np.ndarray):
        return
    if not value.flags.c_contiguous:
        problem = f"{name} with shape {value.shape} has strides {value.strides}"
        because = "because kernels read memory in order; numpy.ascontiguousarray converts"
        fail(where, problem, "a C-contiguous array", because)
    if not value.flags.aligned:
        because = "because kernels read whole elements at once; .copy() aligns"
        fail(where, f"{name} is not aligned in memory", "an aligned array", because)
    numbers(where, name, value)


_PASSED: set[Any] = set()  # calls of `arrays` that passed; a repeated call needs one look-up


def arrays(where: str, table: str, /, *values: Any, **known: int) -> None:
    """Check arrays against a table of their shapes; arrays of real numbers must share one dtype.

        arrays("recurrence.last", "h: T+1 B H, lengths?: int B", h, lengths)

    _check/shapes.py describes the table. `known` holds the sizes that are arguments of the op.
    """
    key = (table, *map(_signature, values), *known.values())
    if key in _PASSED:
        return
    rows, floating = shapes.parse(table), dict[str, Any]()
    sizes: shapes.Sizes = dict(known)
    for row, value in zip(rows, values, strict=True):
        if value is None and row.optional:
            continue
        array(where, row.name, value)
        if row.kind == "int":
            integers(where, row.name, value)
        elif row.kind == "bool" and value.dtype != np.bool_:
            fail(where, f"{row.name} has dtype {value.dtype}", "bool")
        elif row.kind in ("real", "float"):
            floating[row.name] = value
        if not shapes.bind(row.axes, value.shape, sizes):
            fail(where, f"{row.name} has shape {value.shape}", *shapes.required(row, rows, values, known))
        if row.written:
            writable(where, row.name, value)
    if floating:
        floats(where, REAL if any(row.kind == "real" for row in rows) else FLOATS, **floating)
    if len(_PASSED) > 4096:
        _PASSED.clear()
    _PASSED.add(key)


def _signature(value: Any) -> Any:
    """Return the properties of an array that `arrays` checks."""
    if isinstance(value, np.ndarray):
        return type(value), value.shape, value.dtype, value.flags.num
    return (type(value), value.shape, value.dtype) if is_array(value) else type(value)


def writable(where: str, name: str, value: Any) -> None:
    """Check that an array is writable."""
    if isinstance(value, np.ndarray) and not value.flags.num & WRITEABLE:
        fail(where, f"{name} is read-only", "an array that can be written", "because the op writes into it")


def plain(where: str, name: str, value: Any) -> None:
    """Check that `value` is an ndarray, a memmap or an array in GPU memory.

    Other subclasses change the meaning of their elements (masks, units, matrix products), and
    kernels would ignore it.
    """
    kind = type(value)
    if kind is np.ndarray or kind is np.memmap:
        return
    if not is_array(value):
        because = "(numpy.asarray converts)" if hasattr(value, "__array__") else ""
        fail(where, f"{name} is a {kind.__name__}", "a numpy.ndarray", because, error=TypeError)
    if isinstance(value, np.ndarray):
        because = "because a subclass may give its elements another meaning; numpy.asarray converts"
        if isinstance(value, np.ma.MaskedArray):
            because = "because its mask would be ignored; .filled(value) replaces masked elements"
        fail(where, f"{name} is a {kind.__name__}", "a numpy.ndarray", because, error=TypeError)


def floats(where: str, allowed: Iterable[np.dtype] = REAL, **arrays: Any) -> np.dtype:
    """Return the common dtype of the arrays that are not None; it must be in `allowed`."""
    first, dtype = "", None
    for name, value in arrays.items():
        if value is None:
            continue
        if type(value) is not np.ndarray and not is_array(value):
            fail(where, f"{name} is a {type(value).__name__}", "a numpy.ndarray", error=TypeError)
        if dtype is None:
            allowed = tuple(allowed)
            if value.dtype not in allowed:
                refuse_dtype(where, name, value, " or ".join(d.name for d in allowed), "", allowed)
            first, dtype = name, value.dtype
        elif value.dtype is not dtype and value.dtype != dtype:
            refuse_dtype(where, name, value, f"{dtype}", f"to match {first}", (dtype,))
    if dtype is None:
        fail(where, "every array is None", "at least one array")
    return dtype


def shape(where: str, name: str, value: Any, expected: tuple[int, ...], because: str = "") -> None:
    """Check the shape of an array; `because` explains the expected shape in errors."""
    if value.shape != expected:
        fail(where, f"{name} has shape {value.shape}", f"{expected}", because)


def lengths(where: str, value: np.ndarray | None, T: int, B: int, name: str = "lengths") -> None:
    """Check the lengths of samples: integers (B,) from 0 to T."""
    if value is None:
        return
    array(where, name, value)
    integers(where, name, value)
    shape(where, name, value, (B,), f"one for each of the {B} samples")
    wrong = (value < 0) | (value > T)
    if wrong.any():
        b = int(np.argmax(wrong))
        fail(where, f"{name}[{b}] is {value[b]}", f"0 to {T}", f"because the sequence has {T} steps")


def choice(where: str, name: str, value: Any, known: Iterable[Any]) -> None:
    """Check that `value` is in `known`; the error lists all choices."""
    known = tuple(known)
    if is_array(value) or value not in known:
        text = "an array" if is_array(value) else repr(value)
        fail(where, f"{name} is {text}", "one of " + ", ".join(map(repr, known)))


def counted(where: str, ends: np.ndarray, value: Any) -> np.ndarray:
    """Return the mask (T, B, 1, ...) of the elements of `value` (T, B, ...) before `ends` (B,)."""
    if value.ndim < 2:
        fail(where, f"an array with lengths has shape {value.shape}", "(T, B, ...): time, batch")
    T, B = value.shape[:2]
    lengths(where, ends, T, B)
    valid = np.arange(T)[:, None] < ends
    return valid.reshape(T, B, *(1,) * (value.ndim - 2))


def first_index(wrong: np.ndarray) -> tuple[int, ...]:
    """Return the index of the first true element of a mask."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))


def finite(where: str, name: str, value: np.ndarray, among: Any = True, kind: str = "finite numbers") -> None:
    """Check that the elements in the mask `among` are finite; the error names the first fault."""
    bad = ~np.isfinite(value)
    if among is not True:
        bad &= among
    if bad.any():
        index = first_index(bad)
        fail(where, f"{name}{list(index)} is {value[index]}", kind, f"({int(bad.sum())} of them are not)")


def symbols(
    where: str, name: str, value: np.ndarray, count: int, among: Any = True, kind: str = "symbols"
) -> None:
    """Check that the elements in the mask `among` are integers from 0 to count - 1."""
    integers(where, name, value)
    wrong = (value < 0) | (value >= count)
    if among is not True:
        wrong &= among
    if wrong.any():
        index = first_index(wrong)
        because = f"because there {'is' if count == 1 else 'are'} {count} {kind}"
        fail(where, f"{name}{list(index)} is {value[index]}", f"0 to {count - 1}", because)
