"""One update of a network: forward, loss, backward, clipping; then optimizer and projection. As CUDA graphs, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import _check
from ..stack import check_input
from ..tasks import Batch
from ..workspace import Workspace
from . import metrics
from .plan import Plan


class Step:
    """The two halves of an update, between which a run looks at its numbers."""

    def __init__(self, net: Any, optimizer: Any, plan: Plan, work: Workspace) -> None:
        self.net, self.optimizer, self.plan, self._work = net, optimizer, plan, work
        self._grads: Any = None

    def gradient(self, batch: Batch, state: Any) -> tuple[float, float, Any]:
        """Loss and norm of the gradient, which is then clipped and kept for `update`; and the state after the batch."""
        loss, norm, self._grads, after = self._gradient(batch, state)
        return loss, norm, after

    def update(self) -> bool:
        """Change the parameters by the gradient; returns whether all are finite."""
        return self._update(self._grads) < 0

    def _gradient(self, batch: Batch, state: Any) -> tuple[Any, Any, Any, Any]:
        """Loss, norm, clipped gradient, state after the batch; while a graph records, functions for loss and norm."""
        net, plan = self.net, self.plan
        y, after, tape = net.forward(batch.x, state, batch.lengths, work=self._work, memory=plan.memory)
        loss, dy = metrics.loss_of(plan.loss, y, batch, net.backend)
        _, _, grads = net.backward(dy, tape)
        ops = net.ops.gradient
        if plan.clip_norm and not plan.clip_value:
            return loss, ops.clip_norm(grads.flat, plan.clip_norm), grads, after  # the norm before, as below
        norm = ops.norm(grads.flat)
        if plan.clip_value:
            ops.clip_value(grads.flat, plan.clip_value)
        if plan.clip_norm:
            ops.clip_norm(grads.flat, plan.clip_norm)
        return loss, norm, grads, after

    def _update(self, grads: Any) -> Any:
        """Where the first parameter stands that is not finite, -1 for none; while a graph records, a function."""
        self.optimizer.update(self.net, grads)
        self.net.project()
        return self.net.ops.finite.first(self.net.flat)


class GraphStep(Step):
    """The same halves, each as one launch of a graph (_graph.py).

    The first batch runs without, which compiles the kernels and makes the optimizer's arrays; the second one is
    recorded and launched; later ones are copied to its place. A batch of another shape runs without.
    """

    def __init__(self, net: Any, optimizer: Any, plan: Plan, work: Workspace) -> None:
        super().__init__(net, optimizer, plan, work)
        self._first, self._second = net.ops.graph(), net.ops.graph()
        self._shapes: Any = None  # of the batches that the graph is for
        self._batch: Any = None  # the recorded one
        self._found: Any = None  # of the first half: loss, norm, gradient, state
        self._place: Any = None  # of the second

    @property
    def size(self) -> int:
        """Launches that the two graphs hold."""
        return self._first.size + self._second.size

    def gradient(self, batch: Batch, state: Any) -> tuple[float, float, Any]:
        check_batch(batch)
        shapes = _shapes(batch)
        if shapes != self._shapes:
            self._shapes = self._shapes or shapes
            return super().gradient(batch, state)
        check_input(self.net, batch.x, None, training=True)  # a launch can't tell which symbol is unknown
        if self._found is None:
            self._batch = _copy(self.net.ops, batch)
            self._grads = None  # its memory is free for those of the graph
            with self._first.record():
                self._found = self._gradient(self._batch, None)
        else:
            for own, given in zip(arrays_of(self._batch), arrays_of(batch), strict=True):
                self.net.ops.assign(own, given)
        self._first.launch()
        loss, norm, self._grads, _ = self._found
        return loss(), norm(), None

    def update(self) -> bool:
        if self._found is None or self._grads is not self._found[2]:
            return super().update()
        if self._place is None:
            with self._second.record():
                self._place = self._update(self._grads)
        else:
            self.optimizer.advance(self.net)
        self._second.launch()
        return self._place() < 0


def step_of(net: Any, optimizer: Any, plan: Plan, work: Workspace) -> Step:
    """The step that the plan asks for."""
    return (GraphStep if plan.graph else Step)(net, optimizer, plan, work)


def check_batch(batch: Batch) -> None:
    """Check that a graph can repeat batches like this one."""
    if batch.lengths is not None or batch.carry:
        what = (
            "batches have lengths" if batch.lengths is not None else "the state goes on from batch to batch"
        )
        because = "because a graph repeats what was recorded, with the same steps and from no state"
        _check.fail("train", f"graph is True and {what}", "graph=False", because)


def arrays_of(batch: Batch) -> list[Any]:
    """What a graph keeps of a batch."""
    return [array for array in (batch.x, batch.target, batch.mask) if array is not None]


def _shapes(batch: Batch) -> Any:
    return [(array.shape, array.dtype) for array in arrays_of(batch)]


def _copy(ops: Any, batch: Batch) -> Batch:
    """The batch in arrays of its own, where the backend computes."""
    mask = None if batch.mask is None else ops.copy(ops.bring(batch.mask))
    return replace(batch, x=ops.copy(ops.bring(batch.x)), target=ops.copy(ops.bring(batch.target)), mask=mask)
