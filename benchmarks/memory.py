"""Time and memory of a training iteration with memory="keep" and memory="recompute".

    python benchmarks/memory.py [--steps T] [--batch B] [--hidden H] [--layers L] [--threads N] [--out FILE.json]

Plain IndRNN layers without batch norm, the last step read out. Each way runs in a process of its own; its memory is the
growth of the largest resident size over what was resident when kernels were compiled and a short pass was done. Linux.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import machine
import numpy as np

import indrnn_np as ir
from indrnn_np._cpu import environment
from indrnn_np._cpu.threads import set_threads
from indrnn_np.networks.recompute import MEMORY
from indrnn_np.training import memory_estimate

SIZES = ("steps", "batch", "hidden", "layers", "threads", "repeats")


def resident(name: str) -> int:
    """Bytes of this process by the kernel's name for them: VmRSS now, VmHWM at most."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train for some iterations in this process."""
    set_threads(args.threads)
    net = ir.plain(2, args.hidden, 1, args.layers, args.steps, input_init=0.1)
    optimizer, rng = ir.Adam(1e-5), np.random.default_rng(0)

    def train(steps: int, iterations: int) -> list[float]:
        work, seconds = ir.Workspace(), []
        x = rng.random((steps, args.batch, 2), dtype=np.float32)
        target = np.zeros((args.batch, 1), np.float32)
        for _ in range(iterations):
            start = time.perf_counter()
            y, _, tape = net.forward(x, work=work, memory=args.memory)
            _, dy = ir.mse(y, target)
            _, _, grads = net.backward(dy, tape, input_gradient=False)
            optimizer.update(net, grads)
            net.project()
            seconds.append(time.perf_counter() - start)
        return seconds

    train(max(1, args.steps // 50), 2)
    before = resident("VmRSS")
    seconds = train(args.steps, args.repeats + 1)[1:]  # the first one allocates
    grown = resident("VmHWM") - before
    said = memory_estimate.estimate(net, args.steps, args.batch, args.memory)
    return {
        "seconds": float(np.median(seconds)),
        "all_seconds": seconds,
        "bytes": grown,
        "estimated_bytes": said,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in zip(SIZES, (5000, 32, 128, 21, 1, 3), strict=True):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--memory", choices=MEMORY, help="measure this one way, in this process")
    parser.add_argument("--out")
    args = parser.parse_args()
    if args.memory:
        print(json.dumps(measure(args)))
        return
    environment.configure(loaded=())  # for the children, which load numpy anew
    options = [f"--{name}={getattr(args, name)}" for name in SIZES]
    found = {}
    for way in MEMORY:
        command = [sys.executable, __file__, *options, f"--memory={way}"]
        found[way] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ratio = {name: found["recompute"][name] / found["keep"][name] for name in ("seconds", "bytes")}
    print(", ".join(f"{name} {getattr(args, name)}" for name in SIZES))
    for way, row in found.items():
        print(f"  {way:10s} {row['seconds']:8.3f} s an iteration, {row['bytes'] / 2**20:8.1f} MiB "
              f"(estimated {row['estimated_bytes'] / 2**20:.1f})")  # fmt: skip
    print(f"  recompute takes {ratio['seconds']:.2f} of the time and {ratio['bytes']:.3f} of the memory")
    if args.out:
        result = {name: getattr(args, name) for name in SIZES} | {"ways": found, "ratio": ratio}
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump(result | {"machine": machine.describe()}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
