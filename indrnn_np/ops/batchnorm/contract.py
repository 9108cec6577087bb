"""Argument checks shared by the twins of batchnorm, and its entries in the catalogue."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import BOTH, Entry


def check_forward(where, x, scale, shift, eps, lengths, per_step, out):
    """Check the arguments of forward, and that at least one value is counted."""
    _check.arrays(where, "x: T B H, scale: H, shift: H, out?: written T B H", x, scale, shift, out)
    _check.normal(where, "eps", eps, x.dtype)
    check_statistics(where, x, lengths, per_step)


def check_statistics(where, x, lengths, per_step):
    """Check the arguments of statistics, and that at least one value is counted."""
    _check.arrays(where, "x: T B H", x)
    _check.lengths(where, lengths, *x.shape[:2])
    _check.boolean(where, "per_step", per_step)
    if (len(x) * x.shape[1] if lengths is None else lengths.sum()) == 0:  # the mean would be NaN
        because = "" if lengths is None else "but every length is 0"
        _check.fail(where, "there is no value to take a statistic over", "at least one value", because)


def check_backward(where, dy, x, mean, var, scale, eps, lengths, per_step, out, name="dy"):
    """Check the arguments of backward; `name` is that of dy."""
    table = f"x: T B H, mean: S H, var: S H, scale: H, {name}: T B H, out?: written T B H"
    _check.arrays(where, table, x, mean, var, scale, dy, out)
    _check.normal(where, "eps", eps, x.dtype)
    _check.lengths(where, lengths, *x.shape[:2])
    _check.boolean(where, "per_step", per_step)
    because = f"because per_step is {per_step} and x has shape {x.shape}"
    _check.shape(where, "mean", mean, (len(x) if per_step else 1, x.shape[2]), because)


def check_apply(where, x, mean, var, scale, shift, eps, lengths, out):
    """Check the arguments of apply."""
    table = "x: T B H, mean: S H, var: S H, scale: H, shift: H, out?: written T B H"
    _check.arrays(where, table, x, mean, var, scale, shift, out)
    _check.normal(where, "eps", eps, x.dtype)
    _check.lengths(where, lengths, *x.shape[:2])
    if len(mean) not in (1, len(x)):
        because = f"or {x.shape[::2]} to match x with shape {x.shape}"
        _check.shape(where, "mean", mean, (1, x.shape[2]), because)


def check_update(where, running_mean, running_var, mean, var, counts, t0, momentum):
    """Check the arguments of update; return the momentum as a Python number."""
    table = "running_mean: written R H, running_var: written R H, mean: S H, var: S H, counts: int S"
    _check.arrays(where, table, running_mean, running_var, mean, var, counts)
    _check.at_least(where, "the number of rows of running_mean", len(running_mean), 1)
    _check.between(where, "t0", t0, 0, 2**62)
    return _check.real(where, "momentum", momentum)


def check_rows(where, running, t0, T):
    """Check the arguments of rows."""
    _check.arrays(where, "running: R H", running)
    _check.at_least(where, "the number of rows of running", len(running), 1)
    _check.between(where, "t0", t0, 0, 2**62)
    _check.between(where, "T", T, 0, 2**62)


def check_tangent(where, x_dot, x, mean, var, scale, scale_dot, shift_dot, eps, lengths, per_step):
    """Check the arguments of tangent."""
    check_backward(where, x_dot, x, mean, var, scale, eps, lengths, per_step, None, name="x_dot")
    _check.arrays(where, "scale: H, scale_dot: H, shift_dot: H", scale, scale_dot, shift_dot)


def draw(d, lengths=False, per_step=False, eps=1e-5):
    """Draw arguments of forward."""
    arrays = {"x": 2.0 + 3.0 * d.real(d.T, d.B, d.H), "scale": d.real(d.H), "shift": d.real(d.H)}
    return arrays | {"lengths": d.lengths() if lengths else None, "per_step": per_step, "eps": eps}


def draw_statistics(d, lengths=False, per_step=False):
    """Draw arguments of statistics."""
    return {name: draw(d, lengths, per_step)[name] for name in ("x", "lengths", "per_step")}


def draw_apply(d, lengths=False, per_step=False):
    """Draw arguments of apply."""
    arguments = draw(d, lengths)
    del arguments["per_step"]
    S = d.T if per_step else 1
    return arguments | {"mean": d.real(S, d.H), "var": d.positive(S, d.H)}


def draw_update(d):
    """Draw arguments of update: statistics of 3 time steps, the second one without samples."""
    running = {"running_mean": d.real(3, d.H), "running_var": d.positive(3, d.H)}
    batch = {"mean": d.real(3, d.H), "var": d.positive(3, d.H), "counts": np.array([2, 0, 3])}
    return running | batch | {"t0": 1, "momentum": 0.1}


def draw_rows(d):
    """Draw arguments of rows."""
    return {"running": d.real(3, d.H), "t0": 2, "T": 4}


OPTIONS = {"lengths": BOTH, "per_step": BOTH}
PLAIN = dict.fromkeys(("plain_cpu", "plain_cuda"), ("lengths", "per_step", "out"))
FORWARD = Entry("forward", draw, OPTIONS, "per_step", results=("y", "mean", "var"), leaves_out=PLAIN)
BACKWARD = Entry(
    "backward", forward=FORWARD, gradients=("x", "scale", "shift"), cotangents=("dy",), leaves_out=PLAIN
)
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("y",))
CATALOGUE = (
    FORWARD,
    BACKWARD,
    Entry("statistics", draw_statistics, OPTIONS),
    Entry("apply", draw_apply, OPTIONS),
    Entry("update", draw_update, changes=("running_mean", "running_var")),
    Entry("rows", draw_rows, exact=True),
)
