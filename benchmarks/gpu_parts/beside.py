"""A layer on the GPU, PyTorch's cells beside it, and the crossover between CPU and GPU."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

from indrnn_np import bench
from indrnn_np._cuda import cublas, products, target
from indrnn_np.backend import get
from indrnn_np.bench import layer, report
from indrnn_np.bench.agreement import WrongResult
from indrnn_np.bench.cases import LAYER, Case
from indrnn_np.bench.report import figures
from indrnn_np.bench.timing import Candidate, LeftOut
from indrnn_np.workspace import Workspace

from .clock import wall
from .part import Part
from .sizes import Shape

HEADER = "T, B, D, H", "who", "ms", "quartiles", "compared"
CHECKED = 64  # steps of the comparison with the reference
ENOUGH = 20  # seconds that a rival may need


class Buffers:
    """A workspace on the GPU, as operations expect it."""

    def __init__(self) -> None:
        self.work, self.empty = Workspace(), get("cuda").device.empty

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.work.array(name, shape, dtype, self.empty)


def layers(part: Part) -> None:
    """Forward and backward of one layer with all gradients."""
    table = part.table("A layer, forward and backward with all gradients, float32", *HEADER)
    for shape in part.sizes.layers:
        with part.surviving(f"layer {shape}"):
            ops = get("cuda")
            compared = agreement(part, shape)
            data, work = layer.draw(case(shape)).on(ops), Buffers()
            for tf32 in (False, True) if cublas.find()[0] is not None else (False,):
                if cublas.find()[0] is not None:
                    products.tf32(tf32)
                took = wall(lambda data=data, work=work: layer.passes(data, work, "cuda"), part.sizes)
                quartiles = f"{figures(1e3 * took.low)} to {figures(1e3 * took.high)}"
                name = "indrnn_np" + (", TF32" if tf32 else "")
                cells = figures(1e3 * took.median), quartiles, "-" if tf32 else compared
                table.row(", ".join(map(str, shape)), name, *cells, **vars(took))
            if cublas.find()[0] is not None:
                products.tf32(False)


def case(shape: Shape) -> Case:
    """The case of a shape, as the rivals know it."""
    return Case("layer", LAYER, *shape, "for the GPU")


def agreement(part: Part, shape: Shape) -> str:
    """Compare our own states and gradients with the reference."""
    ops = get("cuda")
    data = layer.draw(case(shape), CHECKED)
    states, gradients = layer.passes(data.on(ops), None, "cuda")
    host = {name: ops.device.to_host(array) for name, array in gradients.items()}
    try:
        return f"{layer.check('layer', data, ops.device.to_host(states), host).error:.1e}"
    except WrongResult as error:
        part.fail(str(error))
        return "WRONG"


def rivals(part: Part) -> None:
    """PyTorch's layers of the same shapes; a broken one is a note."""
    table = part.table("PyTorch, the same layer, float32 without TF32", *HEADER)
    if importlib.util.find_spec("torch") is None:
        part.note("PyTorch is not installed")
        return
    with part.surviving("PyTorch", ours=False):
        from rivals import torch_cuda

        part.note(torch_cuda.versions())
        offers = [
            (shape, name, offer)
            for shape in part.sizes.layers
            for name, offer in torch_cuda.candidates(case(shape), layer.draw(case(shape)))
        ]
        # what has to be compiled for a long time comes last
        for shape, name, offer in sorted(offers, key=lambda one: one[1] == torch_cuda.COMPILED):
            if part.left < ENOUGH:
                part.note(f"{name} at {shape}: left out, no time")
                continue
            with part.surviving(f"{name} at {shape}", ours=False):
                candidate = offer()
                if isinstance(candidate, LeftOut):
                    part.note(f"{name} at {shape}: left out, {candidate.reason}")
                    continue
                took = wall(candidate.run, part.sizes, torch_cuda.synchronize)
                quartiles = f"{figures(1e3 * took.low)} to {figures(1e3 * took.high)}"
                cells = figures(1e3 * took.median), quartiles, compared(candidate, shape)
                table.row(", ".join(map(str, shape)), name, *cells, note=candidate.note, **vars(took))


def compared(candidate: Candidate, shape: Shape) -> str:
    """The error of a rival's states and gradients, in words."""
    if candidate.gradients is None:
        return "another cell"
    data = layer.draw(case(shape), CHECKED)
    try:
        return f"{layer.check('layer', data, *candidate.gradients(data)).error:.1e}"
    except WrongResult as error:
        return f"WRONG: {error}"


def crossover(part: Part) -> None:
    """`indrnn bench --backend cpu,cuda`, its table, JSON and picture."""
    seconds = part.sizes.seconds
    result = bench.run_crossover(
        ("cpu", "cuda"), part.sizes.grid, seconds=seconds / 2, rounds=min(3, part.sizes.rounds)
    )
    table = part.table(f"CPU and GPU: {report.summary(result)}", *report.crossover_header(result))
    for point in result["cases"]:
        place: tuple[str, ...] = ()
        for cells in report.crossover_cells(result, point):
            place = cells[:2] if cells[0] else place
            table.row(*place, *cells[2:])
        for sentence in point["wrong"].values():
            part.fail(sentence)
    for remark in report.remarks(result):
        part.note(remark)
    result["machine"] = {"GPU": target.describe()}
    path = part.folder / "crossover.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    with part.surviving("picture", ours=False):
        from indrnn_np import plots

        plots.crossover(result, path.with_suffix(".png"))
