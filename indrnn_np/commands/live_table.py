"""Live table of a sweep on a terminal: a line for each run that has ended, above the runs that train."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from .._files import locks
from .._sweep.sweep import Watch
from ..training.progress import duration
from . import run_table

EVERY = 1.0  # seconds between two drawings


class LiveTable(Watch):
    """Context manager that shows a sweep on a console, by default stderr, until it exits."""

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=console or Console(stderr=True), auto_refresh=False, transient=True)
        self._start, self._next = time.monotonic(), 0.0
        super().__init__(self._print)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _print(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def update(self) -> None:
        """Draw the table, at most once per second."""
        now = time.monotonic()
        if now >= self._next:
            self._live.update(self._page(), refresh=True)
            self._next = time.monotonic() + EVERY

    def _page(self) -> Any:
        """Return the counts of the states, and the table of the runs that train."""
        from rich.console import Group
        from rich.text import Text

        running = self._running()
        states = [outcome.state for outcome in self.outcomes.values()]
        counts = {state: states.count(state) for state in dict.fromkeys(states)} | {"running": len(running)}
        counts["waiting"] = counts.get("waiting", 0) + len(self.jobs) - len(states) - len(running)
        text = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
        title = Text(f"{len(self.jobs)} runs: {text}; {duration(time.monotonic() - self._start)}")
        return Group(title, run_table.table(running, run_table.usual_metric(running))) if running else title

    def _running(self) -> list[run_table.Run]:
        """Return the runs that train, by the locks of their folders."""
        runs = []
        for number, job in enumerate(self.jobs):
            if (
                number not in self.outcomes
                and job.directory.path.is_dir()
                and locks.is_held(job.directory.path)
            ):
                try:
                    runs.append(replace(run_table.read(job.folder), name=self.labels[number]))
                except OSError:  # it has ended without a line of metrics in the meantime
                    continue
        return runs
