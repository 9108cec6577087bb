"""Time of a time step of one column (B·H = 1): serial, and by the scan in vector lanes.

    python benchmarks/scan_one_column.py [--out FILE.json]

The forward pass in float32 on one thread. The forms take turns; a number is the median of their repeats.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import machine
import numpy as np

from indrnn_np._cpu.threads import set_threads
from indrnn_np.ops.recurrence import cpu, parallel_cpu

STEPS, ACTIVATIONS, REPEATS = (100_000, 1_000_000), ("relu", "tanh"), 31


def times(T: int, activation: str) -> dict[str, float]:
    """Return the nanoseconds of a time step of each form."""
    a = np.random.default_rng(0).standard_normal((T, 1, 1), "float32")
    u, h0, h = np.array([0.9], "float32"), np.zeros((1, 1), "float32"), np.empty((T + 1, 1, 1), "float32")
    forms: dict[str, Callable[..., object]] = {"serial": cpu.forward, "scan in lanes": parallel_cpu.forward}
    samples: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(REPEATS + 1):
        for name, form in forms.items():
            begin = time.perf_counter()
            form(a, u, h0, activation, out=h)
            samples[name].append(time.perf_counter() - begin)
    return {name: 1e9 * statistics.median(taken[1:]) / T for name, taken in samples.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    set_threads(1)
    rows = []
    for activation in ACTIVATIONS:
        for T in STEPS:
            found = times(T, activation)
            rows.append({"activation": activation, "T": T, "ns a time step": found})
            rows[-1]["lanes over serial"] = found["scan in lanes"] / found["serial"]
            print(rows[-1])
    if args.out is not None:
        result = {"rows": rows, "machine": machine.describe()}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
