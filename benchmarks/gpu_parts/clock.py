"""Time calls on the GPU's own clock, or on the wall's.

On the GPU, events mark the beginning and the end of a call. Python needs longer to launch a short kernel than the GPU
to run it. So a kernel that waits goes first, and everything else is queued behind it: the GPU then never waits for
Python, and `queued` checks this. Cold calls write 256 MB before each call, which replaces the content of the L2 cache.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from indrnn_np._cuda import arrays, launch, target
from indrnn_np._cuda.target import cuda
from indrnn_np.bench.report import figures
from indrnn_np.bench.timing import Timing, summary

from .fake_device import spend
from .gpu_state import last, sample
from .part import Part

FLUSH_BYTES = 256 * 2**20  # more than any L2 cache
ATTEMPTS = 5  # to queue calls before the GPU begins; each waits twice as long as the one before
LONGEST_WAIT = 2.0  # seconds
LAUNCHES = 400  # that are queued at once; a driver's queue holds about 1000
MOST = 1000  # calls of a wall-clock sample
Call = Callable[[], object]


@launch.kernel("int64")
def wait_kernel(microseconds):  # type: ignore[no-untyped-def]
    """Wait: each turn takes up to two microseconds."""
    for _ in range(microseconds):
        cuda.nanosleep(1000)


@launch.kernel("real[::1]")
def flush_kernel(out):  # type: ignore[no-untyped-def]
    """out = 1. A thread owns one element."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = 1


@functools.cache
def _flushed() -> Any:
    return arrays.empty(FLUSH_BYTES // 4, "float32")


def flush() -> None:
    """Replace the content of the L2 cache."""
    if not target.SIMULATED:
        array = _flushed()
        flush_kernel(array.size, array)


def queued(
    part: Part, run: Call, cold: bool = False, before: Call | None = None, launches: int = 4
) -> Timing:
    """Return the seconds of a call on the GPU, while Python is ahead of it.

    Parameters
    ----------
    part : Part
        Its sizes have the time of a measurement and the number of samples.
    run : callable
        The call.
    cold : bool
        Whether the L2 cache holds other data at the beginning of each call. Otherwise the calls of a sample follow
        each other.
    before : callable, optional
        Work before each sample, which is not timed.
    launches : int
        About how many launches a call makes.
    """
    run()  # compiles, and creates buffers
    target.synchronize()
    spend(part.clock, part.sizes.timing_seconds)
    if target.SIMULATED:  # its events have no times
        return summary([_wall_seconds(run), _wall_seconds(run)])
    start = time.perf_counter()
    run()
    asked = time.perf_counter() - start  # Python's time
    target.synchronize()
    took = time.perf_counter() - start
    rounds = max(2, min(part.sizes.rounds * (4 if cold else 1), LAUNCHES // (launches + 2)))
    calls = (
        1 if cold else max(1, min(LAUNCHES // (rounds * launches), int(part.sizes.seconds / rounds / took)))
    )
    wait = 2e6 * rounds * (calls * asked + 1e-3)
    for _ in range(ATTEMPTS):
        samples, ahead = _samples(part, run, rounds, calls, wait, cold, before)
        if ahead:
            return summary(samples)
        wait = min(2 * wait, 1e6 * LONGEST_WAIT)
    part.note("Python was not ahead of the GPU: the times of a call include waits for its launches")
    return summary(samples)


def _samples(
    part: Part, run: Call, rounds: int, calls: int, wait: float, cold: bool, before: Call | None
) -> tuple[list[float], bool]:
    """Return seconds per call of each round, and whether all was queued before the first call began."""
    wait_kernel.launch(1, 1, int(wait))
    pairs = []
    for _ in range(rounds):
        if before is not None:
            before()
        if cold:
            flush()
        start, stop = cuda.event(), cuda.event()
        start.record()
        for _ in range(calls):
            run()
        stop.record()
        pairs.append((start, stop))
    try:
        ahead = not pairs[0][0].query()
    except Exception as error:  # noqa: BLE001  the times are there without the check
        part.note(f"it is not known whether Python was ahead of the GPU: {error}")
        ahead = True
    sample()
    target.synchronize()
    return [start.elapsed_time(stop) / 1e3 / calls for start, stop in pairs], ahead


def wall(part: Part, run: Call, synchronize: Call = target.synchronize) -> Timing:
    """Return the seconds of a call on the wall clock, over calls in a row that end when the GPU has finished."""
    run()
    synchronize()
    spend(part.clock, part.sizes.timing_seconds)
    once = _wall_seconds(run, synchronize)
    rounds = max(2, part.sizes.rounds)
    calls = max(1, min(MOST, int(part.sizes.seconds / rounds / once)))
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        synchronize()
        samples.append((time.perf_counter() - start) / calls)
    run()
    sample()
    synchronize()
    return summary(samples)


def _wall_seconds(run: Call, synchronize: Call = target.synchronize) -> float:
    start = time.perf_counter()
    run()
    synchronize()
    return max(time.perf_counter() - start, 1e-7)


def ms(timing: Timing) -> tuple[str, str]:
    """Return median and quartiles in milliseconds, as cells."""
    return figures(1e3 * timing.median), f"{figures(1e3 * timing.low)} to {figures(1e3 * timing.high)}"


def values(timing: Timing) -> dict[str, Any]:
    """Return a timing and the state of the GPU for the JSON file."""
    return {"seconds": timing.median, "low": timing.low, "high": timing.high, "calls": timing.calls} | last()


def dram_copy(part: Part) -> float:
    """Return the rate of a copy in the GPU's memory, in bytes read and written per second, of a large array."""
    words = part.sizes.copied_bytes // 4
    source, copy = arrays.zeros(words, np.float32), arrays.empty(words, np.float32)
    return 2 * source.nbytes / queued(part, lambda: arrays.assign(copy, source), launches=1).median
