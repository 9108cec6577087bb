"""Batch normalisation of sequences (Ioffe & Szegedy 2015; in IndRNNs: Li et al. 2019, arXiv:1910.06251, 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check, init
from ..ops.indrnn import Norm
from .base import Context, Layer, Normalised, Parameter, sequence


@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = scale ⊙ (x - mean) / √(var + eps) + shift, with statistics over batch and time or over the batch
    at each step.

    Parameters are scale (H,), which starts at 1, and shift (H,), which starts at 0. Buffers are `mean` and
    `var` (S, H): running averages r ← (1 - momentum) r + momentum · batch (var with n - 1), used for
    inference.

    Parameters
    ----------
    per_step
        Statistics of their own for each step (S = steps of the network, or `positions`), else one for all (S = 1).
    momentum
        Weight of the newest batch in the running averages.
    positions
        With per_step: the rows S of the running statistics. A step's row is its position since the state began, which
        goes on from window to window; later ones share the last row, where each window leaves the statistics of its
        last step. The authors' code for language models has 4 T + 1 rows, and shares those from 2 T on. Early rows are
        only met where a state begins: a stream that is never begun anew does not train them.
    """

    size: int
    per_step: bool = False
    momentum: float = 0.1
    eps: float = 1e-5
    positions: int | None = None

    def __post_init__(self) -> None:
        _check.at_least("BatchNorm", "size", self.size, 1)
        _check.at_least("BatchNorm", "eps", self.eps, 0.0, strictly=True)
        if not 0 < self.momentum <= 1:
            _check.fail("BatchNorm", f"momentum is {self.momentum}", "a number above 0, at most 1")
        if self.positions is not None:
            _check.at_least("BatchNorm", "positions", self.positions, 1)
            if not self.per_step:
                _check.fail("BatchNorm", f"positions is {self.positions} with per_step=False", "per_step=True",
                            "because one statistic has no position")  # fmt: skip

    @property
    def inputs(self) -> int:
        return self.size

    @property
    def stretches_over_time(self) -> bool:  # type: ignore[override]
        return not self.per_step

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {
            "scale": Parameter((self.size,), init.constant(1.0)),
            "shift": Parameter((self.size,), init.constant(0.0)),
        }

    def running(self, steps: int | None) -> dict[str, np.ndarray]:
        rows = self.positions or steps if self.per_step else 1
        if rows is None:
            because = "because every step has running statistics of its own"
            _check.fail("BatchNorm", "steps is None with per_step=True", "Sequential(..., steps=T)", because)
        return {"mean": np.zeros((rows, self.size)), "var": np.ones((rows, self.size))}

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        """With `per_step` the state is the number of steps before this window."""
        sequence("BatchNorm.forward", x, self.size)
        if ctx.lazy and not self.per_step and ctx.lengths is None:
            return self._unwritten(x, ctx)
        t0 = state or 0
        out = ctx.array("y", x.shape)
        scale, shift = ctx.param("scale"), ctx.param("shift")
        after = t0 + len(x) if self.per_step else None
        if not ctx.training:
            mean, var = ctx.buffer("mean"), ctx.buffer("var")
            if self.per_step:
                mean, var = (ctx.ops.batchnorm.rows(running, t0, len(x)) for running in (mean, var))
            y = ctx.ops.batchnorm.apply(x, mean, var, scale, shift, self.eps, ctx.lengths, out)
            return y, after, None
        y, mean, var = ctx.ops.batchnorm.forward(x, scale, shift, self.eps, ctx.lengths, self.per_step, out)
        self._update(mean, var, t0, x, ctx)
        return y, after, (x, mean, var)

    def _unwritten(self, x: np.ndarray, ctx: Context) -> tuple[Any, Any, Any]:
        """The same with one statistic for all steps, for a next layer that normalises chunk by chunk."""
        if ctx.training:
            mean, var = ctx.ops.batchnorm.statistics(x)
            self._update(mean, var, 0, x, ctx)
        else:
            mean, var = ctx.buffer("mean"), ctx.buffer("var")
        factor = ctx.param("scale") / np.sqrt(var[0] + x.dtype.type(self.eps))
        return Normalised(x, Norm(mean[0], factor, ctx.param("shift"))), None, (x, mean, var)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        x, mean, var = tape
        dx, dscale, dshift = ctx.ops.batchnorm.backward(
            ctx.dense(dy), x, mean, var, ctx.param("scale"), self.eps, ctx.lengths, self.per_step,
            ctx.scratch.array("dx", x.shape),
        )  # fmt: skip
        return dx, None, {"scale": dscale, "shift": dshift}

    def _update(self, mean: np.ndarray, var: np.ndarray, t0: int, x: np.ndarray, ctx: Context) -> None:
        """Move the running statistics; a step that no sample reaches leaves its own alone."""
        T, B, _ = x.shape
        ends = np.full(B, T) if ctx.lengths is None else ctx.lengths
        counts = (
            (np.arange(T)[:, None] < ends).sum(axis=1) if self.per_step else np.array([ends.sum()], np.int64)
        )
        momentum = self.momentum if ctx.momentum is None else ctx.momentum
        if ctx.momentum and t0:  # statistics anew along a stream: a mean over all windows that share a row
            momentum = 1 / max(1, (t0 + T - len(ctx.buffer("mean"))) // T + 1)
        ctx.ops.batchnorm.update(ctx.buffer("mean"), ctx.buffer("var"), mean, var, counts, t0, momentum)
