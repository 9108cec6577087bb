"""What a launch, a copy, a product and a whole training iteration cost."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from indrnn_np._cuda import arrays, cublas, launch, target
from indrnn_np._cuda import products as _products
from indrnn_np.backend import get
from indrnn_np.bench import iteration
from indrnn_np.bench.cases import Case
from indrnn_np.bench.report import figures
from indrnn_np.bench.timing import Timing

from .clock import ms, queued, values, wall
from .gpu_state import cell
from .part import Part, Table


@launch.kernel("int64")
def empty_kernel(n):  # type: ignore[no-untyped-def]
    """Do nothing."""


@launch.kernel(
    "real[::1], int64, real[::1], real[::1], int64, int64, real[::1], real[::1], int64[::1], boolean"
)
def many_arguments_kernel(a, start, h0, h, T, columns, u, b, ends, reverse):  # type: ignore[no-untyped-def]
    """Do nothing, with the arguments of the recurrence."""


def iterations(part: Part) -> None:
    """Time iterations of sequential MNIST's network, then launches, copies and products."""
    for measure in (networks, launches, copies, products):
        with part.surviving(measure.__name__):
            measure(part)


def networks(part: Part) -> None:
    """A whole iteration: batch on the GPU, batch from the CPU, products in TF32."""
    case = part.sizes.network
    title = f"An iteration of {case.name}, (T, B, D, H) = {case.shape}, wall clock"
    table = part.table(title, "how", "ms", "quartiles", "SM clock, throttling")

    def row(name: str, timing: Timing) -> None:
        table.row(name, *ms(timing), cell(), how=name, **values(timing))

    training = iteration.Training(case, "cuda")
    row("batch on the GPU", wall(part, training.iterate))

    def with_transfer() -> None:
        training.iterate(training.host)
        training.net.device.to_host(training.y)

    row("batch from the CPU, outputs back", wall(part, with_transfer))
    if cublas.find()[0] is not None:
        _products.tf32(True)
        with part.surviving("TF32"):
            row("TF32", wall(part, training.iterate))
        _products.tf32(False)
    counted(part, training, case)


def counted(part: Part, training: iteration.Training, case: Case) -> None:
    """Count the launches of an iteration, and the CPU's time inside them."""
    seconds: list[float] = []
    original = launch.Kernel.launch

    def timed(kernel: Any, *args: Any, **options: Any) -> None:
        start = time.perf_counter()
        original(kernel, *args, **options)
        seconds.append(time.perf_counter() - start)

    launch.Kernel.launch = timed  # type: ignore[method-assign]
    try:
        training.iterate()
    finally:
        launch.Kernel.launch = original  # type: ignore[method-assign]
    target.synchronize()
    table = part.table("Launches of that iteration", "kernels", "µs of the CPU in their launches")
    table.row(len(seconds), figures(1e6 * sum(seconds)), launches=len(seconds), network=case.name)


def launches(part: Part) -> None:
    """Microseconds of a launch for the CPU, and with a wait for its end."""
    table = part.table("A launch", "kernel", "µs of the CPU", "µs with a wait after each")
    x, ends = arrays.empty(32, "float32"), arrays.ends_of(None, 1, 32)
    many = 32, x, 0, x, x, 1, 32, x, x, ends, False
    row(part, table, "1 argument", empty_kernel, (32, 1))
    row(part, table, "10 arguments, as the recurrence has", many_arguments_kernel, many)


def row(part: Part, table: Table, name: str, kernel: launch.Kernel, args: tuple[Any, ...]) -> None:
    """Time a kernel that does nothing."""
    asked = wall(part, lambda: kernel(*args))

    def waiting() -> None:
        kernel(*args)
        target.synchronize()

    waited = wall(part, waiting)
    cells = (figures(1e6 * timing.median) for timing in (asked, waited))
    table.row(name, *cells, us=1e6 * asked.median, waited_us=1e6 * waited.median)


def copies(part: Part) -> None:
    """The rates between the CPU's memory and the GPU's."""
    host = np.ones(part.sizes.transferred_bytes // 4, np.float32)
    on_gpu, device = arrays.asarray(host), get("cuda").device
    table = part.table(f"Copies of {host.nbytes / 2**20:.3g} MiB", "direction", "ms", "quartiles", "GB/s")
    for name, run in (("to the GPU", lambda: device.assign(on_gpu, host)), ("from the GPU", on_gpu.to_host)):
        timing = wall(part, run)
        table.row(name, *ms(timing), figures(host.nbytes / timing.median / 1e9), **values(timing))


def products(part: Part) -> None:
    """Milliseconds and rate of a product in float32 and TF32, and by the tiled kernel, which needs no library."""
    table = part.table("Products, C = A B", "M, N, K", "by", "ms", "quartiles", "TFLOP/s", "error")
    library, _ = cublas.find()
    for M, N, K in part.sizes.timed_products:
        rng = np.random.default_rng(0)
        a, b = (rng.standard_normal(shape, np.float32) for shape in ((M, K), (K, N)))
        expected = a[:64].astype(np.float64) @ b.astype(np.float64)
        x, y, out = arrays.asarray(a), arrays.asarray(b), arrays.empty((M, N), "float32")
        for name in ("tiled", *(("cublas", "cublas, TF32") if library else ())):
            with part.surviving(f"product by {name}"):
                _products.use(name.split(",")[0])
                if library:
                    _products.tf32("TF32" in name)
                timing = queued(part, lambda x=x, y=y, out=out: _products.matmul(x, y, out), launches=2)  # type: ignore[misc]
                error = float(np.abs(out[:64].to_host() - expected).max() / np.abs(expected).max())
                rate = 2e-12 * M * N * K / timing.median
                cells = *ms(timing), figures(rate), f"{error:.1e}"
                table.row(
                    f"{M}, {N}, {K}", name, *cells, tflops=rate, error_of_product=error, **values(timing)
                )
    if library:
        _products.tf32(False)
