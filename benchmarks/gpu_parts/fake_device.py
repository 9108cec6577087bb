"""A fake device for dry runs: a clock that counts what a GPU would need, while the simulator runs small kernels.

The costs are rough upper values, so that a plan that fits this clock also fits a GPU.
"""

from __future__ import annotations

from typing import Any

from .part import Clock

START = 8.0  # of a process: imports, and the context of the GPU
COMPILE = 1.2  # of a kernel: numba-cuda's and ptxas's mean over all kernels, on a CPU of 2 shared cores
LOAD = 0.05  # of a kernel that the background processes have compiled
COMPILED_AFTER = 75.0  # all kernels are compiled by then: 340 compilations by 12 processes
LAUNCH = 1e-4  # of a launch: numba-cuda's Python code


class FakeClock(Clock):
    """Seconds of the fake device since the start of the script."""

    def __init__(self, now: float) -> None:
        self._now = now + START
        self._compiled: set[Any] = set()

    def now(self) -> float:
        return self._now

    def spend(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def watch(self) -> None:
        """Charge each launch, and the first of each kernel and dtype its compilation."""
        from indrnn_np._cuda import launch

        original = launch.Kernel.launch

        def charged(kernel: Any, grid: Any, block: Any, *args: Any, **options: Any) -> None:
            key = kernel, tuple(str(getattr(value, "dtype", "")) for value in args)
            if key not in self._compiled:
                self._compiled.add(key)
                self.spend(COMPILE if self._now < COMPILED_AFTER else LOAD)
            self.spend(LAUNCH)
            original(kernel, grid, block, *args, **options)

        launch.Kernel.launch = charged  # type: ignore[method-assign]


def spend(clock: Clock, seconds: float) -> None:
    """Let time pass on a fake device; on a GPU it passes by itself."""
    if isinstance(clock, FakeClock):
        clock.spend(seconds)
