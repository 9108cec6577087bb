"""The updates of a run. With CUDA graphs, one update may begin before the outcome of the previous one is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._types import State
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..parameters import Views
from ..tasks import Batch
from .step import Outcome, Step


@dataclass(frozen=True)
class Update:
    """An update under way, and the values that undo it.

    Attributes
    ----------
    batch, state : Batch, State
        Batch and initial states of the layers.
    buffers : Views
        Running statistics before the pass.
    iteration, t, lr : int, int, float
        Counters and learning rate before the update.
    outcome : callable
        Function that waits for the end of the update and returns its outcome.
    """

    batch: Batch
    state: State
    buffers: Views
    iteration: int
    t: int
    lr: float
    outcome: Callable[[], Outcome]


class Updates:
    """The updates that have begun and are not finished; `len` counts them."""

    def __init__(self, net: Sequential, optimizer: Optimizer, step: Step) -> None:
        self.net, self.optimizer, self.step = net, optimizer, step
        self._under_way: list[Update] = []
        self._buffers = [Views(net.buffers.shapes, net.device.copy(net.buffers.flat)) for _ in range(2)]

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, batch: Batch, state: State, lr: float) -> None:
        """Begin an update. At most one other may be under way."""
        net, optimizer = self.net, self.optimizer
        buffers, before = self._buffers[net.iteration % 2], (net.iteration, optimizer.t, optimizer.lr)
        net.device.assign(buffers.flat, net.buffers.flat)
        optimizer.lr = lr
        try:
            outcome = self.step.begin(batch, state)
        except Exception:
            optimizer.lr = before[2]  # the update has not begun
            raise
        states = self.step.gradient_pass.layer_states(state)
        self._under_way.append(Update(batch, states, buffers, *before, outcome))

    def finish(self) -> tuple[Update, Outcome]:
        """Wait for the oldest update; if it is not finite, undo the later one, which the GPU has not made."""
        update = self._under_way.pop(0)
        outcome = update.outcome()
        if not outcome.updated:
            self._go_back(update)
        elif not outcome.finite and self._under_way:
            later = self._under_way[0]
            self._go_back(later)
            self.net.device.assign(self.net.buffers.flat, later.buffers.flat)
        if not (outcome.updated and outcome.finite):
            self._under_way.clear()
            self.step.reset()
        return update, outcome

    def _go_back(self, update: Update) -> None:
        """Set the counters and the learning rate to those before an update."""
        self.net.iteration, self.optimizer.t, self.optimizer.lr = update.iteration, update.t, update.lr
