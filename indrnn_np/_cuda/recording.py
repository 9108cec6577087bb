"""Run launches, or record them in a graph.

Every launch and copy goes through `run`. While a graph is recording (graph.py), `run` records the launch;
otherwise it runs at once in stream 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

NULL_STREAM = 0

Launch = Callable[[Any], Any]  # (stream)


class Recorder(Protocol):
    """Recorder of launches; `pool` provides the memory of arrays that are created meanwhile."""

    pool: Any

    def add(self, launch: Launch, arrays: tuple[Any, ...]) -> None:
        """Record a launch, and the arrays that it reads and writes."""


_recorders: list[Any] = []


def current() -> Any:
    """Return the active recorder, or None if launches run at once."""
    return _recorders[-1] if _recorders else None


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Record the launches of a `with` block; new arrays come from the pool of the recorder."""
    _recorders.append(recorder)
    try:
        yield
    finally:
        _recorders.pop()


def run(launch: Launch, *arrays: Any) -> None:
    """Call launch(stream) now, or record it while a graph is recording."""
    recorder = current()
    if recorder is None:
        launch(NULL_STREAM)
    else:
        recorder.add(launch, arrays)
