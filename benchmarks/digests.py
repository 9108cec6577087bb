"""Print digests of results that no change of the code's form may alter: run it at two commits and compare the lines.

    PYTHONPATH=WORKTREE python benchmarks/digests.py

Covered are the recurrence and the IndRNN cell (both directions, with and without lengths, 1 and 2 threads), dropout,
the data of the adding and copying tasks, a short training run, and the same run stopped and resumed.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import indrnn_np as ir
from indrnn_np import backend, tasks

SHAPES = [(784, 32, 128, 128), (50, 3, 7, 5), (300, 50, 2, 128), (40, 8, 150, 512)]  # T, B, D, H


def digest(*values: Any) -> str:
    """Return a digest of arrays and nested tuples of arrays; None is skipped."""
    found = hashlib.sha256()
    for value in values:
        if isinstance(value, tuple | list):
            found.update(digest(*value).encode())
        elif value is not None:
            found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()[:16]


def cells(ops: Any) -> Iterator[tuple[str, str]]:
    """Yield the digests of the recurrence and of the cell on one backend."""
    for T, B, D, H in SHAPES:
        rng = np.random.default_rng(T)
        x, a, dh = (rng.standard_normal((T, B, n)).astype(np.float32) for n in (D, H, H))
        W, u = rng.standard_normal((H, D)).astype(np.float32) / D, rng.uniform(-1, 1, H).astype(np.float32)
        b, h0 = rng.standard_normal(H).astype(np.float32), rng.standard_normal((B, H)).astype(np.float32)
        for lengths in (None, rng.integers(0, T + 1, B)):
            for reverse in (False, True):
                options = {"lengths": lengths, "reverse": reverse}
                name = f"{ops.name} {T},{B},{D},{H} lengths={lengths is not None} reverse={reverse}"
                h = ops.recurrence.forward(a, u, h0, **options)
                yield f"recurrence {name}", digest(h, ops.recurrence.backward(dh, h, u, **options))
                h = ops.indrnn.forward(x, W, u, b, h0, **options)
                yield f"indrnn {name}", digest(h, ops.indrnn.backward(dh, x, h, W, u, **options))


def runs(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the digests of a training run with batch norm and dropout, and of the same run in two parts."""
    task = tasks.get("adding", steps=20, seed=3)
    batch = task.batch(5, 7)
    yield "adding batch", digest(batch.x, batch.target)
    copying = tasks.get("copying", delay=10, seed=3).batch(5, 7)
    yield "copying batch", digest(copying.x, copying.target)

    def train(out: str, iterations: int, resume: Path | None = None) -> Any:
        net = ir.plain(2, 16, 1, 2, 20, batchnorm=True, dropout=0.2, seed=1)
        return ir.fit(net, task, ir.Adam(1e-2), iterations=iterations, batch=10, out=folder / out, resume=resume,
                      checkpoint_every=5, progress=False)  # fmt: skip

    yield "training run", digest(list(train("whole", 20).net.state_dict().values()))
    train("part", 10)
    yield "resumed run", digest(list(train("part", 20, folder / "part").net.state_dict().values()))


def main() -> None:
    """Print one line for each digest."""
    for threads in (1, 2):
        ir.set_threads(threads)
        for name in ("reference", "cpu"):
            for line in cells(backend.get(name)):
                print(f"{threads} threads:", *line)
    ir.set_threads(1)
    x = np.ones((40, 30, 20), np.float32)
    print("dropout", digest(backend.get("cpu").dropout.forward(x, 0.3, (1, 2, 3))))
    with tempfile.TemporaryDirectory() as folder:
        for line in runs(Path(folder)):
            print(*line)


if __name__ == "__main__":
    main()
