"""A training iteration as two CUDA graphs: its results beside those of single launches, and its time."""

from __future__ import annotations

from typing import Any

import numpy as np

from indrnn_np.bench import iteration
from indrnn_np.bench.cases import Case
from indrnn_np.tasks import Batch
from indrnn_np.training.plan import Plan
from indrnn_np.training.step import GraphStep, Step, step_of
from indrnn_np.workspace import Workspace

from .clock import ms, values, wall
from .gpu_state import cell
from .judge import TOLERANCE, off
from .part import Part

UPDATES = 5  # of the comparison: without a graph, recorded, and three times replayed


def graphs(part: Part) -> None:
    """Compare the updates of both ways, then time them on the wall clock, as the trainer runs them."""
    header = "iteration", "how", "ms", "quartiles", "launches", "largest difference", "SM clock, throttling"
    table = part.table("An iteration as the trainer runs it, wall clock", *header)
    for case in dict.fromkeys((part.sizes.small, part.sizes.network)):
        with part.surviving(f"graphs of iteration {case.name}"):
            plain, graph = (Iteration(case, as_graph) for as_graph in (False, True))
            difference = compared(part, case, plain, graph)
            for how, one, cells in (
                ("launches", plain, (graph.step.size, "-")),
                ("graphs", graph, (2, difference)),
            ):
                timing = wall(part, one.overlap)
                table.row(f"{case.name}, {case.shape}", how, *ms(timing), *cells, cell(), network=case.name, how=how,
                          ms=1e3 * timing.median, **values(timing))  # fmt: skip


class Iteration:
    """Training of a case on one batch on the GPU, by the trainer's step."""

    def __init__(self, case: Case, graph: bool) -> None:
        training = iteration.Training(case, "cuda")
        plan = Plan(1, case.B, "softmax_cross_entropy", clip_norm=iteration.CLIP, graph=graph)
        self.net, self.batch = training.net, Batch(*training.batch)
        self.step: Any = step_of(training.net, training.optimizer, plan, Workspace())

        self._under_way: Any = None

    def iterate(self) -> tuple[float, float]:
        """Run one update, and return loss and gradient norm."""
        outcome = self.step.begin(self.batch, None)()
        return outcome.loss, outcome.norm

    def overlap(self) -> None:
        """Begin one update, then wait for the one before, as the trainer does."""
        before, self._under_way = self._under_way, self.step.begin(self.batch, None)
        if before is not None:
            before()


def compared(part: Part, case: Case, plain: Iteration, graph: Iteration) -> str:
    """Run some updates both ways, and return the largest difference of parameters, statistics, losses and norms."""
    assert type(plain.step) is Step and type(graph.step) is GraphStep
    numbers = [[one.iterate() for _ in range(UPDATES)] for one in (plain, graph)]
    pairs = [tuple(np.array(values) for values in numbers)]
    for name in ("flat", "buffers"):
        arrays = (getattr(one.net, name) for one in (plain, graph))
        pairs.append(tuple(getattr(array, "flat", array).to_host() for array in arrays))
    worst = max(off(measured, expected)[0] for expected, measured in pairs)
    if not worst <= TOLERANCE["float32"]:
        part.fail(f"iteration {case.name}: as graphs it differs by {worst:.1e} of the largest entry")
    return "equal bits" if all(a.tobytes() == b.tobytes() for a, b in pairs) else f"{worst:.1e}"
