"""How many operations a second the cores do at best, and what that leaves of a layer's time.

    python benchmarks/peak.py [--threads 2] [--repeats 50] [--out FILE.json]

A tile of multiply-adds (indrnn_np/_cpu/tiles.py) over operands that stay in the L1 cache, on each thread: nothing is
faster than that, whatever the shape. A layer's three products have 6 T B D H operations, so no layer that computes them
takes less than these over that rate. Beside it stands the time of the layer in benchmarks/results/speed/.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import machine
import numpy as np

from indrnn_np._cpu.arrays import zeros
from indrnn_np._cpu.jit import njit
from indrnn_np._cpu.threads import _run, set_threads
from indrnn_np._cpu.tiles import size
from indrnn_np.ops.indrnn.tiled_products import tile_kernel

SHAPES = (784, 32, 128, 128), (150, 32, 650, 650), (5000, 50, 128, 128), (20, 128, 150, 512)
TERMS, TURNS = 128, 10_000  # of a tile; tiles in one call


def rate(threads: int, repeats: int) -> list[float]:
    """Operations a second of all threads together: quartiles over the repeats."""
    tile = size(4)
    if tile is None:
        raise SystemExit("peak.py: no tile is known for this CPU, expected one with AVX2 or AVX-512")
    one = tile_kernel(tile.rows, True, tile.width, 4, True)

    rows, columns = tile.rows, tile.columns

    @njit(cache=False)
    def turns(a, b, c):
        for _ in range(TURNS):
            one(a, b, c, TERMS, False, a, b, 0, columns, 4 * rows, 4 * columns, 4 * columns)

    def work(k: int, _: int) -> None:
        turns(*(array.ctypes.data for array in operands[k]))

    shapes = (TERMS, rows), (TERMS, columns), (rows, columns)
    operands = [[zeros(shape, np.float32) for shape in shapes] for _ in range(threads)]
    work(0, 0)
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        _run(work, [(k, k + 1) for k in range(threads)])
        found.append(threads * TURNS * 2.0 * rows * columns * TERMS / (time.perf_counter() - start))
    return [float(q) for q in np.quantile(found, (0.25, 0.5, 0.75))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    set_threads(args.threads)
    low, median, high = rate(args.threads, args.repeats)
    print(
        f"{args.threads} threads: {median / 1e9:.0f} GFLOP/s (quartiles {low / 1e9:.0f} to {high / 1e9:.0f})"
    )
    least = {}
    for T, B, D, H in SHAPES:
        least[f"{T}, {B}, {D}, {H}"] = ms = 6e3 * T * B * D * H / median
        print(f"  ({T}, {B}, {D}, {H}): at least {ms:.1f} ms")
    if args.out:
        result = {
            "threads": args.threads,
            "repeats": args.repeats,
            "flops": [low, median, high],
            "least_ms": least,
        }
        args.out.write_text(
            json.dumps(result | {"machine": machine.describe()}, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
