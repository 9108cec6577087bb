"""Properties of this machine: the name of the CPU, the caches of a core, and the free memory.

On Linux they are read from files below a root folder, which tests replace. On macOS `sysctl`
returns the name and the caches. A property that the system does not report is left out, never
guessed. This module does not import NumPy, because the command calls it before NumPy is loaded.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path("/")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
MACOS = {"L1d": "hw.l1dcachesize", "L2": "hw.l2cachesize", "L3": "hw.l3cachesize"}
UNKNOWN = "unknown"

# Memory of a control group (container), version 1 and 2: mount points, files of the limit and of the
# usage, and the line of memory.stat with the reclaimable part of the usage.
GROUP_1 = (["sys/fs/cgroup/memory"], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
GROUP_2 = (["sys/fs/cgroup", "sys/fs/cgroup/unified"], "memory.max", "memory.current", "inactive_file")


def cpuinfo(root: Path = ROOT) -> str:
    """Return the text of /proc/cpuinfo, empty if it is absent (some containers hide it)."""
    return _read(root / "proc/cpuinfo")


def cpu_field(text: str, name: str) -> str:
    """Return the field `name` of the first CPU in the text of /proc/cpuinfo, empty if absent."""
    return next((value for key, value in _pairs(text) if key == name), "")


def cpu_name(root: Path = ROOT, system: str = sys.platform) -> str:
    """Return the model name of the CPU, or its instruction set if the system reports no name."""
    macos = system == "darwin"
    name = _sysctl("machdep.cpu.brand_string") if macos else cpu_field(cpuinfo(root), "model name")
    return name or platform.machine()


def caches(root: Path = ROOT, system: str = sys.platform) -> dict[str, int]:
    """Return the data caches of the first core in bytes: {"L1d": ..., "L2": ..., "L3": ...}.

    Caches that the system does not report are absent. L3 has its full size, although several cores
    usually share it.
    """
    if system == "darwin":
        texts = {name: _sysctl(key) for name, key in MACOS.items()}
        return {name: int(size) for name, size in texts.items() if size.isdigit() and int(size)}
    sizes = {}
    for folder in sorted(root.glob("sys/devices/system/cpu/cpu0/cache/index*")):
        level, kind, size = (_read(folder / name).strip() for name in ("level", "type", "size"))
        number, unit = size.rstrip("KMG"), UNITS.get(size[-1:], 1)
        if kind in ("Data", "Unified") and level in ("1", "2", "3") and number.isdigit():
            sizes["L1d" if level == "1" else f"L{level}"] = int(number) * unit
    return sizes


def available_memory(root: Path = ROOT) -> tuple[int | None, str]:
    """Return the memory available to this process without swapping.

    It is the minimum of the available memory of the machine, of each control group around the
    process (the limits of a container), and of the address space (`ulimit -v`).

    Returns
    -------
    bytes : int or None
        None if the system does not report it.
    limit : str
        Description of the smallest limit, or "unknown".
    """
    limits = [*_machine_memory(root), *_group_memory(root), *_address_space(root)]
    return min(limits) if limits else (None, UNKNOWN)


def peak_memory(function: Callable[[], Any]) -> int:
    """Return the peak memory in bytes that Python and NumPy allocate in `function`."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


def size_text(count: int) -> str:
    """Return a number of bytes with its unit, such as "3 GiB"."""
    units = ("bytes", "KiB", "MiB", "GiB")
    power = max((p for p in range(4) if count >= 2 ** (10 * p)), default=0)
    return f"{count / 2 ** (10 * power):.4g} {units[power]}"


def _machine_memory(root: Path) -> Iterator[tuple[int, str]]:
    fields = dict(_pairs(_read(root / "proc/meminfo")))
    for name in ("MemAvailable", "MemFree"):  # Linux before 3.14 has no MemAvailable
        if name in fields:
            yield _bytes(fields[name]), f"the memory of the machine ({name})"
            return


def _group_memory(root: Path) -> Iterator[tuple[int, str]]:
    """Yield the available memory of each control group from that of the process to the root."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            version = GROUP_2
        elif "memory" in controllers.split(","):
            version = GROUP_1
        else:
            continue
        mounts, limit, use, reclaimable = version
        inside = PurePosixPath(path.lstrip("/"))
        for folder in (root / mount / group for mount in mounts for group in (inside, *inside.parents)):
            yield from _available(root, folder, limit, use, reclaimable)


def _available(root: Path, folder: Path, limit: str, use: str, reclaimable: str) -> Iterator[tuple[int, str]]:
    """Yield the available memory of a control group, including reclaimable cached files."""
    most, used = _read(folder / limit).strip(), _read(folder / use).strip()
    if not (most.isdigit() and used.isdigit()):  # "max": no limit; no such files: not a group
        return
    stat = dict(line.split(" ", 1) for line in _read(folder / "memory.stat").splitlines() if " " in line)
    left = int(most) - int(used) + int(stat.get(reclaimable, 0))
    yield max(0, left), f"{limit} of the control group /{folder.relative_to(root).as_posix()}"


def _address_space(root: Path) -> Iterator[tuple[int, str]]:
    for line in _read(root / "proc/self/limits").splitlines():
        if line.startswith("Max address space"):
            soft = line.split()[3]
            used = dict(_pairs(_read(root / "proc/self/status"))).get("VmSize", "0 kB")
            if soft.isdigit():
                left = max(0, int(soft) - _bytes(used))
                yield left, "the address space that the process may take (ulimit -v)"


def _bytes(text: str) -> int:
    """Return the bytes of a text such as "16 kB"."""
    return int(text.split()[0]) * 2**10


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield (key, value) for each line `key: value`."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        yield key.strip(), value.strip()


def _read(path: Path) -> str:
    """Return the text of a file, empty if the file is absent or not readable."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    """Return a system value of macOS by name, empty if there is none."""
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
