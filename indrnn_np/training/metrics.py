"""Losses by name, and the evaluation of a network on a split of a task."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import _check, losses
from ..tasks import Batch, Task

LOSSES: dict[str, Callable[..., tuple[float, np.ndarray]]] = {
    "mse": losses.mse,
    "softmax_cross_entropy": losses.softmax_cross_entropy,
}
LARGER_IS_BETTER = {"mse": False, "accuracy": True, "recall": True, "softmax_cross_entropy": False,
                    "bits": False, "perplexity": False}  # fmt: skip
# Other words for a cross-entropy of so many nats: bits a symbol, and its exponential.
DERIVED: dict[str, Callable[[float], float]] = {
    "bits": lambda nats: nats / math.log(2),
    "perplexity": lambda nats: math.exp(nats) if nats < 700 else math.inf,
}


def mask_of(batch: Batch, y: np.ndarray) -> np.ndarray | None:
    """Return which targets count: the batch's own mask, or, for an output at each step, the valid steps."""
    if batch.mask is None and batch.lengths is not None and y.ndim == 3:
        return losses.length_mask(batch.lengths, y.shape[0])
    return batch.mask


def summed(y: np.ndarray, repeats: int) -> np.ndarray:
    """Add up the scores of each `repeats` samples side by side, and divide, so that a softmax keeps its scale.

    y (B · repeats, K); returns (B, K).
    """
    if repeats == 1:
        return y
    if y.ndim != 2 or len(y) % repeats:
        _check.fail("metrics.evaluate", f"y has shape {y.shape}", f"(B * {repeats}, K)",
                    f"because the batch has repeats={repeats}")  # fmt: skip
    return (y.reshape(-1, repeats, y.shape[1]).sum(axis=1, dtype=np.float64) / repeats).astype(y.dtype)


def loss_of(name: str, y: Any, batch: Batch, backend: str) -> tuple[Any, Any]:
    """Return a batch's loss and its gradient dy; while a graph records, a function for the loss."""
    return LOSSES[name](y, batch.target, mask_of(batch, y), backend=backend)


def derived(metric: str, nats: float) -> dict[str, float]:
    """Return a cross-entropy under the name of the metric, if that is another word for it."""
    return {metric: DERIVED[metric](nats)} if metric in DERIVED else {}


def evaluate(net: Any, batches: Iterable[Batch], loss: str, metric: str = "") -> dict[str, float]:
    """Return the means over a split, each target counted once: the loss, under its name, and "accuracy" for labels.

    And "recall", if the batches say which targets are `recalled`. Scores of `repeats` are added up, then judged.
    """
    _check.choice("metrics.evaluate", "loss", loss, LOSSES)
    total, right, count, recalled = 0.0, 0, 0, np.zeros(2, np.int64)
    host, state = net.ops.to_host, None
    for batch in batches:
        y, state = net.infer(batch.x, state if batch.carry else None, batch.lengths)
        y, target = summed(host(y), batch.repeats), host(batch.target)
        mask = mask_of(batch, y)
        number = int(mask.sum()) if mask is not None else y[..., 0].size
        if number == 0:
            continue
        total += loss_of(loss, y, batch, net.backend)[0] * number
        if loss == "softmax_cross_entropy":
            hits = y.argmax(axis=-1) == target
            right += int(hits.sum() if mask is None else hits[mask].sum())
            if batch.recalled is not None:
                recalled += (hits[batch.recalled].sum(), batch.recalled.sum())
        count += number
    _check.at_least("metrics.evaluate", "number of targets", count, 1)
    means = {loss: total / count} | derived(metric, total / count)
    if loss == "softmax_cross_entropy":
        means["accuracy"] = right / count
    if recalled[1]:
        means["recall"] = int(recalled[0]) / int(recalled[1])
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
    try:
        set_statistics(net, task, size, iteration)
        yield
    finally:
        net.ops.assign(net.buffers.flat, kept)


def set_statistics(net: Any, task: Task, size: int, iteration: int) -> None:
    """Set batch norm's running statistics to those of a training batch of `size`, and of what goes on from it."""
    batches = task.evaluation("train", size, iteration)
    stretch = itertools.chain(
        itertools.islice(batches, 1), itertools.takewhile(lambda batch: batch.carry, batches)
    )
    net.recompute_statistics(((batch.x, batch.lengths) for batch in stretch), carried=True)
