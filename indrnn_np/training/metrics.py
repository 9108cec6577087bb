"""Losses by name, and the evaluation of a network on a split of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np

from .. import _check, losses
from ..tasks import Batch, Task

LOSSES: dict[str, Callable[..., tuple[float, np.ndarray]]] = {
    "mse": losses.mse,
    "softmax_cross_entropy": losses.softmax_cross_entropy,
}
LARGER_IS_BETTER = {"mse": False, "accuracy": True, "softmax_cross_entropy": False}


def mask_of(batch: Batch, y: np.ndarray) -> np.ndarray | None:
    """Return which targets count: the batch's own mask, or, for an output at each step, the valid steps."""
    if batch.mask is None and batch.lengths is not None and y.ndim == 3:
        return losses.length_mask(batch.lengths, y.shape[0])
    return batch.mask


def loss_of(name: str, y: Any, batch: Batch, backend: str) -> tuple[float, Any]:
    """Return a batch's loss and its gradient dy."""
    loss, dy = LOSSES[name](y, batch.target, mask_of(batch, y), backend=backend)
    return float(loss), dy


def evaluate(net: Any, batches: Iterable[Batch], loss: str) -> dict[str, float]:
    """Return the means over a split, each target counted once: the loss, under its name, and "accuracy" for labels."""
    _check.choice("metrics.evaluate", "loss", loss, LOSSES)
    total, right, count = 0.0, 0, 0
    host = net.ops.to_host
    for batch in batches:
        y, target = host(net(batch.x, lengths=batch.lengths)), host(batch.target)
        mask = mask_of(batch, y)
        number = int(mask.sum()) if mask is not None else y[..., 0].size
        if number == 0:
            continue
        total += loss_of(loss, y, batch, net.backend)[0] * number
        if loss == "softmax_cross_entropy":
            hits = y.argmax(axis=-1) == target
            right += int(hits.sum() if mask is None else hits[mask].sum())
        count += number
    _check.at_least("metrics.evaluate", "number of targets", count, 1)
    means = {loss: total / count}
    if loss == "softmax_cross_entropy":
        means["accuracy"] = right / count
    return means


@contextmanager
def large_batch_statistics(net: Any, task: Task, size: int, iteration: int) -> Iterator[None]:
    """Batch norm with the statistics of one large training batch; the running ones are back afterwards.

    Running statistics lag behind the weights, which makes validation erratic. `size` 0 leaves them in use.
    """
    if size == 0 or not net.buffers:
        yield
        return
    kept = net.ops.copy(net.buffers.flat)
    large = ((batch.x, batch.lengths) for batch in islice(task.evaluation("train", size, iteration), 1))
    try:
        net.recompute_statistics(large)
        yield
    finally:
        net.ops.assign(net.buffers.flat, kept)
