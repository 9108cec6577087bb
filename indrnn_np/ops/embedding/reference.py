"""Lookup of table rows by symbol, in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def forward(ids, E, factors=None, out=None):
    """Return the table row of each symbol.

        y = factor[id] E[id]

    Parameters
    ----------
    ids : integer array (T, B)
        Symbols from 0 to V - 1.
    E : array (V, H)
        Table with one row for each symbol.
    factors : array (V,), optional
        Factor of each row. None means 1.
    out : array (T, B, H), optional
        Array for the result.

    Returns
    -------
    y : array (T, B, H)
        Rows. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, or an id is out of range.
    """
    contract.check_forward("embedding.forward", ids, E, factors, out)
    table = E if factors is None else factors[:, None] * E
    y = table[ids]
    if out is None:
        return y
    out[...] = y
    return out


def backward(dy, ids, symbols, factors=None):
    """Sum the gradient of each table row over the positions of its symbol.

        dE[v] = factor[v] Σ_(t, b: ids[t, b] = v) dy[t, b]

    Parameters
    ----------
    dy : array (T, B, H)
        Gradient of the rows.
    ids : integer array (T, B)
        Symbols from 0 to symbols - 1.
    symbols : int
        Number of rows of the table.
    factors : array (symbols,), optional
        Factor of each row. None means 1.

    Returns
    -------
    dE : array (symbols, H)
        Gradient of the table, zero for a symbol that does not occur.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, or an id is out of range.
    """
    contract.check_backward("embedding.backward", dy, ids, symbols, factors)
    dE = np.zeros((symbols, dy.shape[2]), np.result_type(dy.dtype, np.float64))
    # forward: y = factor[id] E[id]
    np.add.at(dE, ids, dy)
    if factors is not None:
        dE *= factors[:, None]
    return dE.astype(dy.dtype)


def tangent(ids, E_dot, factors=None):
    """Return the directional derivative of y, for a direction of the table: ẏ = factor[id] Ė[id]."""
    return forward(ids, E_dot, factors)
