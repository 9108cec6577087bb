"""One update of a network: forward, loss, backward, clipping, optimizer, projection; also as CUDA graphs."""

from __future__ import annotations

from dataclasses import replace

from .. import _check
from .._types import AnyArray, State, Value
from ..device import Device
from ..networks.checks import check_input
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..parameters import Views
from ..tasks import Batch
from ..workspace import Workspace
from .gradient_pass import pass_of
from .plan import RunPlan


class Step:
    """The two halves of an update. The trainer checks loss and gradient norm between them.

    `grads` is the gradient of the last update after clipping, None before the first one.
    """

    def __init__(self, net: Sequential, optimizer: Optimizer, plan: RunPlan, work: Workspace) -> None:
        self.net, self.optimizer, self.plan = net, optimizer, plan
        self.gradient_pass = pass_of(net, plan, work)
        self.grads: Views | None = None

    def gradient(self, batch: Batch, state: State) -> tuple[float, float, State]:
        """Return the loss, the gradient norm before clipping, and the state; store the gradient for `update`."""
        loss, norm, self.grads, after = self._gradient(batch, state)
        return loss, norm, after

    def update(self) -> bool:
        """Update the parameters with the stored gradient, and return whether all are finite."""
        assert self.grads is not None  # gradient() comes first
        return self._update(self.grads) < 0

    def _gradient(self, batch: Batch, state: State) -> tuple[Value, Value, Views, State]:
        """Return loss, norm, clipped gradient and state; loss and norm are functions during graph capture."""
        plan, ops = self.plan, self.net.ops.gradient
        loss, grads, after = self.gradient_pass(batch, state)
        if plan.clip_norm and not plan.clip_value:
            return loss, ops.clip_norm(grads.flat, plan.clip_norm), grads, after  # norm before clipping
        norm = ops.norm(grads.flat)
        if plan.clip_value:
            ops.clip_value(grads.flat, plan.clip_value)
        if plan.clip_norm:
            ops.clip_norm(grads.flat, plan.clip_norm)
        return loss, norm, grads, after

    def _update(self, grads: Views) -> Value:
        """Return the index of the first non-finite parameter or -1; during graph capture a function."""
        self.optimizer.update(self.net, grads, allow_nonfinite=True)  # the trainer has checked the norm
        self.net.project()
        return self.net.ops.finite.first(self.net.flat)


class GraphStep(Step):
    """The same halves, each as one launch of a CUDA graph (_cuda/graph.py).

    The first batch runs without a graph, which compiles the kernels and creates the optimizer's
    arrays. The second batch is captured and launched. Later batches are copied into its arrays.
    A batch of another shape runs without a graph.
    """

    def __init__(self, net: Sequential, optimizer: Optimizer, plan: RunPlan, work: Workspace) -> None:
        super().__init__(net, optimizer, plan, work)
        self._first = net.device.graph(iteration=lambda: net.iteration)
        self._second = net.device.graph(t=lambda: optimizer.t, lr=lambda: optimizer.lr)
        self._shapes: object = None  # shapes of the batches that the graph supports
        self._batch: Value = None  # captured batch
        self._results: Value = None  # of the first half: loss, norm, gradient, state
        self._nonfinite: Value = None  # of the second half: index of the first non-finite parameter

    @property
    def size(self) -> int:
        """Number of launches in the two graphs."""
        return self._first.size + self._second.size

    def gradient(self, batch: Batch, state: State) -> tuple[float, float, State]:
        check_batch(batch)
        shapes = [(array.shape, array.dtype) for array in arrays_of(batch)]
        if shapes != self._shapes:
            self._shapes = self._shapes or shapes
            return super().gradient(batch, state)
        check_input(self.net, batch.x, None, training=True)  # a launch cannot report an unknown symbol
        if self._results is None:
            self._batch = _copy(self.net.device, batch)
            self.grads = None  # free its memory for the gradients of the graph
            with self._first.record():
                self._results = self._gradient(self._batch, None)
        else:
            for captured, array in zip(arrays_of(self._batch), arrays_of(batch), strict=True):
                self.net.device.assign(captured, array)
        self._first.launch()
        loss, norm, self.grads, _ = self._results
        return loss(), norm(), None

    def update(self) -> bool:
        if self._results is None or self.grads is None or self.grads is not self._results[2]:
            return super().update()
        if self._nonfinite is None:
            with self._second.record():
                self._nonfinite = self._update(self.grads)
        else:
            self.optimizer.advance(self.net)
        self._second.launch()
        return self._nonfinite() < 0


def step_of(net: Sequential, optimizer: Optimizer, plan: RunPlan, work: Workspace) -> Step:
    """Return a GraphStep if the plan uses graphs, else a Step."""
    return (GraphStep if plan.graph else Step)(net, optimizer, plan, work)


def check_batch(batch: Batch) -> None:
    """Check that a graph supports batches like this one."""
    if batch.lengths is not None or batch.carry:
        kind = "batches have lengths" if batch.lengths is not None else "the state is carried between batches"
        because = "because a graph repeats the captured launches, with fixed time steps and no initial state"
        _check.fail("train", f"graph is True and {kind}", "graph=False", because)


def arrays_of(batch: Batch) -> list[AnyArray]:
    """Return the arrays of a batch that a graph stores."""
    return [array for array in (batch.x, batch.target, batch.mask) if array is not None]


def _copy(device: Device, batch: Batch) -> Batch:
    """Return a copy of the batch on the device."""

    def copy(array: AnyArray) -> AnyArray:
        return None if array is None else device.copy(device.bring(array))

    return replace(batch, x=copy(batch.x), target=copy(batch.target), mask=copy(batch.mask))
