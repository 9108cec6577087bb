"""The first contact with a GPU: what everything else needs, in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from indrnn_np._cuda import arrays, cublas
from indrnn_np._cuda import products as _products
from indrnn_np._cuda.launch import kernel
from indrnn_np._cuda.target import cuda
from indrnn_np.backend import get

from .forms import forms
from .judge import TOLERANCE, off
from .part import Part

REPLAYS = 3


@kernel("real[::1], real[::1]")
def double_kernel(x, out):  # type: ignore[no-untyped-def]
    """out = 2 x. Nothing else launches this kernel, so its first use is inside the capture."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = 2 * x[i]


def smoke(part: Part) -> None:
    """Run a narrow and a wide kernel, a product by each library, and a captured graph."""
    table = part.table("First contact", "what", "result", "")

    def add(name: str, result: str, right: bool) -> None:
        table.row(name, result, "ok" if right else "WRONG", right=right)
        if not right:
            part.fail(f"{name}: {result}")

    for check in (recurrence, product, graph):
        with part.surviving(check.__name__):
            for line in check(part):
                add(*line)


def recurrence(part: Part) -> Any:
    """Yield the error of the recurrence in each form, narrow and wide, and whether all have the same bits."""
    T, B, H = part.sizes.smoke
    rng, ops = np.random.default_rng(0), get("cuda")
    a, h0 = rng.standard_normal((T, B, H), np.float32), rng.standard_normal((B, H), np.float32)
    u = rng.uniform(-1, 1, H).astype(np.float32)
    expected = get("reference").recurrence.forward(*(x.astype(np.float64) for x in (a, u, h0)))
    bits = set()
    for form in forms():
        h = ops.recurrence.forward(*map(ops.device.asarray, (a, u, h0))).to_host()
        error = off(h, expected)[0]
        yield f"recurrence, {form}", f"error {error:.1e}", error <= TOLERANCE["float32"]
        bits.add(h.tobytes())
    yield "all forms", "equal bits" if len(bits) == 1 else "other bits", len(bits) == 1


def product(part: Part) -> Any:
    """Yield the error of a product by each library."""
    a, b = np.random.default_rng(0).standard_normal((2, part.sizes.smoke[2], part.sizes.smoke[2]), np.float32)
    expected = a.astype(np.float64) @ b.astype(np.float64)
    for name in ("tiled", *(("cublas",) if cublas.find()[0] else ())):
        _products.use(name)  # cuBLAS stays in use
        out = arrays.empty(a.shape, "float32")
        _products.matmul(arrays.asarray(a), arrays.asarray(b), out)
        error = off(out.to_host(), expected)[0]
        yield f"product, {name}", f"error {error:.1e}", error <= TOLERANCE["float32"]


def graph(part: Part) -> Any:
    """Yield whether the replays of a captured kernel, product and copy have the bits of the launches."""
    n = part.sizes.smoke[2]
    x = np.random.default_rng(1).standard_normal((n, n), np.float32)
    source = arrays.asarray(x)
    doubled, squared, copy = (arrays.empty((n, n), "float32") for _ in range(3))

    def work() -> None:
        double_kernel(source.size, source.flat, doubled.flat)
        _products.matmul(doubled, source, squared)
        arrays.assign(copy, squared)

    captured = get("cuda").device.graph()
    with captured.record():
        work()
    replays = []
    for _ in range(REPLAYS):
        for array in (doubled, squared, copy):
            arrays.assign(array, np.full((n, n), np.nan, np.float32))
        captured.launch()
        replays.append(copy.to_host())
    work()
    expected = copy.to_host()
    equal = all(replay.tobytes() == expected.tobytes() for replay in replays)
    yield (
        f"a graph of {captured.size} launches, {REPLAYS} times",
        "equal bits" if equal else "other bits",
        equal,
    )
