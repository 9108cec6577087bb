"""The detection of other work on the cores."""

import os
import threading
import time

from indrnn_np.bench import load


def test_the_share_is_cpu_time_over_elapsed_time(monkeypatch):
    """With clocks on which this process got 1.5 of 2 cores for one second."""
    elapsed, used = iter([0.0, 0.0, 10.0, 10.0, 1.0]), iter([5.0, 6.5])
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    lock = threading.Lock()

    def clock():
        with lock:
            return next(elapsed)

    monkeypatch.setattr(time, "perf_counter", clock)
    monkeypatch.setattr(time, "process_time", lambda: next(used))
    assert load.share_of_cores() == (0.75, 2)


def test_a_real_measurement_is_a_share():
    share, cores = load.share_of_cores(0.02)
    assert 0 < share < 1.5 and cores >= 1
