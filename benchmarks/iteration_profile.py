"""Where the time of one training iteration goes: kernels, matrix products, and everything else.

    python benchmarks/iteration_profile.py [--shape T B D H] [--layers L] [--out FILE.json]

One iteration is forward, loss, backward, clipping, Adam, projection, for L IndRNN layers with the last step read
out. `numpy.matmul` and each compiled kernel are timed on the calling thread, and so is waiting for the other threads,
which are at products and kernels meanwhile; what is left is Python, copies, allocation, and handing work over. Where
the loop over chunks is compiled (ops/indrnn/tiled_loop.py), products and recurrence are one kernel, with its waiting.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import importlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import machine
import numpy as np

import indrnn_np as ir
from indrnn_np._cpu import threads
from indrnn_np._cpu.threads import set_threads

WAITING = "waiting for other threads"

PRODUCTS = "matrix products"
KERNELS = {  # module of ops/: what its compiled functions count as, and their names; without _ they are factories
    "indrnn.tiled_loop": ("products and recurrence, in one loop", "forward_kernel", "backward_kernel"),
    "indrnn.blas_loop": (PRODUCTS, "rows_kernel", "columns_kernel"),
    "recurrence.cpu": ("recurrence kernels", "forward_kernel", "backward_kernel"),
    "adam.cpu": ("adam kernel", "_kernel"),
    "gradient.cpu": ("gradient kernel", "_sum_of_squares"),
    "softmax_cross_entropy.cpu": ("softmax_cross_entropy kernel", "_kernel"),
}


class Clock:
    """Adds up the seconds that wrapped functions take on the calling thread; others work at the same time."""

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            if threading.current_thread() is threading.main_thread():
                self.seconds[name] += time.perf_counter() - start
            return result

        return timed


def instrument(clock: Clock) -> None:
    """Put the clock around products and kernels of the cpu backend."""
    np.matmul = clock.wrap(PRODUCTS, np.matmul)
    threads._await = clock.wrap(WAITING, threads._await)
    concurrent.futures.Future.result = clock.wrap(WAITING, concurrent.futures.Future.result)
    for place, (what, *names) in KERNELS.items():
        module = importlib.import_module(f"indrnn_np.ops.{place}")
        for name in names:
            function = getattr(module, name)
            if name.startswith("_"):
                setattr(module, name, clock.wrap(what, function))
            else:
                make = lambda *a, function=function, what=what: clock.wrap(what, function(*a))  # noqa: E731
                setattr(module, name, make)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--shape", type=int, nargs=4, default=(784, 32, 128, 128), metavar=("T", "B", "D", "H")
    )
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    args = parser.parse_args()
    set_threads(args.threads)
    T, B, D, H = args.shape
    rng = np.random.default_rng(0)
    net = ir.plain(D, H, 10, args.layers, T)
    x, labels = rng.random((T, B, D), dtype=np.float32), rng.integers(0, 10, B)
    optimizer, work = ir.Adam(), ir.Workspace()

    def iterate() -> None:
        y, _, tape = net.forward(x, work=work)
        _, dy = ir.softmax_cross_entropy(y, labels)
        _, _, grads = net.backward(dy, tape, input_gradient=False)
        ir.clip_norm(grads, 1.0)
        optimizer.update(net, grads)
        net.project()

    for _ in range(3):
        iterate()
    clock = Clock()
    instrument(clock)
    rows = []
    for _ in range(args.repeats):
        clock.seconds.clear()
        start = time.perf_counter()
        iterate()
        total = time.perf_counter() - start
        rows.append({**clock.seconds, "iteration": total, "outside": total - sum(clock.seconds.values())})
    names = dict.fromkeys(name for row in rows for name in row)
    median = {name: float(np.median([row.get(name, 0.0) for row in rows])) * 1e3 for name in names}
    share = float(np.median([row["outside"] / row["iteration"] for row in rows]))
    print(
        f"(T, B, D, H) = {(T, B, D, H)}, {args.layers} layer(s), {args.threads} threads, median of {args.repeats}"
    )
    for name, ms in median.items():
        print(f"  {name:32s} {ms:8.3f} ms")
    print(f"  outside kernels and products: {share:.1%} of an iteration")
    if args.out:
        result = {"shape": [T, B, D, H], "layers": args.layers, "threads": args.threads, "repeats": args.repeats,
                  "median_ms": median, "outside_share": share, "machine": machine.describe()}  # fmt: skip
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
