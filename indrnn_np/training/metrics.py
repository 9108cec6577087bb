"""Losses by name, and the evaluation of a network on a split of a task."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from .. import _check
from .._types import AnyArray, Array, LossFunction, Metric, Value
from ..backend import Backend
from ..networks.sequential import Sequential
from ..optim.class_options import NEITHER, ClassOptions
from ..optim.losses import LOSSES, counted
from ..tasks import Batch, Task
from ..tasks.targets import loss_name
from . import readout_blocks
from .own_loss import own_loss

# Called with each batch of an evaluation, its outputs y (B, K) or (T, B, K), its targets, and the mask
# of the targets that contribute, or None.
BatchObserver = Callable[[Batch, Array, Array, "Array | None"], object]
LARGER_IS_BETTER = {"accuracy": True, "recall": True} | dict.fromkeys((*LOSSES, "bits", "perplexity"), False)
# Values in the lines of a run, besides the metrics.
MEASURED = ("lr", "gradient_norm", "steps_per_second", "epoch", "seconds")
# Metrics that are functions of a cross-entropy in nats: bits per symbol, and perplexity.
DERIVED: dict[str, Callable[[float], float]] = {
    "bits": lambda nats: nats / math.log(2),
    "perplexity": lambda nats: math.exp(nats) if nats < 700 else math.inf,
}


def mask_of(batch: Batch, y: Array) -> Array | None:
    """Return the mask of the targets that contribute: the mask of the batch, restricted to valid time steps."""
    return counted(y, batch.lengths, batch.mask)


def weight_of(batch: Batch, y: AnyArray, classes: ClassOptions = NEITHER) -> float:
    """Return the weight of a batch in a mean: the number of its targets that contribute, or their class weights.

    y (B, K) or (T, B, K) may be of a part of the batch.
    """
    mask = mask_of(batch, y)
    if classes.weights is not None:
        return classes.weight(batch.target.ravel() if mask is None else batch.target[mask])
    return int(mask.sum()) if mask is not None else batch.x.shape[1] * (len(y) if y.ndim == 3 else 1)


def summed(y: Array, repeats: int) -> Array:
    """Return the mean scores (B, K) of each `repeats` consecutive samples of y (B · repeats, K)."""
    if repeats == 1:
        return y
    if y.ndim != 2 or len(y) % repeats:
        because = f"because the batch has repeats={repeats}"
        _check.fail("metrics.evaluate", f"y has shape {y.shape}", f"(B * {repeats}, K)", because)
    return (y.reshape(-1, repeats, y.shape[1]).sum(axis=1, dtype=np.float64) / repeats).astype(y.dtype)


def loss_of(
    loss: str | LossFunction, y: AnyArray, batch: Batch, ops: Backend, classes: ClassOptions = NEITHER
) -> tuple[AnyArray, AnyArray]:
    """Return the loss of a batch and its gradient dy; during graph capture the loss is a function."""
    mask = mask_of(batch, y)
    if isinstance(loss, str):
        return classes.loss(loss, y, batch.target, mask, ops)
    return own_loss(loss, y, batch.target, mask, ops)


def derived(metric: str, nats: float) -> dict[str, float]:
    """Return the metric by name if it is a function of the cross-entropy, else an empty dict."""
    return {metric: DERIVED[metric](nats)} if metric in DERIVED else {}


def evaluate(
    net: Sequential, batches: Iterable[Batch], loss: str | LossFunction, metric: str = "",
    own_metrics: Mapping[str, Metric] | None = None, observers: Iterable[BatchObserver] = (),
) -> dict[str, float]:  # fmt: skip
    """Return the loss and the metrics of a split, as means over its targets.

    Parameters
    ----------
    net : Sequential
        Network.
    batches : iterable of Batch
        Batches of the split. Scores of `repeats` samples are averaged first.
    loss : str or callable
        Loss; its name is its key in the result.
    metric : str
        "bits" or "perplexity" add this metric.
    own_metrics : mapping of str to callable, optional
        Functions f(y, target) of the rows of the whole split that count, whose values are added.
    observers : iterable of callables
        Functions f(batch, y, target, mask) that are called with each batch that has targets; mask is
        None if all its targets contribute.

    Returns
    -------
    dict of str to float
        With labels also "accuracy": the share of labels that have the largest score. With
        binary_cross_entropy it is the share of elements in which the score is above 0 exactly if the
        target is above 0.5. "recall" is the accuracy of the targets that `Batch.recalled` marks.
    """
    if not callable(loss):
        _check.choice("metrics.evaluate", "loss", loss, LOSSES)
    total, count, hits, state = 0.0, 0, Hits(), None
    host, own, observers = net.device.to_host, Collected(own_metrics or {}), tuple(observers)
    for batch in batches:
        state = state if batch.carry else None
        if not own_metrics and not observers and readout_blocks.applies_in_evaluation(net, loss, batch):
            part = readout_blocks.evaluate(net, batch, state)
            hits.right += (part.right, part.targets)
            total, count, state = total + part.loss * part.targets, count + part.targets, part.state
            continue
        y, state = net.infer(batch.x, state, batch.lengths)
        y, target = summed(host(y), batch.repeats), host(batch.target)
        mask = mask_of(batch, y)
        number = int(mask.sum()) if mask is not None else y[..., 0].size
        if number == 0:
            continue
        total += loss_of(loss, y, batch, net.ops)[0] * number
        count += number
        rows = ... if mask is None else mask
        own.add(y[rows], target[rows])
        for observe in observers:
            observe(batch, y, target, mask)
        recalled = None if batch.recalled is None else counted(y, batch.lengths, batch.recalled)
        hits.add(hits_of(loss, y, target), rows, recalled)
    _check.at_least("metrics.evaluate", "number of targets", count, 1)
    means = {loss_name(loss): total / count} | derived(metric, total / count)
    return means | hits.means() | own.values()


class Hits:
    """Sums of `hits_of`, and the numbers of targets: of all that count, and of those that are recalled."""

    def __init__(self) -> None:
        self.right, self.recalled = np.zeros(2), np.zeros(2)

    def add(self, hits: Array | None, rows: Value, recalled: Array | None) -> None:
        """Add the hits of a batch, of the rows that count and of the recalled ones; None adds nothing."""
        if hits is None:
            return
        self.right += (hits[rows].sum(), hits[rows].size)
        if recalled is not None:
            self.recalled += (hits[recalled].sum(), recalled.sum())

    def means(self) -> dict[str, float]:
        """Return "accuracy" and "recall", each if there are targets for it."""
        sums = {"accuracy": self.right, "recall": self.recalled}
        return {name: float(right / among) for name, (right, among) in sums.items() if among}


def hits_of(loss: str | LossFunction, y: Array, target: Array) -> Array | None:
    """Return 1 for each right prediction, or the share of right labels; None for real targets."""
    if loss == "binary_cross_entropy":
        return ((y > 0) == (target > 0.5)).mean(axis=-1)
    return y.argmax(axis=-1) == target if target.dtype.kind in "iu" else None


class Collected:
    """The outputs and targets of a split, for metrics of the user; nothing is kept without such metrics."""

    def __init__(self, functions: Mapping[str, Metric]) -> None:
        self.functions = functions
        self._parts: list[tuple[Array, Array]] = []

    def add(self, y: Array, target: Array) -> None:
        """Add the rows of a batch: y (n, K) or (T, n, K) and their targets."""
        if self.functions:
            K = y.shape[-1]
            self._parts.append((y.reshape(-1, K), target.reshape(y.size // K, *target.shape[y.ndim - 1 :])))

    def values(self) -> dict[str, float]:
        """Return the value of each metric over all rows."""
        if not self.functions:
            return {}
        y, target = (np.concatenate(arrays) for arrays in zip(*self._parts, strict=True))
        return {
            name: float(_check.real(f"metric {name}", "its value", f(y.copy(), target.copy())))
            for name, f in self.functions.items()
        }


def text(means: Mapping[str, float | None]) -> str:
    """Return means as text. None stands for a non-finite value, as in the files of a run."""
    return ", ".join(f"{name} {'not finite' if v is None else f'{v:.5g}'}" for name, v in means.items())


@contextmanager
def restored_statistics(net: Sequential) -> Iterator[None]:
    """Restore the running statistics of batch norm at the end of the block."""
    running = net.device.copy(net.buffers.flat)
    try:
        yield
    finally:
        net.device.assign(net.buffers.flat, running)


@contextmanager
def large_batch_statistics(net: Sequential, task: Task, size: int, iteration: int) -> Iterator[None]:
    """Use the statistics of one large training batch in batch norm, and restore the running ones afterwards.

    Running statistics lag behind the weights, which makes validation erratic. With `size` 0 they
    stay in use.
    """
    with restored_statistics(net):
        if size and net.buffers:
            set_statistics(net, task, size, iteration)
        yield


def set_statistics(net: Sequential, task: Task, size: int, iteration: int) -> None:
    """Set the running statistics from a training batch of `size` and the batches that continue its stream."""
    batches = task.evaluation("train", size, iteration)
    first, rest = itertools.islice(batches, 1), itertools.takewhile(lambda batch: batch.carry, batches)
    stretch = ((batch.x, batch.lengths) for batch in itertools.chain(first, rest))
    net.recompute_statistics(stretch, carried=True)
