"""The only place that compares shapes and dtypes, and that words the errors about them.

Every message reads `where: what has which value, expected which, because of what`, for example
`recurrence.forward: u has shape (64,), expected (128,) to match a with shape (50, 32, 128)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

REAL = (np.dtype(np.float32), np.dtype(np.float64))
FLOATS = (*REAL, np.dtype(np.complex128))  # complex128: the complex step of a gradient check, reference only


def fail(
    where: str, what: str, expected: str, because: str = "", error: type[Exception] = ValueError
) -> NoReturn:
    """Raise `error` with the one sentence that all errors of the package share."""
    raise error(f"{where}: {what}, expected {expected}" + (f" {because}" if because else ""))


def is_array(value: Any) -> bool:
    """Is it a NumPy array, or one in the GPU's memory (_device.py)?"""
    return isinstance(value, np.ndarray) or getattr(value, "in_gpu_memory", False)


def shares_memory(a: Any, b: Any) -> bool:
    """May the two arrays have a common byte?"""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.may_share_memory(a, b)
    return not isinstance(a, np.ndarray) and a.shares_memory(b)


def same_start(a: Any, b: Any) -> bool:
    """Do the two arrays begin at the same byte?"""
    if isinstance(a, np.ndarray):
        return a.ctypes.data == b.ctypes.data
    return a.same_start(b)


def array(
    where: str, name: str, value: Any, ndim: int | Sequence[int] | None = None, layout: str = ""
) -> None:
    """Check that `value` is a C-contiguous ndarray with (one of) `ndim` axes; `layout` names them."""
    if not is_array(value):
        fail(where, f"{name} is a {type(value).__name__}", "a numpy.ndarray", error=TypeError)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if allowed is not None and value.ndim not in allowed:
        fail(
            where, f"{name} has shape {value.shape}", f"{layout or ' or '.join(f'{n} axes' for n in allowed)}"
        )
    if isinstance(value, np.ndarray) and not value.flags.c_contiguous:
        fail(
            where,
            f"{name} with shape {value.shape} has strides {value.strides}",
            "a C-contiguous array",
            "because kernels walk memory in order; numpy.ascontiguousarray makes one",
        )


def floats(where: str, allowed: Iterable[np.dtype] = REAL, **arrays: Any) -> np.dtype:
    """Check that all given arrays share one dtype out of `allowed`, and return it. None is passed over."""
    allowed = tuple(allowed)
    first, dtype = "", None
    for name, value in arrays.items():
        if value is None:
            continue
        if not is_array(value):
            fail(where, f"{name} is a {type(value).__name__}", "a numpy.ndarray", error=TypeError)
        if value.dtype not in allowed:
            fail(where, f"{name} has dtype {value.dtype}", " or ".join(d.name for d in allowed))
        if dtype is None:
            first, dtype = name, value.dtype
        elif value.dtype != dtype:
            fail(where, f"{name} has dtype {value.dtype}", f"{dtype}", f"to match {first}")
    if dtype is None:
        fail(where, "no array was given", "at least one")
    return dtype


def shape(where: str, name: str, value: Any, expected: tuple[int, ...], because: str = "") -> None:
    """Check one array's shape; `because` names what it has to match."""
    if value.shape != expected:
        fail(where, f"{name} has shape {value.shape}", f"{expected}", because)


def matches(where: str, name: str, value: Any, expected: tuple[int, ...], other: str, like: Any) -> None:
    """Check one array's shape against another array, which the error then shows."""
    shape(where, name, value, expected, f"to match {other} with shape {like.shape}")


def lengths(where: str, value: np.ndarray | None, T: int, B: int, name: str = "lengths") -> None:
    """Check the valid steps of each sample: integers (B,), each from 0 to T."""
    if value is None:
        return
    array(where, name, value, 1, "(B,)")
    integers(where, name, value)
    shape(where, name, value, (B,), f"one for each of the {B} samples")
    wrong = (value < 0) | (value > T)
    if wrong.any():
        b = int(np.argmax(wrong))
        fail(where, f"{name}[{b}] is {value[b]}", f"0 to {T}", f"because the sequence has {T} steps")


def choice(where: str, name: str, value: Any, known: Iterable[Any]) -> None:
    """Check that a choice is one of the known ones, and list them if not."""
    known = tuple(known)
    if value not in known:
        fail(where, f"{name} is {value!r}", "one of " + ", ".join(repr(k) for k in known))


def at_least(where: str, name: str, value: float, minimum: float, strictly: bool = False) -> None:
    """Check a number's lower bound; NaN fails too."""
    if not (value > minimum if strictly else value >= minimum):
        fail(where, f"{name} is {value!r}", f"a number {'above' if strictly else 'of at least'} {minimum}")


def between(where: str, name: str, value: float, low: float, high: float) -> None:
    """Check low <= value < high; NaN fails too."""
    if not low <= value < high:
        fail(where, f"{name} is {value!r}", f"a number from {low} to below {high}")


def finite(where: str, name: str, value: np.ndarray) -> None:
    """Check that every element is a finite number, and name the first that is not."""
    bad = ~np.isfinite(value)
    if bad.any():
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), value.shape))
        fail(
            where,
            f"{name}{list(index)} is {value[index]}",
            "finite numbers",
            f"({int(bad.sum())} of them are not)",
        )


def integers(where: str, name: str, value: np.ndarray) -> None:
    """Check that an array is one of integers."""
    if value.dtype.kind not in "iu":
        fail(where, f"{name} has dtype {value.dtype}", "an integer dtype")


def symbols(where: str, name: str, value: np.ndarray, count: int, hint: str = "") -> None:
    """Check integers from 0 to count - 1, and name the first that is none of them."""
    integers(where, name, value)
    wrong = (value < 0) | (value >= count)
    if wrong.any():
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), value.shape))
        fail(where, f"{name}{list(index)} is {value[index]}", f"0 to {count - 1}",
             f"because there are {count} symbols{hint}")  # fmt: skip
