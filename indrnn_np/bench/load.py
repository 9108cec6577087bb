"""Detect other work on the cores, which makes the times of a benchmark too long."""

from __future__ import annotations

import os
import threading
import time
import zlib

IDLE = 0.9  # share of the cores from which on a machine counts as idle
SIZE = 2**22  # bytes of a checksum, which takes milliseconds: threads rarely wait for Python's lock


def share_of_cores(seconds: float = 0.3) -> tuple[float, int]:
    """Return the share of the available cores that this process gets, and their number.

    One thread per core computes checksums for some time. The share is the CPU time of the process
    divided by the elapsed time of all threads: about 1 on an idle machine.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    data, end = bytes(SIZE), time.perf_counter() + seconds

    def work() -> None:
        while time.perf_counter() < end:
            zlib.crc32(data)

    threads = [threading.Thread(target=work) for _ in range(cores)]
    started, used = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    return (time.process_time() - used) / (elapsed * cores), cores


def warnings(share: float, cores: int) -> list[str]:
    """Return the warning about a busy machine as a list, empty for an idle machine.

    Examples
    --------
    >>> warnings(0.98, 2)
    []
    >>> warnings(0.5, 2)
    ['the machine is busy (this process got 50 % of 2 cores): the times are too long']
    """
    busy = (
        f"the machine is busy (this process got {100 * share:.0f} % of {cores} cores): the times are too long"
    )
    return [busy] if share < IDLE else []
