"""The structures of runtime.h for ctypes, and the gcc that compiles the C."""

from __future__ import annotations

import ctypes
import os
import subprocess
from functools import cache
from pathlib import Path

from .compile import FOLDER, digest, write

HEADERS = Path(__file__).parent
FLAGS = [
    "-O1",
    "-std=gnu11",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-ffp-contract=off",
    "-shared",
    "-fPIC",
    "-w",
]
MOST_REPORTS = 64  # of a launch


def _numbers(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_uint64) for name in names]


def _pointers(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_void_p) for name in names]


class Report(ctypes.Structure):
    _fields_ = _numbers(
        "kind", "line", "other_line", "block", "thread", "other_block", "other_thread", "address", "count"
    )


class Range(ctypes.Structure):
    _fields_ = _numbers("start", "stop")


class Memory(ctypes.Structure):
    _fields_ = [
        *_numbers("number"), *_pointers("base", "written", "cells"), *_numbers("shift", "ranges"), *_pointers("range"),
    ]  # fmt: skip


class Launch(ctypes.Structure):
    _fields_ = [
        *_pointers("parameters", "memories"), *_numbers("memory_count"),
        ("grid", ctypes.c_uint64 * 3), ("block", ctypes.c_uint64 * 3),
        *_numbers("seed", "order", "first_epoch", "last_epoch"),
        *_pointers("shared"), *_numbers("shared_bytes"),
        *_pointers("reports"), *_numbers("most_reports", "report_count"),
        *_pointers("blocks"), *_numbers("block_count"),
        *_numbers("accesses", "barriers", "ulps"), ("fuel", ctypes.c_int64),
        ("budget", ctypes.c_int64), *_numbers("epoch", "current_block"),
        *_pointers("junk"), *_numbers("junk_bytes"), *_pointers("executed"),
        *_numbers("resident", "threads"), *_pointers("clocks", "more_clocks"),
    ]  # fmt: skip


def library(source: str) -> ctypes.CDLL:
    """Return a C program as a loaded library."""
    file = FOLDER / f"{digest(source + _environment())}.so"
    if not file.exists():
        c_file, unfinished = (file.with_suffix(f".{os.getpid()}.{suffix}") for suffix in ("c", "so"))
        write(c_file, source)
        command = ["gcc", *_flags(), f"-I{HEADERS}", str(c_file), "-o", str(unfinished), "-lm"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"gcc: {result.stderr[:2000]} ({c_file})")
        unfinished.replace(file)
        c_file.unlink()
    return ctypes.CDLL(str(file))


@cache
def _environment() -> str:
    """Return all that decides on the compiled code beside its source."""
    headers = [path.read_text(encoding="utf-8") for path in sorted(HEADERS.glob("*.h"))]
    version = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout
    return "".join([*headers, version, *_flags()])


@cache
def _flags() -> list[str]:
    """Return the flags of gcc; with fma instructions, where the CPU has them, fma() is no function call."""
    cpu = Path("/proc/cpuinfo")
    fma = cpu.exists() and " fma " in cpu.read_text(encoding="utf-8")
    return [*FLAGS, "-mfma"] if fma else FLAGS
