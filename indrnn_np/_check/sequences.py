"""Convert sequences as users have them: other layouts, lists of unequal length, data frames.

A layout names the axes of an array in their order: b the sample, t the time step, d the input.

    "tbd"    x (T, B, D), the layout of the package
    "btd"    x (B, T, D); x (B, T), as a data frame with a series in each row, if D is 1; or a list,
             or an array of dtype object, of B sequences (T_b, D) or (T_b,)
    "bdt"    x (B, D, T), or a list of B sequences (D, T_b)

A list is read as sequences only if the layout starts with b, so its meaning never depends on
whether the sequences have equal lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _check
from . import convert

TIME_MAJOR = "tbd"
LAYOUTS = (TIME_MAJOR, "btd", "bdt")
CURE = 'numpy.ascontiguousarray(x.transpose(1, 0, 2)) is (T, B, D); in fit and net(x), layout="btd" reads batch first'


def time_major(
    where: str, name: str, value: Any, dtype: Any = None, lengths: Any = None, layout: str = TIME_MAJOR,
    symbols: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """Return `value` as x (T, B, D), or symbols (T, B), and the lengths of its samples.

    Parameters
    ----------
    value
        Array or list in `layout`.
    dtype : dtype, optional
        Dtype of x. None: any dtype of numbers.
    lengths : array (B,), optional
        Sequence lengths. A list of sequences of unequal lengths defines them.
    symbols : bool
        Whether the entries are symbols, which have no axis d.

    Returns
    -------
    x : array (T, B, D) or (T, B)
        A view if only the axes move, else a copy.
    lengths : array (B,) or None
    """
    _check.choice(where, "layout", layout, LAYOUTS)
    if getattr(getattr(value, "dtype", None), "hasobject", False) and value.ndim == 1:
        value = list(value)
    if lengths is not None:
        lengths = convert.array(where, "lengths", lengths)
    if layout == TIME_MAJOR:
        _refuse_ragged(where, name, value)
    else:
        if isinstance(value, list | tuple):
            value, ends = padded(where, name, value, time=layout.index("t") - 1)
            lengths = agreed(where, name, lengths, ends)
        value = convert.plain(where, name, value)
        if value.ndim == 2 and not symbols:
            value, layout = value[..., None], "btd"
        axes = [axis for axis in layout if axis != "d" or not symbols]
        if value.ndim == len(axes):
            value = value.transpose([axes.index(axis) for axis in TIME_MAJOR if axis in axes])
    return real(where, name, value, dtype, lengths), lengths


def _refuse_ragged(where: str, name: str, value: Any) -> None:
    """Refuse a list of sequences of unequal lengths, which a time-major layout cannot read."""
    if not isinstance(value, list | tuple):
        return
    lengths = {len(part) for part in value if isinstance(part, list | tuple) or np.ndim(part)}
    if len(lengths) > 1:
        problem = f"{name} is a list of sequences with {min(lengths)} to {max(lengths)} entries"
        _check.fail(where, problem, 'layout="btd"', "which reads sequences of any lengths")


def batch_layout(y: Any, layout: str) -> Any:
    """Return the output of a network, y (T, B, K) or (B, K), in `layout`."""
    if layout == TIME_MAJOR or y.ndim == 2:
        return y
    return y.transpose([TIME_MAJOR.index(axis) for axis in layout])


def real(where: str, name: str, value: Any, dtype: Any, lengths: Any = None) -> Any:
    """Return an array of numbers in `dtype`, integers and booleans included; None keeps the dtype."""
    if dtype is None or getattr(value, "in_gpu_memory", False):
        return convert.array(where, name, value, dtype, lengths)
    source = convert.plain(where, name, value)
    numbers = source.astype(dtype) if source.dtype.kind in "biu" else source
    return convert.array(where, name, numbers, dtype, lengths)


def report_dtype(where: str, name: str, value: Any, dtype: Any) -> None:
    """Warn if an array of numbers is converted to the dtype of the network. Lists have no dtype."""
    if isinstance(value, list | tuple) or getattr(value, "in_gpu_memory", False):
        return
    before, after = convert.plain(where, name, value).dtype, np.dtype(dtype).name
    if before.kind in "biuf" and before.name != after:
        cure = f"{name}.astype({after!r}) avoids this warning"
        _check.warn(
            f"{where}: {name} has dtype {before} and is converted to {after}, as in the network; {cure}"
        )


def padded(where: str, name: str, items: Sequence[Any], time: int = 0) -> tuple[Any, Any]:
    """Return sequences as one array with zeros beyond their ends, and their lengths.

    Parameters
    ----------
    items : sequence of arrays
        B arrays or lists with equal shapes, except on axis `time`.

    Returns
    -------
    array : array (B, ...)
    lengths : array (B,) or None
        None if all are equal.
    """
    _check.at_least(where, f"number of sequences in {name}", len(items), 1)
    parts = [convert.plain(where, f"{name}[{i}]", item) for i, item in enumerate(items)]
    if parts[0].ndim == 0:
        _check.fail(where, f"{name}[0] is {parts[0]!s:.40}", "a sequence", "because a list holds sequences")
    time = min(time, parts[0].ndim - 1)
    shape = list(parts[0].shape)
    others = [*shape[:time], *shape[time + 1 :]]
    lengths = np.array([part.shape[time] if part.ndim == len(shape) else -1 for part in parts])
    for i, part in enumerate(parts):
        if part.ndim != len(shape) or [*part.shape[:time], *part.shape[time + 1 :]] != others:
            expected = ", ".join(["T" if axis == time else str(n) for axis, n in enumerate(shape)])
            turned = time == 0 and part.ndim == len(shape) == 2 and len(part) == shape[0]
            cure = '; layout="bdt" reads sequences (D, T)' if turned else ""
            _check.fail(
                where, f"{name}[{i}] has shape {part.shape}", f"({expected})", f"to match {name}[0]{cure}"
            )
    shape[time] = int(lengths.max())
    dtype = common_dtype(where, name, {part.dtype for part in parts})
    _check.fits_memory(where, f"{name} with padding", len(parts) * int(np.prod(shape)) * dtype.itemsize)
    result = np.zeros((len(parts), *shape), dtype)
    for row, part in zip(result, parts, strict=True):
        row[tuple(map(slice, part.shape))] = part
    return result, None if lengths.min() == lengths.max() else lengths


def common_dtype(where: str, name: str, dtypes: set[np.dtype]) -> np.dtype:
    """Return the dtype that can hold the numbers or labels of all sequences."""
    try:
        return np.result_type(*dtypes)
    except TypeError:
        shown = ", ".join(sorted(map(str, dtypes)))
        return _check.fail(where, f"{name} has sequences of dtypes {shown}", "one dtype for all")


def agreed(where: str, name: str, lengths: Any, ends: Any) -> Any:
    """Return the lengths of the samples: those of the argument, or those of the sequences in a list."""
    if ends is not None and lengths is not None:
        problem = f"lengths has shape {np.shape(lengths)}"
        _check.fail(where, problem, "None", f"because the sequences in {name} define their lengths")
    return lengths if ends is None else ends
