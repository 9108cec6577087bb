"""Signals that end a run with a checkpoint: Ctrl-C, and in the `indrnn` command SIGTERM and SIGHUP.

Only the command handles SIGTERM and SIGHUP (`as_ctrl_c`); a program that calls `ir.fit` keeps its
own handlers.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_active: list[Interrupt] = []  # of the main thread, innermost last


class Interrupt:
    """Record the first Ctrl-C in `requested`, and raise KeyboardInterrupt at the second.

    Python delivers signals to the main thread only; in other threads this has no effect. An ignored
    Ctrl-C stays ignored.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Callable[[int, FrameType | None], object] | int | None = None
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interrupt:
        if self._main:
            _active.append(self)
            if callable(signal.getsignal(signal.SIGINT)):
                self._before = signal.signal(signal.SIGINT, self.handle)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._main:
            _active.remove(self)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: record the first one, raise KeyboardInterrupt at the second."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True  # no output here: the signal may interrupt a write


@contextmanager
def as_ctrl_c() -> Iterator[list[int]]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, and yield the list of received signals.

    Signals that are ignored (SIGHUP under `nohup`) or that the program handles are not changed.
    """
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if not _active:
            raise KeyboardInterrupt
        _active[-1].handle(number, frame)

    taken = []
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, handle)
    try:
        yield received
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
