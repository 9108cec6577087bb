"""Four judges of one gradient: BPTT, RTRL, forward mode (jvp) and finite differences.

    python benchmarks/four_judges.py [--out FILE.json] [--figure FILE.png]
    python benchmarks/four_judges.py --judge jvp --steps 1000       growth of the peak memory of that judge, Linux

The adding problem, two IndRNN layers of H units and a linear read-out of the last step, on one thread.
docs/study/four-judges.md quotes the results.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import machine
import numpy as np
from judges import CASES, JUDGES, KINK, MISTAKES, STEPS, bptt, case, difference, gates, moved
from memory import resident

import indrnn_np as ir
from indrnn_np.plots import style

LONGER = 1000  # time steps of the second timing
LENGTHS = 1000, 20_000  # time steps whose memory is compared
SMALL = 20, 4, 8  # time steps, batch and units of the planted mistakes
WHOLE = "BPTT", "RTRL"  # judges that compute no single direction


def error(a: np.ndarray, b: np.ndarray, norm: float) -> float:
    """Distance of two gradients over a norm."""
    return float(np.linalg.norm(a - b)) / norm


def agreement(name: str) -> dict[str, Any]:
    """The distance of each pair of judges in a case, relative to the norm of the gradient by BPTT.

    `kinks`: parameters whose finite difference has a relu gate that changes within its step; `between kinks`: the error
    of the finite differences of the other parameters.
    """
    subject = case(name)
    found = {judge: gradient(subject).astype(np.float64) for judge, gradient in JUDGES.items()}
    norm = float(np.linalg.norm(found["BPTT"]))
    pairs = {f"{a}, {b}": error(found[a], found[b], norm) for a, b in combinations(JUDGES, 2)}
    here = gates(subject)
    near = np.array(
        [(here != plus).any() or (here != minus).any() for plus, minus, _ in moved(subject, gates)]
    )
    between = error(found["BPTT"][~near], found["finite differences"][~near], norm)
    return {
        "pairs": pairs,
        "parameters": subject.net.size,
        "kinks": int(near.sum()),
        "between kinks": between,
    }


def at_kink(*shape: int) -> dict[str, float]:
    """The derivative by the bias of the neuron at its kink: by each judge, and by one-sided differences.

    `shape`: time steps, batch and units, if they are not those of the comparison.
    """
    subject = case(KINK, *shape)
    names = list(subject.net.params)
    place = sum(subject.net.params[name].size for name in names[: names.index("0.b")])
    found = {judge: float(gradient(subject)[place]) for judge, gradient in JUDGES.items()}
    loss, bias, step = subject.loss(), subject.net.params["0.b"], 1e-7
    for side in (1, -1):
        bias[0] = side * step
        found["from above" if side == 1 else "from below"] = side * (subject.loss() - loss) / step
    return found


def milliseconds(function: Callable[[], object], repeats: int) -> float:
    """Median CPU time of a call; the first one, which may compile, is not counted."""
    times = []
    for _ in range(repeats + 1):
        begin = time.process_time()
        function()
        times.append(1e3 * (time.process_time() - begin))
    return median(times[1:])


def cost(T: int) -> dict[str, dict[str, float]]:
    """Milliseconds of one directional derivative, and of the whole gradient, of the relu network."""
    subject = case("relu", T)
    v = np.random.default_rng(1).standard_normal(subject.net.size)
    one = {"jvp": lambda: subject.net.jvp(subject.x, v), "finite differences": lambda: difference(subject, v)}
    found = {}
    for judge, gradient in JUDGES.items():
        repeats = 11 if judge in WHOLE else 1
        found[judge] = {"gradient": milliseconds(lambda g=gradient: g(subject), repeats)}
        if judge in one:
            found[judge]["direction"] = milliseconds(one[judge], 21)
    return found


def growth(judge: str, T: int) -> float:
    """MiB by which the largest resident size of this process grows over that after a short pass."""
    options = {} if judge in WHOLE else {"directions": 1}
    long = case("relu", T)
    JUDGES[judge](case("relu", 50), **options)
    before = resident("VmRSS")
    JUDGES[judge](long, **options)
    return (resident("VmHWM") - before) / 2**20


def mistakes() -> dict[str, dict[str, float]]:
    """The error of each judge with a mistake planted in the reference backend, against the right gradient."""
    subject = case("tanh", *SMALL, backend="reference")
    right, found = bptt(subject), {}
    for name, planted in MISTAKES.items():
        with planted():
            gradients = {judge: gradient(subject) for judge, gradient in JUDGES.items()}
        found[name] = {j: error(g, right, float(np.linalg.norm(right))) for j, g in gradients.items()}
    return found


def draw(result: dict[str, Any], path: str) -> None:
    """Draw the distances of all pairs, and time and memory of each judge."""
    figure = style.empty(12, 3.6)
    left, middle, right = figure.subplots(1, 3, width_ratios=[3, 2, 2])
    looks = zip(CASES, (style.BLUE, style.GREEN, style.ORANGE, style.GREY), "os^D", strict=True)
    for name, color, mark in looks:
        pairs = result["agreement"][name]["pairs"]
        left.plot(pairs.values(), range(len(pairs)), mark, color=color, label=name, markersize=6)
    left.set_yticks(range(len(pairs)), [pair.replace(", ", " and ") for pair in pairs], fontsize=8)
    left.set_ylim(len(pairs) - 0.5, -0.5)
    left.set_xscale("log")
    left.set_xlabel("distance / norm of the gradient")
    style.dress(left, title="Agreement")
    style.legend(figure, [left], 4)
    times = {T: [result["cost"][str(T)][judge]["gradient"] for judge in JUDGES] for T in (STEPS, LONGER)}
    memory = {T: [result["memory_mib"][judge][str(T)] for judge in JUDGES] for T in LENGTHS}
    _bars(middle, times, "Time of a whole gradient", "CPU time / ms")
    middle.set_xscale("log")
    middle.set_xlim(0.1, 1e6)
    _bars(right, memory, "Growth of the memory", "MiB")
    style.save(figure, path)


def _bars(axes: Any, values: dict[int, list[float]], title: str, unit: str) -> None:
    """Draw a bar for each judge and number of time steps, with its value."""
    for k, (color, (T, row)) in enumerate(zip((style.BLUE, style.ORANGE), values.items(), strict=True)):
        places = np.arange(len(row)) + 0.4 * k - 0.2
        axes.barh(places, row, 0.36, color=color, label=f"T = {T:,}")
        for place, value in zip(places, row, strict=True):
            style.annotate(axes, digits(value), (value, place), size=7)
    axes.set_yticks(range(len(row)), JUDGES, fontsize=8)
    axes.set_ylim(len(row) - 0.5, -0.5)
    axes.set_xlabel(unit)
    axes.margins(x=0.15)
    axes.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 0.78))
    style.dress(axes, title=title)


def digits(value: float) -> str:
    """A number with two digits, and all those before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", choices=JUDGES, help="only the memory of this judge")
    parser.add_argument("--steps", type=int, default=STEPS, help="its time steps (%(default)s)")
    parser.add_argument("--out")
    parser.add_argument("--figure")
    args = parser.parse_args()
    ir.set_threads(1)
    if args.judge:
        print(growth(args.judge, args.steps))
        return
    child = [sys.executable, __file__, "--judge"]
    result: dict[str, Any] = {
        "command": " ".join(["python", *sys.argv]),
        "agreement": {name: agreement(name) for name in CASES},
        "at_kink": at_kink(),
        "mistakes": mistakes(),
        "cost": {str(T): cost(T) for T in (STEPS, LONGER)},
        "memory_mib": {
            judge: {
                str(T): float(subprocess.check_output([*child, judge, "--steps", str(T)])) for T in LENGTHS
            }
            for judge in JUDGES
        },
        "machine": machine.describe(),
    }
    print(json.dumps({name: value for name, value in result.items() if name != "machine"}, indent=2))
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if args.figure:
        draw(result, args.figure)


if __name__ == "__main__":
    main()
