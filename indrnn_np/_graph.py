"""Launches that are recorded once and repeated by one call.

While a Graph records, kernels, matrix products and copies within the GPU's memory are written down and not run.
`launch` then runs all of them in their order, as often as it is called. On a GPU it is a CUDA graph, captured from a
stream, and costs the CPU one call; in the simulator it is a list of the same launches.

What a launch is given is fixed by the recording. Hence

    arrays      stay where they are. A graph holds those that were there before it, and has a pool of its own for those
                made on the way, so that nobody else is given their memory.
    numbers     that change from launch to launch (a learning rate, the iteration) are read from the GPU's memory. Who
                knows one marks it (_recording.late), `numbers` gives it to a kernel, and one copy brings all of them
                there before each launch.
    results     that the CPU wants do not exist yet: `result` gives a function that fetches them after a launch.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import _check, _device, _pool, _recording
from ._device import DeviceArray
from ._recording import NULL_STREAM, Launch

ROOM = 2**14  # bytes for the numbers that change
GRAIN = 16  # bytes: where the next ones may begin
RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED: the pool may ask for memory on the way


def numbers(function: Callable[[], tuple[Any, ...]], dtype: Any) -> tuple[Any, ...]:
    """The numbers that function() returns, in that dtype, and an array for the same kernel.

    The array is empty; while a graph records it has the place of these numbers in the GPU's memory, and a kernel that
    gets an array with elements takes its numbers from there.
    """
    dtype = np.dtype(dtype)
    values = [dtype.type(value) for value in function()]
    graph = _recording.current()
    return *values, _nothing(dtype) if graph is None else graph.place(function, len(values), dtype)


@functools.cache
def _nothing(dtype: np.dtype) -> DeviceArray:
    return _device.empty(0, dtype)


def result(array: DeviceArray, finish: Callable[[np.ndarray], Any]) -> Any:
    """finish(array on the CPU); while a graph records, a function that returns this after a launch."""
    if _recording.current() is None:
        return finish(array.to_host())
    return lambda: finish(array.to_host())


class Graph:
    """Launches of one recording.

    After it: size, how many there are; pool, the memory of the arrays made on the way.
    """

    def __init__(self) -> None:
        from ._cuda import SIMULATED

        self._launches: _Listed | _Captured = _Listed() if SIMULATED else _Captured()
        self.pool, self.size = _pool.Pool(), 0
        self._held: set[_pool.Block] = set()
        self._late: list[tuple[int, Callable[[], tuple[Any, ...]], np.dtype]] = []
        self._numbers, self._host, self._used = _device.empty(ROOM, np.uint8), np.zeros(ROOM, np.uint8), 0

    @contextlib.contextmanager
    def record(self) -> Iterator[None]:
        """Write down the launches of this block; none of them runs."""
        if self.size or _recording.current():
            why = "this one holds launches" if self.size else "another one is recording"
            _check.fail("Graph.record", why, "an empty graph, and no other that records", error=RuntimeError)
        _pool.POOL.clear()  # what no array uses is free for those that are made on the way
        with _recording.recording(self), self._launches.recording():
            yield

    def add(self, launch: Launch, arrays: tuple[Any, ...]) -> None:
        """Write down one launch."""
        self._launches.add(launch)
        self.size += 1
        blocks = (array.block for array in arrays if isinstance(array, DeviceArray))
        self._held.update(block for block in blocks if block.pool is not self.pool)

    def place(self, function: Callable[[], tuple[Any, ...]], count: int, dtype: np.dtype) -> DeviceArray:
        """Where the GPU finds the numbers of function() at each launch."""
        start = self._used
        self._used += -(-count * dtype.itemsize // GRAIN) * GRAIN
        if self._used > ROOM:
            _check.fail("Graph.record", f"{self._used} bytes of numbers change from launch to launch",
                        f"at most {ROOM}", error=RuntimeError)  # fmt: skip
        self._late.append((start, function, dtype))
        return self._numbers.part(start, (count,), dtype)

    def launch(self) -> None:
        """Run all launches, with the numbers of this moment."""
        for start, function, dtype in self._late:
            found = np.array(function(), dtype).view(np.uint8)
            self._host[start : start + found.size] = found
        if self._used:
            _device.assign(self._numbers[: self._used], self._host[: self._used])
        self._launches.run()

    def __repr__(self) -> str:
        return f"<Graph of {self.size} launches>"


class _Listed:
    """In the simulator: the launches one after another."""

    def __init__(self) -> None:
        self._all: list[Launch] = []

    def recording(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def add(self, launch: Launch) -> None:
        self._all.append(launch)

    def run(self) -> None:
        for launch in self._all:
            launch(NULL_STREAM)


class _Captured:
    """On a GPU: a CUDA graph, captured from a stream of its own and launched into the stream of all other work."""

    def __init__(self) -> None:
        self._driver = _driver()
        self._stream: Any = None
        self._executable: Any = None

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        from ._cuda import cuda

        self._stream = cuda.stream()
        cuda.synchronize()
        with cuda.defer_cleanup():  # giving memory back to the driver is not allowed meanwhile
            self._driver.cuStreamBeginCapture(int(self._stream), _capture_mode())
            try:
                yield
            except BaseException:
                with contextlib.suppress(Exception):  # a broken capture ends with an error of its own
                    self._driver.cuGraphDestroy(self._driver.cuStreamEndCapture(int(self._stream)))
                raise
            graph = self._driver.cuStreamEndCapture(int(self._stream))
        self._executable = self._driver.cuGraphInstantiate(graph, 0)
        self._driver.cuGraphDestroy(graph)
        weakref.finalize(self, self._driver.cuGraphExecDestroy, self._executable).atexit = False

    def add(self, launch: Launch) -> None:
        launch(self._stream)

    def run(self) -> None:
        self._driver.cuGraphLaunch(self._executable, NULL_STREAM)


def _driver() -> Any:
    """numba-cuda's way to the functions of the driver, which raises what they answer."""
    from ._cuda import cuda, target

    if target() != "numba-cuda":
        _check.fail("cuda", f"a graph is asked for and numba.cuda is the {target()} one", "numba-cuda",
                    "from pip install 'indrnn-np[cuda]'", error=RuntimeError)  # fmt: skip
    return cuda.driver.driver


def _capture_mode() -> Any:
    return importlib.import_module("cuda.bindings.driver").CUstreamCaptureMode(RELAXED)
