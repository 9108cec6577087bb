"""Check the arrays of a task: x (T, N, D), y and lengths (N,)."""

from __future__ import annotations

from .. import _check
from .._check import sequences
from .._types import Array

LAYOUT = "(T, N, D), time first"
LAYOUT_OF_Y = "integers (N,) or (T, N), or floats (N, K) or (T, N, K)"


def check_arrays(where: str, names: tuple[str, str, str], x: Array, y: Array, lengths: Array | None) -> None:
    """Check dtypes, shapes, lengths and that all numbers within the lengths are finite."""
    name_x, name_y, name_lengths = names
    if x.ndim != 3:
        _check.fail(where, f"{name_x} has shape {x.shape}", LAYOUT, f"; {sequences.CURE}")
    _check.floats(where, **{name_x: x})
    if y.dtype.kind not in "iuf":
        _check.fail(where, f"{name_y} has dtype {y.dtype}", "integer labels or real values")
    _check_layout(where, names, x, y)
    if min(x.shape) == 0:
        _check.fail(where, f"{name_x} has shape {x.shape}", "at least one step, sample and input")
    _check.lengths(where, lengths, x.shape[0], x.shape[1], name_lengths)
    _check.finite(where, name_x, x, counted(where, x, lengths))
    if y.dtype.kind == "f":
        _check.finite(where, name_y, y, counted(where, y, lengths))


def counted(where: str, value: Array, lengths: Array | None) -> Array | bool:
    """Return a mask of the elements of x or y within the lengths; True for all."""
    every = value.ndim == (3 if value.dtype.kind == "f" else 2)
    return _check.counted(where, lengths, value) if every and lengths is not None else True


def _check_layout(where: str, names: tuple[str, str, str], x: Array, y: Array) -> None:
    """Check that x and y agree in T and N; errors recognise a missing axis and batch-first data."""
    T, N, _ = x.shape
    real = y.dtype.kind == "f"
    outer = y.shape[:-1] if real else y.shape
    if outer in ((N,), (T, N)):
        return
    problem, like = f"{names[1]} has shape {y.shape}", f"to match {names[0]} with shape {x.shape}"
    if real and y.shape in ((N,), (T, N)):
        _check.fail(where, problem, LAYOUT_OF_Y, f"{like}; y[..., None] gives each value an axis of its own")
    if not real and y.shape[:-1] in ((N,), (T, N)):
        cure = "y[..., 0]" if y.shape[-1] == 1 else "y.argmax(axis=-1), if each row has a 1 at the label,"
        _check.fail(where, problem, LAYOUT_OF_Y, f"{like}; {cure} has that shape")
    if outer in ((T,), (N, T)):
        problem = f"{names[0]} has shape {x.shape} and {names[1]} {y.shape}, which looks like batch first"
        _check.fail(where, problem, f"{names[0]} with time first, (T, N, D)", f"; {sequences.CURE}")
    if len(outer) not in (1, 2):
        _check.fail(where, problem, LAYOUT_OF_Y)
    _check.fail(where, problem, f"{(N,) if len(outer) == 1 else (T, N)} first", like)
