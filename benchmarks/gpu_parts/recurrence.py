"""Both passes of the recurrence in each form of its kernels, cold and warm, beside the rate of a copy in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from indrnn_np.backend import get
from indrnn_np.bench import recurrence as bench
from indrnn_np.bench.report import figures
from indrnn_np.init import recurrent_bound
from indrnn_np.ops.recurrence import cuda_form

from .clock import dram_copy, ms, queued, values
from .forms import CHOSEN, FORMS, forms
from .gpu_state import cell
from .part import Part, Table

DRAWN = 64  # time steps that are drawn, and repeated: drawing all of them would take seconds
DEPTHS = {
    bench.OUT_OF_PLACE: cuda_form.FORWARD[4],
    bench.BACKWARD: cuda_form.BACKWARD[4],
}  # that exist in float32
WORDS = {bench.OUT_OF_PLACE: 2, bench.IN_PLACE: 2, bench.BACKWARD: 3}  # moved per element


def recurrence(part: Part) -> None:
    """Time relu in all forms at all shapes, then tanh and sigmoid in the chosen form at the first shape."""
    rate = dram_copy(part)
    copied = part.table("Copy within the GPU's memory", "bytes", "GB/s", "SM clock, throttling")
    copied.row(part.sizes.copied_bytes, figures(rate / 1e9), cell(), bytes_per_second=rate)
    header = (
        "T, B, H",
        "pass",
        "form",
        "L2 cache",
        "ms",
        "quartiles",
        "GB/s",
        "of copy",
        "SM clock, throttling",
    )
    table = part.table("The recurrence, float32", *header)
    for shape in part.sizes.scans:
        with part.surviving(f"recurrence {shape}"):
            data = draw(shape, "relu")
            for form in forms():
                passes(part, table, data, form, rate)
    for activation in ("tanh", "sigmoid"):
        with part.surviving(f"recurrence, {activation}"):
            passes(part, table, draw(part.sizes.scans[0], activation), CHOSEN, rate)


def passes(part: Part, table: Table, data: bench.Data, form: str, rate: float) -> None:
    """Time forward and backward of one form; the chosen one also in place, as the cell runs it."""
    data.forward()  # backward reads these states
    runs: dict[str, tuple[Callable[[], Any], Any]] = {
        bench.OUT_OF_PLACE: (data.forward, None), bench.BACKWARD: (data.backward, None),
    }  # fmt: skip
    if form == CHOSEN:
        runs[bench.IN_PLACE] = data.in_place, data.fill
    for name, (run, before) in runs.items():
        if isinstance(FORMS[form], int) and FORMS[form] not in DEPTHS[name]:
            continue  # the pass has no kernel of this depth
        moved = WORDS[name] * data.a.nbytes
        for cache in ("cold", "warm") if before is None else ("cold",):
            timing = queued(part, run, cache == "cold", before, launches=2)
            share = moved / timing.median / rate
            what = name if data.activation == "relu" else f"{name}, {data.activation}"
            cells = *ms(timing), figures(moved / timing.median / 1e9), f"{share:.0%}", cell()
            table.row(
                ", ".join(map(str, data.a.shape)), what, form, cache, *cells, shape=list(data.a.shape), what=what,
                form=form, cache=cache, share_of_copy=share, **values(timing),
            )  # fmt: skip


def draw(shape: tuple[int, int, int], activation: str) -> bench.Data:
    """Return arrays on the GPU whose time steps repeat."""
    (T, B, H), ops, rng = shape, get("cuda"), np.random.default_rng(0)
    bound = recurrent_bound(activation, 2, T)
    device = ops.device
    a, dh = (device.empty(shape, "float32") for _ in range(2))
    for array in (a, dh):
        block = device.asarray(rng.standard_normal((min(DRAWN, T), B, H), np.float32))
        for start in range(0, T, DRAWN):
            stop = min(T, start + DRAWN)
            device.assign(array[start:stop], block[: stop - start])
    u = device.asarray(rng.uniform(-bound, bound, H).astype(np.float32))
    h0 = device.asarray(rng.standard_normal((B, H), np.float32))
    h, da = device.zeros((T + 1, B, H), "float32"), device.zeros(shape, "float32")
    return bench.Data(a, dh, u, h0, h, da, activation, ops)
