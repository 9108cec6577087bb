"""The cell in plain NumPy: the product over all steps, then the reference recurrence."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..recurrence import reference as recurrence


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None, norm=None):
    """Run one IndRNN layer over all T steps.

    Equation   h_t = φ(W x_t + u ⊙ h_{t-1} + b),  Li et al. 2018, arXiv:1803.04831, eq. 2
    Reads      x (T, B, D), W (H, D), u (H,), b (H,), h0 (B, H), lengths (B,) integers or None; norm for x̃ in place of x
    Returns    h (T+1, B, H): row 0 is h0, row t+1 the output of step t
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_forward("indrnn.forward", x, W, u, b, h0, activation, lengths, norm)
    x = x if norm is None else norm.apply(x)
    a = x @ W.T + b  # (T, B, H)
    return recurrence.forward(np.ascontiguousarray(a), u, h0, activation, lengths, reverse)


def backward(dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None,
             norm=None):  # fmt: skip
    """Carry the gradient back through the layer.

    Equation   a_t = W x_t + b  gives  dx_t = Wᵀ da_t,  dW = Σ_{t,b} da_t x_tᵀ,  db = Σ_{t,b} da_t
    Reads      dh (T, B, H) or None, x (T, B, D), h (T+1, B, H) from forward, W (H, D), u (H,), dhT (B, H) or None
    Returns    dx (T, B, D), or with norm mask ⊙ dx̃; dW (H, D), du (H,), db (H,), dh0 (B, H)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_backward("indrnn.backward", dh, x, h, W, u, dhT, activation, lengths, norm)
    x = x if norm is None else norm.apply(x)
    da, du, dh0 = recurrence.backward(dh, h, u, dhT, activation, lengths, reverse)
    if probe is not None:
        probe(0, len(da), dh, da)
    # forward: a = x @ W.T + b
    dx = da @ W
    if norm is not None and norm.mask is not None:
        dx = dx * norm.mask
    dW = np.einsum("tbh,tbd->hd", da, x if lengths is None else np.where(valid(x, lengths), x, 0))
    db = da.sum(axis=(0, 1), dtype=np.result_type(da.dtype, np.float64)).astype(da.dtype)
    return dx, dW, du, db, dh0


def valid(x, lengths, t0=0):
    """Which rows of x (T, B, D), whose first step is number t0, are no padding: (T, B, 1)."""
    return (np.arange(t0, t0 + len(x))[:, None] < lengths)[:, :, None]


def check_norm(where, x, norm):
    """That the parts of norm fit x."""
    B, D = x.shape[1:]
    for name, value in norm._asdict().items():
        if value is not None:
            _check.matches(where, f"norm.{name}", value, (B, D) if name == "mask" else (D,), "x", x)
            _check.floats(where, _check.FLOATS, x=x, **{f"norm.{name}": value})


def check_forward(where, x, W, u, b, h0, activation, lengths, norm=None):
    """The contract of forward, shared with the twins."""
    _check.choice(where, "activation", activation, recurrence.φ)
    _check.array(where, "x", x, 3, "(T, B, D): time, batch, inputs")
    T, B, D = x.shape
    _check.array(where, "W", W, 2, "(H, D)")
    H = W.shape[0]
    _check.floats(where, _check.FLOATS, x=x, W=W, u=u, b=b, h0=h0)
    _check.matches(where, "W", W, (H, D), "x", x)
    if norm is not None:
        check_norm(where, x, norm)
    for name, value in (("u", u), ("b", b)):
        _check.array(where, name, value, 1, "(H,)")
        _check.matches(where, name, value, (H,), "W", W)
    _check.array(where, "h0", h0, 2, "(B, H)")
    _check.shape(where, "h0", h0, (B, H), f"to match x with shape {x.shape} and W with shape {W.shape}")
    _check.lengths(where, lengths, T, B)


def check_backward(where, dh, x, h, W, u, dhT, activation, lengths, norm=None):
    """The contract of backward, shared with the twins."""
    recurrence.check_backward(where, dh, h, u, dhT, activation, lengths, None)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    _check.array(where, "x", x, 3, "(T, B, D)")
    _check.floats(where, _check.FLOATS, h=h, x=x, W=W)
    _check.matches(where, "x", x, (T, B, x.shape[2]), "h", h)
    if norm is not None:
        check_norm(where, x, norm)
    _check.array(where, "W", W, 2, "(H, D)")
    _check.shape(
        where, "W", W, (H, x.shape[2]), f"to match h with shape {h.shape} and x with shape {x.shape}"
    )
