"""Clocks, temperature, power and the reasons why the GPU runs slower than it could, by NVML or nvidia-smi."""

from __future__ import annotations

import contextlib
import functools
import importlib
import shutil
import subprocess
import time
from typing import Any

REASONS = {
    0x1: "idle", 0x2: "clocks setting", 0x4: "power cap", 0x8: "hardware slowdown", 0x10: "sync boost",
    0x20: "temperature", 0x40: "hardware temperature", 0x80: "power brake", 0x100: "display",
}  # fmt: skip
QUERY = ("clocks.sm", "clocks.mem", "temperature.gpu", "power.draw", "clocks_throttle_reasons.active")
SMI_INTERVAL = 5.0  # seconds between two calls of nvidia-smi, which is slow
NAMES = ("sm_mhz", "memory_mhz", "celsius", "watts")


_last: dict[str, Any] = {}
_smi_time = -SMI_INTERVAL  # when nvidia-smi was last called


def sample() -> None:
    """Read the clocks and the throttle reasons while the GPU works; `last` returns them."""
    global _smi_time
    try:
        _last.update(_by_nvml())
    except Exception:  # noqa: BLE001  without NVML's package, or where it is refused
        if time.monotonic() - _smi_time >= SMI_INTERVAL:
            _smi_time = time.monotonic()
            with contextlib.suppress(Exception):
                _last.update(_by_smi())


def last() -> dict[str, Any]:
    """Return the state at the last sample; empty if neither NVML nor nvidia-smi answers."""
    return dict(_last)


@functools.cache
def _nvml() -> tuple[Any, Any]:
    nvml = importlib.import_module("pynvml")
    nvml.nvmlInit()
    return nvml, nvml.nvmlDeviceGetHandleByIndex(0)


def _by_nvml() -> dict[str, Any]:
    nvml, gpu = _nvml()
    numbers = (
        nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM),
        nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_MEM),
        nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
        nvml.nvmlDeviceGetPowerUsage(gpu) / 1e3,
    )
    mask = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)
    return dict(zip(NAMES, numbers, strict=True)) | {"throttle": reasons(mask)}


def _by_smi() -> dict[str, Any]:
    *numbers, mask = smi(QUERY)
    return {name: float(text) for name, text in zip(NAMES, numbers, strict=True)} | {
        "throttle": reasons(int(mask, 16))
    }


@functools.cache
def _smi_path() -> str:
    path = shutil.which("nvidia-smi")
    if path is None:
        raise FileNotFoundError("nvidia-smi")
    return path


def smi(query: tuple[str, ...]) -> list[str]:
    """Return what nvidia-smi reports of the first GPU."""
    command = [_smi_path(), f"--query-gpu={','.join(query)}", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.splitlines()[0].split(", ")


def reasons(mask: int) -> str:
    """Return the reasons of a bit mask in words."""
    return ", ".join(name for bit, name in REASONS.items() if mask & bit) or "none"


def cell() -> str:
    """Return the clock of the multiprocessors and the throttle reasons at the last sample, as a cell of a table."""
    return f"{_last['sm_mhz']:.0f} MHz, {_last['throttle']}" if _last else "-"
