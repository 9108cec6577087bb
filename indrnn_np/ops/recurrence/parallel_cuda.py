"""CUDA twin of parallel.py: the recurrence as a scan over time, in one launch or in three.

    compose    a thread for each column and chunk reads its time steps and writes the map of the chunk
    carry      a thread for each column applies the maps in order: the state s_k before each chunk
    replay     a thread for each column and chunk runs the serial recurrence from s_k

A warp is 32 neighbouring columns of one chunk, so its loads are coalesced. `replay` takes the time steps of the serial
kernel (cuda_steps.py): from the same state it gives the same bits. For tanh and sigmoid, PASSES pairs of launches,
`slopes` and `correct`, find the states in the place of compose and carry; columns that have converged are left alone.
The number of launches is fixed and the CPU reads nothing, so a CUDA graph can record a scan without a report.

`passes (B·H,)` holds the passes after which the states of a column are final. It is 0 for columns that are computed
serially: the thread of their first chunk takes all T time steps. parallel_cuda_backward.py holds the backward pass.
"""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cuda import arrays
from ..._cuda.arrays import ends_of
from ..._cuda.launch import on_device
from . import contract, single_pass, single_pass_forward
from .activation import ACTIVATIONS
from .parallel_cuda_backward import backward
from .parallel_cuda_backward import kernels as backward_kernels
from .parallel_cuda_kernels import (
    carry_kernel,
    compose_kernel,
    correct_kernel,
    equal_ends,
    guess_kernel,
    replay_kernel,
    slopes_kernel,
)
from .scan import PASSES, chunk_length, chunks_of, note

__all__ = ["backward", "forward"]


def forward(
    a, u, h0, activation="relu", lengths=None, reverse=False, out=None, report=None, chunk=None
):  # fmt: skip
    """Twin of parallel.forward."""
    where = "recurrence.forward"
    on_device(where, a=a, u=u, h0=h0, out=out)
    contract.check_forward(where, a, u, h0, activation, lengths, reverse, out)
    contract.check_scan(where, report, chunk)
    T, B, H = a.shape
    has_maps = ACTIVATIONS[activation].limits is not None
    if chunk is not None:
        L = chunk
    else:
        L = single_pass.chosen_length(T, B * H, 1) if has_maps else chunk_length(T, B * H)
    h = arrays.empty((T + 1, B, H), a.dtype) if out is None else out
    a = h if out is not None and _check.shares_memory(a, out) else a
    if has_maps and single_pass.serves(L, B * H, h.dtype, 1):
        boundaries = single_pass_forward.launch(a, h, u, h0, activation, lengths, reverse, L)
        if report is not None:
            note(report, T, L, 1, *single_pass.serial_and_exact(*boundaries))
        return h
    s, finals, passes = launch_forward(a, h, u, h0, activation, lengths, reverse, L)
    if report is not None:
        taken = passes.to_host()
        most = int(np.where(taken == 0, PASSES, taken).max(initial=0))
        passes_of_all = 1 if ACTIVATIONS[activation].limits else most
        note(report, T, L, passes_of_all, taken == 0, (taken == 0) | equal_ends(s, finals))
    return h


def launch_forward(a, h, u, h0, activation, lengths, reverse, L):
    """Fill h (T+1, B, H) from a (T, B, H), in chunks of L time steps. If a is h itself, a[t] stands in h[t+1].

    Returns the states before the chunks (C, B, H), those after them, and `passes (B·H,)`.
    """
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    C, columns, ends = chunks_of(h[1:], L), B * H, ends_of(lengths, T, B)
    s, finals = (arrays.empty((C, B, H), h.dtype) for _ in range(2))
    steps = a.flat, columns if a is h else 0, T, min(L, max(1, T)), C, columns, u, ends, reverse
    if ACTIVATIONS[activation].limits is None:
        passes = shoot(steps, h0, s, activation)
    else:
        passes, products = arrays.empty(columns, np.int32), arrays.empty((C - 1) * columns, np.float64)
        maps = arrays.empty(3 * (C - 1) * columns, h.dtype)
        compose_kernel(activation)((C - 1) * columns, *steps, h0.flat, products, maps)
        carry_kernel(True, True)(columns, products, maps, h0.flat, C, columns, s.flat, passes)
    replay_kernel(activation)(C * columns, *steps, s.flat, passes, h.flat, finals.flat)
    return s, finals, passes


def shoot(steps, h0, s, activation):
    """Fill the states s (C, B, H) before the chunks by Newton's method from zeros, and return `passes (B·H,)`."""
    C, columns = s.shape[0], s[0].size
    passes, ends_and_slopes = arrays.empty(columns, np.int32), arrays.empty(2 * (C - 1) * columns, s.dtype)
    guess_kernel(C * columns, h0.flat, C, columns, s.flat, passes)
    for number in range(1, PASSES + 1):
        slopes_kernel(activation)((C - 1) * columns, *steps, s.flat, passes, ends_and_slopes)
        correct_kernel(columns, ends_and_slopes, C, columns, np.finfo(s.dtype).eps, number, s.flat, passes)
    return passes


def kernels():
    """Yield every kernel of the scan in every variant."""
    yield from (carry_kernel(True, True), guess_kernel, correct_kernel, *backward_kernels())
    for activation, φ in ACTIVATIONS.items():
        yield slopes_kernel(activation) if φ.limits is None else compose_kernel(activation)
        yield replay_kernel(activation)
    yield from single_pass_forward.kernels()
