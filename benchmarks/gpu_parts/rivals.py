"""PyTorch's implementations of the same layers. A rival that breaks or is not ready in time is a note."""

from __future__ import annotations

import importlib.util
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from indrnn_np.bench import layer
from indrnn_np.bench.agreement import WrongResult
from indrnn_np.bench.timing import Candidate

from .fake_device import spend
from .layers import CHECKED, GRAPH, HEADER, QUEUED, WALL, case, timed_row
from .part import Part, Table
from .plan import READY
from .sizes import Shape


class NotReady(Exception):
    """A rival is not ready within READY seconds."""


class Interrupt(BaseException):
    """The time of a rival is over; no library handles this exception."""


def lstm(part: Part) -> None:
    """cuDNN's LSTM."""
    rival(part)


def torch_loop(part: Part) -> None:
    """The loop over time steps."""
    rival(part, launches_per_step=8)


def triton_scan(part: Part) -> None:
    """The recurrence as Triton kernels."""
    rival(part)


def torch_compiled(part: Part) -> None:
    """The loop compiled in chunks, at the first shape only."""
    rival(part, part.sizes.layers[:1], launches_per_step=1)


def rival(part: Part, shapes: tuple[Shape, ...] | None = None, launches_per_step: int = 0) -> None:
    """Time the implementations of a part as graphs and as launches.

    An implementation with `launches_per_step` makes too many launches to queue them all, so it is timed as a graph and
    on the wall clock.
    """
    table = part.table("A layer, forward and backward with all gradients, float32 without TF32", *HEADER)
    if importlib.util.find_spec("torch") is None:
        part.note("PyTorch is not installed")
        spend(part.clock, READY)  # a dry run without PyTorch plans for it
        return
    with part.surviving("PyTorch", ours=False):
        from rivals import torch_cuda

        if part.sizes.dry:
            torch_cuda.DEVICE = "cpu"
        part.note(torch_cuda.prepare())
        for shape in shapes or part.sizes.layers:
            data = layer.draw(case(shape))
            for name, offer in torch_cuda.offers(part.name, case(shape), data):
                with part.surviving(f"{name} at {shape}", ours=False):
                    measure(part, table, shape, name, offer, launches_per_step)


def measure(
    part: Part, table: Table, shape: Shape, name: str, offer: Callable[[], Candidate], launches_per_step: int
) -> None:
    """Prepare a rival within READY seconds and time it, then as a graph unless it replays its own."""
    from rivals import torch_cuda

    def ready(what: str, make: Callable[[], Any]) -> Any:
        with within(READY, f"not ready in {READY} s ({what})"):
            run = make()
            (run.run if isinstance(run, Candidate) else run)()
            torch_cuda.synchronize()
        spend(part.clock, part.sizes.ready_seconds)
        return run

    start = time.monotonic()
    candidate = ready("first call", offer)
    part.note(f"{name} at {shape}: ready after {time.monotonic() - start:.1f} s")
    error = compared(candidate, shape)
    for how in (WALL,) if launches_per_step else (QUEUED, WALL):
        timed_row(part, table, shape, name, how, error, candidate.run, launches=40)
    if torch_cuda.GRAPHS in name:
        return
    with part.surviving(f"{name} at {shape}, as a graph", ours=False):
        replay = ready("graph", lambda: torch_cuda.graph_of(candidate))
        timed_row(part, table, shape, name, GRAPH, error, replay)


@contextmanager
def within(seconds: float, message: str) -> Iterator[None]:
    """Raise NotReady if the block takes longer, at the next line of Python; the part's limit ends anything else."""
    running, start = True, time.monotonic()

    def interrupt(*_: object) -> None:
        if running:
            raise Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(
        signal.ITIMER_REAL, seconds, 1.0
    )  # again every second, since a library may lose the exception
    try:
        yield
    except Interrupt:
        raise NotReady(message) from None
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if time.monotonic() - start > seconds:
        raise NotReady(message)


def compared(candidate: Candidate, shape: Shape) -> str:
    """Return the error of a rival's states and gradients on the first time steps."""
    if candidate.gradients is None:
        return "another cell"
    data = layer.draw(case(shape), CHECKED)
    try:
        return f"{layer.check('layer', data, *candidate.gradients(data)).error:.1e}"
    except WrongResult as error:
        return f"WRONG: {error}"
