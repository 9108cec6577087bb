"""Rows looked up by symbol, in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def forward(ids, E, factors=None, out=None):
    """Take the row of each symbol.

    Equation   y = factor[id] E[id]
    Reads      ids (T, B) integers from 0 to V - 1, E (V, H), factors (V,) or None
    Returns    y (T, B, H); it is `out` if given
    Raises     ValueError naming the array, what it has and what was expected; the place of an id out of range
    """
    check_forward("embedding.forward", ids, E, factors, out)
    _check.symbols("embedding.forward", "ids", ids, len(E))
    table = E if factors is None else factors[:, None] * E
    y = table[ids]
    if out is None:
        return y
    out[...] = y
    return out


def backward(dy, ids, symbols, factors=None):
    """Add up the gradient of each symbol's row over the places where it stands.

    Equation   dE[v] = factor[v] Σ_(t, b: ids[t, b] = v) dy[t, b]
    Reads      dy (T, B, H), ids (T, B) integers from 0 to symbols - 1, factors (symbols,) or None
    Returns    dE (symbols, H); a symbol that does not occur has zeros
    Raises     ValueError naming the array, what it has and what was expected; the place of an id out of range
    """
    check_backward("embedding.backward", dy, ids, symbols, factors)
    _check.symbols("embedding.backward", "ids", ids, symbols)
    dE = np.zeros((symbols, dy.shape[2]), np.result_type(dy.dtype, np.float64))
    # forward: y = factor[id] E[id]
    np.add.at(dE, ids, dy)
    if factors is not None:
        dE *= factors[:, None]
    return dE.astype(dy.dtype)


def check_forward(where, ids, E, factors, out):
    """The contract of forward but for the values of ids, shared with the twins."""
    _check.array(where, "E", E, 2, "(V, H)")
    _check.floats(where, _check.FLOATS, E=E, factors=factors, out=out)
    check_factors(where, factors, (len(E),), "E", E)
    check_ids(where, ids)
    if out is not None:
        _check.array(where, "out", out, 3, "(T, B, H)")
        _check.matches(where, "out", out, (*ids.shape, E.shape[1]), "ids", ids)


def check_backward(where, dy, ids, symbols, factors):
    """The contract of backward but for the values of ids, shared with the twins."""
    _check.at_least(where, "symbols", symbols, 1)
    _check.array(where, "dy", dy, 3, "(T, B, H)")
    _check.floats(where, _check.FLOATS, dy=dy, factors=factors)
    check_ids(where, ids)
    _check.matches(where, "dy", dy, (*ids.shape, dy.shape[2]), "ids", ids)
    if factors is not None:
        _check.array(where, "factors", factors, 1, "(V,)")
        _check.shape(where, "factors", factors, (symbols,), f"because there are {symbols} symbols")


def check_factors(where, factors, shape, other, like):
    """One factor a symbol, or None."""
    if factors is not None:
        _check.array(where, "factors", factors, 1, "(V,)")
        _check.matches(where, "factors", factors, shape, other, like)


def check_ids(where, ids):
    """Integers (T, B)."""
    _check.array(where, "ids", ids, 2, "(T, B): time, batch")
    _check.integers(where, "ids", ids)
