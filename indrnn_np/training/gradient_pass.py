"""The two ways to the gradient of an update: back-propagation through time, and online gradients.

Both are called with a batch and the state before it, and return the loss, the gradient and the
state after the batch. `pass_of` chooses one at the beginning of a run.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from .. import _check
from .._types import AnyArray, State, Value
from ..gradients.online import EXACT, TRACES, online
from ..networks.checks import check_input
from ..networks.sequential import Sequential
from ..parameters import Views
from ..tasks import Batch
from ..workspace import Workspace
from . import metrics
from .plan import ONLINE, RunPlan


class GradientPass(Protocol):
    """Computes the gradient of an update.

    `about` describes the gradients in the summary of a run; `notes` are lines for its log.
    """

    about: str
    notes: tuple[str, ...]

    def __call__(self, batch: Batch, state: State) -> tuple[Value, Views, State]:
        """Return the loss, the gradient and the state after the batch."""

    def state_after(self, x: AnyArray) -> State:
        """Return the state after an input that begins a stream, whose form checkpoints are compared with."""

    def layer_states(self, state: State) -> State:
        """Return the states of the layers in a state, as `Sequential.forward` takes them."""


class Bptt:
    """Back-propagation through time: a forward pass over all steps, and a backward pass."""

    about = "back-propagation through time"
    notes: tuple[str, ...] = ()

    def __init__(self, net: Sequential, plan: RunPlan, work: Workspace) -> None:
        self.net, self.plan, self._work = net, plan, work

    def __call__(self, batch: Batch, state: State) -> tuple[Value, Views, State]:
        """Return the loss, a function during graph capture, the gradient and the state after the batch."""
        net, plan = self.net, self.plan
        y, after, tape = net.forward(batch.x, state, batch.lengths, work=self._work, memory=plan.memory)
        loss, dy = metrics.loss_of(plan.loss, y, batch, net.ops)
        _, _, grads = net.backward(dy, tape, input_gradient=False)
        return loss, grads, after

    def state_after(self, x: AnyArray) -> State:
        """Return the states of the layers after an input that begins a stream."""
        return self.net.infer(x)[1]

    def layer_states(self, state: State) -> State:
        """Return `state`, which consists of the states of the layers."""
        return state


class OnlinePass:
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
        self.net, self._learner = net, online(net, plan.rule, plan.loss_name)
        if missing := self._learner.missing:
            problem = f"rule is {plan.rule!r}, which has no gradient of {', '.join(missing)}"
            because = "because W of a lower layer would need (H, H, D) sensitivities"
            _check.fail("train", problem, "rule='traces' or rule='depth-only'", because)
        cells = len(self._learner.stack.cells)
        exact = plan.rule == EXACT or (plan.rule == TRACES and cells == 1)
        when = f"every {plan.update_every} time steps" if plan.update_every else "at the end of a sequence"
        kind = "exact" if exact and not plan.update_every else "approximate"
        self.about = f"online gradients, rule {plan.rule!r}, an update {when}: {kind}"
        self.notes: tuple[str, ...] = (f"gradients: {self.about}",)

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


def pass_of(net: Sequential, plan: RunPlan, work: Workspace) -> GradientPass:
    """Return the pass that the plan names."""
    return OnlinePass(net, plan) if plan.gradients == ONLINE else Bptt(net, plan, work)
