"""Fuse layers: another layer computes an output or a gradient, which is never materialised.

    BatchNorm, Dropout, ..., IndRNN      forward: the IndRNN normalises its input chunk by chunk
    BatchNorm, Dropout, ..., LastStep    forward: only the last step is normalised
    IndRNN, LastStep                     backward: dy is zero except at each sample's last step

`plan` selects the batch norms that a later layer can apply, once for each network. `fuses` decides
whether a pass fuses them. `split_gradient` turns a gradient of the last step into a gradient of the
last state where this is possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .._types import AnyArray, State, Value
from ..ops.indrnn import Norm

NORM, MASK, READER = "norm", "mask", "reader"  # roles: BatchNorm, Dropout, and layers that apply both


class Normalised(NamedTuple):
    """Activation (T, B, H) that is not materialised: `norm` is applied to x later."""

    x: AnyArray
    norm: Norm

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape


class LastRow(NamedTuple):
    """Gradient (T, B, H) that is `row` (B, H) at each sample's last step and zero elsewhere."""

    row: AnyArray
    steps: int


def plan(layers: Iterable[Value]) -> tuple[bool, ...]:
    """Return for each layer whether it is a batch norm that a later layer can apply.

    Between the two layers there may be dropout only.
    """
    roles = [layer.fusion_role for layer in layers]
    readers = [next((role for role in roles[i + 1 :] if role != MASK), "") for i in range(len(roles))]
    return tuple(role == NORM and reader == READER for role, reader in zip(roles, readers, strict=True))


def fuses(ops: Value, run: Value) -> bool:
    """Return whether a pass fuses the planned batch norms; with lengths it does not."""
    return run.fuse and ops.normalises and run.lengths is None


def split_gradient(dy: AnyArray, dstate: State, reverse: bool, ctx: Value) -> tuple[AnyArray, State]:
    """Return the gradients of a recurrent layer's outputs (T, B, H) or None, and of its last state.

    A LastRow is added to the gradient of the last state. It is expanded to (T, B, H) if the last
    row is not the last state (in reverse, or for a sample of length 0). It is also expanded for a
    probe, which reads the gradients of the outputs only.
    """
    lengths = ctx.run.lengths
    if not isinstance(dy, LastRow):
        return dy, dstate
    if reverse or ctx.run.probe is not None or (lengths is not None and (lengths == 0).any()):
        return ctx.dense(dy), dstate
    return None, dy.row if dstate is None else ctx.ops.rows.add(dy.row, dstate)
