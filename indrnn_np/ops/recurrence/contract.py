"""Argument checks shared by the twins of recurrence, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry
from .activation import ACTIVATIONS


def check_forward(where, a, u, h0, activation, lengths, reverse, out):
    """Check the arguments of forward."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    _check.arrays(where, "a: T B H, u: H, h0: B H, out?: written T+1 B H", a, u, h0, out)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *a.shape[:2])
    if out is not None and a.size and _check.shares_memory(a, out) and not _check.same_start(a, out[1:]):
        _check.fail(where, "a overlaps out", "a to be out[1:] itself or to share no memory with out")


def check_scan(where, report, chunk):
    """Check the arguments of a scan over time that the serial form does not have."""
    if report is not None and not isinstance(report, dict):
        _check.fail(where, f"report is {report!r}", "a dict or None")
    if chunk is not None:
        _check.at_least(where, "chunk", chunk, 1)


def check_last(where, h, lengths, reverse):
    """Check the arguments of last."""
    _check.arrays(where, "h: any T+1 B H", h)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, len(h) - 1, h.shape[1])


def check_backward(where, dh, h, u, dhT, activation, lengths, reverse, out):
    """Check the arguments of backward."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    _check.arrays(where, "h: T+1 B H, u: H, dh?: T B H, dhT?: B H, out?: written T B H", h, u, dh, dhT, out)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, len(h) - 1, h.shape[1])


def check_tangent(where, a_dot, h, u, u_dot, h0_dot, activation, lengths, reverse):
    """Check the arguments of tangent."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    _check.arrays(where, "h: T+1 B H, a_dot: T B H, u: H, u_dot: H, h0_dot: B H", h, a_dot, u, u_dot, h0_dot)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *a_dot.shape[:2])


def check_backward_tangent(where, dh, dh_dot, h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse):
    """Check the arguments of backward_tangent."""
    check_backward(where, dh, h, u, dhT, activation, lengths, reverse, None)
    table = "h: T+1 B H, h_dot: T+1 B H, u: H, u_dot: H, dh_dot?: T B H, dhT_dot?: B H"
    _check.arrays(where, table, h, h_dot, u, u_dot, dh_dot, dhT_dot)
    check_pair(where, "dh", dh, dh_dot)
    check_pair(where, "dhT", dhT, dhT_dot)


def check_pair(where, name, gradient, derivative):
    """Check that a gradient and its derivative are both arrays or both None."""
    if (gradient is None) != (derivative is None):
        value = "an array" if gradient is None else "None"
        _check.fail(where, f"{name}_dot is {value}", f"{name} and {name}_dot both arrays or both None")


def draw(d, activation="relu", lengths=False, reverse=False):
    """Draw arguments of forward."""
    arrays = {"a": d.real(d.T, d.B, d.H), "u": d.recurrent_weight(), "h0": d.real(d.B, d.H)}
    ends = {"lengths": d.lengths() if lengths else None, "reverse": reverse}
    return arrays | ends | {"activation": activation}


def draw_last(d, lengths=False, reverse=False):
    """Draw arguments of last."""
    return {"h": d.real(d.T + 1, d.B, d.H), "lengths": d.lengths() if lengths else None, "reverse": reverse}


ENDS = {"lengths": BOTH, "reverse": BOTH}
FORWARD = Entry(
    "forward", draw, {"activation": tuple(ACTIVATIONS), **ENDS}, rows="activation", results=("h",),
    leaves_out=dict.fromkeys(("plain_cpu", "plain_cuda"), ("lengths", "reverse", "out")),
)  # fmt: skip
BACKWARD = Entry(
    "backward", forward=FORWARD, gradients=("a", "u", "h0"), cotangents=("dh", "dhT"),
    leaves_out=FORWARD.leaves_out,
)  # fmt: skip
TANGENT = Entry("tangent", forward=FORWARD, directions=("a", "u", "h0"), tangents=("h",))
CATALOGUE = (FORWARD, BACKWARD, Entry("last", draw_last, ENDS, exact=True))
