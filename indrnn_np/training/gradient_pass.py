"""The ways to the gradient of an update: back-propagation through time, and online gradients.

A pass is called with a batch and the state before it, and returns the loss, the gradient and the
state after the batch. `pass_of` in step.py chooses one at the beginning of a run; shards.py has the
pass that cuts a batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import _check
from .._types import AnyArray, State, Value
from ..gradients.online import EXACT, TRACES, Online
from ..layers.context import Shard
from ..networks.checks import check_input
from ..networks.sequential import Sequential
from ..parameters import Views
from ..tasks import Batch
from ..workspace import Workspace
from . import class_weights
from .passes import passes_of
from .plan import RunPlan

# A part of a batch: its samples, the initial states of the layers, and its shard, None for a whole batch.
Part = tuple[Batch, State, Shard | None]


class GradientPass:
    """Base class: a way to compute the gradient of an update.

    `about` describes the gradients in the summary of a run; `notes` are lines for its log.
    """

    about: str
    notes: tuple[str, ...] = ()

    def __init__(self, net: Sequential) -> None:
        self.net = net

    def __call__(self, batch: Batch, state: State) -> tuple[Value, Views, State]:
        """Return the loss, the gradient and the state after the batch."""
        raise TypeError(f"{type(self).__name__}: the class does not define __call__, expected a method")

    def state_after(self, x: AnyArray) -> State:
        """Return the state after an input that begins a stream, whose form checkpoints are compared with."""
        return self.net.infer(x)[1]

    def layer_states(self, state: State) -> State:
        """Return the states of the layers in a state, as `parts` takes them."""
        return state

    def own_state(self, state: State) -> State:
        """Return the part that this pass continues from of the state of a whole batch."""
        return state

    def whole_state(self, state: State) -> State:
        """Return the state of the whole batch; all ranks call this function together."""
        return state

    def parts(self, batch: Batch, state: State) -> Iterator[Part]:
        """Yield the parts of a batch that run one after the other."""
        yield batch, state, None


class Bptt(GradientPass):
    """Back-propagation through time: a forward pass over all steps, and a backward pass."""

    about = "back-propagation through time"

    def __init__(self, net: Sequential, plan: RunPlan, work: Workspace) -> None:
        super().__init__(net)
        self.plan, self._work, self._classes = plan, work, class_weights.options(plan, net)

    def __call__(self, batch: Batch, state: State) -> tuple[Value, Views, State]:
        """Return the loss, a function during graph capture, the gradient and the state after the batch."""
        passes = passes_of(self.net, self.plan, batch, self._work, self._classes)
        y, after, tape = passes.forward(batch, state)
        loss, dy = passes.loss_of(y, batch)
        return loss, passes.backward(dy, tape), after


class OnlinePass(GradientPass):
    """Online gradients: the batch is fed step by step, and the state includes the traces.

    A batch that continues a stream continues its traces too. They began with earlier parameters,
    so the gradient is then approximate for every rule.

    Raises
    ------
    ValueError
        If a layer or the backend has no online gradients, or the rule "exact" does not cover a
        parameter.
    """

    def __init__(self, net: Sequential, plan: RunPlan) -> None:
        super().__init__(net)
        self._learner = Online(net, plan.rule, plan.loss_name, class_weights.options(plan, net))
        if missing := self._learner.missing:
            problem = f"rule is {plan.rule!r}, which has no gradient of {', '.join(missing)}"
            because = "because W of a lower layer would need (H, H, D) sensitivities"
            _check.fail("train", problem, "rule='traces' or rule='depth-only'", because)
        cells = len(self._learner.stack.cells)
        exact = plan.rule == EXACT or (plan.rule == TRACES and cells == 1)
        when = f"every {plan.update_every} time steps" if plan.update_every else "at the end of a sequence"
        kind = "exact" if exact and not plan.update_every else "approximate"
        self.about = f"online gradients, rule {plan.rule!r}, an update {when}: {kind}"
        self.notes = (f"gradients: {self.about}",)

    def __call__(self, batch: Batch, state: State) -> tuple[Value, Views, State]:
        """Return the loss, the gradient, and states and traces after the batch."""
        net, learner = self.net, self._learner
        check_input(net, batch.x, batch.lengths, training=True)
        with np.errstate(over="ignore", invalid="ignore"):  # the trainer reports values that are not finite
            loss = learner.run(batch.x, batch.target, batch.lengths, batch.mask, state)
        if not learner.count:
            because = "because each update needs a gradient; with update_every, each window needs a target"
            _check.fail("train", f"no target counts in iteration {net.iteration}", "at least one", because)
        grads = Views(net.params.shapes, net.device.zeros(net.flat.shape, net.dtype), net.identity)
        for name, gradient in learner.gradient().items():
            grads[name][...] = gradient
        return loss, grads, learner.state()

    def state_after(self, x: AnyArray) -> State:
        """Return states and traces after an input that begins a stream."""
        self._learner.start(*x.shape[1:])
        for x_t in x:
            self._learner.step(x_t)
        return self._learner.state()

    def layer_states(self, state: State) -> State:
        """Return the states of the recurrent layers, None for the other layers."""
        if state is None:
            return None
        states: list[State] = [None] * len(self.net.layers)
        for cell, arrays in zip(self._learner.stack.cells, state[:-1], strict=True):
            states[int(cell.u.split(".")[0])] = arrays[0]
        return tuple(states)
