"""Argument checks shared by the twins of rotation, and its entries in the catalogue."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import Entry
from ..recurrence.contract import ENDS


def check_forward(where, a, u, h0, lengths, reverse, out):
    """Check the arguments of forward."""
    _check.arrays(where, "a: T B H, u: H, h0: B H, out?: written T+1 B H", a, u, h0, out)
    check_pairs(where, u)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *a.shape[:2])
    if out is not None and a.size and _check.shares_memory(a, out) and not _check.same_start(a, out[1:]):
        _check.fail(where, "a overlaps out", "a to be out[1:] itself or to share no memory with out")


def check_backward(where, dh, h, u, dhT, lengths, reverse, out):
    """Check the arguments of backward."""
    _check.arrays(where, "h: T+1 B H, u: H, dh?: T B H, dhT?: B H, out?: written T B H", h, u, dh, dhT, out)
    check_pairs(where, u)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, len(h) - 1, h.shape[1])


def check_tangent(where, a_dot, h, u, u_dot, h0_dot, lengths, reverse):
    """Check the arguments of tangent."""
    _check.arrays(where, "h: T+1 B H, a_dot: T B H, u: H, u_dot: H, h0_dot: B H", h, a_dot, u, u_dot, h0_dot)
    check_pairs(where, u)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *a_dot.shape[:2])


def check_pairs(where, u):
    """Check that H is even."""
    if len(u) % 2:
        because = "because it holds the real parts of the pairs, then their imaginary parts"
        _check.fail(where, f"u has shape {u.shape}", "an even number of elements", because)


def draw(d, lengths=False, reverse=False):
    """Draw arguments of forward, with H or, if H is odd, H + 1 units; λ is 1, i and 0 in the first pairs."""
    n = -(-d.H // 2)
    modulus, angle = d.rng.uniform(0.5, 2.0 ** (1.0 / max(1, d.T)), n), d.rng.uniform(0, 2 * np.pi, n)
    p, q = modulus * np.cos(angle), modulus * np.sin(angle)
    p[:3], q[:3] = (1, 0, 0)[:n], (0, 1, 0)[:n]
    arrays = {"a": d.real(d.T, d.B, 2 * n), "u": np.concatenate([p, q]).astype(d.dtype)}
    ends = {"lengths": d.lengths() if lengths else None, "reverse": reverse}
    return arrays | {"h0": d.real(d.B, 2 * n)} | ends


FORWARD = Entry("forward", draw, ENDS, results=("h",))
BACKWARD = Entry("backward", forward=FORWARD, gradients=("a", "u", "h0"), cotangents=("dh", "dhT"))
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("h",))
CATALOGUE = (FORWARD, BACKWARD)
