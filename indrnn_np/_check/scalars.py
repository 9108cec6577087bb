"""Raise errors in the form of the package, and check single numbers; _check re-exports both."""

from __future__ import annotations

import dataclasses
import math
import sys
import warnings
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np

from .. import _machine

LARGEST = 2**63  # integers must be smaller
LARGE = 2**26  # bytes; smaller arrays need no call of `fits_memory`, which takes about 1 ms


def fail(
    where: str, problem: str, expected: str, because: str = "", error: type[Exception] = ValueError
) -> NoReturn:
    """Raise `error` with the message `where: problem, expected ... because ...`."""
    raise error(f"{where}: {problem}, expected {expected} {because}".rstrip())


def warn(text: str) -> None:
    """Warn at the line outside this package that led here. Python shows a warning once per line."""
    package, level = __name__.partition(".")[0], 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, UserWarning, stacklevel=level)


def at_least(where: str, name: str, value: Any, minimum: float, strictly: bool = False) -> Any:
    """Return a finite number of at least `minimum`; it must be an integer if `minimum` is one."""
    number = real(where, name, value)
    if not (value > minimum if strictly else value >= minimum):
        fail(where, f"{name} is {value!r}", f"a number {'above' if strictly else 'of at least'} {minimum}")
    if isinstance(value, int) and value >= LARGEST:
        fail(where, f"{name} is {value!r}", "a number below 2**63")
    whole(where, name, value, minimum)
    if value == math.inf:
        fail(where, f"{name} is inf", "a finite number")
    return number


def between(where: str, name: str, value: Any, low: float, high: float) -> Any:
    """Return `value` if low <= value < high; it must be an integer if `low` is one. NaN fails."""
    number = real(where, name, value)
    if not low <= value < high:
        fail(where, f"{name} is {value!r}", f"a number from {low} to below {high}")
    whole(where, name, value, low)
    return number


def normal(where: str, name: str, value: Any, dtype: Any) -> float:
    """Return a finite number that is at least the smallest normal number of a dtype."""
    smallest = float(np.finfo(dtype).tiny)
    if at_least(where, name, value, 0.0) < smallest:
        because = f"because a smaller one may be 0 in {np.dtype(dtype)}, and 0 / 0 is NaN"
        fail(where, f"{name} is {value!r}", f"a number of at least {smallest:.3g}", because)
    return float(value)


def boolean(where: str, name: str, value: Any) -> None:
    """Check that `value` is True or False, of Python or of NumPy."""
    if not isinstance(value, bool | np.bool_):
        shown = f"a {type(value).__name__}" if hasattr(value, "__array__") else f"{value!r:.40}"
        fail(where, f"{name} is {shown}", "True or False", error=TypeError)


def options(where: str, record: Any) -> None:
    """Check the boolean fields of a dataclass, and convert its NumPy floats to Python floats."""
    for option in dataclasses.fields(record):
        value = getattr(record, option.name)
        if option.type == "bool":
            boolean(where, option.name, value)
        if isinstance(value, np.floating):
            object.__setattr__(record, option.name, float(value))


def real(where: str, name: str, value: Any) -> Any:
    """Check that `value` is a real number, not a boolean; return it as a Python number.

    Arithmetic with NumPy's float32 would round to float32.
    """
    if type(value) is int:
        if abs(value) > 2**64:
            fail(where, f"{name} is {value!r:.40}", "a number of at most 64 bits")
    elif isinstance(value, bool) or not isinstance(value, Real):
        fail(where, f"{name} is a {type(value).__name__}", "a number", error=TypeError)
    return int(value) if isinstance(value, Integral) else float(value)


def whole(where: str, name: str, value: Any, bound: Any) -> None:
    """Check that a number is an integer if `bound` is one; NumPy integers need 64 bits."""
    if type(value) is int or not isinstance(bound, Integral):
        return
    if isinstance(value, np.integer) and value.itemsize < 8:
        because = "because products of narrower integers overflow silently"
        fail(where, f"{name} is {value!r}", "an int", because)
    if not isinstance(value, Integral):
        fail(where, f"{name} is {value!r}", "a whole number")


def finite_number(where: str, name: str, value: Any) -> Any:
    """Check that `value` is a finite real number; return it as a Python number."""
    number = real(where, name, value)
    if not math.isfinite(number):
        fail(where, f"{name} is {value!r}", "a finite number")
    return number


def as_json(value: Any) -> Any:
    """Return a NumPy number as a Python number, for JSON; return other values unchanged."""
    if isinstance(value, np.floating):
        return float(value)  # `item` keeps a longdouble
    return value.item() if isinstance(value, np.generic) else value


def fits_memory(where: str, name: str, needed: int, memory: tuple[int | None, str] | None = None) -> None:
    """Check that `needed` bytes are free before their allocation.

    `memory` holds the free bytes and the name of their limit; None means the memory of the host.
    """
    free, limit = _machine.available_memory() if memory is None else memory
    if free is not None and needed > free:
        problem, expected = f"{name} needs {needed / 2**30:.3g} GiB", f"at most {free / 2**30:.3g} GiB"
        fail(where, problem, expected, f"because of {limit}", error=MemoryError)
