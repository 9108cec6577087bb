"""Results of a graph's launches: the CPU reads those of one launch while the next one runs.

The graph copies each result into one block of GPU memory. After a launch, a single copy moves that block to pinned
memory, where the results of the last ROWS launches have a row each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _check
from . import target
from .arrays import DeviceArray, empty
from .launch import run

BYTES = 2**16  # GPU memory for the results of a graph
ALIGNMENT = 8  # bytes: where a result begins
ROWS = 2  # launches whose results can be read


class Launched:
    """One launch of a graph: its number, its row of results, and a function that waits for its end."""

    def __init__(self, number: int, row: np.ndarray, end: Callable[[], None]) -> None:
        self.number, self._row, self._end, self._ended = number, row, end, False

    def row(self) -> np.ndarray:
        """Return the bytes of the results, after the end of the launch."""
        if not self._ended:
            self._end()
            self._ended = True
        return self._row


class Result:
    """A value that each launch computes from an array on the GPU. A call returns the value of the last launch."""

    def __init__(
        self, results: Results, start: int, array: DeviceArray, finish: Callable[[np.ndarray], Any]
    ) -> None:
        self.array, self._results, self._start, self._finish = array, results, start, finish

    def __call__(self) -> Any:
        return self.of(self._results.last)

    def of(self, launched: Launched | None) -> Any:
        """Return the value of a launch, after its end. It must be one of the last ROWS launches."""
        last = self._results.last
        if launched is None or last is None or last.number - launched.number >= ROWS:
            problem = "the graph was not launched" if last is None else "a result of an old launch is read"
            _check.fail("Graph", problem, f"one of the last {ROWS} launches", error=RuntimeError)
        data = launched.row()[self._start : self._start + self.array.nbytes]
        return self._finish(data.view(self.array.dtype).reshape(self.array.shape).copy())


class Results:
    """The results of one graph.

    Attributes
    ----------
    last : Launched or None
        The last launch.
    """

    def __init__(self) -> None:
        self.last: Launched | None = None
        self._block, self._used, self._count = empty(BYTES, np.uint8), 0, 0
        self._rows: np.ndarray | None = None

    def add(self, array: DeviceArray, finish: Callable[[np.ndarray], Any]) -> Result:
        """Record the copy of an array into the block."""
        start, self._used = self._used, self._used + -(-array.nbytes // ALIGNMENT) * ALIGNMENT
        if self._used > BYTES:
            _check.fail("Graph.record", f"the results have {self._used} bytes", f"at most {BYTES}",
                        error=RuntimeError)  # fmt: skip
        if array.size:
            source, copy = array.flat.numba, self._block.part(start, (array.size,), array.dtype).numba
            run(lambda stream: copy.copy_to_device(source, stream=stream), array, name="a copy of a result")
        return Result(self, start, array, finish)

    def fetch(self, stream: Any) -> Launched:
        """Copy the results of the launch that is under way to pinned memory; do not wait for its end."""
        if self._rows is None:
            self._rows = target.cuda.pinned_array((ROWS, self._used), np.uint8)
        row = self._rows[self._count % ROWS]
        if self._used:
            self._block[: self._used].numba.copy_to_host(row, stream=stream)
        self.last = Launched(self._count, row, target.end_of_work(stream))
        self._count += 1
        return self.last
