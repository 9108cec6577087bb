"""A kernel translated for certain types of arguments: launches of it, and what their reports say."""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from indrnn_np._cuda.launch import Kernel

from . import c_structures as c
from . import c_writer, reader, settings
from .compile import ptx_of
from .findings import Finding, record
from .launch_arguments import memory_row, memory_table, parameter_bits
from .memory import ADDRESS_BITS, Array

KINDS = (
    "bounds",
    "alignment",
    "uninitialised",
    "race",
    "barrier",
    "hang",
    "division by zero",
)  # as in runtime.h
MOST_THREADS = 1024  # of a block
MOST_CLOCKS = 4096  # threads of a launch with fences: each has a clock for each
LARGEST_BLOCK = (1024, 1024, 64)
LARGEST_GRID = (2**31 - 1, 65535, 65535)
SUB_WORDS = re.compile(r"\b(ld|st|atom|red)\.shared.*[usb](8|16)\s")
SEVERAL = 2**32 - 1  # as in runtime.h

counts: Counter[str] = Counter()  # launches, threads, accesses, barriers of this process
_programs: dict[Any, Program] = {}
_epoch = 1


def programs() -> list[Program]:
    """Return all programs of this process."""
    return list(_programs.values())


def program(kernel: Kernel, types: tuple[Any, ...]) -> Program:
    """Return a kernel's program for the numba types of its arguments."""
    (text,) = ptx_of(kernel, types, [settings.capability])
    key = kernel.name, text, settings.mutate
    if key not in _programs:
        _programs[key] = Program(kernel.name, settings.mutate(kernel.name, text) if settings.mutate else text)
    return _programs[key]


class Program:
    """A kernel as PTX and as compiled C.

    Attributes
    ----------
    name, text : str
        Name of the kernel, and its PTX.
    lines : list of str
        The lines of the PTX; numbers of lines begin at 1.
    accesses : list of int
        Numbers of the lines that load or store.
    covered : array
        For each line number, whether its access has run.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.ptx = reader.read(text)
        self.lines, self.accesses = self.ptx.lines, self.ptx.accesses
        self.library = c.library(c_writer.source(self.ptx))
        self.covered = np.zeros(len(self.lines) + 1, np.uint8)

    def launch(self, grid: Any, block: Any, arguments: tuple[Any, ...]) -> None:
        """Run a grid of blocks, and record its faults as findings."""
        global _epoch
        grid, block = _three(grid), _three(block)
        if problem := _refused(grid, block):
            record(Finding("launch", self.name, problem))
            return
        # These arrays must live until the launch has run.
        parameters = parameter_bits(self.name, self.ptx.parameters, arguments)
        memories, _allocations = memory_table(arguments)
        shared, _shared_ranges = self._shared_memory()
        reports = (c.Report * c.MOST_REPORTS)()
        blocks = self._blocks(grid, block, arguments)
        junk = np.random.default_rng(settings.seed + 99).integers(0, 256, 4096, dtype=np.uint8)
        launch = c.Launch(
            grid=grid, block=block, blocks=blocks.ctypes.data, block_count=blocks.size,
            seed=settings.seed, order=_order(), ulps=settings.ulps, fuel=settings.fuel, first_epoch=_epoch,
            parameters=parameters.ctypes.data, memories=ctypes.addressof(memories), memory_count=len(memories),
            shared=shared and ctypes.addressof(shared), shared_bytes=self.ptx.shared_bytes,
            reports=ctypes.addressof(reports), most_reports=len(reports),
            junk=junk.ctypes.data, junk_bytes=junk.size, executed=self.covered.ctypes.data,
            resident=_resident(), threads=self._threads_with_clocks(grid, block),
        )  # fmt: skip
        self.library.run_launch(ctypes.byref(launch))
        _epoch = launch.last_epoch + 1
        threads = blocks.size * math.prod(block)
        counts.update(launches=1, threads=threads, accesses=launch.accesses, barriers=launch.barriers)
        for report in reports[: launch.report_count]:
            text = f"{self._text(report, arguments)} ({report.count} times; grid {grid}, block {block})"
            record(Finding(KINDS[report.kind], self.name, text, report.line))

    def _shared_memory(self) -> tuple[c.Memory | None, Any]:
        """Return the shared memory of a block, without its bytes, and the table of ranges that it points to."""
        if not self.ptx.shared_bytes:
            return None, None
        shift = 0 if any(SUB_WORDS.search(line) for line in self.lines) else 2
        ranges = [(start, start + size) for start, size in self.ptx.shared.values()]
        return memory_row(0, None, None, None, shift, ranges)

    def _threads_with_clocks(self, grid: Any, block: Any) -> int:
        """Return the number of threads of a launch whose blocks may wait for each other, and 0 of any other."""
        threads = math.prod(grid) * math.prod(block) if self.ptx.has_fences else 0
        if threads > MOST_CLOCKS:
            raise reader.Unsupported(
                f"{self.name}: {threads} threads of a kernel with fences, at most {MOST_CLOCKS}"
            )
        return threads

    def _blocks(self, grid: Any, block: Any, arguments: tuple[Any, ...]) -> np.ndarray:
        """Return the numbers of the blocks that run, in the order in which they run."""
        count = math.prod(grid)
        if settings.only_blocks and (chosen := settings.only_blocks(self.name, count, block, arguments)):
            return np.array(sorted({number % count for number in chosen}), np.uint64)
        return np.random.default_rng(settings.seed).permutation(count).astype(np.uint64)

    def _text(self, report: c.Report, arguments: tuple[Any, ...]) -> str:
        """Return a report in words: the lines of PTX, the threads, the array."""
        text = f"{self._line(report.line)} by thread {report.thread} of block {report.block}"
        if report.other_line:
            other = "several threads" if report.other_thread == SEVERAL else f"thread {report.other_thread}"
            text += f" and {self._line(report.other_line)} by {other} of block {report.other_block}"
        elif KINDS[report.kind] == "barrier":
            text += ", while other threads of the block have returned"
        if report.address and ".shared" in self.lines[report.line - 1]:
            text += f", {self._shared_place(report.address)}"
        elif report.address:
            text += f", {_place(report.address, arguments)}"
        return text

    def _shared_place(self, address: int) -> str:
        """Return where a shared address is in the array that starts at or before it."""
        before = [(start, size) for start, size in self.ptx.shared.values() if start <= address]
        if not before:
            return "before the first shared array"
        start, size = max(before)
        return f"byte {address - start} of a shared array of {size} bytes"

    def _line(self, number: int) -> str:
        return f"line {number} `{' '.join(self.lines[number - 1].split())}`"


def _three(sizes: Any) -> tuple[int, int, int]:
    """Return a size along each of three axes."""
    x, y, z = (*(sizes if isinstance(sizes, (tuple, list)) else (sizes,)), 1, 1)[:3]
    return int(x), int(y), int(z)


def _order() -> int:
    """Return the number of the order of threads, as in scheduler.h."""
    return settings.ORDERS.index(settings.order) if settings.order else settings.seed % len(settings.ORDERS)


def _resident() -> int:
    """Return how many blocks of a kernel with fences run at the same time."""
    return settings.resident or settings.RESIDENT[settings.seed % len(settings.RESIDENT)]


def _refused(grid: Sequence[int], block: Sequence[int]) -> str:
    """Return which size no GPU accepts; "" if all are right."""
    if math.prod(block) > MOST_THREADS or any(
        not 0 < n <= most for n, most in zip(block, LARGEST_BLOCK, strict=True)
    ):
        return f"block {block}"
    if any(not 0 < n <= most for n, most in zip(grid, LARGEST_GRID, strict=True)):
        return f"grid {grid}"
    return ""


def _place(address: int, arguments: tuple[Any, ...]) -> str:
    """Return where a global address is in the array arguments of its allocation."""
    places = []
    for number, array in enumerate(arguments):
        if isinstance(array, Array) and array.size and array.allocation.number == address >> ADDRESS_BITS:
            element = (address % 2**ADDRESS_BITS - array.offset) / array.dtype.itemsize
            places.append(f"element {element:g} of argument {number} {array.shape} {array.dtype}")
    return " = ".join(places) or f"address {address:#x} of no argument"
