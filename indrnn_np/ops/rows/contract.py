"""Argument checks shared by the twins of rows, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry


def check_fill(where, out):
    """Check the arguments of fill."""
    _check.arrays(where, "out: written T? B? H", out)


def check_spread(where, a, out):
    """Check the arguments of spread."""
    _check.arrays(where, "out: written T B? H?, a: B? H?", out, a)


def check_add(where, a, b, out):
    """Check the arguments of add."""
    _check.arrays(where, "a: T? B? H, b: T? B? H, out?: written T? B? H", a, b, out)


def check_total(where, a):
    """Check the arguments of total."""
    _check.arrays(where, "a: T? B? H", a)


def check_last(where, x, lengths, before):
    """Check the arguments of last."""
    _check.arrays(where, "x: T B H, before?: B H", x, before)
    _check.lengths(where, lengths, *x.shape[:2])
    if len(x) == 0:
        _check.fail(where, f"x has shape {x.shape}", "at least one step")


def check_at_last(where, row, steps, lengths, out):
    """Check the arguments of at_last."""
    _check.at_least(where, "steps", steps, 0)
    _check.arrays(where, "row: B H, out?: written steps B H", row, out, steps=steps)
    _check.lengths(where, lengths, steps, len(row))


def check_reached(where, row, lengths, wanted):
    """Check the arguments of reached."""
    _check.boolean(where, "wanted", wanted)
    _check.arrays(where, "row: B H, lengths: int B", row, lengths)


def check_padding(where, x, lengths, out):
    """Check the arguments of without_padding."""
    _check.arrays(where, "x: T B D, out?: written T B D", x, out)
    _check.lengths(where, lengths, *x.shape[:2])


def check_join(where, first, second, out):
    """Check the arguments of join."""
    _check.arrays(where, "first: T? B? H, second: T? B? K", first, second)
    columns = first.shape[-1] + second.shape[-1]
    _check.arrays(where, "first: T? B? H, out?: written T? B? columns", first, out, columns=columns)


def check_part(where, x, j, size, out):
    """Check the arguments of part."""
    _check.arrays(where, "x: T? B? D", x)
    _check.between(where, "size", size, 0, x.shape[-1] + 1)
    _check.between(where, "j", j, 0, x.shape[-1] - size + 1)
    _check.arrays(where, "x: T? B? D, out?: written T? B? size", x, out, size=size)


def draw_last(d, lengths=False, before=False):
    """Draw arguments of last."""
    return {
        "x": d.real(d.T, d.B, d.H),
        "lengths": d.lengths() if lengths else None,
        "before": d.real(d.B, d.H) if before else None,
    }


def draw_at_last(d, lengths=False):
    """Draw arguments of at_last."""
    return {"row": d.real(d.B, d.H), "steps": d.T, "lengths": d.lengths() if lengths else None}


def draw_reached(d, wanted=False):
    """Draw arguments of reached."""
    return {"row": d.real(d.B, d.H), "lengths": d.lengths(), "wanted": wanted}


CATALOGUE = (
    Entry("fill", lambda d: {"out": d.real(d.T, d.B), "value": 3}, changes=("out",), exact=True),
    Entry(
        "spread",
        lambda d: {"a": d.real(d.B, d.H), "out": d.real(d.T, d.B, d.H)},
        changes=("out",),
        exact=True,
    ),
    Entry("add", lambda d: {"a": d.real(d.T, d.B), "b": d.real(d.T, d.B)}),
    Entry("total", lambda d: {"a": d.real(d.B, d.H)}),
    Entry("last", draw_last, {"lengths": BOTH, "before": BOTH}, exact=True),
    Entry("at_last", draw_at_last, {"lengths": BOTH}, exact=True),
    Entry("reached", draw_reached, {"wanted": BOTH}, exact=True),
    Entry("without_padding", lambda d: {"x": d.real(d.T, d.B, d.D), "lengths": d.lengths()}, exact=True),
    Entry("join", lambda d: {"first": d.real(d.T, d.B, d.H), "second": d.real(d.T, d.B, d.D)}, exact=True),
    Entry("part", lambda d: {"x": d.real(d.T, d.B, d.H), "j": 1, "size": 2}, exact=True),
)
