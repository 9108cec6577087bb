"""Check that there is enough memory for a run before it starts."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

from .. import _check
from .._machine import size_text
from ..networks import recompute
from ..networks.recompute import KEEP, RECOMPUTE
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..tasks import Batch, Task
from . import class_weights, memory_estimate, online_memory
from .plan import RunPlan
from .plan_checks import BPTT, ONLINE
from .step import arrays_of, check_batch

Need = Callable[[str, int], int]  # bytes for (memory, batch)


def check(net: Sequential, task: Task, optimizer: Optimizer, plan: RunPlan) -> str:
    """Check that the plan of a run can be executed in the free memory, and return a line for the log.

    Raises
    ------
    ValueError
        If a layer does not support memory="recompute", or a graph does not support the batches.
    MemoryError
        If the run needs more memory than is free. The message names settings that fit.
    """
    if plan.memory != KEEP:
        recompute.check("train", net.layers)
    batch = task.batch(net.iteration, plan.batch)
    if plan.graph:
        check_batch(batch)
    need = _need(net, batch, optimizer, plan)
    windows = all(layer.causal and not layer.stretches_over_time for layer in net.layers)
    windows = windows and plan.gradients == BPTT
    return require(need, plan.memory, batch.x.shape[1], net.device.memory(), windows)


def require(need: Need, mode: str, batch: int, free: tuple[int | None, str], windows: bool) -> str:
    """Check that the required memory is free, and return a line for the log.

    Parameters
    ----------
    need : callable
        Required memory in bytes as a function of memory mode and batch.
    mode : {"keep", "recompute"}
        Memory mode of the run.
    batch : int
        Samples per batch.
    free : tuple
        Free memory in bytes and a description of its limit, as `Device.memory` returns them.
    windows : bool
        Whether the network supports memory="recompute".

    Raises
    ------
    MemoryError
        If `need(mode, batch)` exceeds the free memory. The message names settings that fit.
    """
    needed, (left, limit) = need(mode, batch), free
    if left is None:
        return f"memory: about {size_text(needed)} needed, free memory unknown"
    if needed <= left:
        return f"memory: about {size_text(needed)} needed, {size_text(left)} free"
    least = RECOMPUTE if windows else mode
    with_least = needed if least == mode else need(least, batch)
    if with_least <= left:
        fits = f"memory={least!r} fits, it needs about {size_text(with_least)}"
    else:
        most = bisect_left(range(1, batch), True, key=lambda b: need(least, b) > left)
        fits = f"with memory={least!r} " + (f"a batch of {most} fits" if most else "no batch fits")
    problem = f"memory={mode!r} with a batch of {batch} needs about {size_text(needed)}"
    because = f"because {limit} leaves no more; {fits}"
    return _check.fail("train", problem, f"at most {size_text(left)}", because, error=MemoryError)


def _need(net: Sequential, example: Batch, optimizer: Optimizer, plan: RunPlan) -> Need:
    """Return the required memory: training, one evaluation beside its buffers, and the batch of a graph.

    With shards it is a pass of one shard, the whole batch, and the gradients that wait for others.
    """
    (steps, samples), lengths = example.x.shape[:2], example.lengths is not None
    # Arrays of the size of the parameters: moments, decay mask, rate factors.
    moments = len(optimizer.moments) + bool(optimizer.weight_decay) + bool(optimizer.lr_of)
    _check_least(net, steps, -(-samples // plan.shards), moments, plan)
    in_graph = sum(array.nbytes for array in arrays_of(example)) if plan.graph else 0
    classes = class_weights.options(plan, net)
    scored = "" if plan.metrics else plan.loss  # metrics of the user need the outputs of a whole batch
    besides = memory_estimate.evaluation(net, steps, plan.evaluation_batch, plan.bn_batch, lengths, scored)

    def need(mode: str, batch: int) -> int:
        if plan.gradients == ONLINE:
            return online_memory.estimate(net, plan.rule, example, batch, moments) + besides
        shard = -(-batch // plan.shards)
        inside = memory_estimate.estimate(net, steps, shard, mode, moments, lengths, plan.loss, classes)
        if plan.shards > 1:
            others = (batch - shard) * steps * memory_estimate.input_bytes(net)
            inside += others + math.ceil(math.log2(plan.shards)) * net.flat.nbytes
        return inside + besides + in_graph * batch // samples

    return need


def _check_least(net: Sequential, steps: int, samples: int, moments: int, plan: RunPlan) -> None:
    """Compare lower bounds with the free memory before the estimate runs batches of these sizes."""
    free, width = net.device.memory(), memory_estimate.input_bytes(net)
    part = "batch" if plan.shards == 1 else "shard"
    statistics = plan.bn_batch if net.buffers else 0
    for what, needed in (
        (f"a {part} of {samples}", memory_estimate.least(net, steps, samples, moments)),
        (f"evaluation_batch={plan.evaluation_batch}", steps * plan.evaluation_batch * width),
        (f"bn_batch={statistics}", steps * statistics * width),
    ):
        if needed > _check.LARGE:
            _check.fits_memory("train", f"{what} with {steps} steps", needed, free)
