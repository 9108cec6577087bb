"""The recurrence as Triton kernels, with the three products by cuBLAS: forward and backward of an IndRNN layer.

h_t = max(0, a_t + u h_{t-1})        da_t = (dh_t + u da_{t+1}) where h_t > 0, else 0        du = Σ da_t h_{t-1}

A program walks through time for a block of neighbouring columns (neurons of samples). It loads the rows of the next
time steps before it computes the present ones: 8 rows of a, or 4 each of dh and h.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

BLOCK = 32  # columns of a program: one warp, so that many programs run side by side


@triton.jit
def row(array, t, T, columns, j, inside):  # type: ignore[no-untyped-def]
    """Return the columns j of time step t; 0 before the first and after the last time step."""
    return tl.load(array + tl.cast(t, tl.int64) * columns + j, mask=inside & (t >= 0) & (t < T), other=0.0)


@triton.jit
def advance(a_t, weight, state, h, t, T, columns, j, inside):  # type: ignore[no-untyped-def]
    """Return h_t and store it."""
    state = tl.maximum(a_t + weight * state, 0.0)
    tl.store(h + tl.cast(t, tl.int64) * columns + j, state, mask=inside & (t < T))
    return state


@triton.jit
def forward_kernel(a, u, h0, h, T, columns, H, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    j = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = j < columns
    weight, state = tl.load(u + j % H, mask=inside, other=0.0), tl.load(h0 + j, mask=inside, other=0.0)
    n0, n1 = row(a, 0, T, columns, j, inside), row(a, 1, T, columns, j, inside)
    n2, n3 = row(a, 2, T, columns, j, inside), row(a, 3, T, columns, j, inside)
    n4, n5 = row(a, 4, T, columns, j, inside), row(a, 5, T, columns, j, inside)
    n6, n7 = row(a, 6, T, columns, j, inside), row(a, 7, T, columns, j, inside)
    for t in range(0, T, 8):
        a0, a1, a2, a3, a4, a5, a6, a7 = n0, n1, n2, n3, n4, n5, n6, n7
        n0, n1 = row(a, t + 8, T, columns, j, inside), row(a, t + 9, T, columns, j, inside)
        n2, n3 = row(a, t + 10, T, columns, j, inside), row(a, t + 11, T, columns, j, inside)
        n4, n5 = row(a, t + 12, T, columns, j, inside), row(a, t + 13, T, columns, j, inside)
        n6, n7 = row(a, t + 14, T, columns, j, inside), row(a, t + 15, T, columns, j, inside)
        state = advance(a0, weight, state, h, t, T, columns, j, inside)
        state = advance(a1, weight, state, h, t + 1, T, columns, j, inside)
        state = advance(a2, weight, state, h, t + 2, T, columns, j, inside)
        state = advance(a3, weight, state, h, t + 3, T, columns, j, inside)
        state = advance(a4, weight, state, h, t + 4, T, columns, j, inside)
        state = advance(a5, weight, state, h, t + 5, T, columns, j, inside)
        state = advance(a6, weight, state, h, t + 6, T, columns, j, inside)
        state = advance(a7, weight, state, h, t + 7, T, columns, j, inside)


@triton.jit
def backprop(dh_t, carry, weight, state, before, total, da, t, columns, j, inside):  # type: ignore[no-untyped-def]
    """Store da_t, and return the next carry and the sum for du; nothing is stored before the first time step."""
    gradient = tl.where(state > 0.0, dh_t + carry, 0.0)
    tl.store(da + tl.cast(t, tl.int64) * columns + j, gradient, mask=inside & (t >= 0))
    return weight * gradient, total + gradient * before


@triton.jit
def backward_kernel(dh, h, u, h0, da, du, T, columns, H, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    j = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = j < columns
    weight, first = tl.load(u + j % H, mask=inside, other=0.0), tl.load(h0 + j, mask=inside, other=0.0)
    carry, total = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    state = row(h, T - 1, T, columns, j, inside)
    n0, n1 = row(dh, T - 1, T, columns, j, inside), row(dh, T - 2, T, columns, j, inside)
    n2, n3 = row(dh, T - 3, T, columns, j, inside), row(dh, T - 4, T, columns, j, inside)
    m0, m1 = row(h, T - 2, T, columns, j, inside), row(h, T - 3, T, columns, j, inside)
    m2, m3 = row(h, T - 4, T, columns, j, inside), row(h, T - 5, T, columns, j, inside)
    for i in range(0, T, 4):
        t = T - 1 - i
        d0, d1, d2, d3 = n0, n1, n2, n3
        b0, b1, b2, b3 = m0, m1, m2, m3  # the states before each time step
        n0, n1 = row(dh, t - 4, T, columns, j, inside), row(dh, t - 5, T, columns, j, inside)
        n2, n3 = row(dh, t - 6, T, columns, j, inside), row(dh, t - 7, T, columns, j, inside)
        m0, m1 = row(h, t - 5, T, columns, j, inside), row(h, t - 6, T, columns, j, inside)
        m2, m3 = row(h, t - 7, T, columns, j, inside), row(h, t - 8, T, columns, j, inside)
        b0, b1 = tl.where(t == 0, first, b0), tl.where(t == 1, first, b1)
        b2, b3 = tl.where(t == 2, first, b2), tl.where(t == 3, first, b3)
        carry, total = backprop(d0, carry, weight, state, b0, total, da, t, columns, j, inside)
        carry, total = backprop(d1, carry, weight, b0, b1, total, da, t - 1, columns, j, inside)
        carry, total = backprop(d2, carry, weight, b1, b2, total, da, t - 2, columns, j, inside)
        carry, total = backprop(d3, carry, weight, b2, b3, total, da, t - 3, columns, j, inside)
        state = b3
    tl.store(du + j, total, mask=inside)


class Recurrence(torch.autograd.Function):
    """States (T, B, H) from pre-activations a (T, B, H), u (H,) and h0 (B, H); h0 has no gradient."""

    @staticmethod
    def forward(ctx: Any, a: Any, u: Any, h0: Any) -> Any:
        h = torch.empty_like(a)
        T, columns = a.shape[0], h0.numel()
        grid = (triton.cdiv(columns, BLOCK),)
        forward_kernel[grid](a, u, h0, h, T, columns, u.numel(), BLOCK=BLOCK, num_warps=1)
        ctx.save_for_backward(h, u, h0)
        return h

    @staticmethod
    def backward(ctx: Any, dh: Any) -> Any:
        h, u, h0 = ctx.saved_tensors
        dh, da, du = dh.contiguous(), torch.empty_like(h), torch.empty_like(h0)
        T, columns = h.shape[0], h0.numel()
        grid = (triton.cdiv(columns, BLOCK),)
        backward_kernel[grid](dh, h, u, h0, da, du, T, columns, u.numel(), BLOCK=BLOCK, num_warps=1)
        return da, du.sum(0), None


def layer(x: Any, W: Any, u: Any, b: Any, h0: Any) -> Any:
    """Return the states (T, B, H) of a layer."""
    return Recurrence.apply(torch.nn.functional.linear(x, W, b).contiguous(), u, h0)
