"""The best state of a run, which a plateau schedule restores when it reduces the learning rate."""

from __future__ import annotations

from pathlib import Path

from .. import _check
from .._types import Json
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from . import checkpoint
from .checkpoint import Contents


class Snapshot:
    """Copy of the state of a network and its optimizer; empty at first."""

    def __init__(self, net: Sequential, optimizer: Optimizer) -> None:
        self.net, self.optimizer = net, optimizer
        self._states: tuple[Json, Json] | None = None

    def take(self) -> None:
        """Copy the current state."""
        self._states = (self.net.state_dict(), self.optimizer.state_dict())

    def restore(self) -> None:
        """Load the copy; do nothing before the first one."""
        if self._states is not None:
            self.net.load_state_dict(self._states[0])
            self.optimizer.load_state_dict(self._states[1])

    def load(self, contents: Contents, best: Path | None, iteration: int) -> None:
        """Take the state of the best iteration from a checkpoint, or from `best`, the file of the best state."""
        if contents.header["iteration"] != iteration:
            if best is None:
                expected = f"that of iteration {iteration}, which the plateau schedule restores"
                _check.fail("train", f"{contents.path} has no best checkpoint beside it", expected)
            contents = checkpoint.read(best)
        checkpoint.restore(contents, self.net, self.optimizer)
        self.take()
