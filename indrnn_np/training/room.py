"""Whether there is memory for a run, asked before it starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _check, memory, recompute
from ..recompute import KEEP, RECOMPUTE
from ..tasks import Batch, Task
from .plan import Plan
from .step import arrays_of, check_batch

Need = Callable[[str, int], int]  # bytes for (memory, batch)


def check(net: Any, task: Task, optimizer: Any, plan: Plan) -> str:
    """Check that the network can be run as planned and that there is memory for it; returns a line for the log.

    Raises ValueError if a layer forbids memory="recompute", MemoryError with what would fit if the run needs too much.
    """
    if plan.memory != KEEP:
        recompute.check("train", net.layers)
    batch = task.batch(net.iteration, plan.batch)
    if plan.graph:
        check_batch(batch)
    need = _need(net, batch, optimizer, plan)
    windows = all(layer.causal and not layer.stretches_over_time for layer in net.layers)
    return require(need, plan.memory, batch.x.shape[1], net.ops.memory(), windows)


def require(need: Need, mode: str, batch: int, free: tuple[int | None, str], windows: bool) -> str:
    """Return a line about what a run needs and has; MemoryError with what would fit if it needs too much.

    `free` is what the backend says (`Backend.memory`); `windows`: the network can be run with memory="recompute".
    """
    needed, (left, limit) = need(mode, batch), free
    if left is None:
        return f"memory: about {memory.size(needed)} needed, what is free is unknown"
    if needed <= left:
        return f"memory: about {memory.size(needed)} needed, {memory.size(left)} free"
    least = RECOMPUTE if windows else mode
    with_least = needed if least == mode else need(least, batch)
    if with_least <= left:
        fits = f"memory={least!r} fits, it needs about {memory.size(with_least)}"
    else:
        most = largest(lambda b: need(least, b) <= left, batch)
        fits = f"with memory={least!r} " + (f"a batch of {most} fits" if most else "no batch fits")
    return _check.fail(
        "train", f"memory={mode!r} with a batch of {batch} needs about {memory.size(needed)}",
        f"at most {memory.size(left)}", f"because that is what {limit} leaves; {fits}", error=MemoryError,
    )  # fmt: skip


def largest(fits: Callable[[int], bool], batch: int) -> int:
    """Return the largest number below `batch` that fits, 0 if none does."""
    low, high = 0, batch
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _need(net: Any, example: Batch, optimizer: Any, plan: Plan) -> Need:
    """What a run needs: training, with its buffers still there an evaluation, and what a graph keeps of a batch."""
    (steps, samples), lengths = example.x.shape[:2], example.lengths is not None
    kept = sum(array.nbytes for array in arrays_of(example)) if plan.graph else 0
    besides = memory.evaluation(net, steps, plan.evaluation_batch, plan.bn_batch, lengths)
    moments = (
        len(optimizer.moments) + bool(optimizer.weight_decay) + bool(optimizer.lr_of)
    )  # which numbers decay, and how fast each moves, are arrays too

    def need(mode: str, batch: int) -> int:
        inside = memory.estimate(net, steps, batch, mode, moments, lengths)
        return inside + besides + kept * batch // samples

    return need
