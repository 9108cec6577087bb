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


def check_tangent(where, x_dot, x, W, W_dot, b_dot):
    """Check the arguments of tangent."""
    _check.arrays(where, "W: K D, x: ... D, x_dot: ... D, W_dot: K D, b_dot: K", W, x, x_dot, W_dot, b_dot)


def check_backward_tangent(where, dy, dy_dot, x, x_dot, W, W_dot):
    """Check the arguments of backward_tangent."""
    table = "W: K D, x: ... D, dy: ... K, W_dot: K D, x_dot: ... D, dy_dot: ... K"
    _check.arrays(where, table, W, x, dy, W_dot, x_dot, dy_dot)


def draw(d, every=True):
    """Draw arguments of forward: inputs of every time step, or of one."""
    steps = (d.T,) if every else ()
    return {"x": d.real(*steps, d.B, d.D), "W": d.real(d.K, d.D), "b": d.real(d.K)}


FORWARD = Entry("forward", draw, {"every": BOTH}, results=("y",))
BACKWARD = Entry("backward", forward=FORWARD, gradients=("x", "W", "b"), cotangents=("dy",))
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("y",))
CATALOGUE = (FORWARD, BACKWARD)
