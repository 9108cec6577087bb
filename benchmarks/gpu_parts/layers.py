"""Forward and backward of one layer, with all gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from indrnn_np._cuda import cublas, products
from indrnn_np.backend import get
from indrnn_np.bench import layer
from indrnn_np.bench.agreement import WrongResult
from indrnn_np.bench.cases import LAYER, Case
from indrnn_np.workspace import Workspace

from .clock import ms, queued, values, wall
from .gpu_state import cell
from .part import Part, Table
from .sizes import Shape

HEADER = "T, B, D, H", "implementation", "timed", "ms", "quartiles", "error", "SM clock, throttling"
CHECKED = 64  # time steps of the comparison with the reference
LAUNCHES = 10  # of both passes
GRAPH, QUEUED, WALL = "graph replay", "launches, GPU clock", "launches, wall clock"


class Buffers:
    """A workspace on the GPU, as operations expect it."""

    def __init__(self) -> None:
        self.work, self.empty = Workspace(), get("cuda").device.empty

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.work.array(name, shape, dtype, self.empty)


def layers(part: Part) -> None:
    """Time a layer as a graph, as launches, and as a program sees it; in float32 and, as a graph, in TF32."""
    table = part.table("A layer, forward and backward with all gradients, float32", *HEADER)
    for shape in part.sizes.layers:
        with part.surviving(f"layer {shape}"):
            error = agreement(part, shape)
            data, work = layer.draw(case(shape)).on(get("cuda")), Buffers()

            def run(data: Any = data, work: Any = work) -> None:
                layer.passes(data, work, "cuda")

            rows(part, table, shape, "indrnn_np", error, run, replay_of(run))
            if cublas.find()[0] is not None:
                products.tf32(True)
                with part.surviving("TF32"):
                    timed_row(part, table, shape, "indrnn_np, TF32", GRAPH, "-", replay_of(run), tf32=True)
                products.tf32(False)


def replay_of(run: Callable[[], Any]) -> Callable[[], None]:
    """Return a function that replays the launches of a call."""
    run()  # compiles, and creates buffers
    graph = get("cuda").device.graph()
    with graph.record():
        run()
    return graph.launch


def rows(
    part: Part,
    table: Table,
    shape: Shape,
    name: str,
    error: str,
    run: Callable[[], Any],
    replay: Callable[[], Any],
) -> None:
    """Add the three rows of an implementation."""
    for how, function in ((GRAPH, replay), (QUEUED, run), (WALL, run)):
        with part.surviving(f"{name} at {shape}, {how}"):
            timed_row(part, table, shape, name, how, error, function)


def timed_row(
    part: Part, table: Table, shape: Shape, name: str, how: str, error: str, run: Callable[[], Any],
    launches: int = LAUNCHES, **more: Any,
) -> None:  # fmt: skip
    """Time a call, and add its row."""
    launches = 1 if how == GRAPH else launches
    timing = wall(part, run) if how == WALL else queued(part, run, launches=launches)
    table.row(", ".join(map(str, shape)), name, how, *ms(timing), error, cell(), shape=list(shape), how=how,
              **values(timing), **more)  # fmt: skip


def case(shape: Shape) -> Case:
    """Return the case of a shape, as the rivals know it."""
    return Case("layer", LAYER, *shape, "for the GPU")


def agreement(part: Part, shape: Shape) -> str:
    """Compare states and gradients with the reference, and return the error."""
    device = get("cuda").device
    data = layer.draw(case(shape), CHECKED)
    states, gradients = layer.passes(data.on(get("cuda")), None, "cuda")
    on_host = {name: device.to_host(array) for name, array in gradients.items()}
    try:
        return f"{layer.check('layer', data, device.to_host(states), on_host).error:.1e}"
    except WrongResult as error:
        part.fail(str(error))
        return "WRONG"
