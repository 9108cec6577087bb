"""What gradient_flow adds to a backward pass: the pass with its probe over the plain one, in alternating repeats.

    python benchmarks/study_cost.py [--repeats 40] [--threads 1] [--out FILE.json]

Both passes go over the same tape and make fresh arrays. The ratio is the median of the ratios of neighbours in time, so
that a slow spell of the machine hits both.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import machine
import numpy as np

import indrnn_np as ir
from indrnn_np._cpu.threads import set_threads
from indrnn_np.study import flow

# name: T, B, D, H, layers, K, batch norm
CASES = {
    "adding, T=500, B=50, 2 x 128": (500, 50, 2, 128, 2, 1, False),
    "sequential MNIST, T=784, B=32, 6 x 128, batch norm": (784, 32, 1, 128, 6, 10, True),
    "adding, RNN-tanh, T=500, B=50, 2 x 128": (500, 50, 2, 128, 2, 1, None),
}


def passes(
    T: int, B: int, D: int, H: int, layers: int, K: int, batchnorm: bool | None
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The plain backward pass and the one with the probe, over one tape."""
    rival = {"cell": "rnn-tanh"} if batchnorm is None else {"batchnorm": batchnorm}
    net = ir.plain(D, H, K, layers, T, **rival)
    x = np.random.default_rng(0).random((T, B, D), dtype=np.float32)
    y, _, tape = net.forward(x)
    dy = np.ones_like(y)
    return lambda: net.backward(dy, tape), lambda: net.backward(dy, tape, probe=flow.Meter(net, T))


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(case: str, repeats: int) -> dict[str, Any]:
    plain, probed = passes(*CASES[case])
    for function in (plain, probed) * 2:
        function()
    times = np.array([[seconds(plain), seconds(probed)] for _ in range(repeats)])
    ratios = times[:, 1] / times[:, 0]
    return {
        "plain_seconds": float(np.median(times[:, 0])),
        "probed_seconds": float(np.median(times[:, 1])),
        "ratio": float(np.median(ratios)),
        "quartiles": [float(q) for q in np.quantile(ratios, (0.25, 0.75))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    set_threads(args.threads)
    result = {"threads": args.threads, "repeats": args.repeats, "cases": {}, "machine": machine.describe()}
    for case in CASES:
        found = result["cases"][case] = measure(case, args.repeats)
        print(f"{case}: {found['plain_seconds'] * 1e3:.1f} ms plain, {found['ratio']:.2f} times with the probe "
              f"(quartiles {found['quartiles'][0]:.2f} to {found['quartiles'][1]:.2f})")  # fmt: skip
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
