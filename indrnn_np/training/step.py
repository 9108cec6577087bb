"""One update of a network: forward, loss, backward, clipping, optimizer, projection; also as CUDA graphs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .. import _check
from .._types import AnyArray, State, Value
from ..layers.chain import check_layers
from ..networks.checks import check_input
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..optim.target_checks import check_targets
from ..parameters import Views
from ..tasks import Batch
from ..workspace import Workspace
from .gradient_pass import Bptt, GradientPass, OnlinePass
from .plan import RunPlan
from .plan_checks import ONLINE
from .shards import ShardedPass


@dataclass(frozen=True)
class Outcome:
    """Result of an update.

    Attributes
    ----------
    loss, norm : float
        Loss before the update, and norm of its gradient before clipping.
    finite : bool
        Whether the parameters are finite after the update. If loss or norm is not finite, there was no update.
    state : State
        State after the last time step.
    """

    loss: float
    norm: float
    finite: bool = True
    state: State = None

    @property
    def updated(self) -> bool:
        """Whether loss and norm are finite, so that the parameters were updated."""
        return math.isfinite(self.loss) and math.isfinite(self.norm)


class Step:
    """An update of the network by a batch.

    `grads` is the gradient of the last update after clipping, None before the first one.
    """

    def __init__(self, net: Sequential, optimizer: Optimizer, plan: RunPlan, work: Workspace) -> None:
        self.net, self.optimizer, self.plan = net, optimizer, plan
        self.gradient_pass = pass_of(net, plan, work)
        self.grads: Views | None = None

    def overlaps(self, batch: Batch) -> bool:
        """Whether an update by this batch may begin before the outcome of the previous one is known."""
        return False

    def begin(self, batch: Batch, state: State) -> Callable[[], Outcome]:
        """Begin an update, and return a function that waits for its end and returns the outcome."""
        loss, norm, self.grads, after = self._gradient(batch, state)
        outcome = Outcome(loss, norm, state=after)
        if outcome.updated:
            outcome = replace(outcome, finite=self._update(self.grads) < 0)
        return lambda: outcome

    def reset(self) -> None:
        """Forget that an update was not finite."""

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
        self.optimizer.update(self.net, grads, allow_nonfinite=True)  # loss and norm are finite
        self.net.project()
        return self.net.ops.finite.first(self.net.flat)


class Captured(NamedTuple):
    """What the two graphs read and write: arrays of the batch, and results of a launch."""

    inputs: list[Value]
    loss: Value
    norm: Value
    grads: Views
    nonfinite: Value  # index of the first non-finite parameter, or -1


class GraphStep(Step):
    """The same update as two launches of CUDA graphs (_cuda/graph.py): gradient, then update.

    The first batch runs without a graph, which compiles the kernels and creates the optimizer's
    arrays. The second batch is captured and launched. Later batches are copied into its arrays.
    A batch of another shape runs without a graph.

    An update may begin before the outcome of the previous one is known. If that one is not finite,
    a flag on the GPU stops both (_cuda/stop_flag.py).
    """

    def __init__(self, net: Sequential, optimizer: Optimizer, plan: RunPlan, work: Workspace) -> None:
        super().__init__(net, optimizer, plan, work)
        self._stop = net.device.asarray(np.zeros(1, np.int32))
        self._first = net.device.graph(self._stop, iteration=lambda: self._iteration)
        self._second = net.device.graph(self._stop, t=lambda: optimizer.t, lr=lambda: optimizer.lr)
        self._shapes: object = None  # shapes of the batches that the graphs support
        self._captured: Captured | None = None
        self._iteration = 0  # of the update that begins
        self._outputs = check_layers("train", net.layers)

    @property
    def size(self) -> int:
        """Number of launches in the two graphs."""
        return self._first.size + self._second.size

    def overlaps(self, batch: Batch) -> bool:
        return self._captured is not None and _shapes(batch) == self._shapes

    def begin(self, batch: Batch, state: State) -> Callable[[], Outcome]:
        self._iteration = self.net.iteration
        check_batch(batch)
        if _shapes(batch) != self._shapes:
            self._shapes = self._shapes or _shapes(batch)
            return super().begin(batch, state)
        check_input(self.net, batch.x, None, training=True)  # a launch cannot report an unknown symbol
        assert isinstance(self.plan.loss, str)  # Plan refuses a function
        target = batch.target
        shape = (
            (*target.shape, self._outputs or batch.x.shape[-1]) if target.dtype.kind in "iu" else target.shape
        )
        check_targets(self.plan.loss, np.broadcast_to(0.0, shape), target, batch.mask)
        if self._captured is None:
            self.grads = None  # free its memory for the gradients of the graph
            self._captured = self._capture(batch)
        else:
            for captured, array in zip(self._captured.inputs, arrays_of(batch), strict=True):
                captured.assign(array)
            self.optimizer.advance(self.net)
        return self._launch(self._captured)

    def _capture(self, batch: Batch) -> Captured:
        """Record both graphs, which advances the counters as an update does."""
        inputs: list[Value] = []

        def placed(array: AnyArray) -> AnyArray:
            if array is None:
                return None
            inputs.append(self._first.input(array))
            return inputs[-1].array

        batch = replace(batch, x=placed(batch.x), target=placed(batch.target), mask=placed(batch.mask))
        with self._first.record():
            loss, norm, grads, _ = self._gradient(batch, None)
            self._first.stop_unless_finite(loss.array[0])  # the sums of the loss
            self._first.stop_unless_finite(norm.array[:1])
        with self._second.record():
            nonfinite = self._update(grads)
        return Captured(inputs, loss, norm, grads, nonfinite)

    def _launch(self, captured: Captured) -> Callable[[], Outcome]:
        """Launch both graphs, and return a function that reads the outcome."""
        self.grads = captured.grads
        first, second = self._first.launch(), self._second.launch()

        def outcome() -> Outcome:
            loss, norm = captured.loss.of(first), captured.norm.of(first)
            return Outcome(loss, norm, finite=captured.nonfinite.of(second) < 0)

        return outcome

    def reset(self) -> None:
        self.net.device.assign(self._stop, np.zeros(1, np.int32))


def pass_of(net: Sequential, plan: RunPlan, work: Workspace) -> GradientPass:
    """Return the pass that the plan names."""
    if plan.gradients == ONLINE:
        return OnlinePass(net, plan)
    shards = plan.shards or plan.ranks.size  # a Plan that is not complete may leave them out
    return Bptt(net, plan, work) if shards == 1 else ShardedPass(net, plan, work)


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


def _shapes(batch: Batch) -> list[tuple[tuple[int, ...], object]]:
    """Return the shapes and dtypes of the arrays of a batch."""
    return [(array.shape, array.dtype) for array in arrays_of(batch)]
