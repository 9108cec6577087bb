"""Two clocks: the wall's, over calls in a row that end with the GPU done, and the GPU's own, between two events."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from indrnn_np._cuda import target
from indrnn_np.bench.timing import Timing, summary

from .sizes import Sizes

MOST = 1000  # calls in a row
EVENTS = 20  # calls between events


def wall(
    run: Callable[[], object], sizes: Sizes, synchronize: Callable[[], object] = target.synchronize
) -> Timing:
    """Seconds of a call, waiting for the GPU once after many: what a program that goes on computing sees."""
    for _ in range(min(2, sizes.rounds)):  # the first may compile
        start = time.perf_counter()
        run()
        synchronize()
        once = time.perf_counter() - start
    calls = max(1, min(MOST, int(sizes.seconds / sizes.rounds / once)))
    samples = []
    for _ in range(max(2, sizes.rounds)):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        synchronize()
        samples.append((time.perf_counter() - start) / calls)
    return summary(samples)


def on_the_gpu(run: Callable[[], object], before: Callable[[], object]) -> float:
    """Median seconds of a call on the GPU, which works on `before` while the CPU asks for the call."""
    cuda, samples = target.cuda, []
    for _ in range(2 if target.SIMULATED else EVENTS):
        before()
        if target.SIMULATED:  # its events tell no time
            start = time.perf_counter()
            run()
            samples.append(time.perf_counter() - start)
            continue
        first, last = cuda.event(), cuda.event()
        first.record()
        run()
        last.record()
        last.synchronize()
        samples.append(first.elapsed_time(last) / 1e3)
    return statistics.median(samples[1:])
