"""A progress bar on stderr for long commands, if stderr is a terminal."""

from __future__ import annotations

from typing import Any


class Bar:
    """Context manager that draws a progress bar; call it with a text, the parts done and the total.

    Parameters
    ----------
    show : bool
        False hides the bar.
    """

    def __init__(self, show: bool = True) -> None:
        self.show = show

    def __enter__(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        console = Console(stderr=True)
        hidden = not (self.show and console.is_terminal)
        self._bar: Any = Progress(*columns, console=console, transient=True, disable=hidden)
        self._task = self._bar.add_task("")
        self._bar.start()
        return self

    def __call__(self, text: str, done: int, total: int) -> None:
        self._bar.update(self._task, description=text, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
