"""Settings that the libraries below read when they are loaded: made by the `indrnn` command before numpy is.

Only the command calls `prepare`. A library that changed its host's environment on import would surprise it; who writes
a program of their own calls `indrnn_np._environment.prepare()` first, or sets the two variables.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, MutableMapping
from pathlib import Path

# The instructions that OpenBLAS's SkylakeX kernels are made of.
SKYLAKEX = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"})


def prepare(
    environ: MutableMapping[str, str] = os.environ,
    cpuinfo: str | None = None,
    system: tuple[str, str] | None = None,
    loaded: Collection[str] = sys.modules,
) -> dict[str, str]:
    """Set what is not set yet, and return it: {variable: value}.

    Parameters
    ----------
    environ
        The environment to change.
    cpuinfo
        The text of /proc/cpuinfo; read if not given.
    system
        (sys.platform, platform.machine()); both settings were measured on Linux, x86-64 only.
    loaded
        Names of loaded modules. With numpy among them it is too late, and nothing is set.
    """
    if (system or (sys.platform, platform.machine())) != ("linux", "x86_64") or "numpy" in loaded:
        return {}
    settings: dict[str, str] = {}
    # OpenBLAS takes its AVX2 kernels on CPUs that it does not know, and is half as fast there as with its AVX-512 ones.
    # It knows Intel's, and may have better kernels for them than these.
    text = _cpuinfo() if cpuinfo is None else cpuinfo
    if _field(text, "flags") >= SKYLAKEX and "GenuineIntel" not in _field(text, "vendor_id"):
        settings["OPENBLAS_CORETYPE"] = "SkylakeX"
    # GNU OpenMP's idle workers spin, by default for so long that OpenBLAS's threads wait for the cores: a product
    # next to a small parallel loop took ten times as long. Who set a policy for waiting meant it.
    if "OMP_WAIT_POLICY" not in environ:
        settings["GOMP_SPINCOUNT"] = "1000"
    made = {name: value for name, value in settings.items() if name not in environ}
    environ.update(made)
    return made


def _cpuinfo() -> str:
    """The text of /proc/cpuinfo, empty where there is none (some containers hide it): then no CPU is assumed."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _field(cpuinfo: str, name: str) -> set[str]:
    """The words of the first CPU's field `name`."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return set(value.split())
    return set()
