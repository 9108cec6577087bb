"""The passes of an update through a network: forward, loss and backward."""

from __future__ import annotations

from .._types import AnyArray, Record, State
from ..layers.context import Shard
from ..networks.sequential import Sequential
from ..optim.class_options import ClassOptions
from ..parameters import Views
from ..tasks import Batch
from ..workspace import Workspace
from . import metrics, readout_blocks
from .plan import RunPlan
from .readout_blocks import BlockedPasses


class Passes:
    """The passes of an update by a batch or a shard of it, through all layers at once."""

    def __init__(self, net: Sequential, plan: RunPlan, work: Workspace, classes: ClassOptions) -> None:
        self.net, self.plan, self._work, self._classes = net, plan, work, classes

    def forward(
        self, batch: Batch, state: State, shard: Shard | None = None
    ) -> tuple[AnyArray, tuple[State, ...], Record]:
        """Return the output, the state after the batch, and the tape."""
        return self.net.forward(
            batch.x, state, batch.lengths, work=self._work, memory=self.plan.memory, shard=shard
        )

    def loss_of(self, y: AnyArray, batch: Batch) -> tuple[AnyArray, AnyArray]:
        """Return the mean loss, a function during graph capture, and the gradient dy of the output."""
        return metrics.loss_of(self.plan.loss, y, batch, self.net.ops, self._classes)

    def backward(self, dy: AnyArray | None, tape: Record, weight: float | None = None) -> Views:
        """Return the gradient of the parameters; `weight` multiplies dy, and None is a dy of zeros."""
        if dy is not None and weight is not None:
            dy = dy * dy.dtype.type(weight)
        return self.net.backward(dy, tape, input_gradient=False)[2]


def passes_of(
    net: Sequential, plan: RunPlan, batch: Batch, work: Workspace, classes: ClassOptions
) -> Passes | BlockedPasses:
    """Return the passes for a batch or a shard, in blocks if it has many scores."""
    if readout_blocks.applies(net, plan.loss, batch.target.size, classes):
        return BlockedPasses(net, plan.memory, work)
    return Passes(net, plan, work, classes)
