"""What this machine is and has left: the CPU's name, the caches of a core, free memory.

Linux tells it in files; every function reads them below a root folder, so that tests can show it other machines.
macOS tells name and caches by `sysctl`. What is not told is left out, never guessed. Loads no numpy: the command asks
before it is loaded.
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

# A container's memory: where its tree may be mounted; names of its limit and its use; what of the use could be given
# back at once, a line of memory.stat.
VERSION_1 = (
    ["sys/fs/cgroup/memory"],
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)
VERSION_2 = (["sys/fs/cgroup", "sys/fs/cgroup/unified"], "memory.max", "memory.current", "inactive_file")


def cpuinfo(root: Path = ROOT) -> str:
    """The text of /proc/cpuinfo, empty where there is none (some containers hide it)."""
    return _read(root / "proc/cpuinfo")


def cpu_field(text: str, name: str) -> str:
    """The first CPU's field `name` in the text of /proc/cpuinfo, empty if it has none."""
    return next((value for key, value in _pairs(text) if key == name), "")


def cpu_name(root: Path = ROOT, system: str = sys.platform) -> str:
    """The CPU as it calls itself; the name of its instruction set where it does not."""
    told = (
        _sysctl("machdep.cpu.brand_string") if system == "darwin" else cpu_field(cpuinfo(root), "model name")
    )
    return told or platform.machine()


def caches(root: Path = ROOT, system: str = sys.platform) -> dict[str, int]:
    """Bytes of the caches that the first core reads data through: {"L1d": ..., "L2": ..., "L3": ...}, as far as told.

    An L3 is mostly shared by several cores, and here with its full size.
    """
    if system == "darwin":
        told = {name: _sysctl(key) for name, key in MACOS.items()}
        return {name: int(size) for name, size in told.items() if size.isdigit() and int(size)}
    found = {}
    for folder in sorted(root.glob("sys/devices/system/cpu/cpu0/cache/index*")):
        level, kind, size = (_read(folder / name).strip() for name in ("level", "type", "size"))
        number, unit = size.rstrip("KMG"), UNITS.get(size[-1:], 1)
        if kind in ("Data", "Unified") and level in ("1", "2", "3") and number.isdigit():
            found["L1d" if level == "1" else f"L{level}"] = int(number) * unit
    return found


def available_memory(root: Path = ROOT) -> tuple[int | None, str]:
    """(bytes that this process can still take without swapping, what sets that limit); (None, "unknown") if not told.

    The least of what the machine has left, what each control group around the process (a container's limit) has left,
    and what a limit on the address space (`ulimit -v`) leaves.
    """
    limits = [*_of_the_machine(root), *_of_groups(root), *_of_the_address_space(root)]
    return min(limits) if limits else (None, UNKNOWN)


def peak_memory(function: Callable[[], Any]) -> int:
    """The most bytes that Python and NumPy hold at once in `function`, beyond those from before."""
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


def _of_the_machine(root: Path) -> Iterator[tuple[int, str]]:
    told = dict(_pairs(_read(root / "proc/meminfo")))
    for name in ("MemAvailable", "MemFree"):  # kernels before 3.14 don't know the first
        if name in told:
            yield _kilobytes(told[name]), f"the memory of the machine ({name})"
            return


def _of_groups(root: Path) -> Iterator[tuple[int, str]]:
    """What is left in each control group from the process's own up to the root, in both versions."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            version = VERSION_2
        elif "memory" in controllers.split(","):
            version = VERSION_1
        else:
            continue
        mounts, limit, use, reclaimable = version
        inside = PurePosixPath(path.lstrip("/"))
        for folder in (root / mount / group for mount in mounts for group in (inside, *inside.parents)):
            yield from _of_group(root, folder, limit, use, reclaimable)


def _of_group(root: Path, folder: Path, limit: str, use: str, reclaimable: str) -> Iterator[tuple[int, str]]:
    """What is left in one group; cached files that it can give back count as left."""
    most, used = _read(folder / limit).strip(), _read(folder / use).strip()
    if not (most.isdigit() and used.isdigit()):  # "max" is no limit; a folder without these files is no group
        return
    stat = dict(line.split(" ", 1) for line in _read(folder / "memory.stat").splitlines() if " " in line)
    left = int(most) - int(used) + int(stat.get(reclaimable, 0))
    yield max(0, left), f"{limit} of the control group /{folder.relative_to(root).as_posix()}"


def _of_the_address_space(root: Path) -> Iterator[tuple[int, str]]:
    for line in _read(root / "proc/self/limits").splitlines():
        if line.startswith("Max address space"):
            soft = line.split()[3]
            used = dict(_pairs(_read(root / "proc/self/status"))).get("VmSize", "0 kB")
            if soft.isdigit():
                yield (
                    max(0, int(soft) - _kilobytes(used)),
                    "the address space that the process may take (ulimit -v)",
                )


def _kilobytes(text: str) -> int:
    return int(text.split()[0]) * 2**10


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """(key, value) of the lines `key: value`."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        yield key.strip(), value.strip()


def _read(path: Path) -> str:
    """A file's text, empty if it is not there or may not be read: then it tells nothing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    """What macOS says about itself under a name, empty if nothing."""
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
