"""Settings that the libraries below read when they are loaded: made by the `indrnn` command before numpy is.

Only the command calls `prepare`. A library that changed its host's environment on import would surprise it; who writes
a program of their own calls `indrnn_np._environment.prepare()` first, or sets the variable.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, MutableMapping

from . import _machine

# The instructions that OpenBLAS's SkylakeX kernels are made of.
SKYLAKEX = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"})

MADE: dict[str, str] = {}  # what `prepare` set in this process's environment, for `indrnn info`


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
        (sys.platform, platform.machine()); the setting was measured on Linux, x86-64 only.
    loaded
        Names of loaded modules. With numpy among them it is too late, and nothing is set.
    """
    if (system or (sys.platform, platform.machine())) != ("linux", "x86_64") or "numpy" in loaded:
        return {}
    settings: dict[str, str] = {}
    # OpenBLAS takes its AVX2 kernels on CPUs that it does not know, and is half as fast there as with its AVX-512 ones.
    # It knows Intel's, and may have better kernels for them than these.
    text = _machine.cpuinfo() if cpuinfo is None else cpuinfo
    if has_skylakex(text) and "GenuineIntel" not in _machine.cpu_field(text, "vendor_id"):
        settings["OPENBLAS_CORETYPE"] = "SkylakeX"
    made = {name: value for name, value in settings.items() if name not in environ}
    environ.update(made)
    if environ is os.environ:
        MADE.update(made)
    return made


def has_skylakex(cpuinfo: str) -> bool:
    """Return whether the CPU that /proc/cpuinfo describes can run OpenBLAS's SkylakeX kernels."""
    return set(_machine.cpu_field(cpuinfo, "flags").split()) >= SKYLAKEX
