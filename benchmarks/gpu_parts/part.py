"""What a part reports: tables, failures, notes. Each line is sent to the parent as soon as it exists."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from .sizes import Sizes

Event = dict[str, Any]


class ContextLost(BaseException):
    """The GPU refuses all work after an error of a kernel; only a new process can continue."""


class NoGpu(BaseException):
    """No GPU can be used, so no part can run."""


class Reporter:
    """Append events to a file, one line of JSON each."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __call__(self, event: Event) -> None:
        self._file.write(json.dumps(event, default=str) + "\n")
        self._file.flush()


class Clock:
    """The time in seconds. In a dry run the fake device (fake_device.py) has another one."""

    def now(self) -> float:
        return time.monotonic()


class Part:
    """One part: its sizes, its remaining time, and what it reports.

    failures: errors of this package, which gpu.py's exit code shows. notes: everything else that a reader should
    know, such as a rival that broke.
    """

    def __init__(
        self, name: str, sizes: Sizes, report: Callable[[Event], None], clock: Clock, limit: float
    ) -> None:
        self.name, self.sizes, self.clock, self.options = name, sizes, clock, {}  # type: ignore[var-annotated]
        self.out = Path()
        self._report, self._tables = report, 0
        self._notes: set[str] = set()
        self._start = clock.now()
        self._end = self._start + limit
        self.send("begin", limit=limit)

    @property
    def left(self) -> float:
        """Seconds until the part's limit."""
        return self._end - self.clock.now()

    def table(self, title: str, *header: str) -> Table:
        """Begin a table."""
        self._tables += 1
        self.send("table", title=title, header=list(header))
        return Table(self, self._tables - 1)

    def fail(self, text: str) -> None:
        """Report an error of this package."""
        self.send("failure", text=text)

    def note(self, text: str) -> None:
        """Report anything else that a reader should know, once."""
        if text not in self._notes:
            self._notes.add(text)
            self.send("note", text=text)

    @contextmanager
    def surviving(self, task: str, ours: bool = True) -> Iterator[None]:
        """Continue after an error of the block, and report it: as a failure if the block is `ours`, else as a note.

        Raises
        ------
        ContextLost
            If the GPU refuses all work after the error.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001  after any error the rest can be measured
            traceback.print_exc()
            place = traceback.extract_tb(error.__traceback__)[-1]
            message = " ".join(str(error).split())[:400]
            text = f"{task}: {type(error).__name__}: {message} ({Path(place.filename).name}:{place.lineno})"
            (self.fail if ours else self.note)(text)
            check_context()

    def end(self) -> None:
        """Report that the part is complete."""
        self.send("end")

    def send(self, kind: str, **values: Any) -> None:
        """Send an event, with the seconds since the part began."""
        now = self.clock.now()
        self._report({"event": kind, "part": self.name, "now": now, "seconds": now - self._start} | values)


class Table:
    """Rows of words, and of the values behind them."""

    def __init__(self, part: Part, number: int) -> None:
        self._part, self._number = part, number

    def row(self, *cells: Any, **values: Any) -> None:
        """Add a row; `values` stand in the JSON file only."""
        words = [str(cell) for cell in cells]
        self._part.send("row", table=self._number, cells=words, values=values)


def check_context() -> None:
    """Raise ContextLost if the GPU no longer works, as after an illegal address in a kernel."""
    from indrnn_np._cuda import target

    try:
        target.synchronize()
    except Exception as error:
        raise ContextLost(" ".join(str(error).split())[:200]) from error
