"""Whether launches run or are written down, and the numbers that change from launch to launch.

Everything that the GPU is asked to do goes through `run`. While a graph records (_graph.py) it is written down; else it
runs at once, in stream 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

NULL_STREAM = 0

Launch = Callable[[Any], Any]  # (stream)


class Recorder(Protocol):
    """Who writes launches down.

    pool: where the memory of arrays comes from that are made meanwhile.
    """

    pool: Any

    def add(self, launch: Launch, arrays: tuple[Any, ...]) -> None:
        """Write down one launch, and the arrays that it reads and writes."""


class Late(NamedTuple):
    """A number that is asked for again before each launch of a graph."""

    number: Callable[[], Any]


_recorders: list[Any] = []


def current() -> Any:
    """Who writes launches down now; None: they run."""
    return _recorders[-1] if _recorders else None


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Launches of this block are written down by `recorder`, and its arrays come from its pool."""
    _recorders.append(recorder)
    try:
        yield
    finally:
        _recorders.pop()


def run(launch: Launch, *arrays: Any) -> None:
    """launch(stream): now, or while a graph records, at each of its launches."""
    recorder = current()
    if recorder is None:
        launch(NULL_STREAM)
    else:
        recorder.add(launch, arrays)


def late(number: Callable[[], Any]) -> Any:
    """number(); while a graph records, a Late."""
    return number() if current() is None else Late(number)


def now(value: Any) -> Any:
    """The number that a Late stands for at this moment; anything else is itself."""
    return value.number() if isinstance(value, Late) else value
