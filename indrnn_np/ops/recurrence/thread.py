"""What a thread of the GPU does with its columns, one or several neighbours (_wide.py): its loads, its steps, its sums.

A thread's own numbers are in small arrays, which become registers once every loop over them is unrolled. Four steps
are written one by one, since not every version of the compiler unrolls a loop of so much. A state is a tuple of such
arrays: forward (u, b, h), back (u, carry, h, du, db).
"""

from __future__ import annotations

import math

from ... import _wide
from ..._cuda import cuda, device, greater
from ..._wide import MOST
from .step import RELU, SIGMOID, TANH
from .step import dphi as host_dphi

AHEAD = 8  # steps whose loads are under way, and over which sums run in the arrays' dtype
LOADS = 8  # that a thread of the wide form has under way, of all arrays together
ROOM = AHEAD * MOST

dphi = device(getattr(host_dphi, "py_func", host_dphi))


@device
def phi(code, a, zero, one):
    """φ(a), as in step.py, with the GPU's own tanh and exp."""
    if code == RELU:
        return zero if a < zero else a
    if code == TANH:
        return math.tanh(a)
    if code == SIGMOID:
        e = math.exp(-abs(a))
        return e / (one + e) if a < zero else one / (one + e)
    return a


@device
def load(wide, steps, a, p, step, values):
    """The numbers of so many steps, `step` apart, from place p of a."""
    V = _wide.columns(wide, a)
    for k in range(steps):
        _wide.read(wide, values, k * V, a, p + k * step)


@device
def move(wide, steps, values, to):
    """Copy the numbers of so many steps."""
    V = _wide.columns(wide, values)
    for k in range(steps):
        _wide.move(wide, to, k * V, values, k * V)


@device
def forth(code, wide, a, k, h, q, state):
    """One step forward with what place k of a holds; writes h_t at place q of h."""
    u, b, s = state
    for c in range(_wide.columns(wide, h)):
        s[c] = phi(code, a[k + c] + b[c] + u[c] * s[c], h.dtype.type(0), h.dtype.type(1))
    _wide.write(wide, h, q, s, 0)


@device
def four(code, wide, a, k, h, q, step, state):
    """Four steps forward from place k of a."""
    V = _wide.columns(wide, h)
    forth(code, wide, a, k, h, q, state)
    forth(code, wide, a, k + V, h, q + step, state)
    forth(code, wide, a, k + 2 * V, h, q + 2 * step, state)
    forth(code, wide, a, k + 3 * V, h, q + 3 * step, state)


@device
def eight(code, wide, a, h, q, step, state):
    """AHEAD steps forward with the numbers a, from place q of h."""
    four(code, wide, a, 0, h, q, step, state)
    four(code, wide, a, 4 * _wide.columns(wide, h), h, q + 4 * step, step, state)


@device
def walk(code, wide, a, p, h, q, step, n, state):
    """n steps forward, from place p of a and q of h."""
    ahead, now = cuda.local.array(ROOM, h.dtype), cuda.local.array(ROOM, h.dtype)
    whole = n // AHEAD * AHEAD
    if whole > 0:
        load(wide, AHEAD, a, p, step, ahead)
        # No condition stands around the loads in a loop, or ptxas moves them behind the chain.
        for t in range(AHEAD, whole, AHEAD):
            move(wide, AHEAD, ahead, now)
            load(wide, AHEAD, a, p + t * step, step, ahead)
            eight(code, wide, now, h, q + (t - AHEAD) * step, step, state)
        eight(code, wide, ahead, h, q + (whole - AHEAD) * step, step, state)
    for t in range(whole, n):
        _wide.read(wide, now, 0, a, p + t * step)
        forth(code, wide, now, 0, h, q + t * step, state)


@device
def back(code, wide, has_dh, dh, before, k, da, p, state):
    """One step back with what place k of dh and of h_{t-1} holds; writes da_t at place p of da.

    The carry is rounded: a compiler that fuses it with the sum of the next step does so only where it sees both, and
    bits would depend on where it cuts a loop.
    """
    u, carry, s, du, db = state
    zero, one, d = da.dtype.type(0), da.dtype.type(1), cuda.local.array(MOST, da.dtype)
    for c in range(_wide.columns(wide, da)):
        d[c] = dphi(code, s[c], zero, one) * ((dh[k + c] if has_dh else zero) + carry[c])
        carry[c], s[c] = _wide.product(u[c], d[c]), before[k + c]
        du[c] += d[c] * s[c]
        db[c] += d[c]
    _wide.write(wide, da, p, d, 0)


@device
def four_back(code, wide, has_dh, dh, before, k, da, p, step, state):
    """Four steps back from place k of dh and `before`."""
    V = _wide.columns(wide, da)
    back(code, wide, has_dh, dh, before, k, da, p, state)
    back(code, wide, has_dh, dh, before, k + V, da, p + step, state)
    back(code, wide, has_dh, dh, before, k + 2 * V, da, p + 2 * step, state)
    back(code, wide, has_dh, dh, before, k + 3 * V, da, p + 3 * step, state)


@device
def several_back(code, wide, steps, has_dh, loaded, da, p, step, state):
    """4 or 8 steps back with what `fetch` has loaded, from place p of da."""
    dh, before = loaded
    four_back(code, wide, has_dh, dh, before, 0, da, p, step, state)
    if steps == 8:
        four_back(code, wide, has_dh, dh, before, 4 * _wide.columns(wide, da), da, p + 4 * step, step, state)


@device
def fetch(wide, steps, has_dh, dh, h, p, columns, step, loaded):
    """dh_t from place p, and h_{t-1}, of so many steps."""
    if has_dh:
        load(wide, steps, dh, p, step, loaded[0])
    load(wide, steps, h, p + columns + step, step, loaded[1])


@device
def hand_over(wide, steps, has_dh, loaded, now):
    """Copy what was loaded, so that there is room for the next loads."""
    if has_dh:
        move(wide, steps, loaded[0], now[0])
    move(wide, steps, loaded[1], now[1])


@device
def flush(wide, state, total):
    """Add the sums for du and db in the arrays' dtype to those in float64."""
    for c in range(_wide.columns(wide, state[3])):
        total[0][c] += state[3][c]
        total[1][c] += state[4][c]
        state[3][c] = state[4][c] = state[3].dtype.type(0)


@device
def walk_back(code, wide, has_dh, dh, h, first, da, p, columns, step, n, state, sums):
    """n steps back, from place p of dh and da.

    h_{t-1} is at p + columns + step; that of the first step in time is in another row, at `first`, so it comes last.
    """
    steps = LOADS // 2 if wide and has_dh else AHEAD
    ahead = cuda.local.array(ROOM, h.dtype), cuda.local.array(ROOM, h.dtype)
    now = cuda.local.array(ROOM, h.dtype), cuda.local.array(ROOM, h.dtype)
    whole = greater(n - 1, 0) // AHEAD * AHEAD
    if whole > 0:
        fetch(wide, steps, has_dh, dh, h, p, columns, step, ahead)
        for t in range(steps, whole, steps):
            hand_over(wide, steps, has_dh, ahead, now)
            fetch(wide, steps, has_dh, dh, h, p + t * step, columns, step, ahead)
            several_back(code, wide, steps, has_dh, now, da, p + (t - steps) * step, step, state)
            if t & (AHEAD - 1) == 0:
                flush(wide, state, sums)
        several_back(code, wide, steps, has_dh, ahead, da, p + (whole - steps) * step, step, state)
        flush(wide, state, sums)
    for t in range(whole, n):
        if has_dh:
            _wide.read(wide, now[0], 0, dh, p + t * step)
        _wide.read(wide, now[1], 0, h, p + columns + (t + 1) * step if t < n - 1 else first)
        back(code, wide, has_dh, now[0], now[1], 0, da, p + t * step, state)
    flush(wide, state, sums)


@device
def clear(wide, a, p, columns, rows, zeros):
    """Zeros at place p of a and in the rows after it."""
    for c in range(_wide.columns(wide, a)):
        zeros[c] = a.dtype.type(0)
    for _ in range(rows):
        _wide.write(wide, a, p, zeros, 0)
        p += columns
