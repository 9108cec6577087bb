"""What a launch, a copy, a scan, a product and an iteration cost on the GPU."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from indrnn_np._cuda import arrays, cublas, launch, target
from indrnn_np._cuda import products as _products
from indrnn_np.backend import get
from indrnn_np.bench import iteration, recurrence
from indrnn_np.bench.cases import RECURRENCE, Case
from indrnn_np.bench.report import figures
from indrnn_np.bench.timing import Timing

from .clock import on_the_gpu, wall
from .forms import forms
from .part import Part, Table


@launch.kernel("int64")
def nothing(n):  # type: ignore[no-untyped-def]
    """A thread that does nothing."""


@launch.kernel(
    "real[::1], int64, real[::1], real[::1], int64, int64, real[::1], real[::1], int64[::1], boolean"
)
def as_many(a, before, h0, h, T, columns, u, b, ends, reverse):  # type: ignore[no-untyped-def]
    """Nothing, with the arguments of a scan."""


def launches(part: Part) -> None:
    """Microseconds of a launch, and of all that a small training iteration launches."""
    table = part.table("Launches", "what", "µs", "launches", "µs in launches")
    calls, x = part.sizes.calls, arrays.empty(32, "float32")
    ends = arrays.ends_of(None, 1, 32)
    given = 32, x, 0, x, x, 1, 32, x, x, ends, False
    for name, kernel, arguments in (
        ("1 argument", nothing, (32, 1)),
        ("10 arguments, as a scan has", as_many, given),
    ):
        for _ in range(2):
            kernel(*arguments)
        target.synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            kernel(*arguments)
        asked = time.perf_counter() - start
        target.synchronize()
        done = time.perf_counter() - start
        table.row(
            f"a launch, {name}",
            figures(1e6 * done / calls),
            1,
            figures(1e6 * asked / calls),
            us=1e6 * done / calls,
        )
        start = time.perf_counter()
        for _ in range(calls):
            kernel(*arguments)
            target.synchronize()
        waited = 1e6 * (time.perf_counter() - start) / calls
        table.row("the same, waited for", figures(waited), 1, "-", us=waited)
    for case in dict.fromkeys((part.sizes.small, part.sizes.network)):
        with part.surviving(f"iteration {case.name}"):
            training = iteration.Training(case, "cuda")
            counted(table, case, training, part)


def counted(table: Table, case: Case, training: iteration.Training, part: Part) -> None:
    """An iteration's microseconds, launches, and microseconds inside them, on the CPU."""
    took = wall(training.iterate, part.sizes)
    spent: list[float] = []
    original = launch.Kernel.launch

    def timed(self: Any, *given: Any, **options: Any) -> None:
        start = time.perf_counter()
        original(self, *given, **options)
        spent.append(time.perf_counter() - start)

    launch.Kernel.launch = timed  # type: ignore[method-assign]
    try:
        training.iterate()
    finally:
        launch.Kernel.launch = original  # type: ignore[method-assign]
    target.synchronize()
    name = f"iteration {case.name}, {case.shape}"
    table.row(
        name,
        figures(1e6 * took.median),
        len(spent),
        figures(1e6 * sum(spent)),
        **vars(took),
        launches=len(spent),
    )


def scans(part: Part) -> None:
    """Copies, then both passes of the recurrence in both forms, as a share of the GPU's rate of copying its memory."""
    copies(part)
    header = "T, B, H", "what", "ms", "GB/s", "of copy"
    table = part.table("The recurrence beside the copy rate, float32", *header)
    for T, B, H in part.sizes.scans:
        shape = f"{T}, {B}, {H}"
        with part.surviving(f"scan {shape}"):
            drawn = recurrence.draw(Case("scan", RECURRENCE, T, B, 0, H, "for the GPU"), T, "cuda")
            size = drawn.a.nbytes
            seconds = on_the_gpu(lambda drawn=drawn: drawn.ops.device.assign(drawn.da, drawn.a), drawn.fill)
            rate = 2 * size / seconds
            cells = figures(1e3 * seconds), figures(rate / 1e9)
            table.row(shape, "copy", *cells, "100%", ms=1e3 * seconds)
            for data in (replace(drawn, activation=name) for name in ("relu", "tanh", "sigmoid")):
                for name, run, words in (
                    (recurrence.IN_PLACE, data.in_place, 2), (recurrence.OUT_OF_PLACE, data.forward, 2),
                    (recurrence.BACKWARD, data.backward, 3),
                ):  # fmt: skip
                    for form in forms():
                        seconds = on_the_gpu(run, data.fill)
                        share = words * size / seconds / rate
                        cells = figures(1e3 * seconds), figures(words * size / seconds / 1e9)
                        values = {"ms": 1e3 * seconds, "share_of_copy": share}
                        table.row(
                            shape, f"{data.activation}, {name}, {form}", *cells, f"{share:.0%}", **values
                        )


def copies(part: Part) -> None:
    """The rates between the CPU's memory and the GPU's: what a batch pays that is not on the GPU."""
    T, B, H = part.sizes.scans[-1]
    host = np.ones((T, B, H), np.float32)
    there, ops = arrays.asarray(host), get("cuda")
    table = part.table(f"Copies of {host.nbytes / 2**20:.3g} MiB", "what", "ms", "GB/s")
    for name, run in (
        ("to the GPU", lambda: ops.device.assign(there, host)),
        ("from the GPU", there.to_host),
    ):
        took = wall(run, part.sizes)
        table.row(name, figures(1e3 * took.median), figures(host.nbytes / took.median / 1e9), **vars(took))


def products(part: Part) -> None:
    """Milliseconds and rate of a product in float32 and TF32, and by the kernel that needs no library."""
    table = part.table("Products, C = A B", "M, N, K", "by", "ms", "TFLOP/s", "error")
    library, _ = cublas.find()
    for M, N, K in part.sizes.timed_products:
        rng = np.random.default_rng(0)
        a, b = (rng.standard_normal(shape, np.float32) for shape in ((M, K), (K, N)))
        head = slice(0, 64)
        right = a[head].astype(np.float64) @ b.astype(np.float64)
        x, y, out = arrays.asarray(a), arrays.asarray(b), arrays.empty((M, N), "float32")
        for name in ("tiled", *(("cublas", "cublas, TF32") if library else ())):
            with part.surviving(f"product by {name}"):
                _products.use(name.split(",")[0])
                if library:
                    _products.tf32("TF32" in name)
                took = wall(lambda x=x, y=y, out=out: _products.matmul(x, y, out), part.sizes)
                error = float(np.abs(out[head].to_host() - right).max() / np.abs(right).max())
                rate = 2e-12 * M * N * K / took.median
                cells = figures(1e3 * took.median), figures(rate), f"{error:.1e}"
                table.row(f"{M}, {N}, {K}", name, *cells, tflops=rate, error=error, **vars(took))
    if library:
        _products.tf32(False)


def iterations(part: Part) -> None:
    """A whole iteration of training: batch on the GPU, batch from the CPU, products in TF32, and the CPU's own."""
    case = part.sizes.network
    table = part.table(
        f"An iteration of {case.name}, (T, B, D, H) = {case.shape}", "where", "ms", "quartiles"
    )

    def row(name: str, took: Timing) -> None:
        low, high = figures(1e3 * took.low), figures(1e3 * took.high)
        table.row(name, figures(1e3 * took.median), f"{low} to {high}", **vars(took))

    training = iteration.Training(case, "cuda")
    row("cuda, batch on the GPU", wall(training.iterate, part.sizes))

    def from_the_cpu() -> None:
        training.iterate(training.host)
        training.net.device.to_host(training.y)

    row("cuda, batch from the CPU, outputs back", wall(from_the_cpu, part.sizes))
    if cublas.find()[0] is not None:
        _products.tf32(True)
        with part.surviving("TF32"):
            row("cuda, TF32", wall(training.iterate, part.sizes))
        _products.tf32(False)
    cpu = iteration.Training(case)
    row("cpu", wall(cpu.iterate, replace(part.sizes, rounds=min(3, part.sizes.rounds)), lambda: None))
