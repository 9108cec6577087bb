"""`indrnn bench --backend cpu,cuda`: table, JSON and picture, written point by point."""

from __future__ import annotations

import json
from typing import Any

from indrnn_np import bench
from indrnn_np._cuda import target
from indrnn_np.bench import report
from indrnn_np.bench.crossover import GRID

from .fake_device import spend
from .part import Part

POINT = 4  # seconds; no point begins if less time remains


def crossover(part: Part) -> None:
    """Compare and time both backends at each point of the grid."""
    result: dict[str, Any] = {}
    table = None
    seconds, rounds = part.sizes.seconds, min(3, part.sizes.rounds)
    for point in part.sizes.grid or GRID:
        if part.left < POINT:
            part.note(f"left out, no time left: {point} and the points after it")
            break
        with part.surviving(f"point {point}"):
            one = bench.run_crossover(("cpu", "cuda"), [point], seconds=seconds / 2, rounds=rounds)
            spend(part.clock, part.sizes.point_seconds)
            if table is None:
                result, table = one, part.table("CPU and GPU", *report.crossover_header(one))
            else:
                result["cases"] += one["cases"]
            for cells in report.crossover_cells(one, one["cases"][0]):
                table.row(*point, *cells[2:])
            for text in one["cases"][0]["wrong"].values():
                part.fail(text)
            write(part, result)
    for remark in report.remarks(result) if result else ():
        part.note(remark)


def write(part: Part, result: dict[str, Any]) -> None:
    """Write the points so far as JSON and as a picture."""
    result["machine"] = {"GPU": target.describe()}
    path = part.out / "crossover.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    with part.surviving("picture", ours=False):
        from indrnn_np import plots

        plots.crossover(result, path.with_suffix(".png"))
