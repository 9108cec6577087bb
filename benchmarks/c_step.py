"""How long one time step of an exported network takes in C, beside `net.step`.

    python benchmarks/c_step.py [--units N] [--inputs N] [--out FILE.json]

A plain stack of two IndRNN layers is written by `ir.export.to_c`, compiled by gcc -O2 and run over a stream. The median
of the repeats counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import machine
import numpy as np

import indrnn_np as ir

TARGET = 20.0  # microseconds for 2 x 128 units: a fiftieth of the time between two samples at 1 kHz
STEPS = {"C, gcc -O2": 20000, "net.step": 500}  # time steps of a repeat
GCC = ["gcc", "-O2", "-std=c99", "-Wall", "-Wextra", "-Werror"]
PROGRAM = """
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "net.c"

int main(int argc, char **argv)
{
    int repeats = atoi(argv[argc - 2]), steps = atoi(argv[argc - 1]);
    static float x[1000][net_inputs], y[net_outputs];
    struct timespec begin, end;
    net_state state;

    for (int t = 0; t < 1000; t++)
        for (int i = 0; i < net_inputs; i++)
            x[t][i] = (float)rand() / RAND_MAX;
    net_init(&state);
    for (int r = 0; r < repeats; r++) {
        clock_gettime(CLOCK_MONOTONIC, &begin);
        for (int t = 0; t < steps; t++)
            net_step(&state, x[t % 1000], y);
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("%.9g\\n", ((end.tv_sec - begin.tv_sec) * 1e6 + (end.tv_nsec - begin.tv_nsec) * 1e-3) / steps);
    }
    return 0;
}
"""


def in_c(net: ir.Sequential, repeats: int, steps: int) -> list[float]:
    """Microseconds of a step in C, one number a repeat."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ir.export.to_c(net, folder / "net.c")
        (folder / "main.c").write_text(PROGRAM, encoding="utf-8")
        subprocess.run([*GCC, folder / "main.c", "-o", folder / "main", "-lm"], check=True)
        done = subprocess.run([folder / "main", str(repeats), str(steps)], check=True, capture_output=True)
    return [float(line) for line in done.stdout.split()]


def in_python(net: ir.Sequential, repeats: int, steps: int) -> list[float]:
    """Microseconds of `net.step` with one sample, one number a repeat; the first call compiles."""
    x = np.random.default_rng(0).random((steps, 1, net.layers[0].inputs), np.float32)
    times, (_, state) = [], net.step(x[0])
    for _ in range(repeats):
        begin = time.perf_counter()
        for x_t in x:
            _, state = net.step(x_t, state)
        times.append(1e6 * (time.perf_counter() - begin) / steps)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=128, help="units of each layer (%(default)s)")
    parser.add_argument("--inputs", type=int, default=128, help="inputs of the first layer (%(default)s)")
    parser.add_argument("--repeats", type=int, default=21, help="repeats (%(default)s)")
    parser.add_argument("--out")
    args = parser.parse_args()
    net = ir.plain(args.inputs, args.units, 10, layers=2, steps=1000, input_init="kaiming")
    found = {
        name: run(net, args.repeats, STEPS[name]) for name, run in zip(STEPS, (in_c, in_python), strict=True)
    }
    for name, times in found.items():
        print(f"{name}: {median(times):.2f} us a step, from {min(times):.2f} to {max(times):.2f}")
    if args.out:
        gcc = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )[0]
        case = {"layers": 2, "inputs": args.inputs, "units": args.units, "outputs": 10, "target_us": TARGET}
        lines = [
            {"candidate": name, "us": median(times), "repeats_us": times} for name, times in found.items()
        ]
        result = {"case": case, "lines": lines, "gcc": gcc, "machine": machine.describe()}
        Path(args.out).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
