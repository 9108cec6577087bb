"""Check dtypes; _check re-exports the checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from .scalars import fail

REAL = (np.dtype(np.float32), np.dtype(np.float64))
FLOATS = (*REAL, np.dtype(np.complex128))  # complex128 for the complex step of a gradient check only
NUMBERS = frozenset(np.dtype(code) for code in "?bhilqBHILQefdgFDG")  # in the machine's byte order


def numbers(where: str, name: str, value: Any) -> None:
    """Check that the elements are numbers in native byte order."""
    if value.dtype in NUMBERS:
        return
    native = value.dtype.newbyteorder("=")
    if native in NUMBERS:
        because = f"because kernels read the machine's byte order; .astype({native.name!r}) converts"
        fail(where, f"{name} has dtype {value.dtype}", native.name, because)
    fail(where, f"{name} has dtype {value.dtype}", "a dtype of numbers, such as float32 or int64")


def integers(where: str, name: str, value: np.ndarray) -> None:
    """Check that an array holds integers."""
    if value.dtype.kind not in "iu":
        fail(where, f"{name} has dtype {value.dtype}", "an integer dtype")
    numbers(where, name, value)


def dtype(where: str, value: Any, allowed: Iterable[np.dtype] = REAL) -> np.dtype:
    """Return `value` as a dtype, after checking that it is in `allowed`."""
    try:
        result = None if value is None else np.dtype(value)
    except TypeError:
        result = None
    if result is None or result not in tuple(allowed):
        fail(where, f"dtype is {value!r}", "one of " + ", ".join(repr(d.name) for d in allowed))
    return result


def refuse_dtype(
    where: str, name: str, value: Any, expected: str, because: str, allowed: Sequence[np.dtype]
) -> NoReturn:
    """Raise an error about an array's dtype; it suggests `astype` if the dtype is numeric."""
    native = value.dtype.newbyteorder("=")
    target = native if native in allowed else allowed[0]
    advice = f"; .astype({target.name!r}) converts" if value.dtype.kind in "biuf" else ""
    fail(where, f"{name} has dtype {value.dtype}", f"{expected} {because}".rstrip() + advice)
