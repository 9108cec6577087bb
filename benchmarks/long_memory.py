"""Memory and time of both passes over a million time steps, serial and by a scan over time, with recomputation.

    python benchmarks/long_memory.py [--out FILE.json]

One IndRNN layer of 128 units over x (1,000,000, 1, 2). Growth is the peak of the process's memory above its memory
before the passes; each form runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np

STEPS, BATCH, INPUTS, HIDDEN = 1_000_000, 1, 2, 128
FORMS = ("serial", "parallel")


def resident(field: str) -> float:
    """Return a size of this process in MB: "VmRSS" now, "VmHWM" at its peak."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def measure(form: str) -> dict[str, Any]:
    """Run forward and backward once for the kernels and once for the numbers."""
    import indrnn_np as ir

    layers = [ir.IndRNN(INPUTS, HIDDEN, time=form), ir.LastStep(), ir.Linear(HIDDEN, 1)]
    net, work = ir.Sequential(layers, steps=STEPS), ir.Workspace()
    x = np.random.default_rng(0).random((STEPS, BATCH, INPUTS), dtype="float32")
    for part in (x[:5000], x):
        before, begin = resident("VmRSS"), time.perf_counter()
        y, _, tape = net.forward(part, work=work, memory="recompute")
        grads = net.backward(np.ones_like(y), tape)[2]
        assert all(np.isfinite(gradient).all() for gradient in grads.values())
    seconds = time.perf_counter() - begin
    return {"form": form, "growth_mb": round(resident("VmHWM") - before, 1), "seconds": round(seconds, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--form", choices=FORMS, help="measure one form in this process, and print JSON")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.form:
        print(json.dumps(measure(args.form)))
        return
    command = [sys.executable, __file__, "--form"]
    runs = [
        json.loads(subprocess.run([*command, form], check=True, capture_output=True, text=True).stdout)
        for form in FORMS
    ]
    print(*runs, sep="\n")
    if args.out is not None:
        result = {"shape": [STEPS, BATCH, INPUTS, HIDDEN], "runs": runs, "machine": machine.describe()}
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
