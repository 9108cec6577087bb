"""Batch normalisation of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import _check, init
from .._types import AnyArray, Array, Record, State, StateForm
from ..ops.indrnn import Norm
from . import shared_statistics
from .base import COUNT, Layer, Parameter, sequence
from .context import Context
from .fusion import NORM, Normalised
from .shared_statistics import Gather


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalise each unit over batch and time, or over the batch at each step.

    Parameters
    ----------
    size : int
        Number of units H.
    per_step : bool
        Use separate statistics for each step (S = `positions`, or the steps of the network). The
        default is one statistic for all steps (S = 1).
    momentum : float
        Weight of the newest batch in the running averages, above 0 and at most 1.
    eps : float
        Constant added to the variance; at least 1.2e-38 in float32, where smaller numbers are 0.
    positions : int, optional
        Number S of rows of the running statistics; requires `per_step`. The row of a step is its
        position since the state began, counted across windows. Steps beyond the last row share it,
        and each window stores the statistics of its last step there. The authors' code for language
        models has 4 T + 1 rows and shares those from 2 T on. Early rows are trained only by batches
        that begin a new state.

    Notes
    -----
    y = scale ⊙ (x - mean) / √(var + eps) + shift

    Ioffe & Szegedy 2015, arXiv:1502.03167; Li et al. 2019, arXiv:1910.06251, 5.1.

    The learned arrays are scale (H,), initially 1, and shift (H,), initially 0. The buffers `mean`
    and `var` (S, H) are running averages for inference, r ← (1 - momentum) r + momentum · batch,
    where the variance of the batch is divided by n - 1. A statistic over one value does not change
    the running variance.

    Over one value the output equals the shift, whatever x is, and the gradient is zero. A network
    refuses a training pass in which every statistic is over one value, and warns once if some are.
    Over two values x̂ is ±1, so the gradient is zero except for the effect of eps. Use batches of
    several samples.
    """

    size: int
    per_step: bool = False
    momentum: float = 0.1
    eps: float = 1e-5
    positions: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("BatchNorm", "size", self.size, 1)
        _check.at_least("BatchNorm", "eps", self.eps, 0.0, strictly=True)
        _check.real("BatchNorm", "momentum", self.momentum)
        if not 0 < self.momentum <= 1:
            _check.fail("BatchNorm", f"momentum is {self.momentum}", "a number above 0, at most 1")
        if self.positions is not None:
            _check.at_least("BatchNorm", "positions", self.positions, 1)
            if not self.per_step:
                problem = f"positions is {self.positions} with per_step=False"
                _check.fail("BatchNorm", problem, "per_step=True", "because one statistic has no position")

    @property
    def inputs(self) -> int:
        return self.size

    @property
    def stretches_over_time(self) -> bool:  # type: ignore[override]
        return not self.per_step

    @property
    def fusion_role(self) -> str:  # type: ignore[override]
        return "" if self.per_step else NORM

    @property
    def state_form(self) -> StateForm:
        return COUNT if self.per_step else None

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {
            "scale": Parameter((self.size,), init.constant(1.0)),
            "shift": Parameter((self.size,), init.constant(0.0)),
        }

    def running(self, steps: int | None) -> dict[str, Array]:
        rows = self.positions or steps if self.per_step else 1
        if rows is None:
            because = "because each step has separate running statistics"
            _check.fail("BatchNorm", "steps is None with per_step=True", "Sequential(..., steps=T)", because)
        start = {"mean": np.zeros(()), "var": np.ones(())}
        return {name: np.broadcast_to(value, (rows, self.size)) for name, value in start.items()}

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        """Normalise x; with `per_step`, the state is the number of steps before this window."""
        sequence("BatchNorm.forward", x, self.size)
        if ctx.fused:
            return self._normalised(x, ctx)
        t0 = state or 0
        out = ctx.array("y", x.shape)
        scale, shift = ctx.param("scale"), ctx.param("shift")
        after = t0 + len(x) if self.per_step else None
        if not ctx.run.training or ctx.run.running:
            mean, var = ctx.buffer("mean"), ctx.buffer("var")
            if self.per_step:
                mean, var = (ctx.ops.batchnorm.rows(running, t0, len(x)) for running in (mean, var))
            y = ctx.ops.batchnorm.apply(x, mean, var, scale, shift, self.eps, ctx.run.lengths, out)
            return y, after, (x, mean, var)
        if ctx.shared:
            mean, var = self._shared_statistics(x, ctx, ctx.shared)
            y = ctx.ops.batchnorm.apply(x, mean, var, scale, shift, self.eps, ctx.run.lengths, out)
            return y, after, (x, mean, var)
        y, mean, var = ctx.ops.batchnorm.forward(
            x, scale, shift, self.eps, ctx.run.lengths, self.per_step, out
        )
        self._update(mean, var, t0, x, ctx)
        return y, after, (x, mean, var)

    def _normalised(self, x: AnyArray, ctx: Context) -> tuple[AnyArray, State, Record]:
        """Return x and its normalisation, which a later layer applies chunk by chunk."""
        if ctx.run.training and ctx.shared:
            mean, var = self._shared_statistics(x, ctx, ctx.shared)
        elif ctx.run.training:
            mean, var = ctx.ops.batchnorm.statistics(x)
            self._update(mean, var, 0, x, ctx)
        else:
            mean, var = ctx.buffer("mean"), ctx.buffer("var")
        norm = Norm.of_statistics(mean[0], var[0], ctx.param("scale"), ctx.param("shift"), self.eps)
        return Normalised(x, norm), None, (x, mean, var)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        x, mean, var = tape
        arguments = ctx.dense(dy), x, mean, var, ctx.param("scale"), self.eps, ctx.run.lengths
        out = ctx.scratch.array("dx", x.shape)
        if ctx.shared:
            dx, dscale, dshift = shared_statistics.backward(*arguments, ctx.ops, ctx.shared, out)
        else:
            dx, dscale, dshift = ctx.ops.batchnorm.backward(*arguments, self.per_step, out)
        return dx, None, {"scale": dscale, "shift": dshift}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        x, mean, var = tape
        y_dot = ctx.ops.tangent("batchnorm")(
            x_dot, x, mean, var, ctx.param("scale"), ctx.direction("scale"), ctx.direction("shift"), self.eps,
            ctx.run.lengths, self.per_step,
        )  # fmt: skip
        return y_dot, None, None

    def _shared_statistics(self, x: AnyArray, ctx: Context, gather: Gather) -> tuple[AnyArray, AnyArray]:
        """Return mean and var over the shards of all ranks, and update the running statistics."""
        if self.per_step:
            because = "because statistics of single time steps are not shared by ranks"
            _check.fail("BatchNorm.forward", "sync_bn is True with per_step=True", "False", because)
        n, mean, var = shared_statistics.statistics(x, ctx.run.lengths, ctx.ops, gather)
        momentum = self.momentum if ctx.run.momentum is None else ctx.run.momentum
        running = ctx.buffer("mean"), ctx.buffer("var")
        ctx.ops.batchnorm.update(*running, mean, var, np.array([n], np.int64), 0, momentum)
        return mean, var

    def _update(self, mean: AnyArray, var: AnyArray, t0: int, x: AnyArray, ctx: Context) -> None:
        """Update the running statistics, of a shard later; a variance over one value does not change them."""
        T, B, _ = x.shape
        counts = value_counts(T, B, ctx.run.lengths, self.per_step)
        momentum = self.momentum if ctx.run.momentum is None else ctx.run.momentum
        running = ctx.buffer("mean"), ctx.buffer("var")
        update = partial(ctx.ops.batchnorm.update, *running, mean, var, counts, t0, momentum)
        if ctx.run.shard is None:
            update()
        elif momentum:
            ctx.run.shard.updates.append(update)


def value_counts(T: int, B: int, lengths: Array | None, per_step: bool) -> AnyArray:
    """Return the number of values of each statistic, (T,) with per_step, else (1,)."""
    ends = np.full(B, T) if lengths is None else lengths
    return (np.arange(T)[:, None] < ends).sum(axis=1) if per_step else np.array([ends.sum()], np.int64)
