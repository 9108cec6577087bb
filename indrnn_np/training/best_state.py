"""The best state of a run by its validations: its record, and a copy for runs that restore it."""

from __future__ import annotations

import math
from pathlib import Path

from .. import _check
from .._types import Json
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from . import checkpoint, metrics
from .checkpoint import Contents
from .evaluation import restore_running

Record = dict[str, float]  # the "value" and the "iteration" of the best validation


class BestState:
    """Best validation of a run so far, and the state of the network and the optimizer at it.

    Parameters
    ----------
    net, optimizer : Sequential, Optimizer
        Network and optimizer of the run.
    metric : str
        Metric of the validations.
    copies : bool
        Keep a copy of the best state: a plateau schedule and early stopping restore it.
    """

    def __init__(self, net: Sequential, optimizer: Optimizer, metric: str, copies: bool) -> None:
        self.net, self.optimizer, self.copies = net, optimizer, copies
        self._sign = -1 if metrics.LARGER_IS_BETTER.get(metric, False) else 1
        self._start = net.iteration
        self.record: Record | None = None
        self._states: tuple[Json, Json] | None = None

    @property
    def iteration(self) -> int:
        """The iteration of the best validation; before the first one, that of the start of the run."""
        return self._start if self.record is None else int(self.record["iteration"])

    def observe(self, value: float) -> bool:
        """Record the metric of a validation, and return whether it is the best so far."""
        best = math.inf if self.record is None else self._sign * self.record["value"]
        if not (math.isfinite(value) and self._sign * value < best):
            return False
        self.record = {"value": value, "iteration": self.net.iteration}
        if self.copies:
            self._take()
        return True

    def restore(self) -> None:
        """Load the copy; do nothing before the first one."""
        if self._states is not None:
            self.net.load_state_dict(self._states[0])
            self.optimizer.load_state_dict(self._states[1])

    def load(self, contents: Contents, best: Path | None) -> None:
        """Take over the record of a checkpoint, and the best state from it or from `best`, the file of that state."""
        self.record = contents.header["meta"]["best"]
        if self.record is None or not self.copies:
            return
        if contents.header["iteration"] != self.iteration:
            if best is None:
                expected = f"that of iteration {self.iteration}, which the run restores"
                _check.fail("train", f"{contents.path} has no best checkpoint beside it", expected)
            contents = checkpoint.read(best)
        checkpoint.restore(contents, self.net, self.optimizer)
        restore_running(contents, self.net)
        self._take()

    def _take(self) -> None:
        self._states = (self.net.state_dict(), self.optimizer.state_dict())
