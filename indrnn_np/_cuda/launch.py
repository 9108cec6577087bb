"""Compile kernels from functions of one thread, and launch them or record the launches in a graph.

Every launch, matrix product and copy within GPU memory goes through `run`. While a graph is recording (graph.py),
the graph receives it; otherwise it starts at once in stream 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .. import _check
from . import simulator, target
from .target import LARGEST_BLOCK, SIMULATED, WARP, cuda, multiprocessors

NULL_STREAM = 0
BLOCKS_PER_SM = 2  # minimum before blocks grow, so that no multiprocessor is idle

Launch = Callable[[Any], Any]  # (stream)


class Recorder(Protocol):
    """Graph that records launches; `pool` provides the memory of arrays that are created meanwhile."""

    pool: Any

    def add(self, launch: Launch, arrays: tuple[Any, ...]) -> None:
        """Record a launch, and the arrays that it reads and writes."""


_recorders: list[Any] = []


def recorder() -> Any:
    """Return the graph that is recording, or None if launches run at once."""
    return _recorders[-1] if _recorders else None


@contextlib.contextmanager
def recorded_by(graph: Recorder) -> Iterator[None]:
    """Record the launches of a `with` block in a graph; new arrays come from its pool."""
    _recorders.append(graph)
    try:
        yield
    finally:
        _recorders.pop()


def refuse_recording(action: str) -> None:
    """Raise an error if a graph is recording; `action` says what happens to an array."""
    if _recorders:
        because = "because a graph records launches without running them, and does not repeat work of the CPU"
        _check.fail("cuda", f"an array is {action} while a graph records", "launches only", because,
                    error=RuntimeError)  # fmt: skip


def run(launch: Launch, *arrays: Any, name: str) -> None:
    """Call launch(stream) now, or record it while a graph is recording."""
    launch = _checked(launch, name) if target.DEBUG else launch
    if _recorders:
        _recorders[-1].add(launch, arrays)
    else:
        launch(NULL_STREAM)


def _checked(launch: Launch, name: str) -> Launch:
    """Return a launch that waits until it has finished, and whose errors name it."""

    def start(stream: Any) -> None:
        try:
            launch(stream)
            target.synchronize()
        except Exception as error:
            problem = f"cuda: {name} failed ({type(error).__name__}: {error})"
            raise RuntimeError(f"{problem}, expected a launch without errors") from error

    return start


class Kernel:
    """Compiled kernel with the types of its arguments.

    Parameters
    ----------
    function : callable
        Function of one thread.
    signature : str
        Argument types in numba's notation, where `real` stands for float32 or float64:
        "real[:,::1], real[::1], int64". Without a GPU, the kernel is compiled for these types.
    name : str
        Name of the kernel.
    max_registers : int, optional
        Registers that a thread may use; by default the compiler uses fewer, so that more threads run at once.
    """

    def __init__(
        self, function: Callable[..., None], signature: str, name: str, max_registers: int | None = None
    ) -> None:
        self.function, self.signature, self.name = function, signature, name
        self.max_registers = max_registers
        limit = {"max_registers": max_registers} if max_registers and not SIMULATED else {}
        self.compiled = cuda.jit(**limit)(function)

    def __call__(self, threads: int, *args: Any) -> None:
        """Run the kernel on threads 0 to threads - 1; 0 threads launch nothing."""
        if threads:
            size = block_size(threads)
            self.launch(-(-threads // size), size, *args, around=in_turn)

    def launch(self, grid: Any, block: Any, *args: Any, around: Any = contextlib.nullcontext) -> None:
        """Run the kernel on a grid of blocks, inside the context manager `around()`."""
        arguments = [a.numba if hasattr(a, "in_gpu_memory") else a for a in args]
        if _recorders and not SIMULATED:  # compile and load the kernel before the graph is captured
            self.compiled.compile(tuple(map(self.compiled.typeof_pyval, arguments))).bind()

        def start(stream: Any) -> None:
            with around():
                self.compiled[grid, block, stream](*arguments)

        run(start, *args, name=f"kernel {self.name}")

    def __repr__(self) -> str:
        return f"<kernel {self.name}({self.signature})>"


def block_size(threads: int) -> int:
    """Return the threads of a block, at most 256: small blocks until every multiprocessor has work."""
    size = WARP
    while size < LARGEST_BLOCK and threads >= 2 * size * BLOCKS_PER_SM * multiprocessors():
        size *= 2
    return size


in_turn = simulator.in_turn if SIMULATED else contextlib.nullcontext
if SIMULATED:
    simulator.start_one_by_one()


def kernel(
    signature: str, name: str | None = None, max_registers: int | None = None
) -> Callable[[Callable[..., None]], Kernel]:
    """Decorate a function of one thread as a Kernel; `cuda.grid(1)` is the number of the thread."""
    return lambda function: Kernel(function, signature, name or function.__name__, max_registers)


def device(function: Callable[..., Any]) -> Any:
    """Decorate a function that kernels call; of a function compiled for the CPU, take its source."""
    return cuda.jit(device=True)(getattr(function, "py_func", function))


@device
def _lesser(a, b):  # type: ignore[no-untyped-def]
    return b if b < a else a


@device
def _greater(a, b):  # type: ignore[no-untyped-def]
    return b if b > a else a


# min and max of two integers in kernels: numba's built-in target does not compile its own (numba 0.68).
lesser, greater = (min, max) if SIMULATED else (_lesser, _greater)


def on_device(where: str, **arrays: Any) -> None:
    """Check that all arrays are in GPU memory and not complex; None is skipped."""
    for name, value in arrays.items():
        if value is None:
            continue
        if not hasattr(value, "in_gpu_memory"):
            because = "because the backend is 'cuda'; backend.get('cuda').device.asarray(array) copies one to the GPU"
            _check.fail(where, f"{name} is a {type(value).__name__}", "an array in the GPU's memory", because,
                        error=TypeError)  # fmt: skip
        if value.dtype.kind == "c":
            _check.fail(where, f"{name} has dtype {value.dtype}", "float32 or float64")
