"""Fusion of layers: the next layer computes an output or gradient, which is never materialised.

    BatchNorm, Dropout, ..., IndRNN      the IndRNN normalises its input chunk by chunk (`norm=` of ops/indrnn)
    BatchNorm, Dropout, ..., LastStep    only the last step is normalised
    IndRNN, LastStep                     backward, the gradient is zero except at each sample's last step

`plan` selects the batch norms that a later layer can apply, once, when the network is built. `fuses`
decides whether a pass fuses them. `arriving` turns a gradient of the last step into a gradient of the
last state where it can.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .._types import AnyArray, State, Value
from ..ops.indrnn import Norm

NORM, MASK, READER = "norm", "mask", "reader"  # roles: BatchNorm, Dropout, and layers that apply both


class Normalised(NamedTuple):
    """Activation (T, B, H) that is not materialised: `norm` applied to x."""

    x: AnyArray
    norm: Norm

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape


class LastRow(NamedTuple):
    """Gradient (T, B, H) that is zero except at each sample's last step, where it is `row` (B, H)."""

    row: AnyArray
    steps: int


def plan(layers: Iterable[Value]) -> tuple[bool, ...]:
    """Return for each layer whether it is a batch norm that a later layer can apply.

    Only dropout may stand between the two layers.
    """
    roles = [layer.fusion_role for layer in layers]
    readers = [next((role for role in roles[i + 1 :] if role != MASK), "") for i in range(len(roles))]
    return tuple(role == NORM and reader == READER for role, reader in zip(roles, readers, strict=True))


def fuses(ops: Value, run: Value) -> bool:
    """Return whether a pass fuses the planned batch norms: the backend can, and there are no lengths."""
    return run.fuse and ops.normalises and run.lengths is None


def arriving(dy: AnyArray, dstate: State, reverse: bool, ctx: Value) -> tuple[AnyArray, State]:
    """Return the gradients of a recurrent layer's outputs (T, B, H) or None, and of its last state.

    A LastRow is added to the gradient of the last state. It is expanded to (T, B, H) if the last row
    is not the last state (in reverse, or for a sample of length 0), and if there is a probe, because
    a probe reads the gradients of the outputs only.
    """
    lengths = ctx.run.lengths
    if not isinstance(dy, LastRow):
        return dy, dstate
    if reverse or ctx.run.probe is not None or (lengths is not None and (lengths == 0).any()):
        return ctx.dense(dy), dstate
    return None, dy.row if dstate is None else ctx.ops.rows.add(dy.row, dstate)
