"""Graphs of launches that are recorded once and repeated by a single call.

While a Graph records, kernels, matrix products and copies within GPU memory are listed and do not run.
`launch` runs all of them in order. In the simulator it walks over the list. On a GPU, the list is captured from a
stream as a CUDA graph when the recording ends, so that a launch costs the CPU a single call. The capture starts the
listed launches and nothing else: their kernels are compiled and loaded and their memory is allocated before it.

The recording fixes the arguments of each launch:

    arrays      keep their addresses. A graph keeps references to existing arrays, and has a separate pool for
                arrays created during the recording, so that their memory is not reused elsewhere.
    numbers     that change between launches (a learning rate, the iteration) are read from GPU memory. An
                operation names them (`numbers`), the graph has a function for each name (`Graph(lr=...)`), and
                a single copy from pinned memory updates all of them before each launch, without a wait.
    results     that the CPU needs do not exist yet. `result` returns a Result, a function that reads the value of
                the last launch, or of the one before while the last one runs (results.py).
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import _check
from . import stop_flag, target
from .arrays import DeviceArray, empty
from .launch import NULL_STREAM, Launch, recorded_by, recorder
from .pool import POOL, Block, Pool
from .results import Launched, Results
from .staging import Input

NUMBERS_BYTES = 2**14  # memory for the numbers that change between launches
ALIGNMENT = 16  # bytes: where numbers begin
ROWS = 64  # launches that the CPU can be ahead of the GPU: pinned memory has a row for the numbers of each
RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED: cuBLAS may load one of its kernels during capture


def numbers(function: Callable[..., tuple[Any, ...]], dtype: Any, **arguments: Any) -> tuple[Any, ...]:
    """Return the numbers of function(**arguments) in a dtype, and an array for the same kernel.

    If the array is empty, the kernel uses the numbers. While a graph records, the array has elements,
    which hold the current numbers at each launch, and the kernel uses those.
    """
    dtype = np.dtype(dtype)
    values = [dtype.type(value) for value in function(**arguments)]
    graph = recorder()
    array = _empty(dtype) if graph is None else graph.numbers(function, arguments, len(values), dtype)
    return *values, array


@functools.cache
def _empty(dtype: np.dtype) -> DeviceArray:
    return empty(0, dtype)


def result(array: DeviceArray, finish: Callable[[np.ndarray], Any]) -> Any:
    """Return finish(array on the CPU), or while a graph records, a Result, which returns it after a launch."""
    graph = recorder()
    return finish(array.to_host()) if graph is None else graph.results.add(array, finish)


class Graph:
    """Recorded launches.

    Parameters
    ----------
    stop : DeviceArray, optional
        Flag, int32 (1,), that stops the updates of a run (stop_flag.py).
    **sources : callable
        Function for each argument of an operation that changes between launches, such as `lr`, `t` or
        `iteration`. Each launch calls them.

    Attributes
    ----------
    size : int
        Number of recorded launches.
    pool : Pool
        Memory of the arrays created during the recording.
    results : Results
        Results of each launch.
    """

    def __init__(self, stop: DeviceArray | None = None, **sources: Callable[[], Any]) -> None:
        self._driver = None if target.SIMULATED or target.DEBUG else _driver()
        # Stream 0 as an object: with the number 0, numba's copies from the CPU wait for the GPU.
        self._stream = NULL_STREAM if self._driver is None else target.cuda.default_stream()
        self._launches: list[Launch] = []
        self._captured: _Captured | None = None
        self.pool, self.size, self.stop = Pool(), 0, stop
        self.results = Results()
        self._held: set[Block] = set()
        self._sources = sources
        self._changing: list[tuple[int, Callable[[], tuple[Any, ...]], np.dtype]] = []
        self._numbers = empty(NUMBERS_BYTES, np.uint8)
        self._rows = target.cuda.pinned_array((ROWS, NUMBERS_BYTES), np.uint8)
        self._used = self._launched = 0  # bytes of the numbers; launches with numbers

    @contextlib.contextmanager
    def record(self) -> Iterator[None]:
        """Record the launches of a `with` block without running them; their kernels are compiled and loaded."""
        if self.size or recorder():
            state = "this graph holds launches" if self.size else "another graph is recording"
            _check.fail("Graph.record", state, "an empty graph and no other recording", error=RuntimeError)
        POOL.clear()  # free unused memory for arrays created during the recording
        with recorded_by(self):
            yield
        if self._driver is not None:
            self._captured = _Captured(self._driver, self._launches)
            self._launches = []

    def add(self, launch: Launch, arrays: tuple[Any, ...]) -> None:
        """Record a launch."""
        self._launches.append(launch)
        self.size += 1
        blocks = (array.block for array in arrays if isinstance(array, DeviceArray))
        self._held.update(block for block in blocks if block.pool is not self.pool)

    def input(self, values: Any) -> Input:
        """Return an array for the launches, with these values, that receives new values before a later launch."""
        return Input(values, self._stream)

    def stop_unless_finite(self, sums: DeviceArray) -> None:
        """Record a kernel that sets the stop flag if the sum of float64 numbers (n,) is not finite."""
        assert self.stop is not None
        stop_flag.stop_unless_finite(self.stop, sums)

    def numbers(
        self, function: Callable[..., tuple[Any, ...]], arguments: dict[str, Any], count: int, dtype: np.dtype
    ) -> DeviceArray:
        """Return an array that holds the numbers of `function` at each launch."""
        for name, value in arguments.items():
            if name not in self._sources or self._sources[name]() != value:
                _check.fail("Graph.record", f"an operation reads {name}={value}", f"Graph({name}=function)",
                            f"with a function that returns the {name} of each launch", error=RuntimeError)  # fmt: skip
        start, sources = self._used, {name: self._sources[name] for name in arguments}
        self._used += -(-count * dtype.itemsize // ALIGNMENT) * ALIGNMENT
        if self._used > NUMBERS_BYTES:
            _check.fail("Graph.record", f"{self._used} bytes of numbers change from launch to launch",
                        f"at most {NUMBERS_BYTES}", error=RuntimeError)  # fmt: skip
        self._changing.append((start, lambda: function(**{n: get() for n, get in sources.items()}), dtype))
        return self._numbers.part(start, (count,), dtype)

    def launch(self) -> Launched:
        """Run all launches with the current numbers; do not wait for their end."""
        if self._used:
            self._send_numbers()
        if self._captured is not None:
            self._captured.run()
        for launch in self._launches:
            launch(NULL_STREAM)
        return self.results.fetch(self._stream)

    def _send_numbers(self) -> None:
        """Copy the current numbers to GPU memory, in stream order after the previous launch."""
        row = self._rows[self._launched % ROWS, : self._used]
        if self._launched % ROWS == 0:
            target.synchronize()  # the copies from all rows have ended
        self._launched += 1
        for start, function, dtype in self._changing:
            data = np.array(function(), dtype).view(np.uint8)
            row[start : start + data.size] = data
        self._numbers[: self._used].numba.copy_to_device(row, stream=self._stream)

    def __repr__(self) -> str:
        return f"<Graph of {self.size} launches>"


class _Captured:
    """CUDA graph of launches, captured from a separate stream and launched into stream 0."""

    def __init__(self, driver: Any, launches: list[Launch]) -> None:
        self._driver, stream = driver, target.cuda.stream()
        target.synchronize()
        with target.cuda.defer_cleanup():  # memory must not be freed during capture
            driver.cuStreamBeginCapture(int(stream), _capture_mode())
            try:
                for launch in launches:
                    launch(stream)
            except BaseException:
                with contextlib.suppress(Exception):  # ending a broken capture raises another error
                    driver.cuGraphDestroy(driver.cuStreamEndCapture(int(stream)))
                raise
            graph = driver.cuStreamEndCapture(int(stream))
        self._executable = driver.cuGraphInstantiate(graph, 0)
        driver.cuGraphDestroy(graph)
        weakref.finalize(self, driver.cuGraphExecDestroy, self._executable).atexit = False

    def run(self) -> None:
        self._driver.cuGraphLaunch(self._executable, NULL_STREAM)


def _driver() -> Any:
    """Return the driver functions of numba-cuda, which raise on errors."""
    if target.target() != "numba-cuda":
        _check.fail("cuda", f"a graph needs numba-cuda, and numba.cuda is the {target.target()} target", "numba-cuda",
                    "from pip install 'indrnn-np[cuda]'", error=RuntimeError)  # fmt: skip
    return target.cuda.driver.driver


def _capture_mode() -> Any:
    return importlib.import_module("cuda.bindings.driver").CUstreamCaptureMode(RELAXED)
