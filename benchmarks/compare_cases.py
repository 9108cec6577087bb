"""The cases of compare.py, timed in this process with the package that PYTHONPATH names; prints JSON.

    python benchmarks/compare_cases.py '{"cases": ["step"], "threads": 1, "seconds": 0.5, "package": "FOLDER"}'

Only the public API is used, so that the same lines run at any commit.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM_UP, FEWEST = 2, 5  # calls that are not counted; calls that are counted, however long one takes
BLOCK = 1e-3  # seconds: shorter calls are timed in blocks at least this long

# Name: (T, B, D, H) of one IndRNN layer, forward and backward with all gradients.
LAYERS = {
    "mnist-layer": (784, 32, 128, 128),
    "adding-input": (1000, 50, 2, 128),
    "characters": (150, 32, 650, 650),
    "one-sample": (100_000, 1, 1, 16),
}
# Name: options of `plain` and the batch size of a training iteration.
ITERATIONS = {
    "iteration": ({"input_size": 2, "hidden": 64, "output_size": 10, "layers": 2, "steps": 100}, 32),
    "mnist-network": (
        {"input_size": 1, "hidden": 128, "output_size": 10, "layers": 6, "steps": 784}
        | {"batchnorm": True, "dropout": 0.1},
        32,
    ),
    "one-sample-iteration": (
        {"input_size": 1, "hidden": 16, "output_size": 2, "layers": 1, "steps": 100_000},
        1,
    ),
}
# Name: pass, T and columns B·H of the bare recurrence. Arrays take at most 1.3 MB, or 51 MB in memory.
RECURRENCES = {
    f"{way}-{name}": (way, T, columns)
    for way in ("forward", "in-place", "backward")
    for name, T, columns in (
        ("1", 100_000, 1), ("8", 20_000, 8), ("16", 20_000, 16), ("64", 2_000, 64), ("128", 1_000, 128),
        ("64-in-memory", 200_000, 64),
    )
}  # fmt: skip
STEP = "step"  # net.step of a network of two layers, batch 1
CASES = (*LAYERS, *ITERATIONS, STEP, *RECURRENCES)
ON_REQUEST = ("characters", "one-sample", "one-sample-iteration", *RECURRENCES)


def prepare(name: str) -> Callable[[], object]:
    """Return the call that the case times."""
    if name in LAYERS:
        return layer(*LAYERS[name])
    if name in RECURRENCES:
        return recurrence(*RECURRENCES[name])
    return stream() if name == STEP else iteration(*ITERATIONS[name])


def layer(T: int, B: int, D: int, H: int) -> Callable[[], object]:
    """Both passes of one IndRNN layer."""
    import numpy as np

    import indrnn_np as ir
    from indrnn_np.backend import get

    rng, op, work = np.random.default_rng(0), get("cpu").indrnn, ir.Workspace()
    x, dh = (aligned(rng.standard_normal(shape, "float32")) for shape in ((T, B, D), (T, B, H)))
    W = aligned(rng.standard_normal((H, D), "float32") / np.float32(D**0.5))
    bound = 2.0 ** (1 / T)
    u = aligned(rng.uniform(-bound, bound, H).astype("float32"))
    b, h0 = (aligned(rng.standard_normal(shape, "float32")) for shape in ((H,), (B, H)))

    def passes() -> None:
        h = op.forward(x, W, u, b, h0, "relu", work=work)
        op.backward(dh, x, h, W, u, None, "relu", work=work)

    return passes


def recurrence(way: str, T: int, columns: int) -> Callable[[], object]:
    """One pass of the recurrence of one sample with relu.

    In place, u is 0: the states of a call are the a of the next call, and stay as they are.
    """
    import numpy as np

    from indrnn_np.backend import get

    rng, op = np.random.default_rng(0), get("cpu").recurrence
    a, h, da = (aligned(rng.standard_normal((T + n, 1, columns), "float32")) for n in (0, 1, 0))
    u, h0 = (aligned(rng.uniform(-1, 1, shape).astype("float32")) for shape in ((columns,), (1, columns)))
    if way == "backward":
        return lambda: op.backward(a, h, u, None, "relu", out=da)
    if way == "in-place":
        return lambda: op.forward(h[1:], 0 * u, h0, "relu", out=h)
    return lambda: op.forward(a, u, h0, "relu", out=h)


def iteration(options: dict[str, Any], batch: int) -> Callable[[], object]:
    """Forward, loss, backward, clipping, Adam and projection."""
    import numpy as np

    import indrnn_np as ir

    rng, net = np.random.default_rng(0), ir.plain(**options)
    x = aligned(rng.random((options["steps"], batch, options["input_size"]), "float32"))
    labels = rng.integers(0, options["output_size"], batch)
    optimizer, work = ir.Adam(2e-4), ir.Workspace()

    def iterate() -> None:
        y, _, tape = net.forward(x, work=work)
        _, dy = ir.softmax_cross_entropy(y, labels)
        grads = net.backward(dy, tape)[2]
        ir.clip_norm(grads, 1.0)
        optimizer.update(net, grads)
        net.project()

    return iterate


def stream() -> Callable[[], object]:
    """One time step in inference."""
    import numpy as np

    import indrnn_np as ir

    net = ir.plain(input_size=2, hidden=64, output_size=1, layers=2, steps=100, output="every")
    x = aligned(np.ones((1, 2), "float32"))
    state = net.step(x)[1]
    return lambda: net.step(x, state)


def aligned(array: Any) -> Any:
    """A copy that starts at a multiple of 64 bytes, so that both commits compute on equal addresses."""
    import numpy as np

    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def seconds_of(call: Callable[[], object], budget: float) -> float:
    """The median time of a call, of as many as fill `budget` seconds."""
    for _ in range(WARM_UP):
        start = time.perf_counter()
        call()
        expected = max(time.perf_counter() - start, 1e-7)
    calls = max(1, round(BLOCK / expected))
    samples = []
    for _ in range(max(FEWEST, int(budget / (calls * expected)))):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        samples.append((time.perf_counter() - start) / calls)
    return statistics.median(samples)


def main() -> None:
    order = json.loads(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: order["threads"]])
    import indrnn_np as ir

    found = Path(ir.__file__).parent
    if found != Path(order["package"]):
        raise SystemExit(
            f"compare_cases.py: indrnn_np was imported from {found}, expected {order['package']}"
        )
    ir.set_threads(order["threads"])
    print(json.dumps({name: seconds_of(prepare(name), order["seconds"]) for name in order["cases"]}))


if __name__ == "__main__":
    main()
