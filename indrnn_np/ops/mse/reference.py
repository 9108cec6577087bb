"""Mean squared error in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def loss(y, target, mask=None, out=None):
    """Mean squared error.

    Equation   L = Σ (y - target)² / n,  dy = 2 (y - target) / n,  n the number of counted elements
    Reads      y and target of one shape, (B, K) or (T, B, K); mask (B,) or (T, B) of bool, or None
    Returns    L (a float, summed in float64), dy of the shape of y (it is `out` if given)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check("mse.loss", y, target, mask, out)
    n = count("mse.loss", y, mask)
    difference = y - target
    if mask is not None:
        difference = np.where(mask[..., None], difference, 0)
    value = np.sum(difference**2, dtype=np.result_type(y.dtype, np.float64)) / n
    dy = (2 * difference / n).astype(y.dtype)
    if out is not None:
        out[...] = dy
        dy = out
    return value.item(), dy


def check(where, y, target, mask, out):
    """The contract, shared with the twins."""
    _check.array(where, "y", y, (2, 3), "(B, K) or (T, B, K)")
    _check.array(where, "target", target)
    _check.matches(where, "target", target, y.shape, "y", y)
    _check.floats(where, _check.FLOATS, y=y, out=out)
    if y.dtype != np.complex128:  # a complex step keeps real targets
        _check.floats(where, y=y, target=target)
    check_mask(where, mask, y)
    if out is not None:
        _check.array(where, "out", out)
        _check.matches(where, "out", out, y.shape, "y", y)


def count(where, y, mask):
    """How many elements count: at least one."""
    n = y.size if mask is None else int(mask.sum()) * y.shape[-1]
    check_count(where, "element", n)
    return n


def check_count(where, what, n):
    """A mean over nothing is an error, not a NaN."""
    if n == 0:
        _check.fail(where, f"no {what} is counted", "at least one", "to take a mean over")


def check_mask(where, mask, y):
    """A mask is bool and has one element for each row of y."""
    if mask is not None:
        _check.array(where, "mask", mask)
        if mask.dtype != np.bool_:
            _check.fail(where, f"mask has dtype {mask.dtype}", "bool")
        _check.matches(where, "mask", mask, y.shape[:-1], "y", y)
