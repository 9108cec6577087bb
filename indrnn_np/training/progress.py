"""Progress of a run: a bar on a terminal or in a notebook, lines elsewhere and in log.txt."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .. import _files

if TYPE_CHECKING:
    from rich.progress import Progress


class Reporter:
    """Show progress, and append the lines to a file.

    Progress goes to stderr, because stdout is for results; a notebook would show stderr in red, so
    there it goes to stdout.

    Parameters
    ----------
    show : bool
        False prints nothing.
    file : Path, optional
        File of the lines, such as log.txt of a run.
    stream : text file, optional
        Stream to print to. By default stderr, in a notebook stdout.
    """

    def __init__(self, show: bool = True, file: Path | None = None, stream: TextIO | None = None) -> None:
        self._notebook = stream is None and in_notebook()
        self._stream = stream or (sys.stdout if self._notebook else sys.stderr)
        self._show, self._file = show, file
        self._bar: Progress | None = None
        self._next = 0.0

    def start(self, done: int, total: int) -> None:
        """Show the bar at iteration `done` of `total`."""
        if not (self._show and (self._notebook or self._stream.isatty())):
            return
        from rich import progress
        from rich.console import Console

        from .notebook_bar import NotebookBar

        console = Console(file=self._stream, force_terminal=not self._notebook, force_jupyter=False)
        self._bar = (NotebookBar if self._notebook else progress.Progress)(
            progress.MofNCompleteColumn(), progress.BarColumn(10), "loss {task.fields[loss]}",
            "{task.fields[speed]} steps/s", progress.TimeElapsedColumn(), "+",
            progress.TimeRemainingColumn(), "left",
            console=console, speed_estimate_period=60,
        )  # fmt: skip
        self._bar.add_task("train", total=total, completed=done, loss="-", speed="-")
        self._bar.start()

    def update(self, iteration: int, loss: float, steps_per_second: float) -> None:
        """Update the bar, at most ten times per second."""
        now = time.monotonic()
        if self._bar is None or now < self._next:
            return
        self._next, task = now + 0.1, self._bar.task_ids[0]
        self._bar.update(task, completed=iteration, loss=f"{loss:.4g}", speed=short(steps_per_second),
                         refresh=True)  # fmt: skip

    def log(self, text: str) -> None:
        """Print a line, above the bar if it is shown, and append it to the file."""
        if self._file is not None:
            try:
                with open(self._file, "a", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(text + "\n")
            except OSError as error:
                _files.explain("train", f"{self._file} can't be written", error)
        try:
            if self._bar is not None:
                self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
            elif self._show:
                self._stream.write(text + "\n")
                self._stream.flush()
        except OSError:  # the terminal was closed, or Ctrl-C also ended `tee`: continue without output
            self._show = False
            self.stop()

    def stop(self, iteration: int | None = None) -> None:
        """Remove the bar after it has shown its last state."""
        if self._bar is not None:
            bar, self._bar = self._bar, None
            with suppress(OSError):
                if iteration is not None:
                    bar.update(bar.task_ids[0], completed=iteration)
                bar.stop()


def in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return hasattr(shell, "kernel")


def duration(seconds: float) -> str:
    """Return a duration as text: three digits of seconds, such as "12.3 s", and from a minute on h:mm:ss."""
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def short(number: float) -> str:
    """Return a number with three digits and a unit prefix, such as "2.41 M"."""
    for limit, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= limit:
            return f"{number / limit:.3g}{letter}"
    return f"{number:.3g}"
