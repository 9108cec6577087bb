"""A training iteration as two CUDA graphs: the numbers of one that asks for every launch, and its milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from indrnn_np.bench import iteration
from indrnn_np.bench.cases import Case
from indrnn_np.bench.report import figures
from indrnn_np.tasks import Batch
from indrnn_np.training.plan import Plan
from indrnn_np.training.step import GraphStep, Step, step_of
from indrnn_np.workspace import Workspace

from .clock import wall
from .judge import TOLERANCE, off
from .part import Part

UPDATES = 5  # of the comparison: one without a graph, one that is recorded, three repeated


def graphs(part: Part) -> None:
    """The same updates both ways, then the time of one."""
    header = "iteration", "how", "ms", "quartiles", "launches asked for", "largest difference"
    table = part.table("An iteration as the trainer runs it", *header)
    for case in dict.fromkeys((part.sizes.small, part.sizes.network)):
        with part.surviving(f"graph of iteration {case.name}"):
            plain, graph = (Iteration(case, as_graph) for as_graph in (False, True))
            told = compared(part, case, plain, graph)
            for name, one, last in (
                ("one by one", plain, ("-", "-")),
                ("two graphs", graph, (f"2 instead of {graph.step.size}", told)),
            ):
                took = wall(one.iterate, part.sizes)
                low, high = figures(1e3 * took.low), figures(1e3 * took.high)
                cells = figures(1e3 * took.median), f"{low} to {high}", *last
                table.row(f"{case.name}, {case.shape}", name, *cells, **vars(took))


class Iteration:
    """Training of a case on one batch on the GPU, by the trainer's step."""

    def __init__(self, case: Case, graph: bool) -> None:
        training = iteration.Training(case, "cuda")
        plan = Plan(1, case.B, "softmax_cross_entropy", clip_norm=iteration.CLIP, graph=graph)
        self.net, self.batch = training.net, Batch(*training.batch)
        self.step: Any = step_of(training.net, training.optimizer, plan, Workspace())

    def iterate(self) -> tuple[float, float]:
        """One update; returns loss and norm before it."""
        loss, norm, _ = self.step.gradient(self.batch, None)
        self.step.update()
        return loss, norm


def compared(part: Part, case: Case, plain: Iteration, graph: Iteration) -> str:
    """Some updates both ways: the largest difference of parameters, statistics, losses and norms, in words."""
    assert type(plain.step) is Step and type(graph.step) is GraphStep
    numbers = [[one.iterate() for _ in range(UPDATES)] for one in (plain, graph)]
    pairs = [tuple(np.array(values) for values in numbers)]
    for name in ("flat", "buffers"):
        arrays = (getattr(one.net, name) for one in (plain, graph))
        pairs.append(tuple(getattr(array, "flat", array).to_host() for array in arrays))
    worst = max(off(found, right)[0] for right, found in pairs)
    if not worst <= TOLERANCE["float32"]:
        part.fail(f"iteration {case.name}: as graphs it differs by {worst:.1e} of the largest entry")
    return "equal bits" if all(a.tobytes() == b.tobytes() for a, b in pairs) else f"{worst:.1e}"
