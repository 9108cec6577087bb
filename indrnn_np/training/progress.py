"""What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere, and the same lines in log.txt."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TextIO

from .. import _files


class Reporter:
    """Shows progress on stderr (stdout is for results) and keeps the lines in a file.

    show: False prints nothing. terminal: None asks the stream. file: log.txt of the run, or None.
    """

    def __init__(
        self,
        show: bool = True,
        file: Path | None = None,
        stream: TextIO | None = None,
        terminal: bool | None = None,
    ):
        self._stream = stream or sys.stderr
        self._show, self._file = show, file
        self._terminal = self._stream.isatty() if terminal is None else terminal
        self._bar: Any = None
        self._next = 0.0

    def start(self, done: int, total: int) -> None:
        """Begin at iteration `done` of `total`."""
        if not (self._show and self._terminal):
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("iteration"), MofNCompleteColumn(), BarColumn(), TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} steps/s"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        self._bar = Progress(
            *columns, console=Console(file=self._stream, force_terminal=True), speed_estimate_period=60
        )
        self._bar.add_task("train", total=total, completed=done, loss="-", speed="-")
        self._bar.start()

    def update(self, iteration: int, loss: float, steps_per_second: float) -> None:
        """Move the bar; ten times a second is often enough."""
        now = time.monotonic()
        if self._bar is None or now < self._next:
            return
        self._next = now + 0.1
        self._bar.update(
            self._bar.task_ids[0], completed=iteration, loss=f"{loss:.4g}", speed=short(steps_per_second)
        )

    def log(self, text: str) -> None:
        """Print one line, above the bar if there is one, and append it to the file."""
        if self._file is not None:
            try:
                with open(self._file, "a", encoding="utf-8") as file:
                    file.write(text + "\n")
            except OSError as error:
                _files.explain("train", f"{self._file} can't be written", error)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif self._show:
            self._stream.write(text + "\n")
            self._stream.flush()

    def stop(self, iteration: int | None = None) -> None:
        """Take the bar away, at its last state."""
        if self._bar is not None:
            if iteration is not None:
                self._bar.update(self._bar.task_ids[0], completed=iteration)
            self._bar.stop()
            self._bar = None


def short(number: float) -> str:
    """Write a number in three digits and a letter: 2.41 M."""
    for limit, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= limit:
            return f"{number / limit:.3g}{letter}"
    return f"{number:.3g}"


class Interrupt:
    """Turns the first Ctrl-C into a question (`asked`) and lets the second one through.

    Python hands signals to the main thread only; elsewhere this does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True  # no output from here: a signal may come in the middle of a write
