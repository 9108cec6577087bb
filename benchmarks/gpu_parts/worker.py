"""The process that runs parts. It ends after the last one, or when the GPU's context is lost."""

from __future__ import annotations

import importlib
import os
import signal
import traceback
from argparse import Namespace
from typing import Any

from .fake_device import FakeClock
from .part import Clock, ContextLost, NoGpu, Part, Reporter
from .plan import ALL, LOST, NO_GPU, SHORTEST
from .sizes import DRY, REAL


def run(args: Namespace) -> int:
    """Run the parts of args.worker until args.end, and report into the file args.events."""
    clock = FakeClock(args.now) if args.dry else Clock()
    if isinstance(clock, FakeClock):
        clock.watch()
    else:
        enable_cache()  # before an op is imported
    with args.events.open("a", encoding="utf-8") as file:
        report: Any = Reporter(file)
        if args.kill:
            report = Killing(report, args.kill)
        for name in args.worker:
            part = Part(
                name, DRY if args.dry else REAL, report, clock, min(ALL[name].seconds, args.end - clock.now())
            )
            part.options, part.out = {"data": args.data and str(args.data), "set": args.set}, args.out
            try:
                run_part(part)
            except ContextLost as error:
                part.fail(f"the GPU's context is lost ({error}); a new process runs the other parts")
                os._exit(LOST)  # destructors would meet the same error
            except NoGpu as error:
                part.fail(str(error))
                part.end()
                return NO_GPU
    return 0


def run_part(part: Part) -> None:
    """Run a part, and report an error that it does not handle."""
    if part.left < SHORTEST:
        part.note("left out: no time left")
    else:
        with part.surviving(part.name):
            module = importlib.import_module(f"gpu_parts.{ALL[part.name].module}")
            getattr(module, part.name)(part)
    part.end()


def enable_cache() -> None:
    """Let kernels use the disk cache; without it, each worker compiles them."""
    try:
        from . import kernel_cache

        kernel_cache.enable()
    except Exception:  # noqa: BLE001  a version of numba-cuda may lack what the cache needs
        traceback.print_exc()


class Killing:
    """Kill this process after the first row of the parts named, or of "all"; for tests."""

    def __init__(self, report: Reporter, names: list[str]) -> None:
        self._report, self._names = report, names

    def __call__(self, event: dict[str, Any]) -> None:
        self._report(event)
        if event["event"] == "row" and {event["part"], "all"} & set(self._names):
            os.kill(os.getpid(), signal.SIGKILL)
