"""The scan over time beside the serial recurrence: few columns and many time steps, in milliseconds, and compared."""

from __future__ import annotations

from typing import Any

from indrnn_np.backend import get
from indrnn_np.bench import recurrence as bench
from indrnn_np.bench.report import figures
from indrnn_np.ops.recurrence.activation import ACTIVATIONS
from indrnn_np.ops.recurrence.scan import PASSES

from .clock import dram_copy, ms, queued, values
from .forms import SINGLE, THREE, scan_forms
from .gpu_state import cell
from .judge import Judge
from .part import Part, Table
from .recurrence import draw

ARRAYS = 4.2  # of T·B·H numbers: a, dh, h, da, and small ones
WORDS = {  # moved per element
    (bench.OUT_OF_PLACE, THREE): 3,
    (bench.BACKWARD, THREE): 5,
    (bench.OUT_OF_PLACE, SINGLE): 2,
    (bench.BACKWARD, SINGLE): 3,
}
ROWS = 64  # first and last time steps that are compared


def scan(part: Part) -> None:
    """Time both passes of relu and tanh, serially and as a scan, and compare the results."""
    rate = dram_copy(part)
    header = (
        "T, B, H", "activation", "pass", "form", "chunk", "serial ms", "scan ms", "quartiles", "times as fast",
        "of copy", "serial columns", "exact columns", "SM clock, throttling",
    )  # fmt: skip
    table, judge = (
        part.table("The scan over time, float32", *header),
        Judge(part, "float32", "the serial kernel"),
    )
    for shape in part.sizes.long_scans:
        for activation in ("relu", "tanh"):
            with part.surviving(f"scan {shape}, {activation}"):
                measure(part, table, judge, shape, activation, rate)
        judge.write()


def measure(
    part: Part, table: Table, judge: Judge, shape: tuple[int, int, int], activation: str, rate: float
) -> None:
    """Time and compare both passes of one activation at one shape; nothing if the arrays do not fit in memory."""
    nbytes = 4 * shape[0] * shape[1] * shape[2]
    data = draw_if_it_fits(part, shape, activation, nbytes)
    if data is None:
        return
    op = data.ops.parallel("recurrence")

    def forward(report: dict[str, Any] | None = None) -> None:
        op.forward(data.a, data.u, data.h0, activation, out=data.h, report=report)

    def backward(report: dict[str, Any] | None = None) -> tuple[Any, Any, Any]:
        return op.backward(data.dh, data.h, data.u, None, activation, out=data.da, report=report)

    passes = {
        bench.OUT_OF_PLACE: (data.forward, forward, data.h),
        bench.BACKWARD: (data.backward, backward, data.da),
    }
    for name, (serial, parallel, result) in passes.items():
        serial_time = queued(part, serial, launches=2)
        expected = ends(result)
        has_maps = name == bench.BACKWARD or ACTIVATIONS[activation].limits is not None
        for form in scan_forms(name, activation):
            report: dict[str, Any] = {}
            time = queued(part, parallel, launches=4 + 2 * PASSES)
            parallel(report)
            judge.compare(
                f"recurrence.{name}, scan",
                f"{form}, {activation} {shape}",
                *zip(ends(result), expected, strict=True),
            )
            factor = serial_time.median / time.median
            share = WORDS[name, form] * nbytes / time.median / rate if has_maps else None
            table.row(
                ", ".join(map(str, shape)), activation, name, form, report["chunk"], ms(serial_time)[0], *ms(time),
                figures(factor), "-" if share is None else f"{share:.0%}", report["serial columns"],
                report["exact columns"], cell(), shape=list(shape), activation=activation, what=name, form=form,
                factor=factor, share_of_copy=share, serial_seconds=serial_time.median, report=report, **values(time),
            )  # fmt: skip


def draw_if_it_fits(
    part: Part, shape: tuple[int, int, int], activation: str, nbytes: int
) -> bench.Data | None:
    """Return arrays on the GPU, or None and a note if there is too little memory."""
    free, needed = get("cuda").device.memory()[0], int(ARRAYS * nbytes)
    if free is not None and free < needed:
        part.note(
            f"{shape} is left out: {needed / 2**30:.0f} GiB are needed, {free / 2**30:.0f} GiB are free"
        )
        return None
    return draw(shape, activation)


def ends(array: Any) -> tuple[Any, Any]:
    """Return the first and the last rows of an array on the GPU."""
    return array[:ROWS].to_host(), array[-ROWS:].to_host()
