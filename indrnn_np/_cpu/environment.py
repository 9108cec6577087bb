"""Set environment variables that numpy's libraries read while they are loaded.

The `indrnn` command calls `configure` before it loads numpy. Importing the package does not: a
library must not change the environment of its host. Call `ir.configure()` first in your program, or
set the variable yourself.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, MutableMapping

from .. import _machine, _renamed

# The instruction sets that OpenBLAS's SkylakeX kernels use.
SKYLAKEX = frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"})

CONFIGURED: dict[str, str] = {}  # variables that `configure` set in this process, for `indrnn info`


def configure(
    environ: MutableMapping[str, str] = os.environ,
    cpuinfo: str | None = None,
    system: tuple[str, str] | None = None,
    loaded: Collection[str] = sys.modules,
) -> dict[str, str]:
    """Set environment variables that make numpy faster on this CPU.

    Call this function before numpy is imported. A variable that is already set keeps its value. At
    present there is one variable:
    `OPENBLAS_CORETYPE=SkylakeX`, on Linux on x86-64 CPUs with AVX-512 that are not Intel's.

    Parameters
    ----------
    environ
        The environment to change.
    cpuinfo
        The text of /proc/cpuinfo; None reads it.
    system
        (sys.platform, platform.machine()) of this machine.
    loaded
        Names of loaded modules. Nothing is set if numpy is among them, because it has read its
        variables by then.

    Returns
    -------
    dict
        The variables that were set, and their values.

    Examples
    --------
    >>> import indrnn_np as ir
    >>> variables = ir.configure()  # before numpy is imported
    >>> set(variables) <= {"OPENBLAS_CORETYPE"}
    True
    """
    if (system or (sys.platform, platform.machine())) != ("linux", "x86_64") or "numpy" in loaded:
        return {}
    settings: dict[str, str] = {}
    # OpenBLAS uses its AVX2 kernels on CPUs that it does not recognise, at half the speed of its
    # AVX-512 kernels. It recognises Intel's CPUs and may have better kernels for them.
    text = _machine.cpuinfo() if cpuinfo is None else cpuinfo
    if has_skylakex(text) and "GenuineIntel" not in _machine.cpu_field(text, "vendor_id"):
        settings["OPENBLAS_CORETYPE"] = "SkylakeX"
    variables = {name: value for name, value in settings.items() if name not in environ}
    environ.update(variables)
    if environ is os.environ:
        CONFIGURED.update(variables)
    return variables


def __getattr__(name: str) -> object:
    return _renamed.attribute(__name__, name, {"prepare": "configure"})


def has_skylakex(cpuinfo: str) -> bool:
    """Return whether the CPU that /proc/cpuinfo describes can run OpenBLAS's SkylakeX kernels."""
    return set(_machine.cpu_field(cpuinfo, "flags").split()) >= SKYLAKEX
