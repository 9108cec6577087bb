"""The time steps of a CUDA thread of the scan: where a chunk begins and ends, and the maps of its steps.

A thread owns one column in one chunk. `walk` reads the numbers of its time steps, with AHEAD loads in flight, and
calls a function for each time step: one of `map_step`, `slope_step` and `gradient_step`. Its arguments are

    x, y     the numbers of this time step
    u        the recurrent weight
    state    a local array of the arrays' dtype: the map so far
    product  a local array of float64: a product over the time steps so far
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda.launch import device, greater, lesser
from ..._cuda.target import cuda
from ..._cuda.vector_access import copy_rows, mul_rn
from .cuda_steps import ALL, DPHI, PHI, prefetch

# Types of dh, h, T, L, chunks, columns, u, ends, reverse, with which the kernels of the backward pass begin.
GRADIENT_STEPS = "real[::1], real[::1], int64, int64, int64, int64, real[::1], int64[::1], boolean, "

AHEAD = 16  # loads that a thread has in flight
STATE = 3  # numbers in `state`


@device
def steps_of(k, L, T, n, from_the_end):
    """Return the first time step of chunk k, how many of its time steps are before n, and how many are not.

    Chunks of L time steps are counted from time step 0, or from the last one.
    """
    first = T - (k + 1) * L if from_the_end else k * L
    stop = lesser(first + L, T)
    first = greater(first, 0)
    m = greater(lesser(stop, n) - first, 0)
    return first, m, stop - first - m


@device
def walk(step, has_y, n, x, p, y, q, stride, u, state, product):
    """Call `step` for n > 0 time steps, with x from position p on and, if `has_y`, y from position q on."""
    x_ahead, x_now = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    y_ahead, y_now = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    steps = AHEAD // 2 if has_y else AHEAD
    whole = (n - 1) // steps * steps  # time steps before the last group, which may be shorter
    prefetch_both(has_y, steps, n, x, p, y, q, stride, x_ahead, y_ahead)
    for t in range(steps, whole, steps):
        copy_rows(1, steps, x_ahead, x_now)
        copy_rows(1, steps, y_ahead, y_now)
        prefetch_both(has_y, steps, ALL, x, p + t * stride, y, q + t * stride, stride, x_ahead, y_ahead)
        take_steps(step, steps, ALL, x_now, y_now, u, state, product)
    if whole > 0:
        copy_rows(1, steps, x_ahead, x_now)
        copy_rows(1, steps, y_ahead, y_now)
        p, q = p + whole * stride, q + whole * stride
        prefetch_both(has_y, steps, n - whole, x, p, y, q, stride, x_ahead, y_ahead)
        take_steps(step, steps, ALL, x_now, y_now, u, state, product)
    take_steps(step, steps, n - whole, x_ahead, y_ahead, u, state, product)


@device
def prefetch_both(has_y, steps, rest, x, p, y, q, stride, x_buffer, y_buffer):
    """Load `steps` numbers of x from position p on, and of y from q on if `has_y`."""
    prefetch(1, steps, rest, x, p, stride, x_buffer)
    if has_y:
        prefetch(1, steps, rest, y, q, stride, y_buffer)


@device
def take_step(step, i, rest, x, y, u, state, product):
    """Take step i of a group; nothing if i >= rest."""
    if i < rest:
        step(x[i], y[i], u, state, product)


@device
def take_8_steps(step, i, rest, x, y, u, state, product):
    """Take the steps i to i + 7 of a group."""
    take_step(step, i, rest, x, y, u, state, product)
    take_step(step, i + 1, rest, x, y, u, state, product)
    take_step(step, i + 2, rest, x, y, u, state, product)
    take_step(step, i + 3, rest, x, y, u, state, product)
    take_step(step, i + 4, rest, x, y, u, state, product)
    take_step(step, i + 5, rest, x, y, u, state, product)
    take_step(step, i + 6, rest, x, y, u, state, product)
    take_step(step, i + 7, rest, x, y, u, state, product)


@device
def take_steps(step, steps, rest, x, y, u, state, product):
    """Take a group of 8 or 16 steps, of which `rest` are left."""
    take_8_steps(step, 0, rest, x, y, u, state, product)
    if steps > 8:
        take_8_steps(step, 8, rest, x, y, u, state, product)


@functools.cache
def map_step(activation):
    """A <- A u, B <- a + u B, p <- φ(a + u p), q <- φ(a + u q), with product = (A,), state = (B, p, q) and x = a."""
    phi = PHI[activation]

    @device
    def step(a, _, u, state, product):
        zero, one = state.dtype.type(0), state.dtype.type(1)
        product[0] *= np.float64(u)
        state[0] = a + u * state[0]
        state[1] = phi(a + u * state[1], zero, one)
        state[2] = phi(a + u * state[2], zero, one)

    return step


@functools.cache
def slope_step(activation):
    """E <- φ(a + u E), D <- u φ' D, with state = (E, D) and x = a."""
    phi, dphi = PHI[activation], DPHI[activation]

    @device
    def step(a, _, u, state, product):
        zero, one = state.dtype.type(0), state.dtype.type(1)
        state[0] = phi(a + u * state[0], zero, one)
        state[1] = u * dphi(state[0], zero, one) * state[1]

    return step


@functools.cache
def gradient_step(activation, has_dh):
    """A <- A u φ', B <- u (φ' (dh + B)), with state = (B,), product = (A,), x = h and y = dh."""
    dphi = DPHI[activation]

    @device
    def step(h, dh, u, state, product):
        zero, one = state.dtype.type(0), state.dtype.type(1)
        slope = dphi(h, zero, one)
        product[0] = product[0] * np.float64(u) * np.float64(slope)
        state[0] = mul_rn(u, slope * ((dh if has_dh else zero) + state[0]))

    return step
