"""What gradients beyond BPTT cost: forward mode, second derivatives, samples, and online gradients.

    python benchmarks/gradient_costs.py [--out FILE.json]
    python benchmarks/gradient_costs.py --steps 1000000      peak memory of that many online steps, in a new process

One thread, float32, medians of interleaved repeats. Ratios are over the pass that each one replaces.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import machine
import numpy as np

import indrnn_np as ir
from indrnn_np.gradients.problem import Problem

SHAPE = 784, 32, 128, 128  # T, B, D, H
ONLINE = ((2, 128), (128, 128))  # D, H
LAYERS = 2
STEPS = 200  # online steps of a repeat
LENGTHS = 1000, 1_000_000  # online steps whose memory is compared
TARGETS = {"Hessian product": 2.5, "per-sample norms": 1.6}


def times(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each function, called in turn; the first call of each compiles."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for name, f in functions.items():
            begin = time.perf_counter()
            f()
            if repeat:
                found[name].append(1e3 * (time.perf_counter() - begin))
    return found


def passes(repeats: int) -> dict[str, list[float]]:
    """Milliseconds of the passes of a network of LAYERS layers at SHAPE."""
    T, B, D, H = SHAPE
    net = ir.plain(D, H, 10, layers=LAYERS, steps=T, input_init="kaiming")
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((T, B, D), np.float32), rng.integers(0, 10, B)
    v, work = rng.standard_normal(net.size).astype(np.float32), ir.Workspace()
    problem = Problem("benchmark", net, x, labels)
    H_op, G_op = ir.curvature.hessian(net, x, labels), ir.curvature.gauss_newton(net, x, labels)

    def bptt() -> object:
        y, _, tape = net.forward(x, work=work)
        return net.backward(ir.softmax_cross_entropy(y, labels)[1], tape)

    return times(
        {
            "forward and backward": bptt, "forward": lambda: net.forward(x, work=work),
            "backward": lambda: problem.gradient(), "tangent": lambda: problem.tangent(problem.directions(v)),
            "Hessian product": lambda: H_op @ v, "Gauss-Newton product": lambda: G_op @ v,
            "per-sample norms": lambda: ir.study.PerSample(problem),
        },
        repeats,
    )  # fmt: skip


def online(D: int, H: int, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of STEPS online steps of one layer with B = 32, and of as many forward steps."""
    net = ir.Sequential([ir.IndRNN(D, H), ir.Linear(H, 10)], steps=STEPS)
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((STEPS, 32, D), np.float32), rng.integers(0, 10, (STEPS, 32))
    learners = {rule: ir.online(net, rule) for rule in ("exact", "depth-only")}

    def step_by_step() -> None:
        state = None
        for x_t in x:
            _, state = net.step(x_t, state)

    functions: dict[str, Callable[[], object]] = {"net.step": step_by_step, "forward": lambda: net.forward(x)}
    functions |= {f"online, {rule}": lambda r=rule: learners[r].run(x, labels) for rule in learners}
    return times(functions, repeats)


def memory(steps: int) -> float:
    """MiB of this process after that many online steps of a stream."""
    net = ir.Sequential([ir.IndRNN(2, 32), ir.Linear(32, 1)], steps=steps)
    learner, rng = ir.online(net), np.random.default_rng(0)
    for _ in range(steps):
        x_t = rng.standard_normal((4, 2), np.float32)
        learner.step(x_t, x_t[:, :1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11, help="repeats (%(default)s)")
    parser.add_argument("--steps", type=int, help="only the peak memory of that many online steps")
    parser.add_argument("--out")
    args = parser.parse_args()
    if args.steps:
        print(memory(args.steps))
        return
    ir.set_threads(1)
    network, cells = passes(args.repeats), {f"{D} x {H}": online(D, H, args.repeats) for D, H in ONLINE}
    base = {"Hessian product": "forward and backward", "per-sample norms": "backward"}
    for name, found in network.items():
        over = base.get(name, "forward and backward")
        ratio = median(a / b for a, b in zip(found, network[over], strict=True))
        target = f", target {TARGETS[name]}" if name in TARGETS else ""
        print(f"{name}: {median(found):.1f} ms, {ratio:.2f} of {over}{target}")
    for title, found in cells.items():
        for name, values in found.items():
            ratio = median(a / b for a, b in zip(values, found["net.step"], strict=True))
            print(f"{title}, {name}: {1e3 * median(values) / STEPS:.1f} us a step, {ratio:.2f} of net.step")
    command = [sys.executable, __file__, "--steps"]
    peaks = {n: float(subprocess.check_output([*command, str(n)])) for n in LENGTHS}
    print("; ".join(f"{n} online steps: {peak:.1f} MiB" for n, peak in peaks.items()))
    if args.out:
        result = {
            "shape": SHAPE, "layers": LAYERS, "network_ms": network, "online_ms": cells, "online_steps": STEPS,
            "memory_mib": peaks, "machine": machine.describe(),
        }  # fmt: skip
        Path(args.out).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
