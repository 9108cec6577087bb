"""The learning curve of a run, drawn while the run trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..training.result import summary_of
from ..training.trainer import Trainer
from . import style
from .curves import figure
from .style import Lines

SECONDS = 10.0  # minimum time between two drawings
SHARE = 0.02  # maximum share of the time that drawings take


def curve(path: Path, notes: list[str]) -> LiveCurve | None:
    """Return the observer that draws a run's curve; without matplotlib add a note and return None."""
    if message := style.no_plot(path.name):
        notes.append(message)
        return None
    return LiveCurve(path)


class LiveCurve:
    """Observer that draws the learning curve into a file as training goes on.

    An error of a drawing is logged and ends the drawings, never the run.

    Parameters
    ----------
    path : Path
        PNG file, which each drawing replaces.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._works = path, True
        self._next = time.monotonic() + SECONDS

    def observe(self, trainer: Trainer, line: dict[str, Any]) -> None:
        """Draw the lines so far, unless the last drawing is too recent for `SECONDS` and `SHARE`."""
        started = time.monotonic()
        if started >= self._next:
            self.draw(trainer.journal.history, summary_of(trainer), trainer.journal.log)
            ended = time.monotonic()
            self._next = ended + max(SECONDS, (ended - started) / SHARE)

    def draw(self, history: Lines, summary: dict[str, Any], log: Callable[[str], object]) -> None:
        """Draw lines of the metrics, such as `Result.history`; log an error."""
        if not self._works:
            return
        try:
            style.save(figure(history, summary), self.path)
        except Exception as error:  # noqa: BLE001, whatever a drawing raises must not end the run
            self._works = False
            log(f"no {self.path.name}: {type(error).__name__}: {error}")
