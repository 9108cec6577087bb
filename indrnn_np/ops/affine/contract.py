"""Argument checks shared by the twins of affine, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry


def check_forward(where, x, W, b, out):
    """Check the arguments of forward."""
    _check.arrays(where, "W: K D, x: ... D, b: K, out?: written ... K", W, x, b, out)


def check_backward(where, dy, x, W, out, input_gradient):
    """Check the arguments of backward."""
    _check.arrays(where, "W: K D, x: ... D, dy: ... K, out?: written ... D", W, x, dy, out)
    _check.boolean(where, "input_gradient", input_gradient)


def draw(d, every=True):
    """Draw arguments of forward: inputs of every time step, or of one."""
    steps = (d.T,) if every else ()
    return {"x": d.real(*steps, d.B, d.D), "W": d.real(d.K, d.D), "b": d.real(d.K)}


FORWARD = Entry("forward", draw, {"every": BOTH}, results=("y",))
CATALOGUE = (FORWARD, Entry("backward", forward=FORWARD, gradients=("x", "W", "b"), cotangents=("dy",)))
