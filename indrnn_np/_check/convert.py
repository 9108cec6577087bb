"""Convert user arrays to arrays that kernels accept.

Ops and `net.forward` are strict (`_check.array`). `net(x)`, `net.infer`, `net.step`,
`net.recompute_statistics`, `fit`, `sample` and `gradcheck` convert their inputs once, with this
module. It accepts lists, other strides, byte orders and precisions. It refuses inputs that would
lose their meaning: masked arrays, other subclasses, and numbers outside the range of the new dtype.
sequences.py moves axes and pads lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _check


def array(
    where: str,
    name: str,
    value: Any,
    dtype: Any = None,
    lengths: np.ndarray | None = None,
) -> Any:
    """Return `value` as a plain, aligned, C-contiguous array of numbers in native byte order.

    An array that meets the requirements, or is in GPU memory, is returned unchanged.

    Parameters
    ----------
    dtype : dtype, optional
        Precision of real numbers. Integers stay integers.
    lengths : array (B,), optional
        Lengths of the samples. Values beyond them may be outside the range of `dtype`.
    """
    if type(value) is np.ndarray and value.flags.num & _check.READY == _check.READY:
        if value.dtype == dtype if dtype is not None else value.dtype in _check.NUMBERS:
            return value
    if getattr(value, "in_gpu_memory", False):
        return value
    source = plain(where, name, value)
    same_kind = dtype is not None and source.dtype.kind == np.dtype(dtype).kind
    target = np.dtype(dtype) if same_kind else source.dtype.newbyteorder("=")
    if target not in _check.NUMBERS:
        _check.numbers(where, name, source)
    with np.errstate(over="ignore"):
        result = _laid_out(source, target)
    if target.itemsize < source.dtype.itemsize:
        _check_range(where, name, source, result, lengths)
    return result


def native(value: Any, dtype: Any = None) -> np.ndarray:
    """Return `value` like `array`, but convert all numbers to `dtype`, integers included."""
    source = plain("asarray", "the array", value)
    return _laid_out(source, np.dtype(source.dtype if dtype is None else dtype).newbyteorder("="))


def without_padding(where: str, value: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return `value` (T, B, ...) with zeros beyond each sample's length."""
    if lengths is None:
        return value
    return np.where(_check.counted(where, lengths, value), value, value.dtype.type(0))


def _laid_out(value: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return `value`, or a copy, as an aligned, C-contiguous ndarray of `dtype`."""
    return np.require(np.asarray(value), dtype, ("C", "A"))


def plain(where: str, name: str, value: Any) -> np.ndarray:
    """Return lists and arrays of other libraries as NumPy arrays; refuse subclasses but memmap."""
    if isinstance(value, np.ndarray) or not (isinstance(value, list | tuple) or hasattr(value, "__array__")):
        _check.plain(where, name, value)
        return value
    for part in _arrays_inside(value):
        _check.plain(where, f"an entry of {name}", part)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = type(value).__name__
        problem = f"{name} is a {kind} that NumPy cannot read ({error})"
        return _check.fail(where, problem, "numbers in equal rows")


def _arrays_inside(value: Any) -> Iterator[np.ndarray]:
    """Yield the arrays in nested lists; NumPy would drop their masks."""
    for part in value if isinstance(value, list | tuple) else ():
        if isinstance(part, np.ndarray):
            yield part
        else:
            yield from _arrays_inside(part)


def _check_range(
    where: str, name: str, value: np.ndarray, converted: np.ndarray, lengths: np.ndarray | None
) -> None:
    """Check that no finite number within `lengths` became infinite in `converted`."""
    lost = np.isinf(converted) & np.isfinite(value)
    if lost.any() and lengths is not None and value.ndim > 1:
        lost &= _check.counted(where, lengths, value)
    if lost.any():
        index = _check.first_index(lost)
        because = f"because {converted.dtype} holds no larger number"
        expected = f"at most {np.finfo(converted.dtype).max:.3g} in size"
        _check.fail(where, f"{name}{list(index)} is {value[index]}", expected, because)
